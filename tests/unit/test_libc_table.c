/* The table of the C library's functions is sound: every name once, every name one that libc or libm has, every
 * replacement there. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum action { PLAIN = 1, REPLACED, REFUSED };

struct row {
	const char *name;
	enum action action;
	const char *note;
};

static const struct row rows[] = {
#define LIBC(name, action, note) {#name, action, note},
#include "tbl/libc.h"
#undef LIBC
};

#define ROWS (sizeof rows / sizeof *rows)

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static void every_name_once(void **state)
{
	(void)state;
	static struct row sorted[ROWS];
	memcpy(sorted, rows, sizeof rows);
	qsort(sorted, ROWS, sizeof *sorted, by_name);
	for (size_t i = 1; i < ROWS; i++)
		assert_string_not_equal(sorted[i - 1].name, sorted[i].name);
	assert_true(ROWS > 2500);
}

/* In the static part of libc, another library, a newer or an older libc, or a macro over another name. */
static bool elsewhere(const char *name)
{
	static const char *const names[] = {"atexit", "at_quick_exit", "pthread_atfork", "cfree", "crypt", "sigsetjmp",
		"strlcpy", "strlcat", "wcslcpy", "wcslcat"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return strncmp(name, "__isoc23_", 9) == 0;
}

static void every_name_is_one(void **state)
{
	(void)state;
	void *c = dlopen("libc.so.6", RTLD_LAZY), *m = dlopen("libm.so.6", RTLD_LAZY);
	assert_non_null(c);
	assert_non_null(m);
	for (size_t i = 0; i < ROWS; i++)
		if (dlsym(c, rows[i].name) == NULL && dlsym(m, rows[i].name) == NULL && !elsewhere(rows[i].name))
			fail_msg("%s is in neither libc nor libm", rows[i].name);
}

static void every_refusal_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].action == REFUSED && strlen(rows[i].note) < 10)
			fail_msg("%s is refused without a reason", rows[i].name);
		if (rows[i].action == PLAIN && rows[i].note[0] != 0)
			fail_msg("%s is plain and has a note", rows[i].name);
	}
}

/* Each defined name of the archives, one a line between newlines. */
static char *defined(void)
{
	char *text = calloc(1, 1), line[512];
	size_t n = 0;
	const char *const files[] = {"lib/libpmig.a", "lib/libpmig-carried.a"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char command[1024], name[300], type;
		snprintf(command, sizeof command, "nm --defined-only '%s/%s' 2>/dev/null", PMIG_BUILD_DIR, files[i]);
		FILE *f = popen(command, "re");
		assert_non_null(f);
		while (fgets(line, sizeof line, f) != NULL) {
			if (sscanf(line, "%*x %c %299s", &type, name) != 2 || strchr("TW", type) == NULL)
				continue;
			text = realloc(text, n + strlen(name) + 3);
			n += (size_t)sprintf(text + n, "\n%s\n", name);
		}
		if (pclose(f) != 0 && i == 0)
			skip();
	}
	return text;
}

static void every_replacement_is_there(void **state)
{
	(void)state;
	char *text = defined();
	bool carried = strstr(text, "\npmig_qsort\n") != NULL;
	if (!carried)
		print_message("libpmig-carried.a is not built: what lies there is not looked for\n");
	for (size_t i = 0; i < ROWS; i++) {
		char line[300];
		if (rows[i].action != REPLACED)
			continue;
		if (strcmp(rows[i].note, "pmig_sigsetjmp") == 0)
			continue; /* two calls, made by instrument/jump.c */
		snprintf(line, sizeof line, "\n%s%s\n", rows[i].note[0] != 0 ? "" : "pmig_",
			rows[i].note[0] != 0 ? rows[i].note : rows[i].name);
		if (carried && strstr(text, line) == NULL)
			fail_msg("%s is replaced by something that does not exist", rows[i].name);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_once),
		cmocka_unit_test(every_name_is_one),
		cmocka_unit_test(every_refusal_says_why),
		cmocka_unit_test(every_replacement_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
