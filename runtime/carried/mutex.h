/* mutex: a pthread_mutex_t (and mtx_t) as our own functions use it. */
#ifndef PMIG_CARRIED_MUTEX_H
#define PMIG_CARRIED_MUTEX_H

#include "futex.h"

#include <pthread.h>
#include <stddef.h>

/* The static initialisers of pthread.h set `kind` and leave the rest zero. The lock word is glibc's as well, so that a library may
 * take a plain mutex of the program. */
struct mutex {
	_Atomic uint32_t word;  /* 0 open, 1 taken, 2 taken and somebody may wait: Drepper, Futexes Are Tricky, "mutex3" */
	uint32_t count;         /* how often its owner has it */
	_Atomic uint32_t owner; /* thread_self(); of kinds that must know */
	uint32_t users;
	int32_t kind; /* PTHREAD_MUTEX_*, and MUTEX_SHARED */
};
#define MUTEX_SHARED 0x80
#define MUTEX_KIND 0x7f
#define MUTEX_DESTROYED (-1)

_Static_assert(offsetof(struct mutex, kind) == offsetof(pthread_mutex_t, __data.__kind), "as the initialisers have it");

int pmig_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int pmig_pthread_mutex_destroy(pthread_mutex_t *mutex);
int pmig_pthread_mutex_lock(pthread_mutex_t *mutex);
int pmig_pthread_mutex_trylock(pthread_mutex_t *mutex);
int pmig_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *limit);
int pmig_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *limit);
int pmig_pthread_mutex_unlock(pthread_mutex_t *mutex);

#endif
