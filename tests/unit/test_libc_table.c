/* The tables of the C library's functions and variables are sound and whole: every name once, every name one that libc or libm has, every
 * name that they export, every replacement and every file that is said to carry something there; and all that the programs of
 * this machine use of libc and libm. */
#include <dlfcn.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum action { PLAIN = 1, CARRIED, REPLACED, REFUSED };

struct row {
	const char *name;
	enum action action;
	const char *note;
};

static const struct row rows[] = {
#define LIBC(name, action, note) {#name, action, note},
#include "tbl/libc.h"
#include "tbl/libc_variables.h"
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

/* Variables that every program has from its linker. */
static bool of_linker(const char *name)
{
	static const char *const names[] = {"__executable_start", "__ehdr_start", "__etext", "_etext", "etext",
		"__data_start", "data_start", "_edata", "edata", "__bss_start", "_end", "end", "__dso_handle"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void every_name_is_one(void **state)
{
	(void)state;
	void *c = dlopen("libc.so.6", RTLD_LAZY), *m = dlopen("libm.so.6", RTLD_LAZY);
	assert_non_null(c);
	assert_non_null(m);
	for (size_t i = 0; i < ROWS; i++)
		if (!of_linker(rows[i].name) && dlsym(c, rows[i].name) == NULL && dlsym(m, rows[i].name) == NULL &&
			!elsewhere(rows[i].name))
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

static void every_carrier_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		char path[512];
		snprintf(path, sizeof path, "%s/runtime/%s", PMIG_SOURCE_DIR, rows[i].note);
		if (rows[i].action == CARRIED && (rows[i].note[0] == 0 || access(path, R_OK) != 0))
			fail_msg("%s is carried by %s, which does not exist", rows[i].name, path);
	}
}

static bool is_listed(const char *name)
{
	static struct row sorted[ROWS];
	if (sorted[0].name == NULL) {
		memcpy(sorted, rows, sizeof rows);
		qsort(sorted, ROWS, sizeof *sorted, by_name);
	}
	return bsearch(&(struct row){.name = name}, sorted, ROWS, sizeof *sorted, by_name) != NULL;
}

/* Calls `look` with each name that the command prints, one a line. Returns their number. */
static unsigned each_name(const char *command, void (*look)(const char *name))
{
	char line[512];
	unsigned n = 0;
	FILE *f = popen(command, "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = 0;
		look(line);
		n++;
	}
	(void)pclose(f);
	return n;
}

static void must_be_listed(const char *name)
{
	if (!is_listed(name))
		fail_msg("%s is exported and nobody has looked at it", name);
}

/* What is there for libc's own other libraries, and old versions for old programs, is not meant. */
static void every_export_is_listed(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		void *library = dlopen(i == 0 ? "libc.so.6" : "libm.so.6", RTLD_LAZY);
		struct link_map *map;
		char command[1024];
		assert_non_null(library);
		assert_int_equal(dlinfo(library, RTLD_DI_LINKMAP, &map), 0);
		snprintf(command, sizeof command,
			"nm -D --defined-only '%s' | grep -v GLIBC_PRIVATE | sed -n 's/^[0-9a-f]* [TWiVBDRu] \\(.*\\)@@.*/\\1/p'",
			map->l_name);
		if (each_name(command, must_be_listed) < 500)
			fail_msg("%s: hardly any name", map->l_name);
		dlclose(library);
	}
}

static void *libc_so, *libm_so; /* other libraries have symbols of the same versions */

static void must_be_known(const char *name)
{
	if ((dlsym(libc_so, name) != NULL || dlsym(libm_so, name) != NULL) && !is_listed(name))
		fail_msg("programs of this machine use %s and nobody has looked at it", name);
}

/* Undefined names of the versions of glibc, of all programs here that are there: what C programs use in the world. */
static void every_used_name_is_listed(void **state)
{
	(void)state;
	libc_so = dlopen("libc.so.6", RTLD_LAZY);
	libm_so = dlopen("libm.so.6", RTLD_LAZY);
	unsigned n = each_name(
		"find /usr/bin /usr/sbin -type f -perm -u+x -size -8M -exec nm -D --undefined-only {} + 2>/dev/null | "
		"sed -n 's/^ *[Uwv] \\([A-Za-z0-9_]*\\)@GLIBC_[0-9.]*$/\\1/p' | sort -u | "
		"grep -vxE '__cxa_.*|__gmon_start__|_ITM_.*|_dl_.*|__tls_get_addr|__libc_stack_end|_rtld_global.*|__rtld.*|"
		"_r_debug|dl[a-z_]*|__tunable.*|td_.*|[_a-z]*_db_.*'",
		must_be_known);
	print_message("%u names of libc and libm are used by programs here\n", n);
	if (n < 100)
		skip();
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
		cmocka_unit_test(every_carrier_is_there),
		cmocka_unit_test(every_export_is_listed),
		cmocka_unit_test(every_used_name_is_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
