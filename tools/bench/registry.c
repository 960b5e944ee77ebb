/* registry: what a resource costs to register, what a durable step costs, and how long a plan takes.
 *
 * usage: registry [DIRECTORY [RUNS]]; defaults /tmp 5. One JSON object per figure; medians. The ratio of registering is
 * against 100 us, of a step of the journal against write() and fdatasync() of one page, of a plan against 100 ms. */
#include "registry/plan.h"
#include "registry/store.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 51
#define RESOURCES 10000
#define STEPS 100
#define PROCESS "aaaaaaaa-0000-4000-8000-000000000001"
#define HANDOVER "11111111-0000-4000-8000-000000000001"

struct bench {
	char directory[PATH_MAX];
	char path[PATH_MAX];
	struct pmig_store *store;
};

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int code)
{
	if (code >= 0)
		return;
	(void)fprintf(stderr, "bench registry: %s\n", pmig_reason());
	exit(1);
}

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
	double begin = now();
	for (int64_t slot = 0; slot < RESOURCES; slot++) {
		struct pmig_resource_row row = resource(slot);
		must(b->store->resource_put(b->store, &row));
	}
	return (now() - begin) / RESOURCES;
}

static double register_batch(struct bench *b)
{
	double begin = now();
	must(b->store->batch_begin(b->store));
	for (int64_t slot = 0; slot < RESOURCES; slot++) {
		struct pmig_resource_row row = resource(slot);
		must(b->store->resource_put(b->store, &row));
	}
	must(b->store->batch_commit(b->store));
	return (now() - begin) / RESOURCES;
}

static double journal_step(struct bench *b)
{
	double begin = now();
	for (int i = 0; i < STEPS; i++)
		must(b->store->handover_step(b->store, HANDOVER, "ship", PMIG_STEP_BEGIN, "bench"));
	return (now() - begin) / STEPS;
}

static double plain_sync(struct bench *b)
{
	static const char page[4096];
	int fd = openat(AT_FDCWD, b->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		perror(b->directory);
		exit(1);
	}
	double begin = now();
	for (int i = 0; i < STEPS; i++)
		if (write(fd, page, sizeof page) != sizeof page || fdatasync(fd) < 0) {
			perror("write");
			exit(1);
		}
	double took = (now() - begin) / STEPS;
	(void)close(fd);
	return took;
}

static double plan(struct bench *b)
{
	(void)b;
	static struct plan_resource resources[RESOURCES];
	for (int i = 0; i < RESOURCES; i++)
		resources[i] = (struct plan_resource){.row = resource(i), .operations = plan_operations("file")};
	struct plan_facts facts = {.process = "bench",
		.source = "alpha",
		.target = "beta",
		.bandwidth = {110000000, PLAN_MEASURED},
		.rtt = {200000, PLAN_MEASURED}};
	struct plan *made;
	double begin = now();
	must(plan_make(resources, RESOURCES, &facts, &(struct plan_limits){0}, &made));
	double took = now() - begin;
	plan_destroy(made);
	return took;
}

static double none(struct bench *b)
{
	(void)b;
	return 0;
}

/* A figure, what it is held against (measured in turn with it, or a constant number of seconds), and how it is shown. */
static const struct figure {
	const char *name, *unit;
	double scale;
	double (*measure)(struct bench *b), (*against)(struct bench *b);
	double constant, goal;
} figures[] = {
	{"registry-put", "us", 1e6, register_singly, none, 100e-6, 1},
	{"registry-put-batch", "us", 1e6, register_batch, none, 100e-6, 1},
	{"registry-journal", "us", 1e6, journal_step, plain_sync, 0, 3},
	{"plan-10000", "ms", 1e3, plan, none, 100e-3, 1},
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof *values, by_value);
	return values[n / 2];
}

static void run(struct bench *b, const struct figure *f, int runs)
{
	double took[RUNS_MAX], other[RUNS_MAX];
	for (int i = 0; i < runs; i++) {
		took[i] = f->measure(b);
		other[i] = f->against(b);
	}
	double value = median(took, runs), against = f->constant > 0 ? f->constant : median(other, runs);
	printf("{\"name\": \"%s\", \"ratio\": %.3f, \"goal\": %.2f, \"runs\": %d, \"%s\": %.2f}\n", f->name, value / against,
		f->goal, runs, f->unit, value * f->scale);
	(void)fflush(stdout);
}

static void setup(struct bench *b, const char *directory)
{
	(void)snprintf(b->directory, sizeof b->directory, "%.3900s/pmig-bench-XXXXXX", directory);
	if (mkdtemp(b->directory) == NULL) {
		perror(b->directory);
		exit(1);
	}
	(void)snprintf(b->path, sizeof b->path, "%.4000s/registry.db", b->directory);
	must(registry_store_open(b->path, &b->store));
	must(b->store->process_put(b->store,
		&(struct pmig_process_row){.uuid = PROCESS,
			.name = "bench",
			.program = "/bin/bench",
			.build = "00",
			.argv = "[]",
			.home = "alpha",
			.epoch = 1,
			.state = PMIG_PROCESS_RUNNING,
			.exit_status = -1}));
	must(b->store->handover_begin(b->store,
		&(struct pmig_handover_row){
			.id = HANDOVER, .process = PROCESS, .epoch = 2, .source = "alpha", .target = "beta"}));
}

int main(int argc, char **argv)
{
	struct bench b;
	int runs = argc > 2 ? atoi(argv[2]) : 5;
	if (runs < 1 || runs > RUNS_MAX) {
		(void)fprintf(stderr, "usage: registry [DIRECTORY [RUNS]], runs from 1 to %d\n", RUNS_MAX);
		return 2;
	}
	setup(&b, argc > 1 ? argv[1] : "/tmp");
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		run(&b, &figures[i], runs);
	registry_store_close(b.store);
	(void)unlink(b.path);
	(void)rmdir(b.directory);
	return 0;
}
