/* detach: `-d` of the verbs that start a program. */
#include "tools/cmd/cmd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED 125

int cmd_detach(int *ret_ready)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return FAILED;
	pid_t pid = fork();
	if (pid < 0)
		return FAILED;
	if (pid == 0) {
		(void)setsid();
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		(void)dup2(null, 0);
		(void)dup2(null, 1);
		*ret_ready = ends[1];
		return 0;
	}
	(void)close(ends[1]);
	char name[PMIG_NAME_MAX + 2];
	ssize_t n = read(ends[0], name, sizeof name);
	if (n > 0)
		(void)fwrite(name, 1, (size_t)n, stdout);
	(void)fflush(stdout);
	int status = FAILED;
	if (n <= 0 && waitpid(pid, &status, 0) == pid) /* it says why */
		status = WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
	_exit(n > 0 ? 0 : status);
}
