/* once: what runs once is an ordinary function of the program, in which it may be stopped and moved. */
#include "futex.h"

#include <pthread.h>
#include <threads.h>

enum { ONCE_NEVER, ONCE_RUNS, ONCE_DONE, ONCE_AWAITED /* runs, and somebody sleeps */ };

int pmig_pthread_once(pthread_once_t *once, void (*run)(void));
void pmig_call_once(once_flag *once, void (*run)(void));

/* The thread was cancelled meanwhile: another will try. */
static void once_forget(void *state)
{
	if (atomic_exchange((_Atomic uint32_t *)state, ONCE_NEVER) == ONCE_AWAITED)
		futex_wake(state, INT_MAX, false);
}

FUTEX_SLOW static int run_once(_Atomic uint32_t *state, void (*run)(void))
{
	uint32_t now = ONCE_NEVER;
	while (!atomic_compare_exchange_strong(state, &now, ONCE_RUNS)) {
		if (now == ONCE_DONE)
			return 0;
		if (now == ONCE_AWAITED || atomic_compare_exchange_strong(state, &now, ONCE_AWAITED))
			(void)futex_wait(state, ONCE_AWAITED, &deadline_never, false);
		now = ONCE_NEVER;
	}
	pthread_cleanup_push(once_forget, state);
	run();
	pthread_cleanup_pop(0);
	if (atomic_exchange(state, ONCE_DONE) == ONCE_AWAITED)
		futex_wake(state, INT_MAX, false);
	return 0;
}

int pmig_pthread_once(pthread_once_t *once, void (*run)(void))
{
	_Atomic uint32_t *state = (_Atomic uint32_t *)once;
	if (__builtin_expect(atomic_load_explicit(state, memory_order_acquire) == ONCE_DONE, 1))
		return 0;
	return run_once(state, run);
}

void pmig_call_once(once_flag *once, void (*run)(void))
{
	(void)pmig_pthread_once((pthread_once_t *)once, run);
}
