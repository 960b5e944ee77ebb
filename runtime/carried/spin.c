/* spin: spin locks whose waiters come to safe points, so that a thread may be stopped while another has the lock. */
#include "futex.h"

#include <pthread.h>
#include <sched.h>

#define SPIN_YIELD 1000 /* then somebody else may have the processor */

int pmig_pthread_spin_init(pthread_spinlock_t *lock, int shared);
int pmig_pthread_spin_destroy(pthread_spinlock_t *lock);
int pmig_pthread_spin_lock(pthread_spinlock_t *lock);
int pmig_pthread_spin_trylock(pthread_spinlock_t *lock);
int pmig_pthread_spin_unlock(pthread_spinlock_t *lock);

static _Atomic uint32_t *word_of(pthread_spinlock_t *lock)
{
	return (_Atomic uint32_t *)(uintptr_t)lock;
}

int pmig_pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
	(void)shared;
	atomic_store_explicit(word_of(lock), 0, memory_order_relaxed);
	return 0;
}

int pmig_pthread_spin_destroy(pthread_spinlock_t *lock)
{
	(void)lock;
	return 0;
}

int pmig_pthread_spin_trylock(pthread_spinlock_t *lock)
{
	return atomic_exchange_explicit(word_of(lock), 1, memory_order_acquire) == 0 ? 0 : EBUSY;
}

FUTEX_SLOW static void spin_wait(pthread_spinlock_t *lock)
{
	for (unsigned n = 1; pmig_pthread_spin_trylock(lock) != 0; n++) {
		while (atomic_load_explicit(word_of(lock), memory_order_relaxed) != 0 && n % SPIN_YIELD != 0) {
			n++;
			__builtin_ia32_pause();
			block_point();
		}
		if (n % SPIN_YIELD == 0)
			(void)sched_yield();
		block_point();
	}
}

int pmig_pthread_spin_lock(pthread_spinlock_t *lock)
{
	if (__builtin_expect(pmig_pthread_spin_trylock(lock) != 0, 0))
		spin_wait(lock);
	return 0;
}

int pmig_pthread_spin_unlock(pthread_spinlock_t *lock)
{
	atomic_store_explicit(word_of(lock), 0, memory_order_release);
	return 0;
}
