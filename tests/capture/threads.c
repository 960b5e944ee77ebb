/* threads: how threads of a program begin, live and end. Prints what an undisturbed run with libc's own prints. */
#include <pmig/pmig.h>

#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define THREADS 5

static _Thread_local long own = 100;
static atomic_long shared;
static atomic_int turn, gate;

static void check(int good, const char *what)
{
	if (good)
		return;
	printf("failed: %s\n", what);
	exit(1);
}

/* Until all `n` threads are in here: waiting without any lock, by safe points alone. */
static void meet(int n)
{
	int round = atomic_load(&gate);
	if (atomic_fetch_add(&turn, 1) + 1 == n) {
		atomic_store(&turn, 0);
		atomic_fetch_add(&gate, 1);
	}
	while (atomic_load(&gate) == round)
		(void)pmig_safepoint();
}

static long deep(int n, const long *above)
{
	long mine[3] = {n, *above, own};
	(void)pmig_safepoint();
	return n == 0 ? mine[1] : deep(n - 1, &mine[0]) + mine[0] * 3 + mine[2];
}

static void *compute(void *argument)
{
	long n = (long)argument, start = n;
	double d = 0;
	own += n;
	for (int i = 0; i < 4; i++) {
		d += 1.0 / (double)(n + i + 1);
		errno = (int)(n + i);
		(void)pmig_safepoint();
		check(errno == n + i, "errno is the thread's own");
		shared += i;
	}
	long depth = deep(3, &start);
	return (void *)(depth * 1000 + (long)(d * 100));
}

static void results(void)
{
	pthread_t t[THREADS];
	void *result;
	for (long i = 0; i < THREADS; i++)
		check(pthread_create(&t[i], NULL, compute, (void *)i) == 0, "create");
	for (int i = 0; i < THREADS; i++) {
		check(pthread_join(t[i], &result) == 0, "join");
		printf("thread %d: %ld\n", i, (long)result);
	}
	printf("shared %ld, main's own %ld\n", atomic_load(&shared), own);
}

/* Names, priorities, rounding, masks: what each has is its own. */
static void *settings(void *argument)
{
	long n = (long)argument;
	char name[16], got[16];
	sigset_t mask, now;
	const int rounding[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
	(void)snprintf(name, sizeof name, "worker %ld", n);
	check(pthread_setname_np(pthread_self(), name) == 0, "set name");
	check(setpriority(PRIO_PROCESS, (id_t)gettid(), (int)n + 1) == 0, "set priority");
	fesetround(rounding[n]);
	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN + (int)n);
	check(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0, "block");
	check(pthread_kill(pthread_self(), SIGRTMIN + (int)n) == 0, "a signal that waits");
	meet(4);
	for (int i = 0; i < 3; i++)
		(void)pmig_safepoint();
	check(pthread_getname_np(pthread_self(), got, sizeof got) == 0 && strcmp(name, got) == 0, "name");
	check(getpriority(PRIO_PROCESS, (id_t)gettid()) == n + 1, "priority");
	check(fegetround() == rounding[n], "rounding");
	(void)pthread_sigmask(SIG_BLOCK, NULL, &now);
	for (int i = 0; i < 4; i++)
		check(sigismember(&now, SIGRTMIN + i) == (i == n), "mask");
	check(sigpending(&now) == 0 && sigismember(&now, SIGRTMIN + (int)n) == 1, "it waits for this thread");
	check(sigwaitinfo(&mask, NULL) == SIGRTMIN + n, "and is taken by it");
	return pthread_self() == (pthread_t)NULL ? NULL : (void *)(n + 1);
}

static void each_its_own(void)
{
	pthread_t t[4];
	void *result;
	long sum = 0;
	for (long i = 0; i < 4; i++)
		check(pthread_create(&t[i], NULL, settings, (void *)i) == 0, "create");
	for (int i = 0; i < 4; i++) {
		check(pthread_join(t[i], &result) == 0 && !pthread_equal(t[i], pthread_self()), "join");
		sum += (long)result;
	}
	printf("settings %ld\n", sum);
}

static pthread_key_t key;
static atomic_int destroyed;

static void destroy(void *value)
{
	(void)pmig_safepoint();
	destroyed += (int)(intptr_t)value;
}

static void cleanup(void *argument)
{
	(void)pmig_safepoint();
	*(int *)argument += 7;
}

static void leave(void *argument)
{
	int more = 0;
	pthread_cleanup_push(cleanup, argument);
	pthread_cleanup_push(cleanup, &more);
	(void)pmig_safepoint();
	pthread_cleanup_pop(1);
	check(more == 7, "a cleanup handler that is called in passing");
	pthread_setspecific(key, (void *)5);
	(void)pmig_safepoint();
	pthread_exit((void *)(intptr_t)more);
	pthread_cleanup_pop(0);
}

static void *exits(void *argument)
{
	leave(argument);
	return NULL;
}

static void *waits(void *argument)
{
	pthread_cleanup_push(cleanup, argument);
	for (;;) {
		(void)pmig_safepoint();
		struct timespec t = {.tv_nsec = 1000000};
		(void)nanosleep(&t, NULL);
		pthread_testcancel();
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static volatile unsigned long spins;

/* Cancelled wherever it is: it comes to no cancellation point (a safe point is none). */
static void *spin(void *argument)
{
	int type;
	pthread_cleanup_push(cleanup, argument);
	check(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type) == 0 && type == PTHREAD_CANCEL_DEFERRED, "type");
	(void)pmig_safepoint();
	meet(2);
	for (;;) {
		spins++;
		(void)pmig_safepoint();
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void *not_yet(void *argument)
{
	int old;
	(void)argument;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	meet(2);
	meet(2);
	pthread_testcancel();
	pthread_setspecific(key, (void *)30);
	pthread_setcancelstate(old, NULL);
	pthread_testcancel();
	return NULL;
}

static void ends(void)
{
	pthread_t t;
	void *result;
	int cleaned = 0;
	check(pthread_key_create(&key, destroy) == 0, "key");
	check(pthread_create(&t, NULL, exits, &cleaned) == 0 && pthread_join(t, &result) == 0, "exit");
	printf("exit %ld, cleaned %d, destroyed %d\n", (long)result, cleaned, destroyed);
	check(pthread_create(&t, NULL, waits, &cleaned) == 0 && pthread_cancel(t) == 0, "cancel");
	check(pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED, "cancelled");
	printf("cancelled, cleaned %d\n", cleaned);
	check(pthread_create(&t, NULL, spin, &cleaned) == 0, "create");
	meet(2);
	check(pthread_cancel(t) == 0 && pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED, "at any time");
	printf("cancelled at any time, cleaned %d\n", cleaned);
	check(pthread_create(&t, NULL, not_yet, NULL) == 0, "create");
	meet(2);
	check(pthread_cancel(t) == 0, "cancel");
	meet(2);
	check(pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED, "cancelled later");
	printf("destroyed %d\n", destroyed);
}

static void *detached(void *argument)
{
	meet(2);
	for (int i = 0; i < 3; i++)
		(void)pmig_safepoint();
	atomic_fetch_add((atomic_int *)argument, 1);
	return NULL;
}

static void *joins_main_to_be(void *argument)
{
	void *result;
	return (void *)(intptr_t)pthread_join(*(pthread_t *)argument, &result);
}

static void joining(void)
{
	static atomic_int gone;
	pthread_attr_t a;
	pthread_t t, self = pthread_self();
	struct timespec soon;
	void *result;
	check(pthread_attr_init(&a) == 0 && pthread_attr_setstacksize(&a, 65536) == 0 &&
			pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED) == 0,
		"attributes");
	for (int i = 0; i < 3; i++) {
		check(pthread_create(&t, i == 0 ? &a : NULL, detached, &gone) == 0, "create");
		if (i == 1)
			check(pthread_detach(t) == 0, "detach");
		if (i == 2) {
			check(pthread_tryjoin_np(t, &result) == EBUSY, "not yet");
			clock_gettime(CLOCK_REALTIME, &soon);
			check(pthread_timedjoin_np(t, &result, &soon) == ETIMEDOUT, "in time");
		}
		meet(2);
		if (i == 2)
			check(pthread_join(t, &result) == 0 && result == NULL, "join in the end");
	}
	while (atomic_load(&gone) != 3)
		(void)pmig_safepoint();
	check(pthread_join(self, &result) == EDEADLK, "itself");
	check(pthread_create(&t, NULL, joins_main_to_be, &t) == 0 && pthread_join(t, &result) == 0, "create");
	printf("joining itself: %d\n", (int)(intptr_t)result);
	pthread_attr_destroy(&a);
}

static int standard(void *argument)
{
	(void)pmig_safepoint();
	if (*(int *)argument == 2)
		thrd_exit(22);
	return *(int *)argument * 10;
}

static void c11(void)
{
	thrd_t t;
	int result, numbers[] = {1, 2};
	for (int i = 0; i < 2; i++) {
		check(thrd_create(&t, standard, &numbers[i]) == thrd_success && !thrd_equal(t, thrd_current()), "create");
		check(thrd_join(t, &result) == thrd_success, "join");
		printf("standard %d\n", result);
	}
}

static void *makes(void *argument)
{
	long n = (long)argument;
	pthread_t t[2];
	void *result[2] = {0};
	(void)pmig_safepoint();
	if (n == 0)
		return (void *)1;
	for (int i = 0; i < 2; i++)
		check(pthread_create(&t[i], NULL, makes, (void *)(n - 1)) == 0, "create");
	for (int i = 0; i < 2; i++)
		check(pthread_join(t[i], &result[i]) == 0, "join");
	return (void *)((long)result[0] + (long)result[1] + 1);
}

/* The main thread ends before the others, which end the program. */
static pthread_t first;

static void *last(void *argument)
{
	void *result;
	(void)argument;
	check(pthread_join(first, &result) == 0 && result == (void *)77, "join the main thread");
	for (int i = 0; i < 3; i++)
		(void)pmig_safepoint();
	printf("and on without the main thread\n");
	return NULL;
}

static void at_end(void)
{
	printf("at the end\n");
}

int main(void)
{
	pthread_t t;
	results();
	each_its_own();
	ends();
	joining();
	c11();
	printf("made %ld\n", (long)makes((void *)3));
	atexit(at_end);
	first = pthread_self();
	check(pthread_create(&t, NULL, last, NULL) == 0, "create");
	(void)pmig_safepoint();
	pthread_exit((void *)77);
}
