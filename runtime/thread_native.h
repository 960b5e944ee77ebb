/* thread_native: what thread*.c know about the native threads of this process. */
#ifndef PMIG_THREAD_NATIVE_H
#define PMIG_THREAD_NATIVE_H

#include "thread.h"

#include <pthread.h>

#define THREAD_WHERE_MAX 400

struct thread_native {
	_Atomic pid_t tid; /* 0: none yet, or none any more */
	pthread_t handle;
	volatile int *poll, *asked;
	void (*entry)(void *);
	sigset_t mask;      /* to begin with */
	const void *frames; /* of a restored thread: what it goes on with */
	size_t size;
	uint64_t count;
	bool restored, scheduled;
	int policy, priority;    /* where `scheduled` */
	_Atomic int where_asked; /* 1: it is to be described, 2: it is */
	char where[THREAD_WHERE_MAX];
};

/* By the block's index. Changed under thread_lock(). */
extern struct thread_native thread_natives[ARENA_THREADS_MAX];

static inline struct thread_native *thread_native_of(const struct arena_thread *t)
{
	return &thread_natives[t->index];
}

/* Makes the native thread of a block that is set up. 0 or an errno. */
int thread_native_make(struct arena_thread *t);

/* The calling thread is `t` from now on. */
void thread_native_become(struct arena_thread *t);

/* A restored native thread waits until it may run; returns the outcome of its safe point. */
int thread_native_wait(struct arena_thread *t);

/* In a restored process: as many threads run as the image says. */
void thread_native_count(void);

/* The main native thread has nothing to do any more, but must not go. */
_Noreturn void thread_native_idle(void);

#endif
