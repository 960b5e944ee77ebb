/* jumps: setjmp and longjmp over frames that were captured elsewhere: errors out of deep recursion, retries, nested
 * buffers, a buffer that is used again and again, sigsetjmp with its mask, volatile and address-taken locals. */
#include <pmig/pmig.h>

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf top;
static int errors;

static __attribute__((noinline)) long parse(int depth, int fail_at)
{
	volatile int here = depth;
	pmig_safepoint();
	if (depth == fail_at)
		longjmp(top, depth + 100);
	if (depth == 0)
		return here;
	return parse(depth - 1, fail_at) + here;
}

static __attribute__((noinline)) long try_it(int fail_at)
{
	long before = fail_at * 3;
	volatile int tries = 0, at = fail_at;
	int code = setjmp(top);
	pmig_safepoint();
	if (code != 0) {
		errors++;
		tries = tries + 1;
		if (tries > 2)
			return code + before;
		at = at + 1;
	}
	return parse(9, at + tries) + before;
}

/* a protected call within a protected call, as interpreters do it */
struct handler {
	struct handler *outer;
	jmp_buf buffer;
	int code;
};

static struct handler *handlers;

static void raise_error(int code)
{
	pmig_safepoint();
	handlers->code = code;
	longjmp(handlers->buffer, 1);
}

static __attribute__((noinline)) int protect(void (*call)(int), int argument)
{
	struct handler h = {.outer = handlers};
	handlers = &h;
	if (setjmp(h.buffer) == 0)
		call(argument);
	pmig_safepoint();
	handlers = h.outer;
	return h.code;
}

static void inner(int n)
{
	char room[n + 1];
	room[n] = (char)n;
	pmig_safepoint();
	if (n % 3 == 0)
		raise_error(n + room[n]);
	if (n > 0)
		inner(n - 1);
}

static void outer(int n)
{
	int code = protect(inner, n);
	pmig_safepoint();
	if (code > 10)
		raise_error(code * 2);
}

static __attribute__((noinline)) int again(void)
{
	static jmp_buf buffer;
	volatile int count = 0;
	int last = setjmp(buffer);
	pmig_safepoint();
	count = count + 1;
	if (last < 6)
		longjmp(buffer, last + 1);
	return count * 10 + last;
}

static __attribute__((noinline)) int with_mask(void)
{
	sigjmp_buf buffer;
	sigset_t block, now;
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	if (sigsetjmp(buffer, 1) == 0) {
		sigprocmask(SIG_BLOCK, &block, NULL);
		pmig_safepoint();
		siglongjmp(buffer, 5);
	}
	pmig_safepoint();
	sigprocmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, SIGUSR1);
}

int main(void)
{
	for (int i = 0; i < 12; i++)
		printf("%ld ", try_it(i));
	printf("%d\n", errors);
	for (int i = 0; i < 14; i++)
		printf("%d ", protect(outer, i));
	printf("%s\n", handlers == NULL ? "no handler is left" : "WRONG");
	printf("%d %d\n", again(), with_mask());
	return 0;
}
