/* map: from an LLVM value (or any pointer) to a number. */
#ifndef PMIG_INSTRUMENT_MAP_H
#define PMIG_INSTRUMENT_MAP_H

#include <stddef.h>
#include <stdint.h>

#define MAP_NONE UINT32_MAX

/* Zero-initialised is empty. */
struct map {
	struct map_entry {
		const void *key;
		uint32_t number;
	} *entries;
	size_t capacity, used;
};

/* Sets `key` (not NULL) to `number`. Aborts when memory runs out: this is a compiler. */
void map_put(struct map *m, const void *key, uint32_t number);

/* The number of `key`, or MAP_NONE. */
uint32_t map_get(const struct map *m, const void *key);

void map_finish(struct map *m);

/* malloc and realloc that end the compiler with a sentence when memory runs out. */
void *map_alloc(size_t count, size_t size);
void *map_grow(void *array, size_t *capacity, size_t used, size_t size);

#endif
