/* thread: what a program asks and says about threads. */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 16 /* with its end */

pthread_t pmig_pthread_self(void);
int pmig_pthread_kill(pthread_t thread, int signal);
int pmig_pthread_sigqueue(pthread_t thread, int signal, const union sigval value);
int pmig_pthread_setname_np(pthread_t thread, const char *name);
int pmig_pthread_getname_np(pthread_t thread, char *ret_name, size_t size);
int pmig_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set);
int pmig_pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *ret_set);
int pmig_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *p);
int pmig_pthread_getschedparam(pthread_t thread, int *ret_policy, struct sched_param *ret_p);
int pmig_pthread_setschedprio(pthread_t thread, int priority);

pthread_t pmig_pthread_self(void)
{
	return (pthread_t)pmig_thread;
}

/* The native id, for the time being; 0: it has ended; -1: no such thread. */
static pid_t native(pthread_t thread)
{
	const struct arena_thread *t = pmig_thread_of(thread);
	return t != NULL ? pmig_thread_native(t) : -1;
}

static int said(long r)
{
	return r < 0 ? errno : 0;
}

/* A thread that has just been made, or has ended and was not joined, has no native one to send to: as if it had come too early,
 * or too late. */
int pmig_pthread_kill(pthread_t thread, int signal)
{
	pid_t tid = native(thread);
	int saved = errno;
	if (tid < 0)
		return ESRCH;
	if (signal < 0 || signal > 64 || signal == 32 || signal == 33)
		return EINVAL;
	int r = tid == 0 || signal == 0 ? 0 : said(tgkill(getpid(), tid, signal));
	errno = saved;
	return r;
}

int pmig_pthread_sigqueue(pthread_t thread, int signal, const union sigval value)
{
	pid_t tid = native(thread);
	int saved = errno;
	if (tid < 0)
		return ESRCH;
	int r = tid == 0 ? 0 : said(pmig_thread_queue(tid, signal, value));
	errno = saved;
	return r;
}

int pmig_pthread_setname_np(pthread_t thread, const char *name)
{
	const struct arena_thread *t = pmig_thread_of(thread);
	if (strlen(name) >= NAME_MAX_BYTES)
		return ERANGE;
	return t != NULL ? pmig_thread_set_name(t, name) : ESRCH;
}

int pmig_pthread_getname_np(pthread_t thread, char *ret_name, size_t size)
{
	const struct arena_thread *t = pmig_thread_of(thread);
	if (size < NAME_MAX_BYTES)
		return ERANGE;
	return t != NULL ? pmig_thread_get_name(t, ret_name, size) : ESRCH;
}

/* On which processors it runs is this host's business: it does not travel. */
int pmig_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
	pid_t tid = native(thread);
	int saved = errno, r = tid <= 0 ? ESRCH : said(sched_setaffinity(tid, size, set));
	errno = saved;
	return r;
}

int pmig_pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *ret_set)
{
	pid_t tid = native(thread);
	int saved = errno, r = tid <= 0 ? ESRCH : said(sched_getaffinity(tid, size, ret_set));
	errno = saved;
	return r;
}

int pmig_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *p)
{
	pid_t tid = native(thread);
	int saved = errno, r = tid <= 0 ? ESRCH : said(sched_setscheduler(tid, policy, p));
	errno = saved;
	return r;
}

int pmig_pthread_getschedparam(pthread_t thread, int *ret_policy, struct sched_param *ret_p)
{
	pid_t tid = native(thread);
	int saved = errno, policy = tid <= 0 ? -1 : sched_getscheduler(tid), r = ESRCH;
	if (policy >= 0)
		r = said(sched_getparam(tid, ret_p));
	else if (tid > 0)
		r = errno;
	if (r == 0)
		*ret_policy = policy;
	errno = saved;
	return r;
}

int pmig_pthread_setschedprio(pthread_t thread, int priority)
{
	const struct sched_param p = {.sched_priority = priority};
	pid_t tid = native(thread);
	int saved = errno, r = tid <= 0 ? ESRCH : said(sched_setparam(tid, &p));
	errno = saved;
	return r;
}
