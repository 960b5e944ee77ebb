/* referred: the list, in the arena. */
#include "referred.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../control_channel.h"
#include "../guard.h"
#include "../resource/descriptor.h"
#include "reference.h"
#include "socket_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct referred **list(void)
{
	return (struct referred **)arena_root(ARENA_ROOT_REFERRED);
}

bool referred_any(void)
{
	return arena_exists() && __atomic_load_n(list(), __ATOMIC_RELAXED) != NULL;
}

struct referred *referred_find(const struct stat *st)
{
	if (!referred_any())
		return NULL;
	GUARD(GUARD_REFERRED);
	for (struct referred *e = *list(); e != NULL; e = e->next)
		if (e->device == st->st_dev && e->inode == st->st_ino)
			return e;
	return NULL;
}

struct referred *referred_of(int fd)
{
	struct stat st;
	if (!referred_any() || fstat(fd, &st) < 0)
		return NULL;
	return referred_find(&st);
}

bool referred_as(const struct pmig_resource *r, const char *kind)
{
	const struct referred *e = referred_find(&r->st);
	return e != NULL && strcmp(e->kind, kind) == 0;
}

static void tell(const struct referred *e)
{
	char text[CONTROL_TEXT_MAX];
	(void)snprintf(text, sizeof text, "%s\n%s", e->kind, e->locator);
	(void)!control_send(CONTROL_REFERS, (int64_t[8]){(int64_t)e->device, (int64_t)e->inode, (int64_t)e->id}, text);
}

static void finish(struct referred *e)
{
	pmig_free(e->kind);
	pmig_free(e->locator);
	pmig_free(e->own);
	pmig_free(e);
}

static int add(int fd, uint64_t id, const char *kind, const char *locator, const void *own, size_t size, bool accepted)
{
	struct stat st;
	struct referred *e = pmig_calloc(1, sizeof *e);
	if (e == NULL || fstat(fd, &st) < 0) {
		pmig_free(e);
		return error_set(PMIG_ENOMEM, "no memory for a reference");
	}
	*e = (struct referred){.device = st.st_dev, .inode = st.st_ino, .id = id, .single = accepted, .size = size};
	e->kind = pmig_strdup(kind);
	e->locator = pmig_strdup(locator);
	e->own = pmig_malloc(size > 0 ? size : 1);
	if (e->kind == NULL || e->locator == NULL || e->own == NULL) {
		finish(e);
		return error_set(PMIG_ENOMEM, "no memory for a reference");
	}
	if (size > 0)
		memcpy(e->own, own, size);
	if (accepted)
		tell(e);
	GUARD(GUARD_REFERRED);
	e->next = *list();
	__atomic_store_n(list(), e, __ATOMIC_RELAXED);
	return 0;
}

int referred_add(int fd, uint64_t id, const char *kind, const char *locator, const void *own, size_t size)
{
	return add(fd, id, kind, locator, own, size, false);
}

int referred_accept(int fd, uint64_t id, const char *kind, const char *locator, const void *own, size_t size)
{
	return add(fd, id, kind, locator, own, size, true);
}

void referred_doubles(int fd)
{
	int saved = errno;
	struct referred *e = referred_of(fd);
	if (e != NULL)
		e->single = false;
	errno = saved;
}

void referred_drop(struct referred *entry)
{
	GUARD(GUARD_REFERRED);
	struct referred **at = list();
	while (*at != NULL && *at != entry)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	__atomic_store_n(at, entry->next, __ATOMIC_RELAXED);
	finish(entry);
}

/* Whether another number than those that are closed leads there. Without allocating, as close(2). */
static bool has_other(unsigned first, unsigned last, const struct stat *st)
{
	_Alignas(struct dirent64) char names[4096];
	struct stat other;
	bool found = false;
	ssize_t n;
	int d = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (d >= 0 && !found && (n = getdents64(d, names, sizeof names)) > 0)
		for (ssize_t at = 0; at < n && !found; at += ((struct dirent64 *)(void *)(names + at))->d_reclen) {
			const char *name = ((struct dirent64 *)(void *)(names + at))->d_name;
			int number = name[0] == '.' ? -1 : atoi(name);
			bool stays = number >= 0 && ((unsigned)number < first || (unsigned)number > last) && number != d;
			found = stays && fstat(number, &other) == 0 && other.st_dev == st->st_dev &&
				other.st_ino == st->st_ino;
		}
	if (d >= 0)
		(void)close(d);
	return found || d < 0;
}

/* `fd` is, with all from `first` to `last`. */
static void closed(int fd, unsigned first, unsigned last)
{
	struct stat st;
	int saved = errno;
	struct referred *e = referred_any() && fstat(fd, &st) == 0 ? referred_find(&st) : NULL;
	if (e != NULL && (e->single || !has_other(first, last, &st))) {
		const struct socket_record *record = socket_record_find(&st);
		if (record != NULL && record->backlog >= 0) /* else its channel ends by itself, behind what was sent last */
			reference_drop(e->id);
		(void)!control_send(CONTROL_REFERS, (int64_t[8]){(int64_t)e->device, (int64_t)e->inode}, "");
		referred_drop(e);
	}
	errno = saved;
}

void referred_closed(int fd)
{
	closed(fd, (unsigned)fd, (unsigned)fd);
}

void referred_closed_from(unsigned first, unsigned last)
{
	struct stat st;
	if (!referred_any())
		return;
	for (unsigned fd = first; fd <= last && fd < DESCRIPTOR_MAX; fd++)
		if (fstat((int)fd, &st) == 0)
			closed((int)fd, first, last);
}

void referred_forget(void)
{
	while (*list() != NULL)
		referred_drop(*list());
}

void referred_renew(struct referred *entry, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return;
	(void)!control_send(CONTROL_REFERS, (int64_t[8]){(int64_t)entry->device, (int64_t)entry->inode}, "");
	entry->device = st.st_dev;
	entry->inode = st.st_ino;
	tell(entry);
}

void referred_tell(int fd)
{
	const struct referred *e = referred_of(fd);
	if (e != NULL)
		tell(e);
}

void referred_announce(void)
{
	for (struct referred *e = *list(); e != NULL; e = e->next)
		tell(e);
}
