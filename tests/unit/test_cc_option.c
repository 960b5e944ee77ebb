/* test_cc_option: command lines and what they ask for. */
#include "instrument/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cc_job job;

/* Parses the words of `line`, separated by single blanks. */
static int parse(const char *line)
{
	char *copy = strdup(line), *rest = copy, *word;
	job = (struct cc_job){.goal = CC_LINK};
	while ((word = strsep(&rest, " ")) != NULL)
		if (*word != 0)
			cc_args_add(&job.arguments, word);
	free(copy);
	return cc_option_parse(&job);
}

static void finish(void)
{
	free(job.inputs);
	cc_args_finish(&job.arguments);
	cc_args_finish(&job.compile);
	cc_args_finish(&job.both);
	cc_args_finish(&job.instrument);
}

static const char *joined(const struct cc_args *a)
{
	static char text[512];
	text[0] = 0;
	for (size_t i = 0; i < a->count; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? " " : "", a->items[i]);
	return text;
}

static const char *linked(void)
{
	static char text[512];
	text[0] = 0;
	for (size_t i = 0; i < job.inputs_count; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%c:%s", i > 0 ? " " : "",
			"?WCAL"[job.inputs[i].kind], job.inputs[i].text);
	return text;
}

static void sorts_words(void **state)
{
	(void)state;
	assert_int_equal(
		parse("-O2 -g -Wall -I dir -DX=1 a.c b.s -L. c.o -lm -Wl,--start-group d.a -Wl,--end-group -pthread -o out"),
		0);
	assert_int_equal(job.goal, CC_LINK);
	assert_int_equal(job.level, 2);
	assert_true(job.debug);
	assert_string_equal(job.output, "out");
	assert_string_equal(joined(&job.compile), "-O2 -g -Wall -I dir -DX=1");
	assert_string_equal(joined(&job.both), "-pthread");
	assert_string_equal(linked(), "C:a.c A:b.s W:-L. L:c.o W:-lm W:-Wl,--start-group L:d.a W:-Wl,--end-group");
	assert_int_equal(job.sources_count, 2);
	finish();
}

static const struct {
	const char *line;
	enum cc_goal goal;
} goals[] = {
	{"a.c", CC_LINK},
	{"-c a.c", CC_OBJECT},
	{"-S -c a.c", CC_ASSEMBLY},
	{"-c -E a.h", CC_PREPROCESS},
	{"-E -c a.c", CC_PREPROCESS},
	{"-MM a.c", CC_PREPROCESS},
	{"-MMD -c a.c", CC_OBJECT},
	{"-r a.o b.o", CC_RELOCATABLE},
	{"--version", CC_ASK},
	{"-v", CC_ASK},
	{"-v a.c", CC_LINK},
	{"-dumpmachine", CC_ASK},
	{"-print-file-name=libc.so", CC_ASK},
};

static void finds_the_goal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof goals / sizeof *goals; i++) {
		assert_int_equal(parse(goals[i].line), 0);
		if (job.goal != goals[i].goal)
			fail_msg("%s: goal %d, not %d", goals[i].line, job.goal, goals[i].goal);
		finish();
	}
}

static const struct {
	const char *line;
	int level;
} levels[] = {
	{"a.c", 0},
	{"-O a.c", 1},
	{"-O0 a.c", 0},
	{"-O1 a.c", 1},
	{"-O3 a.c", 3},
	{"-O9 a.c", 3},
	{"-Os a.c", 2},
	{"-Oz a.c", 2},
	{"-Og a.c", 1},
	{"-Ofast a.c", 3},
	{"-O3 -O0 a.c", 0},
};

static void finds_the_level(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		assert_int_equal(parse(levels[i].line), 0);
		assert_int_equal(job.level, levels[i].level);
		finish();
	}
}

static const struct {
	const char *line;
	int code;
	const char *reason;
} refusals[] = {
	{"", PMIG_EINVAL, "no input files"},
	{"-lm", PMIG_EINVAL, "no input files"},
	{"a.c -o", PMIG_EINVAL, "-o: its value is missing"},
	{"-c a.c b.c -o x.o", PMIG_EINVAL, "-o x.o: it cannot be the output of 2 sources"},
	{"-c a.o", PMIG_EINVAL, "a.o: there is nothing to compile"},
	{"-static a.c", PMIG_ENOSUPPORT,
		"-static: a program that migrates uses each host's own C library; link it dynamically"},
	{"-fsanitize=thread a.c", PMIG_ENOSUPPORT, "-fsanitize=thread: a sanitizer's own state does not migrate; use clang"},
	{"-Wl,--wrap=f a.c", PMIG_ENOSUPPORT,
		"-Wl,--wrap=f: calls within the program would not be wrapped; rename them with -D"},
	{"a.cc", PMIG_ENOSUPPORT, "a.cc: C++ programs do not migrate yet"},
	{"-x c++ a.c", PMIG_ENOSUPPORT, "-x c++: only C programs migrate"},
	{"-m32 a.c", PMIG_ENOSUPPORT, "-m32: only x86-64 programs migrate"},
	{"-fopenmp a.c", PMIG_ENOSUPPORT, "-fopenmp: the threads of OpenMP do not migrate"},
	{"-pg a.c", PMIG_ENOSUPPORT,
		"-pg: the counters of a profile do not migrate; use clang, where pmig's calls do nothing"},
	{"-fprofile-arcs a.c", PMIG_ENOSUPPORT,
		"-fprofile-arcs: the counters of a profile do not migrate; use clang, where pmig's calls do nothing"},
	{"--coverage a.c", PMIG_ENOSUPPORT, "--coverage: the counters of coverage do not migrate; use clang"},
	{"-fsplit-stack a.c", PMIG_ENOSUPPORT, "-fsplit-stack: split stacks cannot be walked"},
	{"-mcmodel=large a.c", PMIG_ENOSUPPORT, "-mcmodel=large: only the small code model"},
	{"-emit-llvm -c a.c", PMIG_ENOSUPPORT,
		"-emit-llvm: the bitcode lies in the object file; ask clang for a file of its own"},
};

static void refuses_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		assert_int_equal(parse(refusals[i].line), refusals[i].code);
		assert_string_equal(pmig_reason(), refusals[i].reason);
		finish();
	}
}

static void holds_a_language_until_the_next(void **state)
{
	(void)state;
	assert_int_equal(parse("-x c - x.txt -xnone y.o"), 0);
	assert_string_equal(linked(), "C:- C:x.txt L:y.o");
	assert_string_equal(job.inputs[1].language, "c");
	assert_null(job.inputs[2].language);
	finish();
}

static void drops_what_is_settled(void **state)
{
	(void)state;
	assert_int_equal(parse("-fPIC -pie -flto=auto -mcmodel=small -g0 -fno-strict-aliasing a.c"), 0);
	assert_string_equal(joined(&job.compile), "");
	assert_string_equal(joined(&job.both), "-fno-strict-aliasing");
	assert_false(job.debug);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_words),
		cmocka_unit_test(finds_the_goal),
		cmocka_unit_test(finds_the_level),
		cmocka_unit_test(refuses_in_words),
		cmocka_unit_test(holds_a_language_until_the_next),
		cmocka_unit_test(drops_what_is_settled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
