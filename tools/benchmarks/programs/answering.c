/* answering: a server as plain as can be, to measure ways to it. The first byte of a connection says what it wants: 'e', all that follows comes
 * back; 'd', all is dropped, and at its end one byte comes back.
 *
 * usage: answering PORT (of 127.0.0.1; 0: any). Prints the port, then serves until it is killed. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 1000
#define CHUNK (256 << 10)

static struct pollfd watched[1 + CONNECTIONS];
static bool drops[1 + CONNECTIONS], begun[1 + CONNECTIONS];
static size_t count = 1;
static char buffer[CHUNK];

static void let_in(void)
{
	int fd = accept(watched[0].fd, NULL, NULL);
	if (fd < 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	begun[count] = drops[count] = false;
	watched[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static bool all_sent(int fd, const char *at, ssize_t size)
{
	for (ssize_t n; size > 0; at += n, size -= n)
		if ((n = write(fd, at, (size_t)size)) <= 0)
			return false;
	return true;
}

/* False: it has ended. */
static bool serve(size_t i)
{
	int fd = watched[i].fd;
	ssize_t n = read(fd, buffer, sizeof buffer);
	if (n <= 0) {
		if (n == 0 && drops[i])
			(void)all_sent(fd, "d", 1);
		return false;
	}
	ssize_t from = begun[i] ? 0 : 1;
	if (!begun[i])
		drops[i] = buffer[0] == 'd';
	begun[i] = true;
	return drops[i] || all_sent(fd, buffer + from, n - from);
}

static void end(size_t i)
{
	(void)close(watched[i].fd);
	count--;
	watched[i] = watched[count];
	drops[i] = drops[count];
	begun[i] = begun[count];
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	a.sin_port = htons((uint16_t)(argc == 2 ? strtol(argv[1], NULL, 10) : 0));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, (const struct sockaddr *)&a, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &size) < 0) {
		perror("answering");
		return 1;
	}
	(void)printf("%d\n", ntohs(a.sin_port));
	(void)fflush(stdout);
	watched[0] = (struct pollfd){.fd = fd, .events = POLLIN};
	for (;;) {
		watched[0].events = count <= CONNECTIONS ? POLLIN : 0;
		if (poll(watched, count, -1) < 0 && errno != EINTR) {
			perror("answering");
			return 1;
		}
		for (size_t i = count; i-- > 1;)
			if (watched[i].revents != 0 && !serve(i))
				end(i);
		if (watched[0].revents != 0)
			let_in();
	}
}
