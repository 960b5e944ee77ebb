/* referred PATH SPAN: reads a file as the lines of its input say, and prints how many seconds that took: "s": all of it in sequence, by 64
 * KiB; "r": 4096 times 4 KiB anywhere in its first SPAN MiB. Each time nothing is cached before. As `referred PATH SPAN leave` the file loses its
 * name, stays where it is, and is read from wherever the program is then. */
#include <pmig/pmig.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define READS 4096
#define BLOCK 4096

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double in_sequence(int fd)
{
	static char buffer[65536];
	double begin = now();
	lseek(fd, 0, SEEK_SET);
	for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) != 0;)
		if (n < 0)
			exit(5);
	return now() - begin;
}

static double anywhere(int fd, uint64_t blocks)
{
	static char buffer[BLOCK];
	static uint64_t state = 88172645463325252u;
	double begin = now();
	for (int i = 0; i < READS; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		if (pread(fd, buffer, BLOCK, (off_t)(state % blocks * BLOCK)) != BLOCK)
			exit(6);
	}
	return now() - begin;
}

/* One order; naps, since a blocked read() would not be a safe point. */
static int order(void)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	char c = 0;
	while (poll(&p, 1, 5) <= 0)
		pmig_safepoint();
	return read(0, &c, 1) == 1 ? c : -1;
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? open(argv[1], O_RDONLY) : -1;
	if (fd < 0)
		return 2;
	if (argc > 3 &&
		(unlink(argv[1]) < 0 ||
			pmig_declare_fd(fd,
				&(struct pmig_declaration){.name = "read",
					.binding = PMIG_BY_IDENTIFIER,
					.attachment = PMIG_FASTENED,
					.strategy = PMIG_REFER}) < 0))
		return 3;
	printf("ready\n");
	fflush(stdout);
	for (int c; (c = order()) >= 0;) {
		if (c != 's' && c != 'r')
			continue;
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		printf("%.6f\n", c == 's' ? in_sequence(fd) : anywhere(fd, strtoull(argv[2], NULL, 10) * (1048576 / BLOCK)));
		fflush(stdout);
	}
	return 0;
}
