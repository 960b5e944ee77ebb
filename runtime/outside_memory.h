/* outside_memory: the memory of this process that does not travel: libraries, native stacks, thread-local variables of libraries, what a
 * library has mapped, and the foreign heap. */
#ifndef PMIG_OUTSIDE_MEMORY_H
#define PMIG_OUTSIDE_MEMORY_H

#include "arena/escape.h"
#include "base/error.h"

struct outside_range {
	uintptr_t from, to;
	const char *name; /* as the kernel has it; "" for nothing; not ended by a NUL but by a newline */
};

/* Zero-initialised is empty. Lies outside every heap. */
struct outside_memory {
	struct escape_target target; /* for escape_find() */
	char *text;                  /* /proc/self/maps */
	size_t text_room;
	struct outside_range *ranges; /* ascending */
	size_t n, room;
};

/* What is there now. Of the native stack that the caller is on only what is in use counts. Errors: PMIG_EIO, PMIG_ENOMEM. */
PMIG_MUST_CHECK int outside_memory_read(struct outside_memory *ret);
void outside_memory_finish(struct outside_memory *m);

/* Writes what `p`, which the target covers, leads to, and what there is to do: "points to ...". */
void outside_memory_name(const struct outside_memory *m, const struct escape *e, char *out, size_t size);

#endif
