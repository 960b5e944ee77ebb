/* sockets: does to its connections what lines of standard input say, and says what came of it, a line each. Two of them talk to each other:
 * one moves, the other does not know.
 *
 *	listen PORT|PATH  connect HOST:PORT|PATH  accept   the connections are numbered from 0
 *	read N BYTES   write N TEXT   fill N   drain N     fill: writes as much as it takes; drain: reads that many again
 *	urgent N C   oob N   mark N   inline N             send one, receive one, is it next, have them in line
 *	set N LEVEL NAME VALUE   get N LEVEL NAME   names N    child N LEVEL NAME VALUE     set: by a child; N -1: the one that listens
 *	shut N r|w   reset N   close N   poll N   error N */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pmig/pmig.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 16

static int fds[MOST], count, listener = -1;
static size_t filled[MOST], drained[MOST];

static const char *outcome(ssize_t n)
{
	static char text[64];
	if (n < 0)
		snprintf(text, sizeof text, "%s", strerror(errno));
	else
		snprintf(text, sizeof text, "%zd", n);
	return text;
}

static socklen_t address_of(const char *where, struct sockaddr_storage *ret, int passive)
{
	struct sockaddr_un *un = (void *)ret;
	memset(ret, 0, sizeof *ret);
	if (where[0] == '/') {
		un->sun_family = AF_UNIX;
		strncpy(un->sun_path, where, sizeof un->sun_path - 1);
		return sizeof *un;
	}
	char host[200] = "", *colon;
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET, .ai_flags = passive ? AI_PASSIVE : 0},
			*list;
	snprintf(host, sizeof host, "%s%s", passive ? ":" : "", where);
	colon = strrchr(host, ':');
	*colon = 0;
	if (getaddrinfo(passive ? NULL : host, colon + 1, &hint, &list) != 0)
		exit(2);
	socklen_t size = list->ai_addrlen;
	memcpy(ret, list->ai_addr, size);
	freeaddrinfo(list);
	return size;
}

static void text_of(const struct sockaddr_storage *a, socklen_t size)
{
	char host[64] = "", port[16] = "";
	const struct sockaddr_un *u = (const void *)a;
	if (a->ss_family == AF_UNIX)
		printf(" unix:%s", size > sizeof a->ss_family ? u->sun_path : "");
	else if (getnameinfo((const void *)a, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) ==
		0)
		printf(" %s:%s", host, port);
}

static void names(int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t size = sizeof a;
	printf("names");
	if (getsockname(fd, (void *)&a, &size) == 0)
		text_of(&a, size);
	size = sizeof a;
	memset(&a, 0, sizeof a);
	if (getpeername(fd, (void *)&a, &size) == 0)
		text_of(&a, size);
	else
		printf(" %s", strerror(errno));
	printf("\n");
}

/* The byte at place `at` of what fill() writes. */
static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 2654435761u >> 13);
}

static void fill(int i)
{
	unsigned char buffer[4096];
	struct pollfd p = {.fd = fds[i], .events = POLLOUT};
	while (poll(&p, 1, 500) > 0 && (p.revents & POLLOUT) != 0) {
		for (size_t k = 0; k < sizeof buffer; k++)
			buffer[k] = byte_at(filled[i] + k);
		ssize_t n = send(fds[i], buffer, sizeof buffer, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			break;
		filled[i] += n > 0 ? (size_t)n : 0;
	}
	printf("filled %zu\n", filled[i]);
}

/* `most` bytes of what the other side filled in, compared. */
static void drain(int i, size_t most)
{
	unsigned char buffer[8192];
	ssize_t n = 0;
	int wrong = 0;
	for (size_t done = 0; done < most; done += (size_t)n) {
		n = recv(fds[i], buffer, most - done < sizeof buffer ? most - done : sizeof buffer, 0);
		if (n <= 0)
			break;
		for (ssize_t k = 0; k < n; k++)
			wrong |= buffer[k] != byte_at(drained[i] + (size_t)k);
		drained[i] += (size_t)n;
	}
	printf("drained %zu%s\n", drained[i], wrong ? " WRONG" : n == 0 ? " end" : "");
}

static void open_one(const char *verb, const char *where)
{
	struct sockaddr_storage a;
	int yes = 1, fd;
	socklen_t size = address_of(where, &a, verb[0] == 'l');
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (verb[0] == 'l') {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
		listener = fd;
		printf("listen %s\n", outcome(bind(fd, (void *)&a, size) < 0 ? -1 : listen(fd, 8)));
	} else {
		fds[count++] = fd;
		printf("connect %s\n", outcome(connect(fd, (void *)&a, size)));
	}
}

static void receive(int fd, size_t size, int flags)
{
	char buffer[65536];
	ssize_t n = recv(fd, buffer, size < sizeof buffer ? size : sizeof buffer, flags);
	if (n > 0)
		printf("read %.*s\n", (int)n, buffer);
	else
		printf("read %s\n", n == 0 ? "end" : strerror(errno));
}

static void option(int fd, const char *verb, int level, int name, int value)
{
	socklen_t size = sizeof value;
	if (verb[0] == 's')
		printf("set %s\n", outcome(setsockopt(fd, level, name, &value, size)));
	else if (getsockopt(fd, level, name, &value, &size) == 0)
		printf("get %d\n", value);
	else
		printf("get %s\n", strerror(errno));
}

static void option_by_child(int fd, int level, int name, int value)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : errno);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	printf("child %s\n", status == 0 ? "0" : "failed");
}

static void events(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
	poll(&p, 1, 0);
	printf("poll%s%s%s%s%s%s\n", p.revents & POLLIN ? " in" : "", p.revents & POLLOUT ? " out" : "",
		p.revents & POLLPRI ? " urgent" : "", p.revents & POLLRDHUP ? " rdhup" : "",
		p.revents & POLLHUP ? " hup" : "", p.revents & POLLERR ? " error" : "");
}

static void one(char *line)
{
	char verb[32] = "", rest[256] = "";
	int i = 0, a = 0, b = 0, c = 0, yes = 1;
	struct linger hard = {1, 0};
	sscanf(line, "%31s", verb);
	if (strcmp(verb, "listen") == 0 || strcmp(verb, "connect") == 0) {
		sscanf(line, "%*s %255s", rest);
		open_one(verb, rest);
		return;
	}
	if (strcmp(verb, "accept") == 0) {
		fds[count] = accept(listener, NULL, NULL);
		printf("accept %s\n", fds[count] < 0 ? strerror(errno) : "0");
		count++;
		close(listener);
		return;
	}
	sscanf(line, "%*s %d %255[^\n]", &i, rest);
	sscanf(rest, "%d %d %d", &a, &b, &c);
	int fd = i < 0 ? listener : fds[i];
	if (strcmp(verb, "read") == 0)
		receive(fd, (size_t)a, 0);
	else if (strcmp(verb, "oob") == 0)
		receive(fd, 1, MSG_OOB);
	else if (strcmp(verb, "write") == 0)
		printf("write %s\n", outcome(send(fd, rest, strlen(rest), MSG_NOSIGNAL)));
	else if (strcmp(verb, "urgent") == 0)
		printf("urgent %s\n", outcome(send(fd, rest, 1, MSG_NOSIGNAL | MSG_OOB)));
	else if (strcmp(verb, "mark") == 0)
		printf("mark %s\n", outcome(sockatmark(fd)));
	else if (strcmp(verb, "inline") == 0)
		printf("inline %s\n", outcome(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes)));
	else if (strcmp(verb, "fill") == 0)
		fill(i);
	else if (strcmp(verb, "drain") == 0)
		drain(i, (size_t)a);
	else if (strcmp(verb, "set") == 0 || strcmp(verb, "get") == 0)
		option(fd, verb, a, b, c);
	else if (strcmp(verb, "child") == 0)
		option_by_child(fd, a, b, c);
	else if (strcmp(verb, "names") == 0)
		names(fd);
	else if (strcmp(verb, "shut") == 0)
		printf("shut %s\n", outcome(shutdown(fd, rest[0] == 'r' ? SHUT_RD : SHUT_WR)));
	else if (strcmp(verb, "reset") == 0)
		printf("reset %s\n",
			outcome(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) < 0 ? -1 : close(fd)));
	else if (strcmp(verb, "close") == 0)
		printf("close %s\n", outcome(close(fd)));
	else if (strcmp(verb, "poll") == 0)
		events(fd);
	else if (strcmp(verb, "error") == 0)
		option(fd, "get", SOL_SOCKET, SO_ERROR, 0);
	else
		printf("?\n");
}

int main(void)
{
	char line[512];
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof line, stdin) != NULL)
		one(line);
	return 0;
}
