/* futex: how locks wait. A lock is a few words in the program's own pthread_*_t, of which one is a futex; who waits for it is an
 * ordinary frame of the program in a loop that looks at the words, comes to a safe point and sleeps. After a move it
 * looks at the same words again, so that it waits for what it waited for, until the deadline that it had.
 *
 * Threads are named in locks by thread_self(), which a thread keeps over a move. Zero is open, as the static initialisers of
 * pthread.h want it. Everything is sequentially consistent where a count of waiters is involved: a store to the word and a
 * look at the count must not pass each other. */
#ifndef PMIG_CARRIED_FUTEX_H
#define PMIG_CARRIED_FUTEX_H

#include "block.h"
#include "wake.h"
#include "thread.h"

#include <pmig/pmig.h>

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>

#define FUTEX_INLINE static inline __attribute__((always_inline))
#define FUTEX_SLOW __attribute__((noinline)) /* so that the fast path goes into the program's own functions */
#define FUTEX_DESTROYED 0x80000000u          /* in a count of those inside */

/* Until when; `limit` NULL: for ever. */
struct deadline {
	const struct timespec *limit;
	clockid_t clock;
};

static const struct deadline deadline_never;

FUTEX_INLINE uint32_t thread_self(void)
{
	return pmig_thread->index + 1;
}

/* What POSIX wants of a limit, looked at only if there is something to wait for: 0 or EINVAL. */
FUTEX_INLINE int deadline_check(const struct deadline *d)
{
	if (d->limit == NULL)
		return 0;
	bool known = d->clock == CLOCK_REALTIME || d->clock == CLOCK_MONOTONIC;
	return known && d->limit->tv_nsec >= 0 && d->limit->tv_nsec < 1000000000 ? 0 : EINVAL;
}

/* Between processes: pmig_block_futex() is for one. Steady clocks go by the time that is left. */
static inline long futex_wait_shared(_Atomic uint32_t *word, uint32_t expected, const struct deadline *d)
{
	struct timespec left, now;
	int operation = FUTEX_WAIT_BITSET | (d->clock == CLOCK_REALTIME ? FUTEX_CLOCK_REALTIME : 0);
	if (d->limit == NULL || d->clock == CLOCK_REALTIME)
		return pmig_block(SYS_futex, (long)word, operation, expected, (long)d->limit, 0,
			(long)FUTEX_BITSET_MATCH_ANY);
	(void)clock_gettime(d->clock, &now);
	left = (struct timespec){d->limit->tv_sec - now.tv_sec, d->limit->tv_nsec - now.tv_nsec};
	if (left.tv_nsec < 0)
		left.tv_sec--, left.tv_nsec += 1000000000;
	if (left.tv_sec < 0)
		return -ETIMEDOUT;
	return pmig_block(SYS_futex, (long)word, FUTEX_WAIT, expected, (long)&left, 0, 0);
}

/* Sleeps while *word is `expected`. Returns 0: look again (also for no reason), or -ETIMEDOUT. What a handler or pthread_cancel() may
 * have changed is looked at between pmig_safepoint() and this: what comes later breaks the sleep off. */
FUTEX_INLINE long futex_sleep(_Atomic uint32_t *word, uint32_t expected, const struct deadline *d, bool shared)
{
	long r = shared ? futex_wait_shared(word, expected, d)
			: pmig_block_futex((uint32_t *)word, expected, d->limit, d->clock);
	return r == -ETIMEDOUT ? r : 0;
}

/* Comes to the safe point, then sleeps. */
FUTEX_INLINE long futex_wait(_Atomic uint32_t *word, uint32_t expected, const struct deadline *d, bool shared)
{
	block_point();
	return futex_sleep(word, expected, d, shared);
}

FUTEX_INLINE void futex_wake(_Atomic uint32_t *word, int n, bool shared)
{
	pmig_wake(word, n, shared);
}

/* Those that are still inside an object that is to be destroyed: the last to leave wakes who waits for that. */
FUTEX_INLINE void futex_leave(_Atomic uint32_t *inside, bool shared)
{
	if (atomic_fetch_sub(inside, 1) == (FUTEX_DESTROYED | 1))
		futex_wake(inside, INT_MAX, shared);
}

/* Waits until nobody is inside any more. */
static inline void futex_drain(_Atomic uint32_t *inside, bool shared)
{
	uint32_t n = atomic_fetch_or(inside, FUTEX_DESTROYED) | FUTEX_DESTROYED;
	for (; n != FUTEX_DESTROYED; n = atomic_load(inside))
		(void)futex_wait(inside, n, &deadline_never, shared);
}

#endif
