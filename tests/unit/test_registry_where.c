/* where: the state directory is found or made, or refused with what to do. */
#include "registry_case.h"

#include "registry/where.h"

static int setup(void **state)
{
	registry_case_setup(state);
	unsetenv("PMIG_STATE");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", ((struct registry_case *)*state)->directory, 1);
	return 0;
}

static void home_then_xdg_then_pmig_state(void **state)
{
	struct registry_case *c = *state;
	char path[PATH_MAX], expected[PATH_MAX + 128], machine[WHERE_MACHINE_MAX + 1];
	assert_good(where_machine(machine));
	assert_true(*machine != '\0' && strchr(machine, '/') == NULL);
	assert_good(where_registry(path));
	(void)snprintf(expected, sizeof expected, "%s/.local/state/pmig/%s/registry.db", c->directory, machine);
	assert_string_equal(path, expected);
	struct stat st;
	*strrchr(path, '/') = '\0';
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);

	char xdg[PATH_MAX];
	(void)snprintf(xdg, sizeof xdg, "%.4000s/state", c->directory);
	setenv("XDG_STATE_HOME", xdg, 1);
	assert_good(where_state(path));
	(void)snprintf(expected, sizeof expected, "%s/pmig/%s", xdg, machine);
	assert_string_equal(path, expected);
	setenv("XDG_STATE_HOME", "relative", 1);
	assert_good(where_state(path));
	assert_non_null(strstr(path, "/.local/state/pmig/"));

	setenv("PMIG_STATE", xdg, 1);
	unsetenv("HOME");
	assert_good(where_state(path));
	assert_string_equal(path, xdg);
}

static void a_directory_that_others_can_write_is_refused(void **state)
{
	struct registry_case *c = *state;
	char path[PATH_MAX];
	setenv("PMIG_STATE", c->directory, 1);
	assert_int_equal(chmod(c->directory, 0755), 0);
	assert_good(where_state(path));
	assert_int_equal(chmod(c->directory, 0777), 0);
	assert_fails(where_state(path), PMIG_EREFUSED);
	assert_reason_has("others can write into the state directory");
	struct stat st;
	assert_int_equal(stat(c->directory, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0777);
}

static void what_cannot_be_is_refused_in_words(void **state)
{
	struct registry_case *c = *state;
	char path[PATH_MAX] = "untouched", file[PATH_MAX];
	unsetenv("HOME");
	assert_fails(where_state(path), PMIG_EINVAL);
	assert_string_equal(pmig_reason(), "neither PMIG_STATE nor HOME is set: no place for the registry");
	setenv("HOME", "/nonexistent/home", 1);
	assert_fails(where_state(path), PMIG_EIO);
	assert_reason_has("HOME (/nonexistent/home) is not there; set PMIG_STATE");
	assert_int_equal(access("/nonexistent", F_OK), -1);
	setenv("PMIG_STATE", "relative", 1);
	assert_fails(where_state(path), PMIG_EINVAL);
	assert_reason_has("must be an absolute path");
	(void)snprintf(file, sizeof file, "%.4000s/file", c->directory);
	FILE *out = fopen(file, "we");
	assert_non_null(out);
	fclose(out);
	setenv("PMIG_STATE", file, 1);
	assert_fails(where_state(path), PMIG_EIO);
	assert_reason_has("is not a directory; set PMIG_STATE to one");
	(void)strcat(file, "/below");
	setenv("PMIG_STATE", file, 1);
	assert_fails(where_state(path), PMIG_EIO);
	setenv("PMIG_STATE", "/proc/pmig", 1);
	assert_fails(where_state(path), PMIG_EIO);
	assert_reason_has("set PMIG_STATE");
	char *deep = malloc(PATH_MAX + 16);
	memset(deep, 'x', PATH_MAX);
	deep[0] = '/';
	deep[PATH_MAX] = '\0';
	setenv("PMIG_STATE", deep, 1);
	assert_fails(where_state(path), PMIG_EINVAL);
	free(deep);
	assert_string_equal(path, "untouched");
}

static void a_store_opens_without_a_path(void **state)
{
	struct registry_case *c = *state;
	setenv("PMIG_STATE", c->directory, 1);
	assert_good(registry_store_open(NULL, &c->store));
	assert_int_equal(access(c->path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(home_then_xdg_then_pmig_state, setup, registry_case_close),
		cmocka_unit_test_setup_teardown(a_directory_that_others_can_write_is_refused, setup, registry_case_close),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused_in_words, setup, registry_case_close),
		cmocka_unit_test_setup_teardown(a_store_opens_without_a_path, setup, registry_case_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
