/* registry: what a resource costs to register, what a durable step costs, and how long a plan takes.
 *
 * usage: registry [DIRECTORY [RUNS]]; defaults /tmp 5. Registering is held against 100 us, a step of the journal against
 * write() and fdatasync() of one page, a plan of 10,000 resources against 100 ms, and a
 * hundred sections of a policy, the plan and its table against the plan alone. */
#include "figure.h"
#include "registry/plan_show.h"
#include "registry/policy.h"
#include "registry/store.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOURCES 10000
#define STEPS 100
#define PROCESS "aaaaaaaa-0000-4000-8000-000000000001"
#define HANDOVER "11111111-0000-4000-8000-000000000001"

struct bench {
	char directory[PATH_MAX];
	char path[PATH_MAX];
	struct pmig_store *store;
};

static struct pmig_resource_row resource(int64_t slot)
{
	return (struct pmig_resource_row){.process = PROCESS,
		.slot = slot,
		.name = "data",
		.kind = "file",
		.locator = "/home/user/data/set.idx",
		.binding = PMIG_BY_VALUE,
		.attachment = PMIG_UNATTACHED,
		.size = 4096,
		.origin = PMIG_AT_RUN_TIME,
		.opened = "index.c:40"};
}

/* Each by itself, as the agent does when the program declares one. */
static double register_singly(struct bench *b)
{
	double begin = figure_now();
	for (int64_t slot = 0; slot < RESOURCES; slot++) {
		struct pmig_resource_row row = resource(slot);
		figure_must(b->store->resource_put(b->store, &row));
	}
	return (figure_now() - begin) / RESOURCES;
}

static double register_batch(struct bench *b)
{
	double begin = figure_now();
	figure_must(b->store->batch_begin(b->store));
	for (int64_t slot = 0; slot < RESOURCES; slot++) {
		struct pmig_resource_row row = resource(slot);
		figure_must(b->store->resource_put(b->store, &row));
	}
	figure_must(b->store->batch_commit(b->store));
	return (figure_now() - begin) / RESOURCES;
}

static double journal_step(struct bench *b)
{
	double begin = figure_now();
	for (int i = 0; i < STEPS; i++)
		figure_must(b->store->handover_step(b->store, HANDOVER, "ship", PMIG_STEP_BEGIN, "bench"));
	return (figure_now() - begin) / STEPS;
}

static double plain_sync(struct bench *b)
{
	static const char page[4096];
	int fd = openat(AT_FDCWD, b->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		perror(b->directory);
		exit(1);
	}
	double begin = figure_now();
	for (int i = 0; i < STEPS; i++)
		if (write(fd, page, sizeof page) != sizeof page || fdatasync(fd) < 0) {
			perror("write");
			exit(1);
		}
	double took = (figure_now() - begin) / STEPS;
	(void)close(fd);
	return took;
}

/* One of each cell in turn, shared or not, with everything known about it, and nothing of it easy: no choice is possible before the last. */
static struct plan_resource planned(int i)
{
	struct plan_resource r = {.row = resource(i),
		.operations = PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND) |
			(i % 4 != 0 ? PLAN_CAN(PMIG_COPY) : 0),
		.size = {4096, PLAN_MEASURED},
		.rate = {100, PLAN_MEASURED},
		.trips = {1, PLAN_MEASURED},
		.sharers = {(uint64_t)i / 9 % 2, PLAN_MEASURED},
		.shared_by = "cron (pid 12)",
		.same_content = {0, PLAN_ASKED},
		.providers = {0, PLAN_ASKED},
		.reached = {0, PLAN_ASKED}};
	r.row.binding = (enum pmig_binding)(PMIG_BY_IDENTIFIER + i % 3);
	r.row.attachment = (enum pmig_attachment)(PMIG_UNATTACHED + i / 3 % 3);
	r.row.consent = PMIG_SNAPSHOT | PMIG_DIVERGENCE;
	r.row.type = "scratch";
	return r;
}

static const struct plan_facts plan_facts = {.process = "bench",
	.source = "alpha",
	.target = "beta",
	.image = {1000000, PLAN_MEASURED},
	.space = {100000000000, PLAN_ASKED},
	.bandwidth = {110000000, PLAN_MEASURED},
	.rtt = {200000, PLAN_MEASURED},
	.remaining = {3600000000000, PLAN_MEASURED}};

static double plan(struct bench *b)
{
	(void)b;
	static struct plan_resource resources[RESOURCES];
	for (int i = 0; i < RESOURCES; i++)
		resources[i] = planned(i);
	struct plan *made;
	double begin = figure_now();
	figure_must(plan_make(resources, RESOURCES, &plan_facts, &(struct plan_limits){.share = 1}, &made));
	double took = figure_now() - begin;
	plan_destroy(made);
	return took;
}

/* The whole of it: a hundred sections of a policy held against each, the plan, and its table. */
static double plan_and_show(struct bench *b)
{
	(void)b;
	static struct plan_resource resources[RESOURCES];
	char text[8192] = "", *shown = NULL;
	size_t size = 0;
	for (int i = 0; i < 100; i++)
		(void)sprintf(text + strlen(text), "[file \"/srv/*/%d/*.idx\"]\nbinding=value\nattachment=fastened\n", i);
	struct policy *policy = policy_create();
	figure_must(policy_add(policy, "bench", text, strlen(text)));
	for (int i = 0; i < RESOURCES; i++)
		resources[i] = planned(i);
	struct plan *made;
	FILE *out = open_memstream(&shown, &size);
	double begin = figure_now();
	for (int i = 0; i < RESOURCES; i++) {
		resources[i].row.origin = PMIG_UNDECLARED;
		(void)policy_apply(policy, &resources[i]);
	}
	figure_must(plan_make(resources, RESOURCES, &plan_facts, &(struct plan_limits){.share = 1}, &made));
	figure_must(plan_show_text(made, &(struct plan_show_options){.columns = 100, .alternatives = true}, out));
	(void)fflush(out);
	double took = figure_now() - begin;
	(void)fclose(out);
	free(shown);
	plan_destroy(made);
	policy_destroy(policy);
	return took;
}

/* A figure, and what it is held against: measured in turn with it, or a constant number of seconds. */
static const struct load {
	struct figure figure;
	double (*measure)(struct bench *b), (*against)(struct bench *b);
	double constant;
} loads[] = {
	{{"registry-put", 1, "us", 1e6}, register_singly, NULL, 100e-6},
	{{"registry-put-batch", 1, "us", 1e6}, register_batch, NULL, 100e-6},
	{{"registry-journal", 3, "us", 1e6}, journal_step, plain_sync, 0},
	{{"plan-10000", 1, "ms", 1e3}, plan, NULL, 100e-3},
	{{"plan-10000-shown", 0, "ms", 1e3}, plan_and_show, plan, 0},
};

static void run(struct bench *b, const struct load *l, size_t runs)
{
	double took[FIGURE_RUNS_MAX], other[FIGURE_RUNS_MAX];
	for (size_t i = 0; i < runs; i++) {
		took[i] = l->measure(b);
		other[i] = l->against != NULL ? l->against(b) : l->constant;
	}
	figure_pairs(&l->figure, took, other, runs);
}

static void setup(struct bench *b, const char *directory)
{
	(void)snprintf(b->directory, sizeof b->directory, "%.3900s/pmig-bench-XXXXXX", directory);
	if (mkdtemp(b->directory) == NULL) {
		perror(b->directory);
		exit(1);
	}
	(void)snprintf(b->path, sizeof b->path, "%.4000s/registry.db", b->directory);
	figure_must(registry_store_open(b->path, &b->store));
	figure_must(b->store->process_put(b->store,
		&(struct pmig_process_row){.uuid = PROCESS,
			.name = "bench",
			.program = "/bin/bench",
			.build = "00",
			.argv = "[]",
			.home = "alpha",
			.epoch = 1,
			.state = PMIG_PROCESS_RUNNING,
			.exit_status = -1}));
	figure_must(b->store->handover_begin(b->store,
		&(struct pmig_handover_row){
			.id = HANDOVER, .process = PROCESS, .epoch = 2, .source = "alpha", .target = "beta"}));
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	size_t runs = figure_runs(argc > 2 ? argv[2] : NULL, 5);
	setup(&b, argc > 1 ? argv[1] : "/tmp");
	for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
		run(&b, &loads[i], runs);
	registry_store_close(b.store);
	(void)unlink(b.path);
	(void)rmdir(b.directory);
	return 0;
}
