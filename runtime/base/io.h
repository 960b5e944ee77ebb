/* io: whole reads and writes, and files that are there completely or not at all, also after a power cut. */
#ifndef PMIG_BASE_IO_H
#define PMIG_BASE_IO_H

#include "error.h"

/* Writes all `size` bytes, whatever interrupts it; waits where `fd` does not block. Errors: PMIG_ENOSPC, PMIG_EIO. */
int io_write_all(int fd, const void *data, size_t size) PMIG_MUST_CHECK;

/* Reads up to `size` bytes, less only at the end of the file; waits where `fd` does not block. `*ret_size`: how many.
 * Error: PMIG_EIO. */
int io_read_all(int fd, void *data, size_t size, size_t *ret_size) PMIG_MUST_CHECK;

/* The content of the regular file `path`, with a NUL behind it that does not count; for the caller to free().
 * Errors: PMIG_ENOENT, PMIG_EINVAL (more than `max` bytes, or not a regular file), PMIG_ENOMEM, PMIG_EIO. */
int io_read_file(const char *path, size_t max, char **ret_data, size_t *ret_size) PMIG_MUST_CHECK;

/* Gives the descriptor a number as high as the limit allows, with room for `more` above it, so that those that a program expects
 * (3, 4, ...) stay free; close-on-exec. Takes `fd`: it is closed, or, after a failure, as it was. Error: PMIG_EIO. */
int io_move_high(int fd, unsigned more) PMIG_MUST_CHECK;

/* Makes the names in the directory of `path` durable: what was created, renamed or removed there. Error: PMIG_EIO. */
int io_sync_directory_of(const char *path) PMIG_MUST_CHECK;

/* Afterwards `path` holds these bytes, durably; after a failure what it held before. A link at `path` is replaced, not
 * followed; whoever has the old file open or mapped keeps it. Errors: PMIG_EINVAL (too long a path), PMIG_ENOSPC, PMIG_EIO. */
int io_replace_file(const char *path, const void *data, size_t size, unsigned mode) PMIG_MUST_CHECK;

#endif
