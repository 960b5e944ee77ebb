/* links: connections, which it echoes byte for byte, and of which it says what getsockname() and the like say.
 *
 *	links accept PORT N        N connections, then it listens no more
 *	links connect HOST:PORT N  N connections made by itself
 *	links unix PATH N          as accept, of a unix stream socket
 *
 * A line "N: LOCAL PEER OPTIONS" per connection, at the beginning and whenever a line comes by standard input ("say"), and one when it
 * ends: "N over: BYTES bytes, how". Ends with 0 when all of them are over. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pmig/pmig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST 400
#define ROOM 65536

struct link {
	int fd;
	int ended; /* the peer sends no more */
	size_t at, size;
	long long bytes;
	char *buffer;
};

static struct link links[MOST];
static int count, over;

static const char *text_of(const struct sockaddr_storage *a, socklen_t size, char to[200])
{
	char host[64], port[16];
	const struct sockaddr_un *u = (const void *)a;
	if (a->ss_family == AF_UNIX)
		snprintf(to, 200, "unix:%s", size > sizeof a->ss_family ? u->sun_path : "");
	else if (getnameinfo((const struct sockaddr *)a, size, host, sizeof host, port, sizeof port,
			 NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(to, 200, "%s:%s", host, port);
	else
		snprintf(to, 200, "?");
	return to;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof value;
	return getsockopt(fd, level, name, &value, &size) == 0 ? value : -errno;
}

static void say(int i)
{
	struct sockaddr_storage a = {0};
	socklen_t size = sizeof a;
	char local[200] = "?", peer[200] = "?";
	if (getsockname(links[i].fd, (struct sockaddr *)&a, &size) == 0)
		text_of(&a, size, local);
	size = sizeof a;
	memset(&a, 0, sizeof a);
	if (getpeername(links[i].fd, (struct sockaddr *)&a, &size) == 0)
		text_of(&a, size, peer);
	printf("%d: %s %s domain %d type %d nodelay %d keepalive %d\n", i, local, peer,
		option(links[i].fd, SOL_SOCKET, SO_DOMAIN), option(links[i].fd, SOL_SOCKET, SO_TYPE),
		option(links[i].fd, IPPROTO_TCP, TCP_NODELAY), option(links[i].fd, SOL_SOCKET, SO_KEEPALIVE));
}

static void add(int fd)
{
	int yes = 1;
	links[count] = (struct link){.fd = fd, .buffer = malloc(ROOM)};
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (count % 2 == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	say(count++);
}

static void finish(struct link *l, const char *how)
{
	printf("%d over: %lld bytes, %s\n", (int)(l - links), l->bytes, how);
	close(l->fd);
	l->fd = -1;
	free(l->buffer);
	over++;
}

static void serve(struct link *l, short events)
{
	if (l->size == 0 && !l->ended && (events & (POLLIN | POLLHUP | POLLERR)) != 0) {
		ssize_t n = read(l->fd, l->buffer, ROOM);
		if (n < 0 && errno != EAGAIN)
			return finish(l, strerror(errno));
		if (n == 0)
			l->ended = 1;
		if (n > 0)
			l->at = 0, l->size = (size_t)n;
	}
	if (l->size > 0) {
		ssize_t n = write(l->fd, l->buffer + l->at, l->size);
		if (n < 0 && errno != EAGAIN)
			return finish(l, strerror(errno));
		if (n > 0)
			l->at += (size_t)n, l->size -= (size_t)n, l->bytes += n;
	}
	if (l->ended && l->size == 0) {
		shutdown(l->fd, SHUT_WR);
		finish(l, "end");
	}
}

static int listen_at(const char *where, int internet)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(where))};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int yes = 1, fd = socket(internet ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(un.sun_path, sizeof un.sun_path, "%s", where);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	if (bind(fd, internet ? (void *)&in : (void *)&un, internet ? sizeof in : sizeof un) < 0 || listen(fd, MOST) < 0) {
		perror(where);
		exit(2);
	}
	return fd;
}

static int connect_to(const char *where)
{
	char host[200], *colon;
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM}, *list;
	snprintf(host, sizeof host, "%s", where);
	colon = strrchr(host, ':');
	*colon = 0;
	if (getaddrinfo(host, colon + 1, &hint, &list) != 0)
		exit(2);
	int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, list->ai_addr, list->ai_addrlen) < 0) {
		perror(where);
		exit(2);
	}
	freeaddrinfo(list);
	return fd;
}

int main(int argc, char **argv)
{
	struct pollfd p[MOST + 1];
	int n = argc > 3 ? atoi(argv[3]) : 1, input = 1;
	if (argc < 3 || n > MOST)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(argv[1], "connect") == 0) {
		while (count < n)
			add(connect_to(argv[2]));
	} else {
		int listener = listen_at(argv[2], strcmp(argv[1], "accept") == 0);
		printf("ready\n");
		while (count < n)
			add(accept(listener, NULL, NULL));
		close(listener);
	}
	printf("all\n");
	while (over < count) {
		for (int i = 0; i < count; i++)
			p[i] = (struct pollfd){.fd = links[i].fd, .events = links[i].size > 0 ? POLLOUT : POLLIN};
		p[count] = (struct pollfd){.fd = input ? 0 : -1, .events = POLLIN};
		pmig_safepoint();
		if (poll(p, (nfds_t)count + 1, -1) < 0)
			continue;
		if (p[count].revents != 0) {
			char line[256];
			input = read(0, line, sizeof line) > 0;
			for (int i = 0; input && i < count; i++)
				if (links[i].fd >= 0)
					say(i);
		}
		for (int i = 0; i < count; i++)
			if (links[i].fd >= 0 && p[i].revents != 0)
				serve(&links[i], p[i].revents);
	}
	return 0;
}
