/* heap: the functions that allocate, over spans (small blocks) and runs (large ones). */
#include "heap.h"

#include "run.h"
#include "span.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>

/* How many units there is room for in `reserved` bytes, and where they begin. */
static uint32_t units_in(uint64_t reserved)
{
	uint64_t n = (reserved - 2 * REGION_HEADER) / (UNIT_SIZE + sizeof(struct unit));
	return n < UNITS_MAX ? (uint32_t)n : UNITS_MAX;
}

static uint64_t units_offset(uint32_t total)
{
	return REGION_HEADER + (((uint64_t)total * sizeof(struct unit) + UNIT_SIZE - 1) & ~(UNIT_SIZE - 1));
}

static uint64_t random_key(void)
{
	uint64_t key = 0;
	if (getrandom(&key, sizeof key, GRND_NONBLOCK) != sizeof key) {
		const void *seed = (const void *)getauxval(AT_RANDOM); /* NOLINT: the kernel says so */
		if (seed != NULL)
			memcpy(&key, seed, sizeof key);
	}
	return key | 1; /* never a pointer, never zero */
}

struct heap *heap_create(void *base, size_t reserved, unsigned slot)
{
	if (reserved < 64u << 20 || slot >= HEAP_INSTANCES || ((uintptr_t)base & (UNIT_SIZE - 1)) != 0)
		return NULL;
	if (mprotect(base, REGION_HEADER, PROT_READ | PROT_WRITE) != 0)
		return NULL;
	struct heap *h = base;
	h->version = REGION_VERSION;
	h->slot = slot;
	h->reserved = reserved;
	h->total = units_in(reserved);
	h->meta = (struct unit *)((char *)base + REGION_HEADER);
	h->units = (char *)base + units_offset(h->total);
	h->key = random_key();
	h->magic = REGION_MAGIC;
	return h;
}

static void *large_alloc(struct heap *h, size_t size, size_t align, bool zero)
{
	if (size > h->reserved || align > h->reserved) {
		errno = ENOMEM;
		return NULL;
	}
	uint32_t n = size == 0 ? 1 : (uint32_t)((size + UNIT_SIZE - 1) >> UNIT_SHIFT);
	uint32_t align_units = align > UNIT_SIZE ? (uint32_t)(align >> UNIT_SHIFT) : 1;
	if (span_cache(h) == NULL) { /* makes unit 0 */
		errno = ENOMEM;
		return NULL;
	}
	span_lock(h);
	struct unit *u = run_alloc(h, n, align_units, UNIT_LARGE);
	if (u != NULL)
		h->large_units += n;
	span_unlock(h);
	if (u == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	(void)run_use(h, u, zero);
	return unit_address(h, u);
}

static inline void *small_alloc(struct heap *h, size_t size, bool zero)
{
	struct cache *c = span_cache(h);
	void *p = __builtin_expect(c != NULL, 1) ? span_alloc(h, c, size, zero) : NULL;
	if (__builtin_expect(p == NULL, 0))
		errno = ENOMEM;
	return p;
}

void *heap_malloc(struct heap *h, size_t size)
{
	if (__builtin_expect(size > HEAP_SMALL_MAX, 0))
		return large_alloc(h, size, 1, false);
	return small_alloc(h, size, false);
}

void *heap_calloc(struct heap *h, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	if (bytes > HEAP_SMALL_MAX)
		return large_alloc(h, bytes, 1, true);
	return small_alloc(h, bytes, true);
}

void *heap_memalign(struct heap *h, size_t alignment, size_t size)
{
	if (alignment <= HEAP_ALIGNMENT)
		return heap_malloc(h, size);
	if (alignment <= 4096 && size <= HEAP_SMALL_MAX) { /* spans begin at page boundaries */
		unsigned class = span_class(size > alignment ? size : alignment);
		while (class < HEAP_CLASSES && span_class_size[class] % alignment != 0)
			class ++;
		if (class < HEAP_CLASSES)
			return small_alloc(h, span_class_size[class], false);
	}
	return large_alloc(h, size, alignment, false);
}

/* The span or large block that begins at `p` (for a span: somewhere in it), or the end of the process. */
static inline struct unit *unit_must(const struct heap *h, const void *p)
{
	struct unit *u = unit_of(h, p);
	if (__builtin_expect(u == NULL, 0))
		span_die(p, "this is no block of the heap, or it was freed already");
	if (u->kind == UNIT_LARGE && p != unit_address(h, u))
		span_die(p, "this is not the start of a block");
	return u;
}

void heap_free(struct heap *h, void *p)
{
	if (p == NULL)
		return;
	struct unit *u = unit_must(h, p);
	if (__builtin_expect(u->kind == UNIT_SPAN, 1)) {
		span_free(h, u, p);
		return;
	}
	int saved = errno;
	span_lock(h);
	h->large_units -= u->units;
	run_free(h, u);
	span_unlock(h);
	errno = saved;
}

static size_t unit_usable(const struct unit *u)
{
	return u->kind == UNIT_SPAN ? u->block : (size_t)u->units << UNIT_SHIFT;
}

size_t heap_usable_size(const struct heap *h, const void *p)
{
	return p == NULL ? 0 : unit_usable(unit_must(h, p));
}

/* Makes a large block fit `size` where it lies. */
static bool large_resize(struct heap *h, struct unit *u, size_t size)
{
	if (size <= HEAP_SMALL_MAX || size > h->reserved)
		return false;
	uint32_t old = u->units;
	span_lock(h);
	bool done = run_resize(h, u, (uint32_t)((size + UNIT_SIZE - 1) >> UNIT_SHIFT));
	h->large_units += u->units - old;
	span_unlock(h);
	return done;
}

void *heap_realloc(struct heap *h, void *p, size_t size)
{
	if (p == NULL)
		return heap_malloc(h, size);
	if (size == 0) {
		heap_free(h, p);
		return NULL;
	}
	struct unit *u = unit_must(h, p);
	size_t usable = unit_usable(u);
	if (u->kind == UNIT_SPAN && size <= usable && (size > usable / 2 || usable <= 64))
		return p;
	if (u->kind == UNIT_LARGE && large_resize(h, u, size))
		return p;
	void *q = heap_malloc(h, size);
	if (q == NULL)
		return NULL;
	memcpy(q, p, usable < size ? usable : size);
	heap_free(h, p);
	return q;
}

size_t heap_good_size(size_t size)
{
	if (size <= HEAP_SMALL_MAX)
		return span_class_size[span_class(size)];
	return (size + UNIT_SIZE - 1) & ~(UNIT_SIZE - 1);
}

bool heap_owns(const struct heap *h, const void *p)
{
	return (uintptr_t)p - (uintptr_t)h < h->reserved;
}

bool heap_block_of(const struct heap *h, const void *p, void **ret_base, size_t *ret_size)
{
	const struct unit *u = unit_of(h, p);
	if (u == NULL)
		return false;
	char *base = unit_address(h, u);
	if (u->kind == UNIT_SPAN) {
		uint32_t offset = (uint32_t)((const char *)p - base);
		offset = span_block(u, offset) * u->block;
		if (offset >= u->bump)
			return false;
		base += offset;
		if (((const uint64_t *)base)[1] == span_mark(h, base))
			return false;
	}
	*ret_base = base;
	*ret_size = unit_usable(u);
	return true;
}

void heap_window(const struct heap *h, uintptr_t *ret_low, uintptr_t *ret_high)
{
	*ret_low = (uintptr_t)h->units;
	*ret_high = (uintptr_t)h->units + ((uintptr_t)h->top << UNIT_SHIFT);
}

void heap_trim(struct heap *h)
{
	struct cache *own = span_caches[h->slot];
	if (own != NULL)
		span_release_empty(h, own);
	span_lock(h);
	struct cache *idle = h->idle;
	h->idle = NULL;
	span_unlock(h);
	for (struct cache *c = idle, *next; c != NULL; c = next) {
		next = c->next_idle;
		span_release_empty(h, c);
		span_lock(h);
		c->next_idle = h->idle;
		h->idle = c;
		span_unlock(h);
	}
	span_lock(h);
	run_purge(h, 1, 0);
	span_unlock(h);
}

void heap_fork_prepare(struct heap *h)
{
	lock_take(&h->lock);
	span_held |= 1u << h->slot;
}

void heap_fork_done(struct heap *h)
{
	span_held &= ~(1u << h->slot);
	lock_open(&h->lock);
}

void heap_forget(unsigned slot)
{
	span_forget(slot);
}

/* A heap as bytes. */

size_t heap_ranges(const struct heap *h, struct heap_range ret_ranges[HEAP_RANGES])
{
	ret_ranges[0] = (struct heap_range){(void *)(uintptr_t)h, (sizeof *h + 4095) & ~(size_t)4095};
	ret_ranges[1] = (struct heap_range){h->meta, run_meta_size(h->top)};
	ret_ranges[2] = (struct heap_range){h->units, (size_t)h->top << UNIT_SHIFT};
	return h->top > 0 ? HEAP_RANGES : 1;
}

void heap_open(const struct heap *h, uint64_t ret_open[2])
{
	ret_open[0] = REGION_HEADER + run_meta_size(h->opened);
	ret_open[1] = (uint64_t)h->opened << UNIT_SHIFT;
}

int heap_reopen(void *base, size_t reserved, const uint64_t open[2])
{
	uint32_t total = units_in(reserved);
	uint64_t opened = open[1] >> UNIT_SHIFT;
	if (opened > total || open[1] % UNIT_SIZE != 0 || open[0] != REGION_HEADER + run_meta_size((uint32_t)opened))
		return error_set(PMIG_ECORRUPT, "heap: opened parts of %#llx and %#llx bytes do not fit the range",
			(unsigned long long)open[0], (unsigned long long)open[1]);
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
	if (mmap(base, reserved, PROT_NONE, flags, -1, 0) != base)
		return error_errno(PMIG_ENOMEM, errno, "heap: cannot reserve %#zx bytes anew", reserved);
	if (mprotect(base, open[0], PROT_READ | PROT_WRITE) != 0)
		return error_errno(PMIG_ENOMEM, errno, "heap: cannot open %#llx bytes", (unsigned long long)open[0]);
	if (open[1] != 0 && mprotect((char *)base + units_offset(total), open[1], PROT_READ | PROT_WRITE) != 0)
		return error_errno(PMIG_ENOMEM, errno, "heap: cannot open %#llx bytes", (unsigned long long)open[1]);
	return 0;
}

static int adopt_header(const struct heap *h, size_t reserved, unsigned slot, const uint64_t open[2])
{
	if (h->magic != REGION_MAGIC)
		return error_set(PMIG_ECORRUPT, "heap: no heap at %p", (const void *)h);
	if (h->version != REGION_VERSION)
		return error_set(PMIG_EVERSION, "heap: layout version %u, this runtime knows %u", h->version,
			REGION_VERSION);
	uint32_t total = units_in(reserved);
	if (h->slot != slot || h->reserved != reserved || h->total != total || h->opened > total || h->top > h->opened ||
		h->meta != (const struct unit *)((const char *)h + REGION_HEADER) ||
		h->units != (const char *)h + units_offset(total))
		return error_set(PMIG_ECORRUPT, "heap: its header does not describe this range");
	uint64_t have[2];
	heap_open(h, have);
	if (have[0] != open[0] || have[1] != open[1])
		return error_set(PMIG_ECORRUPT, "heap: its header and its layout differ");
	return 0;
}

/* True if `c` lies where caches lie. */
static bool is_cache(const struct heap *h, const struct cache *c)
{
	uint64_t offset = (uint64_t)((uintptr_t)c - (uintptr_t)h->units);
	return offset >> UNIT_SHIFT < h->top && h->meta[offset >> UNIT_SHIFT].kind == UNIT_CACHES &&
		offset % UNIT_SIZE % sizeof *c == 0 && offset % UNIT_SIZE + sizeof *c <= UNIT_SIZE;
}

static bool is_span_of(const struct heap *h, const struct unit *u, const struct cache *c, unsigned class)
{
	if (u == &h->none)
		return true;
	uint64_t offset = (uint64_t)((uintptr_t)u - (uintptr_t)h->meta);
	return offset / sizeof *u < h->top && offset % sizeof *u == 0 && u->kind == UNIT_SPAN && u->owner == c &&
		u->class == class;
}

static int adopt_caches(const struct heap *h)
{
	uint32_t n = 0;
	for (const struct cache *c = h->all; c != NULL; c = c->next) {
		if (!is_cache(h, c) || n++ >= h->caches)
			return error_set(PMIG_ECORRUPT, "heap: the list of thread caches leads astray");
		for (unsigned class = 0; class < HEAP_CLASSES; class ++)
			if (!is_span_of(h, c->current[class], c, class))
				return error_set(PMIG_ECORRUPT, "heap: a thread cache leads astray");
	}
	return n == h->caches ? 0 : error_set(PMIG_ECORRUPT, "heap: %u thread caches are missing", h->caches - n);
}

int heap_adopt(void *base, size_t reserved, unsigned slot, const uint64_t open[2])
{
	struct heap *h = base;
	int e = adopt_header(h, reserved, slot, open);
	if (e == 0)
		e = adopt_caches(h);
	if (e < 0)
		return e;
	h->lock = (struct lock){0};
	h->mapped = 1;
	span_adopt(h);
	heap_forget(slot);
	return 0;
}

void heap_usage(struct heap *h, struct heap_usage *ret_usage)
{
	span_lock(h);
	*ret_usage = (struct heap_usage){
		.spans = (size_t)h->span_units << UNIT_SHIFT,
		.large = (size_t)h->large_units << UNIT_SHIFT,
		.free = (size_t)h->free_units << UNIT_SHIFT,
		.dirty = (size_t)h->dirty_units << UNIT_SHIFT,
		.top = (size_t)h->top << UNIT_SHIFT,
		.caches = h->caches,
	};
	span_unlock(h);
}

/* How many of a span's free blocks its lists know; more than `max` means a loop. */
static uint32_t count_list(const void *first, uint32_t max)
{
	uint32_t n = 0;
	for (const uint64_t *p = first; p != NULL && n <= max; p = (const uint64_t *)(uintptr_t)p[0])
		n++;
	return n;
}

static int check_span(const struct heap *h, const struct unit *u)
{
	uint32_t blocks = u->bump / u->block;
	uint32_t listed = count_list(u->free, blocks);
	if (u->bump > u->limit || u->used + listed != blocks)
		return error_set(PMIG_ECORRUPT, "heap: span %u: %u blocks, %u used, %u free", unit_index(h, u), blocks,
			u->used, listed);
	return 0;
}

static int check_free_run(const struct heap *h, uint32_t i, bool after_free)
{
	const struct unit *u = &h->meta[i];
	uint32_t dirty = 0;
	for (uint32_t k = 0; k < u->units; k++)
		dirty += u[k].dirty;
	if (after_free || dirty != u->used ||
		(u->units > 1 && (u[u->units - 1].kind != UNIT_TAIL || u[u->units - 1].back != u->units - 1)))
		return error_set(PMIG_ECORRUPT, "heap: free run %u of %u units is inconsistent", i, u->units);
	bool found = false;
	for (uint32_t k = h->bins[run_bin(u->units)]; k != 0 && !found; k = h->meta[k].next)
		found = k == i;
	return found ? 0 : error_set(PMIG_ECORRUPT, "heap: free run %u is in no bin", i);
}

int heap_check(struct heap *h)
{
	uint32_t sums[UNIT_CACHES + 1] = {0}, dirty = 0;
	bool after_free = false;
	for (uint32_t i = 0, n; i < h->top; i += n) {
		const struct unit *u = &h->meta[i];
		n = u->units;
		if (n == 0 || n > h->top - i || (u->kind != UNIT_FREE && u->kind < UNIT_SPAN) || u->kind > UNIT_CACHES)
			return error_set(PMIG_ECORRUPT, "heap: unit %u of kind %u begins no run", i, u->kind);
		int e = u->kind == UNIT_SPAN   ? check_span(h, u)
			: u->kind == UNIT_FREE ? check_free_run(h, i, after_free)
					       : 0;
		if (e < 0)
			return e;
		after_free = u->kind == UNIT_FREE;
		sums[u->kind] += n;
		dirty += u->kind == UNIT_FREE ? u->used : 0;
	}
	if (sums[UNIT_FREE] != h->free_units || sums[UNIT_LARGE] != h->large_units || sums[UNIT_SPAN] != h->span_units ||
		dirty != h->dirty_units)
		return error_set(PMIG_ECORRUPT, "heap: the sums are wrong");
	return 0;
}
