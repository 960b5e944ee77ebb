/* cache: content-addressed files, verified whenever they are used. */
#include "cache.h"
#include "bulk_hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct cache {
	int directory;
	char *root;
};

static int code_of(int number)
{
	return number == ENOSPC || number == EDQUOT ? PMIG_ENOSPC : PMIG_EIO;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLOSES __attribute__((cleanup(close_fd)))

/* A directory that others may write to could hand us anything. */
static int check_ours(int fd, const char *path)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_errno(PMIG_EIO, errno, "%s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return error_set(PMIG_EREFUSED, "%s: others can write there; give it to this user alone (chmod go-w)", path);
	return 0;
}

static int make_directories(char *path)
{
	for (char *c = path + 1;; c++) {
		char was = *c;
		if (was != '/' && was != '\0')
			continue;
		*c = '\0';
		int rc = mkdir(path, 0700) == 0 || errno == EEXIST
			? 0
			: error_errno(code_of(errno), errno, "cannot make %s", path);
		*c = was;
		if (rc < 0 || was == '\0')
			return rc;
	}
}

int cache_open(const char *root, struct cache **ret_cache)
{
	const char *home = getenv("HOME");
	if (root == NULL && (home == NULL || *home != '/'))
		return error_set(PMIG_EREFUSED, "no home directory (HOME is not set): there is no place for a cache");
	struct cache *c = calloc(1, sizeof *c);
	if (c == NULL ||
		(root != NULL ? (c->root = strdup(root)) == NULL : asprintf(&c->root, "%s/.cache/pmig", home) < 0)) {
		free(c);
		return error_set(PMIG_ENOMEM, "cache: not enough memory");
	}
	c->directory = -1;
	int rc = make_directories(c->root);
	if (rc >= 0 && (c->directory = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		rc = error_errno(PMIG_EIO, errno, "cannot open %s", c->root);
	if (rc >= 0)
		rc = check_ours(c->directory, c->root);
	if (rc < 0) {
		cache_close(c);
		return rc;
	}
	*ret_cache = c;
	return 0;
}

void cache_close(struct cache *c)
{
	if (c == NULL)
		return;
	close_fd(&c->directory);
	free(c->root);
	free(c);
}

static int check_names(const char *hash, const char *name)
{
	if (strspn(hash, "0123456789abcdef") != CACHE_HASH - 1 || hash[CACHE_HASH - 1] != '\0')
		return error_set(PMIG_EINVAL, "cache: '%.40s' is not a hash", hash);
	if (name != NULL && !bulk_name_allowed(name))
		return error_set(PMIG_EINVAL, "cache: '%.100s' cannot be a file name", name);
	return 0;
}

int cache_hash(int fd, char ret_hash[CACHE_HASH])
{
	enum { SIZE = 256 << 10 };
	struct bulk_hash h = {NULL};
	uint8_t *buffer = malloc(SIZE), digest[BULK_HASH_SIZE];
	off_t at = 0;
	ssize_t n = 0;
	int rc = buffer != NULL ? bulk_hash_init(&h) : error_set(PMIG_ENOMEM, "cache: not enough memory");
	while (rc >= 0 && (n = pread(fd, buffer, SIZE, at)) != 0) {
		if (n < 0 && errno != EINTR)
			rc = error_errno(PMIG_EIO, errno, "cannot read");
		if (n < 0)
			continue;
		bulk_hash_add(&h, buffer, (size_t)n);
		at += n;
	}
	if (rc >= 0) {
		bulk_hash_digest(&h, digest);
		bulk_hash_hex(digest, ret_hash);
	}
	bulk_hash_finish(&h);
	free(buffer);
	return rc;
}

int cache_directory(struct cache *c, const char *hash, int *ret_directory)
{
	int rc = check_names(hash, NULL);
	if (rc < 0)
		return rc;
	if (mkdirat(c->directory, hash, 0700) < 0 && errno != EEXIST)
		return error_errno(code_of(errno), errno, "cannot make %s/%s", c->root, hash);
	int fd = openat(c->directory, hash, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "cannot open %s/%s", c->root, hash);
	rc = check_ours(fd, hash);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*ret_directory = fd;
	return 0;
}

int cache_find(struct cache *c, const char *hash, const char *name, int *ret_fd)
{
	char found[CACHE_HASH];
	CLOSES int directory = -1;
	int rc = check_names(hash, name);
	if (rc >= 0 && faccessat(c->directory, hash, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		rc = error_set(PMIG_ENOENT, "%s/%s: not there", c->root, hash);
	if (rc >= 0)
		rc = cache_directory(c, hash, &directory);
	if (rc < 0)
		return rc;
	CLOSES int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return error_errno(errno == ENOENT ? PMIG_ENOENT : PMIG_EIO, errno, "%s/%s/%s", c->root, hash, name);
	rc = check_ours(fd, name);
	if (rc >= 0)
		rc = cache_hash(fd, found);
	if (rc < 0)
		return error_prefix(rc, "%s/%s/%s", c->root, hash, name);
	if (strcmp(found, hash) != 0) {
		(void)unlinkat(directory, name, 0);
		return error_set(PMIG_ENOENT, "%s/%s/%s: it was damaged and is removed", c->root, hash, name);
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int copy(int from, int to)
{
	char buffer[65536];
	off_t at = 0;
	ssize_t n;
	while ((n = pread(from, buffer, sizeof buffer, at)) != 0) {
		if (n < 0 && errno != EINTR)
			return error_errno(PMIG_EIO, errno, "cannot read");
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, buffer + done, (size_t)(n - done));
			if (w < 0 && errno != EINTR)
				return error_errno(code_of(errno), errno, "cannot write");
			done += w > 0 ? w : 0;
		}
		at += n > 0 ? n : 0;
	}
	return fsync(to) < 0 ? error_errno(code_of(errno), errno, "cannot make it durable") : 0;
}

static int put_new(int directory, int fd, const char *name, mode_t mode)
{
	uint64_t number;
	char temporary[32];
	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return error_errno(PMIG_EIO, errno, "no random number");
	(void)snprintf(temporary, sizeof temporary, ".%016llx", (unsigned long long)number);
	CLOSES int to = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0700);
	if (to < 0)
		return error_errno(code_of(errno), errno, "cannot make a file");
	int rc = copy(fd, to);
	if (rc >= 0 && (renameat(directory, temporary, directory, name) < 0 || fsync(directory) < 0))
		rc = error_errno(code_of(errno), errno, "cannot rename it");
	if (rc < 0)
		(void)unlinkat(directory, temporary, 0);
	return rc;
}

int cache_put(struct cache *c, int fd, const char *name, mode_t mode, char ret_hash[CACHE_HASH])
{
	char hash[CACHE_HASH] = "";
	CLOSES int directory = -1;
	CLOSES int found = -1;
	int rc = cache_hash(fd, hash);
	if (rc >= 0)
		rc = cache_find(c, hash, name, &found);
	if (rc == PMIG_ENOENT) {
		rc = cache_directory(c, hash, &directory);
		if (rc >= 0)
			rc = put_new(directory, fd, name, mode);
	}
	if (rc < 0)
		return error_prefix(rc, "cache: %s", name);
	memcpy(ret_hash, hash, sizeof hash);
	return 0;
}

/* Of a file that is being received, copied, or brought by a shell (deploy.c). */
static bool is_part(const char *name)
{
	static const char agent[] = "pmig-agent.";
	size_t length = strlen(name);
	return (length > 5 && strcmp(name + length - 5, ".part") == 0) ||
		(name[0] == '.' && length == 17 && strspn(name + 1, "0123456789abcdef") == 16) ||
		(strncmp(name, agent, sizeof agent - 1) == 0 &&
			strspn(name + sizeof agent - 1, "0123456789") == length - sizeof agent + 1);
}

static void sweep_one(int root, const char *hash, time_t before)
{
	int fd = openat(root, hash, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct stat st;
	bool removed = false;
	if (d == NULL) {
		close_fd(&fd);
		return;
	}
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		if (is_part(e->d_name) && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < before)
			removed |= unlinkat(fd, e->d_name, 0) == 0;
	(void)closedir(d);
	if (removed)
		(void)unlinkat(root, hash, AT_REMOVEDIR); /* unless there is more in it */
}

void cache_sweep(struct cache *c)
{
	int fd = openat(c->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	time_t before = time(NULL) - (time_t)CACHE_PART_DAYS * 24 * 60 * 60;
	if (d == NULL) {
		close_fd(&fd);
		return;
	}
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		if (check_names(e->d_name, NULL) >= 0)
			sweep_one(c->directory, e->d_name, before);
	(void)closedir(d);
}

int cache_path(const struct cache *c, const char *hash, const char *name, char **ret_path)
{
	char *path;
	int rc = check_names(hash, name);
	if (rc < 0)
		return rc;
	if (asprintf(&path, "%s/%s/%s", c->root, hash, name) < 0)
		return error_set(PMIG_ENOMEM, "cache: not enough memory");
	*ret_path = path;
	return 0;
}
