/* cache: programs and libraries at a host, found by the hash of their content.
 *
 * ROOT/HASH/NAME, HASH the xxh3-128 in 32 hex digits, directories 0700. What is found is hashed again before it is used:
 * a file that was cut or changed is removed and counts as absent. xxh3 finds accidents, not attacks: the cache is only as
 * trustworthy as the account that owns it, and other people's files or directories in it are refused. */
#ifndef PMIG_TRANSPORT_CACHE_H
#define PMIG_TRANSPORT_CACHE_H

#include "runtime/base/error.h"

#include <stdint.h>
#include <sys/types.h>

#define CACHE_HASH 33 /* 32 hex digits and NUL */

struct cache;

/* Opens, and makes if needed, `root`; NULL: ~/.cache/pmig. Errors: PMIG_EREFUSED (not ours alone), PMIG_EIO,
 * PMIG_ENOSPC, PMIG_ENOMEM. */
int cache_open(const char *root, struct cache **ret_cache) PMIG_MUST_CHECK;
void cache_close(struct cache *c); /* NULL is fine */

/* Opens NAME with content `hash` for reading, verified. PMIG_ENOENT: not there (or no longer good). PMIG_EINVAL: hash or
 * name are not such. */
int cache_find(struct cache *c, const char *hash, const char *name, int *ret_fd) PMIG_MUST_CHECK;

/* The directory for content `hash`, made if needed: where bulk_receive_create() puts the file; cache_find() then checks
 * it. */
int cache_directory(struct cache *c, const char *hash, int *ret_directory) PMIG_MUST_CHECK;

/* Copies the file `fd` (from its beginning) under its own hash: temporary file, fsync, rename. Does nothing if it is
 * there. */
int cache_put(struct cache *c, int fd, const char *name, mode_t mode, char ret_hash[CACHE_HASH]) PMIG_MUST_CHECK;

/* Removes what arrived in part, NAME.part and copies half made, and was not touched for CACHE_PART_DAYS: nobody comes back for it. */
#define CACHE_PART_DAYS 7
void cache_sweep(struct cache *c);

/* ROOT/HASH/NAME; the caller frees it. It need not exist. */
int cache_path(const struct cache *c, const char *hash, const char *name, char **ret_path) PMIG_MUST_CHECK;

/* The hash of the whole file `fd`; its offset is not moved. */
int cache_hash(int fd, char ret_hash[CACHE_HASH]) PMIG_MUST_CHECK;

#endif
