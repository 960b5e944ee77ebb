/* identifier x fixed: an instrument on a line. It cannot leave its machine, so it stays and is reached across machines.
 *
 *   ./instrument line &                     (the other end of the line; with a real one: /dev/ttyS0)
 *   pmig run -- ./identifier_fixed line
 *
 * The declared rate is what the reference will need of the link: a move to where the link is too narrow is refused.
 *
 * Each round asks the instrument once. It answers with its serial number and with how often it was asked. The proof: always the
 * same instrument, and no question or answer was lost or doubled. */
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

int main(int argc, char **argv)
{
	int line = argc > 1 ? open(argv[1], O_RDWR | O_NOCTTY) : -1;
	if (line < 0) {
		fputs("usage: identifier_fixed DEVICE [ROUNDS]\n", stderr);
		return 2;
	}
	pmig_declare_fd(line,
		&(struct pmig_declaration){
			.name = "instrument", .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FIXED, .rate = 1000});

	unsigned long first = 0;
	long before = 0; /* how often it was asked, by others too until this one began */
	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		unsigned long serial = 0;
		long asked = 0;
		char answer[100], host[65];
		bool right = write(line, "?\n", 2) == 2 && listen_to(line, answer, sizeof answer) &&
			sscanf(answer, "instrument %lx asked %ld", &serial, &asked) == 2;
		if (round == 1) {
			first = serial;
			before = asked - 1;
		}
		right &= serial == first && asked == ++before;
		gethostname(host, sizeof host);
		printf("%ld %s: %s %lx asked %ld times\n", round, host, right ? "the same instrument" : "WRONG", serial,
			asked);
		fflush(stdout);
		if (!right)
			return 1;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	return 0;
}
