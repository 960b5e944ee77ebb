/* surroundings: prints what it sees of user, process, host and directory, once at the start and then for each line that
 * it reads; moved between the lines. The answers that may change with a move are explained in ARCHITECTURE.md. */
#include <pmig/pmig.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long long monotonic_last;

static const char *monotonic(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long long ns = now.tv_sec * 1000000000ll + now.tv_nsec;
	const char *word = ns >= monotonic_last ? "forward" : "BACKWARDS";
	monotonic_last = ns;
	return word;
}

static void look(int argc, char **argv, char **environment, int pid_at_start)
{
	char host[65] = "", directory[4096] = "?";
	gethostname(host, sizeof host - 1);
	if (getcwd(directory, sizeof directory) == NULL)
		strcpy(directory, "?");
	mode_t mask = umask(0);
	umask(mask);
	printf("host %s uid %d HOME %s set %s cwd %s pid %s umask %03o arguments %d %s environment %s monotonic %s\n", host,
		(int)getuid(), getenv("HOME"), getenv("SET_BY_PROGRAM"), directory,
		getpid() == pid_at_start ? "same" : "other", (unsigned)mask, argc, argv[argc - 1],
		environment[0] != NULL ? "there" : "gone", monotonic());
	fflush(stdout);
}

int main(int argc, char **argv, char **environment)
{
	int pid_at_start = getpid();
	char line[64];
	umask(027);
	setenv("SET_BY_PROGRAM", "yes", 1);
	look(argc, argv, environment, pid_at_start);
	for (;;) {
		struct pollfd input = {.fd = 0, .events = POLLIN};
		while (poll(&input, 1, 10) <= 0) /* a blocked read() would not be a safe point */
			pmig_safepoint();
		if (fgets(line, sizeof line, stdin) == NULL)
			return 0;
		look(argc, argv, environment, pid_at_start);
	}
}
