/* left: which content of which file this process has left where it was: known by path and hash, in the arena. When
 * the process comes back and finds exactly that, it is its own older version, and may be replaced. */
#ifndef PMIG_KIND_LEFT_H
#define PMIG_KIND_LEFT_H

#include <stdbool.h>
#include <stdint.h>

struct left_hash {
	uint64_t low, high; /* XXH3, 128 bits */
};

struct left_hash left_hash(const void *data, uint64_t size);

/* At a checkpoint, before the memory is written. With no memory it is not remembered, which only means that it will
 * not be replaced. */
void left_remember(const char *path, struct left_hash hash);

bool left_knows(const char *path, struct left_hash hash);

#endif
