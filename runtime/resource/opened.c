/* opened: where in the program each descriptor was opened. */
#include "opened.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 64

/* As CONTROL_HELLO says: struct control_opened, then the pointers. */
struct table {
	struct control_opened head;
	const char *where[];
};

static struct table **table(void)
{
	return (struct table **)arena_root(ARENA_ROOT_OPENED);
}

uint64_t opened_address(void)
{
	return (uint64_t)(uintptr_t)table();
}

static struct table *grow(int fd)
{
	struct table *old = *table();
	uint64_t room = old != NULL ? old->head.count : ROOM_MIN;
	while (room <= (uint64_t)fd)
		room *= 2;
	struct table *t = pmig_calloc(1, sizeof *t + room * sizeof *t->where);
	if (t == NULL)
		return NULL;
	if (old != NULL)
		memcpy(t->where, old->where, old->head.count * sizeof *t->where);
	t->head = (struct control_opened){.magic = CONTROL_OPENED_MAGIC, .count = (uint32_t)room};
	*table() = t;
	pmig_free(old);
	return t;
}

void pmig_opened(int fd, const char *where)
{
	struct table *t = *table();
	int saved = errno;
	if (fd >= 0 && fd < OPENED_MAX && (t == NULL || (uint32_t)fd >= t->head.count))
		t = grow(fd);
	if (fd >= 0 && fd < OPENED_MAX && t != NULL)
		t->where[fd] = where;
	errno = saved;
}

void pmig_opened_stream(FILE *f, const char *where)
{
	int saved = errno;
	pmig_opened(f != NULL ? fileno(f) : -1, where);
	errno = saved;
}

void pmig_opened_folder(DIR *d, const char *where)
{
	int saved = errno;
	pmig_opened(d != NULL ? dirfd(d) : -1, where);
	errno = saved;
}

void pmig_opened_pair(int result, const int fds[2], const char *where)
{
	for (int i = 0; result >= 0 && i < 2; i++)
		pmig_opened(fds[i], where);
}

void opened_closed(int fd)
{
	struct table *t = arena_exists() ? *table() : NULL;
	if (t != NULL && fd >= 0 && (uint32_t)fd < t->head.count)
		t->where[fd] = NULL;
}

const char *opened_where(int fd)
{
	struct table *t = arena_exists() ? *table() : NULL;
	return t != NULL && fd >= 0 && (uint32_t)fd < t->head.count ? t->where[fd] : NULL;
}
