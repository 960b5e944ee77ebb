/* fill: fills its heap, then, for every byte of its standard input, writes its heap to a file and waits at a safe point until
 * somebody has made a checkpoint.
 *
 * usage: fill MIB DIRECTORY. Says, a line each: "written SECONDS", "stopped SECONDS" (of the call that made the
 * checkpoint), and a copy from an image: "restored", then "the same bytes" or "OTHER BYTES". */
#include <fcntl.h>
#include <pmig/pmig.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256u << 10)
#define WORDS (BLOCK / sizeof(uint64_t))

static size_t count;
static uint64_t **blocks, sum;

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void fill(void)
{
	uint64_t x = 88172645463325252u;
	blocks = malloc(count * sizeof *blocks);
	for (size_t i = 0; i < count; i++) {
		if (blocks == NULL || (blocks[i] = malloc(BLOCK)) == NULL)
			fail("malloc");
		for (size_t k = 0; k < WORDS; k++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17; /* xorshift: Marsaglia, 2003 */
			sum += blocks[i][k] = x;
		}
	}
}

static double plain_write(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fail(directory);
	double begin = now();
	for (size_t i = 0; i < count; i++)
		if (write(fd, blocks[i], BLOCK) != BLOCK)
			fail("write");
	double took = now() - begin;
	close(fd);
	return took;
}

static int check(void)
{
	uint64_t found = 0;
	printf("restored\n");
	fflush(stdout);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < WORDS; k++)
			found += blocks[i][k];
	printf("%s\n", found == sum ? "the same bytes" : "OTHER BYTES");
	return found == sum ? 0 : 1;
}

int main(int argc, char **argv)
{
	char go;
	if (argc != 3) {
		fprintf(stderr, "usage: fill MIB DIRECTORY\n");
		return 2;
	}
	count = (strtoul(argv[1], NULL, 10) << 20) / BLOCK;
	fill();
	while (read(0, &go, 1) == 1) {
		printf("written %.9f\n", plain_write(argv[2]));
		fflush(stdout);
		double begin;
		int outcome;
		do {
			begin = now();
			outcome = pmig_safepoint();
		} while (outcome == 0);
		if (outcome == PMIG_RESTORED)
			return check();
		printf("stopped %.9f\n", outcome == PMIG_CONTINUED ? now() - begin : -1.0);
		fflush(stdout);
	}
	return 0;
}
