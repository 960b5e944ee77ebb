/* agent_limits: where `program` says what runs, nothing else runs either: not by the loader's environment, nor as a library, a kind of resources
 * or the loader itself. */
#include "transport/agent_limits.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sha256.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PROGRAM "/bin/true"
#define OTHER "/bin/false"

static char directory[] = "/tmp/test_agent_limits.XXXXXX", libraries[64], limits[96], folder[64], empty[64];
static struct agent_options options = {.uuid = "00000000-0000-4000-8000-000000000001", .state = "/tmp"};
static struct agent agent = {.options = &options, .from = "10.0.0.1", .sender = "mig@alpha"};

static int set_up(void **state)
{
	(void)state;
	char hash[SHA256_DIGEST_STRING_LENGTH], link[96];
	assert_non_null(mkdtemp(directory));
	(void)snprintf(folder, sizeof folder, "%s/pmig", directory);
	(void)snprintf(limits, sizeof limits, "%s/limits", folder);
	(void)snprintf(libraries, sizeof libraries, "%s/lib", directory);
	(void)snprintf(link, sizeof link, "%s/libc.so.6", libraries);
	(void)snprintf(empty, sizeof empty, "%s/empty", directory);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(mkdir(empty, 0700), 0);
	assert_int_equal(mkdir(libraries, 0700), 0);
	assert_int_equal(symlink(OTHER, link), 0);
	assert_non_null(SHA256File(PROGRAM, hash));
	int fd = open(limits, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && dprintf(fd, "program = %s\n", hash) > 0);
	assert_int_equal(close(fd), 0);
	return setenv("XDG_CONFIG_HOME", directory, 1);
}

static int tear_down(void **state)
{
	(void)state;
	char link[96];
	(void)snprintf(link, sizeof link, "%s/libc.so.6", libraries);
	(void)unlink(link);
	(void)unlink(limits);
	(void)rmdir(folder);
	(void)rmdir(empty);
	(void)rmdir(libraries);
	return rmdir(directory);
}

static int ask(int (*check)(const struct agent *a, const json_t *request), const char *path, const char *library_path,
	const char *kinds, const char *variable)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "path", path, "library_path", library_path, "kinds",
		kinds, "search", library_path, "environment", "HOME=/root", variable);
	assert_non_null(request);
	int r = check(&agent, request);
	json_decref(request);
	return r;
}

static void only_what_is_allowed(void **state)
{
	(void)state;
	int (*const checks[])(const struct agent *a, const json_t *request) = {
		agent_limits_restore, agent_limits_start, agent_limits_libraries};
	char list[96];
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		assert_int_equal(ask(checks[i], PROGRAM, "", "", "LANG=C"), 0);
		assert_int_equal(ask(checks[i], PROGRAM, folder, "", "LANG=C"),
			PMIG_EREFUSED); /* its only file is another */
		assert_int_equal(ask(checks[i], OTHER, "", "", "LANG=C"), PMIG_EREFUSED);
		assert_non_null(strstr(pmig_reason(), "no program runs here whose SHA-256 is"));
		assert_int_equal(ask(checks[i], PROGRAM, libraries, "", "LANG=C"), PMIG_EREFUSED);
		/* What ld.so(8) takes for more than one directory, or for another one. */
		(void)snprintf(list, sizeof list, "/nowhere;%s", libraries);
		assert_int_equal(ask(checks[i], PROGRAM, list, "", "LANG=C"), PMIG_EREFUSED);
		(void)snprintf(list, sizeof list, "$ORIGIN/../..%s", libraries);
		assert_int_equal(ask(checks[i], PROGRAM, list, "", "LANG=C"), PMIG_EREFUSED);
		assert_int_equal(ask(checks[i], PROGRAM, "lib", "", "LANG=C"), PMIG_EREFUSED);
		assert_non_null(strstr(pmig_reason(),
			"\"lib\" is no directory of libraries here, and this host has limits for programs"));
		assert_int_equal(ask(checks[i], PROGRAM, ":", "", "LANG=C"), PMIG_EREFUSED);
		(void)snprintf(list, sizeof list, "%s:", empty);
		assert_int_equal(ask(checks[i], PROGRAM, empty, "", "LANG=C"), 0);
		assert_int_equal(ask(checks[i], PROGRAM, list, "", "LANG=C"), PMIG_EREFUSED);
		assert_int_equal(ask(checks[i], "../bin/true", "", "", "LANG=C"), PMIG_EREFUSED);
		assert_non_null(strstr(pmig_reason(),
			"\"../bin/true\" is no absolute path, and this host has limits for programs"));
	}
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(ask(checks[i], PROGRAM, "", OTHER, "LANG=C"), PMIG_EREFUSED);
}

static void no_way_around_by_the_environment(void **state)
{
	(void)state;
	static const char *const variables[] = {
		"LD_PRELOAD=" OTHER, "LD_AUDIT=" OTHER, "LD_LIBRARY_PATH=/tmp", "GCONV_PATH=/tmp"};
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		assert_int_equal(ask(agent_limits_start, PROGRAM, "", "", variables[i]), PMIG_EREFUSED);
		assert_non_null(strstr(pmig_reason(),
			"in the environment could load what is not allowed here; start it without"));
	}
	assert_int_equal(ask(agent_limits_start, PROGRAM, "", "", "LD_LIBRARY_PATH="), 0);
}

/* The loader that a program names is run to ask what it would load. */
static void the_loader_is_not_asked_of_others(void **state)
{
	(void)state;
	json_t *request = json_pack("{s:s, s:s}", "path", OTHER, "search", ""), *answer = NULL;
	assert_int_equal(agent_do_libraries(&agent, request, &answer), PMIG_EREFUSED);
	assert_null(answer);
	json_decref(request);
	request = json_pack("{s:s, s:s}", "path", PROGRAM, "search", "");
	assert_int_equal(agent_do_libraries(&agent, request, &answer), 0);
	json_decref(answer);
	json_decref(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_allowed),
		cmocka_unit_test(no_way_around_by_the_environment),
		cmocka_unit_test(the_loader_is_not_asked_of_others),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
