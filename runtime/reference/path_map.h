/* path_map: paths of this process that lead to a directory at another host: what the program opens by such a path is opened there.
 * Only its own calls (calls_path.c, and fopen and opendir) know of it; nothing is mounted. The table belongs to this process: the kind
 * that made an entry makes it anew after a restore. */
#ifndef PMIG_REFERENCE_PATH_MAP_H
#define PMIG_REFERENCE_PATH_MAP_H

#include "../base/error.h"

#include <stdbool.h>

struct remote_file;

/* Whether there is any: all that an ordinary open() pays. */
extern _Atomic bool path_map_any;

/* `prefix` (absolute) and all below it leads to `directory` and below; `directory` is taken (not on failure). Errors: PMIG_EEXIST (that prefix
 * leads elsewhere already), PMIG_ENOMEM. */
PMIG_MUST_CHECK int path_map_add(const char *prefix, struct remote_file *directory);
void path_map_remove(const char *prefix);

/* The directory to which `path` leads, and *ret_rest, below it; ".": itself. NULL: it is an ordinary path. */
struct remote_file *path_map_lookup(const char *path, const char **ret_rest);

static inline struct remote_file *path_map_find(const char *path, const char **ret_rest)
{
	return __builtin_expect(path_map_any, 0) && path != NULL ? path_map_lookup(path, ret_rest) : NULL;
}

/* The socket by which `prefix` is reached; -1: it is not in the table. */
int path_map_socket(const char *prefix);

#endif
