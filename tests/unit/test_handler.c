/* handler: handlers, masks and what waits, as sigaction(2) and its family tell them, in one process and over a restore. */
#include "restore_case.h"

#include "block.h"
#include "handler.h"
#include "timer.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

extern __thread char *pmig_frame_sp;

static volatile sig_atomic_t calls, value;
static char *volatile sp_inside;

static void count(int number)
{
	calls += number == SIGUSR1;
	sp_inside = pmig_frame_sp;
}

static void take(int number, siginfo_t *info, void *context)
{
	value = number == SIGRTMIN + 4 && context != NULL ? value * 10 + info->si_value.sival_int : -1;
}

static void *family(void)
{
	struct sigaction a, old;
	char stack[64];
	pmig_frame_sp = stack;
	CHECK(pmig_signal(SIGUSR1, count) == SIG_DFL && pmig_signal(SIGUSR1, count) == count);
	CHECK(pmig_sigaction(SIGUSR1, NULL, &a) == 0 && a.sa_handler == count && a.sa_flags == SA_RESTART &&
		sigismember(&a.sa_mask, SIGUSR1));
	for (size_t i = sizeof(uint64_t); i < sizeof a.sa_mask; i++)
		CHECK(((char *)&a.sa_mask)[i] == 0); /* nothing of libc's stack */
	uint32_t any = block_count(BLOCK_ANY), breaking = block_count(BLOCK_BREAKER);
	raise(SIGUSR1);
	CHECK(calls == 1 && sp_inside > stack && pmig_frame_sp == stack);
	CHECK(block_count(BLOCK_ANY) == any + 1 && block_count(BLOCK_BREAKER) == breaking);
	CHECK(pmig_siginterrupt(SIGUSR1, 1) == 0 && pmig_sigaction(SIGUSR1, NULL, &a) == 0 && a.sa_flags == 0);
	raise(SIGUSR1);
	CHECK(calls == 2 && block_count(BLOCK_BREAKER) == breaking + 1);
	CHECK(pmig_sysv_signal(SIGUSR1, count) == count && raise(SIGUSR1) == 0 && calls == 3);
	CHECK(pmig_sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL); /* once */
	CHECK(pmig_sigset(SIGUSR1, SIG_HOLD) == SIG_DFL && pmig_sigset(SIGUSR1, count) == SIG_HOLD &&
		pmig_sigset(SIGUSR1, count) == count);
	CHECK(pmig_sigignore(SIGUSR1) == 0 && raise(SIGUSR1) == 0 && calls == 3);
	CHECK(pmig_sigaction(SIGKILL, &(struct sigaction){.sa_handler = count}, NULL) < 0 && errno == EINVAL);
	CHECK(pmig_sigaction(65, NULL, &a) < 0 && pmig_signal(0, count) == SIG_ERR &&
		pmig_signal(SIGUSR1, SIG_ERR) == SIG_ERR);
	pmig_frame_sp = NULL;
	return pmig_calloc(1, 1);
}

static void nothing(void *state)
{
	(void)state;
}

/* The runtime's own signal: the program's handler of it is remembered, and it is never blocked. */
static void *control(void)
{
	sigset_t set, now;
	struct sigaction a;
	(void)sigfillset(&set);
	CHECK(pmig_sigprocmask(SIG_SETMASK, &set, NULL) == 0 && pmig_sigprocmask(SIG_BLOCK, NULL, &now) == 0);
	CHECK(sigismember(&now, CONTROL_SIGNAL) == 1 && sigismember(&now, SIGUSR2) == 1);
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, CONTROL_SIGNAL) == 0);
	CHECK((handler_kernel_mask(&set) & (1ull << (CONTROL_SIGNAL - 1) | 3ull << 31)) == 0);
	CHECK(pmig_sigaction(CONTROL_SIGNAL, &(struct sigaction){.sa_handler = count}, &a) == 0 && a.sa_handler == SIG_DFL);
	CHECK(sigaction(CONTROL_SIGNAL, NULL, &a) == 0 && a.sa_handler == SIG_DFL);
	CHECK(pmig_sigrelse(CONTROL_SIGNAL) == 0 && pmig_sigprocmask(SIG_BLOCK, NULL, &now) == 0 &&
		sigismember(&now, CONTROL_SIGNAL) == 0);
	CHECK(pmig_sighold(CONTROL_SIGNAL) == 0 && (pmig_siggetmask() & (1 << (CONTROL_SIGNAL - 1))) != 0);
	return pmig_calloc(1, 1);
}

static void control_after(void *state)
{
	struct sigaction a;
	sigset_t now;
	(void)state;
	CHECK(pmig_sigaction(CONTROL_SIGNAL, NULL, &a) == 0 && a.sa_handler == count);
	CHECK(pmig_sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, CONTROL_SIGNAL) == 1 &&
		sigismember(&now, SIGUSR2) == 1);
}

/* Queued ones keep their order and their values; one for the thread alone stays one. */
static void *waiting(void)
{
	sigset_t set;
	CHECK(pmig_sigaction(SIGRTMIN + 4, &(struct sigaction){.sa_sigaction = take, .sa_flags = SA_SIGINFO}, NULL) == 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGRTMIN + 4);
	(void)sigaddset(&set, SIGUSR1);
	CHECK(pmig_sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	for (int i = 1; i < 4; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN + 4, (union sigval){.sival_int = i}) == 0);
	CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
	return pmig_calloc(1, 1);
}

static void waiting_after(void *state)
{
	sigset_t set;
	char line[256];
	unsigned long long alone = 0;
	(void)state;
	FILE *f = fopen("/proc/thread-self/status", "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "SigPnd: %llx", &alone) == 1)
			break;
	CHECK(alone == 1ull << (SIGUSR1 - 1));
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGRTMIN + 4);
	CHECK(pmig_sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && value == 123);
}

static void off(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	value = info->si_value.sival_int;
}

struct timers {
	timer_t far, dated, gone;
	time_t date;
};

static void *timers(void)
{
	struct timers *t = pmig_calloc(1, sizeof *t);
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 6};
	sigset_t set;
	t->date = time(NULL) + 1000;
	CHECK(pmig_sigaction(SIGUSR2, &(struct sigaction){.sa_sigaction = off, .sa_flags = SA_SIGINFO}, NULL) == 0);
	CHECK(pmig_timer_create_signal(CLOCK_MONOTONIC, &e, &t->far) == 0 &&
		pmig_timer_create_signal(CLOCK_REALTIME, NULL, &t->dated) == 0 &&
		pmig_timer_create_signal(CLOCK_MONOTONIC, &e, &t->gone) == 0);
	CHECK(pmig_timer_settime_signal(t->far, 0, &(struct itimerspec){.it_value.tv_sec = 500, .it_interval.tv_sec = 3},
		      NULL) == 0);
	CHECK(pmig_timer_settime_signal(t->dated, TIMER_ABSTIME, &(struct itimerspec){.it_value.tv_sec = t->date}, NULL) ==
		0);
	CHECK(pmig_timer_delete_signal(t->gone) == 0 && pmig_timer_delete_signal(t->gone) < 0 && errno == EINVAL);
	CHECK(pmig_timer_create_signal(CLOCK_MONOTONIC, &e, &t->gone) == 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	CHECK(pmig_sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(pmig_timer_settime_signal(t->gone, 0, &(struct itimerspec){.it_value.tv_nsec = 1}, NULL) == 0);
	CHECK(setitimer(ITIMER_PROF, &(struct itimerval){.it_value.tv_sec = 300, .it_interval.tv_sec = 2}, NULL) == 0);
	while (sigpending(&set) == 0 && sigismember(&set, SIGUSR2) == 0)
		;
	return t;
}

static void timers_after(void *state)
{
	struct timers *t = state;
	struct itimerspec left;
	struct itimerval prof;
	CHECK(pmig_timer_gettime_signal(t->far, &left) == 0 && left.it_value.tv_sec > 400 && left.it_value.tv_sec <= 500 &&
		left.it_interval.tv_sec == 3);
	CHECK(pmig_timer_gettime_signal(t->dated, &left) == 0 && labs(left.it_value.tv_sec - (t->date - time(NULL))) <= 1);
	CHECK(pmig_timer_gettime_signal(t->gone, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	CHECK(getitimer(ITIMER_PROF, &prof) == 0 && prof.it_value.tv_sec >= 298 && prof.it_value.tv_sec <= 300 &&
		prof.it_interval.tv_sec == 2);
	CHECK(value == 0 && pmig_sigrelse(SIGUSR2) == 0 && value == 6); /* it had gone off, and waited */
	CHECK(pmig_timer_delete_signal(t->far) == 0 && pmig_timer_getoverrun_signal(t->dated) == 0);
}

static void *alternate(void)
{
	char *stack = pmig_malloc(SIGSTKSZ);
	CHECK(stack != NULL && sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = 16384}, NULL) == 0);
	CHECK(handler_stack_has(stack) && handler_stack_has(stack + 16383) && !handler_stack_has(stack + 16384));
	return stack;
}

static void alternate_after(void *state)
{
	stack_t s;
	CHECK(sigaltstack(NULL, &s) == 0 && s.ss_sp == state && s.ss_size == 16384 && s.ss_flags == 0);
}

static void *of_library(void)
{
	CHECK(pmig_signal(SIGUSR1, (sighandler_t)dlsym(RTLD_DEFAULT, "hcreate_r")) == SIG_DFL);
	return pmig_calloc(1, 1);
}

static const struct restore_case cases[] = {
	{.name = "the family of sigaction", .before = family, .after = nothing},
	{.name = "the runtime's own signal", .before = control, .after = control_after},
	{.name = "what waits", .before = waiting, .after = waiting_after},
	{.name = "timers", .before = timers, .after = timers_after},
	{.name = "the alternate stack", .before = alternate, .after = alternate_after},
	{.name = "a library's function as handler",
		.before = of_library,
		.refused = "the handler of signal 10 (User defined signal 1) is not a function"},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
