/* command: system(), popen() and pclose(): what waits for the shell is a frame of the program, and its stream one of the
 * program's. A shell that runs is a child process as any other (children.h). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int pmig_command(const char *command);
FILE *pmig_popen(const char *command, const char *mode);
int pmig_pclose(FILE *f);

static char shell[] = "/bin/sh", shell_name[] = "sh", shell_option[] = "-c", end_of_options[] = "--";

/* What system() changes while it waits, and gives back. */
struct before {
	struct sigaction interrupt, quit;
	sigset_t mask;
};

static int waiting; /* calls of system() under way: the first changes, the last gives back */
static struct before before;

static pid_t start(const char *command, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes)
{
	char *argv[] = {shell_name, shell_option, end_of_options, (char *)command, NULL};
	pid_t pid;
	int error = posix_spawn(&pid, shell, actions, attributes, argv, environ);
	if (error == 0)
		return pid;
	errno = error;
	return -1;
}

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static pid_t start_in_front(const char *command, const struct before *b, const sigset_t *mask)
{
	posix_spawnattr_t attributes;
	sigset_t ours;
	(void)sigemptyset(&ours);
	if (b->interrupt.sa_handler != SIG_IGN)
		(void)sigaddset(&ours, SIGINT);
	if (b->quit.sa_handler != SIG_IGN)
		(void)sigaddset(&ours, SIGQUIT);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setsigmask(&attributes, mask);
	(void)posix_spawnattr_setsigdefault(&attributes, &ours);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	pid_t pid = start(command, NULL, &attributes);
	(void)posix_spawnattr_destroy(&attributes);
	return pid;
}

int pmig_command(const char *command)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t child, mask;
	if (command == NULL)
		return access(shell, X_OK) == 0;
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	if (__atomic_fetch_add(&waiting, 1, __ATOMIC_ACQ_REL) == 0) {
		(void)sigaction(SIGINT, &ignore, &before.interrupt);
		(void)sigaction(SIGQUIT, &ignore, &before.quit);
	}
	(void)sigprocmask(SIG_BLOCK, &child, &mask);
	pid_t pid = start_in_front(command, &before, &mask);
	int status = pid >= 0 ? wait_for(pid) : errno == EAGAIN || errno == ENOMEM ? -1 : 127 << 8, error = errno;
	if (__atomic_sub_fetch(&waiting, 1, __ATOMIC_ACQ_REL) == 0) {
		(void)sigaction(SIGINT, &before.interrupt, NULL);
		(void)sigaction(SIGQUIT, &before.quit, NULL);
	}
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	errno = error;
	return status;
}

/* Streams to and from shells. */
static struct piped {
	struct piped *next;
	FILE *stream;
	pid_t pid;
} *piped;
static pthread_mutex_t piped_lock = PTHREAD_MUTEX_INITIALIZER;

/* The shell's end becomes its input or output; the ends of its elder brothers are closed in it: popen(3). */
static pid_t start_at(const char *command, int end, int number)
{
	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	int error = posix_spawn_file_actions_adddup2(&actions, end, number);
	for (const struct piped *p = piped; p != NULL && error == 0; p = p->next)
		if (fileno(p->stream) != number)
			error = posix_spawn_file_actions_addclose(&actions, fileno(p->stream));
	pid_t pid = error == 0 ? start(command, &actions, NULL) : -1;
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static FILE *fail(struct piped *p, int ends[2])
{
	int error = errno;
	free(p);
	(void)close(ends[0]);
	(void)close(ends[1]);
	errno = error;
	return NULL;
}

FILE *pmig_popen(const char *command, const char *mode)
{
	bool writes = mode[0] == 'w', closes = strchr(mode, 'e') != NULL;
	int ends[2];
	if ((mode[0] != 'r' && mode[0] != 'w') || mode[strspn(mode, "rwe")] != '\0') {
		errno = EINVAL;
		return NULL;
	}
	struct piped *p = malloc(sizeof *p);
	if (p == NULL || pipe2(ends, O_CLOEXEC) < 0) {
		free(p);
		return NULL;
	}
	int own = ends[writes], other = ends[!writes];
	if (other == !writes) { /* adddup2 on itself would leave it closed on exec */
		int moved = fcntl(other, F_DUPFD_CLOEXEC, 3);
		if (moved < 0)
			return fail(p, ends);
		(void)close(other);
		ends[!writes] = other = moved;
	}
	p->stream = fdopen(own, writes ? "w" : "r");
	(void)pthread_mutex_lock(&piped_lock);
	p->pid = p->stream != NULL ? start_at(command, other, !writes) : -1;
	if (p->pid >= 0) {
		p->next = piped;
		piped = p;
	}
	(void)pthread_mutex_unlock(&piped_lock);
	if (p->pid < 0) {
		if (p->stream == NULL)
			return fail(p, ends);
		int error = errno;
		(void)fclose(p->stream);
		(void)close(other);
		free(p);
		errno = error;
		return NULL;
	}
	(void)close(other);
	if (!closes)
		(void)fcntl(own, F_SETFD, 0);
	return p->stream;
}

int pmig_pclose(FILE *f)
{
	(void)pthread_mutex_lock(&piped_lock);
	struct piped **at = &piped;
	while (*at != NULL && (*at)->stream != f)
		at = &(*at)->next;
	struct piped *p = *at;
	if (p != NULL)
		*at = p->next;
	(void)pthread_mutex_unlock(&piped_lock);
	if (p == NULL) {
		errno = ECHILD;
		return -1;
	}
	pid_t pid = p->pid;
	free(p);
	(void)fclose(f);
	return wait_for(pid);
}
