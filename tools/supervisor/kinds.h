/* kinds: shared objects with kinds of resources beside the tree's (`pmig run --kind`, <pmig/kind.h>), as a list of paths, a line each: they go
 * wherever the program goes, by content (prepare.h), and home remembers them. */
#ifndef PMIG_SUPERVISOR_KINDS_H
#define PMIG_SUPERVISOR_KINDS_H

#include "parts.h"

/* Those of the options, else those that this program was started with: s->kinds. */
int kinds_open(struct supervisor *s) PMIG_MUST_CHECK;

/* The i-th of a list (NULL: an empty one); false: there is none. */
bool kinds_path(const char *list, size_t i, char ret_path[PATH_MAX]);

/* Another path at the end of a list, which is realloc()ed. */
int kinds_add(char **list, const char *path) PMIG_MUST_CHECK;

#endif
