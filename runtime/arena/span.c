/* span: the slow paths of small blocks, and how threads get and leave their caches. */
#include "span.h"

#include "run.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_RUN 1 /* units of caches taken at a time */

__thread struct cache *span_caches[HEAP_INSTANCES] __attribute__((tls_model("initial-exec")));

__thread unsigned span_held __attribute__((tls_model("initial-exec")));

/* Process state: which heap is at which slot, and the key whose destructor runs when a thread ends. */
static struct heap *_Atomic heaps[HEAP_INSTANCES];
static pthread_key_t ended;
static pthread_once_t ended_once = PTHREAD_ONCE_INIT;

/* clang-format off */
const uint16_t span_class_size[HEAP_CLASSES] = {
	16, 32, 48, 64, 80, 96, 112, 128, /* then four to a doubling */
	160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024,
	1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192,
	10240, 12288, 14336, 16384, 20480, 24576, 28672, 32768,
};

const uint8_t span_class_table[1024 / 16 + 1] = {
	0, 0, 1, 2, 3, 4, 5, 6, 7,                                      /* to 128 by 16 */
	8, 8, 9, 9, 10, 10, 11, 11,                                     /* to 256 by 32 */
	12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, /* to 512 by 64 */
	16, 16, 16, 16, 16, 16, 16, 16, 17, 17, 17, 17, 17, 17, 17, 17, /* to 1024 by 128 */
	18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 19, 19, 19,
};
/* clang-format on */

_Noreturn void span_die(const void *p, const char *why)
{
	char text[128]; /* no stdio stream: it may want memory */
	int n = snprintf(text, sizeof text, "pmig: free(%p): %s\n", p, why);
	if (n > 0)
		(void)!write(2, text, (size_t)n);
	abort();
}

/* Lists: `current` is the head, `prev` and `next` are unit indices, 0 is the end. */
static void list_push(struct heap *h, struct cache *c, struct unit *u)
{
	struct unit *head = c->current[u->class];
	u->prev = 0;
	u->next = head == &h->none ? 0 : unit_index(h, head);
	if (u->next != 0)
		head->prev = unit_index(h, u);
	else
		c->last[u->class] = unit_index(h, u);
	u->state = SPAN_LISTED;
	c->current[u->class] = u;
}

/* At the end, so that more blocks of it are freed before it is looked at. */
static void list_append(struct heap *h, struct cache *c, struct unit *u)
{
	if (c->current[u->class] == &h->none) {
		list_push(h, c, u);
		return;
	}
	u->prev = c->last[u->class];
	u->next = 0;
	h->meta[u->prev].next = c->last[u->class] = unit_index(h, u);
	u->state = SPAN_LISTED;
}

static void list_remove(struct heap *h, struct cache *c, struct unit *u)
{
	if (u->next != 0)
		h->meta[u->next].prev = u->prev;
	else
		c->last[u->class] = u->prev;
	if (u->prev != 0)
		h->meta[u->prev].next = u->next;
	else
		c->current[u->class] = u->next != 0 ? &h->meta[u->next] : &h->none;
	u->next = u->prev = 0;
}

static void span_give_back(struct heap *h, struct cache *c, struct unit *u)
{
	list_remove(h, c, u);
	span_lock(h);
	h->span_units -= u->units;
	run_free(h, u);
	span_unlock(h);
}

void span_free_edge(struct heap *h, struct cache *c, struct unit *u)
{
	if (u->state == SPAN_FULL) {
		atomic_store_explicit(&u->remote, 0, memory_order_relaxed);
		list_append(h, c, u);
	}
	if (u->used == 0 && u != c->current[u->class]) /* the first of a class stays: it is wanted again at once */
		span_give_back(h, c, u);
}

void span_free_remote(struct heap *h, struct unit *u, void *p)
{
	(void)h;
	uint64_t *block = p;
	struct cache *owner = u->owner;
	uintptr_t old = atomic_load_explicit(&u->remote, memory_order_relaxed);
	while (old != REMOTE_FULL) {
		block[0] = old;
		if (atomic_compare_exchange_weak_explicit(&u->remote, &old, (uintptr_t)p, memory_order_release,
			    memory_order_relaxed))
			return;
	}
	/* A full span is in no list, so nobody would look at `remote`: the owner is told by the block itself. */
	void *pending = atomic_load_explicit(&owner->pending, memory_order_relaxed);
	do
		block[0] = (uint64_t)(uintptr_t)pending;
	while (!atomic_compare_exchange_weak_explicit(&owner->pending, &pending, p, memory_order_release,
		memory_order_relaxed));
}

/* Takes over what others freed of `u`, which is listed. */
static void collect_remote(struct unit *u)
{
	if (atomic_load_explicit(&u->remote, memory_order_relaxed) == 0)
		return;
	uint64_t *p = (uint64_t *)atomic_exchange_explicit(&u->remote, 0, memory_order_acquire);
	while (p != NULL) {
		uint64_t *next = (uint64_t *)(uintptr_t)p[0];
		p[0] = (uint64_t)(uintptr_t)u->free;
		u->free = p;
		u->used--;
		p = next;
	}
}

/* Frees the blocks of full spans that others left. */
static void collect_pending(struct heap *h, struct cache *c)
{
	if (atomic_load_explicit(&c->pending, memory_order_relaxed) == NULL)
		return;
	uint64_t *p = atomic_exchange_explicit(&c->pending, NULL, memory_order_acquire);
	while (p != NULL) {
		uint64_t *next = (uint64_t *)(uintptr_t)p[0];
		struct unit *u = unit_of(h, p);
		p[0] = (uint64_t)(uintptr_t)u->free;
		u->free = p;
		if (--u->used == 0 || u->state == SPAN_FULL)
			span_free_edge(h, c, u);
		p = next;
	}
}

static struct unit *span_make(struct heap *h, struct cache *c, unsigned class)
{
	uint32_t block = span_class_size[class];
	span_lock(h);
	struct unit *u = run_alloc(h, block > 8192 ? 4 : 1, 1, UNIT_SPAN);
	if (u != NULL)
		h->span_units += u->units;
	span_unlock(h);
	if (u == NULL)
		return NULL;
	u->fresh = run_use(h, u, false);
	u->free = NULL;
	atomic_store_explicit(&u->remote, 0, memory_order_relaxed);
	u->owner = c;
	u->class = (uint8_t)class;
	u->block = block;
	u->inverse = (uint32_t)(((16ull << 31) + block - 1) / block);
	u->bump = u->used = 0;
	u->limit = (uint32_t)(u->units * UNIT_SIZE) / block * block;
	list_push(h, c, u);
	return u;
}

/* Takes `u`, which has nothing to give, out of the list. False: something came back at the last moment. */
static bool set_full(struct heap *h, struct cache *c, struct unit *u)
{
	uintptr_t none = 0;
	if (!atomic_compare_exchange_strong_explicit(&u->remote, &none, REMOTE_FULL, memory_order_relaxed,
		    memory_order_relaxed))
		return false;
	list_remove(h, c, u);
	u->state = SPAN_FULL;
	return true;
}

void *span_refill(struct heap *h, struct cache *c, unsigned class)
{
	collect_pending(h, c);
	struct unit *u = c->current[class];
	while (u != &h->none) {
		collect_remote(u);
		if (u->free != NULL || u->bump < u->limit)
			break;
		if (set_full(h, c, u))
			u = c->current[class];
	}
	if (u == &h->none)
		u = span_make(h, c, class);
	if (u == NULL)
		return NULL;
	uint64_t *p = u->free;
	if (p == NULL)
		return span_bump(h, u);
	u->free = (void *)(uintptr_t)p[0];
	u->used++;
	p[1] = 0;
	return p;
}

void span_collect(struct heap *h, struct cache *c)
{
	collect_pending(h, c);
	for (unsigned class = 0; class < HEAP_CLASSES; class ++)
		for (struct unit *u = c->current[class]; u != &h->none; u = u->next != 0 ? &h->meta[u->next] : &h->none)
			collect_remote(u);
}

void span_release_empty(struct heap *h, struct cache *c)
{
	span_collect(h, c);
	for (unsigned class = 0; class < HEAP_CLASSES; class ++) {
		struct unit *u = c->current[class];
		while (u != &h->none) {
			struct unit *next = u->next != 0 ? &h->meta[u->next] : &h->none;
			if (u->used == 0)
				span_give_back(h, c, u);
			u = next;
		}
	}
}

void span_forget(unsigned slot)
{
	heaps[slot] = NULL;
	span_caches[slot] = NULL;
}

/* Runs in a thread that ends: its caches wait for the next thread. Other destructors may still allocate; they attach
 * again, and this runs again. */
static void thread_ended(void *unused)
{
	(void)unused;
	for (unsigned slot = 0; slot < HEAP_INSTANCES; slot++) {
		struct heap *h = heaps[slot];
		struct cache *c = span_caches[slot];
		if (h == NULL || c == NULL)
			continue;
		span_release_empty(h, c);
		span_caches[slot] = NULL;
		span_lock(h);
		c->next_idle = h->idle;
		h->idle = c;
		span_unlock(h);
	}
}

static void make_key(void)
{
	if (pthread_key_create(&ended, thread_ended) != 0)
		abort(); /* first of 1024 keys of the process */
}

static struct cache *cache_make(struct heap *h)
{
	if (h->cache_next == h->cache_end) {
		struct unit *u = run_alloc(h, CACHE_RUN, 1, UNIT_CACHES);
		if (u == NULL)
			return NULL;
		(void)run_use(h, u, true);
		h->cache_next = unit_address(h, u);
		h->cache_end = h->cache_next + CACHE_RUN * UNIT_SIZE / sizeof(struct cache) * sizeof(struct cache);
	}
	struct cache *c = (struct cache *)h->cache_next;
	h->cache_next += sizeof(struct cache);
	for (unsigned class = 0; class < HEAP_CLASSES; class ++)
		c->current[class] = &h->none;
	c->next = h->all;
	h->all = c;
	h->caches++;
	return c;
}

struct cache *span_attach(struct heap *h)
{
	span_lock(h);
	struct cache *c = h->idle;
	if (c != NULL)
		h->idle = c->next_idle;
	else
		c = cache_make(h);
	span_unlock(h);
	if (c == NULL)
		return NULL;
	heaps[h->slot] = h;
	span_caches[h->slot] = c;
	(void)pthread_once(&ended_once, make_key);
	(void)pthread_setspecific(ended, &span_caches);
	return c;
}

void span_adopt(struct heap *h)
{
	h->idle = NULL;
	for (struct cache *c = h->all; c != NULL; c = c->next) {
		c->next_idle = h->idle;
		h->idle = c;
	}
}
