/* rwlock: read-write locks. Readers go first, as with glibc, unless the lock was made with
 * PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP: then no reader comes in while a writer waits.
 *
 * Readers and writers sleep on numbers that are counted up when they may look again. Whoever opens the lock wakes, if
 * somebody waits; so a waiter that was woken and then gave up costs nothing but a look. */
#include "futex.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

struct rwlock {
	_Atomic uint32_t readers;         /* who have it; WRITER: one has it alone */
	_Atomic uint32_t readers_waiting; /* how many */
	_Atomic uint32_t writers_waiting;
	_Atomic uint32_t readers_turn; /* the numbers */
	_Atomic uint32_t writers_turn;
	uint32_t unused;
	_Atomic uint32_t writer; /* its thread_self() */
	int32_t shared;
	uint64_t unused2[2];
	uint32_t kind; /* PTHREAD_RWLOCK_*, set by the static initialisers */
};
#define WRITER 0x80000000u
#define READERS_MAX 0x7fffffffu
_Static_assert(offsetof(struct rwlock, kind) == offsetof(pthread_rwlock_t, __data.__flags), "as the initialisers have it");
_Static_assert(sizeof(struct rwlock) <= sizeof(pthread_rwlock_t), "it lies there");

int pmig_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes);
int pmig_pthread_rwlock_destroy(pthread_rwlock_t *lock);
int pmig_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int pmig_pthread_rwlock_tryrdlock(pthread_rwlock_t *lock);
int pmig_pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *limit);
int pmig_pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *limit);
int pmig_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int pmig_pthread_rwlock_trywrlock(pthread_rwlock_t *lock);
int pmig_pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *limit);
int pmig_pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *limit);
int pmig_pthread_rwlock_unlock(pthread_rwlock_t *lock);

static struct rwlock *rwlock_of(pthread_rwlock_t *l)
{
	return (struct rwlock *)l;
}

static bool writers_first(const struct rwlock *l)
{
	return l->kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
}

/* 0, EBUSY, or EAGAIN: there are more readers than can be counted. */
static int try_read(struct rwlock *l)
{
	uint32_t n = atomic_load(&l->readers);
	while ((n & WRITER) == 0 && !(writers_first(l) && atomic_load(&l->writers_waiting) != 0)) {
		if (n == READERS_MAX)
			return EAGAIN;
		if (atomic_compare_exchange_weak(&l->readers, &n, n + 1))
			return 0;
	}
	return EBUSY;
}

static int try_write(struct rwlock *l)
{
	uint32_t none = 0;
	if (!atomic_compare_exchange_strong(&l->readers, &none, WRITER))
		return EBUSY;
	atomic_store_explicit(&l->writer, thread_self(), memory_order_relaxed);
	return 0;
}

static bool is_writer(struct rwlock *l)
{
	return atomic_load_explicit(&l->writer, memory_order_relaxed) == thread_self();
}

static void rwlock_wake(_Atomic uint32_t *turn, int n, bool shared)
{
	(void)atomic_fetch_add(turn, 1);
	futex_wake(turn, n, shared);
}

FUTEX_SLOW static int wait_read(struct rwlock *l, const struct deadline *d)
{
	bool shared = l->shared != 0;
	long timeout = 0;
	int r;
	if (is_writer(l))
		return EDEADLK;
	if (deadline_check(d) != 0)
		return EINVAL;
	(void)atomic_fetch_add(&l->readers_waiting, 1);
	for (;;) {
		uint32_t turn = atomic_load(&l->readers_turn);
		r = try_read(l);
		if (r != EBUSY || timeout != 0)
			break;
		timeout = futex_wait(&l->readers_turn, turn, d, shared);
	}
	(void)atomic_fetch_sub(&l->readers_waiting, 1);
	return r == EBUSY ? ETIMEDOUT : r;
}

FUTEX_SLOW static int wait_write(struct rwlock *l, const struct deadline *d)
{
	bool shared = l->shared != 0;
	long timeout = 0;
	int r;
	if (is_writer(l))
		return EDEADLK;
	if (deadline_check(d) != 0)
		return EINVAL;
	(void)atomic_fetch_add(&l->writers_waiting, 1);
	for (;;) {
		uint32_t turn = atomic_load(&l->writers_turn);
		r = try_write(l);
		if (r != EBUSY || timeout != 0)
			break;
		timeout = futex_wait(&l->writers_turn, turn, d, shared);
	}
	bool last = atomic_fetch_sub(&l->writers_waiting, 1) == 1;
	if (r == EBUSY && last && writers_first(l)) /* only it kept them out */
		rwlock_wake(&l->readers_turn, INT_MAX, shared);
	return r == EBUSY ? ETIMEDOUT : 0;
}

static int read_until(pthread_rwlock_t *lock, const struct deadline *d)
{
	int r = try_read(rwlock_of(lock));
	return __builtin_expect(r != EBUSY, 1) ? r : wait_read(rwlock_of(lock), d);
}

static int write_until(pthread_rwlock_t *lock, const struct deadline *d)
{
	int r = try_write(rwlock_of(lock));
	return __builtin_expect(r != EBUSY, 1) ? r : wait_write(rwlock_of(lock), d);
}

int pmig_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	return read_until(lock, &deadline_never);
}

int pmig_pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	return try_read(rwlock_of(lock));
}

int pmig_pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *limit)
{
	return read_until(lock, &(struct deadline){limit, CLOCK_REALTIME});
}

int pmig_pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *limit)
{
	return read_until(lock, &(struct deadline){limit, clock});
}

int pmig_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	return write_until(lock, &deadline_never);
}

int pmig_pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	return try_write(rwlock_of(lock));
}

int pmig_pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *limit)
{
	return write_until(lock, &(struct deadline){limit, CLOCK_REALTIME});
}

int pmig_pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *limit)
{
	return write_until(lock, &(struct deadline){limit, clock});
}

/* One writer or all readers: who comes first has it, the others wait on. */
FUTEX_SLOW static void wake_waiters(struct rwlock *l)
{
	bool shared = l->shared != 0, writers = atomic_load(&l->writers_waiting) != 0;
	if (writers)
		rwlock_wake(&l->writers_turn, 1, shared);
	if (atomic_load(&l->readers_waiting) != 0 && !(writers && writers_first(l)))
		rwlock_wake(&l->readers_turn, INT_MAX, shared);
}

int pmig_pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	struct rwlock *l = rwlock_of(lock);
	bool last = true;
	if ((atomic_load(&l->readers) & WRITER) != 0) {
		atomic_store_explicit(&l->writer, 0, memory_order_relaxed);
		atomic_store(&l->readers, 0);
	} else {
		last = atomic_fetch_sub(&l->readers, 1) == 1;
	}
	if (last && (atomic_load(&l->writers_waiting) | atomic_load(&l->readers_waiting)) != 0)
		wake_waiters(l);
	return 0;
}

int pmig_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
	int kind = PTHREAD_RWLOCK_DEFAULT_NP, shared = PTHREAD_PROCESS_PRIVATE;
	if (attributes != NULL) {
		(void)pthread_rwlockattr_getkind_np(attributes, &kind);
		(void)pthread_rwlockattr_getpshared(attributes, &shared);
	}
	(void)memset(lock, 0, sizeof *lock);
	rwlock_of(lock)->kind = (uint32_t)kind;
	rwlock_of(lock)->shared = shared == PTHREAD_PROCESS_SHARED;
	return 0;
}

int pmig_pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
	return atomic_load(&rwlock_of(lock)->readers) != 0 ? EBUSY : 0;
}
