/* The locks that programs carry along, compiled here as they are, between threads of this process: nothing is lost, nobody is let in
 * twice, and what they answer is what glibc's answer. Under the thread sanitizer they must also order memory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#include <cmocka.h>

#include "carried/condition.c"
#include "carried/key.c"
#include "carried/lock_c11.c"
#include "carried/mutex.c"
#include "carried/spin.c"
#include "locks_case.h"

static long counter; /* not atomic: the locks must order it */
static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER, recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
		       checked = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;

static void *count_under(void *mutex)
{
	struct timespec far = in_ms(CLOCK_REALTIME, 100000), far_steady = in_ms(CLOCK_MONOTONIC, 100000);
	for (int i = 0; i < ROUNDS; i++) {
		int e = i % 3 == 0   ? pmig_pthread_mutex_timedlock(mutex, &far)
			: i % 3 == 1 ? pmig_pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &far_steady)
				     : pmig_pthread_mutex_lock(mutex);
		counter++;
		if (e != 0 || pmig_pthread_mutex_unlock(mutex) != 0)
			return mutex;
	}
	return NULL;
}

static void mutexes_exclude(void **state)
{
	(void)state;
	pthread_mutex_t *const all[] = {&plain, &recursive, &checked, &adaptive};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		counter = 0;
		together(count_under, all[i]);
		assert_int_equal(counter, THREADS * ROUNDS);
	}
}

static void *try_it(void *mutex)
{
	return (void *)(intptr_t)pmig_pthread_mutex_trylock(mutex);
}

static void *unlock_it(void *mutex)
{
	return (void *)(intptr_t)pmig_pthread_mutex_unlock(mutex);
}

static void *wait_for_it(void *mutex)
{
	struct timespec soon = in_ms(CLOCK_REALTIME, 20), past = {0, 0}, wrong = {0, 1000000000};
	if (pmig_pthread_mutex_timedlock(mutex, &past) != ETIMEDOUT || pmig_pthread_mutex_timedlock(mutex, &wrong) != EINVAL)
		return mutex;
	soon = in_ms(CLOCK_MONOTONIC, 20);
	return (void *)(intptr_t)pmig_pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &soon);
}

static void kinds_answer(void **state)
{
	(void)state;
	assert_int_equal(pmig_pthread_mutex_lock(&recursive), 0);
	assert_int_equal(pmig_pthread_mutex_lock(&recursive), 0);
	assert_int_equal(pmig_pthread_mutex_trylock(&recursive), 0);
	assert_int_equal(elsewhere(try_it, &recursive), EBUSY);
	assert_int_equal(elsewhere(unlock_it, &recursive), EPERM);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(elsewhere(try_it, &recursive), EBUSY);
		assert_int_equal(pmig_pthread_mutex_unlock(&recursive), 0);
	}
	assert_int_equal(pmig_pthread_mutex_unlock(&recursive), EPERM);
	assert_int_equal(elsewhere(try_it, &recursive), 0);

	assert_int_equal(pmig_pthread_mutex_lock(&checked), 0);
	assert_int_equal(pmig_pthread_mutex_lock(&checked), EDEADLK);
	assert_int_equal(pmig_pthread_mutex_trylock(&checked), EBUSY);
	assert_int_equal(elsewhere(wait_for_it, &checked), ETIMEDOUT);
	assert_int_equal(pmig_pthread_mutex_destroy(&checked), EBUSY);
	assert_int_equal(pmig_pthread_mutex_unlock(&checked), 0);
	assert_int_equal(pmig_pthread_mutex_unlock(&checked), EPERM);

	assert_int_equal(pmig_pthread_mutex_lock(&plain), 0);
	assert_int_equal(pmig_pthread_mutex_trylock(&plain), EBUSY);
	assert_int_equal(elsewhere(wait_for_it, &plain), ETIMEDOUT);
	assert_int_equal(pmig_pthread_mutex_unlock(&plain), 0);
	assert_int_equal(pmig_pthread_mutex_clocklock(&plain, CLOCK_PROCESS_CPUTIME_ID, &(struct timespec){0}), EINVAL);
}

static bool mutex_is_open(const void *mutex)
{
	return ((const struct mutex *)mutex)->word == 0;
}

static int open_mutex(void *mutex)
{
	return pmig_pthread_mutex_unlock(mutex);
}

static void mutexes_let_go(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		pthread_mutex_t *mutex = step_page(mutex_is_open);
		assert_int_equal(pmig_pthread_mutex_init(mutex, NULL), 0);
		mutex_of(mutex)->kind = i / 2; /* all of them */
		assert_int_equal(pmig_pthread_mutex_lock(mutex), 0);
		mutex_of(mutex)->word = 1 + (uint32_t)i % 2; /* 2: somebody may wait */
		assert_lets_go(open_mutex);
	}
}

static void attributes_count(void **state)
{
	(void)state;
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	(void)pthread_mutexattr_init(&a);
	for (int kind = PTHREAD_MUTEX_NORMAL; kind <= PTHREAD_MUTEX_ADAPTIVE_NP; kind++) {
		assert_int_equal(pthread_mutexattr_settype(&a, kind), 0);
		(void)memset(&m, 0xff, sizeof m);
		assert_int_equal(pmig_pthread_mutex_init(&m, &a), 0);
		assert_int_equal(((struct mutex *)&m)->kind, kind);
		assert_int_equal(pmig_pthread_mutex_lock(&m), 0);
		assert_int_equal(pmig_pthread_mutex_unlock(&m), 0);
		assert_int_equal(pmig_pthread_mutex_destroy(&m), 0);
		assert_int_equal(pmig_pthread_mutex_lock(&m), EINVAL);
	}
	(void)pthread_mutexattr_settype(&a, PTHREAD_MUTEX_NORMAL);
	(void)pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	assert_int_equal(pmig_pthread_mutex_init(&m, &a), 0);
	assert_int_equal(((struct mutex *)&m)->kind, MUTEX_SHARED);
	counter = 0;
	together(count_under, &m);
	assert_int_equal(counter, THREADS * ROUNDS);
	(void)pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	assert_int_equal(pmig_pthread_mutex_init(&m, &a), ENOTSUP);
}

static bool sleeps(pid_t pid)
{
	char path[64], text[256];
	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof text - 1);
	(void)close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	const char *rest = strrchr(text, ')');
	return rest != NULL && rest[2] == 'S';
}

/* Each has one thread only, and must yet tell the other that the mutex is open. */
static void processes_exclude(void **state)
{
	(void)state;
	pthread_mutex_t *m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;
	int status;
	assert_ptr_not_equal(m, MAP_FAILED);
	(void)pthread_mutexattr_init(&a);
	(void)pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	assert_int_equal(pmig_pthread_mutex_init(m, &a), 0);
	assert_int_equal(pmig_pthread_mutex_lock(m), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)alarm(20); /* who is not woken waits for ever */
		_exit(pmig_pthread_mutex_lock(m) != 0 || pmig_pthread_mutex_unlock(m) != 0);
	}
	while (atomic_load(&((struct mutex *)m)->word) != 2 || !sleeps(child))
		(void)sched_yield();
	assert_int_equal(pmig_pthread_mutex_unlock(m), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)munmap(m, sizeof *m);
}

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

/* Each waits until its number is up, so a signal that goes astray hangs the test. */
static void *take_turns(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS / 10; i++) {
		(void)pmig_pthread_mutex_lock(&plain);
		int mine = turn++;
		(void)pmig_pthread_cond_broadcast(&changed);
		while (turn <= mine)
			(void)pmig_pthread_cond_wait(&changed, &plain);
		(void)pmig_pthread_mutex_unlock(&plain);
	}
	return NULL;
}

static int stock, eaten;

static void *eat(void *unused)
{
	(void)unused;
	for (bool more = true; more;) {
		(void)pmig_pthread_mutex_lock(&plain);
		while (stock == 0)
			(void)pmig_pthread_cond_wait(&changed, &plain);
		more = stock > 0;
		if (more)
			stock--, eaten++;
		(void)pmig_pthread_mutex_unlock(&plain);
	}
	return NULL;
}

static void conditions_lose_nothing(void **state)
{
	(void)state;
	together(take_turns, NULL);
	pthread_t ids[THREADS];
	start(ids, THREADS, eat, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		(void)pmig_pthread_mutex_lock(&plain);
		stock++;
		(void)pmig_pthread_cond_signal(&changed);
		(void)pmig_pthread_mutex_unlock(&plain);
	}
	for (bool all = false; !all;) {
		(void)pmig_pthread_mutex_lock(&plain);
		all = stock == 0;
		if (all)
			stock = -1;
		(void)pmig_pthread_cond_broadcast(&changed);
		(void)pmig_pthread_mutex_unlock(&plain);
		(void)sched_yield();
	}
	for (int i = 0; i < THREADS; i++)
		assert_null(join(ids[i]));
	assert_int_equal(eaten, ROUNDS);
}

static pthread_mutex_t rank = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ranked = PTHREAD_COND_INITIALIZER;
static int early_go, late_go;

static void *wait_ranked(void *go)
{
	(void)pmig_pthread_mutex_lock(&rank);
	while (*(int *)go == 0)
		(void)pmig_pthread_cond_wait(&ranked, &rank);
	return (void *)(intptr_t)pmig_pthread_mutex_unlock(&rank);
}

/* One that sleeps on one word sleeps on the other from now on, behind those who do. */
static void move_sleeper(_Atomic uint32_t *from, _Atomic uint32_t *to)
{
	while (syscall(SYS_futex, from, FUTEX_REQUEUE_PRIVATE, 0, 1, to) != 1)
		(void)sched_yield();
}

/* One that came after a signal, and is woken in the place of one that was there before, as the kernel does where it has the higher
 * priority. */
static void conditions_wake_who_was_there(void **state)
{
	(void)state;
	struct condition *c = condition_of(&ranked);
	_Atomic uint32_t aside = 0, aside_too = 0;
	pthread_t early, late;
	(void)alarm(30);
	start(&early, 1, wait_ranked, &early_go);
	move_sleeper(&c->signals, &aside);
	(void)pmig_pthread_mutex_lock(&rank);
	early_go = 1;
	c->signals++; /* pthread_cond_signal(), half done */
	(void)pmig_pthread_mutex_unlock(&rank);
	start(&late, 1, wait_ranked, &late_go);
	move_sleeper(&c->signals, &aside_too);
	move_sleeper(&aside_too, &c->signals);
	move_sleeper(&aside, &c->signals);
	pmig_wake(&c->signals, 1, false);
	assert_null(join(early));
	(void)pmig_pthread_mutex_lock(&rank);
	late_go = 1;
	(void)pmig_pthread_mutex_unlock(&rank);
	assert_int_equal(pmig_pthread_cond_signal(&ranked), 0);
	assert_null(join(late));
	(void)alarm(0);
}

static void conditions_end_in_time(void **state)
{
	(void)state;
	pthread_condattr_t a;
	pthread_cond_t c;
	(void)pthread_condattr_init(&a);
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	assert_int_equal(pmig_pthread_cond_init(&c, &a), 0);
	assert_int_equal(pmig_pthread_mutex_lock(&plain), 0);
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), now;
	assert_int_equal(pmig_pthread_cond_timedwait(&c, &plain, &soon), ETIMEDOUT);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
	soon = in_ms(CLOCK_REALTIME, 20);
	assert_int_equal(pmig_pthread_cond_clockwait(&c, &plain, CLOCK_REALTIME, &soon), ETIMEDOUT);
	soon.tv_nsec = -1;
	assert_int_equal(pmig_pthread_cond_timedwait(&c, &plain, &soon), EINVAL);
	assert_int_equal(pmig_pthread_mutex_trylock(&plain), EBUSY); /* it has it again */
	assert_int_equal(pmig_pthread_mutex_unlock(&plain), 0);
	assert_int_equal(pmig_pthread_cond_destroy(&c), 0);
}

/* Woken waiters may still be on their way out of a condition that is destroyed and whose memory is used for something else. */
static struct {
	pthread_cond_t condition;
	int waiting, go;
} gate;

static void *pass(void *unused)
{
	(void)unused;
	(void)pmig_pthread_mutex_lock(&plain);
	gate.waiting++;
	(void)pmig_pthread_cond_signal(&changed);
	while (!gate.go)
		(void)pmig_pthread_cond_wait(&gate.condition, &plain);
	(void)pmig_pthread_mutex_unlock(&plain);
	return NULL;
}

static void conditions_go_at_once(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		pthread_t ids[THREADS];
		(void)memset(&gate, 0, sizeof gate);
		start(ids, THREADS, pass, NULL);
		(void)pmig_pthread_mutex_lock(&plain);
		while (gate.waiting < THREADS)
			(void)pmig_pthread_cond_wait(&changed, &plain);
		gate.go = 1;
		(void)pmig_pthread_cond_broadcast(&gate.condition);
		assert_int_equal(pmig_pthread_cond_destroy(&gate.condition), 0);
		(void)memset(&gate.condition, 0x55, sizeof gate.condition);
		(void)pmig_pthread_mutex_unlock(&plain);
		for (int i = 0; i < THREADS; i++)
			assert_null(join(ids[i]));
		for (size_t i = 0; i < sizeof gate.condition; i++)
			assert_int_equal(((unsigned char *)&gate.condition)[i], 0x55);
	}
}

static pthread_spinlock_t spinlock;

static void *count_spinning(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS / 10; i++) {
		(void)pmig_pthread_spin_lock(&spinlock);
		counter++;
		(void)pmig_pthread_spin_unlock(&spinlock);
	}
	return NULL;
}

static void spinlocks_exclude(void **state)
{
	(void)state;
	(void)pmig_pthread_spin_init(&spinlock, 0);
	assert_int_equal(pmig_pthread_spin_trylock(&spinlock), 0);
	assert_int_equal(pmig_pthread_spin_trylock(&spinlock), EBUSY);
	(void)pmig_pthread_spin_unlock(&spinlock);
	counter = 0;
	together(count_spinning, NULL);
	assert_int_equal(counter, THREADS * (ROUNDS / 10));
}

static void c11_answers(void **state)
{
	(void)state;
	mtx_t m;
	cnd_t c;
	struct timespec soon = in_ms(CLOCK_REALTIME, 20);
	assert_int_equal(pmig_mtx_init(&m, 77), thrd_error);
	assert_int_equal(pmig_mtx_init(&m, mtx_recursive | mtx_timed), thrd_success);
	assert_int_equal(pmig_mtx_lock(&m), thrd_success);
	assert_int_equal(pmig_mtx_trylock(&m), thrd_success);
	assert_int_equal(pmig_mtx_unlock(&m), thrd_success);
	assert_int_equal(pmig_cnd_init(&c), thrd_success);
	assert_int_equal(pmig_cnd_timedwait(&c, &m, &soon), thrd_timedout);
	assert_int_equal(elsewhere(try_it, &m), EBUSY);
	assert_int_equal(pmig_mtx_unlock(&m), thrd_success);
	assert_int_equal(pmig_mtx_unlock(&m), thrd_error);
	pmig_cnd_destroy(&c);
	pmig_mtx_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_exclude), /* first: there is one thread */
		cmocka_unit_test(mutexes_exclude),
		cmocka_unit_test(kinds_answer),
		cmocka_unit_test(mutexes_let_go),
		cmocka_unit_test(attributes_count),
		cmocka_unit_test(conditions_lose_nothing),
		cmocka_unit_test(conditions_wake_who_was_there),
		cmocka_unit_test(conditions_end_in_time),
		cmocka_unit_test(conditions_go_at_once),
		cmocka_unit_test(spinlocks_exclude),
		cmocka_unit_test(c11_answers),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
