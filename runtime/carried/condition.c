/* condition: condition variables: a number that every signal counts up, on which waiters sleep. Who has left its sleep for a
 * safe point, or for a move, finds the number another if there was a signal meanwhile: none is lost. */
#include "cancel.h"
#include "mutex.h"

#include <string.h>

struct condition {
	_Atomic uint32_t signals;
	_Atomic uint32_t inside; /* who waits or is about to leave; the object is theirs until then */
	uint32_t clock;          /* CLOCK_REALTIME, which is 0, or CLOCK_MONOTONIC */
	uint32_t shared;
	_Atomic uint32_t passed; /* the signal that was passed on last */
};
_Static_assert(sizeof(struct condition) <= sizeof(pthread_cond_t), "it lies there");

int pmig_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int pmig_pthread_cond_destroy(pthread_cond_t *condition);
int pmig_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int pmig_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *limit);
int pmig_pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
	const struct timespec *limit);
int pmig_pthread_cond_signal(pthread_cond_t *condition);
int pmig_pthread_cond_broadcast(pthread_cond_t *condition);

static struct condition *condition_of(pthread_cond_t *c)
{
	return (struct condition *)c;
}

/* A waiter was woken that came after the last signal: the kernel takes the one of the highest priority, whoever was meant. Those who were
 * there before are woken in its place; once for each signal, since nobody falls asleep any more who was there before that. */
static void pass_on(struct condition *c, uint32_t seen, bool shared)
{
	if (atomic_exchange(&c->passed, seen) != seen)
		futex_wake(&c->signals, INT_MAX, shared);
}

FUTEX_SLOW static int condition_wait(struct condition *c, pthread_mutex_t *mutex, const struct deadline *d)
{
	if (deadline_check(d) != 0)
		return EINVAL;
	bool shared = c->shared != 0;
	uint32_t seen = atomic_load(&c->signals);
	(void)atomic_fetch_add(&c->inside, 1);
	int e = pmig_pthread_mutex_unlock(mutex);
	long r = 0;
	bool cancelled = false;
	while (e == 0 && r == 0 && !cancelled && atomic_load(&c->signals) == seen) {
		block_point();
		cancelled = wait_cancelled();
		if (!cancelled)
			r = futex_sleep(&c->signals, seen, d, shared);
		if (!cancelled && r == 0 && atomic_load(&c->signals) == seen)
			pass_on(c, seen, shared);
	}
	futex_leave(&c->inside, shared);
	if (e != 0)
		return e;
	e = pmig_pthread_mutex_lock(mutex);
	if (cancelled && atomic_load(&c->signals) == seen) /* else another would miss what woke this one */
		wait_cancel();
	return e != 0 ? e : (int)-r;
}

static int condition_wake(struct condition *c, int n)
{
	if ((atomic_load(&c->inside) & ~FUTEX_DESTROYED) == 0)
		return 0;
	bool shared = c->shared != 0;
	(void)atomic_fetch_add(&c->signals, 1);
	futex_wake(&c->signals, n, shared);
	return 0;
}

int pmig_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	return condition_wait(condition_of(condition), mutex, &deadline_never);
}

int pmig_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *limit)
{
	struct condition *c = condition_of(condition);
	return condition_wait(c, mutex, &(struct deadline){limit, (clockid_t)c->clock});
}

int pmig_pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
	const struct timespec *limit)
{
	return condition_wait(condition_of(condition), mutex, &(struct deadline){limit, clock});
}

int pmig_pthread_cond_signal(pthread_cond_t *condition)
{
	return condition_wake(condition_of(condition), 1);
}

int pmig_pthread_cond_broadcast(pthread_cond_t *condition)
{
	return condition_wake(condition_of(condition), INT_MAX);
}

int pmig_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
	clockid_t clock = CLOCK_REALTIME;
	int shared = PTHREAD_PROCESS_PRIVATE;
	if (attributes != NULL) {
		(void)pthread_condattr_getclock(attributes, &clock);
		(void)pthread_condattr_getpshared(attributes, &shared);
	}
	(void)memset(condition, 0, sizeof *condition);
	condition_of(condition)->clock = (uint32_t)clock;
	condition_of(condition)->shared = shared == PTHREAD_PROCESS_SHARED;
	return 0;
}

/* It may be destroyed as soon as its waiters were woken, before they have left. */
int pmig_pthread_cond_destroy(pthread_cond_t *condition)
{
	struct condition *c = condition_of(condition);
	futex_drain(&c->inside, c->shared != 0);
	return 0;
}
