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
	struct loop_source *source, *timer;
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
	uint64_t told;          /* acknowledged */
	bool told_end;

	int code;
	char reason[PMIG_REASON_MAX];
};

int channel_ring_create(struct channel_ring *r, size_t capacity, uint64_t begin) PMIG_MUST_CHECK;
void channel_ring_put(struct channel_ring *r, const void *data, size_t size); /* there is room */
void channel_ring_copy(const struct channel_ring *r, void *to);

/* Takes the descriptor and the rings, also on failure. */
int channel_make(const struct channel_options *options, struct channel_ring *out, struct channel_ring *in,
	struct channel **ret_channel) PMIG_MUST_CHECK;

#endif
