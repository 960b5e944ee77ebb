/* packet: framing, checksums and multiplexing on a byte stream between supervisor and agent.
 *
 * Normal usage, in an event loop with a non-blocking descriptor:
 *   reading: packet_reader_fill(r, fd), then packet_reader_next() until it returns 0;
 *   writing: packet_writer_put() or packet_writer_put_json(), then packet_writer_flush(w, fd) now and whenever fd is
 * writable
 *   while packet_writer_pending() > 0; producers of bulk data stop while packet_writer_room() is false.
 *
 * On the wire (little-endian, PACKET_HEADER bytes, then `length` bytes of payload):
 *    0 u32 magic   4 u8 version   5 u8 type   6 u8 flags   7 u8 0   8 u16 stream  10 u16 0  12 u32 length
 *   16 u64 offset  24 u64 xxh3-64 of the payload as sent, seeded with the xxh3-64 of header bytes 0..23
 * A packet of another magic, version, unknown type or flag, wrong checksum or excessive length ends the conversation
 * (PMIG_EPROTOCOL, PMIG_EVERSION, PMIG_ECORRUPT): there is no resynchronisation, a session is opened anew and bulk
 * streams resume at their offsets. */
#ifndef PMIG_TRANSPORT_PACKET_H
#define PMIG_TRANSPORT_PACKET_H

#include "runtime/base/error.h"

#include <jansson.h>
#include <stdint.h>

#define PACKET_MAX (1u << 20) /* payload bytes, packed and unpacked */
#define PACKET_HEADER 32
#ifndef PACKET_VERSION   /* a test is built with another one */
#define PACKET_VERSION 2 /* 1: connections came in by JSON */
#endif
#define PACKET_JSON_MAX (256u << 10) /* bytes of a JSON payload */
#define PACKET_JSON_DEPTH 16
#define PACKET_STREAM_CONTROL 0 /* the stream that is always there; others are numbered by whoever opens them */

enum packet_type {
	PACKET_CONTROL = 1, /* a JSON object: requests, answers, events */
	PACKET_DATA,        /* bytes at `offset` of a stream */
	PACKET_ACK,         /* `offset` bytes of a stream have arrived; no payload */
	PACKET_END,         /* the stream ends at `offset`; payload: bulk: its xxh3-128 (16 bytes), else empty */
	PACKET_OFFER,       /* bulk: a JSON object that describes what is to be sent */
	PACKET_HAVE,        /* bulk: `offset` bytes are there from an earlier try; payload: their xxh3-128 */
	PACKET_DONE,        /* bulk: checked and durable; no payload */
	PACKET_FAILED,      /* bulk: a JSON object {code, reason}: the stream is given up */
	PACKET_PROBE,       /* bytes that mean nothing, never packed; the agent sends `offset` back, without them */
};

struct packet {
	enum packet_type type;
	uint16_t stream;
	uint64_t offset;
	const void *data; /* read: unpacked, borrowed until the next call on the reader; write: copied */
	size_t size;
};

/* Reading. The reader holds at most one packet and what was read ahead (2 MiB). */
struct packet_reader;
int packet_reader_create(struct packet_reader **ret_reader) PMIG_MUST_CHECK;
void packet_reader_destroy(struct packet_reader *r); /* NULL is fine */

/* Reads once from `fd`. 1: got something; PACKET_READER_ALL: that was all there was; 0: nothing there now (EAGAIN); PMIG_EGONE: end of file, after whole packets;
 * PMIG_ECORRUPT: end of file in the middle of a packet; PMIG_EIO. Never reads when a whole packet waits (returns 1):
 * call _next first. */
#define PACKET_READER_ALL 2
int packet_reader_fill(struct packet_reader *r, int fd) PMIG_MUST_CHECK;

/* As fill, from memory: takes up to `size` bytes and returns how many; less than `size` only while a whole packet waits. */
int packet_reader_feed(struct packet_reader *r, const void *data, size_t size) PMIG_MUST_CHECK;

/* 1: *ret_packet is the next packet; 0: more bytes are needed; after an error the reader is dead and repeats it. */
int packet_reader_next(struct packet_reader *r, struct packet *ret_packet) PMIG_MUST_CHECK;

/* The object of a control, offer or failed packet; the caller owns it. PMIG_EPROTOCOL when it is not an object within
 * the bounds. */
int packet_get_json(const struct packet *p, json_t **ret_object) PMIG_MUST_CHECK;

/* Writing. */
enum packet_pack {
	PACKET_PLAIN = 1,
	PACKET_PACK, /* zstd level 1 while it pays: tried on the first data, kept below 0.9, tried again after every 16 MiB */
};
struct packet_writer;
int packet_writer_create(enum packet_pack pack, struct packet_writer **ret_writer) PMIG_MUST_CHECK;
void packet_writer_destroy(struct packet_writer *w); /* NULL is fine; what is pending is lost */

/* Queues a packet. Errors: PMIG_EINVAL (type, size), PMIG_EBUSY (16 MiB are pending: the other side does not read),
 * PMIG_ENOMEM. */
int packet_writer_put(struct packet_writer *w, const struct packet *p) PMIG_MUST_CHECK;

/* Queues `object` (borrowed) as a packet of `type` (control, offer, failed). */
int packet_writer_put_json(struct packet_writer *w, enum packet_type type, uint16_t stream,
	const json_t *object) PMIG_MUST_CHECK;

/* Writes what `fd` takes. 1: nothing is pending; 0: something is; PMIG_EGONE: the other side closed; PMIG_EIO. */
int packet_writer_flush(struct packet_writer *w, int fd) PMIG_MUST_CHECK;

size_t packet_writer_pending(const struct packet_writer *w);
bool packet_writer_room(const struct packet_writer *w); /* bulk data may be queued: less than 2 MiB pending */

#endif
