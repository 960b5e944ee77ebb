/* tree_list: what lies below a directory; private to runtime/kind/tree*.c. */
#ifndef PMIG_KIND_TREE_LIST_H
#define PMIG_KIND_TREE_LIST_H

#include "../base/error.h"

#include <stdint.h>
#include <sys/stat.h>

enum tree_type {
	TREE_DIRECTORY = 1,
	TREE_FILE,
	TREE_LINK,
	TREE_FIFO,
	TREE_AGAIN /* another name of a file that came before */
};

struct tree_entry {
	char *path;   /* below the root; "" for the root itself */
	char *target; /* TREE_LINK, TREE_AGAIN */
	enum tree_type type;
	struct stat st;
};

struct tree_list {
	struct tree_entry *all; /* a directory before what is in it */
	size_t n, room;
};

/* Errors: as tree_save(). */
PMIG_MUST_CHECK int tree_list_make(const char *path, struct tree_list *ret);
void tree_list_free(struct tree_list *l);

#endif
