/* registry_case: a registry in a directory of its own for each test, and rows to put into it. */
#ifndef PMIG_TESTS_REGISTRY_CASE_H
#define PMIG_TESTS_REGISTRY_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above it */
#include <cmocka.h>

#include "registry/store.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UUID_A "aaaaaaaa-0000-4000-8000-000000000001"
#define UUID_B "bbbbbbbb-0000-4000-8000-000000000002"
#define HANDOVER_1 "11111111-0000-4000-8000-000000000001"
#define HANDOVER_2 "22222222-0000-4000-8000-000000000002"

struct registry_case {
	char directory[PATH_MAX];
	char path[PATH_MAX];
	struct pmig_store *store;
};

#define assert_good(call) assert_true_or_reason((call) >= 0, #call)
#define assert_fails(call, code) assert_int_equal(call, code)
#define assert_reason_has(text) \
	do { \
		if (strstr(pmig_reason(), text) == NULL) \
			fail_msg("the reason lacks \"%s\": %s", text, pmig_reason()); \
	} while (0)

static inline void assert_true_or_reason(int good, const char *call)
{
	if (!good)
		fail_msg("%s: %s", call, pmig_reason());
}

static inline int registry_case_setup(void **state)
{
	struct registry_case *c = calloc(1, sizeof *c);
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(c->directory, sizeof c->directory - 32, "%s/pmig-registry-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(c->directory));
	(void)strcat(strcpy(c->path, c->directory), "/registry.db");
	*state = c;
	return 0;
}

static inline int registry_case_open(void **state)
{
	registry_case_setup(state);
	struct registry_case *c = *state;
	assert_good(registry_store_open(c->path, &c->store));
	return 0;
}

static inline int registry_case_close(void **state)
{
	struct registry_case *c = *state;
	registry_store_close(c->store);
	char command[PATH_MAX + 16];
	(void)snprintf(command, sizeof command, "rm -rf '%s'", c->directory);
	assert_int_equal(system(command), 0);
	free(c);
	return 0;
}

#define case_test(f) cmocka_unit_test_setup_teardown(f, registry_case_open, registry_case_close)
#define case_test_closed(f) cmocka_unit_test_setup_teardown(f, registry_case_setup, registry_case_close)

static inline struct pmig_process_row case_process(const char *uuid, const char *name)
{
	return (struct pmig_process_row){.uuid = uuid,
		.name = name,
		.program = "/usr/local/bin/queens",
		.build = "c0ffee",
		.argv = "[\"queens\", \"12\"]",
		.home = "alpha",
		.epoch = 1,
		.state = PMIG_PROCESS_RUNNING,
		.pid = 4711,
		.started = 1000,
		.exit_status = -1};
}

static inline struct pmig_resource_row case_resource(const char *process, int64_t slot)
{
	return (struct pmig_resource_row){.process = process,
		.slot = slot,
		.name = "data",
		.kind = "file",
		.locator = "/home/mig/data",
		.binding = PMIG_BY_VALUE,
		.attachment = PMIG_UNATTACHED,
		.consent = PMIG_SNAPSHOT,
		.size = 4096,
		.origin = PMIG_AT_RUN_TIME};
}

static inline struct pmig_handover_row case_handover(const char *id, const char *process, uint64_t epoch)
{
	return (struct pmig_handover_row){.id = id, .process = process, .epoch = epoch, .source = "alpha", .target = "beta"};
}

/* Runs `f` in a child that ends by _exit(), as after a crash nothing is closed; returns its status. */
static inline int case_child(int (*f)(struct registry_case *c), struct registry_case *c)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(f(c));
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#endif
