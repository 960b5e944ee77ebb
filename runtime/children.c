/* children: which of them run, and how the others ended. */
#include "children.h"

#include "arena/arena.h"
#include "arena/malloc.h"
#include "base/child.h"
#include "control_channel.h"
#include "every.h"
#include "guard.h"
#include "reference/note_line.h"
#include "resource/resource.h"
#include "stop.h"
#include "thread.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ARENA_ROOT_CHILDREN: a list of these. */
struct ended {
	struct ended *next;
	pid_t pid, group;
	bool own_group; /* that of the program */
	siginfo_t info; /* as waitid() gave it */
	struct rusage usage;
};

static bool waits; /* the request under way */

static struct ended **list(void)
{
	return (struct ended **)arena_root(ARENA_ROOT_CHILDREN);
}

void children_wait(bool wanted)
{
	waits = wanted;
}

/* Mostly there are none, and /proc need not be read. */
static bool has_any(void)
{
	siginfo_t any;
	return waitid(P_ALL, 0, &any, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/* `code`, with the sentence, if any child runs. */
static int living(int code, const char *advice)
{
	char names[256];
	int n = has_any() ? child_name_living(getpid(), names, sizeof names) : 0;
	if (n <= 0)
		return n;
	return error_set(code, "its child process%s %s still run%s%s", n > 1 ? "es" : "", names, n > 1 ? "" : "s", advice);
}

int children_ready(void)
{
	return waits || every_on() ? living(PMIG_EBUSY, "") : 0;
}

static int keep_ended(const struct child *c, void *context)
{
	(void)context;
	struct ended e = {.pid = c->pid, .group = c->group, .own_group = c->group == getpgrp(), .next = *list()};
	if (!child_has_ended(c))
		return 0;
	if (syscall(SYS_waitid, P_PID, c->pid, &e.info, WEXITED | WNOHANG | WNOWAIT | __WALL, &e.usage) < 0 ||
		e.info.si_pid == 0)
		return 0; /* not to be waited for: a parent that ignores SIGCHLD */
	struct ended *kept = pmig_malloc(sizeof *kept);
	if (kept == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the end of child process %d", (int)c->pid);
	*kept = e;
	*list() = kept;
	return 0;
}

static bool is_here(const struct ended *e)
{
	siginfo_t info = {0};
	return waitid(P_PID, (id_t)e->pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/* Of this process itself: the kernel has them too. */
void children_continue(void)
{
	if (!arena_exists())
		return;
	for (struct ended **at = list(), *e; (e = *at) != NULL;) {
		if (!is_here(e)) {
			at = &e->next;
			continue;
		}
		__atomic_store_n(at, e->next, __ATOMIC_RELAXED);
		pmig_free(e);
	}
}

int children_save(void)
{
	int r = living(PMIG_EREFUSED, "; wait for it before the safe point, or ask with --wait-children");
	if (r >= 0)
		r = has_any() ? child_each(getpid(), keep_ended, NULL) : 0;
	if (r < 0)
		children_continue();
	return r;
}

/* A process that was continued by execve() has them still. */
void children_arrive(void)
{
	for (struct ended *e = *list(); e != NULL; e = e->next)
		(void)waitpid(e->pid, NULL, WNOHANG | __WALL);
}

static bool is_meant(const struct ended *e, idtype_t type, id_t id)
{
	switch (type) {
	case P_PID:
		return (pid_t)id == e->pid;
	case P_PGID:
		return (pid_t)id == e->group || ((pid_t)id == getpgrp() && e->own_group);
	case P_ALL:
		return true;
	default:
		return false;
	}
}

static int status_of(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return info->si_status | (info->si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

pid_t pmig_child_ended(idtype_t type, id_t id, int options, int *ret_status, struct rusage *ret_usage, siginfo_t *ret_info)
{
	if (__atomic_load_n(list(), __ATOMIC_RELAXED) == NULL)
		return 0;
	GUARD(GUARD_CHILDREN);
	struct ended **at = list(), *e;
	while (*at != NULL && !is_meant(*at, type, id))
		at = &(*at)->next;
	e = *at;
	if (e == NULL)
		return 0;
	pid_t pid = e->pid;
	if (ret_status != NULL)
		*ret_status = status_of(&e->info);
	if (ret_usage != NULL)
		*ret_usage = e->usage;
	if (ret_info != NULL)
		*ret_info = e->info;
	if ((options & WNOWAIT) == 0) {
		*at = e->next;
		pmig_free(e);
	}
	return pid;
}

static bool ended_before(pid_t pid)
{
	if (__atomic_load_n(list(), __ATOMIC_RELAXED) == NULL)
		return false;
	GUARD(GUARD_CHILDREN);
	const struct ended *e = *list();
	while (e != NULL && e->pid != pid)
		e = e->next;
	return e != NULL;
}

int pmig_kill(pid_t pid, int number)
{
	return pid > 0 && ended_before(pid) ? 0 : kill(pid, number);
}

int pmig_sigqueue(pid_t pid, int number, const union sigval value)
{
	return pid > 0 && ended_before(pid) ? 0 : sigqueue(pid, number, value);
}

pid_t pmig_fork_process(void)
{
	int line = note_line_open();
	if (line >= 0)
		resource_private(line);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	pmig_thread_forked();
	control_leave();
	stop_hold(1);
	return 0;
}
