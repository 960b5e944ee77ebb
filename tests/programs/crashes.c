/* crashes: calls itself, with locals worth looking at, and aborts far in when it is told to by its argument. */
#include <pmig/pmig.h>

#include <stdio.h>
#include <stdlib.h>

struct item {
	int number;
	const char *name;
};

static long total;

static __attribute__((noinline)) long leaf(int n, struct item *item, int crash)
{
	long local = n * 2;
	pmig_safepoint();
	total += local;
	item->number++;
	if (n == crash)
		abort();
	return local + item->number;
}

static __attribute__((noinline)) long middle(int depth, const char *word, int crash)
{
	struct item item = {depth, word};
	long sum = 0;
	if (depth % 4 != 0)
		sum = middle(depth - 1, word, crash);
	for (int i = 0; i < 3; i++)
		sum += leaf(i + depth, &item, crash);
	return sum;
}

int main(int argc, char **argv)
{
	int crash = argc > 1 ? atoi(argv[1]) : -1;
	long sum = 0;
	for (int round = 2; round < 12; round += 4)
		sum += middle(round, "a word", crash);
	printf("%ld\n", sum);
	return 0;
}
