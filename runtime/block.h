/* block: system calls that wait, as safe points.
 *
 * Normal usage, by a function that pmig-cc compiles (carried/wait.h has the loop for most):
 *   1. pmig_block() makes the call unless a stop is requested of this thread;
 *   2. BLOCK_STOPPED: nothing has happened; block_point(), and once more, with the time that is left;
 *   3. anything else is what the kernel says: -errno or the result.
 *
 * Between looking at the request and the call there is no gap: the signal handler knows the instructions of pmig_block()
 * and leads a thread that it finds on them, or in the call, to the exit with BLOCK_STOPPED. A call that had an effect is never
 * interrupted so. The idea is that of cancellation points in musl (src/thread/x86_64/syscall_cp.s). */
#ifndef PMIG_BLOCK_H
#define PMIG_BLOCK_H

#include "thread.h"

#include <pmig/pmig.h>

#include <stdint.h>
#include <time.h>

#define BLOCK_STOPPED (-4096l) /* no errno: those end at 4095 */

/* Nonzero: a stop is requested and this thread has not answered yet. Set by the handler of CONTROL_SIGNAL, cleared by
 * pmig_stop() whether or not it could stop there, so that a request interrupts a wait once. */
extern __thread volatile int pmig_asked;

/* The safe point of a call that waits. What came of a stop here is said by the program's next pmig_safepoint(). */
static inline __attribute__((always_inline)) void block_point(void)
{
	if (__builtin_expect(pmig_poll != 0, 0)) {
		int outcome = pmig_stop();
		if (outcome != 0)
			pmig_news = outcome;
	}
}

/* The system call `number`; all six arguments are always passed. */
long pmig_block(long number, long a, long b, long c, long d, long e, long f);

/* A call that sets the signal mask `during` (as the kernel has it; NULL: none) for as long as it waits: ppoll,
 * sigsuspend. Stopped, the thread still has that mask, so that nothing that it holds back is delivered before the call is
 * repeated. */
long pmig_block_masked(const uint64_t *during, long number, long a, long b, long c, long d, long e, long f);

/* The calling thread's mask; `set` (NULL: none) is the new one. */
uint64_t pmig_block_mask(const uint64_t *set);

/* Waits while *word is `expected`, until `deadline` (NULL: for ever) on `clock`, CLOCK_MONOTONIC or CLOCK_REALTIME as the
 * program sees it (resource/clocks.h). Private to the process. Returns 0 (woken, or for no reason), -EAGAIN (another
 * value), -ETIMEDOUT, -EINTR (a handler of the program ran) or BLOCK_STOPPED. */
long pmig_block_futex(uint32_t *word, uint32_t expected, const struct timespec *deadline, clockid_t clock);

/* Sleeps until `deadline` on `clock` as the program sees it. 0, BLOCK_STOPPED, -EINTR or another error. */
long pmig_block_sleep(clockid_t clock, const struct timespec *deadline);

/* For the handler of CONTROL_SIGNAL, once pmig_asked is set: `context` is its third argument. */
void block_interrupt(void *context);

/* Which of the program's handlers break off a wait with EINTR: signal(7). */
enum block_breaks {
	BLOCK_ANY,    /* any: poll, sleep, pause, epoll_wait and their kind */
	BLOCK_BREAKER /* one without SA_RESTART: read, accept, wait and most others */
};

/* Whoever enters a handler of the program says so before it runs. */
static inline void block_handled(int restarts)
{
	struct arena_thread *t = pmig_thread;
	if (t == NULL)
		return;
	t->handled[BLOCK_ANY]++;
	if (!restarts)
		t->handled[BLOCK_BREAKER]++;
}

/* How many have run in this thread. Travels: a handler that ran because of what was pending at a move counts too. */
static inline uint32_t block_count(enum block_breaks what)
{
	const struct arena_thread *t = pmig_thread;
	return t != NULL ? *(const volatile uint32_t *)&t->handled[what] : 0;
}

#endif
