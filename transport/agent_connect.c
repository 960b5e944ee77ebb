/* agent_connect: the way to the agent of a program on this host: starts it if need be, then hands it our end, or relays. */
#include "agent.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES 3
#define READY_MS 15000

static int reach(const char *uuid, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "run/%s.sock", uuid);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "agent: socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		int number = errno;
		(void)close(fd);
		return error_errno(number == ENOENT || number == ECONNREFUSED ? PMIG_ENOENT : PMIG_EIO, number, "agent: %s",
			address.sun_path);
	}
	*ret_fd = fd;
	return 0;
}

/* In the grandchild: nothing of the connection stays open, so that it can end before the agent does. */
static _Noreturn void become_agent(char *const serve[], int ready)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	(void)dup3(ready, 3, 0); /* `serve` says --ready-fd 3 */
	(void)close_range(4, ~0u, 0);
	(void)setsid();
	(void)execv("/proc/self/exe", serve);
	_exit(127);
}

static int start(char *const serve[])
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(PMIG_EIO, errno, "agent: pipe");
	pid_t pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			become_agent(serve, ends[1]);
		_exit(0);
	}
	(void)close(ends[1]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	char answer[PMIG_REASON_MAX] = "";
	struct pollfd p = {.fd = ends[0], .events = POLLIN};
	ssize_t n = pid > 0 && poll(&p, 1, READY_MS) == 1 ? read(ends[0], answer, sizeof answer - 1) : -1;
	(void)close(ends[0]);
	if (n > 0 && answer[0] == '+')
		return 0;
	return error_set(PMIG_EIO, "%.900s", n > 0 ? answer : "agent: it could not be started");
}

static int copy(int from, int to)
{
	char buffer[65536];
	ssize_t n = read(from, buffer, sizeof buffer);
	if (n < 0 && errno == EINTR)
		return 1;
	for (ssize_t done = 0; done < n;) {
		ssize_t m = write(to, buffer + done, (size_t)(n - done));
		if (m < 0 && errno != EINTR)
			return 0;
		done += m > 0 ? m : 0;
	}
	return n > 0;
}

/* Where standard input and output are one socket (sshd and links make one), the agent gets it itself: each byte would have to pass
 * through here otherwise, and who waits for a small answer waits for that too. */
static bool is_one_socket(void)
{
	struct stat in, out;
	return fstat(0, &in) == 0 && fstat(1, &out) == 0 && S_ISSOCK(in.st_mode) && in.st_dev == out.st_dev &&
		in.st_ino == out.st_ino;
}

/* What comes first: AGENT_HANDED with the socket, or AGENT_RELAYED; where an epoch is known, AGENT_HANDED_KNOWING or AGENT_RELAYED_KNOWING
 * with it. */
static int introduce(int fd, bool handed, uint64_t knows)
{
	char words[1 + sizeof knows] = {handed ? AGENT_HANDED : AGENT_RELAYED};
	size_t size = knows != 0 ? sizeof words : 1;
	int zero = 0;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	if (knows != 0) {
		words[0] = handed ? AGENT_HANDED_KNOWING : AGENT_RELAYED_KNOWING;
		knows = htole64(knows);
		memcpy(words + 1, &knows, sizeof knows);
	}
	struct iovec part = {.iov_base = words, .iov_len = size};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
	if (handed) {
		h.msg_control = &ancillary;
		h.msg_controllen = sizeof ancillary;
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof zero)};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &zero, sizeof zero);
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL) == (ssize_t)size ? 0
							      : error_errno(PMIG_EIO, errno, "agent: it does not listen");
}

/* An agent that was started by a pmig before the one that could say so does not know these words: it closes, and has sent nothing. */
static bool is_understood(int fd)
{
	char first;
	ssize_t n;
	do
		n = recv(fd, &first, 1, MSG_PEEK);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* Until the agent has let go of it: sshd ends the session when we end. */
static void attend(int fd)
{
	struct pollfd p = {.fd = fd};
	(void)close(0);
	(void)close(1);
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

/* Two directions, each blocking: the far sides read always, so a small loop is enough. */
static void relay(int fd)
{
	struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if ((p[0].revents != 0 && !copy(0, fd)) || (p[1].revents != 0 && !copy(fd, 1)))
			return;
	}
}

int agent_connect(const char *state, const char *uuid, uint64_t knows, char *const serve[])
{
	if (mkdir(state, 0700) < 0 && errno != EEXIST)
		return error_errno(PMIG_EIO, errno, "agent: %s", state);
	if (chdir(state) < 0)
		return error_errno(PMIG_EIO, errno, "agent: %s", state);
	int fd = -1, r = PMIG_ENOENT;
	for (int i = 0; i < TRIES && r == PMIG_ENOENT; i++) {
		r = reach(uuid, &fd);
		if (r != PMIG_ENOENT)
			break;
		char why[PMIG_REASON_MAX];
		int started = start(serve);
		(void)snprintf(why, sizeof why, "%s", pmig_reason());
		r = reach(uuid, &fd); /* another may have been faster */
		if (r < 0 && started < 0 && i == TRIES - 1)
			return error_set(started, "%s", why);
	}
	if (r < 0)
		return r;
	if (write(1, AGENT_READY, strlen(AGENT_READY)) != (ssize_t)strlen(AGENT_READY)) {
		(void)close(fd);
		return error_errno(PMIG_EIO, errno, "agent: nobody listens");
	}
	bool handed = is_one_socket();
	r = introduce(fd, handed, knows);
	if (r >= 0 && knows != 0 && !is_understood(fd)) {
		(void)close(fd);
		r = reach(uuid, &fd);
		if (r < 0)
			return r;
		r = introduce(fd, handed, 0);
	}
	if (r >= 0 && handed)
		attend(fd);
	else if (r >= 0)
		relay(fd);
	(void)close(fd);
	return r;
}
