/* interpose: malloc and its family in the executable, over the foreign heap, with the modes of the calling thread. */
#include "interpose.h"

#include "arena.h"
#include "heap.h"
#include "lock.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef PMIG_NO_INTERPOSE

bool interpose_active(void)
{
	return false;
}

struct heap *interpose_heap(void)
{
	return NULL;
}

void interpose_slots(void *base, size_t size, void (*released)(void *slot))
{
	(void)base, (void)size, (void)released;
}

int interpose_calibrate(void *(*open)(void *), void (*close)(void *), void *context, struct interpose_call *ret_call)
{
	(void)open, (void)close, (void)context, (void)ret_call;
	return error_set(PMIG_ENOSUPPORT, "interpose: malloc is not ours in this build");
}

void interpose_place(void *slot, size_t size, unsigned skip)
{
	(void)slot, (void)size, (void)skip;
}

bool interpose_place_end(void)
{
	return false;
}

void interpose_arena_begin(void)
{
}

void interpose_arena_end(void)
{
}

void *interpose_site(const void *base)
{
	(void)base;
	return NULL;
}

#else

#define HEAP_SLOT 1
#define RECORDS 64
#define INTERPOSE_SIZE_LEAST (64u << 20)

void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

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

/* Process state: the foreign heap, and which addresses are slots. */
static struct heap *_Atomic foreign;
static struct lock making;
static struct {
	uintptr_t base;
	size_t size;
	void (*released)(void *slot);
} slots = {ARENA_BASE + ARENA_STREAMS, ARENA_STREAMS_SIZE, NULL};

bool interpose_active(void)
{
	return true;
}

struct heap *interpose_heap(void)
{
	return foreign;
}

/* Reserves `size` bytes at the usual address, or anywhere if something is there. NULL: refused. */
static void *reserve(size_t size)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *p = mmap((void *)INTERPOSE_BASE, size, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == (void *)INTERPOSE_BASE)
		return p;
	p = mmap(NULL, size + 0x10000, PROT_NONE, flags, -1, 0);
	return p != MAP_FAILED ? (void *)(((uintptr_t)p + 0xffff) & ~(uintptr_t)0xffff) : NULL;
}

/* Where addresses are rationed (ulimit -v) a small heap is better than none: the runtime can say what is wrong. */
static struct heap *make_foreign(void)
{
	int saved = errno;
	lock_take(&making);
	for (size_t size = INTERPOSE_SIZE; foreign == NULL && size >= INTERPOSE_SIZE_LEAST; size /= 4) {
		void *p = reserve(size);
		if (p != NULL)
			foreign = heap_create(p, size, HEAP_SLOT);
	}
	lock_open(&making);
	errno = saved;
	return foreign;
}

static inline struct heap *get_foreign(void)
{
	struct heap *h = __atomic_load_n((struct heap **)&foreign, __ATOMIC_RELAXED);
	return __builtin_expect(h != NULL, 1) ? h : make_foreign();
}

static void *no_memory(int number)
{
	errno = number;
	return NULL;
}

static void *signed_by(void *p, size_t usable, void *site)
{
	*(void **)((char *)p + usable - INTERPOSE_SITE_SIZE) = site;
	return p;
}

/* What is asked for: `size` bytes, zero if so, aligned if alignment > 16. */
struct request {
	size_t size;
	size_t alignment;
	bool zero;
	void *site;
};

static inline void *foreign_alloc(const struct request *r)
{
	struct heap *h = get_foreign();
	if (h == NULL || r->size > PTRDIFF_MAX - INTERPOSE_SITE_SIZE)
		return no_memory(ENOMEM);
	size_t size = r->size + INTERPOSE_SITE_SIZE;
	void *p = r->zero           ? heap_calloc(h, 1, size)
		: r->alignment > 16 ? heap_memalign(h, r->alignment, size)
				    : heap_malloc(h, size);
	if (p == NULL)
		return NULL;
	return signed_by(p, r->alignment > 16 ? heap_usable_size(h, p) : heap_good_size(size), r->site);
}

static void *arena_alloc(const struct request *r)
{
	if (arena_create() < 0)
		return no_memory(ENOMEM);
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
	p = m->arena > 0 ? arena_alloc(r) : foreign_alloc(r);
	if (m->records != NULL && m->recorded < RECORDS)
		m->records[m->recorded++] = (struct record){p, r->size};
	return p;
}

static inline __attribute__((always_inline)) void *alloc(const struct request *r)
{
	return __builtin_expect(mode.any != 0, 0) ? mode_alloc(r) : foreign_alloc(r);
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
		return no_memory(ENOMEM);
	return alloc(&(struct request){.size = bytes, .zero = true, .site = __builtin_return_address(0)});
}

static void *aligned(size_t alignment, size_t size, void *site)
{
	if (alignment > SIZE_MAX / 2 + 1)
		return no_memory(EINVAL);
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
		return no_memory(ENOMEM);
	return aligned(page, rounded & ~(page - 1), __builtin_return_address(0));
}

static bool is_foreign(const void *p)
{
	struct heap *h = __atomic_load_n((struct heap **)&foreign, __ATOMIC_RELAXED);
	return h != NULL && heap_owns(h, p);
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
	if (__builtin_expect(is_foreign(p), 1)) {
		heap_free(foreign, p);
	} else if (is_slot(p)) {
		if (slots.released != NULL)
			slots.released(p);
	} else if (is_arena(p)) {
		heap_free(arena_heap(), p);
	} else {
		__libc_free(p); /* from before this malloc was there */
	}
}

static void *sited_realloc(void *p, size_t size, void *site)
{
	if (p == NULL)
		return alloc(&(struct request){.size = size, .site = site});
	if (is_foreign(p)) {
		if (size == 0) {
			heap_free(foreign, p);
			return NULL;
		}
		if (size > PTRDIFF_MAX - INTERPOSE_SITE_SIZE)
			return no_memory(ENOMEM);
		p = heap_realloc(foreign, p, size + INTERPOSE_SITE_SIZE);
		return p == NULL ? NULL : signed_by(p, heap_usable_size(foreign, p), site);
	}
	return is_arena(p) ? heap_realloc(arena_heap(), p, size) : __libc_realloc(p, size);
}

void *realloc(void *p, size_t size)
{
	return sited_realloc(p, size, __builtin_return_address(0));
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return no_memory(ENOMEM);
	return sited_realloc(p, bytes, __builtin_return_address(0));
}

size_t malloc_usable_size(void *p)
{
	if (p == NULL)
		return 0;
	if (is_foreign(p))
		return heap_usable_size(foreign, p) - INTERPOSE_SITE_SIZE;
	return is_arena(p) && !is_slot(p) ? heap_usable_size(arena_heap(), p) : 0;
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
	void *block;
	size_t size;
	if (!is_foreign(base) || !heap_block_of(foreign, base, &block, &size))
		return NULL;
	return *(void **)((char *)block + size - INTERPOSE_SITE_SIZE);
}

static void fork_prepare(void)
{
	if (foreign != NULL)
		heap_fork_prepare(foreign);
}

static void fork_done(void)
{
	if (foreign != NULL)
		heap_fork_done(foreign);
}

__attribute__((constructor)) static void at_fork(void)
{
	(void)pthread_atfork(fork_prepare, fork_done, fork_done);
}

#endif
