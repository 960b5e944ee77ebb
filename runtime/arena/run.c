/* run: best fit with coalescing over units, by boundary tags in the struct units. */
#include "run.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define OPEN_STEP 1024u             /* units that are opened at a time: 64 MiB */
#define SEARCH_MAX 32               /* runs of a bin that are looked at for the best fit */
#define CLEAR_BY_KERNEL (16u << 20) /* from so many bytes on, fresh pages instead of memset: they may never be touched */

unsigned run_bin(uint32_t n)
{
	if (n < RUN_EXACT)
		return n;
	unsigned log = 31 - (unsigned)__builtin_clz(n);
	return RUN_EXACT + (log - 6) * 8 + ((n >> (log - 3)) & 7);
}

static void bin_insert(struct heap *h, struct unit *run)
{
	unsigned bin = run_bin(run->units);
	uint32_t i = unit_index(h, run);
	run->prev = 0;
	run->next = h->bins[bin];
	if (run->next != 0)
		h->meta[run->next].prev = i;
	h->bins[bin] = i;
	h->bitmap[bin / 64] |= 1ull << (bin % 64);
	h->free_units += run->units;
	h->dirty_units += run->used;
}

static void bin_remove(struct heap *h, struct unit *run)
{
	unsigned bin = run_bin(run->units);
	if (run->next != 0)
		h->meta[run->next].prev = run->prev;
	if (run->prev != 0)
		h->meta[run->prev].next = run->next;
	else
		h->bins[bin] = run->next;
	if (h->bins[bin] == 0)
		h->bitmap[bin / 64] &= ~(1ull << (bin % 64));
	h->free_units -= run->units;
	h->dirty_units -= run->used;
}

/* Makes [i, i+n) with `dirty` dirty units a free run; the neighbours are known not to be free. */
static void make_free(struct heap *h, uint32_t i, uint32_t n, uint32_t dirty)
{
	struct unit *run = &h->meta[i];
	run->kind = UNIT_FREE;
	run->units = n;
	run->used = dirty;
	if (n > 1) {
		struct unit *tail = &h->meta[i + n - 1];
		tail->kind = UNIT_TAIL;
		tail->back = n - 1;
	}
	bin_insert(h, run);
}

/* Marks the units from `from` to `n` of a run as its inside. */
static void make_inside(struct unit *run, uint32_t from, uint32_t n)
{
	for (uint32_t k = from; k < n; k++) {
		run[k].kind = UNIT_INSIDE;
		run[k].back = k;
	}
	run->units = n;
}

/* Marks [i, i+n) as taken, the first as `kind`. */
static void make_taken(struct heap *h, uint32_t i, uint32_t n, enum unit_kind kind)
{
	make_inside(&h->meta[i], 1, n);
	h->meta[i].kind = (uint8_t)kind;
}

static uint32_t count_dirty(const struct unit *u, uint32_t n)
{
	uint32_t dirty = 0;
	for (uint32_t i = 0; i < n; i++)
		dirty += u[i].dirty;
	return dirty;
}

/* Opens units up to `end` (exclusive). */
static bool open_to(struct heap *h, uint32_t end)
{
	if (end <= h->opened)
		return true;
	uint32_t to = (end + OPEN_STEP - 1) / OPEN_STEP * OPEN_STEP;
	if (to > h->total)
		to = h->total;
	int saved = errno;
	size_t meta = run_meta_size(h->opened), more_meta = run_meta_size(to);
	if (mprotect((char *)h->meta + meta, more_meta - meta, PROT_READ | PROT_WRITE) != 0 ||
		mprotect(h->units + ((uint64_t)h->opened << UNIT_SHIFT), (uint64_t)(to - h->opened) << UNIT_SHIFT,
			PROT_READ | PROT_WRITE) != 0) {
		errno = saved;
		return false;
	}
	h->opened = to;
	return true;
}

/* The free run that ends right below unit `i`, or NULL. */
static struct unit *free_below(struct heap *h, uint32_t i)
{
	struct unit *u = &h->meta[i - 1];
	if (u->kind == UNIT_FREE)
		return u;
	return u->kind == UNIT_TAIL ? u - u->back : NULL;
}

/* The best of the runs of a bin with at least `n` units, or NULL. */
static struct unit *search_bin(struct heap *h, unsigned bin, uint32_t n)
{
	struct unit *best = NULL;
	unsigned tries = SEARCH_MAX;
	for (uint32_t i = h->bins[bin]; i != 0 && tries-- > 0; i = h->meta[i].next) {
		struct unit *run = &h->meta[i];
		if (run->units >= n && (best == NULL || run->units < best->units))
			best = run;
		if (best != NULL && best->units == n)
			break;
	}
	return best;
}

/* The best free run with at least `n` units, or NULL. */
static struct unit *search(struct heap *h, uint32_t n)
{
	unsigned bin = run_bin(n);
	struct unit *best = search_bin(h, bin, n);
	if (best != NULL)
		return best;
	bin++;
	for (unsigned w = bin / 64; w < sizeof h->bitmap / sizeof *h->bitmap; w++) {
		uint64_t bits = h->bitmap[w];
		if (w == bin / 64)
			bits &= ~0ull << (bin % 64);
		if (bits != 0)
			return search_bin(h, w * 64 + (unsigned)__builtin_ctzll(bits), n);
	}
	return NULL;
}

/* Takes `n` units from the top, the free run below it included. Returns the index, 0 where there is no room. */
static uint32_t take_top(struct heap *h, uint32_t n)
{
	struct unit *below = h->top > 0 ? free_below(h, h->top) : NULL;
	uint32_t first = below != NULL ? unit_index(h, below) : h->top;
	if (n > h->total - first || !open_to(h, first + n))
		return 0;
	if (below != NULL)
		bin_remove(h, below);
	h->top = first + n;
	return first;
}

/* Takes `n` units from anywhere; they are in no bin then, and not marked. */
static uint32_t take(struct heap *h, uint32_t n)
{
	struct unit *run = search(h, n);
	if (run == NULL)
		return take_top(h, n);
	uint32_t i = unit_index(h, run), rest = run->units - n, dirty = run->used;
	bin_remove(h, run);
	if (rest > 0)
		make_free(h, i + n, rest, dirty == 0 ? 0 : count_dirty(run + n, rest));
	return i;
}

struct unit *run_alloc(struct heap *h, uint32_t n, uint32_t align, enum unit_kind kind)
{
	if (n == 0 || n > h->total || align > h->total)
		return NULL;
	uint32_t want = n + align - 1;
	bool first = h->top == 0;
	uint32_t i = take(h, want);
	if (i == 0 && (!first || h->top == 0))
		return NULL;
	uint32_t skip = (uint32_t)(-(((uintptr_t)h->units >> UNIT_SHIFT) + i) & (align - 1));
	if (want > n) { /* give back what was taken for the alignment only */
		if (skip > 0) {
			make_taken(h, i, skip, UNIT_LARGE);
			make_taken(h, i + skip, want - skip, UNIT_LARGE);
			run_free(h, &h->meta[i]);
		}
		i += skip;
		make_taken(h, i, want - skip, UNIT_LARGE);
		(void)run_resize(h, &h->meta[i], n);
	}
	make_taken(h, i, n, kind);
	return &h->meta[i];
}

static void clear(struct heap *h, uint32_t i, uint32_t n)
{
	char *p = h->units + ((uint64_t)i << UNIT_SHIFT);
	size_t size = (size_t)n << UNIT_SHIFT;
	int saved = errno;
	bool done;
	if (h->mapped)
		done = mmap(p, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			       0) == p;
	else
		done = madvise(p, size, MADV_DONTNEED) == 0;
	if (!done)
		memset(p, 0, size);
	errno = saved;
}

/* Clears the dirty units of [i, i+n) by fresh pages. */
static void clean(struct heap *h, uint32_t i, uint32_t n)
{
	for (uint32_t end = i + n; i < end;) {
		uint32_t k = i;
		while (k < end && h->meta[k].dirty)
			h->meta[k++].dirty = 0;
		if (k > i)
			clear(h, i, k - i);
		i = k > i ? k : i + 1;
	}
}

bool run_use(struct heap *h, struct unit *run, bool zero)
{
	uint32_t n = run->units, first = unit_index(h, run);
	bool clear_here = zero && (uint64_t)n << UNIT_SHIFT < CLEAR_BY_KERNEL;
	bool all_zero = true;
	if (zero && !clear_here)
		clean(h, first, n);
	for (uint32_t i = 0; i < n; i++) {
		if (run[i].dirty && clear_here)
			memset(h->units + ((uint64_t)(first + i) << UNIT_SHIFT), 0, UNIT_SIZE);
		else if (run[i].dirty)
			all_zero = false;
		run[i].dirty = 1;
	}
	return all_zero;
}

/* Free dirty memory that is kept for the next allocation; above it the longest runs go back to the kernel. */
static uint32_t dirty_limit(const struct heap *h)
{
	return 1024 + (h->large_units + h->span_units) / 8;
}

void run_free(struct heap *h, struct unit *run)
{
	uint32_t i = unit_index(h, run), n = run->units;
	uint32_t dirty = count_dirty(run, n);
	struct unit *below = free_below(h, i);
	if (below != NULL) {
		bin_remove(h, below);
		i = unit_index(h, below);
		n += below->units;
		dirty += below->used;
	}
	struct unit *above = &h->meta[i + n];
	if (i + n < h->top && above->kind == UNIT_FREE) {
		bin_remove(h, above);
		n += above->units;
		dirty += above->used;
	}
	make_free(h, i, n, dirty);
	if (h->dirty_units > dirty_limit(h))
		run_purge(h, 16, dirty_limit(h) / 2);
}

bool run_resize(struct heap *h, struct unit *run, uint32_t n)
{
	uint32_t i = unit_index(h, run), old = run->units;
	if (n < old) {
		make_taken(h, i + n, old - n, UNIT_LARGE);
		run->units = n;
		run_free(h, &h->meta[i + n]);
		return true;
	}
	if (n == old)
		return true;
	struct unit *above = &h->meta[i + old];
	bool at_top = i + old == h->top;
	uint32_t room = !at_top && above->kind == UNIT_FREE ? above->units : 0;
	if (i + old + room == h->top && room < n - old) {
		if (n > h->total - i || !open_to(h, i + n))
			return false;
		if (room > 0)
			bin_remove(h, above);
		h->top = i + n;
	} else if (room >= n - old) {
		uint32_t rest = room - (n - old), dirty = above->used;
		bin_remove(h, above);
		if (rest > 0)
			make_free(h, i + n, rest, dirty == 0 ? 0 : count_dirty(run + n, rest));
	} else {
		return false;
	}
	make_inside(run, old, n);
	for (uint32_t k = old; k < n; k++)
		run[k].dirty = 1;
	return true;
}

void run_purge(struct heap *h, uint32_t least, uint32_t keep)
{
	for (unsigned bin = RUN_BINS; bin-- > run_bin(least) && h->dirty_units > keep;) {
		for (uint32_t i = h->bins[bin]; i != 0 && h->dirty_units > keep; i = h->meta[i].next) {
			struct unit *run = &h->meta[i];
			if (run->used == 0)
				continue;
			clean(h, i, run->units);
			h->dirty_units -= run->used;
			run->used = 0;
		}
	}
}
