/* The interposed malloc: where blocks lie, placement of streams and directories, arena mode, fork and threads. */
#include "arena/interpose.h"
#include "arena/arena.h"
#include "arena/heap.h"
#include "arena/malloc.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Compilers know malloc, and that nobody looks at what they leave out. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void *(*volatile do_reallocarray)(void *, size_t, size_t) = reallocarray;

#define NEEDS_FOREIGN_HEAP \
	do { \
		(void)state; \
		free(do_malloc(1)); \
		if (interpose_heap() == NULL) { \
			print_message("skipped: all others have the sanitizer's heap\n"); \
			skip(); \
		} \
	} while (0)

static bool is_foreign(const void *p)
{
	void *base;
	size_t size;
	return interpose_heap() != NULL ? heap_block_of(interpose_heap(), p, &base, &size) : !arena_contains(p);
}

static void test_everybody_gets_foreign_blocks(void **state)
{
	NEEDS_FOREIGN_HEAP;
	FILE *f = fopen("/dev/null", "re");
	void *blocks[] = {malloc(1), calloc(3, 5), realloc(NULL, 9), memalign(256, 9), aligned_alloc(64, 64), valloc(3),
		pvalloc(3), reallocarray(NULL, 7, 9), strdup("libc's"), NULL};
	assert_int_equal(posix_memalign(&blocks[9], 4096, 10), 0);
	assert_true(is_foreign(f));
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		assert_true(is_foreign(blocks[i]));
		memset(blocks[i], 0xaa, malloc_usable_size(blocks[i]));
		free(blocks[i]);
	}
	(void)fclose(f);
	assert_int_equal((uintptr_t)interpose_heap(), INTERPOSE_BASE);
	assert_int_equal(heap_check(interpose_heap()), 0);
}

static void test_contracts(void **state)
{
	NEEDS_FOREIGN_HEAP;
	const size_t huge = SIZE_MAX;
	void *p = NULL;
	errno = 0;
	assert_null(do_malloc(huge));
	assert_int_equal(errno, ENOMEM);
	assert_null(do_malloc(huge - 4));
	assert_null(do_calloc(huge / 2, 3));
	assert_null(do_reallocarray(NULL, huge / 2, 3));
	volatile size_t odd = 24;
	assert_int_equal(posix_memalign(&p, odd, 1), EINVAL);
	assert_null(p);
	p = do_malloc(100);
	memset(p, 5, 100);
	assert_null(do_realloc(p, huge - 4));
	p = do_realloc(p, 100000);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(((char *)p)[i], 5);
	p = do_realloc(p, 10);
	assert_int_equal(((char *)p)[9], 5);
	free(p);
	char *z = do_calloc(1000, 1000);
	assert_true(z[0] == 0 && memcmp(z, z + 1, 999999) == 0);
	free(z);
	assert_int_equal(malloc_usable_size(NULL), 0);
}

static __attribute__((noinline)) void *allocate_here(size_t size)
{
	void *p = do_malloc(size);
	__asm__ volatile("" : "+r"(p)); /* no tail call */
	return p;
}

static void test_site(void **state)
{
	NEEDS_FOREIGN_HEAP;
	size_t sizes[] = {0, 1, 8, 9, 24, 25, 120, 121, 5000, 32759, 32760, 32761, 65528, 65529, 1000000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *p = allocate_here(sizes[i]);
		assert_true(malloc_usable_size(p) >= sizes[i]);
		memset(p, 0xff, malloc_usable_size(p));
		assert_in_range((uintptr_t)interpose_site(p) - (uintptr_t)allocate_here, 1, 200);
		free(p);
		assert_null(interpose_site(p));
	}
	assert_null(interpose_site(sizes));
}

static void *open_file(void *context)
{
	(void)context;
	free(do_malloc(100)); /* an allocation before the one that counts */
	return fopen("/dev/null", "r+e");
}

static void close_file(void *f)
{
	(void)fclose(f);
}

static void *open_directory(void *context)
{
	return opendir(context);
}

static void close_directory(void *d)
{
	(void)closedir(d);
}

static void *open_nothing(void *context)
{
	return context;
}

static void *released;

static void note_released(void *slot)
{
	released = slot;
}

static void test_placement_of_a_stream(void **state)
{
	(void)state;
	struct interpose_call call = {0};
	assert_int_equal(arena_create(), 0);
	assert_int_equal(interpose_calibrate(open_file, close_file, NULL, &call), 0);
	assert_int_equal(call.skip, 1);
	assert_in_range(call.size, sizeof(FILE), 1024);
	interpose_slots(arena_streams(), ARENA_STREAMS_SIZE, note_released);
	char *slot = (char *)arena_streams() + 4096;
	for (unsigned round = 0; round < 3; round++) {
		interpose_place(slot, 1024, call.skip);
		FILE *f = open_file(NULL);
		void *later = malloc(call.size);
		assert_true(interpose_place_end());
		assert_ptr_equal(f, slot);
		assert_true(is_foreign(later));
		assert_true(fputs("x", f) >= 0); /* its buffer is libc's own */
		released = NULL;
		assert_int_equal(fclose(f), 0);
		assert_ptr_equal(released, slot);
		free(later);
	}
}

static void test_placement_of_a_directory(void **state)
{
	(void)state;
	struct interpose_call call = {0};
	char root[] = "/proc/self/fd";
	assert_int_equal(arena_create(), 0);
	assert_int_equal(interpose_calibrate(open_directory, close_directory, root, &call), 0);
	char *slot = (char *)arena_streams() + 65536;
	interpose_slots(arena_streams(), ARENA_STREAMS_SIZE, note_released);
	interpose_place(slot, call.size, call.skip);
	DIR *d = opendir(root);
	assert_true(interpose_place_end());
	assert_ptr_equal(d, slot);
	assert_non_null(readdir(d));
	assert_int_equal(closedir(d), 0);
	assert_ptr_equal(released, slot);
}

static void test_placement_not_taken(void **state)
{
	(void)state;
	char *slot = arena_streams();
	interpose_place(slot, 10, 0);
	void *p = malloc(11);
	assert_false(interpose_place_end());
	assert_true(is_foreign(p));
	free(p);
	struct interpose_call call = {7, 7};
	static char static_memory;
	assert_int_equal(interpose_calibrate(open_nothing, note_released, &static_memory, &call), PMIG_ENOENT);
	assert_ptr_equal(released, &static_memory);
	assert_int_equal(interpose_calibrate(open_nothing, note_released, NULL, &call), PMIG_EIO);
	assert_int_equal(call.skip, 7);
	p = malloc(10);
	assert_true(is_foreign(p));
	free(p);
}

static void *allocates_beside(void *ret)
{
	*(void **)ret = malloc(100);
	return NULL;
}

static void test_arena_mode_is_this_threads(void **state)
{
	(void)state;
	void *other = NULL;
	pthread_t t;
	interpose_arena_begin();
	interpose_arena_begin();
	interpose_arena_end();
	char *p = malloc(10), *q = calloc(10, 10), *a = memalign(4096, 10);
	interpose_arena_end();
	interpose_arena_begin();
	interpose_arena_end();
	assert_int_equal(pthread_create(&t, NULL, allocates_beside, &other), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(is_foreign(other));
	assert_true(heap_owns(arena_heap(), p) && heap_owns(arena_heap(), q) && heap_owns(arena_heap(), a));
	assert_int_equal((uintptr_t)a % 4096, 0);
	p = realloc(p, 5000); /* outside of the mode: stays where it was */
	assert_true(heap_owns(arena_heap(), p));
	assert_true(malloc_usable_size(p) >= 5000);
	free(p);
	free(q);
	free(a);
	free(other);
	assert_int_equal(heap_check(arena_heap()), 0);
}

static _Atomic bool stop;

static void *churn(void *context)
{
	uintptr_t r = (uintptr_t)context;
	void *p[64] = {NULL};
	while (!stop) {
		for (unsigned i = 0; i < 500; i++) {
			r = r * 6364136223846793005ull + 1442695040888963407ull;
			void **slot = &p[(r >> 33) % 64];
			free(*slot);
			*slot = (r >> 40) % 2 == 0 ? malloc(100000) : malloc((r >> 33) % 3000); /* large: under the lock */
		}
	}
	for (unsigned i = 0; i < 64; i++)
		free(p[i]);
	return NULL;
}

static void test_fork_while_others_allocate(void **state)
{
	NEEDS_FOREIGN_HEAP;
	pthread_t t[2];
	stop = false;
	for (uintptr_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, churn, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < 50; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			for (unsigned k = 0; k < 300; k++)
				free(do_malloc(k * 400)); /* would hang if a lock were lost */
			_exit(0);
		}
		int status = -1;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	stop = true;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(heap_check(interpose_heap()), 0);
}

static void test_shared_library(void **state)
{
	NEEDS_FOREIGN_HEAP;
	void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_NODELETE);
	assert_non_null(library);
	assert_int_equal(dlclose(library), 0);
	assert_int_equal(heap_check(interpose_heap()), 0);
}

/* What the address sanitizer is for: it has put its own marks around each block. */
static void test_sanitizer_watches(void **state)
{
	(void)state;
#ifdef PMIG_SANITIZE_ADDRESS
	int status = -1;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)freopen("/dev/null", "w", stderr);
		volatile char *p = do_malloc(10);
		p[10] = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
#else
	skip();
#endif
}

static void test_few_addresses(void **state)
{
	NEEDS_FOREIGN_HEAP;
	int status = -1;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit limit = {1u << 30, 1u << 30};
		(void)setrlimit(RLIMIT_AS, &limit);
		(void)execl("/proc/self/exe", "test_interpose", "--few-addresses", (char *)NULL);
		_exit(100);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* In a process that may have 1 GiB of addresses; its exit status is the answer. */
static int few_addresses(void)
{
	char *p = do_malloc(10 << 20);
	if (p == NULL || !is_foreign(p) || do_malloc(2u << 30) != NULL)
		return 1;
	free(p);
	if (arena_create() != PMIG_ENOMEM || pmig_malloc(1) != NULL)
		return 2;
	return strstr(pmig_reason(), "ulimit -v") != NULL ? 0 : 3;
}

static void *early;

__attribute__((constructor(101))) static void before_main(void)
{
	early = malloc(123);
}

static void test_before_main(void **state)
{
	(void)state;
	assert_true(is_foreign(early));
	free(early);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--few-addresses") == 0)
		return few_addresses();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everybody_gets_foreign_blocks),
		cmocka_unit_test(test_contracts),
		cmocka_unit_test(test_site),
		cmocka_unit_test(test_placement_of_a_stream),
		cmocka_unit_test(test_placement_of_a_directory),
		cmocka_unit_test(test_placement_not_taken),
		cmocka_unit_test(test_arena_mode_is_this_threads),
		cmocka_unit_test(test_fork_while_others_allocate),
		cmocka_unit_test(test_shared_library),
		cmocka_unit_test(test_sanitizer_watches),
		cmocka_unit_test(test_few_addresses),
		cmocka_unit_test(test_before_main),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
