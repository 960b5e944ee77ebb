/* place: files that arrive. A file gets its content before it gets its name, and a name only if nobody has it. */
#include "place.h"

#include "left.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PIECE (256u << 10)

bool place_sound(const char *path)
{
	if (path[0] != '/')
		return false;
	for (const char *p = path; *p != 0;) {
		size_t n = strcspn(++p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
	}
	return true;
}

static int failure(int number, const char *what)
{
	bool full = number == ENOSPC || number == EDQUOT;
	bool forbidden = number == EACCES || number == EPERM || number == EROFS || number == ENOENT || number == ENOTDIR;
	return error_errno(full ? PMIG_ENOSPC : forbidden ? PMIG_EREFUSED : PMIG_EIO, number, "%s", what);
}

static bool same_content(int fd, const unsigned char *data, uint64_t size)
{
	unsigned char *buffer = malloc(PIECE);
	uint64_t at = 0;
	while (buffer != NULL && at < size) {
		ssize_t n = pread(fd, buffer, size - at < PIECE ? size - at : PIECE, (off_t)at);
		if (n <= 0 || memcmp(buffer, data + at, (size_t)n) != 0)
			break;
		at += (uint64_t)n;
	}
	free(buffer);
	return buffer != NULL && at == size;
}

/* A change of the permissions to what they are sets the change time, which only counts as long as the clock has moved
 * on. */
static void touch_file(int fd)
{
	struct stat before, after;
	for (int i = 0; i < 1000 && fstat(fd, &before) == 0 && fchmod(fd, before.st_mode & 07777) == 0; i++) {
		if (fstat(fd, &after) < 0 || after.st_ctim.tv_sec != before.st_ctim.tv_sec ||
			after.st_ctim.tv_nsec != before.st_ctim.tv_nsec)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

/* A descriptor with the wanted access for a file that is open as `fd`. */
static int reopen(int fd, int flags)
{
	char name[64];
	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	return open(name, (flags & PLACE_FLAGS_AGAIN) | O_CLOEXEC);
}

bool place_left(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	bool known = false;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		size_t size = (size_t)st.st_size;
		void *p = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
		if (p != MAP_FAILED)
			known = left_knows(path, left_hash(p, size));
		if (p != NULL && p != MAP_FAILED)
			munmap(p, size);
	}
	if (fd >= 0)
		close(fd);
	return known;
}

int place_find(const struct place_file *f, bool touch, int *ret_fd, bool *ret_differs)
{
	struct stat st;
	bool differs = false;
	int fd = open(f->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		*ret_differs = false;
		return 0;
	}
	if (fd < 0 && errno == ELOOP)
		return error_set(PMIG_EREFUSED, "a symbolic link lies here under that name; move it away");
	if (fd < 0)
		return failure(errno, "a file that cannot be read lies here under that name, or above it");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(PMIG_EREFUSED, "something that is no regular file lies here under that name; move it away");
	}
	differs = (uint64_t)st.st_size != f->size || !same_content(fd, f->data, f->size);
	int again = differs ? -1 : reopen(fd, f->flags);
	int number = errno;
	if (again >= 0 && touch)
		touch_file(fd);
	close(fd);
	if (!differs && again < 0)
		return failure(number, "the same file lies here, but cannot be opened as it was");
	*ret_differs = differs;
	if (differs)
		return 0;
	*ret_fd = again;
	return 1;
}

static int fill(int fd, const struct place_file *f)
{
	static const unsigned char zeros[4096];
	const unsigned char *data = f->data;
	if (ftruncate(fd, (off_t)f->size) < 0)
		return failure(errno, "the file cannot be given its size here");
	for (uint64_t at = 0; at < f->size;) {
		size_t n = f->size - at < sizeof zeros ? (size_t)(f->size - at) : sizeof zeros;
		if (memcmp(data + at, zeros, n) == 0) { /* stays a hole */
			at += n;
			continue;
		}
		uint64_t end = at + n;
		while (end < f->size && end - at < PIECE)
			end += f->size - end < sizeof zeros ? f->size - end : sizeof zeros;
		for (ssize_t k; at < end; at += (uint64_t)k) {
			k = pwrite(fd, data + at, end - at, (off_t)at);
			if (k <= 0)
				return failure(k < 0 ? errno : ENOSPC, "the file cannot be written here");
		}
	}
	return 0;
}

/* A descriptor opened under the name, so that the kernel tells the name to who asks: one that was opened before keeps telling
 * another. */
static int open_named(const struct place_file *f, const struct stat *made)
{
	struct stat st;
	int fd = open(f->path, (f->flags & PLACE_FLAGS_AGAIN) | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return failure(errno, "the file cannot be opened here as it was");
	if (fstat(fd, &st) == 0 && st.st_dev == made->st_dev && st.st_ino == made->st_ino)
		return fd;
	close(fd);
	return error_set(PMIG_EEXIST, "another file got that name here just now");
}

/* Permissions last: a file may forbid what its descriptor may do. */
static void finish(int fd, const struct place_file *f)
{
	struct timespec t = {f->modified / 1000000000, f->modified % 1000000000};
	(void)fchmod(fd, f->mode & 07777);
	(void)futimens(fd, (struct timespec[2]){{.tv_nsec = UTIME_OMIT}, t});
}

/* Creates what is missing above `path`; counts it. */
static int parents(const char *path, unsigned *ret_created)
{
	char *copy = strdup(path);
	unsigned created = 0;
	int r = copy == NULL ? error_set(PMIG_ENOMEM, "no memory for a path") : 0;
	for (char *slash = copy; r >= 0 && (slash = strchr(slash + 1, '/')) != NULL;) {
		*slash = 0;
		if (mkdir(copy, 0777) == 0)
			created++;
		else if (errno != EEXIST)
			r = failure(errno, "its directory cannot be created here");
		*slash = '/';
	}
	free(copy);
	*ret_created = created;
	return r;
}

static void remove_parents(const char *path, unsigned n)
{
	char *copy = strdup(path), *slash;
	while (copy != NULL && n-- > 0 && (slash = strrchr(copy, '/')) != NULL && slash != copy) {
		*slash = 0;
		if (rmdir(copy) < 0)
			break;
	}
	free(copy);
}

/* A nameless file in the directory of `path`, or where that is impossible one with a name that nobody looks for. */
static int begin(const char *path, char **ret_hidden)
{
	char *hidden;
	const char *slash = strrchr(path, '/');
	int n = (int)(slash - path);
	if (asprintf(&hidden, "%.*s", n > 0 ? n : 1, path) < 0)
		return error_set(PMIG_ENOMEM, "no memory for a path");
	int fd = open(hidden, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int number = errno;
	free(hidden);
	*ret_hidden = NULL;
	if (fd >= 0 || (number != EOPNOTSUPP && number != EISDIR && number != EINVAL))
		return fd >= 0 ? fd : failure(number, "no file can be created in its directory here");
	if (asprintf(&hidden, "%.*s/.pmig-XXXXXX", n, path) < 0)
		return error_set(PMIG_ENOMEM, "no memory for a path");
	fd = mkostemp(hidden, O_CLOEXEC);
	if (fd < 0) {
		number = errno;
		free(hidden);
		return failure(number, "no file can be created in its directory here");
	}
	*ret_hidden = hidden;
	return fd;
}

static int give_name(int fd, const char *hidden, const char *path)
{
	char name[64];
	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	int r = hidden == NULL ? linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW) : link(hidden, path);
	if (r < 0 && errno == EEXIST)
		return error_set(PMIG_EEXIST, "another file got that name here just now");
	return r < 0 ? failure(errno, "the file cannot get its name here") : 0;
}

/* Content, then the name. */
static int create(int fd, const char *hidden, const struct place_file *f, struct stat *ret_made, int *ret_fd)
{
	int r = fill(fd, f);
	if (r >= 0 && fstat(fd, ret_made) < 0)
		r = failure(errno, "the new file");
	if (r >= 0)
		r = give_name(fd, hidden, f->path);
	if (r < 0)
		return r;
	int named = open_named(f, ret_made);
	if (named < 0) {
		if (named != PMIG_EEXIST)
			unlink(f->path);
		return named;
	}
	finish(fd, f);
	*ret_fd = named;
	return 0;
}

int place_create(const struct place_file *f, int *ret_fd, struct place_done *ret_done)
{
	unsigned created = 0;
	char *hidden = NULL, *path = strdup(f->path);
	struct stat st;
	int fd = -1;
	int r = path == NULL ? error_set(PMIG_ENOMEM, "no memory for a path") : parents(f->path, &created);
	if (r >= 0)
		r = fd = begin(f->path, &hidden);
	if (r >= 0)
		r = create(fd, hidden, f, &st, ret_fd);
	if (hidden != NULL)
		unlink(hidden);
	free(hidden);
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		remove_parents(f->path, created);
		free(path);
		return r;
	}
	ret_done->path = path;
	ret_done->parents = created;
	ret_done->device = st.st_dev;
	ret_done->inode = st.st_ino;
	return 0;
}

int place_nameless(const struct place_file *f, int *ret_fd)
{
	const char *directory = getenv("TMPDIR");
	const char *tries[] = {directory != NULL ? directory : P_tmpdir, P_tmpdir, "/dev/shm"};
	int fd = -1;
	for (size_t i = 0; i < sizeof tries / sizeof *tries && fd < 0; i++)
		fd = open(tries[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = memfd_create("pmig", MFD_CLOEXEC);
	if (fd < 0)
		return failure(errno, "no nameless file can be made here");
	int r = fill(fd, f);
	int again = r < 0 ? -1 : reopen(fd, f->flags);
	if (r >= 0 && again < 0)
		r = failure(errno, "the file cannot be opened here as it was");
	if (r >= 0) {
		finish(fd, f);
		*ret_fd = again;
	}
	close(fd);
	return r < 0 ? r : 0;
}

int place_aside(const char *path, struct place_done *ret_done)
{
	char *aside = NULL;
	for (unsigned i = 0; i < 1000; i++) {
		int n = i == 0 ? asprintf(&aside, "%s.old", path) : asprintf(&aside, "%s.old.%u", path, i);
		if (n < 0)
			return error_set(PMIG_ENOMEM, "no memory for a path");
		if (renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE) == 0) {
			ret_done->aside = aside;
			ret_done->replaced = strdup(path);
			return 0;
		}
		int number = errno;
		free(aside);
		if (number != EEXIST)
			return failure(number, "the file that is there cannot be set aside");
	}
	return error_set(PMIG_EREFUSED, "too many files were set aside before; remove them");
}

static void release(struct place_done *d)
{
	free(d->path);
	free(d->aside);
	free(d->replaced);
	*d = (struct place_done){0};
}

void place_undo(struct place_done *d)
{
	struct stat st;
	bool ours = d->path != NULL && lstat(d->path, &st) == 0 && st.st_dev == d->device && st.st_ino == d->inode;
	if (ours && unlink(d->path) == 0)
		remove_parents(d->path, d->parents);
	if (d->aside != NULL && d->replaced != NULL)
		(void)renameat2(AT_FDCWD, d->aside, AT_FDCWD, d->replaced, RENAME_NOREPLACE);
	release(d);
}

void place_settle(struct place_done *d)
{
	if (d->stale && d->aside != NULL)
		(void)unlink(d->aside);
	release(d);
}
