/* link: one connection between participants: frames in, frames out, nothing waits. Knows nothing of conversations. */
#ifndef PMIG_PEER_LINK_H
#define PMIG_PEER_LINK_H

#include "peer/frame.h"

#include <poll.h>
#include <stdbool.h>

struct link {
	int fd; /* -1: none */
	bool connecting;
	int64_t heard; /* when something came last, in milliseconds */
	uint8_t *in, *out;
	size_t in_start, in_end;
	size_t out_start, out_end;
};

/* Of the monotonic clock. */
int64_t pmig_peer_link_now(void);

/* Takes a connected or connecting socket that does not wait; PMIG_ENOMEM, and the socket stays the caller's. */
int pmig_peer_link_init(struct link *l, int fd, bool connecting);

/* Milliseconds that the other host may say nothing at all, its kernel included; < 0: for ever. The connection ends by itself where nothing is
 * under way; where something is, pmig_peer_link_is_silent() tells. */
void pmig_peer_link_watch(struct link *l, int silence);
bool pmig_peer_link_is_silent(const struct link *l, int silence);

/* Closes it; harmless if there is none. */
void pmig_peer_link_close(struct link *l);

/* While connecting: is it there? 1: yes; 0: not yet; < 0: it will not be. */
int pmig_peer_link_connected(struct link *l);

/* Reads what has come, or a part of it. < 0: the connection has ended; what came before can still be looked at. */
int pmig_peer_link_read(struct link *l);

/* The next frame that came, valid until the next call: > 0; 0: none; < 0: something else. */
int pmig_peer_link_next(struct link *l, struct frame *ret);

/* Can a frame with so many bytes be put now? */
bool pmig_peer_link_has_room(const struct link *l, size_t size);

/* Puts a frame; there is room. */
void pmig_peer_link_put(struct link *l, const struct frame *frame);

/* Sends what can be sent; < 0: the connection has ended. */
int pmig_peer_link_flush(struct link *l);

/* What to wait for. */
struct pollfd pmig_peer_link_poll(const struct link *l);

#endif
