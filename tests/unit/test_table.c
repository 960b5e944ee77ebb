/* table: what is printed fits, stays in its columns, and does nothing to a terminal. */
#include "registry_case.h"

#include "registry/table.h"
#include "registry/text.h"

static char *printed(int width, int indent)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct table *t = table_create(3);
	table_numeric(t, 1);
	table_row(t, (const char *const[]){"NAME", "SIZE", "WORDS"});
	table_row(t, (const char *const[]){"a", "7", "the quick brown fox jumps over the lazy dog"});
	table_note(t, "a note that is longer than what there is of room in one line of it");
	table_row(t, (const char *const[]){"/a/path/of/some/length/and/more.idx", "1234567", NULL});
	table_row(t, (const char *const[]){"\033[2J\xff\xc3\xa4", "", "x"});
	assert_int_equal(table_print(t, width, indent, out), 4);
	table_destroy(t);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void without_a_terminal_lines_are_as_long_as_they_get(void **state)
{
	(void)state;
	char *text = printed(0, 2);
	assert_string_equal(text,
		"  NAME                                    SIZE  WORDS\n"
		"  a                                          7  the quick brown fox jumps over the lazy dog\n"
		"      a note that is longer than what there is of room in one line of it\n"
		"  /a/path/of/some/length/and/more.idx  1234567\n"
		"  \\x1b[2J\\xff\xc3\xa4                                  x\n");
	free(text);
}

static void on_a_terminal_every_line_fits(void **state)
{
	(void)state;
	for (int width = 30; width < 100; width++) {
		char *text = printed(width, 2);
		for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
			if (text_width(line) > (size_t)width)
				fail_msg("%d: %s", width, line);
		free(text);
	}
	char *text = printed(40, 0);
	assert_string_equal(text,
		"NAME               SIZE  WORDS\n"
		"a                     7  the quick brown\n"
		"                         fox jumps over\n"
		"                         the lazy dog\n"
		"    a note that is longer than what\n"
		"    there is of room in one line of it\n"
		"/a/path/of/     1234567\n"
		"some/length/\n"
		"and/more.idx\n"
		"\\x1b[2J\\xff\xc3\xa4             x\n");
	free(text);
}

/* Where nothing fits any more it is wide, not endless. */
static void a_width_of_nothing_ends(void **state)
{
	(void)state;
	for (int width = 1; width < 30; width++)
		free(printed(width, 4));
}

static void a_text_is_wrapped_at_its_spaces(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	table_wrap("one two three four", 10, 0, 2, out);
	table_wrap("", 10, 0, 2, out);
	table_wrap("abcdefghijklmnop", 10, 0, 2, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "one two\n  three\n  four\n\nabcdefgh\n  ijklmnop\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_terminal_lines_are_as_long_as_they_get),
		cmocka_unit_test(on_a_terminal_every_line_fits),
		cmocka_unit_test(a_width_of_nothing_ends),
		cmocka_unit_test(a_text_is_wrapped_at_its_spaces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
