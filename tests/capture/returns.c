/* returns: setjmp where it is hard: thousands of buffers at once, in loops, in every expression that C allows, in recursion, with
 * arrays of any length, copied buffers, buffers of functions that no safe point is in, out of callbacks and out of signal
 * handlers with their masks. */
#include <pmig/pmig.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __attribute__((noinline)) int step(int n)
{
	pmig_safepoint();
	return n + 1;
}

/* one buffer in each activation, all live, left from the innermost one after the other */
struct level {
	struct level *outer;
	jmp_buf buffer;
	int depth;
};

static __attribute__((noinline)) long descend(int depth, struct level *outer, int every)
{
	struct level here = {.outer = outer, .depth = depth};
	volatile long sum = depth;
	int code = setjmp(here.buffer);
	if (depth % every == 0)
		pmig_safepoint();
	if (code != 0)
		return sum + code;
	if (depth == 0)
		longjmp(outer->buffer, 7);
	long inner = descend(depth - 1, &here, every);
	sum = sum + inner % 1009;
	if (depth % 3 == 0 && outer != NULL) {
		outer->depth += (int)(inner % 5);
		longjmp(outer->buffer, step(depth % 11));
	}
	return sum;
}

/* the same place again and again, every time with another buffer and other values */
static __attribute__((noinline)) int loop(int n)
{
	static jmp_buf buffers[64];
	volatile int sum = 0, left = 0;
	for (volatile int i = 0; i < n; i++) {
		double x = i * 0.5;
		char text[i % 7 + 2];
		snprintf(text, sizeof text, "%d", i);
		int code = setjmp(buffers[i % 64]);
		if (i % 16 == 0)
			pmig_safepoint();
		if (code == 0 && i % 3 == 0)
			longjmp(buffers[i % 64], i + 1);
		sum = sum + code + (int)x + text[0];
		left = left + (code != 0);
	}
	return sum * 3 + left;
}

static jmp_buf again;

static __attribute__((noinline)) int expressions(void)
{
	volatile int count = 0, sum = 0;
	switch (setjmp(again)) {
	case 0:
		sum = sum + 1;
		break;
	case 4:
		sum = sum + 40;
		break;
	default:
		sum = sum + 100;
	}
	pmig_safepoint();
	if (count < 3) {
		count = count + 1;
		longjmp(again, step(count));
	}
	if (!setjmp(again)) {
		pmig_safepoint();
		longjmp(again, 0);
	}
	while (setjmp(again) < 5) {
		count = count + 1;
		pmig_safepoint();
		longjmp(again, count);
	}
	if (_setjmp(again) != 2) {
		pmig_safepoint();
		_longjmp(again, 2);
	}
	return sum * 100 + count;
}

/* a buffer that is copied, one on the heap, one that a function without any safe point sets */
static __attribute__((noinline)) int copies(void)
{
	jmp_buf first, second, *third = malloc(sizeof *third);
	volatile int n = 0;
	int code = setjmp(first);
	pmig_safepoint();
	if (code == 0) {
		memcpy(second, first, sizeof first);
		memset(first, 0, sizeof first);
	}
	if (code < 3)
		longjmp(second, code + 1);
	if ((code = setjmp(*third)) < 4) {
		n = n + 10;
		pmig_safepoint();
		longjmp(*third, code + 1);
	}
	free(third);
	return n + code;
}

static int (*volatile divide)(int, int);

static __attribute__((noinline)) int nearby(int a, int b)
{
	jmp_buf here;
	if (setjmp(here) != 0)
		return -1;
	if (b == 0)
		longjmp(here, 1);
	return a / b;
}

static jmp_buf out;

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	pmig_safepoint();
	if (x == 13 || y == 13)
		longjmp(out, 13);
	return x - y;
}

static __attribute__((noinline)) int out_of_sort(int unlucky)
{
	int numbers[] = {5, 3, 99, 20, 1, 4, 8, unlucky};
	int code = setjmp(out);
	if (code != 0)
		return code;
	qsort(numbers, 8, sizeof *numbers, compare);
	return numbers[0] * 1000 + numbers[7];
}

/* out of handlers: the signal is blocked in the handler, and free again after siglongjmp */
static sigjmp_buf alarm_buffer;
static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
	signals++;
	siglongjmp(alarm_buffer, signal);
}

static int blocked(int signal)
{
	sigset_t now;
	sigprocmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, signal);
}

static __attribute__((noinline)) int out_of_handler(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	volatile int rounds = 0, was_blocked = 0;
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &action, NULL);
	int code = sigsetjmp(alarm_buffer, 1);
	pmig_safepoint();
	was_blocked = was_blocked + blocked(SIGUSR1) + blocked(SIGUSR2);
	rounds = rounds + (code == SIGUSR1);
	char room[rounds + 3];
	memset(room, rounds, sizeof room);
	if (rounds < 20) {
		pmig_safepoint();
		raise(SIGUSR1);
	}
	return rounds * 1000 + was_blocked * 100 + (int)signals + room[2];
}

/* without the mask what is blocked stays blocked, over safe points too */
static __attribute__((noinline)) int mask_stays(void)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGHUP);
	int code = sigsetjmp(alarm_buffer, 0);
	pmig_safepoint();
	if (code == 0) {
		sigprocmask(SIG_BLOCK, &one, NULL);
		siglongjmp(alarm_buffer, 2);
	}
	int result = blocked(SIGHUP);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	return result;
}

static char other_stack[65536];

static __attribute__((noinline)) int off_the_other_stack(void)
{
	stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack}, now;
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	volatile int rounds = 0;
	sigaltstack(&stack, NULL);
	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
	if (sigsetjmp(alarm_buffer, 1) != 0) {
		pmig_safepoint();
		rounds = rounds + 1;
	}
	sigaltstack(NULL, &now);
	if (rounds < 5) {
		pmig_safepoint();
		*(volatile int *)8 = rounds;
	}
	signal(SIGSEGV, SIG_DFL);
	return rounds * 10 + (now.ss_flags & SS_ONSTACK);
}

int main(int argc, char **argv)
{
	int depth = argc > 1 ? atoi(argv[1]) : 40;
	divide = nearby;
	printf("%ld\n", descend(depth, NULL, depth / 20));
	printf("%d %d\n", loop(depth * 4), expressions());
	printf("%d %d %d\n", copies(), divide(7, 0), divide(7, 2));
	for (int i = 11; i < 15; i++)
		printf("%d ", out_of_sort(i));
	printf("%d\n", out_of_handler());
	printf("%d %d\n", mask_stays(), off_the_other_stack());
	return 0;
}
