/* The heap: random traces with every byte checked, threads, misuse, and that all of its state lies in its range. */
#include "arena/heap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BASE ((void *)0x560000000000)
#define RESERVED (8ull << 30)
#define SLOT 2
#define BLOCKS 600
#if defined(__SANITIZE_THREAD__)
#define STEPS 5000
#else
#define STEPS 60000
#endif

static struct heap *heap;

struct block {
	unsigned char *p;
	size_t size;
	unsigned seed;
};

/* What a test carries over into another process; lies in the heap itself. */
struct trace {
	uint64_t random;
	struct block blocks[BLOCKS];
};

static void reserve(void)
{
	void *p = mmap(BASE, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(p, BASE);
}

static int setup(void **state)
{
	(void)state;
	reserve();
	heap = heap_create(BASE, RESERVED, SLOT);
	return heap == BASE ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	heap_forget(SLOT);
	return munmap(BASE, RESERVED);
}

static uint64_t next_random(uint64_t *r)
{
	*r = *r * 6364136223846793005ull + 1442695040888963407ull;
	return *r >> 33;
}

/* Mostly small, sometimes at a class boundary, sometimes large. */
static size_t random_size(uint64_t *r)
{
	switch (next_random(r) % 16) {
	case 0:
		return next_random(r) % 3000000;
	case 1:
	case 2:
		return next_random(r) % 70000;
	case 3:
		return (16u << next_random(r) % 13) - 1 + next_random(r) % 3;
	default:
		return next_random(r) % 600;
	}
}

static unsigned char pattern(unsigned seed, size_t i)
{
	return (unsigned char)((seed * 31 + i * 7 + i / 251) | 1);
}

static void fill(struct block *b, size_t from)
{
	size_t step = b->size > 5000 ? 61 : 1;
	for (size_t i = from / step * step; i < b->size; i += step)
		b->p[i] = pattern(b->seed, i);
	if (b->size > 0)
		b->p[b->size - 1] = pattern(b->seed, b->size - 1);
}

static void check(const struct block *b, size_t size, size_t written)
{
	size_t step = written > 5000 ? 61 : 1;
	for (size_t i = 0; i < size; i += step)
		if (b->p[i] != pattern(b->seed, i))
			fail_msg("byte %zu of %zu at %p changed", i, b->size, (void *)b->p);
}

static bool is_zero(const unsigned char *p, size_t size)
{
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

static void renew(struct heap *h, struct block *b, uint64_t *r)
{
	b->size = random_size(r);
	switch (next_random(r) % 4) {
	case 0:
		b->p = heap_calloc(h, 1, b->size);
		assert_true(is_zero(b->p, b->size));
		break;
	case 1: {
		size_t alignment = 16u << next_random(r) % 14;
		b->p = heap_memalign(h, alignment, b->size);
		assert_int_equal((uintptr_t)b->p & (alignment - 1), 0);
		break;
	}
	default:
		b->p = heap_malloc(h, b->size);
	}
	assert_non_null(b->p);
	assert_int_equal((uintptr_t)b->p & 15, 0);
	assert_true(heap_usable_size(h, b->p) >= b->size);
	b->seed = (unsigned)next_random(r);
	fill(b, 0);
}

static void step(struct heap *h, struct trace *t)
{
	struct block *b = &t->blocks[next_random(&t->random) % BLOCKS];
	if (b->p == NULL) {
		renew(h, b, &t->random);
		return;
	}
	check(b, b->size, b->size);
	if (next_random(&t->random) % 4 == 0) {
		size_t size = random_size(&t->random) + 1, old = b->size;
		b->p = heap_realloc(h, b->p, size);
		assert_non_null(b->p);
		check(b, size < old ? size : old, old);
		b->size = size;
		fill(b, 0);
		return;
	}
	heap_free(h, b->p);
	b->p = NULL;
}

static void free_all(struct heap *h, struct trace *t)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (t->blocks[i].p != NULL)
			check(&t->blocks[i], t->blocks[i].size, t->blocks[i].size);
		heap_free(h, t->blocks[i].p);
		t->blocks[i].p = NULL;
	}
}

static void assert_sound(void)
{
	int e = heap_check(heap);
	if (e < 0)
		fail_msg("%s", pmig_reason());
}

static void test_random_trace(void **state)
{
	(void)state;
	struct trace *t = heap_calloc(heap, 1, sizeof *t);
	t->random = 1;
	for (unsigned i = 0; i < STEPS; i++) {
		step(heap, t);
		if (i % (STEPS / 12) == 0)
			assert_sound();
		if (i % (STEPS / 3) == 0)
			heap_trim(heap);
	}
	free_all(heap, t);
	heap_free(heap, t);
	heap_trim(heap);
	assert_sound();
	struct heap_usage u;
	heap_usage(heap, &u);
	assert_int_equal(u.large, 0);
	assert_int_equal(u.spans, 0);
	assert_int_equal(u.dirty, 0);
}

static void test_no_two_live_blocks_overlap(void **state)
{
	(void)state;
	enum { N = 4000 };
	static char *p[N];
	for (size_t i = 0; i < N; i++) {
		p[i] = heap_malloc(heap, i * 10);
		memset(p[i], (int)(i % 251), heap_usable_size(heap, p[i]));
	}
	for (size_t i = 0; i < N; i++) {
		size_t size = heap_usable_size(heap, p[i]);
		assert_int_equal(p[i][0], (char)(i % 251));
		assert_memory_equal(p[i], p[i] + 1, size - 1);
		heap_free(heap, p[i]);
	}
	assert_sound();
}

static void test_exhaustion_and_overflow(void **state)
{
	(void)state;
	errno = 0;
	assert_null(heap_malloc(heap, RESERVED));
	assert_int_equal(errno, ENOMEM);
	volatile size_t huge = SIZE_MAX;
	assert_null(heap_malloc(heap, huge - 3));
	assert_null(heap_calloc(heap, huge / 2, 3));
	assert_null(heap_memalign(heap, huge / 2 + 1, 10));
	assert_null(heap_memalign(heap, 4096, huge - 100));
	char *p = heap_malloc(heap, 1000);
	assert_non_null(p);
	strcpy(p, "kept");
	assert_null(heap_realloc(heap, p, huge - 70000));
	assert_string_equal(p, "kept");
	size_t n = 0;
	while (heap_malloc(heap, 100 << 20) != NULL)
		n++;
	assert_in_range(n, 60, 81);
	assert_non_null(heap_malloc(heap, 64));
	assert_sound();
}

static void test_size_zero(void **state)
{
	(void)state;
	void *p = heap_malloc(heap, 0), *q = heap_malloc(heap, 0);
	assert_non_null(p);
	assert_ptr_not_equal(p, q);
	assert_null(heap_realloc(heap, p, 0));
	heap_free(heap, q);
	heap_free(heap, NULL);
	assert_non_null(p = heap_calloc(heap, 0, 5));
	heap_free(heap, p);
	assert_int_equal(heap_usable_size(heap, NULL), 0);
}

static void test_large_block_grows_in_place(void **state)
{
	(void)state;
	char *p = heap_malloc(heap, 100000);
	memset(p, 7, 100000);
	char *q = p;
	for (size_t size = 200000; size < 200u << 20; size *= 2)
		q = heap_realloc(heap, q, size);
	assert_ptr_equal(p, q);
	assert_int_equal(q[99999], 7);
	assert_ptr_equal(heap_realloc(heap, q, 100000), q);
	assert_int_equal(heap_usable_size(heap, q), 131072);
	heap_free(heap, q);
	assert_sound();
}

/* Bytes of the heap's units that the kernel holds (a sanitizer's shadow is not counted). */
static size_t resident(void)
{
	struct heap_range r[HEAP_RANGES];
	static unsigned char pages[RESERVED / 4096];
	size_t n = 0;
	if (heap_ranges(heap, r) < HEAP_RANGES)
		return 0;
	assert_int_equal(mincore(r[2].address, r[2].size, pages), 0);
	for (size_t i = 0; i < r[2].size / 4096; i++)
		n += pages[i] & 1;
	return n * 4096;
}

static void test_freed_memory_goes_back(void **state)
{
	(void)state;
	size_t before = resident();
	char *p[64];
	for (unsigned i = 0; i < 64; i++)
		memset(p[i] = heap_malloc(heap, 4 << 20), 1, 4 << 20);
	assert_true(resident() > before + (200u << 20));
	for (unsigned i = 0; i < 64; i++)
		heap_free(heap, p[i]);
	assert_true(resident() < before + (150u << 20));
	heap_trim(heap);
	assert_true(resident() < before + (4u << 20));
	unsigned char *z = heap_calloc(heap, 1, 100 << 20);
	assert_true(resident() < before + (8u << 20)); /* known to be zero: not touched */
	assert_true(is_zero(z, 100 << 20));
	assert_sound();
}

static void test_block_of(void **state)
{
	(void)state;
	void *base;
	size_t size;
	char *small = heap_malloc(heap, 100), *large = heap_malloc(heap, 300000), *gone = heap_malloc(heap, 100);
	heap_free(heap, gone);
	assert_true(heap_block_of(heap, small + 99, &base, &size));
	assert_ptr_equal(base, small);
	assert_int_equal(size, 112);
	assert_true(heap_block_of(heap, large + 299999, &base, &size));
	assert_ptr_equal(base, large);
	assert_false(heap_block_of(heap, gone + 5, &base, &size));
	assert_false(heap_block_of(heap, gone + 112, &base, &size)); /* never handed out */
	assert_false(heap_block_of(heap, BASE, &base, &size));
	assert_false(heap_block_of(heap, (char *)BASE - 1, &base, &size));
	assert_false(heap_block_of(heap, (char *)BASE + RESERVED - 1, &base, &size));
	assert_false(heap_block_of(heap, &base, &base, &size));
	heap_free(heap, large);
	assert_false(heap_block_of(heap, large + 200000, &base, &size));
	for (uintptr_t p = (uintptr_t)BASE; p < (uintptr_t)BASE + (16 << 20); p += 4093) /* never faults */
		(void)heap_block_of(heap, (void *)p, &base, &size);
}

/* Runs `misuse` in a child; true if it was ended by abort() and said `words`. */
static bool dies(void (*misuse)(void), const char *words)
{
	int channel[2];
	char text[256] = "";
	assert_int_equal(pipe2(channel, O_CLOEXEC), 0);
	(void)fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit none = {0, 0};
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(channel[1], 2);
		misuse();
		_exit(0);
	}
	(void)close(channel[1]);
	ssize_t n = read(channel[0], text, sizeof text - 1);
	(void)close(channel[0]);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return n > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, words) != NULL;
}

static void free_twice(void)
{
	char *p = heap_malloc(heap, 40);
	(void)heap_malloc(heap, 40);
	heap_free(heap, p);
	heap_free(heap, p);
}

static void free_large_twice(void)
{
	char *p = heap_malloc(heap, 400000);
	heap_free(heap, p);
	heap_free(heap, p);
}

static void free_inside(void)
{
	char *p = heap_malloc(heap, 48);
	heap_free(heap, p + 16);
}

static void free_inside_large(void)
{
	char *p = heap_malloc(heap, 480000);
	heap_free(heap, p + 65536);
}

static void free_unknown(void)
{
	int on_the_stack = 0;
	heap_free(heap, &on_the_stack);
}

static void free_never_allocated(void)
{
	char *p = heap_malloc(heap, 1000);
	heap_free(heap, p + 1024 * 10);
}

static void test_misuse_is_named(void **state)
{
	(void)state;
	assert_true(dies(free_twice, "freed already"));
	assert_true(dies(free_large_twice, "freed already"));
	assert_true(dies(free_inside, "not the start"));
	assert_true(dies(free_inside_large, "not the start"));
	assert_true(dies(free_unknown, "no block"));
	assert_true(dies(free_never_allocated, "never allocated"));
}

/* Threads that free what the others allocated, over a table of exchanged blocks. */
#define THREADS 4
#define SHARED 512
static unsigned char *_Atomic exchange[SHARED];

static void *exchanger(void *context)
{
	uint64_t r = (uintptr_t)context + 99;
	for (unsigned i = 0; i < STEPS; i++) {
		size_t size = next_random(&r) % 2000 + 8;
		unsigned char *p = heap_malloc(heap, size);
		memcpy(p, &size, sizeof size);
		memset(p + sizeof size, (unsigned char)size, size - sizeof size);
		p = __atomic_exchange_n((unsigned char **)&exchange[next_random(&r) % SHARED], p, __ATOMIC_ACQ_REL);
		if (p == NULL)
			continue;
		memcpy(&size, p, sizeof size);
		if (size > sizeof size + 1 && memcmp(p + sizeof size, p + sizeof size + 1, size - sizeof size - 1) != 0)
			abort();
		heap_free(heap, p);
	}
	return NULL;
}

static void run_exchangers(void)
{
	pthread_t t[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, exchanger, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
}

static void test_threads(void **state)
{
	(void)state;
	run_exchangers();
	run_exchangers(); /* with the caches of those that ended */
	for (unsigned i = 0; i < SHARED; i++) {
		heap_free(heap, exchange[i]);
		exchange[i] = NULL;
	}
	heap_trim(heap);
	assert_sound();
	struct heap_usage u;
	heap_usage(heap, &u);
	assert_in_range(u.caches, 1, THREADS + 1);
	assert_int_equal(u.spans, 0);
}

#define HANDED 5000
static void *handed[HANDED];

static void *frees_them_all(void *context)
{
	for (unsigned i = 0; i < HANDED; i++)
		heap_free(heap, handed[i]);
	return context;
}

static void test_what_others_freed_is_used_again(void **state)
{
	(void)state;
	struct heap_usage first, last;
	for (unsigned round = 0; round < 20; round++) {
		pthread_t t;
		for (unsigned i = 0; i < HANDED; i++)
			handed[i] = heap_malloc(heap, 64);
		heap_usage(heap, round == 0 ? &first : &last);
		assert_int_equal(pthread_create(&t, NULL, frees_them_all, NULL), 0);
		assert_int_equal(pthread_join(t, NULL), 0);
	}
	assert_true(last.spans <= first.spans + 65536);
	assert_sound();
}

/* Everything into a file, as an image would; returns its descriptor. */
static int save(const struct trace *t)
{
	int fd = memfd_create("heap", 0);
	assert_true(fd >= 0);
	uint64_t head[3] = {(uintptr_t)t};
	struct heap_range r[HEAP_RANGES];
	heap_open(heap, head + 1);
	size_t n = heap_ranges(heap, r);
	assert_int_equal(pwrite(fd, head, sizeof head, 0), sizeof head);
	assert_int_equal(pwrite(fd, &n, sizeof n, 100), sizeof n);
	assert_int_equal(pwrite(fd, r, n * sizeof *r, 200), n * sizeof *r);
	off_t at = 4096;
	for (size_t i = 0; i < n; at += (off_t)r[i++].size)
		assert_int_equal(pwrite(fd, r[i].address, r[i].size, at), r[i].size);
	return fd;
}

/* The other process: maps the bytes, goes on with the trace. Its exit status is the answer. */
static int resume(int fd)
{
	uint64_t head[3];
	size_t n = 0;
	struct heap_range r[HEAP_RANGES];
	reserve();
	if (pread(fd, head, sizeof head, 0) != sizeof head || pread(fd, &n, sizeof n, 100) != sizeof n || n > HEAP_RANGES ||
		pread(fd, r, n * sizeof *r, 200) != (ssize_t)(n * sizeof *r) || heap_reopen(BASE, RESERVED, head + 1) < 0)
		return 1;
	off_t at = 4096;
	for (size_t i = 0; i < n; at += (off_t)r[i++].size)
		if (mmap(r[i].address, r[i].size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, at) != r[i].address)
			return 2;
	if (heap_adopt(BASE, RESERVED, SLOT, head + 1) < 0) {
		(void)fprintf(stderr, "%s\n", pmig_reason());
		return 3;
	}
	heap = BASE;
	struct trace *t = (struct trace *)(uintptr_t)head[0]; /* NOLINT: the address is what was saved */
	if (heap_check(heap) < 0)
		return 4;
	for (unsigned i = 0; i < STEPS / 3; i++) {
		step(heap, t);
		if (i % (STEPS / 15) == 0)
			heap_trim(heap);
	}
	free_all(heap, t);
	run_exchangers();
	heap_trim(heap);
	return heap_check(heap) < 0 ? 5 : 0;
}

static void test_state_lies_in_the_range(void **state)
{
	(void)state;
	struct trace *t = heap_calloc(heap, 1, sizeof *t);
	t->random = 5;
	for (unsigned i = 0; i < STEPS / 3; i++)
		step(heap, t);
	run_exchangers(); /* idle caches, spans of several owners, pending blocks */
	memset((void *)exchange, 0, sizeof exchange);
	int fd = save(t);
	char number[16];
	(void)snprintf(number, sizeof number, "%d", fd);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)execl("/proc/self/exe", "test_heap", "--resume", number, (char *)NULL);
		_exit(100);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(fd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_adopt_believes_nothing(void **state)
{
	(void)state;
	uint64_t open[2], wrong[2];
	(void)heap_malloc(heap, 10);
	heap_open(heap, open);
	memcpy(wrong, open, sizeof open);
	wrong[1] += 65536;
	assert_int_equal(heap_adopt(BASE, RESERVED, SLOT, wrong), PMIG_ECORRUPT);
	assert_int_equal(heap_adopt(BASE, RESERVED, SLOT + 1, open), PMIG_ECORRUPT);
	assert_int_equal(heap_adopt(BASE, RESERVED / 2, SLOT, open), PMIG_ECORRUPT);
	wrong[1] = UINT64_MAX - 65535;
	assert_int_equal(heap_reopen(BASE, RESERVED, wrong), PMIG_ECORRUPT);
	unsigned char *h = BASE;
	for (size_t i = 0; i < 60; i++) { /* magic, version, slot, addresses, key, size, counts */
		if ((i >= 32 && i < 40) || i == 52)
			continue; /* the key is anything; a few units more were used: it may be */
		h[i] ^= 0x10;
		if (heap_adopt(BASE, RESERVED, SLOT, open) >= 0)
			fail_msg("byte %zu of the header was believed", i);
		h[i] ^= 0x10;
	}
	assert_int_equal(heap_adopt(BASE, RESERVED, SLOT, open), 0);
	assert_sound();
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--resume") == 0)
		return resume(atoi(argv[2]));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_trace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_two_live_blocks_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exhaustion_and_overflow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_block_grows_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed_memory_goes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_block_of, setup, teardown),
		cmocka_unit_test_setup_teardown(test_misuse_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_others_freed_is_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_lies_in_the_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adopt_believes_nothing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
