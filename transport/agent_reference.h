/* agent_reference: what this host holds for a program that runs elsewhere, and what the program here uses from other hosts:
 * runtime/reference/reference.h from the agent's side. Included by files of the agent only.
 *
 *   agent_reference.c  what is held, and what the program asks for
 *   agent_channel.c    ends of channels (channel.h), towards the supervisor or to one another
 *   agent_connection.c connections: what their ends do besides carrying bytes
 *   agent_tell.c       options for sockets elsewhere (agent_tell.h)
 *   agent_serve.c      what an end at the holder is connected to: a stream, an address, a server of files
 *   agent_listen.c     addresses at this host that lead to a held one
 *   agent_accept.c     sockets that listen: held ones, and what they are in the program (agent_accept.h)
 *
 * The supervisor is asked by {"event": "connect", channel, reference} and answers with the request "opened"; the holder gets the
 * request "open". Numbers are texts of 16 hexadecimal digits in JSON. */
#ifndef PMIG_TRANSPORT_AGENT_REFERENCE_H
#define PMIG_TRANSPORT_AGENT_REFERENCE_H

#include "agent_parts.h"
#include "channel.h"

#include "../runtime/reference/reference.h"

#include <sys/socket.h>

#define HELD_MAX 512 /* things; all of them are told in one packet */
#define ENDS_MAX 512 /* of channels */
#define LISTENERS_MAX 64

struct held {
	struct held *next;
	uint64_t id;
	enum reference_kind kind;
	int fd;        /* -1: an address */
	bool firm;     /* the hand-over for which it is held is over */
	bool returned; /* the program has come back to it, and is about to run here */
	int64_t slot;
	char locator[CONTROL_TEXT_MAX];
};

/* One end of a channel. */
struct end {
	struct end *next;
	struct agent *agent;
	struct channel *channel;
	uint64_t id, reference;
	bool opener; /* the program's side; else the thing's */
	bool asked;  /* the supervisor has not said yet whether it can be had */
	bool waits;  /* the program does not run here: not yet, or it is frozen and may go on elsewhere */
	bool suspended;
	bool resumed;              /* it began at another host */
	bool returning;            /* its program has the socket itself, as soon as what it had sent is written there */
	bool connection;           /* the ends are a connection's: agent_connection.h */
	bool messages;             /* or those of datagrams: agent_datagram.h */
	struct end *local;         /* the other end is here too */
	int64_t ticket;            /* the program waits for it; 0: it does not */
	int give;                  /* the program's side of it; -1 */
	struct accepted *accepted; /* an incoming connection that the program has not been given yet */
};

struct acceptor;
struct door;
struct listener;
struct local_packet;
struct plain_target;
struct draining;
struct way;
struct telling;

struct agent_references {
	struct held *held;
	struct end *ends;
	struct listener *listeners;
	struct acceptor *acceptors;
	struct door *doors;
	struct plain_target *plain_target; /* agent_plain.h */
	struct draining *drainings;
	struct way *ways;
	struct loop_source *count;
	size_t held_count, end_count, listener_count;
	json_t *carried; /* what is used from elsewhere, as the program said when it was frozen */
	json_t *dropped; /* of which the supervisor does not know yet */
	int failed;      /* < 0: something could not be held */
	char why[PMIG_REASON_MAX];
	struct telling *tellings; /* agent_tell.h */
	struct loop_source *telling_timer;
	int line; /* by which children of the program tell of options, while there is `line_source` */
	struct loop_source *line_source;
	struct local_packet *local, **local_last; /* between two ends that are here */
	struct loop_source *local_timer, *lease, *quiet, *takes, *looks;
};

/* --- agent_reference.c --- */
struct agent_references *agent_references(struct agent *a); /* never NULL */
struct held *agent_held(struct agent *a, uint64_t id);      /* NULL: it is not held here */
bool agent_has_room(struct agent *a);                       /* for one more thing and one more end */
struct held *agent_hold(struct agent *a, enum reference_kind kind,
	int fd); /* takes fd; for good; NULL: no memory, or too many */
void agent_let_go(struct agent *a, struct held *h);
void agent_carry(struct agent *a, uint64_t id);                         /* it will be used from the target as well */
uint64_t agent_reference_number(const json_t *object, const char *key); /* 0: there is none */
json_t *agent_readable(const char *locator);                            /* for people: a name may have any bytes */
void agent_program_answer(struct agent *a, int64_t ticket, int code, bool itself, const char *text,
	int fd); /* code < 0: with pmig_reason() */

/* --- agent_channel.c --- */
int agent_new_number(uint64_t *ret_id) PMIG_MUST_CHECK; /* random, not 0 */
/* An end whose descriptor is `fd` (taken), unless `state` has one that is moved here (not taken; -1: none). */
struct end_options {
	uint64_t id, reference;
	int fd, state;
	bool opener, device;
	const struct channel_messages *messages; /* NULL: bytes */
	bool connection;
};
int agent_end_create(struct agent *a, const struct end_options *o, struct end **ret_end) PMIG_MUST_CHECK;
void agent_end_drop(struct end *e);   /* without a word to anybody */
void agent_ends_end(struct agent *a); /* all of them, with what is under way between two that are here */
struct end *agent_end(struct agent *a, uint64_t id, bool opener);
void agent_end_ask(struct end *e);                           /* the supervisor, for the other end */
void agent_end_join(struct end *opener, struct end *holder); /* both are here */
void agent_ends_gone(struct agent *a, uint64_t reference);   /* what was held is let go: they end, with pmig_reason() */
json_t *agent_ends_describe(struct agent *a);

/* --- agent_serve.c, agent_connection.c --- */
/* *ret_fd: what an end is to be connected to; `device`: as for a channel. */
int agent_serve_open(const struct held *h, int *ret_fd, bool *ret_device) PMIG_MUST_CHECK;
/* "HOST:PORT" with localhost or a number, or an absolute path. PMIG_EINVAL. */
int agent_serve_parse(const char *locator, struct sockaddr_storage *ret_address, socklen_t *ret_size) PMIG_MUST_CHECK;
int agent_serve_address(const char *locator, int *ret_fd) PMIG_MUST_CHECK; /* a connection to it */

/* --- agent_listen.c --- */
int agent_listen(struct agent *a, uint64_t reference, const char *wanted, char *ret_address, size_t size) PMIG_MUST_CHECK;
void agent_listen_end(struct agent *a); /* all of them */

#endif
