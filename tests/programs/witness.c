/* witness FILE N: counts to N, a step every few milliseconds; each is told to a witness outside (a line "count pid" in FILE)
 * and on standard output. Two copies that run at the same time, and steps that are lost or done twice, show in FILE. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int last = atoi(argv[2]);
	for (int count = 0; count < last; count++) {
		int fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
		if (fd < 0 || dprintf(fd, "%d %d\n", count, (int)getpid()) < 0)
			return 1;
		close(fd);
		printf("%d\n", count);
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		pmig_safepoint();
	}
	return 0;
}
