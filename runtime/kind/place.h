/* place: a file with given content put at its path, without ever overwriting anything. */
#ifndef PMIG_KIND_PLACE_H
#define PMIG_KIND_PLACE_H

#include "../base/error.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Flags that open() may get again; the others made sense once. */
#define PLACE_FLAGS_AGAIN (O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_DIRECT | O_NOATIME)

struct place_file {
	const char *path; /* absolute */
	const void *data;
	uint64_t size;
	mode_t mode;      /* permissions */
	int64_t modified; /* ns since 1970 */
	int flags;        /* for open(): access mode and O_APPEND, O_SYNC, ... */
};

/* What was done; for place_undo(). */
struct place_done {
	char *path;       /* malloc's; NULL: nothing was created under a name */
	char *aside;      /* malloc's: what lay at `replaced` was renamed to this; NULL: nothing */
	char *replaced;   /* malloc's */
	bool stale;       /* what was set aside is of no use once the process runs here */
	unsigned parents; /* so many directories above path were created */
	dev_t device;
	ino_t inode; /* not used again as long as the process has the file open */
};

/* Whether path is absolute and has no "", "." or ".." in it. */
bool place_sound(const char *path);

/* Opens the file at the path if it has exactly that content. 1: *ret_fd is open; 0: nothing is there, or (see
 * *ret_differs) something else. `touch`: its change time is set, so that who sees the same file by another way
 * notices. Errors: PMIG_EREFUSED (cannot be opened, is no regular file). */
PMIG_MUST_CHECK int place_find(const struct place_file *f, bool touch, int *ret_fd, bool *ret_differs);

/* Whether what lies at the path is a version that this process left there itself and nobody changed since (left.h). */
bool place_left(const char *path);

/* Creates it, with the directories above. Fails with PMIG_EEXIST rather than replace anything. Errors: PMIG_EREFUSED
 * (permissions), PMIG_ENOSPC, PMIG_EIO. */
PMIG_MUST_CHECK int place_create(const struct place_file *f, int *ret_fd, struct place_done *ret_done);

/* Creates a file with that content that has no name. */
PMIG_MUST_CHECK int place_nameless(const struct place_file *f, int *ret_fd);

/* Renames what lies at the path to PATH.old (or .old.1, ...), and says so in ret_done->aside. */
PMIG_MUST_CHECK int place_aside(const char *path, struct place_done *ret_done);

/* Takes back what was done, as far as nobody touched it; or lets it stay and removes what is stale. Both free the
 * strings. */
void place_undo(struct place_done *d);
void place_settle(struct place_done *d);

#endif
