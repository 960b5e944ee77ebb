/* pairs: two commands in turn, A B A B..., by the processor time of each with all it started, which the neighbours on a
 * busy machine disturb least.
 *
 * usage: pairs NAME GOAL RUNS A... -- B...; GOAL 0: none. What they print is thrown away; both must succeed. */
#include "base/error.h"
#include "figure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void become(char **command)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	(void)execvp(command[0], command);
	perror(command[0]);
	_exit(127);
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double run(char **command)
{
	struct rusage used;
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		become(command);
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0)
		figure_fail(error_errno(PMIG_EIO, errno, "%s", command[0]));
	if (status != 0)
		figure_fail(error_set(PMIG_EIO, "%s failed (%s %d)", command[0],
			WIFEXITED(status) ? "exit status" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)));
	return seconds(&used.ru_utime) + seconds(&used.ru_stime);
}

int main(int argc, char **argv)
{
	double value[FIGURE_RUNS_MAX], against[FIGURE_RUNS_MAX];
	int middle = 4;
	while (middle < argc && strcmp(argv[middle], "--") != 0)
		middle++;
	if (middle == 4 || middle + 1 >= argc) {
		(void)fprintf(stderr, "usage: pairs NAME GOAL RUNS A... -- B...\n");
		return 2;
	}
	struct figure f = {.name = argv[1], .goal = strtod(argv[2], NULL), .unit = "s"};
	size_t runs = figure_runs(argv[3], 0);
	argv[middle] = NULL;
	for (size_t i = 0; i < runs; i++) {
		value[i] = run(argv + 4);
		against[i] = run(argv + middle + 1);
	}
	figure_pairs(&f, value, against, runs);
	return 0;
}
