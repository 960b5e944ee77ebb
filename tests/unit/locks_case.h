/* locks_case: what the tests of carried locks share: threads that have a block, as those of a program. The file that includes this
 * includes carried/key.c. */
#ifndef PMIG_LOCKS_CASE_H
#define PMIG_LOCKS_CASE_H

#include "arena/arena.h"
#include "frame/program.h"

const struct program pmig_program = {0};

int pmig_stop(void) /* nobody asks */
{
	abort();
}

#define THREADS 4
#define ROUNDS 5000

static int begin(void **state)
{
	(void)state;
	if (arena_create() < 0)
		return -1;
	pmig_thread = arena_thread(0);
	return 0;
}

static struct {
	void *(*run)(void *);
	void *argument;
} job;

/* A thread of the program: one with a block. */
static void *enter(void *unused)
{
	(void)unused;
	struct arena_thread *t;
	if (arena_thread_create(&t) < 0)
		abort();
	pmig_thread = t;
	void *result = job.run(job.argument);
	pmig_keys_end();
	pmig_thread = NULL;
	arena_thread_release(t);
	return result;
}

static void start(pthread_t *ret_ids, int n, void *(*run)(void *), void *argument)
{
	job.run = run;
	job.argument = argument;
	for (int i = 0; i < n; i++)
		assert_int_equal(pthread_create(&ret_ids[i], NULL, enter, NULL), 0);
}

static void *join(pthread_t id)
{
	void *result;
	assert_int_equal(pthread_join(id, &result), 0);
	return result;
}

static void together(void *(*run)(void *), void *argument)
{
	pthread_t ids[THREADS];
	start(ids, THREADS, run, argument);
	for (int i = 0; i < THREADS; i++)
		assert_null(join(ids[i]));
}

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;
	(void)clock_gettime(clock, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000)
		t.tv_sec++, t.tv_nsec -= 1000000000;
	return t;
}

static intptr_t elsewhere(void *(*run)(void *), void *argument)
{
	pthread_t id;
	start(&id, 1, run, argument);
	return (intptr_t)join(id);
}

#endif
