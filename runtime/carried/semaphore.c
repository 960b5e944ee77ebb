/* semaphore: unnamed semaphores. The value and the number of waiters are one word, so that who posts never looks at a semaphore that
 * somebody else may have destroyed meanwhile. This is also how glibc has it, with which a named one is shared. */
#include "cancel.h"
#include "futex.h"

#include <semaphore.h>
#include <string.h>

struct semaphore {
	union {
		_Atomic uint64_t both;
		_Atomic uint32_t value; /* the lower half; waiters above */
	};
	uint32_t shared;
};
#define WAITER (1ull << 32)
_Static_assert(sizeof(struct semaphore) <= sizeof(sem_t), "it lies there");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower half comes first");

int pmig_sem_init(sem_t *semaphore, int shared, unsigned value);
int pmig_sem_destroy(sem_t *semaphore);
int pmig_sem_wait(sem_t *semaphore);
int pmig_sem_trywait(sem_t *semaphore);
int pmig_sem_timedwait(sem_t *semaphore, const struct timespec *limit);
int pmig_sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *limit);
int pmig_sem_post(sem_t *semaphore);
int pmig_sem_getvalue(sem_t *semaphore, int *ret_value);

static int failed(int number)
{
	errno = number;
	return -1;
}

static bool semaphore_take(struct semaphore *s, uint64_t waiter)
{
	uint64_t n = atomic_load_explicit(&s->both, memory_order_relaxed);
	while ((uint32_t)n != 0)
		if (atomic_compare_exchange_weak(&s->both, &n, n - 1 - waiter))
			return true;
	return false;
}

/* As libc: a handler breaks it off, unless it was installed with SA_RESTART and there is no limit. */
FUTEX_SLOW static int semaphore_wait(struct semaphore *s, const struct deadline *d)
{
	enum block_breaks what = d->limit != NULL ? BLOCK_ANY : BLOCK_BREAKER;
	uint32_t handled = block_count(what);
	long r = 0;
	if (deadline_check(d) != 0)
		return failed(EINVAL);
	(void)atomic_fetch_add(&s->both, WAITER);
	while (!semaphore_take(s, WAITER)) {
		block_point();
		if (r == 0 && block_count(what) != handled)
			r = -EINTR;
		if (r != 0 || wait_cancelled()) {
			(void)atomic_fetch_sub(&s->both, WAITER);
			wait_cancel();
			return failed((int)-r);
		}
		r = futex_sleep(&s->value, 0, d, s->shared != 0);
	}
	return 0;
}

int pmig_sem_wait(sem_t *semaphore)
{
	struct semaphore *s = (struct semaphore *)semaphore;
	wait_cancel();
	return __builtin_expect(semaphore_take(s, 0), 1) ? 0 : semaphore_wait(s, &deadline_never);
}

int pmig_sem_trywait(sem_t *semaphore)
{
	return semaphore_take((struct semaphore *)semaphore, 0) ? 0 : failed(EAGAIN);
}

int pmig_sem_timedwait(sem_t *semaphore, const struct timespec *limit)
{
	struct semaphore *s = (struct semaphore *)semaphore;
	wait_cancel();
	return semaphore_take(s, 0) ? 0 : semaphore_wait(s, &(struct deadline){limit, CLOCK_REALTIME});
}

int pmig_sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *limit)
{
	struct semaphore *s = (struct semaphore *)semaphore;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return failed(EINVAL);
	return semaphore_take(s, 0) ? 0 : semaphore_wait(s, &(struct deadline){limit, clock});
}

int pmig_sem_post(sem_t *semaphore)
{
	struct semaphore *s = (struct semaphore *)semaphore;
	bool shared = s->shared != 0;
	uint64_t n = atomic_load_explicit(&s->both, memory_order_relaxed);
	do {
		if ((uint32_t)n == SEM_VALUE_MAX)
			return failed(EOVERFLOW);
	} while (!atomic_compare_exchange_weak(&s->both, &n, n + 1));
	if (n >= WAITER)
		futex_wake(&s->value, 1, shared);
	return 0;
}

int pmig_sem_getvalue(sem_t *semaphore, int *ret_value)
{
	*ret_value = (int)atomic_load(&((struct semaphore *)semaphore)->value);
	return 0;
}

int pmig_sem_init(sem_t *semaphore, int shared, unsigned value)
{
	if (value > SEM_VALUE_MAX)
		return failed(EINVAL);
	(void)memset(semaphore, 0, sizeof *semaphore);
	struct semaphore *s = (struct semaphore *)semaphore;
	s->both = value;
	s->shared = shared != 0;
	return 0;
}

int pmig_sem_destroy(sem_t *semaphore)
{
	(void)semaphore;
	return 0;
}
