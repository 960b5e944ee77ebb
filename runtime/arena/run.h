/* run: runs of units of a heap; free ones are kept by length, neighbours are merged. All but run_use() want
 * h->lock. */
#ifndef PMIG_ARENA_RUN_H
#define PMIG_ARENA_RUN_H

#include "region.h"

/* Takes `n` units whose first has an address that is a multiple of `align` units (a power of two), and marks
 * them `kind`. NULL: no room, or the kernel refused. Their `dirty` marks still say what they held: run_use(). */
struct unit *run_alloc(struct heap *h, uint32_t n, uint32_t align, enum unit_kind kind);

/* Marks the units of a run dirty, and with `zero` clears the bytes of those that were. Needs no lock: they are the
 * caller's. Returns whether all of them are zero. */
bool run_use(struct heap *h, struct unit *run, bool zero);

/* Gives a run back. */
void run_free(struct heap *h, struct unit *run);

/* Makes the run `n` units long where it lies. Growing fails with false where a neighbour is in the way; what the
 * new units hold is unknown. */
bool run_resize(struct heap *h, struct unit *run, uint32_t n);

/* Gives dirty free runs of at least `least` units back to the kernel until at most `keep` dirty units are left. */
void run_purge(struct heap *h, uint32_t least, uint32_t keep);

/* Bytes of the struct units of `units` units, rounded up to a page. */
static inline size_t run_meta_size(uint32_t units)
{
	return ((size_t)units * sizeof(struct unit) + 4095) & ~(size_t)4095;
}

/* The bin for a run of `n` units. */
unsigned run_bin(uint32_t n);

#endif
