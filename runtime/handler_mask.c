/* handler_mask: what each thread blocks, and what waits for it while it stands still. */
#include "handler.h"

#include "arena/malloc.h"
#include "arena/mapping.h"
#include "frame/program.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONTROL_BIT (1ull << (CONTROL_SIGNAL - 1))

/* A signal that waited, with all that was sent. */
struct waiting {
	struct waiting *next;
	siginfo_t info;
};

static bool held;        /* all is blocked here, in a process that has no thread block yet */
static sigset_t outside; /* what it was before */
static bool lost;        /* something that waits could not be taken down */

static uint64_t bits_of(const sigset_t *set)
{
	uint64_t b;
	memcpy(&b, set, sizeof b);
	return b;
}

static sigset_t set_of(uint64_t b)
{
	sigset_t set;
	(void)sigemptyset(&set);
	memcpy(&set, &b, sizeof b);
	return set;
}

int pmig_pthread_sigmask(int how, const sigset_t *set, sigset_t *ret_old)
{
	struct arena_thread *t = pmig_thread;
	sigset_t kernel;
	if (set != NULL) {
		kernel = *set;
		(void)sigdelset(&kernel, CONTROL_SIGNAL);
	}
	int r = pthread_sigmask(how, set != NULL ? &kernel : NULL, ret_old);
	if (r != 0 || t == NULL)
		return r;
	bool hidden = t->signals.hidden != 0, named = set != NULL && sigismember(set, CONTROL_SIGNAL) == 1;
	if (ret_old != NULL && hidden)
		(void)sigaddset(ret_old, CONTROL_SIGNAL);
	if (set != NULL)
		t->signals.hidden = how == SIG_SETMASK ? named : how == SIG_BLOCK ? hidden || named : hidden && !named;
	return 0;
}

int pmig_sigprocmask(int how, const sigset_t *set, sigset_t *ret_old)
{
	int r = pmig_pthread_sigmask(how, set, ret_old);
	if (r != 0)
		errno = r;
	return r != 0 ? -1 : 0;
}

static int change_one(int how, int number)
{
	sigset_t one;
	(void)sigemptyset(&one);
	return sigaddset(&one, number) < 0 ? -1 : pmig_sigprocmask(how, &one, NULL);
}

int pmig_sighold(int number)
{
	return change_one(SIG_BLOCK, number);
}

int pmig_sigrelse(int number)
{
	return change_one(SIG_UNBLOCK, number);
}

/* The old ones of BSD know the first 32 signals. */
static int change_many(int how, int mask)
{
	sigset_t set = set_of((uint32_t)mask), old;
	return pmig_sigprocmask(how, &set, &old) < 0 ? -1 : (int)(uint32_t)bits_of(&old);
}

int pmig_sigblock(int mask)
{
	return change_many(SIG_BLOCK, mask);
}

int pmig_sigsetmask(int mask)
{
	return change_many(SIG_SETMASK, mask);
}

int pmig_siggetmask(void)
{
	return change_many(SIG_BLOCK, 0);
}

/* What waits for this thread alone: proc_pid_status(5). */
static uint64_t waiting_alone(void)
{
	char text[4096];
	int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *line = strstr(text, "\nSigPnd:");
	return line != NULL ? strtoull(line + 8, NULL, 16) : 0;
}

/* Takes one of `set` out of the queue and to the end of the list; a thread's own come first. False: none waits. */
static bool take(uint64_t set, struct waiting **list)
{
	static const struct timespec at_once;
	siginfo_t info;
	if (syscall(SYS_rt_sigtimedwait, &set, &info, &at_once, sizeof set) < 0)
		return false;
	struct waiting *w = pmig_malloc(sizeof *w);
	if (w == NULL) {
		lost = true;
		return true;
	}
	*w = (struct waiting){.info = info};
	while (*list != NULL)
		list = &(*list)->next;
	*list = w;
	return true;
}

static bool any_waits(void)
{
	sigset_t pending;
	return sigpending(&pending) == 0 && handler_kernel_mask(&pending) != 0;
}

/* A library (a sanitizer, say) has given some threads an alternate stack of its own, which does not travel. */
static bool is_programs(const void *p)
{
	for (uint32_t i = 0; i < pmig_program.globals_count; i++)
		if ((uintptr_t)p - (uintptr_t)pmig_program.globals[i].address < pmig_program.globals[i].size)
			return true;
	return arena_contains(p) || mapping_contains(p);
}

void handler_park(void)
{
	struct arena_signals *s = pmig_thread != NULL ? &pmig_thread->signals : NULL;
	sigset_t all, before;
	stack_t stack = {.ss_flags = SS_DISABLE};
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	if (s == NULL && !held)
		outside = before;
	held |= s == NULL;
	if (s == NULL || s->parked)
		return;
	(void)sigaltstack(NULL, &stack);
	s->mask = bits_of(&before) | (s->hidden ? CONTROL_BIT : 0);
	s->stack = (stack.ss_flags & SS_DISABLE) != 0 || !is_programs(stack.ss_sp) ? NULL : stack.ss_sp;
	s->stack_size = stack.ss_size;
	s->stack_flags = (uint32_t)stack.ss_flags & ~(uint32_t)(SS_ONSTACK | SS_DISABLE);
	s->parked = 1;
	struct waiting *list = NULL;
	for (uint64_t own; any_waits() && (own = waiting_alone() & ~CONTROL_BIT) != 0 && take(own & -own, &list);)
		;
	s->pending = list;
}

bool handler_stack_has(const void *p)
{
	stack_t own;
	if (sigaltstack(NULL, &own) == 0 && (own.ss_flags & SS_DISABLE) == 0 &&
		(uintptr_t)p - (uintptr_t)own.ss_sp < own.ss_size)
		return true;
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++) {
		const struct arena_thread *t = arena_thread(i);
		if (t != NULL && t->signals.parked && (uintptr_t)p - (uintptr_t)t->signals.stack < t->signals.stack_size)
			return true;
	}
	return false;
}

static void **of_process(void)
{
	return arena_root(ARENA_ROOT_WAITING);
}

int handler_park_process(void)
{
	struct waiting *list = *of_process();
	sigset_t all;
	(void)sigfillset(&all);
	while (any_waits() && take(handler_kernel_mask(&all), &list))
		;
	*of_process() = list;
	return lost ? error_set(PMIG_ENOMEM, "no memory for the signals that wait") : 0;
}

/* Sends each once more, as it was. A thread other than the first may do that to itself alone: rt_sigqueueinfo(2). */
static void send_again(struct waiting *list, bool alone)
{
	while (list != NULL) {
		struct waiting *w = list;
		int number = w->info.si_signo;
		list = w->next;
		if (alone)
			(void)syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, &w->info);
		else if (syscall(SYS_rt_sigqueueinfo, getpid(), number, &w->info) < 0)
			(void)kill(getpid(), number);
		pmig_free(w);
	}
}

void handler_unpark_process(void)
{
	lost = false;
	if (!arena_exists())
		return;
	struct waiting *list = *of_process();
	*of_process() = NULL;
	send_again(list, false);
}

void handler_unpark(void)
{
	struct arena_signals *s = pmig_thread != NULL ? &pmig_thread->signals : NULL;
	if (s == NULL && held)
		(void)pthread_sigmask(SIG_SETMASK, &outside, NULL);
	held &= s != NULL;
	if (s == NULL || !s->parked)
		return;
	stack_t stack = {.ss_sp = s->stack, .ss_size = s->stack_size, .ss_flags = (int)s->stack_flags};
	struct waiting *list = s->pending;
	uint64_t mask = s->mask & ~CONTROL_BIT;
	if (s->stack != NULL)
		(void)sigaltstack(&stack, NULL);
	s->pending = NULL;
	s->parked = 0;
	send_again(list, true);
	sigset_t set = set_of(mask);
	(void)pthread_sigmask(SIG_SETMASK, &set, NULL);
}
