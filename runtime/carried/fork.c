/* fork: a child is a program of its own from the first instruction on: no agent knows it, and its safe points do nothing. */
#include "children.h"

#include <errno.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utmp.h>

pid_t pmig_fork(void);
pid_t pmig_fork_alone(void);
int pmig_forkpty(int *ret_master, char *name, const struct termios *modes, const struct winsize *window);

/* carried/thread_fork.c, in programs that call pthread_atfork(). */
#pragma weak pmig_fork_prepare
#pragma weak pmig_fork_parent
#pragma weak pmig_fork_child
void pmig_fork_prepare(void);
void pmig_fork_parent(void);
void pmig_fork_child(void);

/* _Fork(3): without the handlers of pthread_atfork(). */
pid_t pmig_fork_alone(void)
{
	return pmig_fork_process();
}

pid_t pmig_fork(void)
{
	if (pmig_fork_prepare != NULL)
		pmig_fork_prepare();
	pid_t pid = pmig_fork_process();
	int error = errno;
	if (pid == 0 && pmig_fork_child != NULL)
		pmig_fork_child();
	if (pid != 0 && pmig_fork_parent != NULL)
		pmig_fork_parent();
	errno = error;
	return pid;
}

int pmig_forkpty(int *ret_master, char *name, const struct termios *modes, const struct winsize *window)
{
	int master, slave;
	if (openpty(&master, &slave, name, modes, window) < 0)
		return -1;
	pid_t pid = pmig_fork();
	if (pid == 0) {
		(void)close(master);
		if (login_tty(slave) < 0)
			_exit(1);
		return 0;
	}
	int error = errno;
	(void)close(slave);
	if (pid < 0)
		(void)close(master);
	else
		*ret_master = master;
	errno = error;
	return pid;
}
