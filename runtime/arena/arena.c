/* arena: reserves the range, opens its parts, keeps thread blocks. */
#include "arena.h"

#include "heap.h"
#include "lock.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define HEAP_SLOT 0
#define STACK_LEAST (8ull << 20) /* a kernel that refuses a whole frame stack is asked for less, down to this */
#define PAGE 65536ull            /* the largest page size of the architectures above */

struct arena {
	uint64_t magic;
	uint32_t version;
	struct lock lock; /* over the thread blocks */
	uint64_t reserved;
	void *roots[ARENA_ROOTS];
};
_Static_assert(sizeof(struct arena) <= ARENA_HEADER_SIZE, "the header has its place");
_Static_assert(ARENA_THREADS + ARENA_THREADS_MAX * ARENA_THREAD_SIZE <= ARENA_STACKS, "parts do not overlap");
_Static_assert(ARENA_STACKS + ARENA_STACK_MAIN + (ARENA_THREADS_MAX - 1) * ARENA_STACK_SIZE <= ARENA_HEAP,
	"parts do not overlap");

/* Process state: whether the reservation was made. */
static _Atomic bool exists;
static struct lock creating;
static struct arena_thread *releasing; /* under the lock over the thread blocks */

static char *at(uint64_t offset)
{
	return (char *)(uintptr_t)(ARENA_BASE + offset);
}

static struct arena *header(void)
{
	return (struct arena *)at(0);
}

static struct arena_thread *block(unsigned index)
{
	return (struct arena_thread *)at(ARENA_THREADS + index * ARENA_THREAD_SIZE);
}

static char *stack_base(unsigned index)
{
	return index == 0 ? at(ARENA_STACKS) : at(ARENA_STACKS + ARENA_STACK_MAIN + (index - 1) * ARENA_STACK_SIZE);
}

/* Bytes of a frame stack that may be opened; the rest is a guard. */
static uint64_t stack_most(unsigned index)
{
	return (index == 0 ? ARENA_STACK_MAIN : ARENA_STACK_SIZE) - PAGE;
}

static uint64_t heap_size(const struct arena *a)
{
	return a->reserved - ARENA_HEAP;
}

bool arena_exists(void)
{
	return atomic_load_explicit(&exists, memory_order_acquire);
}

static int reserve(uint64_t size)
{
	void *p = mmap(at(0), size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == at(0))
		return 0;
	int number = errno;
	if (p != MAP_FAILED) { /* a kernel that takes the address for a hint */
		(void)munmap(p, size);
		number = EEXIST;
	}
	if (number == EEXIST)
		return error_set(PMIG_EEXIST, "arena: something lies in the way at %p", (void *)at(0));
	return error_errno(PMIG_ENOMEM, number, "arena: cannot reserve %llu GiB of addresses at %p (see ulimit -v)",
		(unsigned long long)(size >> 30), (void *)at(0));
}

static int open_part(uint64_t offset, uint64_t size)
{
	if (mprotect(at(offset), size, PROT_READ | PROT_WRITE) != 0)
		return error_errno(PMIG_ENOMEM, errno, "arena: cannot open %llu bytes at %p", (unsigned long long)size,
			(void *)at(offset));
	return 0;
}

/* Opens frame stack `index`, less of it where the kernel refuses; returns the end. */
static char *open_stack(unsigned index)
{
	char *base = stack_base(index);
	for (uint64_t size = stack_most(index); size >= STACK_LEAST; size = size / 2 / PAGE * PAGE)
		if (mprotect(base, size, PROT_READ | PROT_WRITE) == 0)
			return base + size;
	return NULL;
}

static int thread_open(unsigned index)
{
	char *limit = open_stack(index);
	if (limit == NULL)
		return error_errno(PMIG_ENOMEM, errno, "arena: no memory for the frames of thread %u", index);
	struct arena_thread *t = block(index);
	t->index = index;
	t->stack_base = t->sp = stack_base(index);
	t->stack_limit = limit;
	__atomic_store_n(&t->used, 1, __ATOMIC_RELEASE);
	return 0;
}

static int create(void)
{
	uint64_t size = ARENA_SIZE;
	int e = reserve(size);
	if (e == PMIG_EEXIST)
		e = reserve(size = ARENA_SIZE_SMALL);
	if (e < 0)
		return e;
	e = open_part(0, ARENA_HEADER_SIZE);
	if (e == 0)
		e = open_part(ARENA_STREAMS, ARENA_STREAMS_SIZE);
	if (e == 0)
		e = open_part(ARENA_THREADS, ARENA_THREADS_MAX * ARENA_THREAD_SIZE);
	if (e == 0)
		e = thread_open(0);
	if (e == 0 && heap_create(at(ARENA_HEAP), size - ARENA_HEAP, HEAP_SLOT) == NULL)
		e = error_set(PMIG_ENOMEM, "arena: no memory for the heap");
	if (e < 0) {
		(void)munmap(at(0), size);
		return e;
	}
	struct arena *a = header();
	a->version = ARENA_VERSION;
	a->reserved = size;
	a->magic = ARENA_MAGIC;
	return 0;
}

int arena_create(void)
{
	if (arena_exists())
		return 0;
	int saved = errno;
	lock_take(&creating);
	int e = arena_exists() ? 0 : create();
	if (e == 0)
		atomic_store_explicit(&exists, true, memory_order_release);
	lock_open(&creating);
	errno = saved;
	return e;
}

void arena_destroy(void)
{
	if (!arena_exists())
		return;
	heap_forget(HEAP_SLOT);
	(void)munmap(at(0), header()->reserved);
	atomic_store_explicit(&exists, false, memory_order_release);
}

void **arena_root(enum arena_root root)
{
	return &header()->roots[root];
}

struct heap *arena_heap(void)
{
	return (struct heap *)at(ARENA_HEAP);
}

void *arena_streams(void)
{
	return at(ARENA_STREAMS);
}

/* Over the thread blocks. A thread that ends gives its block back under thread_lock(), which the handler of CONTROL_SIGNAL takes: whoever
 * has this one is not interrupted. */
static void lock_blocks(struct arena *a, sigset_t *ret_mask)
{
	sigset_t all;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, ret_mask);
	lock_take(&a->lock);
}

static void open_blocks(struct arena *a, const sigset_t *mask)
{
	lock_open(&a->lock);
	(void)pthread_sigmask(SIG_SETMASK, mask, NULL);
}

int arena_thread_create(struct arena_thread **ret_thread)
{
	struct arena *a = header();
	sigset_t mask;
	int e = error_set(PMIG_ENOMEM, "arena: all %d thread blocks are taken", ARENA_THREADS_MAX);
	lock_blocks(a, &mask);
	for (unsigned i = 1; i < ARENA_THREADS_MAX; i++) {
		if (block(i)->used)
			continue;
		e = thread_open(i);
		if (e == 0)
			*ret_thread = block(i);
		break;
	}
	open_blocks(a, &mask);
	return e;
}

/* Clears [p, end) and closes it where `protect` says so: fresh pages, because what lies there may be those of a file. */
static void clear(char *p, const char *end, int protect)
{
	if (p < end)
		(void)mmap(p, (size_t)(end - p), protect, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static void forget_block(struct arena_thread *thread)
{
	__atomic_store_n(&thread->used, 0, __ATOMIC_RELEASE); /* others look at this without the lock */
	memset(&thread->stack_base, 0, ARENA_THREAD_SIZE - offsetof(struct arena_thread, stack_base));
	releasing = NULL;
}

void arena_thread_release(struct arena_thread *thread)
{
	if (thread == NULL || thread->index == 0)
		return;
	struct arena *a = header();
	sigset_t mask;
	lock_blocks(a, &mask);
	releasing = thread;
	clear(thread->stack_base, thread->stack_limit, PROT_NONE);
	forget_block(thread);
	open_blocks(a, &mask);
}

void arena_forked(void)
{
	struct arena *a = header();
	a->lock = (struct lock){0};
	if (releasing != NULL)
		forget_block(releasing);
}

struct arena_thread *arena_thread(unsigned index)
{
	return index < ARENA_THREADS_MAX && __atomic_load_n(&block(index)->used, __ATOMIC_ACQUIRE) ? block(index) : NULL;
}

/* The first page boundary at or above the saved frame stack pointer. */
static char *stack_end(const struct arena_thread *t)
{
	char *end = (char *)(((uintptr_t)t->sp + 4095) & ~(uintptr_t)4095);
	return end < t->stack_limit ? end : t->stack_limit;
}

/* Thread blocks up to the last in use. */
static unsigned threads_end(void)
{
	unsigned end = ARENA_THREADS_MAX;
	while (end > 1 && arena_thread(end - 1) == NULL)
		end--;
	return end;
}

size_t arena_ranges(struct arena_range *ret_ranges, size_t max)
{
	struct arena_range all[ARENA_RANGES_MAX];
	size_t n = 0;
	unsigned threads = threads_end();
	all[n++] = (struct arena_range){at(0), (sizeof(struct arena) + 4095) & ~(size_t)4095};
	all[n++] = (struct arena_range){at(ARENA_STREAMS), ARENA_STREAMS_SIZE};
	all[n++] = (struct arena_range){at(ARENA_THREADS), threads * ARENA_THREAD_SIZE};
	for (unsigned i = 0; i < threads; i++) {
		const struct arena_thread *t = block(i);
		if (t->used && t->sp > t->stack_base)
			all[n++] = (struct arena_range){t->stack_base, (size_t)(stack_end(t) - t->stack_base)};
	}
	struct heap_range heap[HEAP_RANGES];
	size_t m = heap_ranges(arena_heap(), heap);
	for (size_t i = 0; i < m; i++)
		all[n++] = (struct arena_range){heap[i].address, heap[i].size};
	n = n < max ? n : max;
	memcpy(ret_ranges, all, n * sizeof *all);
	return n;
}

void arena_trim(void)
{
	heap_trim(arena_heap());
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++) {
		struct arena_thread *t = arena_thread(i);
		if (t == NULL)
			continue;
		memset(t->sp, 0, (size_t)(stack_end(t) - t->sp));
		clear(stack_end(t), t->stack_limit, PROT_READ | PROT_WRITE);
	}
}

void arena_layout_get(struct arena_layout *ret_layout)
{
	const struct arena *a = header();
	memset(ret_layout, 0, sizeof *ret_layout);
	ret_layout->magic = ARENA_MAGIC;
	ret_layout->version = ARENA_VERSION;
	ret_layout->size = sizeof *ret_layout;
	ret_layout->base = ARENA_BASE;
	ret_layout->reserved = a->reserved;
	heap_open(arena_heap(), ret_layout->heap_open);
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++)
		if (block(i)->used)
			ret_layout->stacks[i] = (uint64_t)(block(i)->stack_limit - block(i)->stack_base);
}

static int check_layout(const struct arena_layout *l, size_t size)
{
	if (size < sizeof l->magic + sizeof l->version + sizeof l->size || l->magic != ARENA_MAGIC)
		return error_set(PMIG_ECORRUPT, "arena: this is no arena layout");
	if (l->version != ARENA_VERSION)
		return error_set(PMIG_EVERSION, "arena: layout version %u, this runtime knows %d", l->version,
			ARENA_VERSION);
	if (size != sizeof *l || l->size != sizeof *l)
		return error_set(PMIG_ECORRUPT, "arena: a layout of %zu bytes, expected %zu", size, sizeof *l);
	if (l->base != ARENA_BASE)
		return error_set(PMIG_EIDENTITY, "arena: made for address %#llx, here it is %#llx",
			(unsigned long long)l->base, (unsigned long long)ARENA_BASE);
	if (l->reserved != header()->reserved)
		return error_set(PMIG_EIDENTITY, "arena: made for %#llx bytes, here are %#llx",
			(unsigned long long)l->reserved, (unsigned long long)header()->reserved);
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++)
		if (l->stacks[i] > stack_most(i) || l->stacks[i] % PAGE != 0 || (i == 0 && l->stacks[i] == 0))
			return error_set(PMIG_ECORRUPT, "arena: a frame stack %u of %#llx bytes", i,
				(unsigned long long)l->stacks[i]);
	return 0;
}

int arena_layout_set(const void *layout, size_t size)
{
	struct arena_layout l = {0};
	memcpy(&l, layout, size < sizeof l ? size : sizeof l);
	int e = check_layout(&l, size);
	if (e < 0)
		return e;
	heap_forget(HEAP_SLOT);
	clear(stack_base(0), stack_base(0) + stack_most(0), PROT_NONE); /* what of it is not in the image is zero */
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++) {
		if (l.stacks[i] == 0)
			continue;
		e = open_part((uint64_t)(stack_base(i) - at(0)), l.stacks[i]);
		if (e < 0)
			return e;
	}
	return heap_reopen(at(ARENA_HEAP), heap_size(header()), l.heap_open);
}

static int check_thread(unsigned index, uint64_t opened)
{
	const struct arena_thread *t = block(index);
	if ((t->used != 0) != (opened != 0))
		return error_set(PMIG_ECORRUPT, "arena: thread block %u and the layout differ", index);
	if (t->used &&
		(t->index != index || t->stack_base != stack_base(index) || t->stack_limit != t->stack_base + opened ||
			t->sp < t->stack_base || t->sp > t->stack_limit))
		return error_set(PMIG_ECORRUPT, "arena: thread block %u does not describe its frame stack", index);
	return 0;
}

int arena_adopt(const struct arena_layout *layout)
{
	struct arena *a = header();
	if (a->magic != ARENA_MAGIC)
		return error_set(PMIG_ECORRUPT, "arena: the saved pages hold no arena");
	if (a->version != ARENA_VERSION)
		return error_set(PMIG_EVERSION, "arena: version %u, this runtime knows %d", a->version, ARENA_VERSION);
	if (a->reserved != layout->reserved)
		return error_set(PMIG_ECORRUPT, "arena: header and layout differ");
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++) {
		int e = check_thread(i, layout->stacks[i]);
		if (e < 0)
			return e;
	}
	a->lock = (struct lock){0};
	return heap_adopt(at(ARENA_HEAP), heap_size(a), HEAP_SLOT, layout->heap_open);
}
