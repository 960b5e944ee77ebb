/* shipped: content that lies at the target already, because it was sent ahead or was there: known by its hash, it does not travel again.
 * Whatever was planned, the hash decides: at the freeze whether the file still has that content, at the target whether what lies there has
 * it. */
#ifndef PMIG_KIND_SHIPPED_H
#define PMIG_KIND_SHIPPED_H

#include "../base/error.h"
#include "left.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the first `size` bytes of `fd` have this hash (xxh3-128, 32 hexadecimal digits); *ret_hash: it, as left.h has it. */
bool shipped_is(int fd, uint64_t size, const char *hash, struct left_hash *ret_hash);

/* Maps the file `path` if it has exactly that content; munmap() it. PMIG_EREFUSED: it has not, any more. */
PMIG_MUST_CHECK int shipped_map(const char *path, uint64_t size, const char *hash, const void **ret_data);

#endif
