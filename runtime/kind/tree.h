/* tree: a directory with all that lies below it, as content: files with their holes, symbolic and hard links, FIFOs, modes, times, names of any
 * bytes. Contents do not pass through memory. At the target nothing is ever overwritten: what is equal is left as it is.
 *
 * Normal usage, by a kind:
 *   save()                  tree_save()
 *   move(), copy()          tree_arrive(), then tree_undo() or tree_settle()
 *   release(), after a move tree_release() */
#ifndef PMIG_KIND_TREE_H
#define PMIG_KIND_TREE_H

#include "../base/error.h"

#include <pmig/kind.h>

#define TREE_ENTRIES 1048576 /* at most */

/* What was created at the target. Zero-initialise. */
struct tree_done {
	char *root;     /* malloc's */
	char **created; /* paths below it, in order */
	size_t n, room;
	unsigned parents; /* directories above root that were created, root included */
};

/* Writes all that is below `path`. It is remembered, for tree_release(). Errors: PMIG_EREFUSED (something that cannot be read or carried is
 * named: a socket, a device, another file system), PMIG_ENOMEM, PMIG_ENOSPC. */
PMIG_MUST_CHECK int tree_save(const char *path, struct pmig_writer *w);

/* Makes it at `path`. `touch`: what is there and equal gets a new change time, so that the source, should it be the same files, does not remove
 * them. On failure what was made is in *ret_done all the same. Errors: PMIG_EREFUSED (other content lies there: named), PMIG_ENOSPC,
 * PMIG_ECORRUPT. */
PMIG_MUST_CHECK int tree_arrive(const char *path, struct pmig_reader *in, bool touch, struct tree_done *ret_done);

void tree_undo(struct tree_done *d);
void tree_settle(struct tree_done *d);

/* At the source: removes what tree_save() found at `path`, as far as nobody has changed it since. How many were left. */
int tree_release(const char *path);

#endif
