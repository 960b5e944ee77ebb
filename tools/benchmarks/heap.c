/* heap: the arena's allocator against glibc's, in one executable, run by run in turn, each run in a process of its own.
 *
 * usage: heap [RUNS]; default 5. */
#include "arena/arena.h"
#include "arena/malloc.h"
#include "figure.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void __libc_free(void *p);

#define THREADS_MAX 2
#define LARSON_BLOCKS 4096
#define LARSON_STEPS 400000
#define LARSON_GENERATIONS 10

struct larson {
	uint64_t random;
	char *blocks[LARSON_BLOCKS];
};
static struct larson larsons[THREADS_MAX];

static unsigned larson_random(struct larson *l)
{
	l->random = l->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(l->random >> 33);
}

#define WORK(name) ours_##name
#define WORK_MALLOC pmig_malloc
#define WORK_FREE pmig_free
#include "heap_work.h"
#undef WORK
#undef WORK_MALLOC
#undef WORK_FREE

#define WORK(name) libc_##name
#define WORK_MALLOC __libc_malloc
#define WORK_FREE __libc_free
#include "heap_work.h"

static const struct load {
	const char *name;
	uint64_t (*ours)(unsigned seed);
	uint64_t (*libc)(unsigned seed);
	unsigned threads;
} loads[] = {
	{"heap-trees-1", ours_trees, libc_trees, 1},
	{"heap-trees-2", ours_trees, libc_trees, 2},
	{"heap-larson-1", ours_larson, libc_larson, 1},
	{"heap-larson-2", ours_larson, libc_larson, 2},
};

struct job {
	uint64_t (*work)(unsigned seed);
	unsigned seed;
	uint64_t result;
};

static void *thread_main(void *context)
{
	struct job *j = context;
	j->result = j->work(j->seed);
	return NULL;
}

static double run_here(uint64_t (*work)(unsigned seed), unsigned threads)
{
	pthread_t t[THREADS_MAX];
	struct job jobs[THREADS_MAX];
	double start = figure_now();
	if (threads == 1) { /* as in a program that never makes a thread */
		(void)work(0);
		return figure_now() - start;
	}
	for (unsigned i = 0; i < threads; i++) {
		jobs[i] = (struct job){work, i, 0};
		if (pthread_create(&t[i], NULL, thread_main, &jobs[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < threads; i++)
		(void)pthread_join(t[i], NULL);
	return figure_now() - start;
}

/* Seconds that the work takes in a fresh process. */
static double run(uint64_t (*work)(unsigned seed), unsigned threads)
{
	int channel[2];
	double time = 0;
	if (pipe(channel) != 0)
		abort();
	pid_t child = fork();
	if (child == 0) {
		time = run_here(work, threads);
		_exit(write(channel[1], &time, sizeof time) == sizeof time ? 0 : 1);
	}
	(void)close(channel[1]);
	if (child < 0 || read(channel[0], &time, sizeof time) != sizeof time)
		abort();
	(void)close(channel[0]);
	(void)waitpid(child, NULL, 0);
	return time;
}

int main(int argc, char **argv)
{
	size_t runs = figure_runs(argc > 1 ? argv[1] : NULL, 5);
	__libc_free(__libc_malloc(1)); /* glibc's sets itself up at the first call, which must not be two threads' */
	for (const struct load *l = loads; l < loads + sizeof loads / sizeof *loads; l++) {
		double ours[FIGURE_RUNS_MAX], libc[FIGURE_RUNS_MAX];
		for (size_t i = 0; i < runs; i++) {
			ours[i] = run(l->ours, l->threads);
			libc[i] = run(l->libc, l->threads);
		}
		figure_pairs(&(struct figure){.name = l->name, .goal = 0.8, .unit = "s"}, ours, libc, runs);
	}
	return 0;
}
