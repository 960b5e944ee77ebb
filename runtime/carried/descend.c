/* descend: ftw() and nftw(). They call back, so that a safe point may lie inside; and what libc's keep open while they do would be
 * lost with a move. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*plain_function)(const char *path, const struct stat *st, int kind);
typedef int (*full_function)(const char *path, const struct stat *st, int kind, struct FTW *at);

int pmig_ftw(const char *root, plain_function work, int most);
int pmig_nftw(const char *root, full_function work, int most, int flags);

/* A directory on the way down. */
struct level {
	struct level *above;
	dev_t device;
	ino_t inode;
	int depth;
};

struct descent {
	plain_function plain;
	full_function full;
	int flags;
	dev_t device; /* FTW_MOUNT */
	char path[PATH_MAX];
};

static int call(struct descent *d, const struct stat *st, int kind, int base, int depth)
{
	struct FTW at = {.base = base, .level = depth};
	if (d->full != NULL)
		return d->full(d->path, st, kind, &at);
	return d->plain(d->path, st, kind == FTW_SLN ? FTW_NS : kind);
}

static bool is_above(const struct level *l, const struct stat *st)
{
	while (l != NULL && (l->device != st->st_dev || l->inode != st->st_ino))
		l = l->above;
	return l != NULL;
}

static int look(const struct descent *d, struct stat *st)
{
	if ((d->flags & FTW_PHYS) != 0 ? lstat(d->path, st) == 0 : stat(d->path, st) == 0)
		return S_ISDIR(st->st_mode) ? FTW_D : S_ISLNK(st->st_mode) ? FTW_SL : FTW_F;
	if ((d->flags & FTW_PHYS) == 0 && (errno == ENOENT || errno == ELOOP) && lstat(d->path, st) == 0)
		return FTW_SLN;
	return errno == EACCES ? FTW_NS : -1;
}

static int visit(struct descent *d, size_t length, int base, const struct level *above);

/* The names of the directory at d->path, each ended by a NUL, the last by two; they are read at once, so that no descriptor stays open. */
static char *names_of(DIR *dir)
{
	size_t room = 4096, n = 0;
	char *names = malloc(room);
	for (struct dirent *e; names != NULL && (e = readdir(dir)) != NULL;) {
		size_t size = strlen(e->d_name) + 1;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (n + size + 1 > room) {
			char *more = realloc(names, room = 2 * (room + size));
			if (more == NULL)
				free(names);
			names = more;
		}
		if (names != NULL)
			memcpy(names + n, e->d_name, size);
		n += size;
	}
	if (names != NULL)
		names[n] = 0;
	return names;
}

static int each(struct descent *d, size_t length, const char *names, const struct level *here)
{
	int r = 0;
	bool slash = length > 0 && d->path[length - 1] == '/';
	for (const char *name = names; *name != 0 && r == 0; name += strlen(name) + 1) {
		size_t n = strlen(name), base = length + !slash;
		if (base + n >= sizeof d->path) {
			errno = ENAMETOOLONG;
			return -1;
		}
		d->path[length] = '/';
		memcpy(d->path + base, name, n + 1);
		r = visit(d, base + n, (int)base, here);
		d->path[length] = 0;
		if ((d->flags & FTW_ACTIONRETVAL) != 0 && r == FTW_SKIP_SIBLINGS)
			return 0;
		if ((d->flags & FTW_ACTIONRETVAL) != 0 && r == FTW_SKIP_SUBTREE)
			r = 0;
	}
	return r;
}

static int descend(struct descent *d, size_t length, int base, const struct stat *st, const struct level *above)
{
	struct level here = {(struct level *)above, st->st_dev, st->st_ino, above != NULL ? above->depth + 1 : 0};
	DIR *dir = opendir(d->path);
	if (dir == NULL)
		return errno == EACCES ? call(d, st, FTW_DNR, base, here.depth) : -1;
	char *names = names_of(dir);
	(void)closedir(dir);
	if (names == NULL)
		return -1;
	int r = (d->flags & FTW_DEPTH) == 0 ? call(d, st, FTW_D, base, here.depth) : 0;
	if (r == 0 && (d->flags & FTW_CHDIR) != 0 && chdir(d->path) < 0)
		r = -1;
	if (r == 0)
		r = each(d, length, names, &here);
	free(names);
	if (r == 0 && (d->flags & FTW_DEPTH) != 0)
		r = call(d, st, FTW_DP, base, here.depth);
	return r;
}

/* FTW_CHDIR: the function is called in the directory that holds the object. */
static int enter_parent(struct descent *d, int base)
{
	if ((d->flags & FTW_CHDIR) == 0 || base == 0)
		return 0;
	char kept = d->path[base];
	d->path[base] = 0;
	int r = chdir(d->path);
	d->path[base] = kept;
	return r;
}

static int visit(struct descent *d, size_t length, int base, const struct level *above)
{
	struct stat st = {0};
	int kind = look(d, &st), depth = above != NULL ? above->depth + 1 : 0;
	if (kind < 0)
		return -1;
	if ((d->flags & FTW_MOUNT) != 0 && kind != FTW_NS && above != NULL && st.st_dev != d->device)
		return 0;
	if (above == NULL)
		d->device = st.st_dev;
	if (enter_parent(d, base) < 0)
		return -1;
	if (kind != FTW_D)
		return call(d, &st, kind, base, depth);
	if ((d->flags & FTW_PHYS) == 0 && is_above(above, &st))
		return 0; /* a link that leads back up */
	return descend(d, length, base, &st, above);
}

static int begin(const char *root, plain_function plain, full_function full, int flags)
{
	struct descent *d = malloc(sizeof *d);
	size_t n = strlen(root);
	if (d == NULL || n >= sizeof d->path || n == 0) {
		free(d);
		errno = d == NULL ? ENOMEM : n == 0 ? ENOENT : ENAMETOOLONG;
		return -1;
	}
	*d = (struct descent){.plain = plain, .full = full, .flags = flags};
	memcpy(d->path, root, n + 1);
	int before = (flags & FTW_CHDIR) != 0 ? open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	size_t length = n;
	while (length > 1 && d->path[length - 1] == '/')
		d->path[--length] = 0;
	const char *slash = strrchr(d->path, '/');
	int r = visit(d, length, slash != NULL && slash[1] != 0 ? (int)(slash + 1 - d->path) : 0, NULL), number = errno;
	if (before >= 0) {
		(void)!fchdir(before);
		close(before);
	}
	free(d);
	errno = number;
	return (flags & FTW_ACTIONRETVAL) != 0 && r == FTW_SKIP_SUBTREE ? 0 : r;
}

int pmig_ftw(const char *root, plain_function work, int most)
{
	(void)most;
	return begin(root, work, NULL, 0);
}

int pmig_nftw(const char *root, full_function work, int most, int flags)
{
	(void)most;
	return begin(root, NULL, work, flags);
}
