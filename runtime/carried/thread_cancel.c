/* thread_cancel: pthread_cancel(). A thread that is asked to end does so at its next cancellation point; one that waits is woken. */
#include "cancel.h"

#include <errno.h>
#include <pthread.h>

int pmig_pthread_cancel(pthread_t thread);
_Noreturn void pmig_pthread_exit(void *result);

int pmig_pthread_cancel(pthread_t thread)
{
	struct arena_thread *t = pmig_thread_of(thread);
	int saved = errno;
	if (t == NULL)
		return ESRCH;
	atomic_fetch_or(&thread_state(t)->cancel, THREAD_CANCEL_ASKED);
	pmig_thread_poke(t);
	errno = saved;
	return 0;
}

void pmig_pthread_testcancel(void)
{
	if (wait_cancelled())
		pmig_pthread_exit(PTHREAD_CANCELED);
}
