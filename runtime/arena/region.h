/* region: how the range of a heap is laid out; shared by run.c, span.c and heap.c, and nobody else.
 *
 *   base            struct heap (64 KiB)
 *   base + 64 KiB   one struct unit for each unit
 *   units           the units, 64 KiB each
 *
 * A unit's kind says what it begins. Runs are named by the index of their first unit; index 0 is a run of caches that
 * is never given back, so 0 can mean "none". Everything is in the region; pointers in it are absolute because the
 * region has one address for ever. */
#ifndef PMIG_ARENA_REGION_H
#define PMIG_ARENA_REGION_H

#include "heap.h"
#include "lock.h"

#define REGION_MAGIC 0x7061656867696d70ull
#define REGION_VERSION 1
#define REGION_HEADER 0x10000ull

#define UNIT_SHIFT 16
#define UNIT_SIZE (1ull << UNIT_SHIFT)
#define UNITS_MAX (1u << 30)

#define HEAP_CLASSES 40
#define HEAP_SMALL_MAX 32768u
#define HEAP_ALIGNMENT 16u

#define RUN_EXACT 64u /* bins 1..63 hold runs of exactly so many units, the others an eighth of a power of two */
#define RUN_BINS (RUN_EXACT + 25 * 8)

enum unit_kind {
	UNIT_NEVER = 0, /* never used; at and above `top` */
	UNIT_FREE,      /* first unit of a free run */
	UNIT_TAIL,      /* last unit of a free run of more than one */
	UNIT_INSIDE,    /* inside of a span or large block, or the stale trace of one: ask its first unit */
	UNIT_SPAN,      /* first unit of a span of small blocks */
	UNIT_LARGE,     /* first unit of a large block */
	UNIT_CACHES     /* caches */
};

enum unit_state {
	SPAN_LISTED = 1, /* in its cache's list of spans that may have a free block */
	SPAN_FULL        /* in no list; frees of other threads go to the cache's pending list */
};

/* Value of `remote` of a full span; no block lies at address 1. */
#define REMOTE_FULL ((uintptr_t)1)

struct cache;

struct unit {
	void *free;               /* span: blocks freed by the owner */
	_Atomic uintptr_t remote; /* span: blocks freed by others, or REMOTE_FULL */
	struct cache *owner;      /* span */
	uint32_t bump;            /* span: offset of the first block never handed out */
	uint32_t limit;           /* span: offset past the last block */
	uint32_t used;            /* span: blocks handed out; free run: dirty units */
	uint32_t block;           /* span: bytes of a block */
	uint32_t inverse;         /* span: 2^31 * 16 / block, rounded up */
	uint32_t units;           /* length of the run */
	uint32_t next, prev;      /* span: in its cache's list; free run: in its bin */
	uint32_t back;            /* UNIT_INSIDE, UNIT_TAIL: distance to the first unit */
	uint8_t kind;             /* enum unit_kind */
	uint8_t class;            /* span */
	uint8_t dirty;            /* its bytes may be other than zero */
	uint8_t state : 4;        /* span: enum unit_state */
	uint8_t fresh : 4;        /* span: what lies above `bump` is zero */
};
_Static_assert(sizeof(struct unit) == 64, "one cache line each");

/* What one thread allocates from. Outlives its thread: the next new thread takes it with all its spans. */
struct cache {
	struct unit *current[HEAP_CLASSES]; /* never NULL: heap->none where the list is empty */
	uint32_t last[HEAP_CLASSES];        /* unit index of the end of each list */
	_Atomic(void *) pending;            /* blocks of full spans, freed by other threads */
	struct cache *next;                 /* of all caches */
	struct cache *next_idle;
} __attribute__((aligned(128)));

struct heap {
	uint64_t magic;
	uint32_t version;
	uint32_t slot;
	char *units;
	struct unit *meta;
	uint64_t key;         /* random: marks free blocks */
	uint64_t reserved;    /* bytes from base */
	uint32_t total;       /* units there is room for */
	_Atomic uint32_t top; /* units ever used */
	uint32_t opened;      /* units that are readable and writable */
	uint32_t mapped;      /* pages may be those of a file: to clear them, map fresh ones */
	struct unit none;     /* a span without blocks */

	struct lock lock __attribute__((aligned(64))); /* over all that follows, and units that are in no span */
	uint32_t free_units, dirty_units, large_units, span_units;
	uint32_t caches;
	struct cache *all, *idle;
	char *cache_next, *cache_end; /* the rest of the newest run of caches */
	uint64_t bitmap[(RUN_BINS + 63) / 64];
	uint32_t bins[RUN_BINS];
};
_Static_assert(sizeof(struct heap) <= REGION_HEADER, "the header has its place");

static inline uint32_t unit_index(const struct heap *h, const struct unit *u)
{
	return (uint32_t)(u - h->meta);
}

static inline char *unit_address(const struct heap *h, const struct unit *u)
{
	return h->units + ((uint64_t)unit_index(h, u) << UNIT_SHIFT);
}

/* The span or large block that `p` points into, or NULL. */
static inline struct unit *unit_of(const struct heap *h, const void *p)
{
	uint64_t offset = (uint64_t)((uintptr_t)p - (uintptr_t)h->units);
	uint64_t i = offset >> UNIT_SHIFT;
	if (__builtin_expect(i >= atomic_load_explicit(&h->top, memory_order_relaxed), 0))
		return NULL;
	struct unit *u = &h->meta[i];
	if (__builtin_expect(u->kind == UNIT_SPAN, 1))
		return u;
	if (u->kind == UNIT_INSIDE) {
		if (u->back > i)
			return NULL;
		struct unit *first = u - u->back;
		if ((first->kind == UNIT_SPAN || first->kind == UNIT_LARGE) && u->back < first->units)
			return first;
		return NULL;
	}
	return u->kind == UNIT_LARGE ? u : NULL;
}

#endif
