/* children: finds them in /proc, and keeps how they ended. */
#include "children.h"

#include "arena/arena.h"
#include "arena/malloc.h"
#include "control_channel.h"
#include "every.h"
#include "stop.h"
#include "thread.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMED_MAX 4 /* in one sentence */

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

/* One entry of /proc that is a child of this process. */
struct child {
	pid_t pid, group;
	char state, name[32];
};

/* "12 (a name) S 1 12 ...": proc_pid_stat(5). */
static bool read_child(const char *number, struct child *ret)
{
	char path[64], text[512];
	(void)snprintf(path, sizeof path, "/proc/%.20s/stat", number);
	int fd = open(path, O_RDONLY | O_CLOEXEC), parent;
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (open == NULL || close == NULL || sscanf(close + 1, " %c %d %d", &ret->state, &parent, &ret->group) != 3 ||
		parent != getpid())
		return false;
	ret->pid = (pid_t)atoi(text);
	(void)snprintf(ret->name, sizeof ret->name, "%.*s", (int)(close - open - 1), open + 1);
	return true;
}

/* Calls `found` for each child, until it fails. */
static int each_child(int (*found)(const struct child *c, void *context), void *context)
{
	siginfo_t any;
	if (waitid(P_ALL, 0, &any, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) < 0)
		return 0; /* none: mostly, and /proc need not be read */
	DIR *d = opendir("/proc");
	if (d == NULL)
		return error_errno(PMIG_EIO, errno, "/proc");
	int r = 0;
	for (struct dirent *e; r >= 0 && (e = readdir(d)) != NULL;) {
		struct child c;
		if (isdigit((unsigned char)e->d_name[0]) && read_child(e->d_name, &c))
			r = found(&c, context);
	}
	(void)closedir(d);
	return r;
}

struct naming {
	char text[NAMED_MAX * 64];
	size_t length;
	unsigned count;
};

static bool has_ended(const struct child *c)
{
	return c->state == 'Z' || c->state == 'X';
}

static int name_living(const struct child *c, void *context)
{
	struct naming *n = context;
	if (has_ended(c) || n->count++ >= NAMED_MAX)
		return 0;
	int k = snprintf(n->text + n->length, sizeof n->text - n->length, "%s%d (%s)%s", n->length > 0 ? ", " : "",
		(int)c->pid, c->name, c->state == 'T' ? ", stopped" : "");
	n->length += k > 0 ? (size_t)k : 0;
	return 0;
}

/* `code`, with the sentence, if any child runs. */
static int living(int code, const char *advice)
{
	struct naming n = {0};
	char more[32] = "";
	int r = each_child(name_living, &n);
	if (r < 0 || n.count == 0)
		return r;
	if (n.count > NAMED_MAX)
		(void)snprintf(more, sizeof more, " and %u more", n.count - NAMED_MAX);
	return error_set(code, "its child process%s %s%s still run%s%s", n.count > 1 ? "es" : "", n.text, more,
		n.count > 1 ? "" : "s", advice);
}

int children_ready(void)
{
	return waits || every_on() ? living(PMIG_EBUSY, "") : 0;
}

static int keep_ended(const struct child *c, void *context)
{
	(void)context;
	struct ended e = {.pid = c->pid, .group = c->group, .own_group = c->group == getpgrp(), .next = *list()};
	if (!has_ended(c))
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
		*at = e->next;
		pmig_free(e);
	}
}

int children_save(void)
{
	int r = living(PMIG_EREFUSED, "; wait for it before the safe point, or ask with --wait-children");
	if (r >= 0)
		r = each_child(keep_ended, NULL);
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
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	pmig_thread_forked();
	control_leave();
	stop_hold(1);
	return 0;
}
