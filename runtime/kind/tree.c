/* tree: the source's side: the record of a tree, and its removal. What one content cannot hold as it lies in its file, small files and
 * files with holes, is packed into one temporary file. */
#include "tree.h"

#include "tree_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIRECT_LEAST (1u << 20) /* from so many bytes on, a file without holes is a content of its own */
#define DIRECT_MOST 8192        /* files: the kernel bounds the number of mappings */

/* One hand-over's lists, by root: for tree_release(). */
static struct kept {
	struct kept *next;
	char *root;
	struct tree_list list;
} *kept;

static struct kept *find(const char *root)
{
	struct kept *k = kept;
	while (k != NULL && strcmp(k->root, root) != 0)
		k = k->next;
	return k;
}

static int keep(const char *root, const struct tree_list *list)
{
	struct kept *k = find(root);
	if (k == NULL) {
		k = calloc(1, sizeof *k);
		if (k == NULL || (k->root = strdup(root)) == NULL) {
			free(k);
			return error_set(PMIG_ENOMEM, "no memory for the list of a directory");
		}
		k->next = kept;
		kept = k;
	}
	tree_list_free(&k->list);
	k->list = *list;
	return 0;
}

/* --- contents --- */

struct pack {
	int fd;
	uint64_t size;
	unsigned direct; /* contents of their own */
};

/* On a disk, not in memory. */
static int open_pack(void)
{
	int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open(P_tmpdir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? error_errno(PMIG_ENOSPC, errno, "no temporary file for small files") : fd;
}

static int append(struct pack *p, int from, uint64_t offset, uint64_t size)
{
	static char buffer[256u << 10];
	if (p->fd < 0 && (p->fd = open_pack()) < 0)
		return p->fd;
	while (size > 0) {
		ssize_t n = pread(from, buffer, size < sizeof buffer ? size : sizeof buffer, (off_t)offset);
		if (n <= 0)
			return error_errno(PMIG_EREFUSED, n < 0 ? errno : EIO, "it changed while it was read");
		for (ssize_t done = 0, k; done < n; done += k) {
			k = pwrite(p->fd, buffer + done, (size_t)(n - done), (off_t)p->size);
			if (k <= 0)
				return error_errno(PMIG_ENOSPC, errno, "no room in the temporary directory");
			p->size += (uint64_t)k;
		}
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

/* The next stretch of data at or behind *at; false: none. lseek(2), SEEK_DATA. */
static bool stretch(int fd, uint64_t size, uint64_t *at, uint64_t *ret_end)
{
	off_t data = lseek(fd, (off_t)*at, SEEK_DATA), hole;
	if (data < 0 && errno != ENXIO && *at == 0) { /* this file system does not tell */
		*ret_end = size;
		return size > 0;
	}
	if (data < 0 || (uint64_t)data >= size)
		return false;
	hole = lseek(fd, data, SEEK_HOLE);
	*at = (uint64_t)data;
	*ret_end = hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
	return *ret_end > *at;
}

/* Writes: 1 and a content; or 0 and stretches in the pack (end, offset, where), the last one with end 0. */
static int write_file(const char *root, const struct tree_entry *e, struct pack *p, struct pmig_writer *w)
{
	char *path;
	if (asprintf(&path, "%s/%s", root, e->path) < 0)
		return error_set(PMIG_ENOMEM, "no memory for a path");
	uint64_t size = (uint64_t)e->st.st_size, at = 0, end;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), r = 0;
	if (fd < 0)
		r = error_errno(PMIG_EREFUSED, errno, "%s", path);
	bool direct = size >= DIRECT_LEAST && (uint64_t)e->st.st_blocks * 512 >= size && p->direct < DIRECT_MOST;
	pmig_write_number(w, direct);
	if (r >= 0 && direct) {
		p->direct++;
		r = pmig_write_content(w, fd, size);
	}
	for (; r >= 0 && !direct && stretch(fd, size, &at, &end); at = end) {
		pmig_write_number(w, end);
		pmig_write_number(w, at);
		pmig_write_number(w, p->size);
		r = append(p, fd, at, end - at);
	}
	if (!direct)
		pmig_write_number(w, 0);
	if (fd >= 0)
		(void)close(fd);
	if (r < 0)
		r = error_prefix(r, "%s", path);
	free(path);
	return r;
}

static int write_entry(const char *root, const struct tree_entry *e, struct pack *p, struct pmig_writer *w)
{
	pmig_write_number(w, e->type);
	pmig_write_text(w, e->path);
	pmig_write_text(w, e->target);
	pmig_write_number(w, e->st.st_mode & 07777);
	pmig_write_number(w, (uint64_t)((int64_t)e->st.st_mtim.tv_sec * 1000000000 + e->st.st_mtim.tv_nsec));
	if (e->type != TREE_FILE)
		return 0;
	pmig_write_number(w, (uint64_t)e->st.st_size);
	return write_file(root, e, p, w);
}

int tree_save(const char *path, struct pmig_writer *w)
{
	struct tree_list list;
	struct pack pack = {.fd = -1};
	int r = tree_list_make(path, &list);
	if (r < 0)
		return r;
	r = keep(path, &list);
	if (r < 0) {
		tree_list_free(&list);
		return r;
	}
	pmig_write_number(w, list.n);
	for (size_t i = 0; i < list.n && r >= 0; i++)
		r = write_entry(path, &list.all[i], &pack, w);
	if (r >= 0)
		r = pmig_write_content(w, pack.fd, pack.size);
	if (pack.fd >= 0)
		(void)close(pack.fd);
	return r;
}

/* --- after the hand-over --- */

static char *join(const char *root, const char *path)
{
	char *joined;
	return asprintf(&joined, "%s%s%s", root, path[0] != '\0' ? "/" : "", path) < 0 ? NULL : joined;
}

/* Whether the next entry lies in this one. */
static bool has_content(const struct tree_list *l, size_t i)
{
	size_t n = strlen(l->all[i].path);
	return i + 1 < l->n &&
		(n == 0 || (strncmp(l->all[i + 1].path, l->all[i].path, n) == 0 && l->all[i + 1].path[n] == '/'));
}

/* A directory changes by what is removed from it: only one that is empty must be as it was. A target that sees the same file system has
 * given all that it found a new change time. */
static bool unchanged(const char *path, const struct tree_list *l, size_t i)
{
	const struct tree_entry *e = &l->all[i];
	struct stat now;
	if (lstat(path, &now) < 0 || now.st_dev != e->st.st_dev || now.st_ino != e->st.st_ino ||
		now.st_mode != e->st.st_mode)
		return false;
	if (e->type == TREE_DIRECTORY && has_content(l, i))
		return true;
	return now.st_size == e->st.st_size && now.st_ctim.tv_sec == e->st.st_ctim.tv_sec &&
		now.st_ctim.tv_nsec == e->st.st_ctim.tv_nsec;
}

int tree_release(const char *path)
{
	struct kept *k = find(path);
	int left = 0;
	if (k == NULL || k->list.n == 0)
		return 0;
	struct tree_list *l = &k->list;
	bool *goes = calloc(l->n, sizeof *goes);
	for (size_t i = 0; goes != NULL && i < l->n;
		i++) { /* all first: removing one name of a file changes its other names */
		char *at = join(path, l->all[i].path);
		goes[i] = at != NULL && unchanged(at, l, i);
		free(at);
	}
	for (size_t i = 0; goes != NULL && i < l->n; i++) {
		char *at = l->all[i].type == TREE_DIRECTORY && goes[i] ? join(path, l->all[i].path) : NULL;
		if (at != NULL && (l->all[i].st.st_mode & 0300) != 0300)
			(void)chmod(at, 0700); /* it forbids what is to be done in it */
		free(at);
	}
	for (size_t i = l->n; i-- > 0;) {
		char *at = join(path, l->all[i].path);
		bool directory = l->all[i].type == TREE_DIRECTORY;
		bool gone = at != NULL && goes != NULL && goes[i] && (directory ? rmdir(at) : unlink(at)) == 0;
		if (!gone && directory && at != NULL && goes != NULL && goes[i])
			(void)chmod(at, l->all[i].st.st_mode & 07777);
		left += !gone && at != NULL && access(at, F_OK) == 0;
		free(at);
	}
	free(goes);
	tree_list_free(l);
	return left;
}
