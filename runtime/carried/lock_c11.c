/* lock_c11: mtx_t and cnd_t of <threads.h>, which are the same things with other words for failures. */
#include "mutex.h"

#include <threads.h>

int pmig_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int pmig_pthread_cond_destroy(pthread_cond_t *condition);
int pmig_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int pmig_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *limit);
int pmig_pthread_cond_signal(pthread_cond_t *condition);
int pmig_pthread_cond_broadcast(pthread_cond_t *condition);

int pmig_mtx_init(mtx_t *mutex, int type);
void pmig_mtx_destroy(mtx_t *mutex);
int pmig_mtx_lock(mtx_t *mutex);
int pmig_mtx_timedlock(mtx_t *mutex, const struct timespec *limit);
int pmig_mtx_trylock(mtx_t *mutex);
int pmig_mtx_unlock(mtx_t *mutex);
int pmig_cnd_init(cnd_t *condition);
void pmig_cnd_destroy(cnd_t *condition);
int pmig_cnd_wait(cnd_t *condition, mtx_t *mutex);
int pmig_cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *limit);
int pmig_cnd_signal(cnd_t *condition);
int pmig_cnd_broadcast(cnd_t *condition);

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && sizeof(cnd_t) == sizeof(pthread_cond_t), "as glibc has it");

static int c11_word(int e)
{
	switch (e) {
	case 0:
		return thrd_success;
	case EBUSY:
		return thrd_busy;
	case ETIMEDOUT:
		return thrd_timedout;
	case ENOMEM:
		return thrd_nomem;
	default:
		return thrd_error;
	}
}

static pthread_mutex_t *c11_mutex(mtx_t *m)
{
	return (pthread_mutex_t *)m;
}

static pthread_cond_t *c11_condition(cnd_t *c)
{
	return (pthread_cond_t *)c;
}

int pmig_mtx_init(mtx_t *mutex, int type)
{
	if ((type & ~(mtx_timed | mtx_recursive)) != 0)
		return thrd_error;
	(void)pmig_pthread_mutex_init(c11_mutex(mutex), NULL);
	if ((type & mtx_recursive) != 0)
		((struct mutex *)mutex)->kind = PTHREAD_MUTEX_RECURSIVE;
	return thrd_success;
}

void pmig_mtx_destroy(mtx_t *mutex)
{
	(void)pmig_pthread_mutex_destroy(c11_mutex(mutex));
}

int pmig_mtx_lock(mtx_t *mutex)
{
	return c11_word(pmig_pthread_mutex_lock(c11_mutex(mutex)));
}

int pmig_mtx_timedlock(mtx_t *mutex, const struct timespec *limit)
{
	return c11_word(pmig_pthread_mutex_timedlock(c11_mutex(mutex), limit));
}

int pmig_mtx_trylock(mtx_t *mutex)
{
	return c11_word(pmig_pthread_mutex_trylock(c11_mutex(mutex)));
}

int pmig_mtx_unlock(mtx_t *mutex)
{
	return c11_word(pmig_pthread_mutex_unlock(c11_mutex(mutex)));
}

int pmig_cnd_init(cnd_t *condition)
{
	return c11_word(pmig_pthread_cond_init(c11_condition(condition), NULL));
}

void pmig_cnd_destroy(cnd_t *condition)
{
	(void)pmig_pthread_cond_destroy(c11_condition(condition));
}

int pmig_cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return c11_word(pmig_pthread_cond_wait(c11_condition(condition), c11_mutex(mutex)));
}

int pmig_cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *limit)
{
	return c11_word(pmig_pthread_cond_timedwait(c11_condition(condition), c11_mutex(mutex), limit));
}

int pmig_cnd_signal(cnd_t *condition)
{
	return c11_word(pmig_pthread_cond_signal(c11_condition(condition)));
}

int pmig_cnd_broadcast(cnd_t *condition)
{
	return c11_word(pmig_pthread_cond_broadcast(c11_condition(condition)));
}
