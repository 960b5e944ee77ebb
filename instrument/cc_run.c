/* cc_run: starts tools, waits for them, and leaves nothing behind.
 *
 * The signals that end a program are blocked and waited for together with the child's end, so that there is no handler and
 * no race: the child gets the signal too, the scratch directory is removed, and then we end by the same signal. */
#include "cc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX (512 * 1024) /* bytes; beyond, a tool gets a response file */

extern char **environ;

static struct {
	bool verbose;
	sigset_t waited, original;
	int ended_by; /* the signal; 0: none */
	unsigned responses;
	char scratch[4096]; /* "" until it is needed */
} run;

int cc_run_init(bool verbose)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXCPU, SIGCHLD};
	run.verbose = verbose;
	(void)signal(SIGCHLD, SIG_DFL); /* inherited as ignored, it would hide the children's ends */
	(void)sigemptyset(&run.waited);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction old;
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaddset(&run.waited, signals[i]);
	}
	if (sigprocmask(SIG_BLOCK, &run.waited, &run.original) < 0)
		return error_errno(PMIG_EIO, errno, "cannot block signals");
	return 0;
}

int cc_run_scratch(const char *name, char **ret_path)
{
	char *path;
	if (run.scratch[0] == 0) {
		const char *base = getenv("TMPDIR");
		int n = snprintf(run.scratch, sizeof run.scratch, "%s/pmig-cc.XXXXXX",
			base != NULL && *base ? base : "/tmp");
		if (n < 0 || (size_t)n >= sizeof run.scratch || mkdtemp(run.scratch) == NULL) {
			int e = error_errno(PMIG_EIO, errno, "%s: cannot be created", run.scratch);
			run.scratch[0] = 0;
			return e;
		}
	}
	if (asprintf(&path, "%s/%s", run.scratch, name) < 0)
		return error_set(PMIG_ENOMEM, "not enough memory");
	*ret_path = path;
	return 0;
}

static void remove_scratch(void)
{
	DIR *d = run.scratch[0] != 0 ? opendir(run.scratch) : NULL;
	if (d == NULL)
		return;
	struct dirent *entry;
	while ((entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
	(void)rmdir(run.scratch);
	run.scratch[0] = 0;
}

void cc_run_finish(void)
{
	remove_scratch();
	if (run.ended_by == 0)
		return;
	(void)signal(run.ended_by, SIG_DFL);
	(void)raise(run.ended_by);
	(void)sigprocmask(SIG_SETMASK, &run.original, NULL);
}

static void print_words(const struct cc_args *args)
{
	for (size_t i = 0; i < args->count; i++) {
		const char *w = args->items[i];
		bool plain = *w != 0 && strpbrk(w, " \t\n\"'\\$`*?;&|<>()[]{}#~!") == NULL;
		(void)fprintf(stderr, plain ? " %s" : " '%s'", w);
	}
	(void)fputc('\n', stderr);
}

/* Puts all words but the first into a file; *ret_args is then the tool and @file. */
static int shorten(const struct cc_args *args, struct cc_args *ret_args)
{
	char name[32], *path;
	(void)snprintf(name, sizeof name, "response%u", run.responses++);
	int e = cc_run_scratch(name, &path);
	if (e < 0)
		return e;
	FILE *f = fopen(path, "we");
	for (size_t i = 1; f != NULL && i < args->count; i++) {
		(void)fputc('"', f);
		for (const char *p = args->items[i]; *p != 0; p++) {
			if (*p == '"' || *p == '\\')
				(void)fputc('\\', f);
			(void)fputc(*p, f);
		}
		(void)fputs("\"\n", f);
	}
	if (f == NULL || fclose(f) != 0)
		e = error_errno(PMIG_EIO, errno, "%s: cannot be written", path);
	else {
		cc_args_add(ret_args, args->items[0]);
		cc_args_format(ret_args, "@%s", path);
	}
	free(path);
	return e;
}

static int start(const struct cc_args *args, const char *quiet_path, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int n = posix_spawn_file_actions_init(&actions);
	if (n == 0)
		n = posix_spawnattr_init(&attributes);
	if (n != 0)
		return error_errno(PMIG_ENOMEM, n, "%s", args->items[0]);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawnattr_setsigmask(&attributes, &run.original);
	if (quiet_path != NULL) {
		n = posix_spawn_file_actions_addopen(&actions, 1, quiet_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (n == 0)
			n = posix_spawn_file_actions_adddup2(&actions, 1, 2);
	}
	if (n == 0)
		n = posix_spawnp(ret_pid, args->items[0], &actions, &attributes, args->items, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	if (n != 0)
		return error_errno(n == ENOENT ? PMIG_ENOENT : PMIG_EIO, n, "%s cannot be started", args->items[0]);
	return 0;
}

/* The exit status of a tool; a tool that ended otherwise is named. */
static int status_of(const char *tool, int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return error_set(PMIG_EIO, "%s was ended by signal %d (%s)", tool, WTERMSIG(status), strsignal(WTERMSIG(status)));
}

/* Returns the exit status. A signal that asks us to end is passed on; the tool's end is waited for in any case. */
static int wait_for(pid_t pid, const char *tool)
{
	int status;
	for (;;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);
		if (ended == pid)
			break;
		if (ended < 0 && errno != EINTR)
			return error_errno(PMIG_EIO, errno, "waitpid");
		siginfo_t info;
		int number = sigwaitinfo(&run.waited, &info);
		if (number > 0 && number != SIGCHLD) {
			run.ended_by = number;
			(void)kill(pid, number);
		}
	}
	if (run.ended_by != 0)
		return error_set(PMIG_ECANCELLED, "ended by a signal");
	return status_of(tool, status);
}

int cc_run_tool(const struct cc_args *args, const char *quiet_path)
{
	size_t bytes = 0;
	struct cc_args shorter = {0};
	pid_t pid;
	int e = 0;
	if (run.verbose)
		print_words(args);
	for (size_t i = 0; i < args->count; i++)
		bytes += strlen(args->items[i]) + 1;
	if (bytes > WORDS_MAX)
		e = shorten(args, &shorter);
	if (e >= 0)
		e = start(shorter.count > 0 ? &shorter : args, quiet_path, &pid);
	if (e >= 0)
		e = wait_for(pid, args->items[0]);
	cc_args_finish(&shorter);
	return e;
}
