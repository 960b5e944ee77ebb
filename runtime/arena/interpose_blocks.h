/* interpose_blocks: the blocks of all in the process that is not the program. They come from the foreign heap, and each keeps in its last
 * bytes where it was allocated. A sanitizer (PMIG_SANITIZER_MALLOC) has an allocator of its own, whose checks the runtime is built for:
 * there they come from that, and there is no foreign heap. Part of interpose.c, for the sake of its speed. */
#ifndef PMIG_ARENA_INTERPOSE_BLOCKS_H
#define PMIG_ARENA_INTERPOSE_BLOCKS_H

#include "heap.h"
#include "interpose.h"
#include "lock.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

/* What is asked for: `size` bytes, zero if so, aligned if alignment > 16. */
struct request {
	size_t size;
	size_t alignment;
	bool zero;
	void *site;
};

static inline void *blocks_none(int number)
{
	errno = number;
	return NULL;
}

#ifdef PMIG_SANITIZER_MALLOC

/* The names that LLVM's and GCC's sanitizers give to what they put into malloc's place. */
void *__interceptor_malloc(size_t size);                     /* NOLINT */
void *__interceptor_calloc(size_t n, size_t size);           /* NOLINT */
void *__interceptor_memalign(size_t alignment, size_t size); /* NOLINT */
void *__interceptor_realloc(void *p, size_t size);           /* NOLINT */
void __interceptor_free(void *p);                            /* NOLINT */
size_t __interceptor_malloc_usable_size(void *p);            /* NOLINT */

static inline struct heap *blocks_heap(void)
{
	return NULL;
}

static inline void *blocks_alloc(const struct request *r)
{
	return r->zero              ? __interceptor_calloc(1, r->size)
		: r->alignment > 16 ? __interceptor_memalign(r->alignment, r->size)
				    : __interceptor_malloc(r->size);
}

/* Only the sanitizer knows its own: they are those that nobody else owns. */
static inline bool blocks_own(const void *p)
{
	(void)p;
	return false;
}

static inline void *blocks_realloc(void *p, size_t size, void *site)
{
	(void)site;
	return __interceptor_realloc(p, size);
}

static inline void blocks_free(void *p)
{
	__interceptor_free(p);
}

static inline void *blocks_others_realloc(void *p, size_t size)
{
	return __interceptor_realloc(p, size);
}

static inline void blocks_others_free(void *p)
{
	__interceptor_free(p);
}

static inline size_t blocks_usable_size(void *p)
{
	return __interceptor_malloc_usable_size(p);
}

static inline size_t blocks_others_usable_size(void *p)
{
	return __interceptor_malloc_usable_size(p);
}

static inline void *blocks_site(const void *base)
{
	(void)base;
	return NULL;
}

#else

#define HEAP_SLOT 1
#define INTERPOSE_SIZE_LEAST (64u << 20)

void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static struct heap *_Atomic foreign;
static struct lock making;

static inline struct heap *blocks_heap(void)
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

static inline void *signed_by(void *p, size_t usable, void *site)
{
	*(void **)((char *)p + usable - INTERPOSE_SITE_SIZE) = site;
	return p;
}

static inline void *blocks_alloc(const struct request *r)
{
	struct heap *h = get_foreign();
	if (h == NULL || r->size > PTRDIFF_MAX - INTERPOSE_SITE_SIZE)
		return blocks_none(ENOMEM);
	size_t size = r->size + INTERPOSE_SITE_SIZE;
	void *p = r->zero           ? heap_calloc(h, 1, size)
		: r->alignment > 16 ? heap_memalign(h, r->alignment, size)
				    : heap_malloc(h, size);
	if (p == NULL)
		return NULL;
	return signed_by(p, r->alignment > 16 ? heap_usable_size(h, p) : heap_good_size(size), r->site);
}

static inline bool blocks_own(const void *p)
{
	struct heap *h = __atomic_load_n((struct heap **)&foreign, __ATOMIC_RELAXED);
	return h != NULL && heap_owns(h, p);
}

static inline void blocks_free(void *p)
{
	heap_free(foreign, p);
}

static inline void *blocks_realloc(void *p, size_t size, void *site)
{
	if (size == 0) {
		heap_free(foreign, p);
		return NULL;
	}
	if (size > PTRDIFF_MAX - INTERPOSE_SITE_SIZE)
		return blocks_none(ENOMEM);
	p = heap_realloc(foreign, p, size + INTERPOSE_SITE_SIZE);
	return p == NULL ? NULL : signed_by(p, heap_usable_size(foreign, p), site);
}

/* From before this malloc was there. */
static inline void *blocks_others_realloc(void *p, size_t size)
{
	return __libc_realloc(p, size);
}

static inline void blocks_others_free(void *p)
{
	__libc_free(p);
}

static inline size_t blocks_usable_size(void *p)
{
	return heap_usable_size(foreign, p) - INTERPOSE_SITE_SIZE;
}

static inline size_t blocks_others_usable_size(void *p)
{
	(void)p;
	return 0;
}

static inline void *blocks_site(const void *base)
{
	void *block;
	size_t size;
	if (!blocks_own(base) || !heap_block_of(foreign, base, &block, &size))
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
#endif
