/* Which libraries a program needs, and which of them are not here: made with the C compiler for this test. */
#include "transport/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/pmig-library-XXXXXX", program[64], lone[64];

/* A program that needs two libraries, in a directory of their own, and one that is static. */
static int make(void **state)
{
	char command[1024];
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(program, sizeof program, "%s/program", directory);
	(void)snprintf(lone, sizeof lone, "%s/static", directory);
	(void)snprintf(command, sizeof command,
		"cd %s && mkdir there && echo 'int one(void) { return 1; }' >one.c && echo 'int two(void) { return 2; }' >two.c &&"
		"echo 'int one(void), two(void); int main(void) { return one() + two(); }' >program.c &&"
		"echo 'int main(void) { return 0; }' >static.c &&"
		"cc -shared -fPIC one.c -o there/libpmig_one.so && cc -shared -fPIC two.c -o there/libpmig_two.so &&"
		"cc program.c -o program -Lthere -lpmig_one -lpmig_two && cc -static static.c -o static",
		directory);
	return system(command) == 0 ? 0 : -1;
}

static int clear(void **state)
{
	char command[128];
	(void)state;
	(void)snprintf(command, sizeof command, "rm -r %s", directory);
	return system(command) == 0 ? 0 : -1;
}

static const struct library *find(const struct library_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->libraries[i].name, name) == 0)
			return &list->libraries[i];
	fail_msg("%s is not in the list", name);
	return NULL;
}

static void every_missing_one_is_named(void **state)
{
	struct library_list list;
	(void)state;
	assert_int_equal(library_list_get(program, "", &list), 0);
	assert_string_equal(find(&list, "libpmig_one.so")->path, "");
	assert_string_equal(find(&list, "libpmig_two.so")->path, "");
	assert_true(find(&list, "libc.so.6")->path[0] == '/');
	assert_string_equal(list.problem, "");
	library_list_finish(&list);
}

static void they_are_found_on_the_search_path(void **state)
{
	struct library_list list;
	char there[64], path[128];
	(void)state;
	(void)snprintf(there, sizeof there, "%s/there", directory);
	(void)snprintf(path, sizeof path, "%s/libpmig_two.so", there);
	assert_int_equal(library_list_get(program, there, &list), 0);
	assert_string_equal(find(&list, "libpmig_two.so")->path, path);
	library_list_finish(&list);
}

static void a_static_program_needs_none(void **state)
{
	struct library_list list;
	(void)state;
	assert_int_equal(library_list_get(lone, "", &list), 0);
	assert_int_equal(list.count, 0);
	library_list_finish(&list);
}

static void what_is_no_program_is_refused(void **state)
{
	struct library_list list = {.count = 7};
	char path[128];
	(void)state;
	(void)snprintf(path, sizeof path, "%s/one.c", directory);
	assert_int_equal(library_list_get(path, "", &list), PMIG_ECORRUPT);
	(void)snprintf(path, sizeof path, "%s/absent", directory);
	assert_int_equal(library_list_get(path, "", &list), PMIG_ENOENT);
	assert_int_equal(list.count, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_missing_one_is_named),
		cmocka_unit_test(they_are_found_on_the_search_path),
		cmocka_unit_test(a_static_program_needs_none),
		cmocka_unit_test(what_is_no_program_is_refused),
	};
	return cmocka_run_group_tests_name("library", tests, make, clear);
}
