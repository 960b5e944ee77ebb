/* mapping_table: the list behind mapping.h; private to runtime/arena/mapping*.c. Sorted by address, no two overlap. */
#ifndef PMIG_ARENA_MAPPING_TABLE_H
#define PMIG_ARENA_MAPPING_TABLE_H

#include "mapping.h"

/* Reserves the range, once in a process. Errors: PMIG_EEXIST, PMIG_ENOMEM. */
PMIG_MUST_CHECK int mapping_table_reserve(void);

/* Nothing may be accessed in [address, address + size) any more, and nothing else will lie there. */
bool mapping_table_close(uint64_t address, uint64_t size);

/* Room for `more` further entries, so that what follows cannot fail. */
PMIG_MUST_CHECK int mapping_table_room(size_t more);

/* Adds an entry that overlaps none. There must be room for one. */
void mapping_table_add(const struct mapping *m);

/* Takes [address, address + size) out of every entry; each taken part goes to `taken` if that is not NULL. There must be room for
 * two: an entry that is cut in its middle leaves two. */
void mapping_table_cut(uint64_t address, uint64_t size, void (*taken)(void *context, const struct mapping *part),
	void *context);

/* The index of the first entry that ends behind `address`. */
size_t mapping_table_find(uint64_t address);

/* Whether [address, address + size) holds no entry, or nothing but entries. */
bool mapping_table_free(uint64_t address, uint64_t size);
bool mapping_table_full(uint64_t address, uint64_t size);

/* A free place of `size` bytes at a multiple of `align`, the lowest; 0: none. */
uint64_t mapping_table_gap(uint64_t size, uint64_t align);

/* Whether any entry is kept by descriptor `fd`. */
bool mapping_table_keeps(int fd);

#endif
