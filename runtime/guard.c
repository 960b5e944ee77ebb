/* guard: locks that their owner may take again, with all signals held back. */
#include "guard.h"

#include "arena/lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

static struct {
	struct lock lock;
	_Atomic(const void *) owner; /* &me of the thread that has it */
	unsigned depth;
} guards[GUARDS];

static __thread char me __attribute__((tls_model("initial-exec")));
static __thread sigset_t before_fork __attribute__((tls_model("initial-exec")));

static void hold_signals(sigset_t *ret_before)
{
	int saved = errno;
	sigset_t all;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, ret_before);
	errno = saved;
}

static void let_signals(const sigset_t *before)
{
	int saved = errno;
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
	errno = saved;
}

static void take(enum guard g)
{
	if (atomic_load_explicit(&guards[g].owner, memory_order_relaxed) != &me) {
		lock_take(&guards[g].lock);
		atomic_store_explicit(&guards[g].owner, &me, memory_order_relaxed);
	}
	guards[g].depth++;
}

static void let(enum guard g)
{
	if (--guards[g].depth > 0)
		return;
	atomic_store_explicit(&guards[g].owner, NULL, memory_order_relaxed);
	lock_open(&guards[g].lock);
}

void guard_take(enum guard name, struct guard_held *ret_held)
{
	ret_held->guard = name;
	hold_signals(&ret_held->before);
	take(name);
}

void guard_let(const struct guard_held *held)
{
	let(held->guard);
	let_signals(&held->before);
}

static void prepare_fork(void)
{
	sigset_t before;
	hold_signals(&before);
	for (int g = 0; g < GUARDS; g++)
		take((enum guard)g);
	before_fork = before;
}

static void done_fork(void)
{
	for (int g = GUARDS - 1; g >= 0; g--)
		let((enum guard)g);
	let_signals(&before_fork);
}

void guard_start(void)
{
	static bool done;
	if (!done)
		(void)pthread_atfork(prepare_fork, done_fork, done_fork);
	done = true;
}
