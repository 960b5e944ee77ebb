/* Read-write locks, barriers, once, semaphores and thread-specific data that programs carry along, as in test_locks.c. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include <cmocka.h>

#include "carried/barrier.c"
#include "carried/key.c"
#include "carried/once.c"
#include "carried/rwlock.c"
#include "carried/semaphore.c"
#include "locks_case.h"

static long pair[2];

static void *read_and_write(void *lock)
{
	struct timespec far = in_ms(CLOCK_REALTIME, 100000);
	for (int i = 0; i < ROUNDS; i++) {
		bool writes = i % 5 == 0;
		int e = writes && i % 2 ? pmig_pthread_rwlock_timedwrlock(lock, &far)
			: writes        ? pmig_pthread_rwlock_wrlock(lock)
			: i % 2         ? pmig_pthread_rwlock_timedrdlock(lock, &far)
					: pmig_pthread_rwlock_rdlock(lock);
		if (writes)
			pair[0]++, pair[1]++;
		bool same = pair[0] == pair[1];
		if (e != 0 || !same || pmig_pthread_rwlock_unlock(lock) != 0)
			return lock;
	}
	return NULL;
}

static pthread_rwlock_t readers_first = PTHREAD_RWLOCK_INITIALIZER,
			writers_first_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void rwlocks_exclude(void **state)
{
	(void)state;
	together(read_and_write, &readers_first);
	together(read_and_write, &writers_first_lock);
	assert_int_equal(pair[0], 2 * THREADS * ROUNDS / 5);
}

static void *try_read_it(void *lock)
{
	int e = pmig_pthread_rwlock_tryrdlock(lock);
	if (e == 0)
		(void)pmig_pthread_rwlock_unlock(lock);
	return (void *)(intptr_t)e;
}

static void *try_write_it(void *lock)
{
	int e = pmig_pthread_rwlock_trywrlock(lock);
	if (e == 0)
		(void)pmig_pthread_rwlock_unlock(lock);
	return (void *)(intptr_t)e;
}

static void *wait_to_write(void *lock)
{
	struct timespec soon = in_ms(CLOCK_REALTIME, 20);
	return (void *)(intptr_t)pmig_pthread_rwlock_timedwrlock(lock, &soon);
}

static void rwlocks_answer(void **state)
{
	(void)state;
	pthread_rwlock_t *const all[] = {&readers_first, &writers_first_lock};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pmig_pthread_rwlock_rdlock(all[i]), 0);
		assert_int_equal(elsewhere(try_read_it, all[i]), 0);
		assert_int_equal(elsewhere(try_write_it, all[i]), EBUSY);
		assert_int_equal(elsewhere(wait_to_write, all[i]), ETIMEDOUT);
		assert_int_equal(elsewhere(try_read_it, all[i]), 0); /* the writer that gave up keeps nobody out */
		assert_int_equal(pmig_pthread_rwlock_unlock(all[i]), 0);
		assert_int_equal(pmig_pthread_rwlock_wrlock(all[i]), 0);
		assert_int_equal(pmig_pthread_rwlock_wrlock(all[i]), EDEADLK);
		assert_int_equal(pmig_pthread_rwlock_rdlock(all[i]), EDEADLK);
		assert_int_equal(elsewhere(try_read_it, all[i]), EBUSY);
		assert_int_equal(pmig_pthread_rwlock_destroy(all[i]), EBUSY);
		assert_int_equal(pmig_pthread_rwlock_unlock(all[i]), 0);
		assert_int_equal(elsewhere(try_write_it, all[i]), 0);
	}
}

static bool rwlock_is_open(const void *lock)
{
	return (((const struct rwlock *)lock)->word & (WRITER | READERS)) == 0;
}

static int open_rwlock(void *lock)
{
	return pmig_pthread_rwlock_unlock(lock);
}

static void rwlocks_let_go(void **state)
{
	(void)state;
	static const int kinds[] = {PTHREAD_RWLOCK_DEFAULT_NP, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP};
	static const uint64_t waiting[] = {0, READER_WAITS, WRITER_WAITS, READER_WAITS + WRITER_WAITS};
	for (int i = 0; i < 16; i++) {
		pthread_rwlock_t *lock = step_page(rwlock_is_open);
		assert_int_equal(pmig_pthread_rwlock_init(lock, NULL), 0);
		rwlock_of(lock)->kind = (uint32_t)kinds[i / 8];
		assert_int_equal(i & 4 ? pmig_pthread_rwlock_wrlock(lock) : pmig_pthread_rwlock_rdlock(lock), 0);
		rwlock_of(lock)->word += waiting[i & 3];
		assert_lets_go(open_rwlock);
	}
}

static pthread_barrier_t barrier;
static _Atomic int arrived, serial;

static void *meet(void *unused)
{
	(void)unused;
	for (int round = 1; round <= ROUNDS / 10; round++) {
		arrived++;
		int r = pmig_pthread_barrier_wait(&barrier);
		serial += r == PTHREAD_BARRIER_SERIAL_THREAD;
		if (arrived < round * THREADS || (r != 0 && r != PTHREAD_BARRIER_SERIAL_THREAD))
			return &barrier;
	}
	return NULL;
}

static void barriers_hold(void **state)
{
	(void)state;
	assert_int_equal(pmig_pthread_barrier_init(&barrier, NULL, 0), EINVAL);
	assert_int_equal(pmig_pthread_barrier_init(&barrier, NULL, THREADS), 0);
	together(meet, NULL);
	assert_int_equal(serial, ROUNDS / 10);
	assert_int_equal(pmig_pthread_barrier_destroy(&barrier), 0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static once_flag once_c11 = ONCE_FLAG_INIT;
static int made;

static void make(void)
{
	made++;
	(void)sched_yield();
}

static void *want(void *unused)
{
	(void)unused;
	pmig_call_once(&once_c11, make);
	return pmig_pthread_once(&once, make) == 0 && made == 2 ? NULL : &made;
}

static void once_is_once(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		once = PTHREAD_ONCE_INIT;
		once_c11 = (once_flag)ONCE_FLAG_INIT;
		made = 0;
		together(want, NULL);
	}
}

static sem_t free_places, filled;
static int place;
static _Atomic long sum;

static void *fetch(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS / 5; i++) {
		if (pmig_sem_wait(&filled) != 0)
			return &filled;
		sum += place;
		if (pmig_sem_post(&free_places) != 0)
			return &filled;
	}
	return NULL;
}

static void semaphores_count(void **state)
{
	(void)state;
	int value;
	struct timespec soon = in_ms(CLOCK_REALTIME, 20);
	assert_int_equal(pmig_sem_init(&free_places, 0, 1), 0);
	assert_int_equal(pmig_sem_init(&filled, 0, 0), 0);
	assert_int_equal(pmig_sem_trywait(&filled), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(pmig_sem_timedwait(&filled, &soon), -1);
	assert_int_equal(errno, ETIMEDOUT);
	pthread_t ids[THREADS];
	start(ids, THREADS, fetch, NULL);
	for (int i = 0; i < THREADS * (ROUNDS / 5); i++) {
		assert_int_equal(pmig_sem_wait(&free_places), 0);
		place = i;
		assert_int_equal(pmig_sem_post(&filled), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_null(join(ids[i]));
	long n = THREADS * (ROUNDS / 5);
	assert_int_equal(sum, n * (n - 1) / 2);
	assert_int_equal(pmig_sem_getvalue(&free_places, &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(pmig_sem_init(&filled, 1, SEM_VALUE_MAX), 0);
	assert_int_equal(pmig_sem_post(&filled), -1);
	assert_int_equal(errno, EOVERFLOW);
}

static pthread_key_t key, late;
static _Atomic int ended, ended_late;

static bool semaphore_is_open(const void *semaphore)
{
	return ((const struct semaphore *)semaphore)->value != 0;
}

static int open_semaphore(void *semaphore)
{
	return pmig_sem_post(semaphore);
}

static void semaphores_let_go(void **state)
{
	(void)state;
	for (int waiting = 0; waiting < 2; waiting++) {
		sem_t *semaphore = step_page(semaphore_is_open);
		assert_int_equal(pmig_sem_init(semaphore, 0, 0), 0);
		((struct semaphore *)semaphore)->both += (uint64_t)waiting * WAITER;
		assert_lets_go(open_semaphore);
	}
}

static void count_end(void *value)
{
	ended += value == &key;
	(void)pmig_pthread_setspecific(late, &late); /* a destructor may set another value */
}

static void count_late(void *value)
{
	ended_late += value == &late;
}

static void *use_key(void *unused)
{
	(void)unused;
	if (pmig_pthread_getspecific(key) != NULL || pmig_pthread_setspecific(key, &key) != 0)
		return &key;
	return pmig_pthread_getspecific(key) == &key ? NULL : &key;
}

static void keys_have_values(void **state)
{
	(void)state;
	pthread_key_t many[KEYS], again = 0;
	volatile pthread_key_t beyond = KEYS;
	assert_int_equal(pmig_pthread_key_create(&late, count_late), 0);
	assert_int_equal(pmig_pthread_key_create(&key, count_end), 0);
	together(use_key, NULL);
	assert_int_equal(ended, THREADS);
	assert_int_equal(ended_late, THREADS);
	assert_null(pmig_pthread_getspecific(key));
	assert_int_equal(pmig_pthread_setspecific(key, &key), 0);
	assert_int_equal(pmig_pthread_key_delete(key), 0);
	assert_int_equal(pmig_pthread_key_delete(key), EINVAL);
	assert_int_equal(pmig_pthread_setspecific(key, &key), EINVAL);
	assert_int_equal(pmig_pthread_key_create(&again, NULL), 0);
	assert_int_equal(again, key);
	assert_null(pmig_pthread_getspecific(again)); /* not the value of the key that had its number */
	int n = 0;
	while (pmig_pthread_key_create(&many[n], NULL) == 0) {
		assert_int_equal(pmig_pthread_setspecific(many[n], &many[n]), 0);
		n++;
	}
	assert_int_equal(n, KEYS - 2);
	for (int i = 0; i < n; i++) {
		assert_ptr_equal(pmig_pthread_getspecific(many[i]), &many[i]);
		assert_int_equal(pmig_pthread_key_delete(many[i]), 0);
	}
	assert_int_equal(pmig_pthread_setspecific(beyond, &key), EINVAL);
	assert_null(pmig_pthread_getspecific(beyond));
	pmig_keys_end(); /* as when the thread ends */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rwlocks_exclude),
		cmocka_unit_test(rwlocks_answer),
		cmocka_unit_test(rwlocks_let_go),
		cmocka_unit_test(barriers_hold),
		cmocka_unit_test(once_is_once),
		cmocka_unit_test(semaphores_count),
		cmocka_unit_test(semaphores_let_go),
		cmocka_unit_test(keys_have_values),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
