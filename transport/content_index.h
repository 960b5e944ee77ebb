/* content_index: which content this host has under which path: hashes of files, remembered with the size, times and inode that they had
 * then. Equal content is found whatever it is called here, and a file that did not change is not hashed twice.
 *
 * It is a text file, one line an entry, replaced as a whole; one that is damaged, or of another version, is begun anew: it holds nothing
 * that cannot be found out again. An entry whose file has changed since is not used. */
#ifndef PMIG_TRANSPORT_CONTENT_INDEX_H
#define PMIG_TRANSPORT_CONTENT_INDEX_H

#include "cache.h"

#include <stddef.h>
#include <stdint.h>

#define CONTENT_INDEX_ENTRIES 4096          /* the oldest go first */
#define CONTENT_INDEX_HASH_MAX (256u << 20) /* bytes: a larger file would keep everybody waiting */

struct content_index;

/* `path`: the index itself; NULL: ~/.cache/pmig/contents, whose directory must be this user's alone. */
int content_index_open(const char *path, struct content_index **ret_index) PMIG_MUST_CHECK;
void content_index_close(struct content_index *x); /* writes what changed, as far as that is possible; NULL is fine */

/* The hash of the regular file `path`, or of `fd` where that is >= 0 (then `path` may be NULL, and nothing is remembered). PMIG_EREFUSED: it
 * is too large, or no regular file. PMIG_EIO. */
int content_index_hash(struct content_index *x, const char *path, int fd, char ret_hash[CACHE_HASH]) PMIG_MUST_CHECK;

/* Looks for files of exactly `size` bytes below `place` (a directory, or a file) and hashes them, up to `until` (CLOCK_MONOTONIC,
 * nanoseconds). Symbolic links are not followed. */
void content_index_search(struct content_index *x, const char *place, uint64_t size, int64_t until);

/* Every path that is known to have `size` bytes and is as it was; `each` returns false to end. Borrowed until it returns. */
void content_index_each(struct content_index *x, uint64_t size,
	bool (*each)(void *context, const char *path, const char *hash), void *context);

#endif
