/* span: blocks of one size in a span, and the caches that own spans. The calling thread's cache needs no lock. */
#ifndef PMIG_ARENA_SPAN_H
#define PMIG_ARENA_SPAN_H

#include "region.h"

/* Where a thread finds its caches; process state, made anew after a restore. */
extern __thread struct cache *span_caches[HEAP_INSTANCES] __attribute__((tls_model("initial-exec")));

/* Bit `slot`: this thread holds the lock of that heap over a fork(), and may go on allocating meanwhile. */
extern __thread unsigned span_held __attribute__((tls_model("initial-exec")));

static inline void span_lock(struct heap *h)
{
	if ((span_held >> h->slot & 1) == 0)
		lock_take(&h->lock);
}

static inline void span_unlock(struct heap *h)
{
	if ((span_held >> h->slot & 1) == 0)
		lock_open(&h->lock);
}

extern const uint8_t span_class_table[1024 / 16 + 1];
extern const uint16_t span_class_size[HEAP_CLASSES];

/* The class whose blocks hold `size` <= HEAP_SMALL_MAX bytes. */
static inline unsigned span_class(size_t size)
{
	if (size <= 1024)
		return span_class_table[(size + 15) >> 4];
	unsigned log = 63 - (unsigned)__builtin_clzll(size - 1);
	return 20 + (log - 10) * 4 + (unsigned)(((size - 1) >> (log - 2)) & 3);
}

/* The calling thread's cache, made or taken over if it has none. NULL: no memory. */
struct cache *span_attach(struct heap *h);

static inline struct cache *span_cache(struct heap *h)
{
	struct cache *c = span_caches[h->slot];
	return __builtin_expect(c != NULL, 1) ? c : span_attach(h);
}

/* Finds or makes a span of `class` with a free block, puts it in front, and takes a block. NULL: no memory. */
void *span_refill(struct heap *h, struct cache *c, unsigned class);

/* The mark that a free block carries in its second word. */
static inline uint64_t span_mark(const struct heap *h, const void *p)
{
	return h->key ^ (uint64_t)(uintptr_t)p;
}

/* Takes a block that was never handed out. */
static inline void *span_bump(const struct heap *h, struct unit *u)
{
	uint64_t *p = (uint64_t *)(unit_address(h, u) + u->bump);
	u->bump += u->block;
	u->used++;
	p[1] = 0; /* a mark may be left from what was here before */
	return p;
}

/* Takes a block. With `zero` its first `size` bytes are zero. NULL: no memory. */
static inline __attribute__((always_inline)) void *span_alloc(struct heap *h, struct cache *c, size_t size, bool zero)
{
	unsigned class = span_class(size);
	struct unit *u = c->current[class];
	uint64_t *p = u->free;
	if (__builtin_expect(p != NULL, 1)) {
		u->free = (void *)(uintptr_t)p[0];
		u->used++;
		p[1] = 0;
	} else if (__builtin_expect(u->bump < u->limit, 1)) {
		p = span_bump(h, u);
		if (u->fresh)
			return p;
	} else {
		p = span_refill(h, c, class);
		if (__builtin_expect(p == NULL, 0))
			return NULL;
	}
	if (zero)
		__builtin_memset(p, 0, size);
	return p;
}

/* The rare ends of freeing: the span is full or empty now; the span is another cache's. */
void span_free_edge(struct heap *h, struct cache *c, struct unit *u);
void span_free_remote(struct heap *h, struct unit *u, void *p);

/* Ends the process: `p` cannot be freed because `why`. */
_Noreturn void span_die(const void *p, const char *why);

/* The block of span `u` that `p` points into, counted from the start of the span. */
static inline uint32_t span_block(const struct unit *u, uint32_t offset)
{
	return (uint32_t)(((uint64_t)(offset >> 4) * u->inverse) >> 31);
}

static inline void span_free(struct heap *h, struct unit *u, void *p)
{
	uint64_t *block = p;
	uint32_t offset = (uint32_t)((char *)p - unit_address(h, u));
	if (__builtin_expect(span_block(u, offset) * u->block != offset, 0))
		span_die(p, "this is not the start of a block");
	if (__builtin_expect(block[1] == span_mark(h, p), 0))
		span_die(p, "this block was freed already");
	block[1] = span_mark(h, p);
	struct cache *c = span_caches[h->slot];
	if (__builtin_expect(u->owner != c, 0)) {
		span_free_remote(h, u, p);
		return;
	}
	if (__builtin_expect(offset >= u->bump, 0))
		span_die(p, "this block was never allocated");
	block[0] = (uint64_t)(uintptr_t)u->free;
	u->free = p;
	if (__builtin_expect(--u->used == 0 || u->state == SPAN_FULL, 0))
		span_free_edge(h, c, u);
}

/* Gives the empty spans of a cache back to the heap. Wants h->lock to be open. */
void span_release_empty(struct heap *h, struct cache *c);

/* Collects what other threads freed of the cache's spans. */
void span_collect(struct heap *h, struct cache *c);

/* Forgets the heap at `slot` in this thread. */
void span_forget(unsigned slot);

/* All caches of a heap whose threads are gone with their process become idle. */
void span_adopt(struct heap *h);

#endif
