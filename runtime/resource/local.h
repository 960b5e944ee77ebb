/* local: a pointer to something of this process, named by a handle in the arena. The pointer itself never lies in the
 * arena: after a restore the handle has none, and whoever uses it makes the thing again, under GUARD_LOCALS where several
 * threads may use it. */
#ifndef PMIG_RESOURCE_LOCAL_H
#define PMIG_RESOURCE_LOCAL_H

#include <stdint.h>

/* Zero: none. */
struct local {
	uint32_t index;
	uint32_t check; /* the entry must say so too */
	uint64_t process;
};

void *local_get(const struct local *l);    /* NULL: none in this process */
void *local_set(struct local *l, void *p); /* p; NULL with no memory */
void *local_take(struct local *l);         /* as get, and forgets it */

#endif
