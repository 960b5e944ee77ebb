/* barrier: one word counts who has arrived in its lower half and the rounds in its upper half, which is what waiters sleep on. */
#include "futex.h"

#include <pthread.h>
#include <string.h>

struct barrier {
	union {
		_Atomic uint64_t both;
		struct {
			_Atomic uint32_t arrived, round; /* little end first */
		};
	};
	_Atomic uint32_t inside; /* see condition.c */
	uint32_t count;
	uint32_t shared;
};
_Static_assert(sizeof(struct barrier) <= sizeof(pthread_barrier_t), "it lies there");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the halves are named so");

int pmig_pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes, unsigned count);
int pmig_pthread_barrier_destroy(pthread_barrier_t *barrier);
int pmig_pthread_barrier_wait(pthread_barrier_t *barrier);

int pmig_pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes, unsigned count)
{
	int shared = PTHREAD_PROCESS_PRIVATE;
	if (count == 0 || count > INT_MAX)
		return EINVAL;
	if (attributes != NULL)
		(void)pthread_barrierattr_getpshared(attributes, &shared);
	(void)memset(barrier, 0, sizeof *barrier);
	struct barrier *b = (struct barrier *)barrier;
	b->count = count;
	b->shared = shared == PTHREAD_PROCESS_SHARED;
	return 0;
}

int pmig_pthread_barrier_wait(pthread_barrier_t *barrier)
{
	struct barrier *b = (struct barrier *)barrier;
	bool shared = b->shared != 0, last;
	(void)atomic_fetch_add(&b->inside, 1);
	uint64_t now = atomic_load(&b->both), next;
	do {
		last = (uint32_t)now + 1 == b->count;
		next = last ? ((now >> 32) + 1) << 32 : now + 1;
	} while (!atomic_compare_exchange_weak(&b->both, &now, next));
	uint32_t round = (uint32_t)(now >> 32);
	if (last)
		futex_wake(&b->round, INT_MAX, shared);
	while (!last && atomic_load(&b->round) == round)
		(void)futex_wait(&b->round, round, &deadline_never, shared);
	futex_leave(&b->inside, shared);
	return last ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

/* By whoever was let through first, while the others still leave. */
int pmig_pthread_barrier_destroy(pthread_barrier_t *barrier)
{
	struct barrier *b = (struct barrier *)barrier;
	futex_drain(&b->inside, b->shared != 0);
	return 0;
}
