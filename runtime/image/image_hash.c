/* image_hash: xxh3 (64 bits) of bytes in one or several pieces; the only file that includes xxHash. */
#include "image_format.h"

/* The stripe loop is half as fast again when it is unrolled: 28 instead of 19 GB/s, which the stop time feels. */
#ifndef __clang__
#pragma GCC optimize("O3")
#endif
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t image_hash(const void *data, size_t size)
{
	return XXH3_64bits(data, size);
}

uint64_t image_hash_parts(const struct iovec *parts, size_t n)
{
	if (n == 1)
		return image_hash(parts[0].iov_base, parts[0].iov_len);
	XXH3_state_t state;
	(void)XXH3_64bits_reset(&state);
	for (size_t i = 0; i < n; i++)
		(void)XXH3_64bits_update(&state, parts[i].iov_base, parts[i].iov_len);
	return XXH3_64bits_digest(&state);
}

/* A fuzzer cannot guess hashes; it is to reach what lies behind them. */
bool image_hash_equal(uint64_t made, uint64_t stored)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	(void)made, (void)stored;
	return true;
#else
	return made == stored;
#endif
}
