/* type x fixed: an instrument, whichever. Where there is another one of its type, that is used; else the old one is
 * reached across machines.
 *
 *   ./instrument line &
 *   pmig run -- ./type_fixed line
 *   pmig registry provide instrument /dev/ttyS1      (at the target)
 *
 * Each round asks it once. What was asked of one instrument no other one answers, so while an answer is due the program is not frozen, although it
 * waits in read(): the declaration's hook says "not now". The proof that it works: it answers, and if it is the same one as before, it was asked once more
 * than before. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A line of the instrument, without its end; 0 if it says no more. */
static int listen_to(int line, char *answer, size_t size)
{
	size_t n = 0;
	char c = 0;
	while (n + 1 < size && read(line, &c, 1) == 1 && c != '\n')
		answer[n++] = c;
	answer[n] = '\0';
	return c == '\n';
}

static int due; /* an answer is */

static int not_while_due(void *context)
{
	return *(const int *)context ? -1 : 0;
}

int main(int argc, char **argv)
{
	int line = argc > 1 ? open(argv[1], O_RDWR | O_NOCTTY) : -1;
	if (line < 0) {
		fputs("usage: type_fixed DEVICE [ROUNDS]\n", stderr);
		return 2;
	}
	pmig_declare_fd(line,
		&(struct pmig_declaration){.name = "any instrument",
			.binding = PMIG_BY_TYPE,
			.attachment = PMIG_FIXED,
			.type = "instrument",
			.hooks = &(struct pmig_hooks){.before = not_while_due},
			.context = &due});

	unsigned long before = 0;
	long asked_before = 0;
	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		unsigned long serial = 0;
		long asked = 0;
		char answer[100], host[65];
		due = 1;
		bool right = write(line, "?\n", 2) == 2 && listen_to(line, answer, sizeof answer) &&
			sscanf(answer, "instrument %lx asked %ld", &serial, &asked) == 2;
		due = 0;
		right &= serial != before || asked == asked_before + 1;
		before = serial;
		asked_before = asked;
		gethostname(host, sizeof host);
		printf("%ld %s: %s, it is %lx\n", round, host, right ? "an instrument answers" : "WRONG", serial);
		fflush(stdout);
		if (!right)
			return 1;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	return 0;
}
