/* malloc: the program's allocation functions, over the heap of the arena. */
#include "malloc.h"

#include "arena.h"
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Process state: the heap of the arena once that exists. */
static struct heap *_Atomic program_heap;

void (*malloc_watch)(const void *p);

static struct heap *make_heap(void)
{
	if (arena_create() < 0)
		return NULL;
	program_heap = arena_heap();
	return program_heap;
}

static inline struct heap *get_heap(void)
{
	struct heap *h = __atomic_load_n((struct heap **)&program_heap, __ATOMIC_RELAXED);
	return __builtin_expect(h != NULL, 1) ? h : make_heap();
}

static void *no_memory(int number)
{
	errno = number;
	return NULL;
}

void *pmig_malloc(size_t size)
{
	struct heap *h = get_heap();
	return h != NULL ? heap_malloc(h, size) : no_memory(ENOMEM);
}

void *pmig_calloc(size_t n, size_t size)
{
	struct heap *h = get_heap();
	return h != NULL ? heap_calloc(h, n, size) : no_memory(ENOMEM);
}

/* As glibc's memalign: the next power of two counts. */
void *pmig_memalign(size_t alignment, size_t size)
{
	struct heap *h = get_heap();
	if (alignment > SIZE_MAX / 2 + 1)
		return no_memory(EINVAL);
	size_t power = sizeof(void *);
	while (power < alignment)
		power *= 2;
	return h != NULL ? heap_memalign(h, power, size) : no_memory(ENOMEM);
}

void *pmig_aligned_alloc(size_t alignment, size_t size)
{
	return pmig_memalign(alignment, size);
}

int pmig_posix_memalign(void **ret_p, size_t alignment, size_t size)
{
	if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
		return EINVAL;
	int saved = errno;
	void *p = pmig_memalign(alignment, size);
	errno = saved;
	if (p == NULL)
		return ENOMEM;
	*ret_p = p;
	return 0;
}

void *pmig_valloc(size_t size)
{
	return pmig_memalign((size_t)getpagesize(), size);
}

void *pmig_pvalloc(size_t size)
{
	size_t page = (size_t)getpagesize(), rounded;
	if (__builtin_add_overflow(size, page - 1, &rounded))
		return no_memory(ENOMEM);
	return pmig_memalign(page, rounded & ~(page - 1));
}

/* True if `p` lies in the heap of the arena. */
static bool is_ours(struct heap *h, const void *p)
{
	return h != NULL && heap_owns(h, p);
}

void pmig_free(void *p)
{
	struct heap *h = get_heap();
	void (*watch)(const void *) = __atomic_load_n(&malloc_watch, __ATOMIC_RELAXED);
	if (__builtin_expect(watch != NULL, 0))
		watch(p);
	if (__builtin_expect(is_ours(h, p), 1))
		heap_free(h, p);
	else
		free(p);
}

void pmig_cfree(void *p)
{
	pmig_free(p);
}

/* Moves a block that is not the arena's into it. */
static void *move_in(struct heap *h, void *p, size_t size)
{
	if (size == 0) {
		free(p);
		return NULL;
	}
	void *q = heap_malloc(h, size);
	if (q == NULL)
		return NULL;
	size_t old = malloc_usable_size(p);
	memcpy(q, p, old < size ? old : size);
	free(p);
	return q;
}

void *pmig_realloc(void *p, size_t size)
{
	struct heap *h = get_heap();
	if (h == NULL)
		return no_memory(ENOMEM);
	if (p == NULL || heap_owns(h, p)) {
		void *q = heap_realloc(h, p, size);
		void (*watch)(const void *) = __atomic_load_n(&malloc_watch, __ATOMIC_RELAXED);
		if (watch != NULL && q != p && (q != NULL || size == 0))
			watch(p);
		return q;
	}
	return move_in(h, p, size);
}

void *pmig_reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return no_memory(ENOMEM);
	return pmig_realloc(p, bytes);
}

size_t pmig_malloc_usable_size(void *p)
{
	struct heap *h = get_heap();
	return is_ours(h, p) ? heap_usable_size(h, p) : malloc_usable_size(p);
}

char *pmig_strndup(const char *s, size_t n)
{
	size_t length = strnlen(s, n);
	char *copy = pmig_malloc(length + 1);
	if (copy == NULL)
		return NULL;
	memcpy(copy, s, length);
	copy[length] = '\0';
	return copy;
}

char *pmig_strdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = pmig_malloc(size);
	return copy != NULL ? memcpy(copy, s, size) : NULL;
}

wchar_t *pmig_wcsdup(const wchar_t *s)
{
	size_t size = (wcslen(s) + 1) * sizeof *s;
	wchar_t *copy = pmig_malloc(size);
	return copy != NULL ? memcpy(copy, s, size) : NULL;
}

static void fork_prepare(void)
{
	if (program_heap != NULL)
		heap_fork_prepare(program_heap);
}

static void fork_done(void)
{
	if (program_heap != NULL)
		heap_fork_done(program_heap);
}

__attribute__((constructor)) static void at_fork(void)
{
	(void)pthread_atfork(fork_prepare, fork_done, fork_done);
}
