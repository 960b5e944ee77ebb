/* descriptors: a table by number, which never moves: other threads look into it while one changes it. */
#include "descriptors.h"

#include "reference.h"
#include "referred.h"
#include "remote_file.h"
#include "remote_file_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NUMBERS_MAX (1 << 20)

struct opened {
	struct remote_file *remote;
	uint64_t id;
	unsigned numbers; /* that lead here */
	bool process_locks;
	struct stat placeholder;
	char locator[];
};

_Atomic bool descriptors_any;

static struct opened *_Atomic *_Atomic table;
static _Atomic int room; /* up to the highest number that was ever in it */
static unsigned used;

static struct opened *find(int fd)
{
	return fd >= 0 && fd < room ? table[fd] : NULL;
}

struct remote_file *descriptors_lookup(int fd)
{
	struct opened *o = find(fd);
	return o != NULL ? o->remote : NULL;
}

static int make_room(int fd)
{
	if (fd >= NUMBERS_MAX) {
		errno = EMFILE;
		return -1;
	}
	if (table == NULL) /* pages that nobody touches cost nothing */
		table = calloc(NUMBERS_MAX, sizeof *table);
	if (table == NULL)
		return -1;
	if (fd >= room)
		room = fd + 1;
	return 0;
}

static void lead(int fd, struct opened *o)
{
	table[fd] = o;
	o->numbers++;
	used++;
	descriptors_any = true;
}

/* The memory file has no bytes and its name tells who looks (lsof, /proc) what stands there. */
static int placeholder(uint64_t id)
{
	char name[64];
	(void)snprintf(name, sizeof name, "pmig-reference-%llu", (unsigned long long)id);
	int made = memfd_create(name, MFD_CLOEXEC);
	if (made < 0)
		return -1;
	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", made);
	int fd = open(name, O_PATH | O_CLOEXEC), number = errno;
	close(made);
	errno = number;
	return fd;
}

int descriptors_create(struct remote_file *f, uint64_t id, const char *locator, int *ret_fd)
{
	GUARD(GUARD_REMOTE);
	struct opened *o = calloc(1, sizeof *o + strlen(locator) + 1);
	int fd = o != NULL ? placeholder(id) : -1;
	if (fd < 0 || make_room(fd) < 0 || fstat(fd, &o->placeholder) < 0) {
		int r = error_errno(errno == ENOMEM ? PMIG_ENOMEM : PMIG_EIO, errno,
			"no place for a file that stays where it is");
		if (fd >= 0)
			close(fd);
		free(o);
		(void)!remote_file_close(f);
		return r;
	}
	o->remote = f;
	o->id = id;
	memcpy(o->locator, locator, strlen(locator) + 1);
	lead(fd, o);
	*ret_fd = fd;
	return 0;
}

/* `closes`: as the program closes one, with what that means for locks. */
static int leave(int fd, bool closes)
{
	struct opened *o = find(fd);
	int r = 0;
	if (o == NULL)
		return 0;
	table[fd] = NULL;
	descriptors_any = --used > 0;
	if (closes && o->process_locks) /* as of a process: they end with any of its descriptors */
		(void)remote_file_lock(o->remote, F_UNLCK, 0, 0, false);
	if (--o->numbers > 0)
		return 0;
	r = remote_file_close(o->remote);
	int number = errno;
	struct referred *e = referred_find(&o->placeholder);
	if (e != NULL)
		referred_drop(e);
	if (o->id != 0)
		reference_drop(o->id);
	free(o);
	errno = number;
	return r;
}

int descriptors_duplicated(int from, int to)
{
	struct opened *o = find(from);
	if (o == NULL || from == to)
		return 0;
	GUARD(GUARD_REMOTE);
	(void)leave(to, true);
	if (make_room(to) < 0)
		return -1;
	lead(to, o);
	return 0;
}

int descriptors_closed(int fd)
{
	if (find(fd) == NULL)
		return 0;
	GUARD(GUARD_REMOTE);
	return leave(fd, true);
}

void descriptors_renumbered(int fd)
{
	if (find(fd) == NULL)
		return;
	GUARD(GUARD_REMOTE);
	(void)leave(fd, false);
}

int descriptors_closed_from(unsigned first, unsigned last)
{
	int r = 0;
	for (int fd = first < (unsigned)room ? (int)first : room; fd < room && (unsigned)fd <= last; fd++)
		if (descriptors_closed(fd) < 0)
			r = -1;
	return r;
}

/* Device and inode say which of the open things of this process it is, here, as the agent sees it too. */
static void identify(const struct opened *o, struct stat *ret)
{
	remote_file_known(o->remote, ret);
	ret->st_dev = o->placeholder.st_dev;
	ret->st_ino = o->placeholder.st_ino;
}

int descriptors_stat(int fd, struct stat *ret)
{
	const struct opened *o = descriptors_any ? find(fd) : NULL;
	if (o == NULL)
		return fstat(fd, ret);
	identify(o, ret);
	return 0;
}

const char *descriptors_locator(int fd, struct stat *ret)
{
	const struct opened *o = find(fd);
	if (o == NULL)
		return NULL;
	identify(o, ret);
	return o->locator;
}

const char *descriptors_describe(int fd, struct stat *ret, int *ret_flags, int64_t *ret_position, uint64_t *ret_id)
{
	const struct opened *o = find(fd);
	if (o == NULL)
		return NULL;
	*ret_flags = remote_file_flags(o->remote);
	*ret_position = remote_file_position(o->remote);
	*ret_id = o->id;
	return descriptors_locator(fd, ret);
}

bool descriptors_resume(int fd, int flags, int64_t position)
{
	const struct opened *o = find(fd);
	if (o != NULL)
		remote_file_resume(o->remote, flags, position);
	return o != NULL;
}

void descriptors_note_process_lock(int fd)
{
	struct opened *o = find(fd);
	if (o != NULL)
		o->process_locks = true;
}

bool descriptors_process_locks(int fd)
{
	const struct opened *o = find(fd);
	return o != NULL && o->process_locks;
}

bool descriptors_private(int fd)
{
	for (int i = 0; i < room && descriptors_any; i++)
		if (table[i] != NULL && remote_file_socket(table[i]->remote) == fd)
			return true;
	return false;
}

int descriptors_next_private(int from)
{
	int r = -1;
	for (int i = 0; i < room && descriptors_any; i++) {
		int fd = table[i] != NULL ? remote_file_socket(table[i]->remote) : -1;
		r = fd >= from && (r < 0 || fd < r) ? fd : r;
	}
	return r;
}

int descriptors_settle(int64_t ms)
{
	int64_t until = remote_file_now() + ms;
	for (int i = 0; i < room && descriptors_any; i++) {
		int64_t left = until - remote_file_now();
		if (table[i] == NULL)
			continue;
		if (!remote_file_settles(table[i]->remote, left > 0 ? left : 0))
			return error_set(PMIG_ETIMEOUT, "%s: what was asked of the host where it lies is not answered",
				table[i]->locator);
		(void)!remote_file_settle(table[i]->remote); /* what was lost is told where it is used */
	}
	return 0;
}

void descriptors_flush(void)
{
	for (int i = 0; i < room && descriptors_any; i++)
		if (table[i] != NULL)
			(void)!remote_file_flush(table[i]->remote);
}

void descriptors_forked(void)
{
	for (int i = 0; i < room; i++)
		if (table[i] != NULL)
			remote_file_forget(table[i]->remote);
	descriptors_any = false;
	room = 0;
	table = NULL; /* it is left as it is */
	used = 0;
}
