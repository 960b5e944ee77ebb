/* declare: what registering and closing a resource costs, under an agent and its registry, against 5 microseconds each.
 *
 * usage: declare PMIG PROGRAM STATE [RUNS]; PROGRAM: programs/declare.c. */
#include "figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GOAL 5e-6

int main(int argc, char **argv)
{
	if (argc < 4) {
		(void)fprintf(stderr, "usage: declare PMIG PROGRAM STATE [RUNS]\n");
		return 2;
	}
	size_t runs = figure_runs(argv[4], 9), n = 0;
	char count[24];
	(void)snprintf(count, sizeof count, "%zu", runs);
	(void)setenv("PMIG_STATE", argv[3], 1);
	int ends[2];
	if (pipe(ends) < 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		(void)execl(argv[1], "pmig", "run", "--", argv[2], count, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	double declaring[FIGURE_RUNS_MAX], closing[FIGURE_RUNS_MAX], both[FIGURE_RUNS_MAX];
	FILE *in = fdopen(ends[0], "r");
	while (in != NULL && n < runs && fscanf(in, "%lf %lf %lf", &declaring[n], &closing[n], &both[n]) == 3) {
		declaring[n] *= 1e-9;
		closing[n] *= 1e-9;
		both[n++] *= 1e-9;
	}
	if (in != NULL)
		(void)fclose(in);
	if (n < runs) {
		(void)fprintf(stderr, "declare: %s gave %zu of %zu lines\n", argv[2], n, runs);
		return 1;
	}
	figure_bound(&(struct figure){"declare-register", 1, "us", 1e6}, declaring, n, GOAL);
	figure_bound(&(struct figure){"declare-close", 1, "us", 1e6}, closing, n, GOAL);
	figure_bound(&(struct figure){"declare-both-unseen", 1, "us", 1e6}, both, n, 2 * GOAL);
	return 0;
}
