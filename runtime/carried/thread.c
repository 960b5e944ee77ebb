/* thread: what a program with one thread asks about threads. The thread is the same one after a move; its values are
 * the program's own. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

pthread_t pmig_pthread_self(void);
int pmig_pthread_kill(pthread_t thread, int signal);
int pmig_pthread_setname_np(pthread_t thread, const char *name);
int pmig_pthread_getname_np(pthread_t thread, char *ret_name, size_t size);

static char one;

pthread_t pmig_pthread_self(void)
{
	return (pthread_t)&one; /* as good as any: only compared */
}

int pmig_pthread_kill(pthread_t thread, int signal)
{
	if (thread != pmig_pthread_self())
		return ESRCH;
	return signal == 0 || raise(signal) == 0 ? 0 : errno;
}

int pmig_pthread_setname_np(pthread_t thread, const char *name)
{
	if (thread != pmig_pthread_self())
		return ESRCH;
	if (strlen(name) > 15)
		return ERANGE;
	return prctl(PR_SET_NAME, name) == 0 ? 0 : errno;
}

int pmig_pthread_getname_np(pthread_t thread, char *ret_name, size_t size)
{
	if (thread != pmig_pthread_self())
		return ESRCH;
	if (size < 16)
		return ERANGE;
	return prctl(PR_GET_NAME, ret_name) == 0 ? 0 : errno;
}
