/* chat_threads: the same chat with four threads and one epoll set; moves with all of them waiting, or in the middle of a line.
 *
 *   pmig-cc -O2 chat_threads.c room.c -o chat_threads -pthread
 *   pmig run -- ./chat_threads 7777
 *   pmig move chat_threads HOST
 *
 * Each socket is armed for one event (EPOLLONESHOT), so that one thread at a time reads from it; the room has a lock. The epoll set
 * knows clients by number, since one may leave between the event and the lock. SIGTERM ends it. */
#define _GNU_SOURCE
#include "room.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 4
#define LISTENER 0 /* no client has this number */

static struct {
	pthread_mutex_t mutex;
	struct room room;
	int epoll, listener;
} server = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* The next event of a socket comes to one thread. */
static void arm(int operation, int fd, unsigned long number, int waits)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT | (waits ? EPOLLOUT : 0), .data.u64 = number};
	if (epoll_ctl(server.epoll, operation, fd, &event) < 0)
		perror("epoll_ctl");
}

/* With the lock: who is gone leaves, and who has something waiting is told when there is room. A busy one is seen to by its thread. */
static void settle(void)
{
	for (int i = server.room.count - 1; i >= 0; i--) {
		struct client *client = server.room.clients[i];
		if (client->busy)
			continue;
		if (client->gone)
			room_leave(&server.room, client);
		else if (room_waits(client))
			arm(EPOLL_CTL_MOD, client->fd, client->number, 1);
	}
}

static void accept_all(void)
{
	int fd;
	pthread_mutex_lock(&server.mutex);
	while ((fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct client *client = room_enter(&server.room, fd);
		if (client != NULL)
			arm(EPOLL_CTL_ADD, fd, client->number, room_waits(client));
	}
	arm(EPOLL_CTL_MOD, server.listener, LISTENER, 0);
	pthread_mutex_unlock(&server.mutex);
}

static void serve(unsigned long number)
{
	char bytes[4096];
	pthread_mutex_lock(&server.mutex);
	struct client *client = room_client(&server.room, number);
	if (client != NULL && !client->busy) {
		client->busy = 1;
		pthread_mutex_unlock(&server.mutex);
		ssize_t n = read(client->fd, bytes, sizeof bytes);
		int error = errno;
		pthread_mutex_lock(&server.mutex);
		client->busy = 0;
		room_flush(client);
		if (n >= 0)
			room_hear(&server.room, client, bytes, (size_t)n);
		else if (error != EAGAIN && error != EINTR)
			client->gone = 1;
		if (!client->gone)
			arm(EPOLL_CTL_MOD, client->fd, number, room_waits(client));
		settle();
	}
	pthread_mutex_unlock(&server.mutex);
}

static void *work(void *unused)
{
	struct epoll_event event;
	for (;;) {
		int n = epoll_wait(server.epoll, &event, 1, -1);
		if (n == 1 && event.data.u64 == LISTENER)
			accept_all();
		else if (n == 1)
			serve(event.data.u64);
	}
	return unused;
}

int main(int argc, char **argv)
{
	sigset_t end;
	int signal;
	server.listener = room_listen(argc > 1 ? argv[1] : "7777");
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	arm(EPOLL_CTL_ADD, server.listener, LISTENER, 0);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, work, NULL) != 0) {
			perror("pthread_create");
			return 2;
		}
		pthread_detach(thread);
	}
	printf("ready\n");
	fflush(stdout);
	sigwait(&end, &signal);
	pthread_mutex_lock(&server.mutex);
	printf("%lu lines of %lu who came, %d still here\n", server.room.lines, server.room.entered, server.room.count);
	return 0;
}
