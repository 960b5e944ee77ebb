/* agent_program: spawns the program, speaks runtime/control.h with it, and sees it end. */
#include "agent_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAD offsetof(struct control_message, text)
#define EXTRA_VARIABLES 9
#define VARIABLE_MAX 512
#define KINDS_MAX 65536

struct environment {
	char **list;
	char extra[EXTRA_VARIABLES - 1][VARIABLE_MAX];
	char kinds[KINDS_MAX];
};

/* The program's environment without what another agent may have put there, and with ours. */
static int make_environment(const struct agent *a, const struct agent_spawn *s, int control,
	struct environment *ret_environment)
{
	size_t count = 0;
	while (s->environment[count] != NULL)
		count++;
	char **list = calloc(count + EXTRA_VARIABLES + 1, sizeof *list);
	if (list == NULL)
		return error_set(PMIG_ENOMEM, "%s: out of memory", s->path);
	static const char *const ours[] = {"PMIG_CONTROL=", "PMIG_RESTORE=", "PMIG_NAME=", "PMIG_UUID=", "PMIG_EPOCH=",
		"PMIG_VERIFIED=", "PMIG_CLONE=", "PMIG_REWIND=", "PMIG_KINDS="};
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		bool mine = false;
		for (size_t j = 0; j < sizeof ours / sizeof *ours; j++)
			mine |= strncmp(s->environment[i], ours[j], strlen(ours[j])) == 0;
		if (!mine)
			list[kept++] = s->environment[i];
	}
	struct environment *e = ret_environment;
	(void)snprintf(e->extra[0], VARIABLE_MAX, "PMIG_CONTROL=%d", control);
	(void)snprintf(e->extra[1], VARIABLE_MAX, "PMIG_NAME=%s", a->name);
	(void)snprintf(e->extra[2], VARIABLE_MAX, "PMIG_UUID=%s", a->options->uuid);
	(void)snprintf(e->extra[3], VARIABLE_MAX, "PMIG_EPOCH=%llu", (unsigned long long)a->epoch);
	(void)snprintf(e->extra[4], VARIABLE_MAX, "PMIG_RESTORE=%d", s->image);
	(void)snprintf(e->extra[5], VARIABLE_MAX, "PMIG_VERIFIED=1");
	(void)snprintf(e->extra[6], VARIABLE_MAX, "PMIG_CLONE=1");
	(void)snprintf(e->extra[7], VARIABLE_MAX, "PMIG_REWIND=1");
	const bool wanted[EXTRA_VARIABLES - 1] = {true, true, true, true, s->image >= 0, s->verified, s->clone, s->rewind};
	for (size_t i = 0; i < EXTRA_VARIABLES - 1; i++)
		if (wanted[i])
			list[kept++] = e->extra[i];
	(void)snprintf(e->kinds, KINDS_MAX, "PMIG_KINDS=%s", s->kinds != NULL ? s->kinds : "");
	if (s->kinds != NULL && *s->kinds != '\0')
		list[kept++] = e->kinds;
	e->list = list;
	return 0;
}

/* In the child: becomes the program, or tells the number of the error. */
static _Noreturn void become(const struct agent *a, const struct agent_spawn *s, char *const *environment, int control,
	int report, pid_t parent)
{
	(void)setpgid(0, 0);
	int failed = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || agent_stdio_child(a->io) < 0;
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (s->set_mask)
		(void)umask(s->mask);
	failed = failed || fcntl(control, F_SETFD, 0) < 0 || (s->image >= 0 && fcntl(s->image, F_SETFD, 0) < 0);
	if (!failed && (s->directory == NULL || chdir(s->directory) == 0))
		(void)execve(s->path, s->argv, environment);
	int number = errno;
	(void)!write(report, &number, sizeof number);
	_exit(127);
}

static int receive(struct agent *a, struct control_message *ret, int *ret_fd);

static void on_control(void *context, short events)
{
	(void)events;
	struct agent *a = context;
	struct control_message m;
	int r, fd;
	while ((r = receive(a, &m, &fd)) > 0) {
		if (!agent_reference_message(a, &m, fd))
			agent_on_message(a, &m);
		if (fd >= 0)
			(void)close(fd);
	}
	agent_declared_flush(a);
	if (r < 0) {
		loop_remove(&a->control_source); /* its end is seen by waitpid() */
		(void)close(a->control);
		a->control = -1;
	}
}

static int started(struct agent *a, pid_t pid, int control, int report, const char *path)
{
	int number = 0;
	ssize_t n;
	do
		n = read(report, &number, sizeof number);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof number) {
		(void)waitpid(pid, NULL, 0);
		(void)close(control);
		return error_errno(number == ENOENT || number == ENOTDIR ? PMIG_ENOENT : PMIG_EREFUSED, number, "%s", path);
	}
	(void)snprintf(a->started, sizeof a->started, "%s", path);
	a->became[0] = '\0';
	a->pid = pid;
	a->control = control;
	a->exit_status = -1;
	a->speaks = false;
	agent_declared_forget(a);
	a->why[0] = '\0';
	agent_stdio_parent(a->io, pid);
	return loop_add(a->loop, control, POLLIN, on_control, a, &a->control_source);
}

int agent_program_spawn(struct agent *a, const struct agent_spawn *s)
{
	int ends[2], report[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(PMIG_EIO, errno, "%s: control channel", s->path);
	if (pipe2(report, O_CLOEXEC) < 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return error_errno(PMIG_EIO, errno, "%s: pipe", s->path);
	}
	struct environment environment;
	int r = make_environment(a, s, ends[1], &environment);
	pid_t pid = -1, parent = getpid();
	if (r >= 0) {
		pid = fork();
		if (pid == 0)
			become(a, s, environment.list, ends[1], report[1], parent);
		if (pid < 0)
			r = error_errno(PMIG_EIO, errno, "%s: fork", s->path);
		free(environment.list);
	}
	(void)close(ends[1]);
	(void)close(report[1]);
	if (r >= 0) {
		(void)setpgid(pid, pid);
		r = started(a, pid, ends[0], report[0], s->path);
	} else {
		(void)close(ends[0]);
	}
	(void)close(report[0]);
	return r;
}

int agent_program_send_args(struct agent *a, enum control_type type, const int64_t args[8], const char *text, int fd)
{
	if (a->control < 0)
		return error_set(PMIG_EGONE, "%s has ended", a->name);
	struct control_message m = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .type = (uint16_t)type, .sequence = ++a->sequence};
	memcpy(m.args, args, sizeof m.args);
	m.size = (uint32_t)strnlen(text, CONTROL_TEXT_MAX - 1);
	memcpy(m.text, text, m.size);
	struct iovec part = {.iov_base = &m, .iov_len = HEAD + m.size};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		h.msg_control = &ancillary;
		h.msg_controllen = sizeof ancillary;
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &fd, sizeof fd);
	}
	if (sendmsg(a->control, &h, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return error_errno(errno == EAGAIN ? PMIG_EBUSY : PMIG_EGONE, errno, "%s does not listen", a->name);
	if (type != CONTROL_GO_ON && type != CONTROL_END && type != CONTROL_ACTIVATE && type != CONTROL_REFERENCE)
		agent_program_kill(a, CONTROL_SIGNAL);
	return 0;
}

int agent_program_send(struct agent *a, enum control_type type, int64_t arg, const char *text, int fd)
{
	return agent_program_send_args(a, type, (const int64_t[8]){arg, (int64_t)a->epoch}, text, fd);
}

/* 1: a message, 0: none now, < 0: the program closed the channel or talks nonsense. *ret_fd: what it carries; -1: nothing. */
static int receive(struct agent *a, struct control_message *ret, int *ret_fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct iovec part = {.iov_base = ret, .iov_len = sizeof *ret};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
	ssize_t n = recvmsg(a->control, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	int fd = -1;
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&h);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	if (n < (ssize_t)HEAD || ret->magic != CONTROL_MAGIC || ret->version != CONTROL_VERSION ||
		ret->size >= CONTROL_TEXT_MAX || (size_t)n != HEAD + ret->size) {
		if (fd >= 0)
			(void)close(fd);
		return PMIG_EPROTOCOL;
	}
	ret->text[ret->size] = '\0';
	*ret_fd = fd;
	return 1;
}

void agent_program_kill(struct agent *a, int number)
{
	if (a->pid > 0)
		(void)kill(number == CONTROL_SIGNAL ? a->pid : -a->pid, number);
}

static void ended(struct agent *a, int status)
{
	if (a->control_source != NULL)
		on_control(a, POLLIN); /* its last words */
	loop_remove(&a->control_source);
	if (a->control >= 0)
		(void)close(a->control);
	a->control = -1;
	a->pid = 0;
	a->exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	agent_on_exit(a);
}

void agent_program_reap(struct agent *a)
{
	int status;
	while (a->pid > 0 && waitpid(a->pid, &status, WNOHANG | WUNTRACED | WCONTINUED) == a->pid) {
		if (WIFSTOPPED(status))
			agent_event(a, json_pack("{s:s, s:i}", "event", "stopped", "signal", WSTOPSIG(status)));
		else if (WIFCONTINUED(status))
			agent_event(a, json_pack("{s:s}", "event", "continued"));
		else
			ended(a, status);
	}
}
