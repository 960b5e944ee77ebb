/* mutex: the kinds of POSIX and ADAPTIVE; pthread_mutexattr_*() stay libc's, they only fill in words. Robust ones and priority
 * inheritance are the kernel's business, which knows native threads: pthread_mutex_init() says ENOTSUP. */
#include "mutex.h"

#include <string.h>
#include <sys/single_threaded.h>

#define MUTEX_SPINS 100

static struct mutex *mutex_of(pthread_mutex_t *m)
{
	return (struct mutex *)m;
}

/* As glibc does: while there is one thread, nothing need be atomic, unless other processes have the mutex too. */
FUTEX_INLINE bool mutex_is_alone(const struct mutex *m)
{
	return __libc_single_threaded && (m->kind & MUTEX_SHARED) == 0;
}

FUTEX_INLINE bool mutex_try(struct mutex *m)
{
	uint32_t open = 0;
	if (mutex_is_alone(m)) {
		bool free = atomic_load_explicit(&m->word, memory_order_relaxed) == 0;
		if (free)
			atomic_store_explicit(&m->word, 1, memory_order_relaxed);
		return free;
	}
	return atomic_compare_exchange_strong_explicit(&m->word, &open, 1, memory_order_acquire, memory_order_relaxed);
}

static bool mutex_spin(struct mutex *m)
{
	for (int i = 0; i < MUTEX_SPINS; i++) {
		if (atomic_load_explicit(&m->word, memory_order_relaxed) == 0 && mutex_try(m))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

static int mutex_take(struct mutex *m, const struct deadline *d)
{
	bool shared = (m->kind & MUTEX_SHARED) != 0;
	if (mutex_try(m) || ((m->kind & MUTEX_KIND) == PTHREAD_MUTEX_ADAPTIVE_NP && mutex_spin(m)))
		return 0;
	if (deadline_check(d) != 0)
		return EINVAL;
	long r = 0;
	while (atomic_exchange_explicit(&m->word, 2, memory_order_acquire) != 0) {
		if (r == -ETIMEDOUT)
			return ETIMEDOUT;
		r = futex_wait(&m->word, 2, d, shared);
	}
	return 0;
}

static int mutex_again(struct mutex *m)
{
	if ((m->kind & MUTEX_KIND) == PTHREAD_MUTEX_ERRORCHECK)
		return EDEADLK;
	if (m->count == UINT32_MAX)
		return EAGAIN;
	m->count++;
	return 0;
}

FUTEX_SLOW static int mutex_lock(struct mutex *m, const struct deadline *d)
{
	int kind = m->kind & MUTEX_KIND;
	if (kind > PTHREAD_MUTEX_ADAPTIVE_NP)
		return EINVAL;
	if (kind == PTHREAD_MUTEX_NORMAL || kind == PTHREAD_MUTEX_ADAPTIVE_NP)
		return mutex_take(m, d);
	uint32_t self = thread_self();
	if (atomic_load_explicit(&m->owner, memory_order_relaxed) == self)
		return mutex_again(m);
	int r = mutex_take(m, d);
	if (r == 0) {
		atomic_store_explicit(&m->owner, self, memory_order_relaxed);
		m->count = 1;
	}
	return r;
}

int pmig_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	struct mutex *m = mutex_of(mutex);
	if (__builtin_expect(m->kind == PTHREAD_MUTEX_NORMAL && mutex_try(m), 1))
		return 0;
	return mutex_lock(m, &deadline_never);
}

int pmig_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *limit)
{
	return mutex_lock(mutex_of(mutex), &(struct deadline){limit, CLOCK_REALTIME});
}

int pmig_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *limit)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	return mutex_lock(mutex_of(mutex), &(struct deadline){limit, clock});
}

int pmig_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	struct mutex *m = mutex_of(mutex);
	int kind = m->kind & MUTEX_KIND;
	if (kind > PTHREAD_MUTEX_ADAPTIVE_NP)
		return EINVAL;
	if (kind == PTHREAD_MUTEX_NORMAL || kind == PTHREAD_MUTEX_ADAPTIVE_NP)
		return mutex_try(m) ? 0 : EBUSY;
	if (atomic_load_explicit(&m->owner, memory_order_relaxed) == thread_self())
		return kind == PTHREAD_MUTEX_ERRORCHECK ? EBUSY : mutex_again(m);
	if (!mutex_try(m))
		return EBUSY;
	atomic_store_explicit(&m->owner, thread_self(), memory_order_relaxed);
	m->count = 1;
	return 0;
}

FUTEX_INLINE void mutex_open(struct mutex *m)
{
	bool shared = (m->kind & MUTEX_SHARED) != 0; /* the mutex may be gone once it is open */
	if (mutex_is_alone(m))
		atomic_store_explicit(&m->word, 0, memory_order_relaxed);
	else if (__builtin_expect(atomic_exchange_explicit(&m->word, 0, memory_order_release) == 2, 0))
		futex_wake(&m->word, 1, shared);
}

FUTEX_SLOW static int mutex_unlock(struct mutex *m)
{
	int kind = m->kind & MUTEX_KIND;
	if (kind > PTHREAD_MUTEX_ADAPTIVE_NP)
		return EINVAL;
	if (kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK) {
		if (atomic_load_explicit(&m->owner, memory_order_relaxed) != thread_self())
			return EPERM;
		if (--m->count != 0)
			return 0;
		atomic_store_explicit(&m->owner, 0, memory_order_relaxed);
	}
	mutex_open(m);
	return 0;
}

int pmig_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	struct mutex *m = mutex_of(mutex);
	if (__builtin_expect(m->kind != PTHREAD_MUTEX_NORMAL, 0))
		return mutex_unlock(m);
	mutex_open(m);
	return 0;
}

int pmig_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
	int kind = PTHREAD_MUTEX_NORMAL, shared = PTHREAD_PROCESS_PRIVATE, protocol = PTHREAD_PRIO_NONE;
	int robust = PTHREAD_MUTEX_STALLED;
	if (attributes != NULL) {
		(void)pthread_mutexattr_gettype(attributes, &kind);
		(void)pthread_mutexattr_getpshared(attributes, &shared);
		(void)pthread_mutexattr_getprotocol(attributes, &protocol);
		(void)pthread_mutexattr_getrobust(attributes, &robust);
	}
	bool owned = kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK;
	(void)memset(mutex, 0, sizeof *mutex);
	mutex_of(mutex)->kind = kind | (shared == PTHREAD_PROCESS_SHARED ? MUTEX_SHARED : 0);
	/* the last: another process would take its threads for ours */
	bool known = protocol == PTHREAD_PRIO_NONE && robust == PTHREAD_MUTEX_STALLED &&
		!(owned && shared == PTHREAD_PROCESS_SHARED);
	return known ? 0 : ENOTSUP;
}

int pmig_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	struct mutex *m = mutex_of(mutex);
	if (atomic_load_explicit(&m->word, memory_order_relaxed) != 0)
		return EBUSY;
	m->kind = MUTEX_DESTROYED;
	return 0;
}
