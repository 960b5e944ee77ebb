/* identifier x unattached: a log. Exactly this file is meant; only this program uses it, so it goes along.
 *
 *   pmig run -- ./identifier_unattached my.log
 *
 * If somebody else has it open as well (`tail -f my.log`), it stays, and the lines are written to it from the other machine.
 *
 * After every round it proves that it has exactly this file: on top stands the number that it drew at the start, and below it
 * every round of its own once and in order, whatever others have written between. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static char host[65];

static void append(int log, const char *line)
{
	if (write(log, line, strlen(line)) != (ssize_t)strlen(line)) {
		perror("identifier_unattached: write");
		exit(1);
	}
}

/* How many lines of the log are others'; -1 if one of ours is missing, doubled or out of order. */
static long others_in(FILE *in, const char *top, long rounds)
{
	char line[256];
	long ours = 0, others = 0, n;
	if (fgets(line, sizeof line, in) == NULL || strcmp(line, top) != 0)
		return -1;
	while (fgets(line, sizeof line, in) != NULL)
		if (sscanf(line, "round %ld ", &n) != 1)
			others++;
		else if (n != ++ours)
			return -1;
	return ours == rounds ? others : -1;
}

/* Reads the whole log, through a stream of its own. */
static long check(int log, const char *top, long rounds)
{
	FILE *in = fdopen(dup(log), "r");
	if (in == NULL)
		return -1;
	rewind(in);
	long others = others_in(in, top, rounds);
	fclose(in);
	return others;
}

int main(int argc, char **argv)
{
	unsigned long drawn;
	char top[64], line[160];
	if (argc < 2) {
		fputs("usage: identifier_unattached LOG [ROUNDS]\n", stderr);
		return 2;
	}
	int log = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0666);
	if (log < 0 || getrandom(&drawn, sizeof drawn, 0) != sizeof drawn) {
		perror(argv[1]);
		return 1;
	}
	pmig_declare_fd(log,
		&(struct pmig_declaration){.name = "log", .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_UNATTACHED});
	snprintf(top, sizeof top, "log %lx\n", drawn);
	append(log, top);

	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		gethostname(host, sizeof host);
		snprintf(line, sizeof line, "round %ld on %s\n", round, host);
		append(log, line);
		long others = check(log, top, round);
		printf("%ld %s: %s, %ld of others\n", round, host, others >= 0 ? "log has all rounds" : "WRONG", others);
		fflush(stdout);
		if (others < 0)
			return 1;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	return 0;
}
