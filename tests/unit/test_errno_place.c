/* errno_place: variables that hold the address of errno get the one of the process they are in. */
#include "errno_place.h"

#include "arena/arena.h"
#include "arena/malloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int setup(void **state)
{
	(void)state;
	return arena_create() < 0 || errno_place_start() < 0;
}

static void test_only_errno_is_noted(void **state)
{
	(void)state;
	int other = 0;
	const int *held = &errno, *not_held = &other;
	errno_place_forget();
	assert_true(errno_place_note(&held, held));
	assert_false(errno_place_note(&not_held, not_held));
	assert_false(errno_place_note(&not_held, NULL));
	held = not_held = NULL;
	errno_place_set();
	assert_ptr_equal(held, &errno);
	assert_null(not_held);
}

static void test_what_was_forgotten_stays(void **state)
{
	(void)state;
	const int *held = &errno;
	errno_place_forget();
	assert_true(errno_place_note(&held, held));
	errno_place_forget();
	held = NULL;
	errno_place_set();
	assert_null(held);
}

static void test_too_many_are_refused(void **state)
{
	(void)state;
	const int *held[64];
	size_t n = 0;
	errno_place_forget();
	while (n < 64 && errno_place_note(&held[n], &errno))
		n++;
	assert_in_range(n, 8, 63);
	errno_place_set();
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(held[i], &errno);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_errno_is_noted),
		cmocka_unit_test(test_what_was_forgotten_stays),
		cmocka_unit_test(test_too_many_are_refused),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
