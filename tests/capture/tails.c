/* tails: calls at the end of a function: those that must be tail calls (musttail), an interpreter made of them, mutual
 * recursion, functions that never return. */
#include <pmig/pmig.h>

#include <stdio.h>
#include <stdlib.h>

#if defined(__clang__)
#define MUST __attribute__((musttail))
#else
#define MUST
#endif

static long even(long n, long sum);

static __attribute__((noinline)) long odd(long n, long sum)
{
	pmig_safepoint();
	MUST return even(n - 1, sum * 3 % 1000003);
}

static __attribute__((noinline)) long even(long n, long sum)
{
	if (n == 0)
		return sum;
	MUST return odd(n - 1, sum + n);
}

/* each operation ends with the next one */
struct machine;
typedef long operation(struct machine *m, const unsigned char *code, long x);
struct machine {
	long steps, count;
};
static operation add, multiply, again, end;
static operation *const operations[] = {add, multiply, again, end};

#define NEXT(c, x) MUST return operations[*(c)](m, (c), (x))

static long add(struct machine *m, const unsigned char *code, long x)
{
	m->steps++;
	pmig_safepoint();
	NEXT(code + 1, x + m->count);
}

static long multiply(struct machine *m, const unsigned char *code, long x)
{
	long before = x;
	pmig_safepoint();
	x = x * 7 % 10007;
	m->steps += before > x;
	NEXT(code + 1, x);
}

static long again(struct machine *m, const unsigned char *code, long x)
{
	if (m->count-- == 0)
		NEXT(code + 1, x);
	NEXT(code - 3, x);
}

static long end(struct machine *m, const unsigned char *code, long x)
{
	(void)code;
	pmig_safepoint();
	return x * 1000 + m->steps;
}

static __attribute__((noinline)) void descend(int n, char *out)
{
	*out = (char)('a' + n % 26);
	pmig_safepoint();
	if (n != 0)
		MUST return descend(n - 1, out + 1);
}

static _Noreturn __attribute__((noinline)) void leave(int status)
{
	pmig_safepoint();
	puts("the end");
	exit(status);
}

int main(void)
{
	static const unsigned char code[] = {0, 1, 0, 2, 3};
	static char text[64];
	struct machine m = {.count = 20};
	printf("%ld\n", even(60, 1));
	printf("%ld\n", operations[code[0]](&m, code, 5));
	descend(40, text);
	puts(text);
	if (m.steps >= 0)
		leave(0);
}
