/* pool: memory and texts that are given back together. */
#ifndef PMIG_REGISTRY_POOL_H
#define PMIG_REGISTRY_POOL_H

#include "runtime/base/error.h"

struct pool_chunk;

/* All zero is an empty pool. Once memory was short it stays `failed`; texts are "" from then on, so that one check at the end
 * will do. */
struct pool {
	struct pool_chunk *chunks;
	bool failed;
};

/* Zeroed; NULL where memory is short. */
void *pool_take(struct pool *pool, size_t size);

/* Never NULL. */
const char *pool_format(struct pool *pool, const char *format, ...) PMIG_PRINTF(2, 3);

/* A copy; of NULL it is "". */
const char *pool_copy(struct pool *pool, const char *text);

void pool_finish(struct pool *pool);

#endif
