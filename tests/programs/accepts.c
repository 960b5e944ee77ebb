/* accepts: a plain server that declares nothing: accepts HOW WHERE [BACKLOG], HOW block, threads (four that block), poll, epoll (edges) or busy (non-blocking, with pauses in poll), WHERE a
 * port or the path of a unix socket. Of each client it reads a line and answers with "HOST PEER LOCAL: line", where PEER is who accept() said it
 * was; then it closes. "hold" does not answer before the next line has come in; "end" ends the server; "number" answers with how many clients there were, "much" with many bytes before the line,
 * "turn ..." with how many came before it behind the line. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_un local;
};

static int clients;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static const char *text(const union address *a, socklen_t size, char to[160])
{
	if (a->any.sa_family == AF_INET)
		snprintf(to, 160, "%s:%u", inet_ntoa(a->four.sin_addr), ntohs(a->four.sin_port));
	else
		snprintf(to, 160, "unix%s%.*s", size > sizeof(sa_family_t) ? ":" : "", (int)(size - sizeof(sa_family_t)),
			a->local.sun_path);
	return to;
}

static int listen_at(const char *where, int backlog)
{
	union address a = {.four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(where))}};
	socklen_t size = sizeof a.four;
	int yes = 1;
	if (where[0] == '/') {
		a = (union address){.local = {.sun_family = AF_UNIX}};
		snprintf(a.local.sun_path, sizeof a.local.sun_path, "%s", where);
		size = sizeof a.local;
		unlink(where);
	}
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 || bind(fd, &a.any, size) < 0 ||
		listen(fd, backlog) < 0)
		die("listen");
	return fd;
}

/* Until there is a client to be accepted. */
static void wait_for(const char *in, int fd, int set)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct epoll_event e;
	if (strcmp(in, "poll") == 0 && poll(&p, 1, -1) < 0)
		die("poll");
	if (strcmp(in, "busy") == 0 && poll(&p, 1, 20) < 0)
		die("poll");
	if (set >= 0 && epoll_wait(set, &e, 1, -1) < 0)
		die("epoll_wait");
}

static int next_client(const char *in, int fd, int set, union address *ret, socklen_t *size)
{
	for (;;) {
		*size = sizeof *ret;
		memset(ret, 0, sizeof *ret);
		int got = accept4(fd, &ret->any, size, SOCK_CLOEXEC);
		if (got >= 0)
			return got;
		if (errno != EAGAIN)
			die("accept");
		wait_for(in, fd, set);
	}
}

static void read_line(int fd, char *to, size_t size)
{
	size_t n = 0;
	for (ssize_t got; n + 1 < size && (got = read(fd, to + n, 1)) > 0 && to[n] != '\n';)
		n++;
	to[n] = '\0';
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *how;
static int listener, epoll = -1;

static int count(void)
{
	pthread_mutex_lock(&lock);
	int n = clients++;
	pthread_mutex_unlock(&lock);
	return n;
}

#define MUCH 700000 /* bytes: more than a socket holds, less than what may be under way */

static void write_much(int fd)
{
	static char bytes[MUCH];
	memset(bytes, 'x', sizeof bytes);
	for (size_t done = 0; done < sizeof bytes;) {
		ssize_t n = write(fd, bytes + done, sizeof bytes - done);
		if (n < 0)
			die("write");
		done += (size_t)n;
	}
}

static void *serve(void *unused)
{
	(void)unused;
	for (char line[256] = "", host[65] = "", answer[700], peer[160], local[160]; strcmp(line, "end") != 0;) {
		union address a, own;
		socklen_t size, own_size = sizeof own;
		int client = next_client(how, listener, epoll, &a, &size);
		read_line(client, line, sizeof line);
		if (strcmp(line, "hold") == 0)
			read_line(client, line, sizeof line);
		gethostname(host, sizeof host - 1);
		if (getsockname(client, &own.any, &own_size) < 0)
			die("getsockname");
		snprintf(answer, sizeof answer, "%s %s %s: %s\n", host, text(&a, size, peer), text(&own, own_size, local),
			line);
		int n = count();
		if (strcmp(line, "number") == 0)
			snprintf(answer, sizeof answer, "%d\n", n);
		if (strncmp(line, "turn", 4) == 0)
			snprintf(answer + strlen(answer) - 1, 20, " after %d\n", n);
		if (strcmp(line, "much") == 0)
			write_much(client);
		if (write(client, answer, strlen(answer)) < 0)
			perror("write"); /* who does not wait for the answer */
		close(client);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	how = argv[1];
	listener = listen_at(argv[2], argc > 3 ? atoi(argv[3]) : 16);
	if (strcmp(how, "epoll") == 0) {
		struct epoll_event e = {.events = EPOLLIN | EPOLLET};
		epoll = epoll_create1(EPOLL_CLOEXEC);
		if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0)
			die("epoll");
	}
	if (strcmp(how, "block") != 0 && strcmp(how, "threads") != 0 && fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl");
	printf("ready\n");
	fflush(stdout);
	pthread_t thread;
	for (int i = 0; i < 3 && strcmp(how, "threads") == 0; i++)
		if (pthread_create(&thread, NULL, serve, NULL) != 0)
			die("pthread_create");
	serve(NULL);
}
