/* channel_parts: what the files of a channel share among themselves; nobody else includes it. */
#ifndef PMIG_TRANSPORT_CHANNEL_PARTS_H
#define PMIG_TRANSPORT_CHANNEL_PARTS_H

#include "channel.h"

/* Bytes [begin, end) of a stream. */
struct channel_ring {
	unsigned char *bytes;
	size_t capacity, head; /* head: where `begin` lies */
	uint64_t begin, end;
};

struct channel {
	struct channel_options options;
	struct loop_source *source, *timer, *again;
	bool socket, nonblocking, read_only;
	bool open;   /* there is a way to the other end */
	bool synced; /* and it has said what it has */
	bool held;
	bool finished;

	struct channel_ring out; /* begin: acknowledged */
	uint64_t sent;
	bool out_ended, end_sent, end_acked;

	struct channel_ring in; /* begin: written to the descriptor */
	bool in_ended, in_done; /* the end has arrived; was passed on */
	bool unread;            /* nobody reads: what comes is thrown away */
	bool full;              /* of messages: the descriptor takes none now */
	uint64_t told;          /* acknowledged */
	bool told_end;

	int code;
	char reason[PMIG_REASON_MAX];
};

int channel_ring_create(struct channel_ring *r, size_t capacity, uint64_t begin) PMIG_MUST_CHECK;
void channel_ring_put(struct channel_ring *r, const void *data, size_t size); /* there is room */
void channel_ring_copy(const struct channel_ring *r, void *to);
void channel_ring_look(const struct channel_ring *r, uint64_t offset, void *to, size_t size); /* they are there */

/* Takes the descriptor and the rings, also on failure. */
int channel_make(const struct channel_options *options, struct channel_ring *out, struct channel_ring *in,
	struct channel **ret_channel) PMIG_MUST_CHECK;

/* --- channel_message.c: as the functions of channel.c that they stand for do it with bytes --- */
bool channel_message_room(const struct channel *c);
int channel_message_take(struct channel *c);
ssize_t channel_message_give(struct channel *c);
bool channel_message_full(const struct channel *c); /* poll(2) will tell when it is not any more */
int channel_message_look(const struct channel *c, int fd, size_t most, unsigned char **ret_bytes,
	size_t *ret_size) PMIG_MUST_CHECK;

#endif
