/* agent_grants: limits, priority and scheduling of a program, and which of them this host would not grant it: asked before anything is
 * frozen, because a restored program goes on with what it can have. */
#include "agent_parts.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESET_ON_FORK 0x40000000 /* a flag in the policy: sched(7) */

static const struct {
	int limit;
	const char *words;
	bool by_host; /* what is given to all depends on the host's memory: only one that the program has set counts */
} limits[] = {
	{RLIMIT_AS, "address space", false},
	{RLIMIT_CORE, "core file", false},
	{RLIMIT_CPU, "processor time", false},
	{RLIMIT_DATA, "data", false},
	{RLIMIT_FSIZE, "size of a file", false},
	{RLIMIT_MEMLOCK, "locked memory", true},
	{RLIMIT_MSGQUEUE, "message queues", false},
	{RLIMIT_NOFILE, "open files", false},
	{RLIMIT_NPROC, "processes", true},
	{RLIMIT_SIGPENDING, "pending signals", true},
	{RLIMIT_STACK, "stack", false},
};
#define LIMITS (sizeof limits / sizeof *limits)

static json_t *limits_of(pid_t pid)
{
	json_t *all = json_array();
	for (size_t i = 0; i < LIMITS; i++) {
		struct rlimit its, ours;
		bool known = prlimit(pid, (__rlimit_resource_t)limits[i].limit, NULL, &its) == 0 &&
			getrlimit((__rlimit_resource_t)limits[i].limit, &ours) == 0;
		bool counts = known && (!limits[i].by_host || its.rlim_cur != ours.rlim_cur);
		(void)json_array_append_new(all, counts ? json_integer((json_int_t)its.rlim_cur) : json_null());
	}
	return all;
}

json_t *agent_grants_wanted(pid_t pid)
{
	char path[64];
	int nice = 19, policy = SCHED_OTHER, priority = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);
		struct sched_param p = {0};
		int its = tid > 0 ? sched_getscheduler(tid) : -1;
		if (its < 0 || sched_getparam(tid, &p) < 0)
			continue;
		int its_nice = getpriority(PRIO_PROCESS, (id_t)tid);
		nice = its_nice < nice ? its_nice : nice;
		if (p.sched_priority <= priority)
			continue;
		policy = its & ~RESET_ON_FORK;
		priority = p.sched_priority;
	}
	if (d != NULL)
		(void)closedir(d);
	return json_pack("{s:o, s:i, s:i, s:i}", "limits", limits_of(pid), "nice", nice, "policy", policy, "priority",
		priority);
}

/* Tried by a process of its own. */
static bool is_granted(int policy, int priority, int nice)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		const struct sched_param p = {.sched_priority = priority};
		bool done = priority > 0 ? sched_setscheduler(0, policy, &p) == 0 : setpriority(PRIO_PROCESS, 0, nice) == 0;
		_exit(done ? 0 : 1);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid < 0 || status == 0;
}

struct words {
	char *text;
	size_t used, room;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *w, const char *format, ...)
{
	va_list list;
	if (w->used + 3 >= w->room)
		return;
	if (w->used > 0)
		w->used += (size_t)snprintf(w->text + w->used, w->room - w->used, ", ");
	va_start(list, format);
	int n = vsnprintf(w->text + w->used, w->room - w->used, format, list);
	va_end(list);
	w->used += n > 0 ? (size_t)n : 0;
	w->used = w->used < w->room ? w->used : w->room - 1;
}

static const char *figure(rlim_t value, char text[24])
{
	(void)snprintf(text, 24, "%" PRIu64, (uint64_t)value);
	return value == RLIM_INFINITY ? "no limit" : text;
}

bool agent_grants_less(const json_t *wanted, char *ret_words, size_t size)
{
	struct words w = {ret_words, 0, size};
	ret_words[0] = '\0';
	for (size_t i = 0; i < LIMITS; i++) {
		const json_t *one = json_array_get(json_object_get(wanted, "limits"), i);
		rlim_t its = (rlim_t)json_integer_value(one);
		struct rlimit ours;
		char here[24], there[24];
		if (json_is_integer(one) && getrlimit((__rlimit_resource_t)limits[i].limit, &ours) == 0 &&
			its > ours.rlim_max)
			add(&w, "%s %s instead of %s", limits[i].words, figure(ours.rlim_max, here), figure(its, there));
	}
	int nice = (int)agent_number(wanted, "nice", 19), priority = (int)agent_number(wanted, "priority", 0);
	if (nice < getpriority(PRIO_PROCESS, 0) && !is_granted(SCHED_OTHER, 0, nice))
		add(&w, "no nice value of %d", nice);
	if (priority > 0 && !is_granted((int)agent_number(wanted, "policy", SCHED_FIFO), priority, 0))
		add(&w, "no real-time priority of %d", priority);
	return w.used > 0;
}
