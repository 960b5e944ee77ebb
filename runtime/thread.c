/* thread: how threads of the program begin and end. */
#include "thread.h"

#include "arena/lock.h"
#include "block.h"
#include "control.h"
#include "foreign.h"
#include "frame/resume.h"
#include "locals.h"
#include "stop.h"
#include "thread_native.h"

#include <pmig/pmig.h>

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define STACK_OURS (512u << 10) /* what a walk and a checkpoint need, beside what the program asked for */
#define STACK_MOST (1ull << 40)

extern __thread char *pmig_frame_sp;

struct thread_native thread_natives[ARENA_THREADS_MAX];

static struct lock lock;
static _Atomic unsigned running;             /* changed under the lock */
static pthread_t leaving[ARENA_THREADS_MAX]; /* have ended, and are to be joined natively */
static unsigned leaving_count;

static __thread jmp_buf base; /* where a thread's native stack begins */

void thread_lock(sigset_t *ret_mask)
{
	sigset_t all;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, ret_mask);
	lock_take(&lock);
}

void thread_unlock(const sigset_t *mask)
{
	lock_open(&lock);
	(void)pthread_sigmask(SIG_SETMASK, mask, NULL);
}

struct arena_thread *pmig_thread_of(unsigned long id)
{
	uintptr_t offset = id - (ARENA_BASE + ARENA_THREADS);
	if (offset % ARENA_THREAD_SIZE != 0 || offset / ARENA_THREAD_SIZE >= ARENA_THREADS_MAX)
		return NULL;
	struct arena_thread *t = arena_thread((unsigned)(offset / ARENA_THREAD_SIZE));
	return t != NULL && thread_state(t)->life != 0 ? t : NULL;
}

pid_t pmig_thread_native(const struct arena_thread *t)
{
	return atomic_load_explicit(&thread_native_of(t)->tid, memory_order_acquire);
}

struct arena_thread *thread_next(const struct arena_thread *previous)
{
	for (unsigned i = previous != NULL ? previous->index + 1 : 0; i < ARENA_THREADS_MAX; i++) {
		struct arena_thread *t = arena_thread(i);
		if (t != NULL && thread_state(t)->life == THREAD_RUNS)
			return t;
	}
	return NULL;
}

unsigned pmig_thread_count(void)
{
	return atomic_load_explicit(&running, memory_order_acquire);
}

/* Sets the flags before the signal, whose handler breaks off a wait. */
static void poke(struct thread_native *n)
{
	if (n->tid == 0)
		return; /* it looks when it begins */
	__atomic_store_n(n->poll, 1, __ATOMIC_RELAXED);
	__atomic_store_n(n->asked, 1, __ATOMIC_RELAXED);
	(void)tgkill(getpid(), n->tid, CONTROL_SIGNAL);
}

void pmig_thread_poke(struct arena_thread *t)
{
	sigset_t mask;
	thread_lock(&mask);
	poke(thread_native_of(t));
	thread_unlock(&mask);
}

int pmig_thread_queue(pid_t native, int signal, union sigval value)
{
	siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value = value;
	return (int)syscall(SYS_rt_tgsigqueueinfo, getpid(), native, signal, &info);
}

void thread_poke_others(bool (*wanted)(const struct arena_thread *))
{
	for (struct arena_thread *t = thread_next(NULL); t != NULL; t = thread_next(t))
		if (t != pmig_thread && (wanted == NULL || wanted(t)))
			poke(thread_native_of(t));
}

void thread_native_become(struct arena_thread *t)
{
	struct thread_native *n = thread_native_of(t);
	sigset_t mask;
	pmig_thread = t;
	pmig_frame_sp = t->sp;
	thread_lock(&mask);
	n->poll = &pmig_poll;
	n->asked = &pmig_asked;
	n->handle = pthread_self();
	n->tid = gettid();
	__atomic_store_n(&pmig_poll, stop_wanted(), __ATOMIC_RELAXED);
	thread_unlock(&mask);
}

void thread_start(void)
{
	struct arena_thread *t = arena_thread(0);
	thread_state(t)->life = THREAD_RUNS;
	running = 1;
	thread_native_become(t);
	foreign_start();
}

/* Where there is no room they are waited for: that is short. */
static void leave_again(const pthread_t *handles, unsigned n)
{
	sigset_t mask;
	unsigned kept = 0;
	thread_lock(&mask);
	while (kept < n && leaving_count < ARENA_THREADS_MAX)
		leaving[leaving_count++] = handles[kept++];
	thread_unlock(&mask);
	while (kept < n)
		(void)pthread_join(handles[kept++], NULL);
}

/* Threads that have ended are about to be gone. `all`: waits until they are; nothing that they wait for is held by the caller. Without the
 * lock: libc gives memory back, and who has the lock of the heap may be in the signal handler, waiting for ours. */
static void join_leaving(bool all)
{
	pthread_t gone[ARENA_THREADS_MAX];
	sigset_t mask;
	thread_lock(&mask);
	unsigned n = leaving_count, left = 0;
	memcpy(gone, leaving, n * sizeof *gone);
	leaving_count = 0;
	thread_unlock(&mask);
	for (unsigned i = 0; i < n; i++)
		if (all)
			(void)pthread_join(gone[i], NULL);
		else if (pthread_tryjoin_np(gone[i], NULL) != 0)
			gone[left++] = gone[i];
	if (left > 0)
		leave_again(gone, left);
}

int thread_alone(void)
{
	join_leaving(true);
	return foreign_check();
}

/* Nobody will ask for the block any more. */
static void release(struct arena_thread *t)
{
	arena_thread_release(t);
}

void thread_native_count(void)
{
	sigset_t mask;
	thread_lock(&mask);
	running = 0;
	for (struct arena_thread *t = thread_next(NULL); t != NULL; t = thread_next(t))
		running++;
	thread_unlock(&mask);
}

_Noreturn void thread_native_idle(void)
{
	sigset_t all;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (;;)
		(void)sigsuspend(&all);
}

/* The last thing that a thread does: its block may belong to another one as soon as this has begun. */
static void end(struct arena_thread *t)
{
	struct thread *s = thread_state(t);
	struct thread_native *n = thread_native_of(t);
	sigset_t mask;
	bool detached, main = t->index == 0;
	thread_lock(&mask);
	bool many = leaving_count > ARENA_THREADS_MAX / 2;
	thread_unlock(&mask);
	if (many)
		join_leaving(true);
	thread_lock(&mask);
	if (running == 1) {
		thread_unlock(&mask);
		exit(0); /* the last one: as libc has it */
	}
	pmig_thread = NULL;
	pmig_frame_sp = NULL;
	if (!main)
		leaving[leaving_count++] = n->handle;
	n->tid = 0;
	running--;
	detached = s->detached != 0;
	s->life = THREAD_ENDED;
	if (detached && !main)
		release(t);
	else
		atomic_store(&s->ended, 1);
	stop_thread_ended();
	lock_open(&lock); /* signals stay blocked */
	if (!detached)
		(void)syscall(SYS_futex, &s->ended, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	if (main)
		thread_native_idle(); /* a process whose first thread is gone has no /proc/self/exe */
}

static __attribute__((noinline)) void go_on(struct arena_thread *t)
{
	const struct thread_native *n = thread_native_of(t);
	int outcome = 0;
	if (n->restored)
		outcome = thread_native_wait(t);
	else
		(void)pthread_sigmask(SIG_SETMASK, &n->mask, NULL);
	stop_missed();
	(void)resume_drive(&(struct resume_start){.entry = n->entry, .argument = t}, outcome);
}

/* Until what the thread does has returned, or pmig_thread_leave(): a signal can bring that about as soon as one comes through. */
static __attribute__((noinline)) void drive(struct arena_thread *t)
{
	if (setjmp(base) == 0)
		go_on(t);
}

static void *run(void *argument)
{
	thread_native_become(argument);
	drive(argument);
	end(argument);
	return NULL;
}

static int set_schedule(pthread_attr_t *a, const struct thread_native *n)
{
	const struct sched_param p = {.sched_priority = n->priority};
	int e = pthread_attr_setinheritsched(a, PTHREAD_EXPLICIT_SCHED);
	if (e == 0)
		e = pthread_attr_setschedpolicy(a, n->policy);
	return e != 0 ? e : pthread_attr_setschedparam(a, &p);
}

static int set_attributes(pthread_attr_t *a, const struct thread *s, const struct thread_native *n)
{
	size_t size;
	int e = pthread_attr_init(a);
	if (e != 0)
		return e;
	if (s->stack_size != 0 && s->stack_size < STACK_MOST)
		e = pthread_attr_setstacksize(a, (s->stack_size + STACK_OURS + 4095) & ~4095ull);
	else if (pthread_attr_getstacksize(a, &size) == 0)
		e = pthread_attr_setstacksize(a, size + STACK_OURS);
	if (e == 0 && s->guard_size != 0 && s->guard_size < STACK_MOST)
		e = pthread_attr_setguardsize(a, s->guard_size);
	return e == 0 && n->scheduled ? set_schedule(a, n) : e;
}

int thread_native_make(struct arena_thread *t)
{
	pthread_attr_t attributes;
	pthread_t handle;
	sigset_t all, mask;
	int e = set_attributes(&attributes, thread_state(t), thread_native_of(t));
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &mask); /* until the new thread is known */
	thread_native_of(t)->mask = mask;
	if (e == 0)
		e = foreign_real_create(&handle, &attributes, run, t);
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	(void)pthread_attr_destroy(&attributes);
	return e;
}

static void unmake(struct arena_thread *t)
{
	sigset_t mask;
	thread_lock(&mask);
	running--;
	thread_state(t)->life = 0;
	release(t);
	stop_thread_ended();
	thread_unlock(&mask);
}

int pmig_thread_create(const struct thread_options *o, unsigned long *ret_id)
{
	struct arena_thread *t;
	sigset_t mask;
	join_leaving(false);
	if (arena_thread_create(&t) < 0)
		return EAGAIN;
	locals_start(t);
	struct thread *s = thread_state(t);
	*s = (struct thread){.detached = o->detached,
		.start = o->start,
		.argument = o->argument,
		.stack_size = o->stack_size,
		.guard_size = o->guard_size};
	t->signals.hidden = pmig_thread->signals.hidden;
	struct thread_native *n = thread_native_of(t);
	*n = (struct thread_native){
		.entry = o->entry, .scheduled = o->scheduled, .policy = o->policy, .priority = o->priority};
	thread_lock(&mask);
	s->number = ++thread_state(arena_thread(0))->made;
	s->life = THREAD_RUNS; /* from here on a request waits for it */
	running++;
	thread_unlock(&mask);
	*ret_id = (unsigned long)t;
	int e = thread_native_make(t);
	if (e != 0)
		unmake(t);
	return e;
}

_Noreturn void pmig_thread_leave(void *result)
{
	struct arena_thread *t = pmig_thread;
	thread_state(t)->result = result;
	if (t->index == 0)
		end(t); /* its native stack stays: nothing of it is needed any more */
	longjmp(base, 1);
}

int pmig_thread_join(struct arena_thread *t)
{
	struct thread *s = thread_state(t), *mine = thread_state(pmig_thread);
	sigset_t mask;
	int e = 0;
	thread_lock(&mask);
	if (t == pmig_thread || mine->joined == t)
		e = EDEADLK;
	else if (s->detached != 0 || s->joined != NULL)
		e = EINVAL;
	else
		s->joined = pmig_thread;
	thread_unlock(&mask);
	return e;
}

void pmig_thread_part(struct arena_thread *t)
{
	sigset_t mask;
	thread_lock(&mask);
	thread_state(t)->joined = NULL;
	thread_unlock(&mask);
}

void *pmig_thread_reap(struct arena_thread *t)
{
	const struct thread *s = thread_state(t);
	void *result = atomic_load(&s->ended) != 0 ? s->result : NULL;
	if (t->index == 0)
		thread_state(t)->detached = 1;
	else
		release(t);
	return result;
}

int pmig_thread_detach(struct arena_thread *t)
{
	struct thread *s = thread_state(t);
	sigset_t mask;
	thread_lock(&mask);
	int e = s->detached != 0 ? EINVAL : 0;
	bool ended = s->life == THREAD_ENDED;
	s->detached = 1;
	if (e == 0 && ended && t->index != 0)
		release(t);
	thread_unlock(&mask);
	return e;
}

void pmig_thread_forked(void)
{
	arena_forked();
	lock = (struct lock){0};
	running = 1;
	leaving_count = 0;
	for (struct arena_thread *t = thread_next(NULL); t != NULL; t = thread_next(t)) {
		if (t == pmig_thread)
			continue;
		thread_state(t)->life = THREAD_ENDED; /* its memory stays: the child may point into it */
		thread_native_of(t)->tid = 0;
	}
	if (pmig_thread != NULL)
		thread_native_of(pmig_thread)->tid = gettid();
	stop_forked();
}
