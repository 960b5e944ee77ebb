/* wait_child: waiting for children. */
#include "wait.h"

#include <sys/resource.h>
#include <sys/wait.h>

pid_t pmig_wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage);
pid_t pmig_wait3(int *ret_status, int options, struct rusage *ret_usage);
pid_t pmig_waitpid(pid_t pid, int *ret_status, int options);
pid_t pmig_wait(int *ret_status);
int pmig_waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options);

WAIT_CALL pid_t pmig_wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage)
{
	return (pid_t)wait_result(wait_call(BLOCK_BREAKER, SYS_wait4, pid, ret_status, options, ret_usage));
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
	return (int)wait_result(wait_call(BLOCK_BREAKER, SYS_waitid, type, id, ret_info, options, NULL));
}
