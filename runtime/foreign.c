/* foreign: blocks for threads of libraries, and what is said of them. */
#include "foreign.h"

#include "arena/malloc.h"
#include "locals.h"
#include "thread.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXITING 4u /* PF_EXITING of the kernel */

extern __thread char *pmig_frame_sp;

/* Threads of libraries that run now, by block. */
static struct maker {
	pid_t tid; /* 0: none */
	const void *maker;
} makers[ARENA_THREADS_MAX];

struct launch {
	void *(*start)(void *);
	void *argument;
	struct arena_thread *block;
};

static void ended(void *block)
{
	struct arena_thread *t = block;
	makers[t->index].tid = 0;
	pmig_thread = NULL;
	pmig_frame_sp = NULL;
	arena_thread_release(t);
}

static void *run(void *argument)
{
	struct launch l = *(struct launch *)argument;
	void *result;
	free(argument);
	pmig_thread = l.block;
	pmig_frame_sp = l.block->stack_base;
	makers[l.block->index].tid = gettid();
	pthread_cleanup_push(ended, l.block);
	result = l.start(l.argument);
	pthread_cleanup_pop(1);
	return result;
}

/* Without an arena, or where all blocks are taken, it is an ordinary one. */
static int create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *), void *argument,
	const void *maker)
{
	struct arena_thread *t;
	if (pmig_thread_count() == 0 || arena_thread_create(&t) < 0)
		return foreign_real_create(ret, attributes, start, argument);
	struct launch *l = malloc(sizeof *l);
	if (l == NULL) {
		arena_thread_release(t);
		return foreign_real_create(ret, attributes, start, argument);
	}
	locals_start(t);
	thread_state(t)->life = THREAD_FOREIGN;
	makers[t->index] = (struct maker){.maker = maker};
	*l = (struct launch){start, argument, t};
	int e = foreign_real_create(ret, attributes, run, l);
	if (e != 0) {
		arena_thread_release(t);
		free(l);
	}
	return e;
}

void foreign_start(void)
{
	foreign_create = create;
}

static bool is_ours(pid_t tid)
{
	if (tid == getpid())
		return true;
	for (struct arena_thread *t = thread_next(NULL); t != NULL; t = thread_next(t))
		if (pmig_thread_native(t) == tid)
			return true;
	return false;
}

/* The kernel says that a thread has gone, and pthread_join() returns, a little before its number goes: such a thread touches no memory any
 * more. proc_pid_stat(5). */
static bool is_ending(pid_t tid)
{
	char path[64], text[512];
	unsigned flags = 0;
	(void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	ssize_t n = read(fd, text, sizeof text - 1);
	(void)close(fd);
	if (n <= 0) /* ESRCH */
		return true;
	text[n] = '\0';
	const char *rest = strrchr(text, ')'); /* behind the name, which may be anything */
	return rest != NULL && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & EXITING) != 0;
}

/* "libfoo.so.1" */
static void name_maker(pid_t tid, char *out, size_t size)
{
	Dl_info info;
	const void *maker = NULL;
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++)
		if (makers[i].tid == tid)
			maker = makers[i].maker;
	if (maker == NULL || dladdr(maker, &info) == 0 || info.dli_fname == NULL) {
		(void)snprintf(out, size, "a library");
		return;
	}
	const char *slash = strrchr(info.dli_fname, '/');
	(void)snprintf(out, size, "%s", slash != NULL ? slash + 1 : info.dli_fname);
}

static int refuse(pid_t tid)
{
	char path[64], name[17] = "", maker[128];
	(void)snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, name, sizeof name - 1) : 0;
	if (fd >= 0)
		(void)close(fd);
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	name_maker(tid, maker, sizeof maker);
	return error_set(PMIG_EREFUSED,
		"its thread %d (%s) was made by %s, not by the program, and cannot be carried; let the library end it "
		"before the safe point",
		(int)tid, name, maker);
}

int foreign_check(void)
{
#ifdef __SANITIZE_THREAD__
	return 0; /* it has a thread of its own, in tests of this runtime */
#endif
	DIR *d = opendir("/proc/self/task");
	int r = d == NULL ? error_set(PMIG_EIO, "/proc/self/task cannot be read") : 0;
	for (struct dirent *e; r >= 0 && d != NULL && (e = readdir(d)) != NULL;) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);
		if (isdigit((unsigned char)e->d_name[0]) && !is_ours(tid) && !is_ending(tid))
			r = refuse(tid);
	}
	if (d != NULL)
		(void)closedir(d);
	return r;
}
