/* chat: a server for people who talk in lines, all of them in one thread with ppoll(); moves with everybody connected.
 *
 *   pmig-cc -O2 chat.c room.c -o chat
 *   pmig run -- ./chat 7777           (in one terminal)
 *   nc alpha 7777                     (in others, anywhere: a name, then lines)
 *   pmig move chat HOST               (in yet another, as often as you like)
 *
 * Nothing in it knows of pmig: it waits in ppoll(), and a call that waits is a place where it may be stopped. SIGTERM ends it. */
#define _GNU_SOURCE
#include "room.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signal)
{
	(void)signal;
	asked_to_end = 1;
}

static void read_from(struct room *room, struct client *client)
{
	char bytes[4096];
	ssize_t n = read(client->fd, bytes, sizeof bytes);
	if (n >= 0)
		room_hear(room, client, bytes, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		client->gone = true;
}

static void accept_all(struct room *room, int listener)
{
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
		room_enter(room, fd);
}

/* One round: waits, where the signals that end the server may come, and serves whoever is ready. */
static void serve(struct room *room, int listener, const sigset_t *mask)
{
	static struct pollfd polled[1 + ROOM_CLIENTS];
	int count = room->count;
	polled[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (int i = 0; i < count; i++)
		polled[1 + i] = (struct pollfd){
			room->clients[i]->fd, (short)(POLLIN | (room_waits(room->clients[i]) ? POLLOUT : 0)), 0};
	if (ppoll(polled, 1 + (nfds_t)count, NULL, mask) < 0)
		return;
	for (int i = 0; i < count; i++) {
		if (polled[1 + i].revents & POLLOUT)
			room_flush(room->clients[i]);
		if (polled[1 + i].revents & (POLLIN | POLLHUP | POLLERR))
			read_from(room, room->clients[i]);
	}
	if (polled[0].revents != 0)
		accept_all(room, listener);
	for (int i = room->count - 1; i >= 0; i--) /* the last one takes the place of one who leaves */
		if (room->clients[i]->gone)
			room_leave(room, room->clients[i]);
}

int main(int argc, char **argv)
{
	static struct room room;
	struct sigaction end = {.sa_handler = ask_to_end};
	sigset_t ends, mask;
	int listener = room_listen(argc > 1 ? argv[1] : "7777");
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, &mask);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	printf("ready\n");
	fflush(stdout);
	while (!asked_to_end)
		serve(&room, listener, &mask);
	printf("%lu lines of %lu who came, %d still here\n", room.lines, room.entered, room.count);
	return 0;
}
