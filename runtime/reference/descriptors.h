/* descriptors: which descriptor numbers of this process lead to a remote file. Such a number is held by a placeholder, an O_PATH
 * descriptor of an empty memory file named pmig-reference-ID: the program's own calls (replaced.h) find the remote file by the
 * number, and those of a library that does not know of it fail with EBADF. Duplicates of a number share the file and its position, as
 * duplicates of any descriptor do.
 *
 * The table belongs to this process; in an image a remote file is what its kind wrote of it. */
#ifndef PMIG_REFERENCE_DESCRIPTORS_H
#define PMIG_REFERENCE_DESCRIPTORS_H

#include "../base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct remote_file;

/* Whether there is any: all that an ordinary read() or write() pays. */
extern _Atomic bool descriptors_any;

/* What `fd` leads to; NULL: nothing of ours. */
struct remote_file *descriptors_lookup(int fd);

static inline struct remote_file *descriptors_find(int fd)
{
	return __builtin_expect(descriptors_any, 0) ? descriptors_lookup(fd) : NULL;
}

static inline bool descriptors_refers(int fd)
{
	return descriptors_find(fd) != NULL;
}

/* A new placeholder, close-on-exec, that leads to `f`, which is taken: it is closed with its last descriptor, and its reference
 * dropped then. Errors: PMIG_EIO, PMIG_ENOMEM; f is closed then too. */
PMIG_MUST_CHECK int descriptors_create(struct remote_file *f, uint64_t id, const char *locator, int *ret_fd);

/* `to`, which the caller made a duplicate of `from`, leads where from does. -1 and ENOMEM: it leads nowhere. */
int descriptors_duplicated(int from, int to);

/* `fd` is closed by the caller: it leads nowhere from now on. 0, or -1 with the errno of an earlier write, if it was the last. */
int descriptors_closed(int fd);
int descriptors_closed_from(unsigned first, unsigned last);

/* The same when nobody closed it: another number has taken its place. */
void descriptors_renumbered(int fd);

/* fstat(2) of the thing as it was known last, with the device and inode of the descriptor here: for whoever wants to find it again. */
int descriptors_stat(int fd, struct stat *ret);

/* For the scan at a checkpoint, without asking there: NULL: an ordinary descriptor; else the thing's path (borrowed) and what it is.
 * descriptors_describe() also tells flags, position and reference. */
const char *descriptors_locator(int fd, struct stat *ret);
const char *descriptors_describe(int fd, struct stat *ret, int *ret_flags, int64_t *ret_position, uint64_t *ret_id);

/* As it was at the checkpoint; false: fd is an ordinary one. */
bool descriptors_resume(int fd, int flags, int64_t position);

/* Locks of a process, which end when any descriptor of the file is closed: fcntl(2). */
void descriptors_note_process_lock(int fd);
bool descriptors_process_locks(int fd);

/* Whether the runtime itself needs `fd`: a connection. */
bool descriptors_private(int fd);
int descriptors_next_private(int from); /* the lowest not below `from`; -1: none */

/* Before a checkpoint: no request is under way. PMIG_ETIMEOUT after `ms`: a host does not answer; what was written is kept until it
 * does. */
PMIG_MUST_CHECK int descriptors_settle(int64_t ms);

/* All that was written is answered. */
void descriptors_flush(void);

/* In a fork's child: nothing is remote any more; the connections are the parent's. */
void descriptors_forked(void);

#endif
