/* opened: where in the program each descriptor was opened. */
#include "opened.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As CONTROL_HELLO says: struct control_opened, then the pointers. */
struct table {
	struct control_opened head;
	const char *where[]; /* by number */
};

static struct table **table(void)
{
	return (struct table **)arena_root(ARENA_ROOT_OPENED);
}

uint64_t opened_address(void)
{
	return (uint64_t)(uintptr_t)table();
}

/* One table for all, which never moves: several threads write into it at once. Pages that nobody touches cost nothing. */
static struct table *make(void)
{
	struct table *t = pmig_calloc(1, sizeof *t + OPENED_MAX * sizeof *t->where), *none = NULL;
	if (t == NULL)
		return NULL;
	t->head = (struct control_opened){.magic = CONTROL_OPENED_MAGIC, .count = OPENED_MAX};
	if (__atomic_compare_exchange_n(table(), &none, t, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return t;
	pmig_free(t);
	return none;
}

static struct table *there(void)
{
	return arena_exists() ? __atomic_load_n(table(), __ATOMIC_ACQUIRE) : NULL;
}

void pmig_opened(int fd, const char *where)
{
	struct table *t = there();
	int saved = errno;
	if (fd >= 0 && fd < OPENED_MAX && t == NULL)
		t = make();
	if (fd >= 0 && fd < OPENED_MAX && t != NULL)
		__atomic_store_n(&t->where[fd], where, __ATOMIC_RELAXED);
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
	struct table *t = there();
	if (t != NULL && fd >= 0 && (uint32_t)fd < t->head.count && opened_where(fd) != NULL)
		__atomic_store_n(&t->where[fd], NULL, __ATOMIC_RELAXED);
}

const char *opened_where(int fd)
{
	struct table *t = there();
	return t != NULL && fd >= 0 && (uint32_t)fd < t->head.count ? __atomic_load_n(&t->where[fd], __ATOMIC_RELAXED)
								    : NULL;
}
