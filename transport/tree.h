/* tree: how much lies below a folder. */
#ifndef PMIG_TRANSPORT_TREE_H
#define PMIG_TRANSPORT_TREE_H

#include <stdint.h>
#include <sys/stat.h>

#define TREE_ENTRIES_MAX 100000 /* beyond, what was counted so far stands for at least so much */

/* Bytes of regular files below `path`, a file with several names once for each. Symbolic links are not followed, other file systems
 * below it count. */
uint64_t tree_size(const char *path);

struct tree_look {
	uint64_t size;   /* as tree_size() */
	char stuck[512]; /* the first thing that could not go along, in words: "a/b cannot be read"; "" where all can */
};

/* `entry` (may be NULL) is called for each thing below `root`, with its path. */
void tree_look(const char *root, void (*entry)(void *context, const char *root, const char *path, const struct stat *st),
	void *context, struct tree_look *ret);

#endif
