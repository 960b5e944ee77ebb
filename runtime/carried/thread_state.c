/* thread_state: whether a thread may be cancelled, and its cleanup handlers. */
#include "cancel.h"

#include <errno.h>
#include <pthread.h>

int pmig_pthread_setcancelstate(int state, int *ret_old);
int pmig_pthread_setcanceltype(int type, int *ret_old);

static int change(uint32_t bit, bool set)
{
	_Atomic uint32_t *c = &thread_state(pmig_thread)->cancel;
	return ((set ? atomic_fetch_or(c, bit) : atomic_fetch_and(c, ~bit)) & bit) != 0;
}

int pmig_pthread_setcancelstate(int state, int *ret_old)
{
	if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
		return EINVAL;
	int old = change(THREAD_CANCEL_DISABLED, state == PTHREAD_CANCEL_DISABLE);
	if (ret_old != NULL)
		*ret_old = old ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE;
	return 0;
}

int pmig_pthread_setcanceltype(int type, int *ret_old)
{
	if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
		return EINVAL;
	int old = change(THREAD_CANCEL_ANY_TIME, type == PTHREAD_CANCEL_ASYNCHRONOUS);
	if (ret_old != NULL)
		*ret_old = old ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED;
	thread_state(pmig_thread)->cancelled = pmig_pthread_testcancel; /* NULL: nobody cancels in this program */
	if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
		wait_cancel();
	return 0;
}

void pmig_cleanup_push(struct pmig_cleanup *c)
{
	c->previous = pmig_thread->roots[THREAD_ROOT_CLEANUP];
	pmig_thread->roots[THREAD_ROOT_CLEANUP] = c;
}

void pmig_cleanup_pop(struct pmig_cleanup *c)
{
	pmig_thread->roots[THREAD_ROOT_CLEANUP] = c->previous;
}
