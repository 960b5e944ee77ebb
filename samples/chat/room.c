/* room: the chat without its event loop; room.h tells. */
#include "room.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool room_waits(const struct client *client)
{
	return client->unread_end > client->unread_start;
}

void room_flush(struct client *client)
{
	while (room_waits(client) && !client->gone) {
		ssize_t n = send(client->fd, client->unread + client->unread_start,
			client->unread_end - client->unread_start, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			client->gone = errno != EAGAIN;
			return;
		}
		client->unread_start += (size_t)n;
	}
	client->unread_start = client->unread_end = 0;
}

/* Puts a text into what waits for the client. */
static void say(struct client *client, const char *text, size_t size)
{
	size_t waits = client->unread_end - client->unread_start;
	if (client->gone || waits + size > ROOM_UNREAD) {
		client->gone = true;
		return;
	}
	if (client->unread_end + size > client->unread_room) {
		memmove(client->unread, client->unread + client->unread_start, waits);
		client->unread_start = 0;
		client->unread_end = waits;
	}
	if (waits + size > client->unread_room) {
		size_t room = 2 * (waits + size);
		char *more = realloc(client->unread, room);
		if (more == NULL) {
			client->gone = true;
			return;
		}
		client->unread = more;
		client->unread_room = room;
	}
	memcpy(client->unread + client->unread_end, text, size);
	client->unread_end += size;
	room_flush(client);
}

static void tell(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct client *client, const char *format, ...)
{
	char text[ROOM_LINE + ROOM_NAME + 40];
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say(client, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void tell_all(struct room *room, const char *text, int size)
{
	for (int i = 0; i < room->count; i++)
		if (room->clients[i]->name[0] != '\0')
			say(room->clients[i], text, (size_t)size);
}

struct client *room_enter(struct room *room, int fd)
{
	struct client *client = room->count < ROOM_CLIENTS ? calloc(1, sizeof *client) : NULL;
	if (client == NULL) {
		static const char full[] = "* the room is full\n";
		(void)!send(fd, full, sizeof full - 1, MSG_NOSIGNAL);
		close(fd);
		return NULL;
	}
	int now = 1; /* a line does not wait for the next one */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
	client->fd = fd;
	client->number = ++room->entered;
	room->clients[room->count++] = client;
	tell(client, "* what is your name?\n");
	return client;
}

struct client *room_client(const struct room *room, unsigned long number)
{
	for (int i = 0; i < room->count; i++)
		if (room->clients[i]->number == number)
			return room->clients[i];
	return NULL;
}

void room_leave(struct room *room, struct client *client)
{
	int i = 0;
	while (room->clients[i] != client)
		i++;
	room->clients[i] = room->clients[--room->count];
	close(client->fd);
	if (client->name[0] != '\0') {
		char text[ROOM_NAME + 40];
		tell_all(room, text, snprintf(text, sizeof text, "* %s has left\n", client->name));
	}
	free(client->unread);
	free(client);
}

static void tell_who(const struct room *room, struct client *client)
{
	for (int i = 0; i < room->count; i++)
		if (room->clients[i]->name[0] != '\0')
			tell(client, "* %s is here\n", room->clients[i]->name);
}

static void hear_line(struct room *room, struct client *client, const char *line)
{
	char text[ROOM_LINE + ROOM_NAME + 40], host[65] = "";
	if (client->name[0] == '\0') {
		snprintf(client->name, sizeof client->name, "%.*s", ROOM_NAME, line[0] != '\0' ? line : "somebody");
		tell_all(room, text, snprintf(text, sizeof text, "* %s has come\n", client->name));
	} else if (strcmp(line, "/who") == 0) {
		tell_who(room, client);
	} else if (strcmp(line, "/where") == 0) {
		gethostname(host, sizeof host - 1);
		tell(client, "* this is %s\n", host);
	} else if (strcmp(line, "/quit") == 0) {
		client->gone = true;
	} else {
		tell_all(room, text, snprintf(text, sizeof text, "%lu %s: %s\n", ++room->lines, client->name, line));
	}
}

void room_hear(struct room *room, struct client *client, const char *bytes, size_t size)
{
	if (size == 0)
		client->gone = true;
	for (size_t i = 0; i < size && !client->gone; i++) {
		if (bytes[i] == '\n') {
			if (client->line_size > 0 && client->line[client->line_size - 1] == '\r')
				client->line_size--;
			client->line[client->line_size] = '\0';
			client->line_size = 0;
			hear_line(room, client, client->line);
		} else if (client->line_size < sizeof client->line - 1) {
			client->line[client->line_size++] = bytes[i];
		} else {
			tell(client, "* that line is too long\n");
			client->gone = true;
		}
	}
}

int room_listen(const char *port)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *where;
	int error = getaddrinfo(NULL, port, &hints, &where), yes = 1;
	if (error != 0) {
		fprintf(stderr, "port %s: %s\n", port, gai_strerror(error));
		exit(2);
	}
	int fd = socket(where->ai_family, where->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, where->ai_protocol);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
		bind(fd, where->ai_addr, where->ai_addrlen) < 0 || listen(fd, 100) < 0) {
		fprintf(stderr, "port %s: %s\n", port, strerror(errno));
		exit(2);
	}
	freeaddrinfo(where);
	return fd;
}
