/* bulk: sends a file as a stream that survives lost sessions, and makes it durable at the other side before saying so.
 *
 *   sender                              receiver
 *   OFFER {name, kind, size}      ->
 *                                 <-    HAVE offset, xxh3-128 of what is there (0 at first)
 *   DATA at offset ...            ->
 *                                 <-    ACK offset (arrived; opens the window)
 *   END offset, xxh3-128 of all   ->
 *                                 <-    DONE (checked, fsync'd, renamed, directory fsync'd) or FAILED {code, reason}
 *
 * If the prefix that the receiver has is not that of the sender, the sender begins at 0 and the receiver forgets its own.
 * Both ends are pure with respect to the connection: they queue packets in a packet_writer and are handed the packets
 * of their stream. After a lost session: bulk_send_attach() with the new writer; at the receiver the sender's new OFFER
 * finds the partial file by name. */
#ifndef PMIG_TRANSPORT_BULK_H
#define PMIG_TRANSPORT_BULK_H

#include "packet.h"

#include <sys/types.h>

#define BULK_SIZE_UNKNOWN UINT64_MAX
#define BULK_NAME_MAX 128 /* letters, digits and ._+- only, not beginning with a dot */
#define BULK_CHUNK (256u << 10)
#define BULK_WINDOW (8u << 20)

/* Called after every ACK or piece; total is BULK_SIZE_UNKNOWN while it grows. */
typedef void bulk_progress(void *context, uint64_t done, uint64_t total);

/* --- sending --- */
struct bulk_send_options {
	int fd;                       /* read with pread() from 0; borrowed until destroyed; only appended to meanwhile */
	bool growing;                 /* somebody still writes: ends when bulk_send_complete() was called */
	bool eager;                   /* the receiver has nothing of it: the bytes follow the OFFER at once */
	bool again;                   /* offered before on this stream: that may still be acknowledged */
	const char *name;             /* what the receiver may call it; copied */
	const char *kind;             /* "image", "program", "library", ...; copied */
	struct packet_writer *writer; /* borrowed until detached or destroyed */
	uint16_t stream;
	bulk_progress *progress; /* NULL: none */
	void *context;
};
struct bulk_send;

int bulk_send_create(const struct bulk_send_options *options,
	struct bulk_send **ret_send) PMIG_MUST_CHECK; /* queues the OFFER */
void bulk_send_destroy(struct bulk_send *s);          /* NULL is fine */

/* Hands it a packet of its stream. 1: DONE; 0: goes on; the code of the receiver's FAILED, or PMIG_EPROTOCOL. */
int bulk_send_packet(struct bulk_send *s, const struct packet *p) PMIG_MUST_CHECK;

/* Queues as much as window and writer allow: call after packets, after flushing, and when a growing file has grown.
 * 1: everything incl. END is queued; 0: more later; PMIG_EIO (reading). */
int bulk_send_pump(struct bulk_send *s) PMIG_MUST_CHECK;

/* The growing file has reached its final size. */
void bulk_send_complete(struct bulk_send *s);

/* The session is lost (writer NULL), or there is a new one: offers again. */
int bulk_send_attach(struct bulk_send *s, struct packet_writer *writer, uint16_t stream) PMIG_MUST_CHECK;

uint64_t bulk_send_acknowledged(const struct bulk_send *s);
/* Data bytes that were queued, those sent twice included: what a resumption saved can be seen here. */
uint64_t bulk_send_queued(const struct bulk_send *s);

/* --- receiving --- */
enum bulk_stage { BULK_FIRST, BULK_LAST, BULK_WRITTEN, BULK_SYNCED, BULK_RENAMED, BULK_STAGES };

struct bulk_offer {
	char name[BULK_NAME_MAX];
	char kind[BULK_NAME_MAX];
	uint64_t size; /* or BULK_SIZE_UNKNOWN */
};

/* What a PACKET_OFFER says; names are checked (no path can be made of them). Errors: PMIG_EPROTOCOL. */
int bulk_offer_get(const struct packet *p, struct bulk_offer *ret_offer) PMIG_MUST_CHECK;

struct bulk_receive_options {
	int directory;                /* open directory; borrowed until destroyed */
	const char *name;             /* under which it appears when durable; until then NAME.part; copied */
	mode_t mode;                  /* of the file; 0: 0600 */
	bool passing;                 /* it only passes: nothing is synced */
	uint64_t limit;               /* bytes that are accepted at most; 0: no bound but the disk */
	const char *const *faults;    /* BULK_STAGES names of fault points (fault.h); NULL: none; borrowed */
	struct packet_writer *writer; /* borrowed until destroyed */
	uint16_t stream;
	bulk_progress *progress;
	void *context;
};
struct bulk_receive;

/* Opens or resumes NAME.part and queues HAVE. `offer`: what came. A size that the disk cannot hold is refused at once:
 * PMIG_ENOSPC. On failure the caller answers with bulk_refuse(). PMIG_EBUSY: another receiver holds NAME.part. */
int bulk_receive_create(const struct bulk_receive_options *options, const struct bulk_offer *offer,
	struct bulk_receive **ret_receive) PMIG_MUST_CHECK;
void bulk_receive_destroy(struct bulk_receive *r); /* keeps NAME.part for a later try; NULL is fine */
void bulk_receive_discard(struct bulk_receive *r); /* destroys and removes NAME.part */

/* Hands it a packet of its stream. 1: the file is complete, checked and durable under its name, DONE is queued; 0: goes on;
 * PMIG_ECORRUPT (hash), PMIG_ENOSPC, PMIG_EIO, PMIG_EPROTOCOL: FAILED is queued, NAME.part is removed. */
int bulk_receive_packet(struct bulk_receive *r, const struct packet *p) PMIG_MUST_CHECK;

uint64_t bulk_receive_size(const struct bulk_receive *r);
const char *bulk_receive_hash(const struct bulk_receive *r); /* 32 hex digits once complete; borrowed */

/* Queues FAILED with `code` and this thread's reason. */
int bulk_refuse(struct packet_writer *w, uint16_t stream, int code) PMIG_MUST_CHECK;

#endif
