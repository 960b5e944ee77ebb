/* thread_join: waiting for a thread's end. */
#include "cancel.h"
#include "futex.h"

#include <errno.h>
#include <pthread.h>
#include <threads.h>

int pmig_pthread_join(pthread_t thread, void **ret_result);
int pmig_pthread_tryjoin_np(pthread_t thread, void **ret_result);
int pmig_pthread_timedjoin_np(pthread_t thread, void **ret_result, const struct timespec *limit);
int pmig_pthread_clockjoin_np(pthread_t thread, void **ret_result, clockid_t clock, const struct timespec *limit);
int pmig_pthread_detach(pthread_t thread);
int pmig_thrd_join(thrd_t thread, int *ret_result);
int pmig_thrd_detach(thrd_t thread);

static bool has_ended(const struct arena_thread *t)
{
	return atomic_load(&thread_state(t)->ended) != 0;
}

/* Until it has ended: 0, or ETIMEDOUT. A thread that is cancelled meanwhile leaves the other one to be joined again. */
static int wait_for(struct arena_thread *t, const struct deadline *d)
{
	while (!has_ended(t)) {
		if (wait_cancelled()) {
			pmig_thread_part(t);
			wait_cancel();
		}
		if (futex_wait(&thread_state(t)->ended, 0, d, false) == -ETIMEDOUT)
			return ETIMEDOUT;
	}
	return 0;
}

static int join(pthread_t thread, void **ret_result, const struct deadline *d)
{
	struct arena_thread *t = pmig_thread_of(thread);
	int saved = errno;
	if (t == NULL)
		return ESRCH;
	int r = deadline_check(d);
	if (r == 0)
		r = pmig_thread_join(t);
	if (r != 0)
		return r;
	r = wait_for(t, d);
	if (r != 0) {
		pmig_thread_part(t);
	} else {
		void *result = pmig_thread_reap(t);
		if (ret_result != NULL)
			*ret_result = result;
	}
	errno = saved;
	return r;
}

int pmig_pthread_join(pthread_t thread, void **ret_result)
{
	wait_cancel();
	return join(thread, ret_result, &deadline_never);
}

int pmig_pthread_tryjoin_np(pthread_t thread, void **ret_result)
{
	const struct arena_thread *t = pmig_thread_of(thread);
	if (t != NULL && !has_ended(t))
		return EBUSY;
	return join(thread, ret_result, &deadline_never);
}

int pmig_pthread_timedjoin_np(pthread_t thread, void **ret_result, const struct timespec *limit)
{
	return pmig_pthread_clockjoin_np(thread, ret_result, CLOCK_REALTIME, limit);
}

int pmig_pthread_clockjoin_np(pthread_t thread, void **ret_result, clockid_t clock, const struct timespec *limit)
{
	const struct deadline d = {limit, clock};
	wait_cancel();
	return join(thread, ret_result, &d);
}

int pmig_pthread_detach(pthread_t thread)
{
	struct arena_thread *t = pmig_thread_of(thread);
	return t != NULL ? pmig_thread_detach(t) : ESRCH;
}

int pmig_thrd_join(thrd_t thread, int *ret_result)
{
	void *result = NULL;
	int r = join(thread, &result, &deadline_never);
	if (r == 0 && ret_result != NULL)
		*ret_result = (int)(intptr_t)result;
	return r == 0 ? thrd_success : thrd_error;
}

int pmig_thrd_detach(thrd_t thread)
{
	return pmig_pthread_detach(thread) == 0 ? thrd_success : thrd_error;
}
