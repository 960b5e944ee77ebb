/* request: from the moment that an agent asks for a checkpoint until the program stands still.
 *
 * usage: request NAME DIRECTORY RUNS PROGRAM [ARGUMENT...]. The program's input is a pipe in which nothing comes, its output is
 * dropped. Two figures: the median against 1 ms, and the longest, which has no goal. */
#include "base/error.h"
#include "control.h"
#include "figure.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOAL 1e-3
#define HEAD offsetof(struct control_message, text)
#define PATIENCE 20 /* seconds until something must be wrong */

static int must(int result, const char *what)
{
	if (result < 0)
		figure_fail(error_errno(PMIG_EIO, errno, "%s", what));
	return result;
}

static _Noreturn void become(char **arguments, int control, int input)
{
	char number[24];
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* also what whoever started us left open */
	(void)dup2(input, 0);
	(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 1);
	(void)snprintf(number, sizeof number, "%d", control);
	(void)setenv("PMIG_CONTROL", number, 1);
	(void)fcntl(control, F_SETFD, 0);
	(void)execv(arguments[0], arguments);
	perror(arguments[0]);
	_exit(127);
}

/* Asks for a checkpoint into a file of its own. */
static void ask(int control, pid_t pid, const char *directory)
{
	struct control_message m = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .type = CONTROL_CHECKPOINT, .sequence = 1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct iovec part = {.iov_base = &m, .iov_len = HEAD};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
	int fd = must(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), directory);
	ancillary.head = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
	memcpy(CMSG_DATA(&ancillary.head), &fd, sizeof fd);
	(void)must((int)sendmsg(control, &h, MSG_NOSIGNAL), "control channel");
	(void)must(kill(pid, CONTROL_SIGNAL), "kill");
	(void)close(fd);
}

/* Until the program says `type`. */
static struct control_message await(int control, enum control_type type)
{
	struct control_message m;
	do {
		ssize_t n = recv(control, &m, sizeof m, 0);
		if (n < (ssize_t)HEAD || (size_t)n != HEAD + m.size || m.size >= CONTROL_TEXT_MAX)
			figure_fail(error_set(PMIG_EPROTOCOL, "the program has ended, or does not answer"));
		m.text[m.size] = '\0';
		if (m.type == CONTROL_FAILED)
			figure_fail(error_set(PMIG_EREFUSED, "%s", m.text));
	} while (m.type != type);
	return m;
}

int main(int argc, char **argv)
{
	int channel[2], input[2];
	double took[FIGURE_RUNS_MAX], longest = 0;
	char worst[64];
	if (argc < 5) {
		(void)fprintf(stderr, "usage: request NAME DIRECTORY RUNS PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	size_t runs = figure_runs(argv[3], 99);
	const struct timeval patience = {PATIENCE, 0};
	(void)must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), "socketpair");
	(void)must(setsockopt(channel[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "socketpair");
	(void)must(pipe2(input, O_CLOEXEC), "pipe");
	pid_t pid = must(fork(), "fork");
	if (pid == 0)
		become(argv + 4, channel[1], input[0]);
	(void)close(channel[1]);
	(void)await(channel[0], CONTROL_HELLO);
	for (size_t i = 0; i < runs; i++) {
		double begun = figure_now();
		ask(channel[0], pid, argv[2]);
		struct control_message m = await(channel[0], CONTROL_SAVED);
		took[i] = figure_now() - begun - (double)m.args[2] * 1e-9; /* it stood still that long */
		longest = took[i] > longest ? took[i] : longest;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)snprintf(worst, sizeof worst, "%s-worst", argv[1]);
	figure_bound(&(struct figure){argv[1], 1, "us", 1e6}, took, runs, GOAL);
	figure_bound(&(struct figure){worst, 0, "us", 1e6}, &longest, 1, GOAL);
	return 0;
}
