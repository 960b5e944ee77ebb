/* descriptor: finds the open file descriptions of this process. */
#include "descriptor.h"

#include "../reference/descriptors.h"
#include "../reference/referred.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINK_MAX_SIZE 4096

bool descriptor_same(int a, int b)
{
	pid_t pid = getpid();
	long r = syscall(SYS_kcmp, pid, pid, KCMP_FILE, (unsigned long)a, (unsigned long)b);
	if (r >= 0)
		return r == 0;
	/* Not permitted here (seccomp). O_NONBLOCK belongs to the description: change it at one, look at the other. */
	int fa = fcntl(a, F_GETFL), fb = fcntl(b, F_GETFL);
	if (fa < 0 || fb < 0 || fa != fb || fcntl(a, F_SETFL, fa ^ O_NONBLOCK) < 0)
		return false;
	bool same = fcntl(b, F_GETFL) != fb;
	(void)fcntl(a, F_SETFL, fa);
	return same;
}

int descriptor_renumber(int from, int to, bool close_on_exec)
{
	int r = 0;
	if (from == to)
		r = fcntl(from, F_SETFD, close_on_exec ? FD_CLOEXEC : 0);
	else
		r = dup3(from, to, close_on_exec ? O_CLOEXEC : 0);
	int number = errno;
	if (from != to)
		close(from);
	return r < 0 ? error_errno(PMIG_EIO, number, "descriptor %d cannot be had", to) : 0;
}

void descriptor_info(int fd, char *text, size_t size)
{
	char name[64];
	size_t n = 0;
	(void)snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
	int from = open(name, O_RDONLY | O_CLOEXEC);
	for (ssize_t k; from >= 0 && n < size - 1 && (k = read(from, text + n, size - 1 - n)) > 0;)
		n += (size_t)k;
	text[n] = 0;
	if (from >= 0)
		close(from);
}

uint64_t descriptor_number(const char *text, const char *name, int base, uint64_t otherwise)
{
	size_t n = strlen(name);
	for (const char *line = text; line != NULL && *line != 0; line = strchr(line, '\n'), line += line != NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return strtoull(line + n + 1, NULL, base);
	return otherwise;
}

static char *link_of(int fd)
{
	char name[64], path[LINK_MAX_SIZE];
	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, path, sizeof path);
	if (n < 0 || n == (ssize_t)sizeof path) {
		errno = n < 0 ? errno : ENAMETOOLONG;
		return NULL;
	}
	return strndup(path, (size_t)n);
}

static int add_number(struct description *d, int fd)
{
	struct descriptor_number *numbers = realloc(d->numbers, (d->n + 1) * sizeof *numbers);
	if (numbers == NULL)
		return error_set(PMIG_ENOMEM, "no memory for descriptors");
	d->numbers = numbers;
	numbers[d->n++] = (struct descriptor_number){.fd = fd, .close_on_exec = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0};
	return 0;
}

/* What a descriptor leads to; a placeholder stands for a file at another host. */
static int look(int fd, struct description *ret)
{
	struct description d = {.r.fd = fd, .offset = -1};
	const char *remote = descriptors_describe(fd, &d.r.st, &d.r.flags, &d.offset, &d.r.reference);
	if (remote == NULL) {
		d.r.flags = fcntl(fd, F_GETFL);
		if (d.r.flags < 0 || fstat(fd, &d.r.st) < 0)
			return error_errno(PMIG_EIO, errno, "descriptor %d", fd);
	}
	*ret = d;
	return 0;
}

static int describe(struct description *d, const struct description *seen)
{
	struct stat st;
	const char *remote = descriptors_locator(seen->r.fd, &st);
	*d = *seen;
	const struct referred *relayed = remote == NULL ? referred_find(&d->r.st) : NULL;
	if (relayed != NULL) { /* a socket that stands for a stream at another host */
		remote = relayed->locator;
		d->r.reference = relayed->id;
	}
	d->link = remote != NULL ? strdup(remote) : link_of(d->r.fd);
	if (d->link == NULL)
		return error_errno(PMIG_EIO, errno, "descriptor %d: its name cannot be read", d->r.fd);
	d->r.locator = d->link;
	if (remote == NULL && (d->r.flags & O_PATH) == 0)
		d->offset = lseek(d->r.fd, 0, SEEK_CUR);
	return add_number(d, d->r.fd);
}

static bool alike(const struct description *a, const struct description *b)
{
	return a->r.st.st_dev == b->r.st.st_dev && a->r.st.st_ino == b->r.st.st_ino && a->r.flags == b->r.flags;
}

static int add(struct description **all, size_t *n, int fd)
{
	struct description d;
	int r = look(fd, &d);
	if (r < 0)
		return r;
	for (size_t i = 0; i < *n; i++)
		if (alike(&(*all)[i], &d) && descriptor_same((*all)[i].r.fd, fd))
			return add_number(&(*all)[i], fd);
	if ((*n & (*n - 1)) == 0) {
		struct description *more = realloc(*all, (*n == 0 ? 1 : 2 * *n) * sizeof *more);
		if (more == NULL)
			return error_set(PMIG_ENOMEM, "no memory for descriptors");
		*all = more;
	}
	return describe(&(*all)[(*n)++], &d);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The numbers first, all together: reading /proc/self/fd has a descriptor open itself. */
static int list(bool (*skip)(int), int **ret, size_t *ret_n)
{
	DIR *d = opendir("/proc/self/fd");
	if (d == NULL)
		return error_errno(PMIG_EIO, errno, "/proc/self/fd");
	int *fds = NULL, r = 0;
	size_t n = 0;
	for (struct dirent *e; r >= 0 && (e = readdir(d)) != NULL;) {
		int fd = e->d_name[0] == '.' ? -1 : atoi(e->d_name);
		if (fd < 0 || fd == dirfd(d) || skip(fd))
			continue;
		if ((n & (n - 1)) == 0) {
			int *more = n < DESCRIPTOR_MAX ? realloc(fds, (n == 0 ? 1 : 2 * n) * sizeof *fds) : NULL;
			if (more == NULL)
				r = error_set(PMIG_EREFUSED, "more than %d descriptors are open", DESCRIPTOR_MAX);
			else
				fds = more;
		}
		if (r >= 0)
			fds[n++] = fd;
	}
	closedir(d);
	if (r < 0) {
		free(fds);
		return r;
	}
	if (n > 0)
		qsort(fds, n, sizeof *fds, by_number);
	*ret = fds;
	*ret_n = n;
	return 0;
}

int descriptor_scan(bool (*skip)(int fd), struct description **ret, size_t *ret_n)
{
	struct description *all = NULL;
	int *fds = NULL;
	size_t n = 0, n_fds = 0;
	int r = list(skip, &fds, &n_fds);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_fds && r >= 0; i++)
		r = add(&all, &n, fds[i]);
	free(fds);
	if (r < 0) {
		descriptor_free(all, n);
		return r;
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

void descriptor_drop(struct description *d)
{
	free(d->link);
	free(d->numbers);
}

void descriptor_free(struct description *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		descriptor_drop(&all[i]);
	free(all);
}

/* Whether the descriptor at /proc/PID/fd/NAME can write. */
static bool writes(const char *pid, const char *name)
{
	char path[600], line[128];
	(void)snprintf(path, sizeof path, "/proc/%s/fdinfo/%s", pid, name);
	FILE *f = fopen(path, "re");
	unsigned flags = O_RDWR;
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return (flags & O_ACCMODE) != O_RDONLY;
}

static bool process_has(const char *pid, const char *link, const struct stat *st, bool writing)
{
	char path[300], target[LINK_MAX_SIZE];
	(void)snprintf(path, sizeof path, "/proc/%s/fd", pid);
	DIR *d = opendir(path);
	bool found = false;
	for (struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		struct stat other;
		found = strcmp(target, link) == 0 && fstatat(dirfd(d), e->d_name, &other, 0) == 0 &&
			other.st_dev == st->st_dev && other.st_ino == st->st_ino && (!writing || writes(pid, e->d_name));
	}
	if (d != NULL)
		closedir(d);
	return found;
}

void descriptor_process(const char *pid, char *who, size_t size)
{
	char path[300], name[32] = "?";
	(void)snprintf(path, sizeof path, "/proc/%s/comm", pid);
	FILE *f = fopen(path, "re");
	if (f != NULL) {
		if (fgets(name, sizeof name, f) != NULL)
			name[strcspn(name, "\n")] = 0;
		fclose(f);
	}
	(void)snprintf(who, size, "process %.10s (%s)", pid, name);
}

bool descriptor_elsewhere(const char *link, const struct stat *st, bool writing, char *who, size_t size)
{
	DIR *d = opendir("/proc");
	pid_t me = getpid();
	bool found = false;
	for (struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || atoi(e->d_name) == me)
			continue;
		found = process_has(e->d_name, link, st, writing);
		if (found)
			descriptor_process(e->d_name, who, size);
	}
	if (d != NULL)
		closedir(d);
	return found;
}
