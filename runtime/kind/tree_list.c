/* tree_list: walks a directory without leaving its file system. */
#include "tree_list.h"

#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 512
#define BUCKETS 4096

/* Files with several names, by their inode. */
struct twin {
	struct twin *next;
	ino_t inode;
	size_t entry;
};

struct walk {
	struct tree_list *list;
	dev_t device;
	const char *root;
	struct twin *twins[BUCKETS];
};

void tree_list_free(struct tree_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->all[i].path);
		free(l->all[i].target);
	}
	free(l->all);
	*l = (struct tree_list){0};
}

static int refuse(const struct walk *w, const char *path, const char *words)
{
	return error_set(PMIG_EREFUSED, "%s/%s %s", w->root, path, words);
}

static int add(struct walk *w, const struct tree_entry *e)
{
	struct tree_list *l = w->list;
	if (l->n == TREE_ENTRIES)
		return error_set(PMIG_EREFUSED, "%s: more than %d things lie below it", w->root, TREE_ENTRIES);
	if (l->n == l->room) {
		size_t room = l->room == 0 ? 64 : 2 * l->room;
		struct tree_entry *all = realloc(l->all, room * sizeof *all);
		if (all == NULL)
			return error_set(PMIG_ENOMEM, "no memory for the list of a directory");
		l->all = all;
		l->room = room;
	}
	l->all[l->n] = *e;
	l->all[l->n].path = strdup(e->path);
	l->all[l->n].target = e->target != NULL ? strdup(e->target) : NULL;
	l->n++;
	return l->all[l->n - 1].path == NULL || (e->target != NULL && l->all[l->n - 1].target == NULL)
		? error_set(PMIG_ENOMEM, "no memory for the list of a directory")
		: 0;
}

/* The first name of a file that has several; NULL: this is it. */
static int first_name(struct walk *w, const struct stat *st, const char **ret)
{
	struct twin **bucket = &w->twins[st->st_ino % BUCKETS], *t = *bucket;
	*ret = NULL;
	while (t != NULL && t->inode != st->st_ino)
		t = t->next;
	if (t != NULL) {
		*ret = w->list->all[t->entry].path;
		return 0;
	}
	t = malloc(sizeof *t);
	if (t == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the list of a directory");
	*t = (struct twin){*bucket, st->st_ino, w->list->n};
	*bucket = t;
	return 0;
}

static int add_file(struct walk *w, int directory, const char *name, struct tree_entry *e)
{
	const char *first = NULL;
	int r = e->st.st_nlink > 1 ? first_name(w, &e->st, &first) : 0;
	if (r >= 0 && first != NULL) {
		e->type = TREE_AGAIN;
		e->target = (char *)first;
	} else if (r >= 0 && e->type == TREE_FILE && faccessat(directory, name, R_OK, AT_EACCESS) < 0) {
		r = refuse(w, e->path, "cannot be read");
	}
	return r < 0 ? r : add(w, e);
}

static int add_link(struct walk *w, int directory, const char *name, struct tree_entry *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(directory, name, target, sizeof target - 1);
	if (n < 0)
		return refuse(w, e->path, "cannot be read");
	target[n] = '\0';
	e->target = target;
	int r = add(w, e);
	e->target = NULL;
	return r;
}

static int walk(struct walk *w, int directory, const char *path, unsigned depth);

static int visit(struct walk *w, int directory, const char *name, const char *above, unsigned depth)
{
	char path[PATH_MAX];
	struct tree_entry e = {.path = path};
	int n = snprintf(path, sizeof path, "%s%s%s", above, above[0] != '\0' ? "/" : "", name);
	if (n >= (int)sizeof path || depth > DEPTH_MAX)
		return refuse(w, above, "is too deep");
	if (fstatat(directory, name, &e.st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : refuse(w, path, "cannot be looked at");
	if (S_ISDIR(e.st.st_mode)) {
		if (e.st.st_dev != w->device)
			return refuse(w, path, "is another file system, which does not go along");
		int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		e.type = TREE_DIRECTORY;
		int r = fd < 0 ? refuse(w, path, "cannot be read") : add(w, &e);
		if (r < 0 && fd >= 0)
			(void)close(fd);
		return r < 0 ? r : walk(w, fd, path, depth + 1);
	}
	e.type = S_ISREG(e.st.st_mode)   ? TREE_FILE
		: S_ISLNK(e.st.st_mode)  ? TREE_LINK
		: S_ISFIFO(e.st.st_mode) ? TREE_FIFO
					 : 0;
	if (e.type == 0)
		return refuse(w, path,
			S_ISSOCK(e.st.st_mode) ? "is a socket, which does not go along"
					       : "is a device, which does not go along");
	return e.type == TREE_LINK ? add_link(w, directory, name, &e) : add_file(w, directory, name, &e);
}

/* Takes `directory`. */
static int walk(struct walk *w, int directory, const char *path, unsigned depth)
{
	DIR *d = fdopendir(directory);
	int r = d == NULL ? error_errno(PMIG_EIO, errno, "%s/%s", w->root, path) : 0;
	if (d == NULL)
		(void)close(directory);
	for (struct dirent *e; r >= 0 && d != NULL && (e = readdir(d)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = visit(w, dirfd(d), e->d_name, path, depth);
	if (d != NULL)
		(void)closedir(d);
	return r;
}

int tree_list_make(const char *path, struct tree_list *ret)
{
	struct tree_list list = {0};
	struct walk w = {.list = &list, .root = path};
	struct tree_entry root = {.path = (char *)"", .type = TREE_DIRECTORY};
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &root.st) < 0) {
		int number = errno;
		if (fd >= 0)
			(void)close(fd);
		return error_errno(PMIG_EREFUSED, number, "%s", path);
	}
	w.device = root.st.st_dev;
	int r = add(&w, &root);
	if (r >= 0)
		r = walk(&w, fd, "", 0);
	else
		(void)close(fd);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct twin *t = w.twins[i], *next; t != NULL; t = next) {
			next = t->next;
			free(t);
		}
	if (r < 0)
		tree_list_free(&list);
	else
		*ret = list;
	return r;
}
