/* test_fault: what a specification may say, that each fault is met once, and what becomes of bytes. */
#include "transport/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void specifications(void **state)
{
	(void)state;
	static const char *const good[] = {"", "plan=fail", "ship:half=delay:5,commit:sent=cut:target", "release=kill-agent",
		"ship:first=short", "ship:last=corrupt", "ship:last=corrupt:77", "commit:row=full", "restore=power:home",
		"commit:journal=power"};
	static const char *const bad[] = {"plan", "plan=", "plan=burn", "nowhere=fail", "plan=delay", "plan=delay:x",
		"plan=full", "commit:row=short", "ship:first=corrupt:x", "plan=cut:home", "plan=cut:moon", "=fail"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_int_equal(fault_check(good[i]), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(fault_check(bad[i]), PMIG_EINVAL);
}

static void every_point_suits(void **state)
{
	(void)state;
	size_t count;
	const struct fault_point *p = fault_points(&count);
	for (size_t i = 0; i < count; i++) {
		char spec[128];
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(p[i].name, p[j].name);
		for (int a = FAULT_FAIL; fault_action_name((enum fault_action)a) != NULL; a++) {
			(void)snprintf(spec, sizeof spec, "%s=%s%s", p[i].name, fault_action_name((enum fault_action)a),
				a == FAULT_DELAY ? ":1" : "");
			assert_int_equal(fault_check(spec) >= 0, fault_suits(&p[i], (enum fault_action)a));
		}
	}
}

static void once(void **state)
{
	(void)state;
	assert_int_equal(fault_meet("commit:row"), 0);
	fault_setup("commit:row=full,commit:row=fail,commit=kill-program:target");
	assert_int_equal(fault_meet("commit:begun"), 0);
	assert_int_equal(fault_meet("commit:row"), PMIG_ENOSPC);
	assert_int_equal(fault_meet("commit:row"), PMIG_EIO);
	assert_int_equal(fault_meet("commit:row"), 0);
	struct fault f = fault_at("commit");
	assert_int_equal(f.action, FAULT_KILL_PROGRAM);
	assert_int_equal(f.side, FAULT_TARGET);
	assert_int_equal(fault_at("commit").action, FAULT_NONE);
	fault_setup("commit:row=nonsense");
	assert_int_equal(fault_meet("commit:row"), 0);
}

static void carry(void *context, const struct fault *f)
{
	*(enum fault_action *)context = f->action;
}

static void somebody_carries_out(void **state)
{
	(void)state;
	enum fault_action done = FAULT_NONE;
	fault_setup("freeze:row=cut,freeze:frozen=kill-agent");
	assert_int_equal(fault_meet("freeze:row"), 0);
	fault_carry_out(carry, &done, NULL);
	assert_int_equal(setenv("PMIG_FAULT_RECORD", "/dev/null", 1), 0);
	assert_int_equal(fault_meet("freeze:frozen"), 0);
	assert_int_equal(done, FAULT_KILL_AGENT);
	fault_carry_out(NULL, NULL, NULL);
}

static void bytes(void **state)
{
	(void)state;
	char data[16] = "0123456789abcde";
	size_t size = 15;
	fault_setup("ship:first=short,ship:last=corrupt:9,prepare:last=full");
	assert_int_equal(fault_write("ship:first", data, &size), 0);
	assert_int_equal(size, 8);
	assert_string_equal(data, "0123456789abcde");
	assert_int_equal(fault_write("ship:last", data, &size), 0);
	assert_int_equal(size, 8);
	assert_string_equal(data, "0323456789abcde");
	assert_int_equal(fault_write("prepare:last", data, &size), PMIG_ENOSPC);
	assert_int_equal(fault_write("prepare:last", data, &size), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specifications),
		cmocka_unit_test(every_point_suits),
		cmocka_unit_test(once),
		cmocka_unit_test(somebody_carries_out),
		cmocka_unit_test(bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
