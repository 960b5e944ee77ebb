/* link_child: child processes with a socket as standard input and output, for the methods that run programs here. */
#include "link_driver.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS 1000 /* between the hang-up and turning away from a child that does not heed it */

extern char **environ;

struct child {
	struct child *next;
	pid_t pid; /* ours until it is forgotten: a zombie keeps its number */
	int number;
};

struct link_children {
	pthread_mutex_t lock;
	struct child *first;
	int last_number;
};

int link_children_create(struct link_children **ret_children)
{
	struct link_children *c = calloc(1, sizeof *c);
	if (c == NULL)
		return error_set(PMIG_ENOMEM, "link: not enough memory");
	pthread_mutex_init(&c->lock, NULL);
	*ret_children = c;
	return 0;
}

/* A session of its own: the terminal's Ctrl-C is for the program, not for the way to it. */
static int spawn(char *const argv[], const struct link_ends *e, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, e->theirs, 0);
	posix_spawn_file_actions_adddup2(&actions, e->theirs, 1);
	posix_spawn_file_actions_adddup2(&actions, e->error_write, 2);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int number = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return number == 0 ? 0 : error_errno(number == ENOENT ? PMIG_ENOENT : PMIG_EIO, number, "cannot run %s", argv[0]);
}

int link_children_start(struct link_children *c, char *const argv[], struct link_process *ret_process)
{
	struct link_ends e = LINK_ENDS_NONE;
	struct child *child = calloc(1, sizeof *child);
	if (child == NULL)
		return error_set(PMIG_ENOMEM, "link: not enough memory");
	int rc = link_ends_make(&e);
	if (rc >= 0)
		rc = spawn(argv, &e, &child->pid);
	if (rc < 0) {
		link_ends_close(&e);
		free(child);
		return rc;
	}
	close(e.theirs);
	close(e.error_write);
	pthread_mutex_lock(&c->lock);
	child->number = ++c->last_number;
	child->next = c->first;
	c->first = child;
	pthread_mutex_unlock(&c->lock);
	*ret_process = (struct link_process){.fd = e.ours, .error_fd = e.error_read, .number = child->number};
	return 0;
}

static struct child *find(struct link_children *c, int number)
{
	for (struct child *k = c->first; k != NULL; k = k->next)
		if (k->number == number)
			return k;
	return NULL;
}

static void forget(struct link_children *c, struct child *child)
{
	for (struct child **k = &c->first; *k != NULL; k = &(*k)->next) {
		if (*k == child) {
			*k = child->next;
			free(child);
			return;
		}
	}
}

int link_children_wait(struct link_children *c, int number, int *ret_status)
{
	pthread_mutex_lock(&c->lock);
	struct child *child = find(c, number);
	pid_t pid = child != NULL ? child->pid : 0;
	pthread_mutex_unlock(&c->lock);
	if (pid == 0)
		return error_set(PMIG_ENOENT, "there is no command %d", number);
	siginfo_t info;
	int rc;
	do /* without reaping: until the table forgets it, the pid must not become another's */
		rc = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return error_errno(PMIG_EIO, errno, "cannot wait for process %d", (int)pid);
	int status = 0;
	pthread_mutex_lock(&c->lock);
	(void)waitpid(pid, &status, 0);
	forget(c, find(c, number));
	pthread_mutex_unlock(&c->lock);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

void link_children_hang_up(struct link_children *c)
{
	pthread_mutex_lock(&c->lock);
	for (struct child *k = c->first; k != NULL; k = k->next)
		(void)kill(-k->pid, SIGHUP);
	pthread_mutex_unlock(&c->lock);
}

static void reap(pid_t pid)
{
	int fd = pidfd_open(pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (fd >= 0) {
		(void)poll(&p, 1, GRACE_MS);
		close(fd);
	}
	(void)waitpid(pid, NULL, WNOHANG);
}

void link_children_destroy(struct link_children *c)
{
	if (c == NULL)
		return;
	link_children_hang_up(c);
	for (struct child *k = c->first, *next; k != NULL; k = next) {
		next = k->next;
		reap(k->pid);
		free(k);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}
