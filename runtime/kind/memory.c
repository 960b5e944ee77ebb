/* memory: memory that has a descriptor: memfd_create(2), shm_open(3). Its content goes along. What another process has open or mapped as
 * well is one value on one machine: on two it would need distributed shared memory; only a declared snapshot is made of it. */
#include "../base/error.h"
#include "../resource/descriptor.h"
#include "../resource/sharing.h"
#include "lock.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static const char by_descriptor[] = "/memfd:", by_name[] = "/dev/shm/";

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static int match(const struct pmig_resource *r)
{
	return S_ISREG(r->st.st_mode) && (r->flags & O_PATH) == 0 &&
		(begins(r->locator, by_descriptor) || begins(r->locator, by_name));
}

static int describe(struct pmig_resource *r)
{
	r->size = (uint64_t)r->st.st_size;
	r->unlinked = r->st.st_nlink == 0;
	if (!r->unlinked || sharing_had_child() || sharing_inherited(&r->st)) {
		sharing_describe(r, false);
		if (!r->shared)
			r->shared = sharing_mapped(r->st.st_dev, r->st.st_ino, r->shared_with, sizeof r->shared_with);
	}
	if (r->declaration.binding == 0) {
		bool named = !r->unlinked && !r->shared;
		r->declaration.binding = named ? PMIG_BY_IDENTIFIER : PMIG_BY_VALUE;
		r->declaration.attachment = r->shared ? PMIG_FIXED : PMIG_UNATTACHED;
	}
	if (r->shared && (r->declaration.consent & (PMIG_SNAPSHOT | PMIG_DIVERGENCE)) == 0)
		return error_set(PMIG_EREFUSED,
			"its value is shared with %s: on two machines that would need distributed shared memory; a declaration can consent "
			"to a snapshot (PMIG_SNAPSHOT)",
			r->shared_with);
	return 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	int seals = fcntl(r->fd, F_GET_SEALS);
	bool named = !r->unlinked && r->strategy == PMIG_MOVE;
	pmig_write_text(w, named ? r->locator : "");
	pmig_write_number(w, r->st.st_mode & 07777);
	pmig_write_number(w, (uint64_t)((int64_t)r->st.st_mtim.tv_sec * 1000000000 + r->st.st_mtim.tv_nsec));
	pmig_write_number(w, r->st.st_ino);
	pmig_write_number(w, seals > 0 ? (uint64_t)seals : 0);
	return lock_save(r->fd, (uint64_t)r->st.st_size, w);
}

/* pmig_resource.state at the target. */
struct arrived {
	struct place_done done;
	struct lock_set *locks;
	int seals; /* set when all mappings are there: a seal may forbid them */
};

/* During a restore: what stands here for which memory there. Several descriptions may be of one. */
static struct made {
	uint64_t there; /* inode */
	dev_t device;
	ino_t inode;
} *made;
static size_t made_n;

static int fill(int fd, const char *data, uint64_t size)
{
	for (uint64_t at = 0; at < size;) {
		ssize_t n = pwrite(fd, data + at, size - at, (off_t)at);
		if (n <= 0)
			return error_errno(PMIG_ENOSPC, n < 0 ? errno : ENOSPC, "there is no memory for its %llu bytes here",
				(unsigned long long)size);
		at += (uint64_t)n;
	}
	return 0;
}

/* "/memfd:name (deleted)" */
static void name_of(const char *locator, char ret[250])
{
	static const char mark[] = " (deleted)";
	const char *from = begins(locator, by_descriptor) ? locator + sizeof by_descriptor - 1 : "memory";
	size_t n = strlen(from), m = sizeof mark - 1;
	n -= n > m && strcmp(from + n - m, mark) == 0 ? m : 0;
	(void)snprintf(ret, 250, "%.*s", (int)(n < 240 ? n : 240), from);
}

/* A descriptor of this process for what was made of `there`; -1: nothing was, yet. */
static int find(uint64_t there)
{
	struct stat st;
	for (size_t i = 0; i < made_n; i++)
		for (int fd = 0; made[i].there == there && fd < DESCRIPTOR_MAX && fd < (int)sysconf(_SC_OPEN_MAX); fd++)
			if (fstat(fd, &st) == 0 && st.st_dev == made[i].device && st.st_ino == made[i].inode)
				return fd;
	return -1;
}

static int reopen(int fd, int flags)
{
	char name[64];
	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	int again = open(name, (flags & O_ACCMODE) | O_CLOEXEC);
	return again < 0 ? error_errno(PMIG_EIO, errno, "memory cannot be opened as it was") : again;
}

static int make(struct pmig_resource *r, const struct place_file *f, uint64_t there)
{
	char name[250];
	struct stat st;
	int other = find(there);
	if (other >= 0) {
		r->fd = reopen(other, r->flags);
		return r->fd < 0 ? r->fd : 0;
	}
	name_of(r->locator, name);
	struct made *more = realloc(made, (made_n + 1) * sizeof *made);
	if (more == NULL)
		return error_set(PMIG_ENOMEM, "no memory for what is known of memory");
	made = more;
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(PMIG_ENOMEM, errno, "memfd_create");
	made[made_n++] = (struct made){there, st.st_dev, st.st_ino};
	int e = ftruncate(fd, (off_t)f->size) < 0 ? error_errno(PMIG_ENOSPC, errno, "its size cannot be had here") : 0;
	if (e >= 0)
		e = fill(fd, f->data, f->size);
	(void)fchmod(fd, f->mode);
	r->fd = fd;
	if ((r->flags & O_ACCMODE) != O_RDWR) {
		r->fd = reopen(fd, r->flags);
		(void)close(fd);
		e = e < 0 || r->fd >= 0 ? e : r->fd;
	}
	return e;
}

/* Under its name: equal content is used as it is, other content is never overwritten. */
static int put(struct pmig_resource *r, const struct place_file *f, struct arrived *a)
{
	bool differs = false;
	if (!place_sound(f->path) || !begins(f->path, by_name))
		return error_set(PMIG_ECORRUPT, "%s is no name of shared memory", f->path);
	int e = place_find(f, true, &r->fd, &differs);
	if (e > 0)
		return 0;
	if (e == 0 && differs)
		return error_set(PMIG_EREFUSED,
			"other shared memory has that name here; nothing was overwritten: remove it, or wait for its end");
	return e < 0 ? e : place_create(f, &r->fd, &a->done);
}

static int arrive(struct pmig_resource *r, struct pmig_reader *in)
{
	struct place_file f = {.path = pmig_read_text(in), .flags = r->flags};
	struct lock_set *locks = NULL;
	f.mode = (mode_t)pmig_read_number(in) & 0777;
	f.modified = (int64_t)pmig_read_number(in);
	uint64_t there = pmig_read_number(in);
	int seals = (int)pmig_read_number(in) & SEALS;
	int e = lock_read(in, &locks);
	if (e < 0)
		return e;
	f.data = pmig_read_content(in, &f.size);
	e = pmig_read_check(in);
	struct arrived *a = e < 0 ? NULL : calloc(1, sizeof *a);
	if (a == NULL) {
		free(locks);
		return e < 0 ? e : error_set(PMIG_ENOMEM, "no memory for what is known of memory");
	}
	*a = (struct arrived){.locks = locks, .seals = seals};
	r->state = a;
	return f.path[0] != '\0' ? put(r, &f, a) : make(r, &f, there);
}

static int resolve(struct pmig_resource *r)
{
	const struct arrived *a = r->state;
	return a != NULL ? lock_take(r->fd, a->locks) : 0;
}

static void forget(struct pmig_resource *r)
{
	struct arrived *a = r->state;
	if (a != NULL)
		free(a->locks);
	free(a);
	r->state = NULL;
}

static int undo(struct pmig_resource *r)
{
	struct arrived *a = r->state;
	if (a != NULL)
		place_undo(&a->done);
	forget(r);
	return 0;
}

static void settle(struct pmig_resource *r)
{
	struct arrived *a = r->state;
	int fd = a != NULL && a->seals != 0 ? reopen(r->fd, O_RDWR) : -1;
	if (fd >= 0) {
		(void)fcntl(fd, F_ADD_SEALS, a->seals);
		(void)close(fd);
	}
	if (a != NULL)
		place_settle(&a->done);
	forget(r);
}

/* Its name goes, if it is still that memory. */
static int release(struct pmig_resource *r)
{
	struct stat now;
	if (r->strategy != PMIG_MOVE || r->unlinked || lstat(r->locator, &now) < 0)
		return 0;
	bool same = now.st_dev == r->st.st_dev && now.st_ino == r->st.st_ino && now.st_size == r->st.st_size &&
		now.st_ctim.tv_sec == r->st.st_ctim.tv_sec && now.st_ctim.tv_nsec == r->st.st_ctim.tv_nsec;
	return same && unlink(r->locator) == 0 ? 0 : 1;
}

const struct pmig_kind kind_memory = {
	.version = PMIG_KIND_VERSION,
	.name = "memory",
	.about = "memory with a descriptor: memfd_create, shm_open",
	.match = match,
	.describe = describe,
	.save = save,
	.move = arrive,
	.copy = arrive,
	.resolve = resolve,
	.undo = undo,
	.release = release,
	.settle = settle,
};
