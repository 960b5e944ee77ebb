/* handler: what the kernel enters for every signal that the program handles. */
#include "handler.h"

#include "arena/malloc.h"
#include "block.h"
#include "guard.h"

#include <errno.h>
#include <pmig/pmig.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define RED_ZONE 4096 /* bytes of the frame stack above its pointer that what was interrupted may be using */

extern __thread char *pmig_frame_sp;

/* ARENA_ROOT_SIGNALS */
struct actions {
	struct sigaction of[65]; /* as the program set them */
	uint64_t interrupting;   /* siginterrupt() */
};

static struct actions *actions(void)
{
	return arena_exists() ? *arena_root(ARENA_ROOT_SIGNALS) : NULL;
}

int handler_start(void)
{
	struct actions *a = pmig_calloc(1, sizeof *a);
	if (a == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the signal handlers");
	*arena_root(ARENA_ROOT_SIGNALS) = a;
	return 0;
}

static bool is_function(const struct sigaction *a)
{
	return a->sa_handler != SIG_DFL && a->sa_handler != SIG_IGN;
}

static void call(const struct sigaction *a, int number, siginfo_t *info, void *context)
{
	if ((a->sa_flags & SA_SIGINFO) != 0)
		a->sa_sigaction(number, info, context);
	else
		a->sa_handler(number);
}

/* A thread of a library has no frame stack: a thread of the program gets the signal instead; what the thread did itself
 * ends the process, as it does where there is no handler. */
static void pass_on(int number, siginfo_t *info)
{
	if (info->si_code > 0 && (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL))
		(void)signal(number, SIG_DFL);
	else
		(void)syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), number, info);
}

/* A request that was turned away inside the handler is put again to the call that the handler interrupted. */
static void ask_again(void *context)
{
	if (pmig_poll == 0)
		return;
	pmig_asked = 1;
	block_interrupt(context);
}

/* The frame stack is left as it was, also by what a handler that jumped out of another one left behind. */
static void run(int number, siginfo_t *info, void *context)
{
	struct actions *all = actions();
	struct sigaction a = all != NULL ? all->of[number] : (struct sigaction){0};
	if (!is_function(&a))
		return;
	if ((a.sa_flags & (int)SA_RESETHAND) != 0)
		all->of[number].sa_handler = SIG_DFL;
	char *sp = pmig_frame_sp;
	block_handled((a.sa_flags & SA_RESTART) != 0);
	if (sp != NULL)
		pmig_frame_sp = sp + RED_ZONE;
	unsigned level = error_enter();
	call(&a, number, info, context);
	error_leave(level);
	pmig_frame_sp = sp;
}

void handler_enter(int number, siginfo_t *info, void *context)
{
	if (pmig_thread == NULL && gettid() != getpid()) {
		pass_on(number, info);
		return;
	}
	run(number, info, context);
	ask_again(context);
}

void handler_control(siginfo_t *info, void *context)
{
	if (pmig_thread != NULL)
		run(CONTROL_SIGNAL, info, context);
}

bool handler_calls(const void *function)
{
	return function == (const void *)run || function == (const void *)handler_enter || function == (const void *)call;
}

void handler_get(int number, struct sigaction *ret)
{
	const struct actions *all = actions();
	*ret = all != NULL ? all->of[number] : (struct sigaction){0};
}

/* Of the program's action, what the kernel is told. */
static struct sigaction for_kernel(const struct sigaction *program)
{
	struct sigaction a = *program;
	(void)sigdelset(&a.sa_mask, CONTROL_SIGNAL);
	if (is_function(program)) {
		a.sa_flags |= SA_SIGINFO;
		a.sa_sigaction = handler_enter;
	}
	return a;
}

/* An action as libc tells it says where in libc the handler returns to, which libc fills in itself when it is set again, and has
 * what lay on a stack behind the 64 signals of the mask. */
static void clean(struct sigaction *a)
{
	a->sa_restorer = NULL;
	memset((char *)&a->sa_mask + sizeof(uint64_t), 0, sizeof a->sa_mask - sizeof(uint64_t));
}

/* The table first, where a handler comes in: it may be entered by another thread at once. */
static int change(struct actions *all, int number, const struct sigaction *action, struct sigaction *ret_old)
{
	struct sigaction before = all->of[number], kernel = for_kernel(action), old = {0};
	bool early = is_function(action);
	if (early)
		all->of[number] = *action;
	int r = number == CONTROL_SIGNAL ? 0 : sigaction(number, &kernel, &old);
	if (r < 0 && early)
		all->of[number] = before;
	if (r < 0)
		return r;
	if (!early)
		all->of[number] = *action;
	clean(&all->of[number]);
	bool ours = number == CONTROL_SIGNAL || old.sa_sigaction == handler_enter;
	if (ret_old != NULL)
		*ret_old = ours ? before : old;
	return 0;
}

static int look(int number, struct sigaction *ret_old)
{
	struct sigaction old = {0};
	if (number != CONTROL_SIGNAL && sigaction(number, NULL, &old) < 0)
		return -1;
	if (number == CONTROL_SIGNAL || old.sa_sigaction == handler_enter)
		handler_get(number, &old);
	if (ret_old != NULL)
		*ret_old = old;
	return 0;
}

int pmig_sigaction(int number, const struct sigaction *action, struct sigaction *ret_old)
{
	struct actions *all = actions();
	if (number < 1 || number > 64) {
		errno = EINVAL;
		return -1;
	}
	GUARD(GUARD_HANDLERS);
	int r = action == NULL || all == NULL ? look(number, ret_old) : change(all, number, action, ret_old);
	if (r == 0 && ret_old != NULL)
		clean(ret_old);
	return r;
}

static sighandler_t set(int number, sighandler_t handler, int flags)
{
	struct sigaction a = {.sa_flags = flags}, old;
	if (handler == SIG_ERR || number < 1 || number > 64) {
		errno = EINVAL;
		return SIG_ERR;
	}
	a.sa_handler = handler;
	if ((flags & SA_NODEFER) == 0)
		(void)sigaddset(&a.sa_mask, number);
	return pmig_sigaction(number, &a, &old) < 0 ? SIG_ERR : old.sa_handler;
}

sighandler_t pmig_signal(int number, sighandler_t handler)
{
	const struct actions *all = actions();
	bool interrupts = all != NULL && number >= 1 && number <= 64 && (all->interrupting >> (number - 1) & 1) != 0;
	return set(number, handler, interrupts ? 0 : SA_RESTART);
}

sighandler_t pmig_sysv_signal(int number, sighandler_t handler)
{
	return set(number, handler, (int)SA_RESETHAND | SA_NODEFER);
}

int pmig_siginterrupt(int number, int interrupts)
{
	struct actions *all = actions();
	struct sigaction a;
	if (pmig_sigaction(number, NULL, &a) < 0)
		return -1;
	uint64_t bit = 1ull << (number - 1);
	if (all != NULL)
		all->interrupting = interrupts ? all->interrupting | bit : all->interrupting & ~bit;
	a.sa_flags = interrupts ? a.sa_flags & ~SA_RESTART : a.sa_flags | SA_RESTART;
	return pmig_sigaction(number, &a, NULL);
}

int pmig_sigignore(int number)
{
	return set(number, SIG_IGN, 0) == SIG_ERR ? -1 : 0;
}

sighandler_t pmig_sigset(int number, sighandler_t handler)
{
	sigset_t one, before;
	struct sigaction old;
	(void)sigemptyset(&one);
	if (sigaddset(&one, number) < 0 || pmig_sigaction(number, NULL, &old) < 0 ||
		pmig_sigprocmask(SIG_BLOCK, NULL, &before) < 0)
		return SIG_ERR;
	bool held = sigismember(&before, number) == 1;
	if (handler == SIG_HOLD) {
		(void)pmig_sigprocmask(SIG_BLOCK, &one, NULL);
		return held ? SIG_HOLD : old.sa_handler;
	}
	if (set(number, handler, SA_NODEFER) == SIG_ERR || pmig_sigprocmask(SIG_UNBLOCK, &one, NULL) < 0)
		return SIG_ERR;
	return held ? SIG_HOLD : old.sa_handler;
}
