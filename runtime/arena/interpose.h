/* interpose: malloc and its family for everything in the process that is not the program: libc, shared libraries, the
 * runtime. Their blocks lie in the foreign heap, at an odd address of its own, and never travel.
 *
 * Two modes, each of the calling thread only, change where its next allocations go:
 *   - placement: one allocation gets a slot that the caller reserved, so that a FILE or a DIR, which libc allocates, has
 *     an address that can be had again after a restore;
 *   - arena: blocks that libc allocates for the program (getline, asprintf) lie in the arena.
 * Under a sanitizer with a malloc of its own all other blocks come from that, and there is no foreign heap.
 *
 * Normal usage:
 *   1. at start, interpose_calibrate() with a throw-away fopen and fclose: which of its allocations is the FILE;
 *   2. interpose_place(slot, size, call.skip); f = fopen(...); interpose_place_end(); now f == slot;
 *   3. interpose_arena_begin(); n = getline(...); interpose_arena_end(). */
#ifndef PMIG_ARENA_INTERPOSE_H
#define PMIG_ARENA_INTERPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#define INTERPOSE_BASE 0x5b3d17a30000ull /* odd on purpose: neither text nor small numbers nor doubles look like it */
#elif defined(__aarch64__)
#define INTERPOSE_BASE 0x2b3d17a30000ull
#endif
#define INTERPOSE_SIZE 0x4000000000ull /* 256 GiB reserved */

struct heap;

struct interpose_call {
	unsigned skip; /* how many allocations come before the one that is returned */
	size_t size;   /* what is asked for in it */
};

/* The foreign heap; NULL where there is none (yet). */
struct heap *interpose_heap(void);

/* From now on freeing a block that lies in [base, base+size) does nothing but tell `released` (may be NULL; called in
 * the thread that frees). Without this, the arena's stream part. */
void interpose_slots(void *base, size_t size, void (*released)(void *slot));

/* Calls open(), finds which allocation of this thread its result is, and calls close(result). Returns 0, or
 * PMIG_ENOENT if no allocation was returned, PMIG_EIO if open() returned NULL. */
int interpose_calibrate(void *(*open)(void *context), void (*close)(void *), void *context, struct interpose_call *ret_call);

/* After `skip` further allocations the next one of at most `size` bytes gets `slot` (16-byte aligned, in the range
 * of interpose_slots; borrowed until freed). interpose_place_end() ends it and tells whether it was taken. */
void interpose_place(void *slot, size_t size, unsigned skip);
bool interpose_place_end(void);

/* Allocations of this thread go to the arena, until as many ends as begins. */
void interpose_arena_begin(void);
void interpose_arena_end(void);

/* Where the foreign block at `base` was allocated (a return address), NULL if unknown. It is kept in the last bytes of
 * each block. */
#define INTERPOSE_SITE_SIZE sizeof(void *)
void *interpose_site(const void *base);

#endif
