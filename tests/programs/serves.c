/* serves: a plain server that declares nothing: listens on TCP and a unix socket and takes datagrams, one client at a time, and waits for
 * all of them with poll() and no time limit. serves PORT PATH. What a client sends comes back with the host's name before it; "end" ends
 * the server; "keep" has it keep the connection until the next client has come. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int kept = -1;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_at(int family, int type, const void *address, socklen_t size)
{
	int yes = 1, fd = socket(family, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes) < 0 || bind(fd, address, size) < 0 ||
		(type == SOCK_STREAM && listen(fd, 7) < 0))
		die("serves");
	return fd;
}

/* The answer; true: it was the last. */
static int answer(char *text, size_t size, const char *asked)
{
	char host[65] = "";
	gethostname(host, sizeof host - 1);
	snprintf(text, size, "%s: %s", host, asked);
	return strncmp(asked, "end", 3) == 0;
}

static int serve_stream(int listener)
{
	char asked[256] = "", text[384];
	int fd = accept(listener, NULL, NULL);
	ssize_t n = fd >= 0 ? read(fd, asked, sizeof asked - 1) : -1;
	if (n < 0)
		die("accept");
	int last = answer(text, sizeof text, asked);
	if (write(fd, text, strlen(text)) < 0)
		die("write");
	if (kept >= 0)
		close(kept);
	kept = strncmp(asked, "keep", 4) == 0 ? fd : -1;
	if (kept < 0)
		close(fd);
	return last;
}

static int serve_datagram(int fd)
{
	char asked[256] = "", text[384];
	struct sockaddr_storage from;
	socklen_t size = sizeof from;
	if (recvfrom(fd, asked, sizeof asked - 1, 0, (struct sockaddr *)&from, &size) < 0)
		die("recvfrom");
	int last = answer(text, sizeof text, asked);
	if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&from, size) < 0)
		die("sendto");
	return last;
}

/* What the program set, it has. */
static void look(int fd, const char *name)
{
	int alive = 0, listens = 0;
	socklen_t size = sizeof alive;
	struct sockaddr_storage a;
	socklen_t n = sizeof a;
	getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &alive, &size);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
	if (alive != 1 || getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		die(name);
	printf("%s %d %d\n", name, listens, a.ss_family == AF_UNIX ? 0 : ntohs(((struct sockaddr_in *)&a)->sin_port));
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	snprintf(local.sun_path, sizeof local.sun_path, "%s", argv[2]);
	struct pollfd p[] = {{open_at(AF_INET, SOCK_STREAM, &four, sizeof four), POLLIN, 0},
		{open_at(AF_UNIX, SOCK_STREAM, &local, sizeof local), POLLIN, 0},
		{open_at(AF_INET, SOCK_DGRAM, &four, sizeof four), POLLIN, 0}};
	printf("ready\n");
	for (int last = 0; !last;) {
		fflush(stdout);
		if (poll(p, 3, -1) < 0)
			die("poll");
		look(p[0].fd, "tcp"), look(p[1].fd, "unix"), look(p[2].fd, "udp");
		for (int i = 0; i < 3 && !last; i++)
			if (p[i].revents != 0)
				last = i == 2 ? serve_datagram(p[i].fd) : serve_stream(p[i].fd);
		printf("served\n");
	}
	unlink(argv[2]);
	return 0;
}
