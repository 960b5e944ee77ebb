/* foreign: a thread that has been joined is not found any more, although the kernel lists it for a moment. */
#include "foreign.h"

#include "frame/program.h"
#include "thread.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS 300

const struct program pmig_program = {0};

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

static int setup(void **state)
{
	(void)state;
	return arena_create();
}

static void *end_at_once(void *argument)
{
	return argument;
}

static void joined_is_gone(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t t;
		assert_int_equal(foreign_real_create(&t, NULL, end_at_once, NULL), 0);
		while (pthread_tryjoin_np(t, NULL) != 0)
			;
		int r = foreign_check();
		if (r < 0)
			fail_msg("round %d: %s", i, pmig_reason());
	}
}

static void *wait_for_end(void *lock)
{
	(void)pthread_mutex_lock(lock);
	(void)pthread_mutex_unlock(lock);
	return NULL;
}

static void running_is_named(void **state)
{
	(void)state;
#ifdef __SANITIZE_THREAD__
	print_message("the thread sanitizer has a thread of its own\n");
	skip();
#endif
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t;
	(void)pthread_mutex_lock(&lock);
	assert_int_equal(foreign_real_create(&t, NULL, wait_for_end, &lock), 0);
	assert_int_equal(foreign_check(), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "its thread "));
	(void)pthread_mutex_unlock(&lock);
	assert_int_equal(pthread_join(t, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joined_is_gone),
		cmocka_unit_test(running_is_named),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
