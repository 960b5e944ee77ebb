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

/* A note, or, without bytes, an urgent byte. */
struct channel_side {
	struct channel_side *next;
	int number;
	uint64_t at;
	size_t size;
	unsigned char bytes[CHANNEL_SIDE_MAX];
};

struct channel {
	struct channel_options options;
	struct loop_source *source, *timer, *again;
	bool socket, nonblocking, read_only;
	bool open;   /* there is a way to the other end */
	bool synced; /* and it has said what it has */
	bool held, paused;
	bool finished;

	struct channel_ring out; /* begin: acknowledged */
	uint64_t sent;
	bool out_ended, end_sent;
	int out_code, end_acked; /* end_acked: 1: the end of the bytes, 2: and that it was no half-close */

	struct channel_ring in; /* begin: written to the descriptor */
	bool in_ended, in_done; /* the end has arrived; was passed on */
	bool unread;            /* nobody reads: what comes is thrown away */
	bool full;              /* of messages: the descriptor takes none now */
	uint64_t told;          /* acknowledged */
	int told_end;           /* as end_acked */
	int in_code;

	/* of a connection */
	bool local; /* a unix socket, which tells when its other side is closed */
	int failed; /* errno of a write */
	int broken;
	struct channel_side *sides_out, *sides_in;
	int side_made, side_seen, side_done; /* numbers: the last one from here, to here, and done with here */

	int code;
	char reason[PMIG_REASON_MAX];
};

int channel_ring_create(struct channel_ring *r, size_t capacity, uint64_t begin) PMIG_MUST_CHECK;
void channel_ring_put(struct channel_ring *r, const void *data, size_t size); /* there is room */
size_t channel_ring_space(struct channel_ring *r, unsigned char **ret_at);    /* free, behind the last byte, in a row */
const unsigned char *channel_ring_at(const struct channel_ring *r, uint64_t offset, size_t most,
	size_t *ret_size); /* in a row */
void channel_ring_drop(struct channel_ring *r, uint64_t begin);
void channel_ring_copy(const struct channel_ring *r, void *to);
void channel_ring_look(const struct channel_ring *r, uint64_t offset, void *to, size_t size); /* they are there */

/* Takes the descriptor and the rings, also on failure. */
int channel_make(const struct channel_options *options, struct channel_ring *out, struct channel_ring *in,
	struct channel **ret_channel) PMIG_MUST_CHECK;

/* A packet without bytes, where there is a way. */
void channel_note_put(struct channel *c, enum channel_word word, uint64_t offset, int code);

/* --- channel_connection.c --- */
ssize_t channel_connection_read(struct channel *c, void *to, size_t size);
void channel_connection_over(struct channel *c, ssize_t n, int number); /* a read has said so */
void channel_connection_unwritable(struct channel *c, int number);
void channel_connection_hung(struct channel *c); /* poll(2) has told of a hang-up, or an error */
short channel_connection_events(const struct channel *c, bool in, bool out);
ssize_t channel_connection_give(struct channel *c, const void *from, size_t size); /* -1 and errno */
void channel_connection_given(struct channel *c); /* all that has come was given, or not yet: what is due behind it */
void channel_connection_tell_again(struct channel *c);
void channel_connection_told(struct channel *c, int number);
int channel_connection_side(struct channel *c, const struct channel_packet *p) PMIG_MUST_CHECK;
void channel_sides_free(struct channel *c);

/* --- channel_message.c: as the functions of channel.c that they stand for do it with bytes --- */
bool channel_message_room(const struct channel *c);
int channel_message_take(struct channel *c);
ssize_t channel_message_give(struct channel *c);
void channel_message_rest(const struct channel *moved, struct channel *other); /* as channel_rest_write() */
bool channel_message_full(const struct channel *c); /* poll(2) will tell when it is not any more */
int channel_message_look(const struct channel *c, int fd, size_t most, unsigned char **ret_bytes,
	size_t *ret_size) PMIG_MUST_CHECK;

#endif
