/* plan_case: resources and facts of an ordinary move from alpha to beta, and small words to vary them. */
#ifndef PMIG_TESTS_PLAN_CASE_H
#define PMIG_TESTS_PLAN_CASE_H

#include "registry_case.h"

#include "registry/plan.h"
#include "registry/plan_show.h"
#include "runtime/base/strategy.h"

#define MV PLAN_CAN(PMIG_MOVE)
#define CP PLAN_CAN(PMIG_COPY)
#define GR PLAN_CAN(PMIG_REFER)
#define RB PLAN_CAN(PMIG_REBIND)
#define MEASURED(v) {v, PLAN_MEASURED}
#define ASKED(v) {v, PLAN_ASKED}

/* 110 MB/s and 0.2 ms between the hosts, 100 GB free, a run of one hour behind it. */
static inline struct plan_facts case_facts(void)
{
	return (struct plan_facts){.process = "queens",
		.source = "alpha",
		.target = "beta",
		.source_arch = "x86_64",
		.target_arch = "x86_64",
		.image = MEASURED(1000000),
		.space = ASKED(100000000000),
		.bandwidth = MEASURED(110000000),
		.rtt = MEASURED(200000),
		.remaining = MEASURED(3600000000000)};
}

/* Of one megabyte, read at one kB/s in ten round trips; the target has nothing of it. */
static inline struct plan_resource case_of(enum pmig_binding binding, enum pmig_attachment attachment, unsigned operations)
{
	return (struct plan_resource){.row = {.process = UUID_A,
					      .slot = 3,
					      .name = "data",
					      .kind = "file",
					      .locator = "/home/mig/data",
					      .binding = binding,
					      .attachment = attachment,
					      .origin = PMIG_AT_RUN_TIME},
		.operations = operations,
		.size = MEASURED(1000000),
		.rate = MEASURED(1000),
		.trips = MEASURED(10),
		.sharers = MEASURED(0),
		.same_content = ASKED(0),
		.providers = ASKED(0)};
}

/* The plan of one resource; plan_destroy(). */
static inline struct plan *case_plan(const struct plan_resource *resource, const struct plan_facts *facts,
	const struct plan_limits *limits)
{
	struct plan *plan = NULL;
	assert_good(plan_make(resource, 1, facts, limits, &plan));
	assert_int_equal(plan->count, 1);
	return plan;
}

/* Compares with tests/snapshots/NAME; PMIG_SNAPSHOT=write writes it instead. */
static inline void case_snapshot(const char *name, const char *made)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/tests/snapshots/%s", PMIG_SOURCE_DIR, name);
	const char *mode = getenv("PMIG_SNAPSHOT");
	if (mode != NULL && strcmp(mode, "write") == 0) {
		FILE *out = fopen(path, "we");
		assert_non_null(out);
		assert_true(fputs(made, out) >= 0);
		assert_int_equal(fclose(out), 0);
	}
	FILE *in = fopen(path, "re");
	if (in == NULL)
		fail_msg("%s: no snapshot", path);
	size_t line = 1;
	for (const char *p = made;; p++) {
		int c = getc(in);
		if (c == EOF && *p == '\0')
			break;
		if (c != (unsigned char)*p) {
			const char *start = p;
			while (start > made && start[-1] != '\n')
				start--;
			fail_msg("%s:%zu differs; now it is: %.*s", path, line, (int)strcspn(start, "\n"), start);
		}
		line += *p == '\n';
	}
	fclose(in);
}

#endif
