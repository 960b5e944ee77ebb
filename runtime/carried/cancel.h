/* cancel: cancellation points. Programs that never call pthread_cancel() pay one load. */
#ifndef PMIG_CARRIED_CANCEL_H
#define PMIG_CARRIED_CANCEL_H

#include "thread.h"

/* thread_cancel.c, which comes along with pthread_cancel(). */
void pmig_pthread_testcancel(void) __attribute__((weak));

/* Is the calling thread to end here? */
static inline __attribute__((always_inline)) bool wait_cancelled(void)
{
	uint32_t c = atomic_load_explicit(&thread_state(pmig_thread)->cancel, memory_order_relaxed);
	return (c & (THREAD_CANCEL_ASKED | THREAD_CANCEL_DISABLED | THREAD_CANCEL_ENDING)) == THREAD_CANCEL_ASKED;
}

/* Ends it then: its cleanup handlers run, and this does not return. */
static inline __attribute__((always_inline)) void wait_cancel(void)
{
	if (__builtin_expect(wait_cancelled(), 0))
		pmig_pthread_testcancel();
}

#endif
