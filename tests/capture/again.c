/* again: the other programs of this directory, one after the other, in rounds; each round's output is one number. They are compiled
 * with their main, printf, puts and exit renamed (tests/e2e/test_constructs.sh), so that one program has them all on its way
 * through several hosts.
 *
 * again ROUNDS MILLISECONDS: a round takes at least so long. */
#include <pmig/pmig.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRAMS(_) \
	_(assembly) _(atomics) _(calls) _(frames) _(jumps) _(labels) _(lists) _(returns) _(tails) _(values) _(variadic)

#define DECLARE(name) int name##_main(int argc, char **argv);
PROGRAMS(DECLARE)

static const struct program {
	const char *name;
	int (*main)(int argc, char **argv);
} programs[] = {
#define ROW(name) {#name, name##_main},
	PROGRAMS(ROW)};

int note(const char *format, ...);
int note_line(const char *line);
_Noreturn void note_exit(int status);

static unsigned long hash;
static jmp_buf ended;

static void mix(const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211ul;
}

int note(const char *format, ...)
{
	char text[4096];
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	mix(text);
	return n;
}

int note_line(const char *line)
{
	mix(line);
	mix("\n");
	return 0;
}

void note_exit(int status)
{
	longjmp(ended, status + 1);
}

static long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1, pause = argc > 2 ? atoi(argv[2]) : 0;
	for (int round = 1; round <= rounds; round++) {
		long until = now() + pause;
		hash = 1469598103934665603ul;
		for (volatile size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
			char *arguments[] = {(char *)programs[i].name, NULL};
			if (setjmp(ended) == 0)
				(void)programs[i].main(1, arguments);
		}
		while (now() < until)
			pmig_safepoint();
		printf("%d %016lx\n", round, hash);
		fflush(stdout);
	}
	return 0;
}
