/* thread_where: which thread it is, and where. */
#include "control.h"
#include "frame/walk.h"
#include "thread_native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DESCRIBE_MS 200
#define NAME_BYTES 16 /* with its end */

static int open_name(const struct arena_thread *t, int flags)
{
	char path[64];
	pid_t tid = pmig_thread_native(t);
	if (tid == 0) {
		errno = ESRCH;
		return -1;
	}
	(void)snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)tid);
	return open(path, flags | O_CLOEXEC);
}

int pmig_thread_set_name(const struct arena_thread *t, const char *name)
{
	int saved = errno, fd = open_name(t, O_WRONLY), r = 0;
	if (fd < 0 || write(fd, name, strlen(name)) < 0)
		r = errno;
	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return r;
}

int pmig_thread_get_name(const struct arena_thread *t, char *ret_name, size_t size)
{
	int saved = errno, fd = open_name(t, O_RDONLY), r = 0;
	char name[NAME_BYTES + 1];
	ssize_t n = fd >= 0 ? read(fd, name, sizeof name) : -1;
	if (n < 0)
		r = errno;
	else /* without the line's end */
		(void)snprintf(ret_name, size, "%.*s", (int)n - (n > 0), name);
	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return r;
}

void thread_name(const struct arena_thread *t, char *out, size_t size)
{
	char name[NAME_BYTES] = "";
	(void)pmig_thread_get_name(t, name, sizeof name);
	if (t->index == 0)
		(void)snprintf(out, size, "the main thread");
	else
		(void)snprintf(out, size, "thread %lu (%s)", (unsigned long)thread_state(t)->number, name);
}

/* The handler that reads it runs in the thread, wherever that is. */
static bool all_described(void)
{
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++)
		if (atomic_load(&thread_natives[i].where_asked) == 1)
			return false;
	return true;
}

static void ask(bool (*wanted)(const struct arena_thread *))
{
	for (struct arena_thread *t = thread_next(NULL); t != NULL; t = thread_next(t)) {
		struct thread_native *n = thread_native_of(t);
		pid_t tid = n->tid;
		if (t == pmig_thread || (wanted != NULL && !wanted(t)))
			continue;
		atomic_store(&n->where_asked, 1);
		if (tid != 0)
			(void)tgkill(getpid(), tid, CONTROL_SIGNAL);
	}
}

void thread_describe_others(bool (*wanted)(const struct arena_thread *), char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	ask(wanted);
	for (int i = 0; i < DESCRIBE_MS && !all_described(); i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	for (struct arena_thread *t = thread_next(NULL); t != NULL; t = thread_next(t)) {
		struct thread_native *n = thread_native_of(t);
		char name[64];
		int asked = atomic_exchange(&n->where_asked, 0);
		if (asked == 0)
			continue;
		thread_name(t, name, sizeof name);
		int k = snprintf(out + at, size - at, "%sin %s, %s", at > 0 ? "; " : "", name,
			asked == 2 ? n->where : "where no signal reaches it");
		at = k > 0 && at + (size_t)k < size ? at + (size_t)k : size - 1;
	}
}

void thread_describe_self(void *context)
{
	struct thread_native *n = pmig_thread != NULL ? thread_native_of(pmig_thread) : NULL;
	int asked = 1;
	if (n == NULL || atomic_load(&n->where_asked) != 1)
		return;
	walk_describe(context, n->where, sizeof n->where);
	(void)atomic_compare_exchange_strong(&n->where_asked, &asked, 2);
}
