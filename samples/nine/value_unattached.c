/* value x unattached: an input. Only its content counts, so a copy goes along, and the original stays.
 *
 *   pmig run -- ./value_unattached input
 *
 * If somebody writes to it, a copy would diverge: it then stays and is read across machines, unless the program consents to that
 * (--divergence).
 *
 * It reads the input again and again, a quarter before each safe point, so that it moves with the input half read. After each
 * time it proves that it has read the same content: the same sum as the first time. */
#include <pmig/pmig.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The next `bytes` of the input, or what there is. FNV-1a: http://isthe.com/chongo/tech/comp/fnv */
static uint64_t read_on(FILE *in, long bytes, uint64_t sum)
{
	for (int c; bytes > 0 && (c = getc(in)) != EOF; bytes--)
		sum = (sum ^ (uint64_t)c) * 1099511628211u;
	return sum;
}

int main(int argc, char **argv)
{
	bool divergence = argc > 1 && strcmp(argv[1], "--divergence") == 0;
	argc -= divergence;
	argv += divergence;
	FILE *in = argc > 1 ? fopen(argv[1], "r") : NULL;
	struct stat st;
	if (in == NULL) {
		fputs("usage: value_unattached [--divergence] INPUT [ROUNDS]\n", stderr);
		return 2;
	}
	if (fstat(fileno(in), &st) < 0)
		exit(1);
	pmig_declare_stream(in,
		&(struct pmig_declaration){.name = "input",
			.binding = PMIG_BY_VALUE,
			.attachment = PMIG_UNATTACHED,
			.rate = (uint64_t)st.st_size * 5, /* it reads it some times a second */
			.consent = divergence ? PMIG_DIVERGENCE : 0});

	uint64_t first = 0;
	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		uint64_t sum = 14695981039346656037u;
		rewind(in);
		for (int quarter = 0; quarter < 4; quarter++) {
			sum = read_on(in, st.st_size / 4 + 1, sum);
			nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
			pmig_safepoint();
		}
		if (round == 1)
			first = sum;
		char host[65];
		gethostname(host, sizeof host);
		printf("%ld %s: input %s, sum %016lx\n", round, host, sum == first ? "as at first" : "WRONG", sum);
		fflush(stdout);
		if (sum != first)
			exit(1);
	}
	fclose(in);
	return 0;
}
