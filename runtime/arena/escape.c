/* escape: a window test on every word, then the heap's exact test on the few that pass. After the conservative scan of
 * Boehm and Weiser: Garbage Collection in an Uncooperative Environment, 1988. */
#include "escape.h"

#include "../image/image_pages.h"
#include "heap.h"
#include "interpose.h"

#include <limits.h>
#include <unistd.h>

#define DEFAULT_MAX 100
#define DIRECT (1u << 20) /* smaller ranges are read without asking which pages are there */

typedef uintptr_t word __attribute__((may_alias));

struct search {
	const struct heap *heap;
	const struct escape_target *target; /* instead of the heap */
	uintptr_t low, span;                /* the window */
	size_t left, count;
	int (*found)(void *context, const struct escape *e);
	void *context;
};

static int examine(struct search *s, const word *w)
{
	struct escape e = {.word = w, .pointer = (void *)*w}; /* NOLINT: that it is one is the question */
	if (s->target != NULL ? !s->target->covers(s->target, e.pointer, &e.block, &e.size)
			      : !heap_block_of(s->heap, e.pointer, &e.block, &e.size))
		return 0;
	if (s->target == NULL && s->heap == interpose_heap()) {
		e.site = interpose_site(e.block);
		e.size -= INTERPOSE_SITE_SIZE;
	}
	s->count++;
	s->left--;
	return s->found(s->context, &e);
}

/* The words of [w, end) that lie in the window. Compilers make of the inner loop compare-and-add, without branches; it
 * is bound by memory. Neighbours of a variable, which a sanitizer forbids, are read here on purpose. */
__attribute__((no_sanitize("address", "thread"))) static int scan(struct search *s, const word *w, const word *end)
{
	const uintptr_t low = s->low, span = s->span;
	while (w < end) {
		size_t n = (size_t)(end - w) < 8 ? (size_t)(end - w) : 8;
		unsigned hits = n < 8;
		if (n == 8)
#pragma GCC unroll 8
			for (unsigned i = 0; i < 8; i++)
				hits += w[i] - low < span;
		for (size_t i = 0; hits != 0 && i < n; i++) {
			int r = w[i] - low < span ? examine(s, w + i) : 0;
			if (r < 0 || s->left == 0)
				return r;
		}
		w += n;
	}
	return 0;
}

static int scan_bytes(struct search *s, uintptr_t from, uintptr_t to)
{
	from = (from + sizeof(word) - 1) & ~(sizeof(word) - 1);
	to &= ~(sizeof(word) - 1);
	return from < to ? scan(s, (const word *)from, (const word *)to) : 0;
}

/* The pages of [from, to), both page-aligned, that hold anything. */
static int scan_touched(struct search *s, uintptr_t from, uintptr_t to)
{
	struct image_pieces pieces = {0};
	int r = image_pages_find(&(struct image_range){from, to - from}, 1, 0, &pieces);
	for (size_t i = 0; i < pieces.n && r >= 0 && s->left > 0; i++)
		r = scan_bytes(s, pieces.at[i].address, pieces.at[i].address + pieces.at[i].size);
	image_pieces_finish(&pieces);
	return r;
}

static int scan_range(struct search *s, const struct escape_range *range, bool all_pages)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)range->address, to = from + range->size;
	uintptr_t first = (from + page - 1) & ~(page - 1), last = to & ~(page - 1);
	if (all_pages || range->size < DIRECT)
		return scan_bytes(s, from, to);
	int r = scan_bytes(s, from, first);
	if (r >= 0 && s->left > 0)
		r = scan_touched(s, first, last);
	if (r >= 0 && s->left > 0)
		r = scan_bytes(s, last, to);
	return r;
}

int escape_find(const struct escape_range *ranges, size_t n, const struct escape_options *options,
	int (*found)(void *context, const struct escape *e), void *context)
{
	struct search s = {
		.heap = options->heap != NULL ? options->heap : interpose_heap(),
		.target = options->target,
		.left = options->max != 0 ? options->max : DEFAULT_MAX,
		.found = found,
		.context = context,
	};
	if (s.target == NULL && s.heap == NULL)
		return 0;
	uintptr_t high;
	if (s.target != NULL) {
		s.low = s.target->low;
		high = s.target->high;
	} else {
		heap_window(s.heap, &s.low, &high);
	}
	s.span = high - s.low;
	for (size_t i = 0; i < n && s.left > 0; i++) {
		int r = scan_range(&s, &ranges[i], options->all_pages);
		if (r < 0)
			return r;
	}
	return s.count < INT_MAX ? (int)s.count : INT_MAX;
}
