/* locks_case: what the tests of carried locks share: threads that have a block, as those of a program. The file that includes this
 * includes carried/key.c. */
#ifndef PMIG_LOCKS_CASE_H
#define PMIG_LOCKS_CASE_H

#include "arena/arena.h"
#include "frame/program.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Once a lock is open another thread may take it, open it, destroy it and give its memory back, all before the next instruction of who
 * opened it: from the instruction on at which `is_open` says so, a touch of the page in which it lies kills. */
static struct {
	char *page;
	bool (*is_open)(const void *lock);
	bool opened;
} step;

static void on_step(int number)
{
	(void)number;
	if (!step.opened && step.is_open(step.page))
		step.opened = mprotect(step.page, 4096, PROT_NONE) == 0;
}

/* A fresh page to put a lock into. */
static void *step_page(bool (*is_open)(const void *lock))
{
	step.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	step.is_open = is_open;
	return step.page;
}

/* Calls open(lock) instruction by instruction, in a process of its own. */
static void assert_lets_go(int (*open)(void *lock))
{
#if defined(__x86_64__) && !defined(PMIG_SANITIZER_MALLOC) /* sanitizers look after the fact, and step for long */
	int status = -1;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		(void)signal(SIGTRAP, on_step);
		__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
		int r = open(step.page);
		__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
		_exit(r != 0 || !step.opened);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
#else
	(void)open, (void)on_step;
#endif
	(void)munmap(step.page, 4096);
}

#endif
