/* heap: an allocator whose whole state lies in the range of addresses that it manages, so that the bytes of the range,
 * put at the same address in another process, are the heap again.
 *
 * Segregated fit: units of 64 KiB; a span of one or four units holds blocks of one size (40 classes up to 32 KiB);
 * larger blocks are runs of units, best fit with coalescing. A span belongs to one thread cache, which allocates and
 * frees without locks or atomics; other threads push freed blocks onto the span's remote list (after mimalloc: Leijen,
 * Zorn, de Moura: Mimalloc: Free List Sharding in Action, APLAS 2019). What is free and was never touched, or was given
 * back to the kernel, is known to be zero.
 *
 * A freed block that is freed again, or an address that is no block, ends the process with a sentence and abort().
 * Functions that allocate behave as those of the same name in C and POSIX: NULL and ENOMEM, alignment 16, size 0 gives
 * a block of its own. */
#ifndef PMIG_ARENA_HEAP_H
#define PMIG_ARENA_HEAP_H

#include "../base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_INSTANCES 4 /* heaps that a process can use at one time */
#define HEAP_RANGES 3

struct heap;

struct heap_range {
	void *address;
	size_t size;
};

struct heap_usage {
	size_t spans;    /* bytes in spans of small blocks, free blocks of them included */
	size_t large;    /* bytes in large blocks */
	size_t free;     /* bytes in free runs */
	size_t dirty;    /* of these, bytes that the kernel still holds for us */
	size_t top;      /* bytes of the range ever used */
	unsigned caches; /* thread caches ever made */
};

/* Makes a heap in `reserved` bytes at `base` (64 KiB-aligned, at least 64 MiB), which must be mapped PROT_NONE and be
 * zero; the heap opens it as it grows. `slot` < HEAP_INSTANCES tells the heaps of one process apart: its thread caches
 * are found by it. Returns base. NULL: the kernel refused. */
struct heap *heap_create(void *base, size_t reserved, unsigned slot);

/* Takes over a heap whose bytes were put at `base` from another process: opens its locks and makes its caches free for
 * the threads of this process. `open` is what heap_open() said there. Header and caches are checked, spans
 * and runs are not (heap_check() does that): the image's checksums speak for them. After this, memory is given
 * back by mapping fresh pages over it, because the pages may be those of a file. Errors: PMIG_ECORRUPT,
 * PMIG_EVERSION. */
PMIG_MUST_CHECK int heap_adopt(void *base, size_t reserved, unsigned slot, const uint64_t open[2]);

/* How many bytes from `base`, and from the first unit, are readable and writable; heap_reopen() makes them so before
 * heap_adopt(), and zero: whatever this process had put there is gone. Errors: PMIG_ECORRUPT (out of bounds),
 * PMIG_ENOMEM. */
void heap_open(const struct heap *h, uint64_t ret_open[2]);
PMIG_MUST_CHECK int heap_reopen(void *base, size_t reserved, const uint64_t open[2]);

/* The ranges that may hold state, page-aligned, ascending. Returns their number. */
size_t heap_ranges(const struct heap *h, struct heap_range ret_ranges[HEAP_RANGES]);

/* Forgets the calling thread's caches of all heaps (the heaps themselves are untouched): for tests that unmap a heap. */
void heap_forget(unsigned slot);

void *heap_malloc(struct heap *h, size_t size) __attribute__((malloc, alloc_size(2)));
void *heap_calloc(struct heap *h, size_t n, size_t size) __attribute__((malloc, alloc_size(2, 3)));
void *heap_realloc(struct heap *h, void *p, size_t size) __attribute__((alloc_size(3)));
void *heap_memalign(struct heap *h, size_t alignment, size_t size) __attribute__((malloc, alloc_size(3)));
void heap_free(struct heap *h, void *p);

/* Bytes that the block at `p` really has; p must be what an allocation returned. */
size_t heap_usable_size(const struct heap *h, const void *p);

/* What heap_usable_size() would say of a block of `size` bytes. */
size_t heap_good_size(size_t size);

/* True if `p` lies in the heap's range (in a live block or not). */
bool heap_owns(const struct heap *h, const void *p);

/* True if `p` points into a block that is allocated now, and says which. Exact for a heap at rest; while other threads
 * allocate, as of some moment. Never faults, whatever `p` is, and costs a few loads: a free block is known by a 64-bit
 * mark made of its address and a random key. */
bool heap_block_of(const struct heap *h, const void *p, void **ret_base, size_t *ret_size);

/* The first and one past the last address at which a block can be now. */
void heap_window(const struct heap *h, uintptr_t *ret_low, uintptr_t *ret_high);

/* Gives all free runs back to the kernel and hands empty spans of the calling thread's cache to them. Thread-safe. */
void heap_trim(struct heap *h);

void heap_usage(struct heap *h, struct heap_usage *ret_usage);

/* Around fork(), in the parent before and in both after: no lock of the heap is held by a thread that the child does not
 * have. The calling thread may allocate in between. */
void heap_fork_prepare(struct heap *h);
void heap_fork_done(struct heap *h);

/* Walks everything and checks that it fits together; for tests. Other threads must stand still. Errors:
 * PMIG_ECORRUPT. */
PMIG_MUST_CHECK int heap_check(struct heap *h);

#endif
