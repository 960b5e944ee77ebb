/* traverse: fts_open() and its kind, fts(3). libc's keeps a traversal in its own heap, and changes the directory on the way; here it lies in the
 * program's memory, every fts_accpath is a path from where the program is, and no descriptor is open between two calls. */
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FTS *pmig_fts_open(char *const *roots, int options, int (*compare)(const FTSENT **, const FTSENT **));
FTSENT *pmig_fts_read(FTS *t);
FTSENT *pmig_fts_children(FTS *t, int names_only);
int pmig_fts_set(FTS *t, FTSENT *e, int instruction);
int pmig_fts_close(FTS *t);

/* In one block with its name, its path and what stat() says. */
static FTSENT *make(const char *directory, const char *name, FTSENT *parent)
{
	size_t n = strlen(name), above = strlen(directory);
	bool slash = above > 0 && directory[above - 1] != '/';
	FTSENT *e = calloc(1, sizeof *e + n + 1);
	char *path = malloc(above + slash + n + 1);
	struct stat *st = calloc(1, sizeof *st);
	if (e == NULL || path == NULL || st == NULL) {
		free(e);
		free(path);
		free(st);
		return NULL;
	}
	memcpy(path, directory, above);
	memcpy(path + above, "/", slash);
	memcpy(path + above + slash, name, n + 1);
	memcpy(e->fts_name, name, n + 1);
	e->fts_path = e->fts_accpath = path;
	e->fts_pathlen = (unsigned short)(above + slash + n);
	e->fts_namelen = (unsigned short)n;
	e->fts_statp = st;
	e->fts_parent = parent;
	e->fts_level = (short)(parent != NULL ? parent->fts_level + 1 : FTS_ROOTPARENTLEVEL);
	e->fts_instr = FTS_NOINSTR;
	return e;
}

static void drop(FTSENT *e)
{
	if (e == NULL)
		return;
	free(e->fts_path);
	free(e->fts_statp);
	free(e);
}

static void drop_all(FTSENT *list)
{
	for (FTSENT *next; list != NULL; list = next) {
		next = list->fts_link;
		drop(list);
	}
}

static unsigned short sort_of_directory(FTSENT *e)
{
	if (strcmp(e->fts_name, ".") == 0 || strcmp(e->fts_name, "..") == 0)
		return e->fts_level == FTS_ROOTLEVEL ? FTS_D : FTS_DOT;
	for (FTSENT *p = e->fts_parent; p != NULL && p->fts_level >= FTS_ROOTLEVEL; p = p->fts_parent)
		if (p->fts_ino == e->fts_ino && p->fts_dev == e->fts_dev) {
			e->fts_cycle = p;
			return FTS_DC;
		}
	return FTS_D;
}

/* What it is. */
static unsigned short look(const FTS *t, FTSENT *e, bool follow)
{
	struct stat *st = e->fts_statp;
	if ((t->fts_options & FTS_LOGICAL) != 0 || follow) {
		if (stat(e->fts_accpath, st) < 0) {
			int number = errno;
			if (lstat(e->fts_accpath, st) == 0)
				return FTS_SLNONE;
			e->fts_errno = number;
			return FTS_NS;
		}
	} else if (lstat(e->fts_accpath, st) < 0) {
		e->fts_errno = errno;
		return FTS_NS;
	}
	e->fts_ino = st->st_ino;
	e->fts_dev = st->st_dev;
	e->fts_nlink = st->st_nlink;
	if (S_ISDIR(st->st_mode))
		return sort_of_directory(e);
	return S_ISLNK(st->st_mode) ? FTS_SL : S_ISREG(st->st_mode) ? FTS_F : FTS_DEFAULT;
}

static FTSENT *sorted(const FTS *t, FTSENT *list)
{
	size_t n = 0, i = 0;
	for (FTSENT *e = list; e != NULL; e = e->fts_link)
		n++;
	FTSENT **all = t->fts_compar != NULL && n > 1 ? calloc(n, sizeof(FTSENT *)) : NULL;
	if (all == NULL)
		return list;
	for (FTSENT *e = list; e != NULL; e = e->fts_link)
		all[i++] = e;
	qsort(all, n, sizeof *all, t->fts_compar);
	for (i = 0; i < n; i++)
		all[i]->fts_link = i + 1 < n ? all[i + 1] : NULL;
	list = all[0];
	free(all);
	return list;
}

/* All that is in the directory; NULL: nothing, or, with e->fts_errno, it cannot be read. */
static FTSENT *children_of(FTS *t, FTSENT *e)
{
	DIR *d = opendir(e->fts_accpath);
	FTSENT *first = NULL, **end = &first;
	if (d == NULL) {
		e->fts_errno = errno;
		return NULL;
	}
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		const char *name = entry->d_name;
		if ((t->fts_options & FTS_SEEDOT) == 0 && (strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
			continue;
		FTSENT *c = make(e->fts_path, name, e);
		if (c == NULL) {
			e->fts_errno = ENOMEM;
			break;
		}
		c->fts_info = look(t, c, false);
		*end = c;
		end = &c->fts_link;
	}
	(void)closedir(d);
	return sorted(t, first);
}

FTS *pmig_fts_open(char *const *roots, int options, int (*compare)(const FTSENT **, const FTSENT **))
{
	if ((options & ~FTS_OPTIONMASK) != 0) {
		errno = EINVAL;
		return NULL;
	}
	FTS *t = calloc(1, sizeof *t);
	FTSENT *above = t != NULL ? make("", "", NULL) : NULL, *first = NULL, **end = &first;
	int number = above == NULL ? ENOMEM : 0;
	for (; number == 0 && *roots != NULL; roots++) {
		FTSENT *e = **roots != 0 ? make("", *roots, above) : NULL;
		if (e == NULL) {
			number = **roots != 0 ? ENOMEM : ENOENT;
			break;
		}
		t->fts_options = options;
		e->fts_info = look(t, e, (options & FTS_COMFOLLOW) != 0);
		*end = e;
		end = &e->fts_link;
	}
	if (number != 0) {
		drop_all(first);
		drop(above);
		free(t);
		errno = number;
		return NULL;
	}
	t->fts_options = options;
	t->fts_compar = (int (*)(const void *, const void *))compare;
	above->fts_link = sorted(t, first);
	above->fts_info = FTS_INIT;
	t->fts_cur = above;
	return t;
}

/* A root is called by the last part of its path. */
static void begin_root(FTSENT *e)
{
	char *slash = strrchr(e->fts_name, '/');
	if (slash == NULL || (slash == e->fts_name && slash[1] == 0))
		return;
	e->fts_namelen = (unsigned short)strlen(slash + 1);
	memmove(e->fts_name, slash + 1, e->fts_namelen + 1u);
}

static FTSENT *follow_link(const FTS *t, FTSENT *e)
{
	e->fts_instr = FTS_NOINSTR;
	e->fts_errno = 0;
	e->fts_info = look(t, e, true);
	return e;
}

/* All are done: the directory again that holds them. */
static FTSENT *go_up(FTS *t, FTSENT *above)
{
	t->fts_cur = above;
	if (above != NULL && above->fts_level != FTS_ROOTPARENTLEVEL) {
		above->fts_info = above->fts_errno != 0 ? FTS_ERR : FTS_DP;
		return above;
	}
	drop(above);
	t->fts_cur = NULL;
	errno = 0;
	return NULL;
}

/* The next one beside `e`, which is dropped; behind the one that the roots hang on comes the first of them, and it stays. */
static FTSENT *leave(FTS *t, FTSENT *e)
{
	for (;;) {
		FTSENT *next = e->fts_link, *above = e->fts_info == FTS_INIT ? e : e->fts_parent;
		if (e->fts_info == FTS_INIT) {
			e->fts_info = FTS_DP;
			e->fts_link = NULL;
		} else {
			drop(e);
		}
		if (next == NULL)
			return go_up(t, above);
		t->fts_cur = e = next;
		if (e->fts_level == FTS_ROOTLEVEL) {
			t->fts_dev = e->fts_dev;
			begin_root(e);
		}
		if (e->fts_instr != FTS_SKIP)
			return e->fts_instr == FTS_FOLLOW ? follow_link(t, e) : e;
	}
}

FTSENT *pmig_fts_read(FTS *t)
{
	FTSENT *e = t->fts_cur;
	if (e == NULL || (t->fts_options & FTS_STOP) != 0)
		return NULL;
	int instruction = e->fts_instr;
	e->fts_instr = FTS_NOINSTR;
	if (instruction == FTS_AGAIN) {
		e->fts_info = look(t, e, false);
		return e;
	}
	if (instruction == FTS_FOLLOW && (e->fts_info == FTS_SL || e->fts_info == FTS_SLNONE))
		return follow_link(t, e);
	if (e->fts_info != FTS_D)
		return leave(t, e);
	bool skipped = instruction == FTS_SKIP || ((t->fts_options & FTS_XDEV) != 0 && e->fts_dev != t->fts_dev);
	FTSENT *children = skipped ? NULL : t->fts_child != NULL ? t->fts_child : children_of(t, e);
	if (skipped)
		drop_all(t->fts_child);
	t->fts_child = NULL;
	if (children != NULL) {
		t->fts_cur = children;
		return children->fts_instr == FTS_FOLLOW ? follow_link(t, children) : children;
	}
	e->fts_info = !skipped && e->fts_errno != 0 ? FTS_DNR : FTS_DP;
	return e;
}

FTSENT *pmig_fts_children(FTS *t, int names_only)
{
	FTSENT *e = t->fts_cur;
	if (names_only != 0 && names_only != FTS_NAMEONLY) {
		errno = EINVAL;
		return NULL;
	}
	errno = 0;
	if (e == NULL || (e->fts_info != FTS_INIT && e->fts_info != FTS_D))
		return NULL;
	if (e->fts_info == FTS_INIT)
		return e->fts_link;
	drop_all(t->fts_child);
	t->fts_child = children_of(t, e);
	return t->fts_child;
}

int pmig_fts_set(FTS *t, FTSENT *e, int instruction)
{
	(void)t;
	if (instruction != 0 && instruction != FTS_AGAIN && instruction != FTS_FOLLOW && instruction != FTS_NOINSTR &&
		instruction != FTS_SKIP) {
		errno = EINVAL;
		return 1;
	}
	e->fts_instr = (unsigned short)instruction;
	return 0;
}

int pmig_fts_close(FTS *t)
{
	drop_all(t->fts_child);
	FTSENT *e = t->fts_cur;
	while (e != NULL) {
		FTSENT *above = e->fts_parent;
		drop_all(e);
		e = above;
	}
	free(t);
	return 0;
}
