/* asked HOW: what programs do when they are asked to stop, each at a moment that the test can know.
 *
 *   end       ends with 7 instead of coming to a safe point
 *   deaf      comes to no safe point before a line of input; then goes on, and its result is 55
 *   visit     is called back by dl_iterate_phdr(), where no safe point is possible; comes to one afterwards
 *   linger    the same, and stays in the callback until nobody asks any more */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include <pmig/pmig.h>

#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Not a sleep: that would be a safe point. */
static void nap(void)
{
	sched_yield();
}

static void say(const char *words)
{
	puts(words);
	fflush(stdout);
}

static __attribute__((noinline)) int until_asked(int depth)
{
	if (depth > 0)
		return until_asked(depth - 1) + depth;
	while (pmig_poll == 0)
		nap();
	return 0;
}

static __attribute__((noinline)) int deaf(int depth)
{
	int sum = until_asked(depth), bytes = 0;
	say("asked");
	while (ioctl(0, FIONREAD, &bytes) == 0 && bytes == 0)
		nap();
	return sum;
}

static int lingers, called, outcome;

static __attribute__((noinline)) int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)info, (void)size, (void)data;
	if (called++ > 0)
		return 0;
	say("called back");
	until_asked(0);
	outcome = pmig_safepoint();
	printf("tried: %d, asked still: %d\n", outcome, pmig_poll);
	fflush(stdout);
	while (lingers && pmig_poll != 0) {
		nap();
		pmig_safepoint();
	}
	return 0;
}

static __attribute__((noinline)) int callback(void)
{
	if (dl_iterate_phdr(visit, NULL) != 0)
		return 98;
	say("behind it");
	while (!lingers && outcome != PMIG_RESTORED) {
		nap();
		outcome = pmig_safepoint();
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	say("begun");
	if (strcmp(how, "end") == 0) {
		until_asked(3);
		return 7;
	}
	if (strcmp(how, "deaf") == 0) {
		printf("%d\n", deaf(10));
		pmig_safepoint();
		return 0;
	}
	lingers = strcmp(how, "linger") == 0;
	int r = callback();
	say("end");
	return r;
}
