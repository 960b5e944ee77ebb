/* children: how those ended that nobody had waited for is known after a restore; one that runs is refused by name. */
#include "restore_case.h"

#include "children.h"

#include <signal.h>
#include <sys/prctl.h>

static pid_t ended(int status, int by)
{
	pid_t pid = pmig_fork_process();
	siginfo_t info;
	if (pid == 0) {
		if (by != 0)
			raise(by);
		_exit(status);
	}
	CHECK(pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	return pid;
}

static void *some(void)
{
	pid_t *all = pmig_calloc(3, sizeof *all);
	all[0] = ended(9, 0);
	all[1] = ended(0, SIGKILL);
	all[2] = ended(0, 0);
	CHECK(pmig_child_ended(P_ALL, 0, 0, NULL, NULL, NULL) == 0); /* the kernel has them */
	return all;
}

static void some_after(void *state)
{
	const pid_t *all = state;
	int status = -1;
	siginfo_t info;
	struct rusage usage = {.ru_maxrss = -1};
	CHECK(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD); /* the kernel has none here */
	CHECK(pmig_kill(all[1], SIGKILL) == 0 && pmig_sigqueue(all[1], SIGKILL, (union sigval){0}) == 0);
	CHECK(pmig_child_ended(P_PID, (id_t)all[1], WNOWAIT, NULL, NULL, &info) == all[1] && info.si_code == CLD_KILLED &&
		info.si_status == SIGKILL && info.si_pid == all[1]);
	CHECK(pmig_child_ended(P_PID, (id_t)all[1], 0, &status, &usage, NULL) == all[1] && WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGKILL && usage.ru_maxrss > 0);
	CHECK(pmig_child_ended(P_PID, (id_t)all[1], 0, &status, NULL, NULL) == 0);
	CHECK(pmig_child_ended(P_PGID, (id_t)getpgrp(), 0, &status, NULL, NULL) > 0);
	pid_t last = pmig_child_ended(P_ALL, 0, 0, &status, NULL, NULL);
	CHECK((last == all[0] && WEXITSTATUS(status) == 9) || (last == all[2] && WEXITSTATUS(status) == 0));
	CHECK(pmig_child_ended(P_ALL, 0, 0, NULL, NULL, NULL) == 0);
}

static void *living(void)
{
	pid_t parent = getpid(), pid = pmig_fork_process();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			pause();
		_exit(0);
	}
	children_wait(true);
	CHECK(children_ready() == PMIG_EBUSY && strstr(pmig_reason(), "still runs") != NULL);
	children_wait(false);
	CHECK(children_ready() == 0);
	return pmig_calloc(1, 1);
}

static const struct restore_case cases[] = {
	{.name = "some that have ended", .before = some, .after = some_after},
	{.name = "one that runs",
		.before = living,
		.refused = "still runs; wait for it before the safe point, or ask with --wait-children"},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
