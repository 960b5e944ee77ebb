/* relays IN OUT: what can be read from IN is written to OUT, to its end; says how far it is. The two may be one terminal: then what comes
 * from it goes back to it until a line "end". */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int put(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);
		if (n < 0)
			return -1;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int same = strcmp(argv[1], argv[2]) == 0;
	int in = open(argv[1], same ? O_RDWR | O_NOCTTY : O_RDONLY);
	int out = same ? in : open(argv[2], O_WRONLY);
	if (in < 0 || out < 0) {
		perror("relays");
		return 3;
	}
	unsigned long total = 0, told = 0, steps = 0;
	printf("ready\n");
	for (;;) {
		char buffer[4096];
		fflush(stdout);
		pmig_safepoint();
		ssize_t n = read(in, buffer, sizeof buffer);
		if (n <= 0) {
			printf("end after %lu: %s\n", total, n < 0 ? "an error" : "all");
			return n < 0;
		}
		if (put(out, buffer, (size_t)n) < 0) {
			perror("relays");
			return 4;
		}
		nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL); /* so that more comes than it takes */
		total += (unsigned long)n;
		if (same || total - told >= 100000) {
			told = total;
			printf("at %lu: %lu\n", ++steps, total);
		}
		if (same && n == 4 && memcmp(buffer, "end\n", 4) == 0) {
			printf("end after %lu: all\n", total);
			return 0;
		}
	}
}
