/* limits: the text of a limits file, and what it allows; every wrong line is refused with its place. */
#include "transport/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HASH "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static struct limits *parse(const char *text)
{
	struct limits *l = NULL;
	assert_int_equal(limits_parse("limits", text, strlen(text), &l), 0);
	return l;
}

static void assert_refused(int r, const char *words)
{
	assert_int_equal(r, PMIG_EREFUSED);
	if (strstr(pmig_reason(), words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", pmig_reason(), words);
}

static void assert_wrong(const char *text, const char *words)
{
	struct limits *l = (void *)1;
	assert_int_equal(limits_parse("limits", text, strlen(text), &l), PMIG_EINVAL);
	assert_ptr_equal(l, (void *)1);
	if (strstr(pmig_reason(), words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", pmig_reason(), words);
}

static void test_what_has_no_line_has_no_limit(void **state)
{
	(void)state;
	struct limits *l = parse("# nothing\n\n");
	assert_int_equal(limits_allow(l, LIMITS_SENDER, "anybody@anywhere"), 0);
	assert_int_equal(limits_allow(NULL, LIMITS_PROGRAM, ""), 0);
	assert_int_equal(limits_allow_bytes(l, LIMITS_DISK, UINT64_MAX), 0);
	assert_false(limits_has(l, LIMITS_PROGRAM));
	limits_destroy(l);
}

static void test_any_of_several_lines(void **state)
{
	(void)state;
	struct limits *l =
		parse("sender = alice@*  # she may\n\tsender=bob@build-?\naddress = tcp 127.0.0.1:80??\nfrom = none\n");
	assert_int_equal(limits_allow(l, LIMITS_SENDER, "alice@laptop"), 0);
	assert_int_equal(limits_allow(l, LIMITS_SENDER, "bob@build-7"), 0);
	assert_refused(limits_allow(l, LIMITS_SENDER, "bob@build-77"),
		"limits:1: nothing is taken from bob@build-77; a line "
		"\"sender = bob@build-77\" there would allow it");
	assert_refused(limits_allow(l, LIMITS_SENDER, ""), "(nothing is told)");
	assert_int_equal(limits_allow(l, LIMITS_ADDRESS, "tcp 127.0.0.1:8080"), 0);
	assert_refused(limits_allow(l, LIMITS_ADDRESS, "tcp 0.0.0.0:8080"),
		"limits:3: no program that comes listens here at");
	assert_refused(limits_allow(l, LIMITS_FROM, "none"), "limits:4: ");
	limits_destroy(l);
}

static void test_programs(void **state)
{
	(void)state;
	struct limits *l = parse("program = " HASH "\n");
	assert_true(limits_has(l, LIMITS_PROGRAM));
	assert_int_equal(limits_allow(l, LIMITS_PROGRAM, HASH), 0);
	assert_refused(limits_allow(l, LIMITS_PROGRAM, "*"), "limits:1: no program runs here whose SHA-256 is *");
	limits_destroy(l);
}

static void test_bytes(void **state)
{
	(void)state;
	struct limits *l = parse("memory = 2MiB\ndisk = 3GB");
	assert_int_equal(limits_allow_bytes(l, LIMITS_MEMORY, 2u << 20), 0);
	assert_refused(limits_allow_bytes(l, LIMITS_MEMORY, (2u << 20) + 1),
		"limits:1: more memory than a program may bring: 2097153 bytes, 2MiB are allowed there");
	assert_int_equal(limits_allow_bytes(l, LIMITS_DISK, 3000000000), 0);
	assert_refused(limits_allow_bytes(l, LIMITS_DISK, 3000000001), "limits:2: ");
	limits_destroy(l);
}

static void test_what_is_wrong_is_named(void **state)
{
	(void)state;
	assert_wrong("\nsenders = x\n",
		"limits:2:1: expected sender, from, program, address, memory or disk, found \"senders\"");
	assert_wrong("sender x\n", "limits:1:8: expected =, found \"x\"");
	assert_wrong("sender =  # nobody\n", "limits:1:11: expected a value, found \"#\"");
	assert_wrong("sender", "limits:1:7: expected =, found the end of the line");
	assert_wrong("memory = 5\n", "limits:1:10: expected a size such as 500MB or 4GiB, found \"5\"");
	assert_wrong("memory = GB\n", "expected a size");
	assert_wrong("memory = 99999999999999999999GB\n", "expected a size");
	assert_wrong("memory = 99999999999TB\n", "expected a size");
	assert_wrong("disk = 1GB\ndisk = 2GB\n", "limits:2:1: expected this field once");
	assert_wrong("program = " HASH "0\n", "limits:1:11: expected 64 hexadecimal digits");
	assert_wrong("program = 9F\n", "expected 64 hexadecimal digits");
	assert_wrong("\x01\xff", "limits:1:1: expected sender, from, program, address, memory or disk, found \"\?\?\"");
}

static void test_bounds(void **state)
{
	(void)state;
	struct limits *l;
	size_t size = LIMITS_SIZE_MAX + 1;
	char *text = malloc(size);
	assert_non_null(text);
	memset(text, '#', size);
	assert_int_equal(limits_parse("limits", text, size, &l), PMIG_EINVAL);
	assert_int_equal(limits_parse("limits", text, size - 1, &l), 0);
	limits_destroy(l);
	assert_int_equal(limits_parse("limits", "sender = a\0b", 12, &l), PMIG_EINVAL);
	size_t n = 0;
	for (int i = 0; i <= LIMITS_RULES_MAX; i++)
		n += (size_t)snprintf(text + n, size - n, "from = %d\n", i);
	assert_int_equal(limits_parse("limits", text, n, &l), PMIG_EINVAL);
	assert_non_null(strstr(pmig_reason(), "limits:1025: more than 1024 lines"));
	memcpy(text, "sender = ", 9);
	memset(text + 9, 'x', LIMITS_VALUE_MAX + 1);
	assert_int_equal(limits_parse("limits", text, 9 + LIMITS_VALUE_MAX, &l), 0);
	limits_destroy(l);
	assert_int_equal(limits_parse("limits", text, 9 + LIMITS_VALUE_MAX + 1, &l), PMIG_EINVAL);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_has_no_line_has_no_limit),
		cmocka_unit_test(test_any_of_several_lines),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_what_is_wrong_is_named),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
