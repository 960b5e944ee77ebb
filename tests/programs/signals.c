/* signals: what a program sets about signals, looked at again in each round: handlers with their flags and masks, what is blocked, what
 * waits, with the values that were sent, the alternate stack, handlers that use the frame stack. One round for each line of input
 * ("end" ends it), or as many as the argument says. Prints one line a round, and on standard error whatever is not as it was. */
#include <pmig/pmig.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_SIZE 65536
#define QUEUED 3

static char stack[STACK_SIZE];
static volatile sig_atomic_t plain, once, on_stack, deep, nested;
static volatile int values[QUEUED + 1], values_n, queued_from;
static int failures;

#define CHECK(what) check(what, #what)

static void check(int good, const char *words)
{
	if (good)
		return;
	fprintf(stderr, "not as it was: %s\n", words);
	failures++;
}

/* Takes the address of a local, so that it has a frame in the arena; so has what it interrupts. */
static __attribute__((noinline)) void fill(volatile int *to, int n)
{
	volatile int own[64];
	for (int i = 0; i < 64; i++)
		own[i] = n;
	if (n > 0)
		fill(own, n - 1);
	*to += own[63] + 1;
}

static void count(int number)
{
	volatile int sum = 0;
	fill(&sum, 20);
	deep += sum == 21;
	plain += number == SIGUSR1;
	pmig_safepoint();
}

static void take(int number, siginfo_t *info, void *context)
{
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	if (number == SIGRTMIN + 1 && context != NULL && values_n < QUEUED && sigismember(&now, SIGUSR1) == 1)
		values[values_n++] = info->si_value.sival_int;
	queued_from += info->si_code == SI_QUEUE;
}

static void just_once(int number)
{
	once += number == SIGURG + 1 || number == SIGWINCH;
}

static void here(int number)
{
	char local;
	on_stack += number == SIGUSR2 && &local > stack && &local < stack + STACK_SIZE;
}

static void outer(int number)
{
	(void)number;
	raise(SIGUSR1);
	nested++;
}

static void begin(void)
{
	struct sigaction a = {.sa_handler = count, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &a, NULL);
	a = (struct sigaction){.sa_sigaction = take, .sa_flags = SA_SIGINFO};
	sigaddset(&a.sa_mask, SIGUSR1);
	sigaction(SIGRTMIN + 1, &a, NULL);
	a = (struct sigaction){.sa_handler = here, .sa_flags = SA_ONSTACK};
	sigaction(SIGUSR2, &a, NULL);
	signal(SIGALRM, outer);
	signal(SIGPIPE, SIG_IGN);
	sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = STACK_SIZE}, NULL);
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGRTMIN + 1);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGURG);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}

static void look_at_actions(void)
{
	struct sigaction a;
	sigaction(SIGUSR1, NULL, &a);
	CHECK(a.sa_handler == count && (a.sa_flags & SA_RESTART) != 0 && (a.sa_flags & SA_SIGINFO) == 0);
	sigaction(SIGRTMIN + 1, NULL, &a);
	CHECK(a.sa_sigaction == take && (a.sa_flags & (SA_SIGINFO | SA_RESTART)) == SA_SIGINFO);
	CHECK(sigismember(&a.sa_mask, SIGUSR1) == 1 && sigismember(&a.sa_mask, SIGUSR2) == 0);
	sigaction(SIGPIPE, NULL, &a);
	CHECK(a.sa_handler == SIG_IGN);
	sigaction(SIGCHLD, NULL, &a);
	CHECK(a.sa_handler == SIG_DFL);
	CHECK(signal(SIGALRM, outer) == outer);
}

static void look_at_masks(void)
{
	sigset_t now, waiting;
	stack_t s;
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGRTMIN + 1) == 1 && sigismember(&now, SIGTERM) == 1 && sigismember(&now, SIGURG) == 1 &&
		sigismember(&now, SIGUSR1) == 0);
	sigpending(&waiting);
	CHECK(sigismember(&waiting, SIGRTMIN + 1) == 1 && sigismember(&waiting, SIGTERM) == 1 &&
		sigismember(&waiting, SIGUSR1) == 0);
	sigaltstack(NULL, &s);
	CHECK(s.ss_sp == stack && s.ss_size == STACK_SIZE && s.ss_flags == 0);
}

static void use(int round)
{
	int before = plain, before_deep = deep;
	raise(SIGUSR1);
	raise(SIGUSR2);
	raise(SIGALRM);
	CHECK(plain == before + 2 && deep == before_deep + 2);
	CHECK(on_stack == round + 1 && nested == round + 1);
	struct sigaction a = {.sa_handler = just_once, .sa_flags = (int)SA_RESETHAND};
	sigaction(SIGWINCH, &a, NULL);
	raise(SIGWINCH);
	raise(SIGWINCH);
	CHECK(once == round + 1);
}

/* What was sent before the move comes after it, each with its value and in order. */
static void release(int round)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN + 1);
	values_n = queued_from = 0;
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
	CHECK(values_n == QUEUED && queued_from == QUEUED);
	for (int i = 0; i < QUEUED; i++)
		CHECK(values[i] == round * 10 + i);
}

static void send(int round)
{
	for (int i = 0; i < QUEUED; i++)
		sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = round * 10 + i});
	raise(SIGTERM); /* blocked: it waits for ever */
}

static int next_round(long left)
{
	char line[64];
	if (left >= 0) {
		for (int i = 0; i < 3; i++)
			pmig_safepoint();
		return left > 0;
	}
	return fgets(line, sizeof line, stdin) != NULL && strcmp(line, "end\n") != 0;
}

int main(int argc, char **argv)
{
	long left = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
	begin();
	send(0);
	for (int round = 0; next_round(left < 0 ? left : left--); round++) {
		char host[65] = "";
		gethostname(host, sizeof host - 1);
		look_at_actions();
		look_at_masks();
		use(round);
		release(round);
		send(round + 1);
		printf("round %d%s%s\n", round, argc > 1 ? "" : " at ", argc > 1 ? "" : host);
		fflush(stdout);
	}
	return failures != 0;
}
