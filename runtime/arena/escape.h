/* escape: finds words that point out of what travels, into the foreign heap or into other memory of the process. */
#ifndef PMIG_ARENA_ESCAPE_H
#define PMIG_ARENA_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap;

struct escape_range {
	const void *address; /* readable; need not be aligned, only 8-byte aligned words inside are looked at */
	size_t size;
};

struct escape {
	const void *word; /* where the pointer lies */
	void *pointer;    /* what it is */
	void *block;      /* the live foreign block, or the part of the target, that it points into */
	size_t size;      /* of that */
	void *site;       /* a return address in who allocated it; NULL: unknown */
};

/* Other memory than a heap's: all that `covers` says yes to, in the window [low, high). */
struct escape_target {
	uintptr_t low, high;
	bool (*covers)(const struct escape_target *t, const void *p, void **ret_base, size_t *ret_size);
};

struct escape_options {
	const struct heap *heap;            /* NULL: the foreign heap of this process */
	const struct escape_target *target; /* instead of a heap; NULL: a heap */
	bool all_pages;                     /* look at every page; otherwise at those only that the kernel has in memory */
	size_t max;                         /* stop after so many; 0: 100 */
};

/* Looks at every word of the ranges and calls `found` for each that points into a live block of the heap; a negative
 * result of it ends the search and is returned. The heap must be at rest or escapes may be missed. Returns the number
 * found, or a negative PMIG_E*. */
int escape_find(const struct escape_range *ranges, size_t n, const struct escape_options *options,
	int (*found)(void *context, const struct escape *e), void *context);

#endif
