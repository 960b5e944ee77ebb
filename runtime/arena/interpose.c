/* interpose: malloc and its family in the executable, over the foreign heap, with the modes of the calling thread. Never itself
 * instrumented by a sanitizer, since libraries allocate before that has started. */
#include "interpose.h"

#include "arena.h"
#include "heap.h"
#include "interpose_blocks.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS 64

struct record {
	void *p;
	size_t size;
};

/* The modes of a thread; `any` is the one word that an allocation looks at. */
struct mode {
	unsigned any;
	unsigned arena; /* depth */
	unsigned skip;
	bool taken;
	void *slot; /* NULL: no placement */
	size_t slot_size;
	struct record *records; /* NULL: nobody calibrates */
	unsigned recorded;
};

static __thread struct mode mode __attribute__((tls_model("initial-exec")));

/* Process state: which addresses are slots. */
static struct {
	uintptr_t base;
	size_t size;
	void (*released)(void *slot);
} slots = {ARENA_BASE + ARENA_STREAMS, ARENA_STREAMS_SIZE, NULL};

struct heap *interpose_heap(void)
{
	return blocks_heap();
}

static void *arena_alloc(const struct request *r)
{
	if (arena_create() < 0)
		return blocks_none(ENOMEM);
	if (r->zero)
		return heap_calloc(arena_heap(), 1, r->size);
	return heap_memalign(arena_heap(), r->alignment, r->size);
}

/* The slot, if this is the allocation that it was meant for. */
static void *placed_alloc(struct mode *m, const struct request *r)
{
	if (m->skip > 0) {
		m->skip--;
		return NULL;
	}
	if (r->size > m->slot_size)
		return NULL;
	void *p = m->slot;
	m->slot = NULL;
	m->taken = true;
	if (r->zero)
		memset(p, 0, r->size);
	return p;
}

static __attribute__((noinline)) void *mode_alloc(const struct request *r)
{
	struct mode *m = &mode;
	void *p = m->slot != NULL ? placed_alloc(m, r) : NULL;
	if (p != NULL)
		return p;
	p = m->arena > 0 ? arena_alloc(r) : blocks_alloc(r);
	if (m->records != NULL && m->recorded < RECORDS)
		m->records[m->recorded++] = (struct record){p, r->size};
	return p;
}

static inline __attribute__((always_inline)) void *alloc(const struct request *r)
{
	return __builtin_expect(mode.any != 0, 0) ? mode_alloc(r) : blocks_alloc(r);
}

/* The family. */

void *malloc(size_t size)
{
	return alloc(&(struct request){.size = size, .site = __builtin_return_address(0)});
}

void *calloc(size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return blocks_none(ENOMEM);
	return alloc(&(struct request){.size = bytes, .zero = true, .site = __builtin_return_address(0)});
}

static void *aligned(size_t alignment, size_t size, void *site)
{
	if (alignment > SIZE_MAX / 2 + 1)
		return blocks_none(EINVAL);
	size_t power = sizeof(void *);
	while (power < alignment)
		power *= 2;
	return alloc(&(struct request){.size = size, .alignment = power, .site = site});
}

void *memalign(size_t alignment, size_t size)
{
	return aligned(alignment, size, __builtin_return_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return aligned(alignment, size, __builtin_return_address(0));
}

int posix_memalign(void **ret_p, size_t alignment, size_t size)
{
	if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
		return EINVAL;
	int saved = errno;
	void *p = aligned(alignment, size, __builtin_return_address(0));
	errno = saved;
	if (p == NULL)
		return ENOMEM;
	*ret_p = p;
	return 0;
}

void *valloc(size_t size)
{
	return aligned((size_t)getpagesize(), size, __builtin_return_address(0));
}

void *pvalloc(size_t size)
{
	size_t page = (size_t)getpagesize(), rounded;
	if (__builtin_add_overflow(size, page - 1, &rounded))
		return blocks_none(ENOMEM);
	return aligned(page, rounded & ~(page - 1), __builtin_return_address(0));
}

static bool is_arena(const void *p)
{
	return arena_contains(p) && arena_exists();
}

static bool is_slot(const void *p)
{
	return (uintptr_t)p - slots.base < slots.size;
}

void free(void *p)
{
	if (p == NULL)
		return;
	if (__builtin_expect(blocks_own(p), 1)) {
		blocks_free(p);
	} else if (is_slot(p)) {
		if (slots.released != NULL)
			slots.released(p);
	} else if (is_arena(p)) {
		heap_free(arena_heap(), p);
	} else {
		blocks_others_free(p);
	}
}

static void *sited_realloc(void *p, size_t size, void *site)
{
	if (p == NULL)
		return alloc(&(struct request){.size = size, .site = site});
	if (blocks_own(p))
		return blocks_realloc(p, size, site);
	return is_arena(p) ? heap_realloc(arena_heap(), p, size) : blocks_others_realloc(p, size);
}

void *realloc(void *p, size_t size)
{
	return sited_realloc(p, size, __builtin_return_address(0));
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return blocks_none(ENOMEM);
	return sited_realloc(p, bytes, __builtin_return_address(0));
}

size_t malloc_usable_size(void *p)
{
	if (p == NULL)
		return 0;
	if (blocks_own(p))
		return blocks_usable_size(p);
	if (is_arena(p))
		return is_slot(p) ? 0 : heap_usable_size(arena_heap(), p);
	return blocks_others_usable_size(p);
}

/* The modes. Out of line and fenced: malloc is known to compilers as a function that reads no such variables. */

static void mode_changed(void)
{
	mode.any = mode.slot != NULL || mode.arena > 0 || mode.records != NULL;
	__asm__ volatile("" ::: "memory");
}

void interpose_slots(void *base, size_t size, void (*released)(void *slot))
{
	slots.base = (uintptr_t)base;
	slots.size = size;
	slots.released = released;
}

__attribute__((noinline)) void interpose_place(void *slot, size_t size, unsigned skip)
{
	mode.slot = slot;
	mode.slot_size = size;
	mode.skip = skip;
	mode.taken = false;
	mode_changed();
}

__attribute__((noinline)) bool interpose_place_end(void)
{
	bool taken = mode.taken;
	mode.slot = NULL;
	mode.taken = false;
	mode_changed();
	return taken;
}

__attribute__((noinline)) void interpose_arena_begin(void)
{
	mode.arena++;
	mode_changed();
}

__attribute__((noinline)) void interpose_arena_end(void)
{
	mode.arena--;
	mode_changed();
}

int interpose_calibrate(void *(*open)(void *), void (*close)(void *), void *context, struct interpose_call *ret_call)
{
	struct record records[RECORDS];
	mode.records = records;
	mode.recorded = 0;
	mode_changed();
	void *result = open(context);
	mode.records = NULL;
	mode_changed();
	if (result == NULL)
		return error_errno(PMIG_EIO, errno, "interpose: the throw-away call failed");
	int e = error_set(PMIG_ENOENT, "interpose: none of the %u allocations was returned", mode.recorded);
	for (unsigned i = 0; i < mode.recorded; i++) {
		if (records[i].p != result)
			continue;
		*ret_call = (struct interpose_call){i, records[i].size};
		e = 0;
	}
	close(result);
	return e;
}

void *interpose_site(const void *base)
{
	return blocks_site(base);
}
