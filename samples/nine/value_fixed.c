/* value x fixed: memory shared with other processes. It cannot be shared across machines, so the program does not move,
 *
 *   pmig run -- ./value_fixed /board
 *
 * unless it is content with the values as they were when it left:
 *
 *   pmig run -- ./value_fixed --snapshot /board
 *
 * The board has a number of each round, each the sum of the one before and the round; others may write into its last word. After
 * every round it proves that all values are there. What the others have written is shown: after a move with a snapshot it stays as it
 * was. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NUMBERS 1000

struct board {
	long number[NUMBERS]; /* number[i % NUMBERS]: the sum of 1..i */
	volatile long others; /* theirs */
};

static bool right(const struct board *b, long round)
{
	for (long i = round; i > 0 && i > round - NUMBERS; i--)
		if (b->number[i % NUMBERS] != i * (i + 1) / 2)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	bool snapshot = argc > 1 && strcmp(argv[1], "--snapshot") == 0;
	argc -= snapshot;
	argv += snapshot;
	int fd = argc > 1 ? shm_open(argv[1], O_RDWR | O_CREAT, 0666) : -1;
	if (fd < 0 || ftruncate(fd, sizeof(struct board)) < 0) {
		fputs("usage: value_fixed [--snapshot] /BOARD [ROUNDS]\n", stderr);
		return 2;
	}
	struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (board == MAP_FAILED) {
		perror("value_fixed: mmap");
		return 1;
	}
	pmig_declare_memory(board, sizeof *board,
		&(struct pmig_declaration){.name = "board",
			.binding = PMIG_BY_VALUE,
			.attachment = PMIG_FIXED,
			.consent = snapshot ? PMIG_SNAPSHOT : 0});

	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		char host[65];
		board->number[round % NUMBERS] = round * (round + 1) / 2;
		bool good = right(board, round);
		gethostname(host, sizeof host);
		printf("%ld %s: board has %s, others wrote %ld\n", round, host, good ? "all values" : "WRONG ones",
			board->others);
		fflush(stdout);
		if (!good)
			return 1;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	return 0;
}
