/* plain_relay: two connected stream sockets joined in both directions by splice(2): no byte comes into this process. Half-close becomes
 * half-close, a reset a reset, an urgent byte an urgent byte, and who does not read stops who writes. In the event loop, a bounded
 * amount at a time. After the splice relays of HAProxy; splice(2), tcp(7).
 *
 * Normal usage:
 *   1. plain_relay_create() with the client's socket and the way to the program;
 *   2. plain_relay_drain() when the program is frozen: nothing more is read from the client, and the way ends behind what was sent; the
 *      rest, and what the program had sent, is kept. `drained` gets both;
 *   3. plain_relay_destroy(), from `ended` or `drained` or at any time. */
#ifndef PMIG_TRANSPORT_PLAIN_RELAY_H
#define PMIG_TRANSPORT_PLAIN_RELAY_H

#include "loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAIN_KEPT_MAX (12u << 20) /* bytes that a drained one may have for one side */

struct plain_relay;

/* Bytes that come before all others of their direction, and whether nothing follows. */
struct plain_front {
	unsigned char *bytes; /* malloc(3); taken */
	size_t size;
	bool ended;
	bool urgent; /* the byte at `mark` */
	size_t mark;
};

struct plain_relay_options {
	struct loop *loop;
	int client, way; /* both taken, also on failure */
	struct plain_front to_program, to_client;
	void (*ended)(void *context,
		int code); /* both directions are over; code: 0, or the errno with which one of them broke */
	/* What has not gone to either yet (borrowed). to_program->ended: nothing more comes from the client. Negative `code`: the way broke. */
	void (*drained)(void *context, int code, const struct plain_front *to_program, const struct plain_front *to_client);
	void *context;
};

int plain_relay_create(const struct plain_relay_options *o, struct plain_relay **ret) PMIG_MUST_CHECK;
void plain_relay_destroy(struct plain_relay *r); /* NULL is fine; closes both */
bool plain_relay_drain(struct plain_relay
		*r);            /* false: it is over, and `ended` will be called; else `drained`, perhaps at once */
void plain_relay_reset(int fd); /* its peer finds a reset when it is closed */
void plain_relay_abort(struct plain_relay *r);           /* both peers find a reset when it is destroyed */
uint64_t plain_relay_bytes(const struct plain_relay *r); /* in both directions so far */

/* What every way wants: no delay, and patience of some minutes with a network that is gone. */
void plain_relay_tune(int way);

/* Before it connects, or listens: what it may have received and not given is well below PLAIN_KEPT_MAX, however this host is set up. */
void plain_relay_bound(int way);

#endif
