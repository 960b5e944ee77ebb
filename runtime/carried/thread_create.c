/* thread_create: how threads begin and end. The first frame of each is pmig_thread_begin(), which the runtime calls. */
#include "block.h"
#include "cancel.h"

#include <pmig/pmig.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <threads.h>

int pmig_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
_Noreturn void pmig_pthread_exit(void *result);
int pmig_thrd_create(thrd_t *ret, thrd_start_t start, void *argument);
_Noreturn void pmig_thrd_exit(int result);

/* key.c */
void pmig_keys_end(void);

static void begin(void *block)
{
	const struct thread *s = thread_state(block);
	block_point();
	pmig_pthread_exit(s->start(s->argument));
}

static void begin_c11(void *block)
{
	const struct thread *s = thread_state(block);
	block_point();
	pmig_thrd_exit(((thrd_start_t)(void *)s->start)(s->argument));
}

/* Returns an errno. Where the native stack lies is not the program's: of a stack of its own only the size counts. */
static int read_attributes(const pthread_attr_t *a, struct thread_options *o)
{
	int state, inherit = PTHREAD_INHERIT_SCHED, policy;
	struct sched_param p;
	size_t size = 0, guard = 0;
	if (a == NULL)
		return 0;
	int r = pthread_attr_getdetachstate(a, &state);
	if (r == 0)
		r = pthread_attr_getstacksize(a, &size);
	if (r == 0)
		r = pthread_attr_getguardsize(a, &guard);
	if (r == 0)
		r = pthread_attr_getinheritsched(a, &inherit);
	if (r == 0)
		r = pthread_attr_getschedpolicy(a, &policy);
	if (r == 0)
		r = pthread_attr_getschedparam(a, &p);
	if (r != 0)
		return r;
	o->detached = state == PTHREAD_CREATE_DETACHED;
	o->stack_size = size;
	o->guard_size = guard;
	o->scheduled = inherit == PTHREAD_EXPLICIT_SCHED;
	o->policy = policy;
	o->priority = p.sched_priority;
	return 0;
}

int pmig_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	struct thread_options o = {.entry = begin, .start = start, .argument = argument};
	int saved = errno, r = read_attributes(attributes, &o);
	if (r == 0)
		r = pmig_thread_create(&o, ret);
	errno = saved;
	return r;
}

int pmig_thrd_create(thrd_t *ret, thrd_start_t start, void *argument)
{
	struct thread_options o = {.entry = begin_c11, .start = (void *(*)(void *))(void *)start, .argument = argument};
	int r = pmig_thread_create(&o, ret);
	return r == 0 ? thrd_success : r == EAGAIN ? thrd_nomem : thrd_error;
}

/* The cleanup handlers, last come, first done (<pthread.h> of pmig-cc), then the destructors of thread-specific data. */
_Noreturn void pmig_pthread_exit(void *result)
{
	struct pmig_cleanup **list = (struct pmig_cleanup **)&pmig_thread->roots[THREAD_ROOT_CLEANUP];
	atomic_fetch_or(&thread_state(pmig_thread)->cancel, THREAD_CANCEL_ENDING);
	for (struct pmig_cleanup *c; (c = *list) != NULL;) {
		*list = c->previous;
		c->routine(c->argument);
	}
	pmig_keys_end();
	pmig_thread_leave(result);
}

_Noreturn void pmig_thrd_exit(int result)
{
	pmig_pthread_exit((void *)(intptr_t)result);
}
