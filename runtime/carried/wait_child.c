/* wait_child: waiting for children. */
#include "wait.h"

#include "children.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t pmig_wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage);
pid_t pmig_wait3(int *ret_status, int options, struct rusage *ret_usage);
pid_t pmig_waitpid(pid_t pid, int *ret_status, int options);
pid_t pmig_wait(int *ret_status);
int pmig_waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options);

/* One that had ended before a move is known to the runtime alone: it is looked for before each try. */
WAIT_CALL pid_t pmig_wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage)
{
	uint32_t handled = block_count(BLOCK_BREAKER);
	idtype_t type = pid > 0 ? P_PID : pid == -1 ? P_ALL : P_PGID;
	for (;;) {
		long r = wait_again(BLOCK_BREAKER, handled);
		if (r == 0)
			r = pmig_child_ended(type,
				(id_t)(pid > 0             ? pid
						: pid == 0 ? getpgrp()
							   : -pid),
				options, ret_status, ret_usage, NULL);
		if (r == 0)
			r = pmig_block(SYS_wait4, pid, (long)ret_status, options, (long)ret_usage, 0, 0);
		if (r != BLOCK_STOPPED)
			return (pid_t)wait_result(r);
	}
}

pid_t pmig_wait3(int *ret_status, int options, struct rusage *ret_usage)
{
	return pmig_wait4(-1, ret_status, options, ret_usage);
}

pid_t pmig_waitpid(pid_t pid, int *ret_status, int options)
{
	return pmig_wait4(pid, ret_status, options, NULL);
}

pid_t pmig_wait(int *ret_status)
{
	return pmig_wait4(-1, ret_status, 0, NULL);
}

WAIT_CALL int pmig_waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options)
{
	uint32_t handled = block_count(BLOCK_BREAKER);
	for (;;) {
		long r = wait_again(BLOCK_BREAKER, handled);
		if (r == 0 && (options & WEXITED) != 0 &&
			pmig_child_ended(type, type == P_PGID && id == 0 ? (id_t)getpgrp() : id, options, NULL, NULL,
				ret_info) > 0)
			return 0;
		if (r == 0)
			r = pmig_block(SYS_waitid, type, (long)id, (long)ret_info, options, 0, 0);
		if (r != BLOCK_STOPPED)
			return (int)wait_result(r);
	}
}
