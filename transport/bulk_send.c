/* bulk_send: offers a file, sends it from where the receiver stands, within the window. */
#include "bulk_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bulk_send {
	struct bulk_send_options options;
	char *name, *kind;
	bool complete;
	bool agreed; /* the receiver has said what it has, or is known to have nothing */
	bool eager;  /* what it says is of no interest */
	bool end_queued;
	uint64_t next;                       /* offset of what is read next; `hash` covers everything before */
	uint64_t acknowledged, queued, size; /* size: known once complete */
	struct bulk_hash hash;
	uint8_t buffer[BULK_CHUNK];
};

static uint64_t total(const struct bulk_send *s)
{
	return s->complete ? s->size : BULK_SIZE_UNKNOWN;
}

static int learn_size(struct bulk_send *s)
{
	off_t size = lseek(s->options.fd, 0, SEEK_END);
	if (size < 0)
		return error_errno(PMIG_EIO, errno, "%s: cannot find out its size", s->name);
	s->size = (uint64_t)size;
	return 0;
}

static int offer(struct bulk_send *s)
{
	json_t *o = json_pack("{s:s, s:s}", "name", s->name, "kind", s->kind);
	if (o == NULL)
		return error_set(PMIG_EINVAL, "bulk: name or kind is no text");
	if (s->complete)
		(void)json_object_set_new(o, "size", json_integer((json_int_t)s->size));
	int rc = packet_writer_put_json(s->options.writer, PACKET_OFFER, s->options.stream, o);
	json_decref(o);
	return rc;
}

int bulk_send_create(const struct bulk_send_options *options, struct bulk_send **ret_send)
{
	struct bulk_send *s = calloc(1, sizeof *s);
	if (s == NULL || (s->name = strdup(options->name)) == NULL || (s->kind = strdup(options->kind)) == NULL ||
		bulk_hash_init(&s->hash) < 0) {
		bulk_send_destroy(s);
		return error_set(PMIG_ENOMEM, "bulk: not enough memory");
	}
	s->options = *options;
	s->complete = !options->growing;
	int rc = s->complete ? learn_size(s) : 0;
	if (rc >= 0 && options->writer != NULL)
		rc = offer(s);
	s->agreed = s->eager = options->eager && options->writer != NULL;
	if (rc < 0) {
		bulk_send_destroy(s);
		return rc;
	}
	*ret_send = s;
	return 0;
}

void bulk_send_destroy(struct bulk_send *s)
{
	if (s == NULL)
		return;
	bulk_hash_finish(&s->hash);
	free(s->name);
	free(s->kind);
	free(s);
}

void bulk_send_complete(struct bulk_send *s)
{
	if (!s->complete && learn_size(s) >= 0)
		s->complete = true;
}

int bulk_send_attach(struct bulk_send *s, struct packet_writer *writer, uint16_t stream)
{
	s->options.writer = writer;
	s->options.stream = stream;
	s->agreed = s->eager = s->end_queued = false;
	return writer != NULL ? offer(s) : 0;
}

/* 0 bytes: the end as of now. */
static ssize_t read_at(struct bulk_send *s, size_t size, uint64_t offset)
{
	ssize_t n;
	do
		n = pread(s->options.fd, s->buffer, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_errno(PMIG_EIO, errno, "%s: cannot read", s->name) : n;
}

/* The receiver has `offset` bytes: if they are ours, go on behind them. */
static int agree(struct bulk_send *s, const struct packet *p)
{
	uint8_t digest[BULK_HASH_SIZE];
	bulk_hash_reset(&s->hash);
	s->next = 0;
	while (s->next < p->offset) {
		uint64_t left = p->offset - s->next;
		ssize_t n = read_at(s, left < sizeof s->buffer ? (size_t)left : sizeof s->buffer, s->next);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		bulk_hash_add(&s->hash, s->buffer, (size_t)n);
		s->next += (uint64_t)n;
	}
	bulk_hash_digest(&s->hash, digest);
	if (s->next != p->offset || p->size != sizeof digest || memcmp(digest, p->data, sizeof digest) != 0) {
		bulk_hash_reset(&s->hash);
		s->next = 0;
	}
	s->acknowledged = s->next;
	s->agreed = true;
	return 0;
}

static void report(const struct bulk_send *s)
{
	if (s->options.progress != NULL)
		s->options.progress(s->options.context, s->acknowledged, total(s));
}

int bulk_send_packet(struct bulk_send *s, const struct packet *p)
{
	switch (p->type) {
	case PACKET_HAVE:
		if (s->eager) { /* it begins anew with our first byte */
			s->eager = false;
			return 0;
		}
		if (s->agreed || (p->size == 0 && p->offset != 0))
			break;
		int rc = agree(s, p);
		report(s);
		return rc;
	case PACKET_ACK:
		if (!s->agreed && s->options.again)
			return 0;
		if (!s->agreed || p->offset > s->next || p->offset < s->acknowledged)
			break;
		s->acknowledged = p->offset;
		report(s);
		return 0;
	case PACKET_DONE:
		if (!s->end_queued)
			break;
		s->acknowledged = s->next;
		return 1;
	case PACKET_FAILED:
		return bulk_failure(p, s->name);
	default:
		break;
	}
	return error_set(PMIG_EPROTOCOL, "%s: packet type %d makes no sense here", s->name, (int)p->type);
}

static int put(struct bulk_send *s, enum packet_type type, uint64_t offset, const void *data, size_t size)
{
	struct packet p = {.type = type, .stream = s->options.stream, .offset = offset, .data = data, .size = size};
	return packet_writer_put(s->options.writer, &p);
}

static int put_end(struct bulk_send *s)
{
	uint8_t digest[BULK_HASH_SIZE];
	if (s->next != s->size)
		return error_set(PMIG_EIO, "%s: it has become shorter while it was sent", s->name);
	bulk_hash_digest(&s->hash, digest);
	int rc = put(s, PACKET_END, s->next, digest, sizeof digest);
	s->end_queued = rc >= 0;
	return rc < 0 ? rc : 1;
}

int bulk_send_pump(struct bulk_send *s)
{
	if (s->options.writer == NULL || !s->agreed)
		return 0;
	while (!s->end_queued && packet_writer_room(s->options.writer) && s->next - s->acknowledged < BULK_WINDOW) {
		uint64_t left = s->complete ? s->size - s->next : sizeof s->buffer;
		ssize_t n = left == 0 ? 0 : read_at(s, left < sizeof s->buffer ? (size_t)left : sizeof s->buffer, s->next);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return s->complete ? put_end(s) : 0;
		int rc = put(s, PACKET_DATA, s->next, s->buffer, (size_t)n);
		if (rc < 0)
			return rc;
		bulk_hash_add(&s->hash, s->buffer, (size_t)n);
		s->next += (uint64_t)n;
		s->queued += (uint64_t)n;
	}
	return s->end_queued ? 1 : 0;
}

uint64_t bulk_send_acknowledged(const struct bulk_send *s)
{
	return s->acknowledged;
}

uint64_t bulk_send_queued(const struct bulk_send *s)
{
	return s->queued;
}
