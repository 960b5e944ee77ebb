/* frame: what two participants say to each other, as bytes; the only file that knows the format.
 *
 * A frame is a header of 16 bytes and a body: 'p' 'P', version, type, size of the body (32 bits), a number (64 bits), all in
 * network byte order. What each type has as its number and its body stands in frame.c, in one table with its bounds. */
#ifndef PMIG_PEER_FRAME_H
#define PMIG_PEER_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum frame_type {
	FRAME_CALL = 1, /* the first word of who calls */
	FRAME_ANSWER,   /* of who listens: the conversation goes on, or begins */
	FRAME_CONFIRM,  /* of who calls: it is the one that it says */
	FRAME_STALE,    /* of who calls: it has seen a later epoch of you */
	FRAME_REFUSE,   /* of who listens: no, and why */
	FRAME_DATA,     /* bytes of the stream */
	FRAME_ACK,      /* bytes that were read */
	FRAME_END,      /* there are no more bytes */
	FRAME_MOVED,    /* of who listens: I am elsewhere */
	FRAME_PING,     /* say anything */
	FRAME_BYE,      /* I know nothing more of this conversation */
	FRAME_LAST = FRAME_BYE
};

enum {
	FRAME_VERSION = 1,
	FRAME_HEADER = 16,
	FRAME_TEXT = 1024, /* bytes of a text at most */
	FRAME_DATA_MOST = 32768,
	FRAME_MOST = FRAME_HEADER + FRAME_DATA_MOST /* the longest one */
};

#define FRAME_ID 16 /* of a conversation, a nonce, a key */

struct frame {
	enum frame_type type;
	uint64_t number;
	const uint8_t *body;
	size_t size;
};

/* Bodies of the beginning. */
struct frame_call {
	uint8_t id[FRAME_ID]; /* zeros: a new conversation */
	uint8_t nonce[FRAME_ID];
	uint64_t window;
	uint64_t seen; /* the highest epoch of the other */
};

struct frame_answer {
	uint8_t id[FRAME_ID];
	uint8_t key[FRAME_ID]; /* a new conversation's; otherwise the token of the server's epoch, 64 bits, and zeros */
	uint8_t nonce[FRAME_ID];
	uint64_t proof; /* 0 for a new one */
	uint64_t received, window;
	char addresses[FRAME_TEXT + 1];
};

struct frame_confirm {
	uint64_t proof, received;
};

/* The frame at the beginning of `bytes`, whose body stays there. Returns its whole size; 0: not all of it is there yet; < 0: that is none
 * (magic, type, size out of the bounds of its type), PMIG_EVERSION for one of another version. */
int pmig_peer_frame_look(const uint8_t *bytes, size_t size, struct frame *ret);

/* Writes a frame to `to`, which has room for FRAME_HEADER + size; returns its whole size. */
size_t pmig_peer_frame_put(uint8_t *to, const struct frame *frame);

/* Bodies: _put() returns the size, of at most FRAME_BODY_MOST; _get() < 0 where a text in it is none. */
enum { FRAME_BODY_MOST = 80 + FRAME_TEXT };
size_t pmig_peer_frame_call_put(uint8_t *to, const struct frame_call *call);
void pmig_peer_frame_call_get(const struct frame *frame, struct frame_call *ret);
size_t pmig_peer_frame_answer_put(uint8_t *to, const struct frame_answer *answer);
int pmig_peer_frame_answer_get(const struct frame *frame, struct frame_answer *ret);
size_t pmig_peer_frame_confirm_put(uint8_t *to, const struct frame_confirm *confirm);
void pmig_peer_frame_confirm_get(const struct frame *frame, struct frame_confirm *ret);
size_t pmig_peer_frame_number_put(uint8_t *to, uint64_t number);
uint64_t pmig_peer_frame_number_get(const struct frame *frame);

/* A body that is text, of printable characters; `ret` has room for FRAME_TEXT + 1. < 0: it is not. */
int pmig_peer_frame_text_get(const uint8_t *bytes, size_t size, char *ret);

#endif
