/* fib: the worst case: a safe point in every call of a function that does nothing else. */
#include <pmig/pmig.h>
#include <stdio.h>
#include <stdlib.h>

static long fib(int n)
{
	pmig_safepoint();
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv)
{
	printf("%ld\n", fib(argc > 1 ? atoi(argv[1]) : 40));
	return 0;
}
