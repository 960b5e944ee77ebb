/* local: a table outside the arena. */
#include "local.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct entry {
	void *p; /* NULL: free */
	uint32_t check;
};

static struct entry *entries;
static uint32_t room, counter;
static uint64_t process; /* tells this process from those that the handle was in before */

static uint64_t identity(void)
{
	if (process == 0) {
		struct timespec t;
		(void)clock_gettime(CLOCK_REALTIME, &t);
		process = ((uint64_t)t.tv_sec << 32 ^ (uint64_t)t.tv_nsec << 2 ^ (uint64_t)getpid() << 16) | 1;
	}
	return process;
}

void *local_get(const struct local *l)
{
	if (l->process != identity() || l->index >= room || entries[l->index].check != l->check)
		return NULL;
	return entries[l->index].p;
}

void *local_set(struct local *l, void *p)
{
	uint32_t i = 0;
	while (i < room && entries[i].p != NULL)
		i++;
	if (i == room) {
		uint32_t more = room == 0 ? 16 : 2 * room;
		struct entry *bigger = realloc(entries, more * sizeof *bigger);
		if (bigger == NULL)
			return NULL;
		for (uint32_t k = room; k < more; k++)
			bigger[k] = (struct entry){0};
		entries = bigger;
		room = more;
	}
	entries[i] = (struct entry){p, ++counter};
	*l = (struct local){i, counter, identity()};
	return p;
}

void *local_take(struct local *l)
{
	void *p = local_get(l);
	if (p != NULL)
		entries[l->index].p = NULL;
	*l = (struct local){0};
	return p;
}
