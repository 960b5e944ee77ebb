/* flow: one direction of a conversation: numbered bytes that are kept until they were read at the other side. Pure: no I/O, no clock.
 *
 *   sender                                        receiver
 *   acked <= sent <= highest <= end               read <= received
 *
 * Over a new connection the sender goes back to what the receiver says it has; what comes twice is dropped there. */
#ifndef PMIG_PEER_FLOW_H
#define PMIG_PEER_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_out {
	uint8_t *ring;
	size_t room;
	size_t window;    /* what the other wants to have under way at most */
	uint64_t acked;   /* read by the other */
	uint64_t sent;    /* over this connection */
	uint64_t highest; /* over any connection */
	uint64_t end;     /* written by the program */
	bool ended;       /* there will be no more */
	bool end_acked;
};

struct flow_in {
	uint8_t *ring;
	size_t room;
	uint64_t read; /* by the program */
	uint64_t received;
	bool ended; /* at `received` */
	bool end_read;
};

/* Room for `room` bytes; PMIG_ENOMEM. */
int pmig_peer_flow_out_init(struct flow_out *f, size_t room);
int pmig_peer_flow_in_init(struct flow_in *f, size_t room);
void pmig_peer_flow_out_finish(struct flow_out *f);
void pmig_peer_flow_in_finish(struct flow_in *f);

/* How many bytes more fit. */
size_t pmig_peer_flow_room(const struct flow_out *f);

/* Takes as many bytes as fit; returns how many. */
size_t pmig_peer_flow_put(struct flow_out *f, const void *bytes, size_t size);

/* The next bytes to send over this connection, in one piece of at most `most`; *ret_offset is that of the first. Returns how many, and
 * takes them for sent. */
size_t pmig_peer_flow_next(struct flow_out *f, size_t most, uint64_t *ret_offset, const uint8_t **ret_bytes);

/* The other has read so many, its end counting as one more. PMIG_EPROTOCOL: more than were ever sent. */
int pmig_peer_flow_acked(struct flow_out *f, uint64_t number);

/* A new connection: the other has received so many. PMIG_EPROTOCOL: more than were ever sent. Less than it has acknowledged: as if it were
 * that, or, where that cannot be (`strict`), PMIG_ESTALE: it went back. */
int pmig_peer_flow_rewind(struct flow_out *f, uint64_t received, bool strict);

/* Bytes came. PMIG_EPROTOCOL: a gap, more than there is room for, or behind the end. */
int pmig_peer_flow_came(struct flow_in *f, uint64_t offset, const uint8_t *bytes, size_t size);

/* The end came, at that offset. PMIG_EPROTOCOL: it is somewhere else. */
int pmig_peer_flow_end_came(struct flow_in *f, uint64_t offset);

/* Hands out up to `size` bytes; returns how many. With none left behind the end, 0, and the end has been read. */
size_t pmig_peer_flow_read(struct flow_in *f, void *bytes, size_t size);

/* What is to be acknowledged. */
uint64_t pmig_peer_flow_ack(const struct flow_in *f);

#endif
