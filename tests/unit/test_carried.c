/* The library functions that programs carry along agree with libc's. They are compiled here as they are, without
 * migration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "carried/option.c"
#include "carried/random.c"
#include "carried/search.c"
#include "carried/sort.c"
#include "carried/table.c"
#include "carried/token.c"
#include "carried/tree.c"

static int by_key(const void *a, const void *b)
{
	return *(const unsigned char *)a - *(const unsigned char *)b;
}

static int by_key_down(const void *a, const void *b, void *sign)
{
	return *(int *)sign * by_key(a, b);
}

/* Stable: the whole elements agree although only their first byte is compared. */
static void sorts_as_libc(void **state)
{
	(void)state;
	static unsigned char a[64 * 300], b[64 * 300];
	srand(1);
	for (size_t size = 1; size <= 64; size += size < 10 ? 1 : 9)
		for (size_t n = 0; n <= 300; n += n < 20 ? 1 : 93) {
			for (size_t i = 0; i < n * size; i++)
				a[i] = b[i] = (unsigned char)(rand() % 16);
			qsort(a, n, size, by_key);
			pmig_qsort(b, n, size, by_key);
			assert_memory_equal(a, b, n * size);
			int sign = -1;
			qsort_r(a, n, size, by_key_down, &sign);
			pmig_qsort_r(b, n, size, by_key_down, &sign);
			assert_memory_equal(a, b, n * size);
		}
}

static void sorts_without_memory(void **state)
{
	(void)state;
	unsigned char a[500 * 3], b[500 * 3];
	for (size_t i = 0; i < sizeof a; i++)
		a[i] = b[i] = (unsigned char)(rand() % 256);
	heap_sort(&(struct sorting){.size = 3, .plain = by_key}, (char *)a, 500);
	qsort(b, 500, 3, by_key);
	for (size_t i = 0; i < 500; i++)
		assert_int_equal(a[3 * i], b[3 * i]);
}

static void searches_as_libc(void **state)
{
	(void)state;
	unsigned char list[100], key;
	for (size_t n = 0; n < 100; n++) {
		for (size_t i = 0; i < n; i++)
			list[i] = (unsigned char)(2 * i + 10);
		for (int k = 0; k < 256; k++) {
			key = (unsigned char)k;
			void *a = bsearch(&key, list, n, 1, by_key), *b = pmig_bsearch(&key, list, n, 1, by_key);
			assert_ptr_equal(a, b);
			size_t count = n;
			assert_ptr_equal(a, pmig_lfind(&key, list, &count, 1, by_key));
		}
	}
	size_t count = 3;
	key = 200;
	assert_ptr_equal(pmig_lsearch(&key, list, &count, 1, by_key), list + 3);
	assert_int_equal(count, 4);
	assert_int_equal(list[3], 200);
}

static int by_number(const void *a, const void *b)
{
	return ((intptr_t)a > (intptr_t)b) - ((intptr_t)a < (intptr_t)b);
}

static intptr_t walked[4096];
static size_t walked_n;
static int deepest;

static void visit(const void *node, VISIT which, int level)
{
	deepest = level > deepest ? level : deepest;
	if (which == postorder || which == leaf)
		walked[walked_n++] = *(const intptr_t *)node;
}

static void drop(void *key)
{
	walked_n += key != NULL;
}

static void trees_keep_order_and_balance(void **state)
{
	(void)state;
	static char present[2000];
	void *root = NULL;
	srand(3);
	for (int i = 0; i < 20000; i++) {
		intptr_t key = rand() % 1999 + 1;
		assert_int_equal(pmig_tfind((void *)key, &root, by_number) != NULL, present[key]);
		if (rand() % 2 == 0) {
			void *node = pmig_tsearch((void *)key, &root, by_number);
			assert_int_equal(*(intptr_t *)node, key);
			present[key] = 1;
		} else {
			assert_int_equal(pmig_tdelete((void *)key, &root, by_number) != NULL, present[key]);
			present[key] = 0;
		}
	}
	walked_n = 0;
	pmig_twalk(root, visit);
	size_t expected = 0;
	for (intptr_t key = 1; key < 2000; key++)
		if (present[key])
			assert_int_equal(walked[expected++], key);
	assert_int_equal(walked_n, expected);
	assert_true(deepest <= 15); /* 1.44 log2(n) */
	walked_n = 0;
	pmig_tdestroy(root, drop);
	assert_int_equal(walked_n, expected);
}

static void tables_find_what_they_hold(void **state)
{
	(void)state;
	static char keys[50][8];
	assert_null(pmig_hsearch((ENTRY){.key = (char *)"x"}, FIND));
	assert_true(pmig_hcreate(50));
	for (intptr_t i = 0; i < 50; i++) {
		snprintf(keys[i], sizeof keys[i], "k%d", (int)i);
		assert_non_null(pmig_hsearch((ENTRY){.key = keys[i], .data = (void *)i}, ENTER));
	}
	assert_null(pmig_hsearch((ENTRY){.key = (char *)"one more"}, ENTER));
	assert_int_equal(errno, ENOMEM);
	for (intptr_t i = 0; i < 50; i++)
		assert_int_equal((intptr_t)pmig_hsearch((ENTRY){.key = keys[i]}, FIND)->data, i);
	assert_null(pmig_hsearch((ENTRY){.key = (char *)"absent"}, FIND));
	pmig_hdestroy();
}

static void tokens_are_libcs(void **state)
{
	(void)state;
	char a[] = "  one two,,three  ", b[] = "  one two,,three  ";
	char *x = strtok(a, " ,"), *y = pmig_strtok(b, " ,");
	for (; x != NULL; x = strtok(NULL, " ,"), y = pmig_strtok(NULL, " ,"))
		assert_string_equal(x, y);
	assert_null(y);
}

static void random_numbers_are_libcs(void **state)
{
	(void)state;
	unsigned short x[3] = {1, 2, 3}, y[3] = {1, 2, 3}, seed[3] = {7, 8, 9}, p[7] = {1, 2, 3, 4, 5, 6, 7};
	assert_true(drand48() == pmig_drand48()); /* before any seed */
	for (int round = 0; round < 4; round++) {
		if (round == 1)
			srand48(12345678901), pmig_srand48(12345678901);
		else if (round == 2)
			assert_memory_equal(seed48(seed), pmig_seed48(seed), 6);
		else if (round == 3)
			lcong48(p), pmig_lcong48(p);
		for (int i = 0; i < 50; i++) {
			assert_true(drand48() == pmig_drand48());
			assert_int_equal(lrand48(), pmig_lrand48());
			assert_int_equal(mrand48(), pmig_mrand48());
			assert_true(erand48(x) == pmig_erand48(y));
			assert_int_equal(nrand48(x), pmig_nrand48(y));
			assert_int_equal(jrand48(x), pmig_jrand48(y));
			assert_memory_equal(x, y, 6);
		}
	}
}

static const struct option longs[] = {
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, 'V'},
	{"output", required_argument, NULL, 'o'},
	{"colour", optional_argument, NULL, 'c'},
	{"all", no_argument, NULL, 1000},
	{0},
};

/* All that a program can see of one parse, as text. */
static void parse(char *text, size_t size, int which, bool own, int argc, char **words, const char *options)
{
	char *argv[16] = {0};
	size_t n = 0;
	memcpy(argv, words, (size_t)argc * sizeof *argv);
	optind = 0;
	opterr = 0;
	optopt = 0;
	for (int c, i = 0; i < 40; i++) {
		int index = -1;
		if (which == 0)
			c = own ? pmig_getopt(argc, argv, options) : getopt(argc, argv, options);
		else if (which == 1)
			c = own ? pmig_getopt_long(argc, argv, options, longs, &index)
				: getopt_long(argc, argv, options, longs, &index);
		else
			c = own ? pmig_getopt_long_only(argc, argv, options, longs, &index)
				: getopt_long_only(argc, argv, options, longs, &index);
		n += (size_t)snprintf(text + n, size - n, "%d:%d:%s:%d:%d ", c, index, optarg != NULL ? optarg : "-", optind,
			c == '?' || c == ':' ? optopt : 0);
		if (c == -1)
			break;
	}
	for (int i = 0; i < argc; i++)
		n += (size_t)snprintf(text + n, size - n, "[%s]", argv[i]);
}

static void options_are_libcs(void **state)
{
	(void)state;
	static char *words[] = {"-a", "-b", "-ab", "-bx", "-ox", "-o", "-cx", "-c", "file", "-", "--", "--verbose", "--ver",
		"--vers", "--output=f", "--output", "--colour", "--colour=red", "--all=no", "--nothing", "-verbose", "-all",
		"-z", "--o", "-W", "-Wall"};
	static const char *const options[] = {"abo:c::", "+abo:c::", "-abo:c::", ":abo:c::", "abo:W;"};
	srand(5);
	for (int round = 0; round < 30000; round++) {
		char *argv[8] = {"program"}, mine[2048], theirs[2048];
		int argc = 1 + rand() % 7;
		for (int i = 1; i < argc; i++)
			argv[i] = words[(size_t)rand() % (sizeof words / sizeof *words)];
		const char *o = options[(size_t)rand() % (sizeof options / sizeof *options)];
		parse(theirs, sizeof theirs, round % 3, false, argc, argv, o);
		parse(mine, sizeof mine, round % 3, true, argc, argv, o);
		assert_string_equal(mine, theirs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_as_libc),
		cmocka_unit_test(sorts_without_memory),
		cmocka_unit_test(searches_as_libc),
		cmocka_unit_test(trees_keep_order_and_balance),
		cmocka_unit_test(tables_find_what_they_hold),
		cmocka_unit_test(tokens_are_libcs),
		cmocka_unit_test(random_numbers_are_libcs),
		cmocka_unit_test(options_are_libcs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
