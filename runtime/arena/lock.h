/* lock: a mutex of one word that may lie in memory that travels: zero is open, so a fresh or re-opened one needs no
 * setting up, and no thread identity is kept in it. After Drepper: Futexes Are Tricky, 2011, "mutex3". */
#ifndef PMIG_ARENA_LOCK_H
#define PMIG_ARENA_LOCK_H

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOCK_SPINS 100

struct lock {
	_Atomic uint32_t word; /* 0 open, 1 taken, 2 taken and somebody may wait */
};

static inline void lock_wait(struct lock *l)
{
	int saved = errno;
	while (atomic_exchange_explicit(&l->word, 2, memory_order_acquire) != 0)
		(void)syscall(SYS_futex, &l->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
	errno = saved;
}

static inline void lock_take(struct lock *l)
{
	for (int i = 0; i < LOCK_SPINS; i++) {
		uint32_t open = 0;
		if (atomic_compare_exchange_weak_explicit(&l->word, &open, 1, memory_order_acquire, memory_order_relaxed))
			return;
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
	}
	lock_wait(l);
}

static inline void lock_open(struct lock *l)
{
	if (atomic_exchange_explicit(&l->word, 0, memory_order_release) == 2) {
		int saved = errno;
		(void)syscall(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		errno = saved;
	}
}

#endif
