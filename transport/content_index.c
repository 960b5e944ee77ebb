/* content_index: a table in memory, a text file on disk. */
#include "content_index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIRST_LINE "pmig contents 1\n"
#define DEPTH_MAX 16
#define LINE_BYTES (PATH_MAX + 160)
#define FILE_MAX ((off_t)CONTENT_INDEX_ENTRIES * LINE_BYTES)

struct entry {
	char *path;
	char hash[CACHE_HASH];
	uint64_t size;
	int64_t modified, changed; /* nanoseconds since 1970 */
	uint64_t device, inode;
};

struct content_index {
	char *path;
	struct entry *entries; /* the oldest first */
	size_t count;
	bool changed;
};

static int64_t nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return nanoseconds(t);
}

static bool is_as_it_was(const struct entry *e, const struct stat *st)
{
	return S_ISREG(st->st_mode) && e->size == (uint64_t)st->st_size && e->modified == nanoseconds(st->st_mtim) &&
		e->changed == nanoseconds(st->st_ctim) && e->inode == st->st_ino && e->device == st->st_dev;
}

/* --- entries --- */

static void drop(struct content_index *x, size_t i)
{
	free(x->entries[i].path);
	memmove(&x->entries[i], &x->entries[i + 1], (x->count - i - 1) * sizeof *x->entries);
	x->count--;
	x->changed = true;
}

static struct entry *find(struct content_index *x, const char *path)
{
	for (size_t i = 0; i < x->count; i++)
		if (strcmp(x->entries[i].path, path) == 0)
			return &x->entries[i];
	return NULL;
}

/* Takes `e`, whose path is copied. */
static void add(struct content_index *x, struct entry e)
{
	if (strchr(e.path, '\n') != NULL || strlen(e.path) >= PATH_MAX)
		return; /* it would break the lines of the file; such names are not worth more than that */
	struct entry *old = find(x, e.path);
	if (old != NULL)
		drop(x, (size_t)(old - x->entries));
	while (x->count >= CONTENT_INDEX_ENTRIES)
		drop(x, 0);
	struct entry *more = realloc(x->entries, (x->count + 1) * sizeof *more);
	if (more == NULL)
		return;
	x->entries = more;
	e.path = strdup(e.path);
	if (e.path == NULL)
		return;
	x->entries[x->count++] = e;
	x->changed = true;
}

/* --- on disk --- */

static bool parse(char *line, struct entry *ret_entry)
{
	unsigned long long size, device, inode;
	long long modified, changed;
	int at = 0;
	struct entry e = {0};
	if (sscanf(line, "%32[0-9a-f] %llu %lld %lld %llu %llu %n", e.hash, &size, &modified, &changed, &device, &inode,
		    &at) < 6 ||
		at == 0 || strlen(e.hash) != CACHE_HASH - 1 || line[at] != '/')
		return false;
	e.path = line + at;
	e.path[strcspn(e.path, "\n")] = '\0';
	e.size = size, e.modified = modified, e.changed = changed, e.device = device, e.inode = inode;
	*ret_entry = e;
	return true;
}

static void load(struct content_index *x)
{
	int fd = open(x->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	bool ours = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		(st.st_mode & 022) == 0 && st.st_size <= FILE_MAX;
	FILE *f = ours ? fdopen(fd, "re") : NULL;
	if (f == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	char line[LINE_BYTES];
	struct entry e;
	bool known = fgets(line, sizeof line, f) != NULL && strcmp(line, FIRST_LINE) == 0;
	while (known && fgets(line, sizeof line, f) != NULL)
		if (parse(line, &e))
			add(x, e);
	(void)fclose(f);
	x->changed = false;
}

static void save(const struct content_index *x)
{
	char fresh[PATH_MAX];
	(void)snprintf(fresh, sizeof fresh, "%.*s.%d", PATH_MAX - 16, x->path, (int)getpid());
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "we") : NULL;
	if (f == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	bool good = fputs(FIRST_LINE, f) >= 0;
	for (size_t i = 0; good && i < x->count; i++) {
		const struct entry *e = &x->entries[i];
		good = fprintf(f, "%s %llu %lld %lld %llu %llu %s\n", e->hash, (unsigned long long)e->size,
			       (long long)e->modified, (long long)e->changed, (unsigned long long)e->device,
			       (unsigned long long)e->inode, e->path) > 0;
	}
	good = fclose(f) == 0 && good;
	if (!good || rename(fresh, x->path) < 0)
		(void)unlink(fresh);
}

int content_index_open(const char *path, struct content_index **ret_index)
{
	const char *home = getenv("HOME");
	struct content_index *x = calloc(1, sizeof *x);
	if (x == NULL)
		return error_set(PMIG_ENOMEM, "content index: not enough memory");
	if (path == NULL) { /* its directory is made, and looked at, by who owns it */
		struct cache *cache;
		int r = cache_open(NULL, &cache);
		if (r < 0) {
			free(x);
			return r;
		}
		cache_close(cache);
	}
	if (path != NULL ? (x->path = strdup(path)) == NULL : asprintf(&x->path, "%s/.cache/pmig/contents", home) < 0) {
		free(x);
		return error_set(PMIG_ENOMEM, "content index: not enough memory");
	}
	load(x);
	*ret_index = x;
	return 0;
}

void content_index_close(struct content_index *x)
{
	if (x == NULL)
		return;
	if (x->changed)
		save(x);
	while (x->count > 0)
		free(x->entries[--x->count].path);
	free(x->entries);
	free(x->path);
	free(x);
}

/* --- questions --- */

static int hash_open(struct content_index *x, const char *path, int fd, char ret_hash[CACHE_HASH])
{
	struct stat before, after;
	if (fstat(fd, &before) < 0)
		return error_errno(PMIG_EIO, errno, "content index");
	if (!S_ISREG(before.st_mode) || before.st_size > (off_t)CONTENT_INDEX_HASH_MAX)
		return error_set(PMIG_EREFUSED, "it is no regular file, or too large to be hashed now");
	const struct entry *known = path != NULL ? find(x, path) : NULL;
	if (known != NULL && is_as_it_was(known, &before)) {
		memcpy(ret_hash, known->hash, CACHE_HASH);
		return 0;
	}
	struct entry e = {.path = (char *)path,
		.size = (uint64_t)before.st_size,
		.modified = nanoseconds(before.st_mtim),
		.changed = nanoseconds(before.st_ctim),
		.device = before.st_dev,
		.inode = before.st_ino};
	int r = cache_hash(fd, e.hash);
	if (r < 0)
		return r;
	if (path != NULL && fstat(fd, &after) == 0 && is_as_it_was(&e, &after))
		add(x, e);
	memcpy(ret_hash, e.hash, CACHE_HASH);
	return 0;
}

int content_index_hash(struct content_index *x, const char *path, int fd, char ret_hash[CACHE_HASH])
{
	if (fd >= 0)
		return hash_open(x, NULL, fd, ret_hash);
	int own = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (own < 0)
		return error_errno(PMIG_EIO, errno, "%s", path);
	int r = hash_open(x, path, own, ret_hash);
	(void)close(own);
	return r;
}

static void search(struct content_index *x, const char *place, uint64_t size, int64_t until, int depth)
{
	struct stat st;
	char path[PATH_MAX], hash[CACHE_HASH];
	if (now() > until || depth > DEPTH_MAX || lstat(place, &st) < 0)
		return;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size == size)
		(void)!content_index_hash(x, place, -1, hash);
	DIR *d = S_ISDIR(st.st_mode) ? opendir(place) : NULL;
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			(e->d_type != DT_REG && e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		int n = snprintf(path, sizeof path, "%s/%s", place, e->d_name);
		if (n > 0 && (size_t)n < sizeof path)
			search(x, path, size, until, depth + 1);
	}
	if (d != NULL)
		(void)closedir(d);
}

void content_index_search(struct content_index *x, const char *place, uint64_t size, int64_t until)
{
	if (place[0] == '/')
		search(x, place, size, until, 0);
}

void content_index_each(struct content_index *x, uint64_t size,
	bool (*each)(void *context, const char *path, const char *hash), void *context)
{
	struct stat st;
	for (size_t i = x->count; i-- > 0;) {
		const struct entry *e = &x->entries[i];
		if (e->size != size)
			continue;
		if (lstat(e->path, &st) < 0 || !is_as_it_was(e, &st))
			drop(x, i);
		else if (!each(context, e->path, e->hash))
			return;
	}
}
