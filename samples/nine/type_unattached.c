/* type x unattached: a scratch file. Any place to put something down will do: one of the target's is taken, if it offers any.
 *
 *   pmig run -- ./type_unattached /tmp/scratch
 *
 * Nothing is promised of what is in it after a move; so it holds nothing across a safe point. (If the target offers no scratch
 * space, the file goes along, and all is there.)
 *
 * Each round writes a pattern to it, and proves that the scratch works: the pattern comes back. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BYTES 100000

static char written[BYTES], back[BYTES];

int main(int argc, char **argv)
{
	int scratch = argc > 1 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
	if (scratch < 0) {
		fputs("usage: type_unattached PATH [ROUNDS]\n", stderr);
		return 2;
	}
	pmig_declare_fd(scratch,
		&(struct pmig_declaration){
			.name = "scratch", .binding = PMIG_BY_TYPE, .attachment = PMIG_UNATTACHED, .type = "scratch"});

	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		char host[65];
		memset(written, (int)round, sizeof written);
		memset(back, 0, sizeof back);
		bool right = pwrite(scratch, written, BYTES, 0) == BYTES && pread(scratch, back, BYTES, 0) == BYTES &&
			memcmp(written, back, BYTES) == 0;
		gethostname(host, sizeof host);
		printf("%ld %s: the scratch %s\n", round, host, right ? "works" : "is WRONG");
		fflush(stdout);
		if (!right)
			return 1;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	return 0;
}
