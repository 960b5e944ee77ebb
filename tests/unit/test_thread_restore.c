/* Which threads an image may have: what it says of them is compared with the blocks in its memory, and believed only where both agree. */
#include "arena/arena.h"
#include "frame/program.h"
#include "frame/walk.h"
#include "thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct program_function functions[] = {{.name = "f", .file = "f.c", .result = "i"}};
static const struct program_site sites[] = {{.function = 0, .record_size = 16}};
const struct program pmig_program = {
	.version = PROGRAM_VERSION, .functions_count = 1, .sites_count = 1, .functions = functions, .sites = sites};

struct frames {
	struct walk_frame head;
	char record[16];
};
static const struct frames good[2] = {{.head = {.site = 0, .size = 16}}, {.head = {.site = 0, .size = 16}}};

/* Blocks 0 and 1 run, 2 has ended, 3 is not used. */
static int setup(void **state)
{
	struct arena_thread *t;
	(void)state;
	assert_int_equal(arena_create(), 0);
	thread_state(arena_thread(0))->life = THREAD_RUNS;
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(arena_thread_create(&t), 0);
		assert_int_equal(t->index, i);
		thread_state(t)->life = i == 1 ? THREAD_RUNS : THREAD_ENDED;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	thread_forget();
	arena_destroy();
	return 0;
}

static void refused(int r, const char *word)
{
	assert_int_equal(r, PMIG_ECORRUPT);
	if (strstr(pmig_reason(), word) == NULL)
		fail_msg("'%s' says nothing of '%s'", pmig_reason(), word);
}

static void strange_numbers(void **state)
{
	(void)state;
	refused(thread_adopt(3, good, sizeof good, 2), "thread 3 does not run");
	refused(thread_adopt(2, good, sizeof good, 2), "thread 2 does not run");
	refused(thread_adopt(ARENA_THREADS_MAX, good, sizeof good, 2), "thread 256 does not run");
	refused(thread_adopt(UINT64_MAX, good, sizeof good, 2), "does not run");
	refused(thread_adopt(1ull << 32, good, sizeof good, 2), "does not run");
	assert_int_equal(thread_adopt(1, good, sizeof good, 2), 0);
	refused(thread_adopt(1, good, sizeof good, 2), "thread 1 comes twice");
}

static void strange_frames(void **state)
{
	struct frames bad[2];
	(void)state;
	refused(thread_adopt(1, good, 0, 0), "has no frame");
	for (size_t size = 0; size < sizeof good; size++)
		refused(thread_adopt(1, good, size, 2), "thread 1");
	refused(thread_adopt(1, good, sizeof good, 1), "behind the last frame");
	refused(thread_adopt(1, good, sizeof good, UINT64_MAX), "thread 1");
	for (size_t bit = 0; bit < 8 * sizeof bad[0].head; bit++) {
		memcpy(bad, good, sizeof bad);
		((unsigned char *)&bad[1].head)[bit / 8] ^= (unsigned char)(1 << bit % 8);
		refused(thread_adopt(1, bad, sizeof bad, 2), "thread 1");
	}
}

static void strange_blocks(void **state)
{
	(void)state;
	assert_int_equal(thread_adopt(0, good, sizeof good, 2), 0);
	refused(thread_restart(), "none for thread 1");
	assert_int_equal(thread_adopt(1, good, sizeof good, 2), 0);
	thread_state(arena_thread(2))->life = THREAD_FOREIGN;
	refused(thread_restart(), "thread block 2 neither runs nor has ended");
	thread_state(arena_thread(2))->life = 77;
	refused(thread_restart(), "thread block 2 neither runs nor has ended");
	thread_state(arena_thread(2))->life = THREAD_RUNS;
	refused(thread_restart(), "none for thread 2");
	thread_state(arena_thread(2))->life = THREAD_ENDED;
	thread_state(arena_thread(1))->life = THREAD_ENDED;
	refused(thread_restart(), "thread 1");
}

static void nobody_runs(void **state)
{
	(void)state;
	thread_state(arena_thread(0))->life = THREAD_ENDED;
	thread_state(arena_thread(1))->life = THREAD_ENDED;
	refused(thread_restart(), "no thread runs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strange_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(strange_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(strange_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_runs, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
