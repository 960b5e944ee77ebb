/* witness RECORD ENOUGH: takes a step every few milliseconds until the file ENOUGH exists, and LAST more. Each is told to a
 * record outside, a line "epoch step pid" that the kernel appends in the order of things, and on standard output; the record
 * ends with "epoch end pid". Copies that run side by side, and steps that are lost or done twice, show in it. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LAST 40
#define STEP_NS 2000000

static void record(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%" PRIu64 " %s %d\n", pmig_epoch(), what, (int)getpid()) < 0)
		exit(1);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int left = LAST;
	for (int step = 0; left > 0; step++) {
		char text[16];
		snprintf(text, sizeof text, "%d", step);
		record(argv[1], text);
		puts(text);
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
		pmig_safepoint();
		left -= access(argv[2], F_OK) == 0;
	}
	record(argv[1], "end");
	return 0;
}
