/* forwarder: a client of programs/answering.c that measures the way to it.
 *
 * usage: forwarder send PORT MIB      seconds until the server has so many MiB
 *        forwarder round PORT N       seconds of a byte there and back: the median of N, and the 99th of a hundred
 *        forwarder connect PORT N     seconds for each of N connections, 16 at a time, with a byte there and back on each
 *        forwarder -h send|round ...  on a connection that stands already when a line comes on standard input: "begun" is said first
 *        forwarder relay PORT         is what others are measured against: says at which port it listens, and splices each connection that comes there
 *                                     to PORT, until it is killed
 *        forwarder gap PORT           a byte every time the last is back, until standard input ends: for each line there, the longest that it
 *                                     took since the one before */
#include "base/error.h"
#include "figure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE 16
#define ROUNDS_MAX 100000
#define PIPE (256 << 10)

static bool held; /* -h */
static struct sockaddr_in server = {.sin_family = AF_INET};

static ssize_t must(ssize_t result, const char *what)
{
	if (result < 0)
		figure_fail(error_errno(PMIG_EIO, errno, "%s", what));
	return result;
}

static int begin(const char *words)
{
	int fd = (int)must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	(void)must(connect(fd, (const struct sockaddr *)&server, sizeof server), "connect");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	(void)must(send(fd, words, strlen(words), MSG_NOSIGNAL), "send");
	return fd;
}

/* One byte, that must come. */
static void await(int fd)
{
	char c;
	if (must(recv(fd, &c, 1, 0), "receive") == 0)
		figure_fail(error_set(PMIG_EIO, "the server has closed the connection"));
}

static void wait_for_word(void)
{
	char words[64];
	(void)printf("begun\n");
	(void)fflush(stdout);
	if (must(read(0, words, sizeof words), "standard input") == 0)
		figure_fail(error_set(PMIG_EINVAL, "nobody says when to begin"));
}

static void send_much(long mib)
{
	static char buffer[256 << 10];
	double from = figure_now();
	int fd = begin("d");
	if (held) {
		wait_for_word();
		from = figure_now();
	}
	for (size_t left = (size_t)mib << 20; left > 0;)
		left -= (size_t)must(send(fd, buffer, left < sizeof buffer ? left : sizeof buffer, MSG_NOSIGNAL), "send");
	(void)must(shutdown(fd, SHUT_WR), "shutdown");
	await(fd);
	(void)printf("%.9f\n", figure_now() - from);
	(void)close(fd);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double once(int fd)
{
	double from = figure_now();
	(void)must(send(fd, "x", 1, MSG_NOSIGNAL), "send");
	await(fd);
	return figure_now() - from;
}

static void go_round(long rounds)
{
	static double took[ROUNDS_MAX];
	int fd = begin("e");
	(void)once(fd); /* the way is set up */
	if (held) {
		wait_for_word();
		(void)once(fd);
	}
	for (long i = 0; i < rounds; i++)
		took[i] = once(fd);
	qsort(took, (size_t)rounds, sizeof *took, compare);
	(void)printf("%.9f %.9f\n", took[rounds / 2], took[rounds * 99 / 100]);
	(void)close(fd);
}

static void connect_often(long wanted)
{
	struct pollfd p[AT_ONCE];
	long begun = 0, done = 0;
	double from = figure_now();
	for (int i = 0; i < AT_ONCE; i++)
		p[i] = (struct pollfd){.fd = begun++ < wanted ? begin("ex") : -1, .events = POLLIN};
	while (done < wanted) {
		(void)must(poll(p, AT_ONCE, -1), "poll");
		for (int i = 0; i < AT_ONCE; i++) {
			if (p[i].fd < 0 || p[i].revents == 0)
				continue;
			await(p[i].fd);
			(void)close(p[i].fd);
			done++;
			p[i].fd = begun++ < wanted ? begin("ex") : -1;
		}
	}
	(void)printf("%.9f\n", (figure_now() - from) / (double)wanted);
}

/* --- a relay that does nothing but splice, a process for each direction --- */

static void pass(int from, int to)
{
	int ends[2];
	ssize_t n;
	(void)must(pipe2(ends, O_CLOEXEC), "pipe");
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE);
	while ((n = splice(from, NULL, ends[1], NULL, PIPE, SPLICE_F_MOVE)) > 0)
		while (n > 0)
			n -= must(splice(ends[0], NULL, to, NULL, (size_t)n, SPLICE_F_MOVE), "splice");
	(void)shutdown(to, SHUT_WR);
	_exit(0);
}

static void relay(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int door = (int)must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	(void)must(bind(door, (const struct sockaddr *)&at, sizeof at), "bind");
	(void)must(listen(door, SOMAXCONN), "listen");
	(void)must(getsockname(door, (struct sockaddr *)&at, &size), "its port");
	(void)signal(SIGCHLD, SIG_IGN);
	(void)printf("%d\n", ntohs(at.sin_port));
	(void)fflush(stdout);
	for (;;) {
		int near = (int)must(accept(door, NULL, NULL), "accept"), far = begin("");
		(void)setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		if (must(fork(), "fork") == 0)
			pass(near, far);
		if (must(fork(), "fork") == 0)
			pass(far, near);
		(void)close(near);
		(void)close(far);
	}
}

static void find_gap(void)
{
	double longest = 0;
	int fd = begin("e");
	char words[64];
	(void)once(fd);
	(void)printf("begun\n");
	(void)fflush(stdout);
	for (;;) {
		struct pollfd input = {.fd = 0, .events = POLLIN};
		double took = once(fd);
		if (took > longest)
			longest = took;
		if (poll(&input, 1, 0) == 0)
			continue;
		if (must(read(0, words, sizeof words), "standard input") == 0)
			break;
		(void)printf("%.9f\n", longest);
		(void)fflush(stdout);
		longest = 0;
	}
	(void)close(fd);
}

int main(int argc, char **argv)
{
	held = argc >= 2 && strcmp(argv[1], "-h") == 0;
	argc -= held;
	argv += held;
	const char *what = argc >= 3 ? argv[1] : "";
	long port = argc >= 3 ? strtol(argv[2], NULL, 10) : 0, n = argc >= 4 ? strtol(argv[3], NULL, 10) : 0;
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.sin_port = htons((uint16_t)port);
	if (strcmp(what, "gap") == 0)
		find_gap();
	else if (strcmp(what, "relay") == 0)
		relay();
	else if (strcmp(what, "send") == 0 && n > 0)
		send_much(n);
	else if (strcmp(what, "round") == 0 && n > 0 && n <= ROUNDS_MAX)
		go_round(n);
	else if (strcmp(what, "connect") == 0 && n > 0)
		connect_often(n);
	else
		return fprintf(stderr, "usage: forwarder [-h] send|round|connect PORT N | gap|relay PORT\n"), 2;
	return 0;
}
