/* tree: a walk that sums up, and finds what is in the way. */
#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

struct walk {
	struct tree_look *look;
	const char *root;
	void (*entry)(void *context, const char *root, const char *path, const struct stat *st);
	void *context;
	unsigned left;
	dev_t device;
};

static void stuck(struct walk *w, const char *path, const char *words)
{
	if (w->look->stuck[0] == '\0')
		(void)snprintf(w->look->stuck, sizeof w->look->stuck, "%.400s %s", path, words);
}

static void walk(struct walk *w, int fd, const char *path, unsigned depth);

static void visit(struct walk *w, int folder, const char *name, const char *path, unsigned depth)
{
	struct stat st;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (w->entry != NULL)
		w->entry(w->context, w->root, path, &st);
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			stuck(w, path, "cannot be read");
		else if (st.st_dev != w->device)
			stuck(w, path, "is another file system, which does not go along");
		if (fd >= 0)
			walk(w, fd, path, depth + 1);
	} else if (S_ISREG(st.st_mode)) {
		w->look->size += (uint64_t)st.st_size;
		if (faccessat(folder, name, R_OK, AT_EACCESS) < 0)
			stuck(w, path, "cannot be read");
	} else if (!S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode)) {
		stuck(w, path,
			S_ISSOCK(st.st_mode) ? "is a socket, which does not go along"
					     : "is a device, which does not go along");
	}
}

/* Takes `fd`. */
static void walk(struct walk *w, int fd, const char *path, unsigned depth)
{
	DIR *d = fdopendir(fd);
	char below[PATH_MAX];
	if (d == NULL)
		(void)close(fd);
	for (struct dirent *e; d != NULL && depth < DEPTH_MAX && w->left > 0 && (e = readdir(d)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		w->left--;
		if (snprintf(below, sizeof below, "%s/%s", path, e->d_name) < (int)sizeof below)
			visit(w, fd, e->d_name, below, depth);
	}
	if (d != NULL)
		(void)closedir(d);
}

void tree_look(const char *root, void (*entry)(void *context, const char *root, const char *path, const struct stat *st),
	void *context, struct tree_look *ret)
{
	struct stat st = {0};
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*ret = (struct tree_look){0};
	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)snprintf(ret->stuck, sizeof ret->stuck, "%.400s cannot be read", root);
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	struct walk w = {
		.look = ret, .root = root, .entry = entry, .context = context, .left = TREE_ENTRIES_MAX, .device = st.st_dev};
	walk(&w, fd, root, 0);
}

uint64_t tree_size(const char *path)
{
	struct tree_look look;
	tree_look(path, NULL, NULL, &look);
	return look.size;
}
