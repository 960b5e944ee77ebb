/* locks: every kind of lock between threads, held and waited for while the program is stopped. Prints what an undisturbed run with libc's
 * own prints. */
#include <pmig/pmig.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#define THREADS 4
#define ROUNDS 12

static void check(int good, const char *what)
{
	if (good)
		return;
	printf("failed: %s\n", what);
	exit(1);
}
#define CHECK(what) check(what, #what)

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;
	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static long together(void *(*run)(void *))
{
	pthread_t ids[THREADS];
	long sum = 0;
	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&ids[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++) {
		void *result;
		CHECK(pthread_join(ids[i], &result) == 0);
		sum += (long)result;
	}
	return sum;
}

/* --- mutexes: a thread stops with one taken, the others wait for it --- */

static pthread_mutex_t mutexes[] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
	PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP};
#define MUTEXES (sizeof mutexes / sizeof *mutexes)
static long counted[MUTEXES];

static long deep(pthread_mutex_t *m, int depth, long *counter)
{
	long before = *counter;
	CHECK(pthread_mutex_lock(m) == 0);
	pmig_safepoint();
	(*counter)++;
	if (depth > 0)
		deep(m, depth - 1, counter);
	pmig_safepoint();
	CHECK(pthread_mutex_unlock(m) == 0);
	return before;
}

static void *with_mutexes(void *argument)
{
	long id = (long)argument;
	for (int i = 0; i < ROUNDS; i++)
		for (size_t k = 0; k < MUTEXES; k++) {
			pthread_mutex_t *m = &mutexes[(k + (size_t)id) % MUTEXES];
			long *counter = &counted[m - mutexes];
			if (m == &mutexes[1]) {
				deep(m, 2, counter);
				continue;
			}
			struct timespec far = in_ms(CLOCK_REALTIME, 900000);
			CHECK((i % 2 ? pthread_mutex_lock(m) : pthread_mutex_timedlock(m, &far)) == 0);
			long before = *counter;
			pmig_safepoint();
			CHECK(*counter == before);
			*counter = before + 1;
			if (m == &mutexes[2])
				CHECK(pthread_mutex_lock(m) == EDEADLK);
			CHECK(pthread_mutex_unlock(m) == 0);
			if (m == &mutexes[2])
				CHECK(pthread_mutex_unlock(m) == EPERM);
		}
	return NULL;
}

/* --- conditions: everyone in turn, by number --- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void *in_turn(void *argument)
{
	long id = (long)argument;
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(pthread_mutex_lock(&mutex) == 0);
		while (turn % THREADS != id)
			CHECK(pthread_cond_wait(&changed, &mutex) == 0);
		pmig_safepoint();
		turn++;
		CHECK(pthread_cond_broadcast(&changed) == 0);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
	return NULL;
}

/* --- read-write locks --- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER,
			writers_first = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static long pairs[2][2];

static void *reading_and_writing(void *argument)
{
	long id = (long)argument;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_rwlock_t *l = (i + id) % 2 ? &rwlock : &writers_first;
		long *pair = pairs[l == &rwlock];
		if ((i + id) % 3 == 0) {
			CHECK(pthread_rwlock_wrlock(l) == 0);
			pair[0]++;
			pmig_safepoint();
			pair[1]++;
			CHECK(pthread_rwlock_wrlock(l) == EDEADLK);
		} else {
			CHECK(pthread_rwlock_rdlock(l) == 0);
			pmig_safepoint();
			CHECK(pair[0] == pair[1]);
		}
		CHECK(pthread_rwlock_unlock(l) == 0);
	}
	return NULL;
}

/* --- barriers, semaphores, spin locks, once --- */

static pthread_barrier_t barrier;
static sem_t places, filled;
static pthread_spinlock_t spinlock;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static once_flag flag = ONCE_FLAG_INIT;
static long cell, made, reached[ROUNDS], spun;

static void make(void)
{
	pmig_safepoint();
	made++;
	pmig_safepoint();
}

static void *meeting(void *argument)
{
	long id = (long)argument, serial = 0;
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(pthread_once(&once, make) == 0);
		call_once(&flag, make);
		CHECK(made == 2);
		CHECK(pthread_spin_lock(&spinlock) == 0);
		reached[i]++;
		pmig_safepoint();
		spun++;
		CHECK(pthread_spin_unlock(&spinlock) == 0);
		serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
		CHECK(reached[i] == THREADS);
		if (id == 0) {
			CHECK(sem_wait(&places) == 0);
			cell = i;
			CHECK(sem_post(&filled) == 0);
		} else if (id == 1) {
			struct timespec far = in_ms(CLOCK_REALTIME, 900000);
			CHECK(sem_timedwait(&filled, &far) == 0 && cell == i);
			CHECK(sem_post(&places) == 0);
		}
	}
	return (void *)serial;
}

/* --- thread-specific data and thread-local variables --- */

static pthread_key_t key, late_key;
static tss_t tss;
static __attribute__((used)) _Thread_local long own = 7;
static _Thread_local struct {
	char text[40];
	_Alignas(64) long numbers[5];
} mine = {"begins so", {1, 2, 3, 4, 5}};
static _Thread_local long *to_own;
static long ended, ended_late;

static void at_end(void *value)
{
	pmig_safepoint();
	CHECK(*(long *)value == own);
	pthread_mutex_lock(&mutex);
	ended++;
	pthread_mutex_unlock(&mutex);
	CHECK(pthread_setspecific(late_key, "late") == 0);
}

static void at_end_late(void *value)
{
	CHECK(strcmp(value, "late") == 0);
	pmig_safepoint();
	pthread_mutex_lock(&mutex);
	ended_late++;
	pthread_mutex_unlock(&mutex);
}

static void *with_own(void *argument)
{
	long id = (long)argument;
	CHECK(own == 7 && strcmp(mine.text, "begins so") == 0 && mine.numbers[4] == 5 && to_own == NULL);
	CHECK((unsigned long)mine.numbers % 64 == 0 && pthread_getspecific(key) == NULL && tss_get(tss) == NULL);
	to_own = &own;
	CHECK(pthread_setspecific(key, &own) == 0 && tss_set(tss, mine.numbers) == thrd_success);
	for (int i = 0; i < ROUNDS; i++) {
		own += id;
		snprintf(mine.text, sizeof mine.text, "thread %ld round %d", id, i);
		mine.numbers[i % 5] += id;
		pmig_safepoint();
		char want[40];
		snprintf(want, sizeof want, "thread %ld round %d", id, i);
		CHECK(strcmp(mine.text, want) == 0 && *to_own == 7 + id * (i + 1) && pthread_getspecific(key) == &own);
		CHECK(((long *)tss_get(tss))[i % 5] == mine.numbers[i % 5]);
	}
	return (void *)*to_own;
}

/* --- times that end --- */

static void in_time(void)
{
	pthread_condattr_t a;
	pthread_cond_t c;
	mtx_t m;
	cnd_t n;
	struct timespec until = in_ms(CLOCK_MONOTONIC, 30), now;
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	CHECK(pthread_cond_init(&c, &a) == 0 && pthread_mutex_lock(&mutex) == 0);
	CHECK(pthread_cond_timedwait(&c, &mutex, &until) == ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &now);
	CHECK(now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
	CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_cond_destroy(&c) == 0);
	until = in_ms(CLOCK_REALTIME, 20);
	CHECK(sem_timedwait(&filled, &until) == -1 && errno == ETIMEDOUT);
	CHECK(mtx_init(&m, mtx_recursive | mtx_timed) == thrd_success && cnd_init(&n) == thrd_success);
	CHECK(mtx_lock(&m) == thrd_success && mtx_trylock(&m) == thrd_success && mtx_unlock(&m) == thrd_success);
	until = in_ms(CLOCK_REALTIME, 20);
	CHECK(cnd_timedwait(&n, &m, &until) == thrd_timedout);
	CHECK(mtx_unlock(&m) == thrd_success);
	cnd_destroy(&n);
	mtx_destroy(&m);
}

/* --- cancelled while it waits: it has the mutex again when its handler runs --- */

static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int waiting, released;

static void release(void *unused)
{
	(void)unused;
	released++;
	CHECK(pthread_mutex_unlock(&mutex) == 0);
}

static void *waits_for_ever(void *unused)
{
	CHECK(pthread_mutex_lock(&mutex) == 0);
	waiting = 1;
	pthread_cond_signal(&changed);
	pthread_cleanup_push(release, unused);
	for (;;)
		pthread_cond_wait(&never, &mutex);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *waits_for_semaphore(void *unused)
{
	for (;;)
		sem_wait(&filled);
	return unused;
}

static void cancelled(void)
{
	pthread_t id, other;
	void *result;
	CHECK(pthread_create(&id, NULL, waits_for_ever, NULL) == 0);
	CHECK(pthread_create(&other, NULL, waits_for_semaphore, NULL) == 0);
	CHECK(pthread_mutex_lock(&mutex) == 0);
	while (!waiting)
		pthread_cond_wait(&changed, &mutex);
	CHECK(pthread_cancel(id) == 0 && pthread_mutex_unlock(&mutex) == 0);
	CHECK(pthread_join(id, &result) == 0 && result == PTHREAD_CANCELED && released == 1);
	CHECK(pthread_mutex_trylock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
	CHECK(pthread_cancel(other) == 0 && pthread_join(other, &result) == 0 && result == PTHREAD_CANCELED);
}

int main(void)
{
	CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0 && pthread_spin_init(&spinlock, 0) == 0);
	CHECK(sem_init(&places, 0, 1) == 0 && sem_init(&filled, 0, 0) == 0);
	CHECK(pthread_key_create(&late_key, at_end_late) == 0 && pthread_key_create(&key, at_end) == 0);
	CHECK(tss_create(&tss, NULL) == thrd_success);
	together(with_mutexes);
	for (size_t k = 0; k < MUTEXES; k++)
		printf("mutex %zu: %ld\n", k, counted[k]);
	together(in_turn);
	printf("turns: %d\n", turn);
	together(reading_and_writing);
	printf("written: %ld %ld\n", pairs[0][1], pairs[1][1]);
	long serial = together(meeting), owned = together(with_own);
	printf("serial: %ld, spun: %ld\n", serial, spun);
	printf("own: %ld, ended: %ld %ld, main: %ld\n", owned, ended, ended_late, own);
	in_time();
	cancelled();
	CHECK(pthread_barrier_destroy(&barrier) == 0 && sem_destroy(&filled) == 0);
	printf("right\n");
	return 0;
}
