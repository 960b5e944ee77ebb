/* thread_restore: threads that stand still, and threads of an image that are made anew. */
#include "arena/lock.h"
#include "frame/resume.h"
#include "handler.h"
#include "resource/locales.h"
#include "stream/owner.h"
#include "thread_native.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

extern __thread char *pmig_frame_sp;

/* As futexes: how many native threads are ready, and whether they may run. */
static _Atomic uint32_t ready, gate;
static int gate_outcome;

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void get_floating(struct thread *s)
{
	uint32_t sse = 0;
	uint16_t x87 = 0;
#if defined(__x86_64__)
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
#endif
	s->sse = sse;
	s->x87 = x87;
}

static void set_floating(const struct thread *s)
{
	uint32_t sse = s->sse & 0xffbf;
	uint16_t x87 = (uint16_t)s->x87;
#if defined(__x86_64__)
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(sse), "m"(x87));
#endif
	(void)sse, (void)x87;
}

void thread_put_down(int error)
{
	struct thread *s = thread_state(pmig_thread);
	struct sched_param p = {0};
	pmig_thread->sp = pmig_frame_sp;
	s->error = error;
	s->policy = sched_getscheduler(0);
	s->priority = sched_getparam(0, &p) == 0 ? p.sched_priority : 0;
	s->nice = getpriority(PRIO_PROCESS, 0);
	(void)prctl(PR_GET_NAME, s->name);
	get_floating(s);
}

/* What the main thread had is set by resource/context.c. What this host forbids stays as it is, as with limits. */
static void take_up(const struct thread *s)
{
	const struct sched_param p = {.sched_priority = s->priority};
	char name[sizeof s->name];
	memcpy(name, s->name, sizeof name);
	name[sizeof name - 1] = '\0';
	(void)prctl(PR_SET_NAME, name);
	if (s->policy != SCHED_OTHER)
		(void)sched_setscheduler(0, s->policy, &p);
	(void)setpriority(PRIO_PROCESS, 0, s->nice);
	set_floating(s);
}

int thread_adopt(uint64_t index, const void *frames, size_t size, uint64_t count)
{
	const struct arena_thread *t = index < ARENA_THREADS_MAX ? arena_thread((unsigned)index) : NULL;
	if (t == NULL || thread_state(t)->life != THREAD_RUNS || count == 0)
		return error_set(PMIG_ECORRUPT, "section frames: thread %lu does not run, or has no frame",
			(unsigned long)index);
	struct thread_native *n = thread_native_of(t);
	if (n->frames != NULL)
		return error_set(PMIG_ECORRUPT, "section frames: thread %lu comes twice", (unsigned long)index);
	int r = resume_check(frames, size, count);
	if (r < 0)
		return error_prefix(r, "thread %lu", (unsigned long)index);
	n->frames = frames; /* the main thread's has more in it already */
	n->size = size;
	n->count = count;
	n->restored = true;
	return 0;
}

void thread_forget(void)
{
	memset(thread_natives, 0, sizeof thread_natives);
}

int thread_native_wait(struct arena_thread *t)
{
	const struct thread_native *n = thread_native_of(t);
	resume_adopt(n->frames, n->size, n->count);
	take_up(thread_state(t));
	locales_use();
	owner_lock_again();
	atomic_fetch_add(&ready, 1);
	futex_wake(&ready);
	while (atomic_load(&gate) == 0)
		futex_wait(&gate, 0);
	handler_unpark();
	return gate_outcome;
}

static int check(const struct arena_thread *t)
{
	const struct thread *s = thread_state(t);
	bool runs = s->life == THREAD_RUNS;
	if (s->life != THREAD_RUNS && s->life != THREAD_ENDED)
		return error_set(PMIG_ECORRUPT, "arena: thread block %u neither runs nor has ended", t->index);
	if (runs != (thread_native_of(t)->frames != NULL))
		return error_set(PMIG_ECORRUPT, "section frames: none for thread %u", t->index);
	return 0;
}

int thread_restart(void)
{
	unsigned wanted = 0;
	struct arena_thread *first = arena_thread(0);
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++) {
		int r = arena_thread(i) != NULL ? check(arena_thread(i)) : 0;
		if (r < 0)
			return r;
	}
	if (thread_next(NULL) == NULL)
		return error_set(PMIG_ECORRUPT, "section frames: no thread runs");
	thread_native_count();
	if (thread_state(first)->life == THREAD_RUNS)
		resume_adopt(thread_native_of(first)->frames, thread_native_of(first)->size, thread_native_of(first)->count);
	pmig_frame_sp = first->sp;
	for (struct arena_thread *t = thread_next(NULL); t != NULL; t = thread_next(t)) {
		if (t == first)
			continue;
		int e = thread_native_make(t);
		if (e != 0)
			return error_errno(PMIG_ENOMEM, e, "thread %lu cannot be made",
				(unsigned long)thread_state(t)->number);
		wanted++;
	}
	for (uint32_t n; (n = atomic_load(&ready)) != wanted;)
		futex_wait(&ready, n);
	return 0;
}

void thread_go_on(int outcome)
{
	gate_outcome = outcome;
	atomic_store(&gate, 1);
	futex_wake(&gate);
	if (thread_state(arena_thread(0))->life != THREAD_RUNS)
		thread_native_idle();
	set_floating(thread_state(pmig_thread));
	handler_unpark();
}
