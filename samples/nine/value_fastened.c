/* value x fastened: a big data set, or a library. Any equal one will do, wherever the target has it; the own one is fastened
 * to its machine by what it costs to send.
 *
 *   pmig run -- ./value_fastened /srv/data/big.set
 *
 * If the target has equal content, under whatever path, that is used; else it is read across machines or sent, whichever costs less.
 * (The same happens with each shared library of a program, undeclared.)
 *
 * It remembers a sum of each block. In each round it reads some blocks, here and there, and proves that they are the same. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS_A_ROUND 20

static uint64_t sum_of(int set, long block)
{
	unsigned char bytes[BLOCK];
	ssize_t n = pread(set, bytes, sizeof bytes, block * BLOCK);
	uint64_t sum = 14695981039346656037u; /* FNV-1a */
	for (ssize_t i = 0; i < n; i++)
		sum = (sum ^ bytes[i]) * 1099511628211u;
	return n > 0 ? sum : 0;
}

int main(int argc, char **argv)
{
	struct stat st;
	int set = argc > 1 ? open(argv[1], O_RDONLY) : -1;
	if (set < 0 || fstat(set, &st) < 0 || st.st_size == 0) {
		fputs("usage: value_fastened DATASET [ROUNDS]\n", stderr);
		return 2;
	}
	pmig_declare_fd(set,
		&(struct pmig_declaration){.name = "data set", .binding = PMIG_BY_VALUE, .attachment = PMIG_FASTENED});
	long blocks = (st.st_size + BLOCK - 1) / BLOCK, at = 0;
	uint64_t *sums = malloc((size_t)blocks * sizeof *sums);
	if (sums == NULL)
		return 1;
	for (long b = 0; b < blocks; b++)
		sums[b] = sum_of(set, b);

	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		bool right = true;
		for (int i = 0; i < BLOCKS_A_ROUND; i++) {
			at = (at * 5 + 7919) % blocks;
			right &= sum_of(set, at) == sums[at];
		}
		char host[65];
		gethostname(host, sizeof host);
		printf("%ld %s: %d of %ld blocks are %s\n", round, host, BLOCKS_A_ROUND, blocks,
			right ? "the same" : "WRONG");
		fflush(stdout);
		if (!right)
			exit(1);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	free(sums);
	return 0;
}
