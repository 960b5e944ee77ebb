/* room: who is in the chat, and what is still to be sent to whom; knows no event loop.
 *
 * Normal usage:
 *   1. room_enter() for a connection that was accepted;
 *   2. room_hear() with what it sent: each whole line goes to everybody;
 *   3. room_flush() whenever a socket may take what waits for it;
 *   4. room_leave() once client->gone says so.
 *
 * A line from a client is one of
 *   NAME          its first line
 *   /who          the names of those who are here
 *   /where        the host that serves the room
 *   /quit
 *   anything      what everybody gets, the sender too, as "NUMBER NAME: anything"; numbers have no gap
 *
 * Not for several threads at once: whoever has them locks. */
#ifndef CHAT_ROOM_H
#define CHAT_ROOM_H

#include <stdbool.h>
#include <stddef.h>

#define ROOM_CLIENTS 1000  /* at once; more are told so */
#define ROOM_LINE 1000     /* bytes of a line; who sends more is sent away */
#define ROOM_NAME 30       /* bytes of a name */
#define ROOM_UNREAD 262144 /* bytes waiting for one who does not read; then it is sent away */

struct client {
	int fd; /* non-blocking; closed by room_leave() */
	unsigned long number;
	char name[ROOM_NAME + 1]; /* "": not told yet */
	char line[ROOM_LINE];     /* what came since the last end of a line */
	size_t line_size;
	char *unread; /* what the socket did not take yet */
	size_t unread_start, unread_end, unread_room;
	bool gone; /* to be taken out */
	bool busy; /* for the event loop: somebody reads from it */
};

struct room {
	struct client *clients[ROOM_CLIENTS];
	int count;
	unsigned long entered, lines; /* since the beginning */
};

/* The new client of a connected socket, which is the room's from now on; NULL: no place or memory, and it is closed. */
struct client *room_enter(struct room *room, int fd);

/* The client with that number; NULL: it has left. */
struct client *room_client(const struct room *room, unsigned long number);

/* `size` bytes came from a client; 0: it has sent all that it will. */
void room_hear(struct room *room, struct client *client, const char *bytes, size_t size);

/* Sends what the socket takes. */
void room_flush(struct client *client);

/* Does something wait to be sent? */
bool room_waits(const struct client *client);

/* Says good-bye to everybody else. */
void room_leave(struct room *room, struct client *client);

/* A listening socket on that port of all addresses, non-blocking; ends the program with a word if there is none. */
int room_listen(const char *port);

#endif
