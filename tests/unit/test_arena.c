/* The arena: its parts, thread blocks, hostile layouts, and that another process can take it over. */
#include "arena/arena.h"
#include "arena/heap.h"
#include "arena/malloc.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
	(void)state;
	return arena_create();
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy();
	return 0;
}

static void test_create(void **state)
{
	(void)state;
	assert_true(arena_exists());
	assert_int_equal(arena_create(), 0);
	assert_null(*arena_root(ARENA_ROOT_RUNTIME));
	*arena_root(ARENA_ROOT_RUNTIME) = state;
	*arena_root(ARENA_ROOTS - 1) = state;
	assert_ptr_equal(arena_thread(0)->stack_base, (void *)(ARENA_BASE + ARENA_STACKS));
	assert_ptr_equal(arena_thread(0)->sp, arena_thread(0)->stack_base);
	assert_null(arena_thread(1));
	assert_null(arena_thread(ARENA_THREADS_MAX));
	memset(arena_streams(), 1, ARENA_STREAMS_SIZE);
	assert_true(arena_contains(arena_streams()));
	assert_true(arena_contains(heap_malloc(arena_heap(), 5)));
	assert_false(arena_contains(&state));
	assert_false(arena_contains((void *)(ARENA_BASE - 1)));
	assert_false(arena_contains((void *)(ARENA_BASE + ARENA_SIZE)));
}

static void test_something_in_the_way(void **state)
{
	(void)state;
	void *there = (void *)(ARENA_BASE + 0x10000);
	assert_ptr_equal(mmap(there, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), there);
	assert_int_equal(arena_create(), PMIG_EEXIST);
	assert_false(arena_exists());
	assert_non_null(strstr(pmig_reason(), "in the way"));
	assert_int_equal(munmap(there, 4096), 0);
	void *above = (void *)(ARENA_BASE + ARENA_SIZE - 0x10000); /* as a position-independent executable */
	assert_ptr_equal(mmap(above, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), above);
	assert_int_equal(arena_create(), 0);
	assert_non_null(heap_malloc(arena_heap(), 1 << 20));
	arena_destroy();
	assert_int_equal(munmap(above, 4096), 0);
}

static void take_and_give(int number)
{
	struct arena_thread *t;
	(void)number;
	if (arena_thread_create(&t) == 0)
		arena_thread_release(t);
}

/* A handler, which waits for a lock whose owner may want a block, finds nobody in the middle of one. */
static void test_threads_with_signals(void **state)
{
	static const struct itimerval often = {{0, 1000}, {0, 1000}}, never;
	struct sigaction action = {.sa_handler = take_and_give, .sa_flags = SA_RESTART};
	(void)state;
	assert_int_equal(sigaction(SIGPROF, &action, NULL), 0);
	(void)alarm(60); /* it would wait for itself */
	assert_int_equal(setitimer(ITIMER_PROF, &often, NULL), 0);
	for (int i = 0; i < 20000; i++)
		take_and_give(0);
	assert_int_equal(setitimer(ITIMER_PROF, &never, NULL), 0);
	(void)alarm(0);
	assert_null(arena_thread(1));
}

static _Atomic bool enough;

static void *come_and_go(void *unused)
{
	while (!enough)
		take_and_give(0);
	return unused;
}

/* Whoever had the blocks when a process was forked is not there to give them back. */
static void test_fork_while_threads_come_and_go(void **state)
{
	(void)state;
	pthread_t other;
	struct arena_thread *t;
	enough = false;
	(void)alarm(30);
	assert_int_equal(pthread_create(&other, NULL, come_and_go, NULL), 0);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever waits for a lock has all other signals blocked */
			arena_forked();
			if (arena_thread_create(&t) < 0 || t->index > 2 || t->signals.pending != NULL)
				_exit(1);
			t->signals.pending = t;
			arena_thread_release(t);
			_exit(0);
		}
		int status = -1;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	(void)alarm(0);
	enough = true;
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_null(arena_thread(1));
}

static void test_threads(void **state)
{
	(void)state;
	struct arena_thread *t[ARENA_THREADS_MAX] = {NULL};
	for (unsigned i = 1; i < ARENA_THREADS_MAX; i++) {
		assert_int_equal(arena_thread_create(&t[i]), 0);
		assert_int_equal(t[i]->index, i);
		assert_ptr_equal(arena_thread(i), t[i]);
		assert_ptr_equal(t[i]->sp, t[i]->stack_base);
		t[i]->sp[0] = t[i]->stack_limit[-1] = 1;
		t[i]->locals[ARENA_LOCALS_MAX - 1] = 1;
		assert_true(t[i]->stack_base >= arena_thread(i - 1)->stack_limit + 4096);
	}
	struct arena_thread *more = NULL;
	assert_int_equal(arena_thread_create(&more), PMIG_ENOMEM);
	assert_null(more);
	arena_thread_release(t[7]);
	arena_thread_release(NULL);
	assert_null(arena_thread(7));
	assert_int_equal(arena_thread_create(&more), 0);
	assert_int_equal(more->index, 7);
	assert_int_equal(more->sp[0], 0);
	assert_int_equal(more->locals[ARENA_LOCALS_MAX - 1], 0);
}

static void test_frame_stack_ends_in_a_guard(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		*(volatile char *)arena_thread(0)->stack_limit = 1;
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
#if defined(__SANITIZE_ADDRESS__)
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
#else
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
#endif
}

static bool covered(const struct arena_range *r, size_t n, const void *p)
{
	for (size_t i = 0; i < n; i++)
		if ((uintptr_t)p - (uintptr_t)r[i].address < r[i].size)
			return true;
	return false;
}

static void test_ranges(void **state)
{
	(void)state;
	struct arena_thread *t = NULL;
	assert_int_equal(arena_thread_create(&t), 0);
	memset(t->sp, 1, 10000);
	t->sp += 10000;
	char *p = heap_malloc(arena_heap(), 50), *q = heap_malloc(arena_heap(), 5 << 20);
	struct arena_range r[ARENA_RANGES_MAX];
	size_t n = arena_ranges(r, ARENA_RANGES_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal((uintptr_t)r[i].address % 4096, 0);
		assert_int_equal(r[i].size % 4096, 0);
		assert_true(i == 0 || (char *)r[i].address >= (char *)r[i - 1].address + r[i - 1].size);
		for (size_t k = 0; k < r[i].size; k += 4096)
			(void)*(volatile char *)((char *)r[i].address + k);
	}
	assert_true(covered(r, n, p) && covered(r, n, q + (5 << 20) - 1) && covered(r, n, arena_root(1)));
	assert_true(covered(r, n, t) && covered(r, n, t->sp - 1) && !covered(r, n, t->sp + 4096));
	assert_int_equal(arena_ranges(r, 2), 2);
}

static void test_trim(void **state)
{
	(void)state;
	struct arena_thread *t = arena_thread(0);
	memset(t->sp, 1, 100000);
	t->sp += 5000;
	arena_trim();
	assert_int_equal(t->sp[-1], 1);
	assert_int_equal(t->sp[0], 0);
	assert_int_equal(t->sp[90000], 0);
	unsigned char resident[25];
	assert_int_equal(mincore(t->stack_base, 100000, resident), 0);
	assert_int_equal(resident[1] & 1, 1);
	assert_int_equal(resident[2] & 1, 0);
}

static void test_layout_is_not_believed(void **state)
{
	(void)state;
	struct arena_layout good, bad;
	(void)heap_malloc(arena_heap(), 1);
	arena_layout_get(&good);
	assert_int_equal(arena_layout_set(&good, sizeof good), 0);
	for (size_t size = 0; size < sizeof good; size++)
		assert_true(arena_layout_set(&good, size) < 0);
	for (size_t bit = 0; bit < sizeof good * 8; bit++) {
		size_t stack = bit / 64 - offsetof(struct arena_layout, stacks) / 8;
		if (stack < ARENA_THREADS_MAX && bit % 64 >= 16 && bit % 64 < (stack == 0 ? 34 : 30))
			continue; /* a stack of another size: allowed here, refused by arena_adopt() */
		bad = good;
		((unsigned char *)&bad)[bit / 8] ^= (unsigned char)(1u << bit % 8);
		int e = arena_layout_set(&bad, sizeof bad);
		if (e >= 0)
			fail_msg("bit %zu was believed", bit);
	}
	bad = good;
	bad.version++;
	assert_int_equal(arena_layout_set(&bad, sizeof bad), PMIG_EVERSION);
	bad = good;
	bad.base += 4096;
	assert_int_equal(arena_layout_set(&bad, sizeof bad), PMIG_EIDENTITY);
	bad = good;
	bad.stacks[3] = 65536;
	assert_int_equal(arena_layout_set(&bad, sizeof bad), 0);
	assert_int_equal(arena_adopt(&bad), PMIG_ECORRUPT);
	*(uint64_t *)(uintptr_t)ARENA_BASE ^= 1;
	assert_int_equal(arena_adopt(&good), PMIG_ECORRUPT);
}

/* What a program would have; every pointer leads into the arena. */
struct life {
	struct arena_thread *thread;
	char *text;
	char *big;
};

static int save(void)
{
	int fd = memfd_create("arena", 0);
	assert_true(fd >= 0);
	struct arena_layout layout;
	struct arena_range r[ARENA_RANGES_MAX];
	arena_layout_get(&layout);
	size_t n = arena_ranges(r, ARENA_RANGES_MAX);
	assert_int_equal(pwrite(fd, &layout, sizeof layout, 0), sizeof layout);
	assert_int_equal(pwrite(fd, &n, sizeof n, 8192), sizeof n);
	assert_int_equal(pwrite(fd, r, n * sizeof *r, 8200), n * sizeof *r);
	off_t at = 65536;
	for (size_t i = 0; i < n; at += (off_t)r[i++].size)
		assert_int_equal(pwrite(fd, r[i].address, r[i].size, at), r[i].size);
	return fd;
}

/* Maps the pages that are not zero: an image holds no others. */
static bool map_pages(int fd, off_t at, const struct arena_range *r)
{
	static const char zero[4096];
	char page[4096];
	for (size_t k = 0; k < r->size; k += sizeof page) {
		char *p = (char *)r->address + k;
		if (pread(fd, page, sizeof page, at + (off_t)k) != sizeof page)
			return false;
		if (memcmp(page, zero, sizeof page) != 0 &&
			mmap(p, sizeof page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, at + (off_t)k) != p)
			return false;
	}
	return true;
}

/* The other process; its exit status is the answer. */
static int resume(int fd)
{
	struct arena_layout layout;
	struct arena_range r[ARENA_RANGES_MAX];
	size_t n = 0;
	memset(pmig_malloc(6000000), 0xff, 6000000); /* what was there before must not show through */
	memset(arena_thread(0)->sp, 0xff, 100000);
	if (arena_create() < 0 || pread(fd, &layout, sizeof layout, 0) != sizeof layout ||
		pread(fd, &n, sizeof n, 8192) != sizeof n || n > ARENA_RANGES_MAX ||
		pread(fd, r, n * sizeof *r, 8200) != (ssize_t)(n * sizeof *r) ||
		arena_layout_set(&layout, sizeof layout) < 0)
		return 1;
	off_t at = 65536;
	for (size_t i = 0; i < n; at += (off_t)r[i++].size)
		if (!map_pages(fd, at, &r[i]))
			return 2;
	if (arena_adopt(&layout) < 0)
		return 3;
	struct life *l = *arena_root(ARENA_ROOT_RUNTIME);
	if (strcmp(l->text, "still here") != 0 || l->big[3000000] != 7 || l->thread != arena_thread(2))
		return 4;
	if (strcmp(l->thread->sp - 10, "on a frame") != 0 || strcmp(l->thread->locals, "mine") != 0)
		return 5;
	l->thread->stack_limit[-1] = 1;
	struct arena_thread *t = NULL;
	if (arena_thread_create(&t) < 0 || t->index != 1)
		return 6;
	if (l->big[4000000] != 0 || arena_thread(0)->sp[5000] != 0)
		return 9;
	pmig_free(l->text);
	pmig_free(l->big);
	char *p = pmig_calloc(1, 4000000);
	for (size_t i = 0; i < 4000000; i++)
		if (p[i] != 0)
			return 7;
	arena_thread_release(l->thread);
	arena_trim();
	return heap_check(arena_heap()) < 0 ? 8 : 0;
}

static void test_another_process_takes_over(void **state)
{
	(void)state;
	struct arena_thread *first = NULL;
	struct life *l = heap_malloc(arena_heap(), sizeof *l);
	assert_int_equal(arena_thread_create(&first), 0);
	assert_int_equal(arena_thread_create(&l->thread), 0);
	arena_thread_release(first);
	l->text = strcpy(heap_malloc(arena_heap(), 100), "still here");
	l->big = heap_malloc(arena_heap(), 5000000);
	l->big[3000000] = 7;
	(void)strcpy(l->thread->locals, "mine");
	memcpy(l->thread->sp, "on a frame", 11);
	l->thread->sp += 10;
	*arena_root(ARENA_ROOT_RUNTIME) = l;
	int fd = save();
	char number[16];
	(void)snprintf(number, sizeof number, "%d", fd);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)execl("/proc/self/exe", "test_arena", "--resume", number, (char *)NULL);
		_exit(100);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(fd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--resume") == 0)
		return resume(atoi(argv[2]));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test(test_something_in_the_way),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads_with_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fork_while_threads_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frame_stack_ends_in_a_guard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layout_is_not_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_process_takes_over, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
