/* threads HOW: programs with several threads.
 *
 *   work N ROUNDS   N threads compute, a line for every fortieth of the first one's rounds; their results
 *   left ROUNDS     the same with one thread, and the main thread ends at once
 *   deaf            a thread called deaf comes to no safe point before a line of input; then goes on
 *   library         a thread that a library makes that was loaded with it, until a line of input; then until another one */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 64

static long rounds;
static atomic_int met, met_rounds;
static int threads;
static _Thread_local uint64_t state;

static void say(const char *words)
{
	puts(words);
	fflush(stdout);
}

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Waits for the others by safe points alone. */
static void meet(void)
{
	int now = atomic_load(&met_rounds);
	if (atomic_fetch_add(&met, 1) + 1 == threads) {
		atomic_store(&met, 0);
		atomic_fetch_add(&met_rounds, 1);
	}
	while (atomic_load(&met_rounds) == now)
		(void)pmig_safepoint();
}

static uint64_t descend(int depth, const uint64_t *above)
{
	uint64_t mine = *above ^ next();
	if (depth == 0)
		(void)pmig_safepoint();
	return depth == 0 ? mine : descend(depth - 1, &mine) + (mine >> 3);
}

static void *work(void *argument)
{
	long n = (long)argument;
	uint64_t sum = 0;
	long step = rounds / 40 > 0 ? rounds / 40 : 1;
	state = 88172645463325252u + (uint64_t)n;
	for (long i = 0; i < rounds; i++) {
		sum += descend(20, &sum);
		if (i % step == 0)
			meet();
		if (i % step == 0 && n == 0) {
			printf("round %ld\n", i);
			fflush(stdout);
		}
	}
	return (void *)(uintptr_t)sum;
}

static void start(pthread_t *t, void *(*function)(void *), void *argument)
{
	if (pthread_create(t, NULL, function, argument) != 0)
		exit(90);
}

static int compute(int n)
{
	pthread_t t[MOST];
	threads = n;
	for (long i = 0; i < n; i++)
		start(&t[i], work, (void *)i);
	for (int i = 0; i < n; i++) {
		void *result;
		if (pthread_join(t[i], &result) != 0)
			return 91;
		printf("result %d %016lx\n", i, (unsigned long)(uintptr_t)result);
	}
	return 0;
}

static void *alone(void *argument)
{
	printf("result %016lx\n", (unsigned long)(uintptr_t)work(argument));
	return NULL;
}

static int leave(void)
{
	pthread_t t;
	threads = 1;
	start(&t, alone, NULL);
	pthread_exit(NULL);
}

static atomic_int told, hears;

static void *deaf(void *argument)
{
	(void)argument;
	pthread_setname_np(pthread_self(), "deaf");
	while (!atomic_load(&told))
		atomic_store(&hears, 1);
	(void)pmig_safepoint();
	return NULL;
}

static int wait_for_line(void)
{
	char line[80];
	return fgets(line, sizeof line, stdin) != NULL ? 0 : 92;
}

static int be_deaf(void)
{
	pthread_t t;
	start(&t, deaf, NULL);
	while (!atomic_load(&hears))
		(void)pmig_safepoint();
	say("begun");
	int r = wait_for_line();
	atomic_store(&told, 1);
	pthread_join(t, NULL);
	say("heard");
	return r + wait_for_line();
}

static int use_library(void)
{
	void *library = dlopen(NULL, RTLD_NOW);
	void (*begin)(void) = NULL, (*end)(void) = NULL;
	if (library != NULL) {
		*(void **)&begin = dlsym(library, "library_begin");
		*(void **)&end = dlsym(library, "library_end");
	}
	if (begin == NULL || end == NULL)
		return 93;
	begin();
	say("begun");
	int r = wait_for_line();
	end();
	begin = end = NULL;
	library = NULL;
	say("alone");
	return r + wait_for_line();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	if (strcmp(how, "work") == 0 && argc == 4) {
		rounds = atol(argv[3]);
		return compute(atoi(argv[2]) < MOST ? atoi(argv[2]) : MOST);
	}
	if (strcmp(how, "left") == 0 && argc == 3) {
		rounds = atol(argv[2]);
		return leave();
	}
	if (strcmp(how, "deaf") == 0)
		return be_deaf();
	return strcmp(how, "library") == 0 ? use_library() : 2;
}
