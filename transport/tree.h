/* tree: how much lies below a folder. */
#ifndef PMIG_TRANSPORT_TREE_H
#define PMIG_TRANSPORT_TREE_H

#include <stdint.h>

#define TREE_ENTRIES_MAX 100000 /* beyond, what was counted so far stands for at least so much */

/* Bytes of regular files below `path`, a file with several names once for each. Symbolic links are not followed, other file systems
 * below it count. */
uint64_t tree_size(const char *path);

struct tree_look {
	uint64_t size;   /* as tree_size() */
	char stuck[512]; /* the first thing that could not go along, in words: "a/b cannot be read"; "" where all can */
};

void tree_look(const char *path, struct tree_look *ret);

#endif
