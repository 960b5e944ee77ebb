/* talk: what is the same on both sides of a conversation: what is said over a connection once both know each other, and what a
 * program reads and writes. call.c finds the other side, server.c is found. */
#ifndef PMIG_PEER_TALK_H
#define PMIG_PEER_TALK_H

#include "peer/address.h"
#include "peer/flow.h"
#include "peer/link.h"
#include "peer/proof.h"

enum {
	TALK_WINDOW = 256 * 1024, /* by default */
	TALK_WINDOW_MOST = 64 << 20,
	TALK_PATIENCE = 60000,
	TALK_QUESTION = 1000, /* milliseconds of silence before it is asked whether the other is there */
	TALK_SILENCE = 5000,  /* after which a question without an answer ends a connection */
	TALK_LOST = 30000,    /* of the other host's kernel, after which it counts as gone */
	TALK_LOST_LEAST = 2000
};

struct call;

struct pmig_peer {
	uint8_t id[FRAME_ID], key[FRAME_ID];
	struct link link;
	struct flow_out out;
	struct flow_in in;
	uint64_t epoch;    /* this program's when it was last looked at */
	uint64_t seen;     /* the highest of the other's */
	uint64_t token;    /* of the server for the last epoch that it has answered with; 0: none */
	uint64_t ack_told; /* over this connection */
	bool end_told;     /* over this connection */
	bool answer;       /* the other has asked whether somebody is there */
	bool bye;          /* the other knows nothing more of it */
	int64_t lost;      /* since when there is no connection */
	int patience, silence;
	int64_t looked; /* whether the other host is there */
	unsigned connections;
	int error; /* < 0: it has failed for good */
	char reason[FRAME_TEXT + 80];
	char address[80];
	void *context;

	struct call *call; /* who calls; NULL: it is a server's, and what follows is for that */
	struct pmig_peer_server *server;
	volatile int *inside; /* of the server: somebody is at work on it, a hook must not be */
	bool ready;           /* something came, or can be sent */
	bool fresh;           /* the program has not seen it */
	bool wants_room;      /* a write found none */
	bool read_told;       /* the program has seen that all was read */
	bool error_seen;      /* the program knows that it has failed */
	bool closed;          /* by the program; it goes on until all was read */
	const char *move;     /* addresses that are to be told over this connection; NULL: none */
};

/* The numbers that options mean. PMIG_EINVAL. */
struct talk_numbers {
	size_t window;
	int patience, silence;
};
int pmig_peer_talk_options(const struct pmig_peer_options *options, struct talk_numbers *ret);

/* A conversation without a connection; NULL: no memory. */
struct pmig_peer *pmig_peer_talk_create(const struct talk_numbers *numbers);
void pmig_peer_talk_destroy(struct pmig_peer *p);

/* It has failed for good, and why; returns `error`. */
int pmig_peer_talk_fail(struct pmig_peer *p, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Goes on over another connection, which is the conversation's from now on: the other has received so many bytes. `strict` as of
 * pmig_peer_flow_rewind(). < 0: it has failed for good. */
int pmig_peer_talk_adopt(struct pmig_peer *p, struct link *link, uint64_t received, bool strict);

/* Its connection has ended, by whatever. */
void pmig_peer_talk_lost(struct pmig_peer *p);

/* Reads what came and sends what is to be sent. *ret_moved, NULL of a server: the other has told other addresses, FRAME_TEXT + 1 bytes, empty
 * if not. < 0: it has failed for good; an end of the connection is no failure. */
int pmig_peer_talk_work(struct pmig_peer *p, char *ret_moved);

/* When it is to be looked at whether the other host is still there, which pmig_peer_talk_work() does; INT64_MAX: never. */
int64_t pmig_peer_talk_due(const struct pmig_peer *p);

/* Sends what is to be sent, and reads nothing. */
void pmig_peer_talk_say(struct pmig_peer *p);

/* Says one thing more, if there is room for it. */
void pmig_peer_talk_put(struct pmig_peer *p, enum frame_type type);

/* Words for pmig_peer_reason(NULL); returns `error`. */
int pmig_peer_talk_reason(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Is all said and read, both ways, and known to be? */
bool pmig_peer_talk_is_over(const struct pmig_peer *p);

#endif
