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

#include <signal.h>
#include <stdatomic.h>
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

enum thread_life { THREAD_RUNS = 1, THREAD_ENDED, THREAD_FOREIGN /* a library made it */ };

/* Why a thread is to be cancelled, and whether it may be: struct thread.cancel. */
#define THREAD_CANCEL_ASKED 1u    /* pthread_cancel() */
#define THREAD_CANCEL_DISABLED 2u /* PTHREAD_CANCEL_DISABLE */
#define THREAD_CANCEL_ANY_TIME 4u /* PTHREAD_CANCEL_ASYNCHRONOUS */
#define THREAD_CANCEL_ENDING 8u   /* it ends already */
#define THREAD_CANCEL_ALL 15u

/* In arena_thread.state: what is known about a thread of the program. Read by carried code too. */
struct thread {
	_Atomic uint32_t life;   /* enum thread_life */
	_Atomic uint32_t ended;  /* futex: 1 when it has ended */
	_Atomic uint32_t cancel; /* THREAD_CANCEL_* */
	uint32_t detached;
	void *(*start)(void *);
	void *argument;
	void *result;                    /* what pthread_join() gives */
	uint64_t stack_size, guard_size; /* bytes; of the native stack, as the program wanted them; 0: the default */
	uint64_t number;                 /* of all threads that the program ever made, from 1; main has 0 */
	uint64_t made;                   /* in the main thread: how many were made so far */
	struct arena_thread *joined;     /* who waits for it */
	void (*cancelled)(void);         /* what ends it at any time, where it has asked for that */
	int32_t error;                   /* errno, when it stands still; and so with what follows */
	int32_t policy, priority, nice;  /* sched_setscheduler(2) */
	uint32_t sse, x87;               /* rounding and traps */
	char name[16];
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

/* The next thread of the program that runs, behind `previous` (NULL: the first). Others may begin and end meanwhile; at a
 * checkpoint, when all stand still, this is all of them. */
struct arena_thread *thread_next(const struct arena_thread *previous);

/* How many run. */
unsigned pmig_thread_count(void);

/* Brings a thread to a safe point soon: sets its poll flags and breaks off a wait of it (block.h). Nothing if it has ended. */
void pmig_thread_poke(struct arena_thread *t);

/* What a new thread is to be. */
struct thread_options {
	void (*entry)(void *block); /* carried: begins, calls `start`, ends */
	void *(*start)(void *);
	void *argument;
	bool detached;
	uint64_t stack_size, guard_size; /* bytes; 0: the default */
	int32_t policy, priority;        /* where `scheduled` */
	bool scheduled;
};

/* Makes a thread and starts it; *ret_id is there before it begins. 0, or an errno (EAGAIN: there are as many as there can be). */
int pmig_thread_create(const struct thread_options *o, unsigned long *ret_id);

/* Ends the calling thread, whose destructors have run. The last one ends the process, with status 0. */
_Noreturn void pmig_thread_leave(void *result);

/* The calling thread is the one that waits for `t`: 0, EDEADLK, EINVAL (it is detached, or another one waits). Then wait for
 * thread_state(t)->ended; after that, once: pmig_thread_reap(), which gives the block back and returns the result; or, to wait no longer,
 * pmig_thread_part(). */
int pmig_thread_join(struct arena_thread *t);
void *pmig_thread_reap(struct arena_thread *t);
void pmig_thread_part(struct arena_thread *t);

/* 0, or EINVAL: it is detached already. */
int pmig_thread_detach(struct arena_thread *t);

/* rt_tgsigqueueinfo(2): as sigqueue(), to one thread. -1 with errno. */
int pmig_thread_queue(pid_t native, int signal, union sigval value);

/* What the kernel calls it, at most 15 bytes. 0 or an errno; errno stays. */
int pmig_thread_set_name(const struct arena_thread *t, const char *name);
int pmig_thread_get_name(const struct arena_thread *t, char *ret_name, size_t size);

/* In the child of a fork, first of all: only the calling thread is there. */
void pmig_thread_forked(void);

/* Below: for stop.c, checkpoint.c and start.c. */

/* The main thread, before the program runs: its block is the arena's first. */
void thread_start(void);

/* Over what is known of native threads, and over the state of stop.c. The signal handler takes it too: all signals are blocked meanwhile. */
void thread_lock(sigset_t *ret_mask);
void thread_unlock(const sigset_t *mask);

/* Under the lock: signals every thread but the calling one that `wanted` says yes to (NULL: all), with poll flags set. */
void thread_poke_others(bool (*wanted)(const struct arena_thread *));

/* When all threads stand still: waits for native threads that are about to be gone. Error: PMIG_EREFUSED: there is a native thread
 * that is not the program's. */
PMIG_MUST_CHECK int thread_alone(void);

/* The calling thread stands still: what the kernel knows about it, into its block; `error` is its errno. */
void thread_put_down(int error);

/* A restored process, in the main thread, once memory is there: gives the block `index` its frames (borrowed for good). Error: PMIG_ECORRUPT. */
PMIG_MUST_CHECK int thread_adopt(uint64_t index, const void *frames, size_t size, uint64_t count);

/* Then: checks that every thread that ran has its frames, and makes the native threads, which wait. Errors: PMIG_ECORRUPT,
 * PMIG_ENOMEM. */
PMIG_MUST_CHECK int thread_restart(void);

/* Undoes thread_adopt(). For tests. */
void thread_forget(void);

/* They run, with `outcome` as the result of their safe points. The calling thread, the main one, goes on by itself, unless
 * it had ended: then this does not return. */
void thread_go_on(int outcome);

/* Asks every thread but the calling one that `wanted` says yes to where it is, and writes it as "in thread 3 (name), in read, called
 * by work; ...". From a signal handler too; without the lock. Waits at most 200 ms. */
void thread_describe_others(bool (*wanted)(const struct arena_thread *), char *out, size_t size);

/* In the handler of CONTROL_SIGNAL: answers thread_describe_others() of another thread. */
void thread_describe_self(void *context);

/* "thread 3 (name)", for a message. */
void thread_name(const struct arena_thread *t, char *out, size_t size);

#endif
