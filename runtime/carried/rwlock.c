/* rwlock: read-write locks. Readers go first, as with glibc, unless the lock was made with
 * PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP: then no reader comes in while a writer waits.
 *
 * Who has the lock and how many wait is one word: who opens it learns from the same instruction whether somebody is to be woken, and
 * after that touches it no more, since another may have taken it, opened it and given its memory back. Waiters sleep on the half that says
 * who has it: while that is what it was when they looked, somebody has it who will see that they wait. */
#include "futex.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

struct rwlock {
	_Atomic uint64_t word;
	_Atomic uint32_t writer; /* its thread_self() */
	int32_t shared;
	uint64_t unused[4];
	uint32_t kind; /* PTHREAD_RWLOCK_*, set by the static initialisers */
};
/* The lower half says who waits, the upper one who has it. */
#define READER_WAITS 1ull
#define READERS_WAITING 0xffffull
#define WRITER_WAITS (1ull << 16)
#define WRITERS_WAITING (0xffffull << 16)
#define READER (1ull << 32)
#define READERS (0x3ffffull << 32)
#define WRITER (1ull << 50)
#define CHANGE \
	(1ull << 51) /* one more writer has opened it, or waits no longer: who was kept out by it must not sleep now */
_Static_assert(offsetof(struct rwlock, kind) == offsetof(pthread_rwlock_t, __data.__flags), "as the initialisers have it");
_Static_assert(sizeof(struct rwlock) <= sizeof(pthread_rwlock_t), "it lies there");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the upper half comes last");

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

static bool is_open_to_readers(const struct rwlock *l, uint64_t word)
{
	return (word & WRITER) == 0 && !(writers_first(l) && (word & WRITERS_WAITING) != 0);
}

/* 0, EBUSY, or EAGAIN: there are more readers than can be counted. */
static int try_read(struct rwlock *l)
{
	uint64_t word = atomic_load(&l->word);
	while (is_open_to_readers(l, word)) {
		if ((word & READERS) == READERS)
			return EAGAIN;
		if (atomic_compare_exchange_weak(&l->word, &word, word + READER))
			return 0;
	}
	return EBUSY;
}

static int try_write(struct rwlock *l)
{
	uint64_t word = atomic_load(&l->word);
	while ((word & (WRITER | READERS)) == 0) {
		if (!atomic_compare_exchange_weak(&l->word, &word, word | WRITER))
			continue;
		atomic_store_explicit(&l->writer, thread_self(), memory_order_relaxed);
		return 0;
	}
	return EBUSY;
}

static bool is_writer(struct rwlock *l)
{
	return atomic_load_explicit(&l->writer, memory_order_relaxed) == thread_self();
}

/* The upper half, on which waiters sleep. */
static _Atomic uint32_t *holders_of(struct rwlock *l)
{
	return (_Atomic uint32_t *)(void *)&l->word + 1;
}

static uint32_t holders(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

/* `word` is what the lock was left with; only its address is used. Of readers and writers who comes first has it, the others wait on. */
FUTEX_SLOW static void wake_waiters(struct rwlock *l, uint64_t word, bool shared)
{
	futex_wake(holders_of(l), (word & READERS_WAITING) != 0 ? INT_MAX : 1, shared);
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
	(void)atomic_fetch_add(&l->word, READER_WAITS);
	for (;;) {
		uint64_t word = atomic_load(&l->word);
		r = try_read(l);
		if (r != EBUSY || timeout != 0)
			break;
		if (!is_open_to_readers(l, word))
			timeout = futex_wait(holders_of(l), holders(word), d, shared);
	}
	(void)atomic_fetch_sub(&l->word, READER_WAITS);
	return r == EBUSY ? ETIMEDOUT : r;
}

/* A writer waits no longer; where only it kept readers out, they look again. */
static void give_up(struct rwlock *l, bool shared)
{
	uint64_t then = atomic_fetch_add(&l->word, CHANGE - WRITER_WAITS) + CHANGE - WRITER_WAITS;
	if (writers_first(l) && (then & WRITERS_WAITING) == 0 && (then & READERS_WAITING) != 0)
		wake_waiters(l, then, shared);
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
	(void)atomic_fetch_add(&l->word, WRITER_WAITS);
	for (;;) {
		uint64_t word = atomic_load(&l->word);
		r = try_write(l);
		if (r != EBUSY || timeout != 0)
			break;
		if ((word & (WRITER | READERS)) != 0)
			timeout = futex_wait(holders_of(l), holders(word), d, shared);
	}
	if (r == EBUSY)
		give_up(l, shared);
	else
		(void)atomic_fetch_sub(&l->word, WRITER_WAITS);
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

int pmig_pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	struct rwlock *l = rwlock_of(lock);
	bool shared = l->shared != 0;
	uint64_t mine = READER;
	if ((atomic_load_explicit(&l->word, memory_order_relaxed) & WRITER) != 0) {
		atomic_store_explicit(&l->writer, 0, memory_order_relaxed);
		mine = WRITER - CHANGE;
	}
	uint64_t word = atomic_fetch_sub(&l->word, mine) - mine;
	if (__builtin_expect((word & READERS) == 0 && (word & (READERS_WAITING | WRITERS_WAITING)) != 0, 0))
		wake_waiters(l, word, shared);
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
	return (atomic_load(&rwlock_of(lock)->word) & (WRITER | READERS)) != 0 ? EBUSY : 0;
}
