/* channel: a byte stream in both directions between descriptors at two hosts, in packets that may be lost with a connection. Reliable,
 * flow-controlled, with half-close; it goes on where it was when the way is back, whoever carries the packets by then.
 *
 * Normal usage, at each end:
 *   1. channel_create() with a descriptor: what can be read there is sent, what comes is written there;
 *   2. channel_open() when the other end is there; channel_close() when the way to it is lost;
 *   3. channel_packet() for each packet that comes, channel_room() when the way takes bytes again;
 *   4. when `ended` is called, channel_destroy().
 * Who passes packets on uses channel_peek() only, and tells by CHANNEL_AGAIN what it could not pass on. The words from CHANNEL_OPEN on
 * are for it, and not for the ends.
 *
 * On the wire all channels share one stream, CHANNEL_STREAM, and one type, PACKET_DATA, since three parties would have to agree on
 * numbers otherwise: a payload begins with (little-endian) u64 number of the channel, u32 enum channel_word, i32 code; `offset` counts the
 * bytes of that direction. A sender keeps what is not acknowledged, CHANNEL_WINDOW at most: an acknowledged byte has been
 * written at the other end, so who does not read there stops who writes here. What comes with a gap before it is dropped; HAVE says
 * from where it is to be sent again (go-back-n). */
#ifndef PMIG_TRANSPORT_CHANNEL_H
#define PMIG_TRANSPORT_CHANNEL_H

#include "loop.h"
#include "packet.h"

#define CHANNEL_WINDOW (1u << 20) /* bytes under way in one direction */
#define CHANNEL_STREAM 8          /* the stream of all channels */
#define CHANNEL_HEAD 16
#define CHANNEL_ID_TEXT 17 /* a number as 16 hexadecimal digits */

enum channel_word {
	CHANNEL_DATA = 1, /* bytes at `offset` */
	CHANNEL_ACK,      /* the first `offset` bytes are with whom they are for */
	CHANNEL_END,      /* no more bytes than `offset` */
	CHANNEL_HAVE,     /* the first `offset` bytes have arrived: send again what follows */
	CHANNEL_AGAIN, /* who passes packets on could not: what follows `offset` is to be sent again, and nothing is left out */
	CHANNEL_FAILED, /* the other end is gone; `code`, 0: after it had everything; then the sentence */
	CHANNEL_SIDE, /* of a connection: the byte at `offset` is urgent, or, with bytes, a note for that place; `code`: its number, from 1 */
	CHANNEL_SIDED,   /* those up to number `code` are done with */
	CHANNEL_OPEN,    /* an accepted connection: channel_open.h */
	CHANNEL_REFUSED, /* it cannot be taken there: `code`, the sentence; `offset`: the epoch of the offer */
	CHANNEL_TAKES, /* in the place of a channel's number that of a listener: its program takes `code` more, after one was refused */
	CHANNEL_OVER, /* to home: this end of a connection had all; u64 reference; `code`: 1: the program's; `offset`: its bytes */
};

/* Of a connection: how its bytes ended, as the code of CHANNEL_END; negative: -errno, it broke. */
#define CHANNEL_SHUT 0   /* no more come; the other direction goes on */
#define CHANNEL_CLOSED 1 /* and nobody reads any more */

struct channel;

#define CHANNEL_SIDE_MAX 64 /* bytes of a note */
#define CHANNEL_SIDES 64    /* notes and urgent bytes under way in one direction */

/* An end that has messages with boundaries and not bytes; all calls return at once. */
#define CHANNEL_MESSAGE_MAX (420u << 10) /* bytes of one */
#define CHANNEL_ANSWER_MAX 512u
struct channel_messages {
	/* The next one from `fd` into `to`; with `peek` it stays there, and the next call gives the one behind it: SO_PEEK_OFF. Its bytes; 0:
	 * the end; -1 and errno. */
	ssize_t (*receive)(int fd, void *to, size_t size, bool peek);
	/* 0, also if it cannot be sent at all; -1 and errno: EAGAIN: later; else nobody takes any more. `answer`: room for a message that goes
	 * back at once; *ret_size: its bytes, 0 before the call. */
	int (*send)(int fd, const void *from, size_t size, void *answer, size_t *ret_size);
	size_t (*last)(int fd,
		void *to); /* NULL: none; when receive() has said the end: one more before it; its bytes, 0: none */
	bool polls;        /* POLLOUT tells when one can be sent again; else it is tried */
};

struct channel_options {
	struct loop *loop;
	uint64_t id;
	int fd;      /* a socket, a pipe, a terminal, a device; taken, also on failure */
	bool device; /* `fd` is no socket of our own: others may use it, or it has one direction only */
	const struct channel_messages *messages; /* NULL: bytes */
	bool connection; /* both ends are stream sockets: urgent bytes, notes, and how each direction ended, go along */
	void (*side)(void *context, const void *note, size_t size); /* the place of a note is reached */
	int (*put)(void *context,
		const struct packet *p); /* the way to the other end; < 0: it is lost, which is told elsewhere */
	bool (*room)(void *context);
	void (*ended)(void *context, int code); /* once, never from within a call of ours; < 0: with pmig_reason() */
	void *context;
};

int channel_create(const struct channel_options *options, struct channel **ret_channel) PMIG_MUST_CHECK;
void channel_destroy(struct channel *c); /* closes the descriptor; the other end is not told; NULL is fine */

/* The other end is there (again): tells it what has arrived, and sends what it has not. */
void channel_open(struct channel *c);
void channel_close(struct channel *c); /* nothing is sent until then */

/* The other end is new, or will be: nothing has been sent in either direction, and what is there goes at once. `answers`: it hears that
 * this one is there. */
void channel_begin(struct channel *c, bool answers);

/* Reads nothing more from the descriptor; what has been read goes on. */
void channel_pause(struct channel *c, bool pause);

/* What came through it has been taken by whoever reads at the other side of its unix socket. */
bool channel_taken(const struct channel *c);

/* Neither reads nor writes the descriptor while it is held. */
void channel_hold(struct channel *c, bool hold);

int channel_packet(struct channel *c, const struct packet *p) PMIG_MUST_CHECK; /* PMIG_EPROTOCOL */
void channel_room(struct channel *c);

/* Gives it up here and tells the other end pmig_reason(). `ended` is called. */
void channel_fail(struct channel *c, int code);

/* A note, in order with the bytes read so far; of a connection only. PMIG_EBUSY: too many are under way; PMIG_EINVAL. */
int channel_tell(struct channel *c, const void *note, size_t size) PMIG_MUST_CHECK;
int channel_broken(const struct channel *c); /* the errno with which the other end's connection broke; 0: it did not */

bool channel_has_ended(const struct channel *c); /* `ended` has been called, or will be */
uint64_t channel_id(const struct channel *c);
int channel_descriptor(const struct channel *c); /* borrowed */
uint64_t channel_bytes(const struct channel *c); /* in both directions so far */
bool channel_idle(const struct channel *c);      /* nothing is under way from here */

/* An end that is moved: all that is under way, as bytes of a memfd, with what `fd`, the other side of our socket, has not read yet. It is
 * held then, and nothing is taken from it: channel_hold(false) goes on as before, whether that was possible or not. channel_resume() makes
 * an end from that at another host. */
int channel_suspend(struct channel *c, int fd, int *ret_state) PMIG_MUST_CHECK;
int channel_resume(const struct channel_options *options, int state, struct channel **ret_channel) PMIG_MUST_CHECK;

uint64_t channel_state_id(int state); /* whose it is; 0: it is none */
/* Nothing is under way between the two ends, of which `moved` is not in use yet. */
bool channel_meets(const struct channel *moved, const struct channel *other);
/* Of a connection: how many bytes `moved` has sent that have not arrived at `other`, if nothing else is under way in either direction; else
 * SIZE_MAX. channel_rest_write() writes them, and their end, to the descriptor of `other`, which has room. */
size_t channel_rest(const struct channel *moved, const struct channel *other);
void channel_rest_write(const struct channel *moved, struct channel *other);

/* What a packet on CHANNEL_STREAM says. PMIG_EPROTOCOL. */
struct channel_packet {
	uint64_t id, offset;
	enum channel_word word;
	int code;
	const void *data;
	size_t size;
};
int channel_peek(const struct packet *p, struct channel_packet *ret_packet) PMIG_MUST_CHECK;

/* A packet of no bytes, or of a sentence (CHANNEL_FAILED; NULL: none), made in `buffer`. */
#define CHANNEL_NOTE_MAX (CHANNEL_HEAD + PMIG_REASON_MAX)
struct packet channel_note(uint64_t id, enum channel_word word, uint64_t offset, int code, const char *text,
	unsigned char buffer[CHANNEL_NOTE_MAX]);

void channel_id_text(uint64_t id, char ret_text[CHANNEL_ID_TEXT]);
uint64_t channel_id_parse(const char *text); /* 0: it is none */

#endif
