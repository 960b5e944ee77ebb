/* peer: one end of a conversation in packets, in an event loop. Used by agent and supervisor alike. */
#ifndef PMIG_TRANSPORT_PEER_H
#define PMIG_TRANSPORT_PEER_H

#include "loop.h"
#include "packet.h"

struct peer;

/* Everything but `room` is required. None of the callbacks may destroy the peer, except `closed`. */
struct peer_options {
	struct loop *loop;
	int fd; /* a stream socket; taken, also on failure */
	enum packet_pack pack;
	int (*packet)(void *context, const struct packet *p); /* < 0: the conversation ends with that code */
	void (*room)(void *context);                          /* bulk data may be queued again */
	void (*closed)(void *context, int code); /* once, never from within a call of ours; the reason is pmig_reason() */
	void *context;
};

int peer_create(const struct peer_options *options, struct peer **ret_peer) PMIG_MUST_CHECK;
void peer_destroy(struct peer *p); /* what is pending is lost; `closed` is not called; NULL is fine */

/* Queue and send as far as possible; small packets at the end of this round of the loop, a control packet at once, with all before it. A
 * failure is also reported by `closed`, later, so it may be ignored. */
int peer_put(struct peer *p, const struct packet *k);
int peer_put_json(struct peer *p, const json_t *object); /* a control packet */

/* For bulk streams, which queue themselves; call peer_kick() afterwards. */
struct packet_writer *peer_writer(struct peer *p);
void peer_kick(struct peer *p);
bool peer_room(const struct peer *p);
int peer_descriptor(const struct peer *p);

/* Lets what is queued go out, blocking up to `ms`; for a last word. */
void peer_drain(struct peer *p, int ms);

#endif
