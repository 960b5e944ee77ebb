/* file: a regular file. What was only read is copied; what was written moves along, and is gone from the source after
 * the hand-over; what has no name travels as its content. Nothing that exists at the target is ever overwritten:
 * equal content is used as it is, a version that this process left there itself is replaced, other content refuses. A file can
 * also stay where it is (elsewhere.h), and equal content that the target has, wherever, need not travel. */
#include "../base/error.h"
#include "../base/uncarried.h"
#include "../reference/descriptors.h"
#include "../resource/sharing.h"
#include "elsewhere.h"
#include "left.h"
#include "lock.h"
#include "place.h"
#include "shipped.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pmig/kind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static int match(const struct pmig_resource *r)
{
	return S_ISREG(r->st.st_mode) && (r->flags & O_PATH) == 0 && uncarried_words(r->locator) == NULL;
}

static bool below(const char *path, const char *directory)
{
	size_t n = strlen(directory);
	while (n > 0 && directory[n - 1] == '/')
		n--;
	return n > 0 && strncmp(path, directory, n) == 0 && path[n] == '/';
}

static bool temporary(const char *path)
{
	const char *directory = getenv("TMPDIR");
	return below(path, P_tmpdir) || below(path, "/var/tmp") || (directory != NULL && below(path, directory));
}

/* Files that are a view of this machine's kernel have no content that could travel. */
static bool of_kernel(int fd)
{
	struct statfs fs;
	static const unsigned long magics[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC};
	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if ((unsigned long)fs.f_type == magics[i])
			return true;
	return false;
}

static int describe(struct pmig_resource *r)
{
	if (elsewhere_describe(r))
		return 0;
	bool writes = (r->flags & O_ACCMODE) != O_RDONLY, kernel = of_kernel(r->fd);
	r->size = (uint64_t)r->st.st_size;
	r->unlinked = r->st.st_nlink == 0;
	if (writes)
		sharing_describe(r, true);
	if (r->declaration.binding == 0) {
		bool by_value = !writes || r->unlinked || temporary(r->locator);
		r->declaration.binding = by_value && !kernel ? PMIG_BY_VALUE : PMIG_BY_IDENTIFIER;
		r->declaration.attachment = kernel ? PMIG_FIXED : PMIG_UNATTACHED;
	}
	return 0;
}

/* It has a name, but not the one that it was opened by; the kernel tells only that. */
static bool renamed(const struct pmig_resource *r)
{
	static const char mark[] = " (deleted)";
	size_t n = strlen(r->locator), m = sizeof mark - 1;
	return !r->unlinked && n > m && strcmp(r->locator + n - m, mark) == 0 && access(r->locator, F_OK) < 0;
}

/* The target was found to have equal content. */
static bool has_content(const struct pmig_resource *r)
{
	return r->content != NULL && *r->content != 0 && r->there != NULL && *r->there != 0;
}

/* In the order in which arrive() reads it. */
static void write_head(const struct pmig_resource *r, struct pmig_writer *w, bool there, uint64_t size)
{
	pmig_write_text(w, r->unlinked ? "" : r->locator);
	pmig_write_number(w, r->st.st_mode & 07777);
	pmig_write_number(w, (uint64_t)((int64_t)r->st.st_mtim.tv_sec * 1000000000 + r->st.st_mtim.tv_nsec));
	pmig_write_number(w, there);
	pmig_write_number(w, size);
}

/* A copy of what lies at another host. */
static int save_fetched(const struct pmig_resource *r, struct pmig_writer *w)
{
	int fd = -1;
	uint64_t size = 0;
	if (r->strategy != PMIG_COPY)
		return error_set(PMIG_EREFUSED, "it lies at another host: it can stay there, or be copied");
	int e = elsewhere_fetch(r, &fd, &size);
	if (e < 0)
		return e;
	write_head(r, w, false, size);
	e = lock_save(fd, size, w);
	close(fd);
	return e;
}

static int save_rebound(const struct pmig_resource *r, struct pmig_writer *w)
{
	struct left_hash hash;
	uint64_t size = (uint64_t)r->st.st_size;
	pmig_write_number(w, size);
	if (has_content(r) && !descriptors_refers(r->fd) && !shipped_is(r->fd, size, r->content, &hash))
		return error_set(PMIG_EREFUSED, "it has changed since the target was found to have the same content");
	return 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	if (r->strategy == PMIG_REFER)
		return elsewhere_save(r, w);
	if (r->strategy == PMIG_REBIND)
		return save_rebound(r, w);
	if (descriptors_refers(r->fd))
		return save_fetched(r, w);
	if (renamed(r))
		return error_set(PMIG_EREFUSED, "it has another name now, which cannot be found out");
	struct left_hash hash;
	uint64_t size = (uint64_t)r->st.st_size;
	bool there = r->strategy == PMIG_COPY && has_content(r) && shipped_is(r->fd, size, r->content, &hash);
	write_head(r, w, there, size);
	int e = lock_save(r->fd, there ? 0 : size, w);
	if (e >= 0 && !r->unlinked)
		left_remember(r->locator, there ? hash : left_hash(pmig_written_content(w), size));
	return e;
}

static int differs(const struct place_file *f)
{
	struct stat st = {0};
	char date[64] = "";
	struct tm tm;
	if (stat(f->path, &st) == 0 && localtime_r(&st.st_mtime, &tm) != NULL)
		(void)strftime(date, sizeof date, "%F %T", &tm);
	return error_set(PMIG_EREFUSED,
		"another file lies here under that name (%lld bytes, of %s; the program's has %llu bytes); "
		"nothing was overwritten: move it away (`pmig restart --rewind` sets it aside)",
		(long long)st.st_size, date, (unsigned long long)f->size);
}

/* pmig_resource.state at the target. */
struct arrived {
	struct place_done done;
	struct lock_set *locks;
	const void *mapped; /* content that was here already */
	uint64_t size;
};

/* By name, as the strategy says; `must`: a nameless copy will not do. */
static int put(struct pmig_resource *r, const struct place_file *file, struct place_done *done, bool must)
{
	struct place_file f = *file;
	bool other = false;
	if (f.path[0] == 0)
		return place_nameless(&f, &r->fd);
	if (!place_sound(f.path))
		return error_set(PMIG_ECORRUPT, "%s is not a path as the kernel writes it", f.path);
	int e = place_find(&f, r->strategy == PMIG_MOVE, &r->fd, &other);
	if (e > 0)
		return 0;
	done->stale = e == 0 && other && place_left(f.path);
	if (e == 0 && other)
		e = r->rewind || done->stale ? place_aside(f.path, done) : differs(&f);
	if (e == 0)
		e = place_create(&f, &r->fd, done);
	if (e == PMIG_EREFUSED && !must && (!other || (f.flags & O_ACCMODE) == O_RDONLY))
		return place_nameless(&f, &r->fd);
	return e;
}

/* Another file of the target's takes its place: equal content, or what the plan found for its type, a scratch directory, say. */
static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	const void *data = NULL;
	uint64_t size = pmig_read_number(in);
	struct stat st;
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	int flags = (r->flags & PLACE_FLAGS_AGAIN) | O_CLOEXEC;
	r->fd = open(r->there, flags | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0 && errno == EISDIR) /* room for such files: a new one, without a name */
		r->fd = open(r->there, flags | O_TMPFILE, 0600);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		return error_errno(PMIG_EREFUSED, errno, "%s, which takes its place here, cannot be opened", r->there);
	if (!S_ISREG(st.st_mode))
		return error_set(PMIG_EREFUSED, "%s, which was to take its place here, is no regular file", r->there);
	if (!has_content(r))
		return 0;
	e = shipped_map(r->there, size, r->content, &data);
	if (e >= 0 && data != NULL)
		(void)munmap((void *)data, (size_t)size);
	return e;
}

static int arrive(struct pmig_resource *r, struct pmig_reader *in, bool must)
{
	struct place_file f = {.path = pmig_read_text(in), .flags = r->flags};
	struct lock_set *locks = NULL;
	f.mode = (mode_t)pmig_read_number(in);
	f.modified = (int64_t)pmig_read_number(in);
	bool here = pmig_read_number(in) != 0;
	uint64_t size = pmig_read_number(in);
	const void *mapped = NULL;
	int e = lock_read(in, &locks);
	if (e < 0)
		return e;
	f.data = pmig_read_content(in, &f.size);
	e = pmig_read_check(in);
	if (e >= 0 && here) {
		e = shipped_map(r->there, size, r->content, &mapped);
		f.data = mapped;
		f.size = size;
	}
	struct arrived *a = e < 0 ? NULL : calloc(1, sizeof *a);
	if (a == NULL) {
		if (mapped != NULL)
			(void)munmap((void *)mapped, (size_t)size);
		free(locks);
		return e < 0 ? e : error_set(PMIG_ENOMEM, "no memory for a file");
	}
	a->locks = locks;
	a->mapped = mapped;
	a->size = size;
	r->state = a;
	return put(r, &f, &a->done, must);
}

static int resolve(struct pmig_resource *r)
{
	const struct arrived *a = r->strategy == PMIG_REFER ? NULL : r->state;
	int e = a != NULL ? lock_take(r->fd, a->locks) : 0;
	return e < 0 ? error_prefix(e, "descriptor %d", r->fd) : 0;
}

static int move(struct pmig_resource *r, struct pmig_reader *in)
{
	return arrive(r, in, true);
}

/* Only the content counts: where the path cannot be had a file without a name has the same bytes. So it is where another file
 * has it by now, unless the program writes: then it may mean the name as well. */
static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	return arrive(r, in, r->declaration.binding == PMIG_BY_IDENTIFIER);
}

static void forget(struct pmig_resource *r)
{
	struct arrived *a = r->state;
	bool arrived = a != NULL && r->strategy != PMIG_REFER;
	if (arrived)
		free(a->locks);
	if (arrived && a->mapped != NULL)
		(void)munmap((void *)a->mapped, (size_t)a->size);
	free(a);
	r->state = NULL;
}

static int undo(struct pmig_resource *r)
{
	struct arrived *a = r->strategy == PMIG_REFER ? NULL : r->state;
	if (a != NULL)
		place_undo(&a->done);
	forget(r);
	return 0;
}

static void settle(struct pmig_resource *r)
{
	struct arrived *a = r->strategy == PMIG_REFER ? NULL : r->state;
	if (a != NULL)
		place_settle(&a->done);
	else if (r->strategy == PMIG_REFER)
		elsewhere_settle(r);
	forget(r);
}

/* Removed only if nothing about it has changed since the freeze: a target that sees the same file system has touched
 * it. */
static int release(struct pmig_resource *r)
{
	struct stat now;
	const struct stat *then = &r->st;
	if (r->strategy != PMIG_MOVE || r->unlinked || lstat(r->locator, &now) < 0)
		return 0;
	bool same = now.st_dev == then->st_dev && now.st_ino == then->st_ino && now.st_size == then->st_size &&
		now.st_ctim.tv_sec == then->st_ctim.tv_sec && now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
	return same && unlink(r->locator) == 0 ? 0 : 1;
}

const struct pmig_kind kind_file = {
	.version = PMIG_KIND_VERSION,
	.name = "file",
	.about = "a regular file, named or not",
	.match = match,
	.describe = describe,
	.save = save,
	.move = move,
	.copy = copy,
	.refer = elsewhere_refer,
	.rebind = rebind,
	.resolve = resolve,
	.undo = undo,
	.settle = settle,
	.release = release,
};
