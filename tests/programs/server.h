/* server.h: a server of the tests that has a thread for each client and simply waits for it, as many real ones do. */
#pragma once
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void (*server_serve)(int fd);

static void *server_client(void *fd)
{
	server_serve((int)(intptr_t)fd);
	close((int)(intptr_t)fd);
	return NULL;
}

/* Says "ready", and calls `serve` in a thread of its own for each connection, which is closed behind it. */
static inline void server_run(const char *port, void (*serve)(int fd))
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	pthread_t thread;
	server_serve = serve;
	signal(SIGPIPE, SIG_IGN);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 128) < 0) {
		perror(port);
		exit(2);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		if (pthread_create(&thread, NULL, server_client, (void *)(intptr_t)fd) != 0) {
			close(fd);
			continue;
		}
		pthread_detach(thread);
	}
	perror("accept");
	exit(1);
}

/* All of it; < 0: the client has gone. */
static inline int server_read(int fd, void *to, size_t size)
{
	for (char *at = to; size > 0;) {
		ssize_t n = read(fd, at, size);
		if (n <= 0)
			return -1;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static inline int server_write(int fd, const void *from, size_t size)
{
	for (const char *at = from; size > 0;) {
		ssize_t n = write(fd, at, size);
		if (n <= 0)
			return -1;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}
