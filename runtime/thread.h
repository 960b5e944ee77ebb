/* thread: the program's threads.
 *
 * A thread is a block of the arena (struct arena_thread): its number, its frame stack, its thread-local variables, and what the
 * program has set about it (struct thread). The block travels; the native thread that runs it is made anew in every
 * process. The program's pthread_t is the block's address, so that it stays what it is, and pthread_self() costs a load.
 *
 * Life of a block: thread_create() takes it and starts a native thread that calls the program's `entry`; when that
 * returns, or thread_leave() is called, the thread has ended: `ended` is 1 and was woken as a futex. Who joins it gives
 * the block back by thread_reap(); of a detached thread it goes back by itself. The main thread's is never given back.
 *
 * Locks that the runtime itself takes are never held at a safe point. */
#ifndef PMIG_THREAD_H
#define PMIG_THREAD_H

#include "arena/arena.h"

#include <sched.h>
#include <sys/types.h>

/* The block of the calling thread, in the arena: the same address after a move. NULL in a thread that a library made. */
extern __thread struct arena_thread *pmig_thread;

/* Whose arena_thread.roots[] are whose. */
enum thread_root {
	THREAD_ROOT_KEYS,    /* thread-specific data: carried/key.c */
	THREAD_ROOT_SIGNALS, /* handler.c */
	THREAD_ROOT_CLEANUP, /* pthread_cleanup_push(): carried/thread_exit.c */
	THREAD_ROOT_STREAMS, /* streams that it has locked: flockfile() */
	THREAD_ROOT_LOCALE,  /* what it chose with uselocale(): resource/locales.c */
	THREAD_ROOTS = 32
};

enum thread_life { THREAD_RUNS = 1, THREAD_ENDED };

/* Why a thread is to be cancelled, and whether it may be: struct thread.cancel. */
#define THREAD_CANCEL_ASKED 1u    /* pthread_cancel() */
#define THREAD_CANCEL_DISABLED 2u /* PTHREAD_CANCEL_DISABLE */
#define THREAD_CANCEL_DEFERRED 0u
#define THREAD_CANCEL_ANY_TIME 4u /* PTHREAD_CANCEL_ASYNCHRONOUS */
#define THREAD_CANCEL_ENDING 8u   /* it ends already */

/* In arena_thread.state: what is known about a thread of the program. Read by carried code too. */
struct thread {
	uint32_t life;             /* enum thread_life */
	uint32_t ended;            /* futex: 1 when it has ended */
	_Atomic uint32_t detached; /* THREAD_DETACHED_*: who gives the block back */
	_Atomic uint32_t cancel;   /* THREAD_CANCEL_* */
	void *(*start)(void *);
	void *argument;
	void *result;                    /* what pthread_join() gives */
	uint64_t stack_size, guard_size; /* bytes; of the native stack, as the program wanted them; 0: the default */
	uint64_t number;                 /* of all threads that the program ever made, from 1; main has 0 */
	int32_t policy, priority;        /* sched_setscheduler(2); as they were when it stood still */
	int32_t error;                   /* errno, likewise */
	int32_t nice;
	char name[16]; /* likewise */
};

_Static_assert(sizeof(struct thread) <= sizeof(((struct arena_thread *)NULL)->state), "it has its place there");

static inline struct thread *thread_state(const struct arena_thread *t)
{
	return (struct thread *)(uintptr_t)t->state;
}

/* The block that `id`, a pthread_t of the program, means; NULL if it means none that is in use. Not for a thread that may be joined
 * meanwhile by somebody else (as with any pthread_t). */
struct arena_thread *pmig_thread_of(unsigned long id);

/* The thread's native id in this process; 0 if it has none (ended, or about to start). For kill, /proc and sched_*(). */
pid_t pmig_thread_native(const struct arena_thread *t);

/* The next thread of the program that runs, behind `previous` (NULL: the first). Others may begin and end meanwhile; at a checkpoint, when all
 * stand still, this is all of them. */
struct arena_thread *thread_next(const struct arena_thread *previous);

/* How many run. */
unsigned pmig_thread_count(void);

/* Calls `pmig_thread`'s safe point soon: sets its poll flags and breaks off a wait (block.h) of it. */
void pmig_thread_poke(struct arena_thread *t);

#endif
