/* tree_arrive: the target's side. The image is not believed: every path is opened below the root, over no symbolic link. */
#include "tree.h"

#include "place.h"
#include "tree_list.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIECE (256u << 10)
#define STRETCHES 65536 /* of one file */

struct stretch {
	uint64_t at, end, from; /* from: offset in the pack */
};

/* One entry of the image. */
struct incoming {
	enum tree_type type;
	const char *path, *target;
	mode_t mode;
	int64_t modified;
	uint64_t size;
	const unsigned char *direct; /* all of it; NULL: stretches */
	struct stretch *stretches;
	size_t n;
};

struct arrival {
	int root;
	const char *path;
	bool touch;
	struct tree_done *done;
	struct incoming *all;
	size_t n;
	const unsigned char *pack;
	uint64_t pack_size;
};

static int fail(int number, const struct arrival *a, const char *path)
{
	bool full = number == ENOSPC || number == EDQUOT;
	return error_errno(full ? PMIG_ENOSPC : PMIG_EREFUSED, number, "%s/%s", a->path, path);
}

static int other(const struct arrival *a, const char *path)
{
	return error_set(PMIG_EREFUSED,
		"%s/%s: something else lies here under that name; nothing was overwritten: move it away", a->path, path);
}

/* --- reading --- */

static bool below(const char *path)
{
	char absolute[PATH_MAX];
	return snprintf(absolute, sizeof absolute, "/%s", path) < (int)sizeof absolute && place_sound(absolute);
}

static int read_stretches(struct incoming *e, struct pmig_reader *in)
{
	uint64_t past = 0;
	for (uint64_t end; (end = pmig_read_number(in)) != 0; past = end) {
		struct stretch s = {pmig_read_number(in), end, pmig_read_number(in)};
		if ((e->n & (e->n - 1)) == 0) {
			struct stretch *more = e->n < STRETCHES
				? realloc(e->stretches, (e->n == 0 ? 1 : 2 * e->n) * sizeof *more)
				: NULL;
			if (more == NULL)
				return error_set(PMIG_ENOMEM, "no memory for the parts of %s", e->path);
			e->stretches = more;
		}
		if (s.at < past || s.at >= end || end > e->size)
			return error_set(PMIG_ECORRUPT, "%s: its parts overlap", e->path);
		e->stretches[e->n++] = s;
	}
	return pmig_read_check(in);
}

static int read_entry(struct incoming *e, bool first, struct pmig_reader *in)
{
	e->type = (enum tree_type)pmig_read_number(in);
	e->path = pmig_read_text(in);
	e->target = pmig_read_text(in);
	e->mode = (mode_t)pmig_read_number(in) & 07777;
	e->modified = (int64_t)pmig_read_number(in);
	int r = pmig_read_check(in);
	if (r >= 0 &&
		(e->type < TREE_DIRECTORY || e->type > TREE_AGAIN ||
			(first ? e->path[0] != '\0' || e->type != TREE_DIRECTORY : !below(e->path)) ||
			(e->type == TREE_AGAIN && !below(e->target))))
		r = error_set(PMIG_ECORRUPT, "a directory holds what cannot be in one");
	if (r < 0 || e->type != TREE_FILE)
		return r;
	e->size = pmig_read_number(in);
	if (pmig_read_number(in) == 0)
		return read_stretches(e, in);
	uint64_t size;
	e->direct = pmig_read_content(in, &size);
	r = pmig_read_check(in);
	return r >= 0 && size != e->size ? error_set(PMIG_ECORRUPT, "%s: its size is another one", e->path) : r;
}

static int read_all(struct arrival *a, struct pmig_reader *in)
{
	uint64_t n = pmig_read_number(in);
	int r = pmig_read_check(in);
	if (r >= 0 && (n == 0 || n > TREE_ENTRIES))
		r = error_set(PMIG_ECORRUPT, "a directory of %llu things", (unsigned long long)n);
	a->all = r < 0 ? NULL : calloc(n, sizeof *a->all);
	if (r >= 0 && a->all == NULL)
		r = error_set(PMIG_ENOMEM, "no memory for a directory");
	for (; r >= 0 && a->n < n; a->n++)
		r = read_entry(&a->all[a->n], a->n == 0, in);
	if (r >= 0) {
		a->pack = pmig_read_content(in, &a->pack_size);
		r = pmig_read_check(in);
	}
	for (size_t i = 0; r >= 0 && i < a->n; i++)
		for (size_t k = 0; k < a->all[i].n; k++) {
			const struct stretch *s = &a->all[i].stretches[k];
			if (s->from > a->pack_size || s->end - s->at > a->pack_size - s->from)
				r = error_set(PMIG_ECORRUPT, "%s: a part of it is missing", a->all[i].path);
		}
	return r;
}

/* --- making --- */

static int note(struct arrival *a, const char *path)
{
	struct tree_done *d = a->done;
	if (d->n == d->room) {
		size_t room = d->room == 0 ? 64 : 2 * d->room;
		char **created = realloc(d->created, room * sizeof *created);
		if (created == NULL)
			return error_set(PMIG_ENOMEM, "no memory for a directory");
		d->created = created;
		d->room = room;
	}
	d->created[d->n] = strdup(path);
	return d->created[d->n] != NULL ? (int)(d->n++, 0) : error_set(PMIG_ENOMEM, "no memory for a directory");
}

static int open_below(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	return (int)syscall(SYS_openat2, root, path[0] != '\0' ? path : ".", &how, sizeof how);
}

/* The directory that holds `path`; *ret_name points into `path`. */
static int open_above(int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char above[PATH_MAX];
	*ret_name = slash != NULL ? slash + 1 : path;
	(void)snprintf(above, sizeof above, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
	return open_below(root, above, O_PATH | O_DIRECTORY);
}

static int write_part(int fd, const unsigned char *from, uint64_t at, uint64_t size)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, from, size < PIECE * 4 ? size : PIECE * 4, (off_t)at);
		if (n <= 0)
			return n < 0 ? errno : ENOSPC;
		from += n;
		at += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

static int fill(const struct arrival *a, int fd, const struct incoming *e)
{
	int number = ftruncate(fd, (off_t)e->size) < 0 ? errno : 0;
	if (number == 0 && e->direct != NULL)
		number = write_part(fd, e->direct, 0, e->size);
	for (size_t i = 0; i < e->n && number == 0; i++)
		number = write_part(fd, a->pack + e->stretches[i].from, e->stretches[i].at,
			e->stretches[i].end - e->stretches[i].at);
	return number != 0 ? fail(number, a, e->path) : 0;
}

/* Whether [at, end) of the file is what the image has, NULL: zeros. */
static bool same_part(int fd, const unsigned char *want, uint64_t at, uint64_t end)
{
	static unsigned char buffer[PIECE];
	while (at < end) {
		ssize_t n = pread(fd, buffer, end - at < PIECE ? end - at : PIECE, (off_t)at);
		bool same = n > 0 &&
			(want != NULL ? memcmp(buffer, want, (size_t)n) == 0
				      : buffer[0] == 0 && memcmp(buffer, buffer + 1, (size_t)n - 1) == 0);
		if (!same)
			return false;
		want += want != NULL ? n : 0;
		at += (uint64_t)n;
	}
	return true;
}

static bool same_file(const struct arrival *a, int fd, const struct incoming *e)
{
	struct stat st;
	uint64_t past = 0;
	bool same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == e->size;
	if (e->direct != NULL)
		return same && same_part(fd, e->direct, 0, e->size);
	for (size_t i = 0; i < e->n && same; i++) {
		const struct stretch *s = &e->stretches[i];
		same = same_part(fd, NULL, past, s->at) && same_part(fd, a->pack + s->from, s->at, s->end);
		past = s->end;
	}
	return same && same_part(fd, NULL, past, e->size);
}

static void set_times(int directory, const char *name, int64_t modified)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {modified / 1000000000, modified % 1000000000}};
	(void)utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW);
}

/* Its change time becomes another one, nothing else. */
static void touch(int directory, const char *name)
{
	struct stat st, now;
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	for (int i = 0; i < 1000; i++) {
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};
		(void)utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW);
		if (fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ctim.tv_nsec != st.st_ctim.tv_nsec)
			return;
		(void)usleep(1000); /* the clock of a file system ticks in milliseconds */
	}
}

/* 1: it is there, and equal. */
static int exists(const struct arrival *a, int above, const char *name, const struct incoming *e)
{
	struct stat st, first;
	char target[PATH_MAX];
	if (fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(errno, a, e->path);
	bool same = false;
	ssize_t n;
	int fd;
	switch (e->type) {
	case TREE_DIRECTORY:
		same = S_ISDIR(st.st_mode);
		break;
	case TREE_FILE:
		fd = S_ISREG(st.st_mode) ? openat(above, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) : -1;
		same = fd >= 0 && same_file(a, fd, e);
		if (fd >= 0)
			(void)close(fd);
		break;
	case TREE_LINK:
		n = readlinkat(above, name, target, sizeof target - 1);
		same = n >= 0 && (size_t)n == strlen(e->target) && memcmp(target, e->target, (size_t)n) == 0;
		break;
	case TREE_FIFO:
		same = S_ISFIFO(st.st_mode);
		break;
	case TREE_AGAIN:
		fd = open_below(a->root, e->target, O_PATH);
		same = fd >= 0 && fstat(fd, &first) == 0 && first.st_ino == st.st_ino && first.st_dev == st.st_dev;
		if (fd >= 0)
			(void)close(fd);
		break;
	}
	if (same && a->touch)
		touch(above, name);
	return same ? 1 : other(a, e->path);
}

static int make_file(struct arrival *a, int above, const char *name, const struct incoming *e)
{
	int fd = openat(above, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(errno, a, e->path);
	int r = note(a, e->path);
	if (r >= 0)
		r = fill(a, fd, e);
	(void)fchmod(fd, e->mode);
	if (close(fd) < 0 && r >= 0)
		r = fail(errno, a, e->path);
	set_times(above, name, e->modified);
	return r;
}

/* Another name of a file that came before. */
static int link_again(const struct arrival *a, int above, const char *name, const char *target)
{
	const char *from;
	int directory = open_above(a->root, target, &from);
	int r = directory < 0 ? -1 : linkat(directory, from, above, name, 0);
	int number = errno;
	if (directory >= 0)
		(void)close(directory);
	errno = number;
	return r;
}

static int make(struct arrival *a, int above, const char *name, const struct incoming *e)
{
	int r = 0;
	if (e->type == TREE_FILE)
		return make_file(a, above, name, e);
	if (e->type == TREE_DIRECTORY)
		r = mkdirat(above, name, 0700); /* what it is to be, when all is in it */
	else if (e->type == TREE_LINK)
		r = symlinkat(e->target, above, name);
	else if (e->type == TREE_FIFO)
		r = mkfifoat(above, name, 0600);
	else
		r = link_again(a, above, name, e->target);
	if (r < 0)
		return fail(errno, a, e->path);
	if (e->type == TREE_FIFO)
		(void)fchmodat(above, name, e->mode, 0);
	if (e->type == TREE_LINK || e->type == TREE_FIFO)
		set_times(above, name, e->modified);
	return note(a, e->path);
}

static int place(struct arrival *a, const struct incoming *e)
{
	const char *name;
	int above = open_above(a->root, e->path, &name);
	if (above < 0)
		return fail(errno, a, e->path);
	int r = exists(a, above, name, e);
	if (r == 0)
		r = make(a, above, name, e);
	(void)close(above);
	return r;
}

static const struct incoming *entry_of(const struct arrival *a, const char *path, size_t *at)
{
	while (*at > 0 && strcmp(a->all[*at - 1].path, path) != 0)
		(*at)--;
	return *at > 0 ? &a->all[*at - 1] : NULL;
}

/* What was created, from the innermost on: modes and times of directories. */
static void finish(const struct arrival *a)
{
	size_t at = a->n;
	for (size_t i = a->done->n; i-- > 0;) {
		const struct incoming *e = entry_of(a, a->done->created[i], &at);
		int fd = e != NULL && e->type == TREE_DIRECTORY ? open_below(a->root, e->path, O_RDONLY | O_DIRECTORY) : -1;
		if (fd < 0)
			continue;
		set_times(fd, ".", e->modified);
		(void)fchmod(fd, e->mode);
		(void)close(fd);
	}
	if (a->done->parents > 0) {
		set_times(a->root, ".", a->all[0].modified);
		(void)fchmod(a->root, a->all[0].mode);
	} else if (a->touch) {
		touch(a->root, ".");
	}
}

/* The root, with what is missing above it. */
static int open_root(const char *path, struct tree_done *d)
{
	char *at = strdup(path);
	int r = at == NULL ? error_set(PMIG_ENOMEM, "no memory for a path") : 0;
	for (char *slash = at; r >= 0 && slash != NULL;) {
		slash = strchr(slash + 1, '/');
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(at, 0777) == 0)
			d->parents++;
		else if (errno != EEXIST)
			r = error_errno(PMIG_EREFUSED, errno, "%s", at);
		if (slash != NULL)
			*slash = '/';
	}
	free(at);
	int fd = r < 0 ? r : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r < 0 || fd >= 0 ? fd : error_errno(PMIG_EREFUSED, errno, "%s", path);
}

int tree_arrive(const char *path, struct pmig_reader *in, bool touched, struct tree_done *ret_done)
{
	struct arrival a = {.root = -1, .path = path, .touch = touched, .done = ret_done};
	int r = place_sound(path) ? read_all(&a, in)
				  : error_set(PMIG_ECORRUPT, "%s is not a path as the kernel writes it", path);
	ret_done->root = r < 0 ? NULL : strdup(path);
	if (r >= 0)
		r = ret_done->root == NULL ? error_set(PMIG_ENOMEM, "no memory for a path")
					   : (a.root = open_root(path, ret_done));
	for (size_t i = 1; i < a.n && r >= 0; i++)
		r = place(&a, &a.all[i]);
	if (r >= 0)
		finish(&a);
	for (size_t i = 0; a.all != NULL && i < a.n; i++)
		free(a.all[i].stretches);
	free(a.all);
	if (a.root >= 0)
		(void)close(a.root);
	return r < 0 ? r : 0;
}

void tree_settle(struct tree_done *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->created[i]);
	free(d->created);
	free(d->root);
	*d = (struct tree_done){0};
}

void tree_undo(struct tree_done *d)
{
	int root = d->root != NULL ? open(d->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	for (size_t i = 0; root >= 0 && i < d->n; i++) { /* a directory may forbid what is to be done in it */
		int fd = open_below(root, d->created[i], O_RDONLY | O_DIRECTORY | O_NONBLOCK);
		if (fd >= 0) {
			(void)fchmod(fd, 0700);
			(void)close(fd);
		}
	}
	for (size_t i = d->n; root >= 0 && i-- > 0;) {
		const char *name;
		int above = open_above(root, d->created[i], &name);
		if (above >= 0 && unlinkat(above, name, 0) < 0)
			(void)unlinkat(above, name, AT_REMOVEDIR);
		if (above >= 0)
			(void)close(above);
	}
	if (root >= 0)
		(void)close(root);
	for (; d->root != NULL && d->parents > 0; d->parents--) {
		char *slash = strrchr(d->root, '/');
		if (rmdir(d->root) < 0 || slash == d->root)
			break;
		*slash = '\0';
	}
	tree_settle(d);
}
