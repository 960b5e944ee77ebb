/* packet: frames on a byte stream; what arrives is hostile until length and checksum are right. */
#include "packet.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#define MAGIC 0x70676d70u /* "pmgp" */
#define FLAG_PACKED 1u    /* the payload is one zstd frame */

#define READ_AHEAD (1u << 20)
#define ROOM (2u << 20)
#define PENDING_MAX (16u << 20)
#define PACK_MIN 256u          /* smaller payloads are sent as they are */
#define PACK_PAUSE (16u << 20) /* bytes sent plain after a try that did not pay */
#define IOV_COUNT 16

struct header {
	uint32_t magic;
	uint8_t version;
	uint8_t type;
	uint8_t flags;
	uint8_t zero;
	uint16_t stream;
	uint16_t zero2;
	uint32_t length;
	uint64_t offset;
	uint64_t hash;
};
_Static_assert(sizeof(struct header) == PACKET_HEADER, "the header has no padding");

/* Which payloads a type carries; the table is what writer and reader check against. */
enum payload { PAYLOAD_NONE = 1, PAYLOAD_JSON, PAYLOAD_BYTES, PAYLOAD_HASH };
static const struct {
	enum payload payload;
	uint32_t max;
} types[] = {
	[PACKET_CONTROL] = {PAYLOAD_JSON, PACKET_JSON_MAX},
	[PACKET_DATA] = {PAYLOAD_BYTES, PACKET_MAX},
	[PACKET_ACK] = {PAYLOAD_NONE, 0},
	[PACKET_END] = {PAYLOAD_HASH, sizeof(XXH128_canonical_t)},
	[PACKET_OFFER] = {PAYLOAD_JSON, PACKET_JSON_MAX},
	[PACKET_HAVE] = {PAYLOAD_HASH, sizeof(XXH128_canonical_t)},
	[PACKET_DONE] = {PAYLOAD_NONE, 0},
	[PACKET_FAILED] = {PAYLOAD_JSON, PACKET_JSON_MAX},
	[PACKET_PROBE] = {PAYLOAD_BYTES, PACKET_MAX},
};
#define TYPES (sizeof types / sizeof *types)

static bool type_known(unsigned type)
{
	return type > 0 && type < TYPES;
}

/* A hash is there or not, but never half. */
static bool size_allowed(unsigned type, size_t size)
{
	if (size > types[type].max)
		return false;
	return types[type].payload != PAYLOAD_HASH || size == 0 || size == types[type].max;
}

static uint64_t checksum(const struct header *h, const void *payload, size_t size)
{
	/* Seeding the payload's hash with the header's makes one value of both without a streaming state. */
	return XXH3_64bits_withSeed(payload, size, XXH3_64bits(h, offsetof(struct header, hash)));
}

static void header_encode(struct header *h, const struct packet *p, unsigned flags, const void *payload, size_t length)
{
	*h = (struct header){
		.magic = htole32(MAGIC),
		.version = PACKET_VERSION,
		.type = (uint8_t)p->type,
		.flags = (uint8_t)flags,
		.stream = htole16(p->stream),
		.length = htole32((uint32_t)length),
		.offset = htole64(p->offset),
	};
	h->hash = htole64(checksum(h, payload, length));
}

/* Everything that can be known before the payload is there. */
static int header_decode(const void *bytes, struct header *ret_header)
{
	struct header h;
	memcpy(&h, bytes, sizeof h);
	uint32_t length = le32toh(h.length);
	if (le32toh(h.magic) != MAGIC)
		return error_set(PMIG_EPROTOCOL, "packet: this is not the pmig protocol (the stream begins with %08x)",
			le32toh(h.magic));
	if (h.version != PACKET_VERSION)
		return error_set(PMIG_EVERSION,
			"packet: the other side speaks version %u of pmig's protocol, this one version %u: use the same pmig at both ends; what "
			"was started by another one is attached to, moved and ended by that",
			h.version, PACKET_VERSION);
	if (!type_known(h.type))
		return error_set(PMIG_EPROTOCOL, "packet: type %u is not known here", h.type);
	if ((h.flags & ~FLAG_PACKED) != 0 || (h.flags != 0 && h.type != PACKET_DATA) || h.zero != 0 || h.zero2 != 0)
		return error_set(PMIG_EPROTOCOL, "packet: unknown flags %02x in type %u", h.flags, h.type);
	if (!size_allowed(h.type, length))
		return error_set(PMIG_EPROTOCOL, "packet: %u bytes are not allowed in type %u", length, h.type);
	*ret_header = h;
	return 0;
}

/* --- reading --- */

struct packet_reader {
	uint8_t *buffer;
	size_t capacity, begin, end;
	uint8_t *unpacked;
	ZSTD_DCtx *zstd;
	int dead; /* the error that ended it */
};

int packet_reader_create(struct packet_reader **ret_reader)
{
	struct packet_reader *r = calloc(1, sizeof *r);
	if (r == NULL)
		return error_set(PMIG_ENOMEM, "packet: not enough memory for a reader");
	r->capacity = PACKET_HEADER + PACKET_MAX + READ_AHEAD;
	r->buffer = malloc(r->capacity);
	r->unpacked = malloc(PACKET_MAX);
	r->zstd = ZSTD_createDCtx();
	if (r->buffer == NULL || r->unpacked == NULL || r->zstd == NULL) {
		packet_reader_destroy(r);
		return error_set(PMIG_ENOMEM, "packet: not enough memory for a reader");
	}
	*ret_reader = r;
	return 0;
}

void packet_reader_destroy(struct packet_reader *r)
{
	if (r == NULL)
		return;
	ZSTD_freeDCtx(r->zstd);
	free(r->unpacked);
	free(r->buffer);
	free(r);
}

/* How many bytes are missing to a whole packet; 0: there is one, or it is known to be bad. */
static size_t missing(const struct packet_reader *r)
{
	size_t have = r->end - r->begin;
	if (have < PACKET_HEADER)
		return PACKET_HEADER - have;
	struct header h;
	if (header_decode(r->buffer + r->begin, &h) < 0)
		return 0;
	size_t whole = PACKET_HEADER + le32toh(h.length);
	return whole > have ? whole - have : 0;
}

/* Makes room behind `end` for at least the packet that is incomplete. */
static size_t make_room(struct packet_reader *r, size_t need)
{
	if (r->begin == r->end) {
		r->begin = r->end = 0;
	} else if (r->capacity - r->end < need) {
		memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
		r->end -= r->begin;
		r->begin = 0;
	}
	return r->capacity - r->end;
}

int packet_reader_fill(struct packet_reader *r, int fd)
{
	if (r->dead < 0)
		return r->dead;
	size_t need = missing(r);
	if (need == 0)
		return 1;
	size_t room = make_room(r, need);
	ssize_t n;
	do
		n = read(fd, r->buffer + r->end, room);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		r->end += (size_t)n;
		return (size_t)n < room ? PACKET_READER_ALL : 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return error_errno(PMIG_EIO, errno, "packet: cannot read");
	if (r->begin != r->end)
		return error_set(PMIG_ECORRUPT, "packet: the stream ended within a packet");
	return error_set(PMIG_EGONE, "packet: the other side closed the stream");
}

int packet_reader_feed(struct packet_reader *r, const void *data, size_t size)
{
	if (r->dead < 0)
		return r->dead;
	size_t taken = 0, need;
	while (taken < size && (need = missing(r)) > 0) {
		size_t n = size - taken;
		if (n > need)
			n = need;
		(void)make_room(r, need);
		memcpy(r->buffer + r->end, (const uint8_t *)data + taken, n);
		r->end += n;
		taken += n;
	}
	return (int)taken;
}

static int unpack(struct packet_reader *r, const uint8_t *payload, size_t length, struct packet *ret_packet)
{
	unsigned long long size = ZSTD_getFrameContentSize(payload, length);
	if (size > PACKET_MAX) /* the two error values are the highest numbers */
		return error_set(PMIG_ECORRUPT, "packet: a packed payload does not say how long it is, or is too long");
	size_t n = ZSTD_decompressDCtx(r->zstd, r->unpacked, (size_t)size, payload, length);
	if (ZSTD_isError(n) || n != size)
		return error_set(PMIG_ECORRUPT, "packet: a packed payload is damaged");
	ret_packet->data = r->unpacked;
	ret_packet->size = n;
	return 0;
}

static int take(struct packet_reader *r, struct packet *ret_packet)
{
	struct header h;
	int rc = header_decode(r->buffer + r->begin, &h);
	if (rc < 0)
		return rc;
	const uint8_t *payload = r->buffer + r->begin + PACKET_HEADER;
	size_t length = le32toh(h.length);
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	if (checksum(&h, payload, length) != le64toh(h.hash))
		return error_set(PMIG_ECORRUPT, "packet: wrong checksum in a packet of %zu bytes", length);
#endif
	struct packet p = {
		.type = (enum packet_type)h.type,
		.stream = le16toh(h.stream),
		.offset = le64toh(h.offset),
		.data = payload,
		.size = length,
	};
	if (h.flags & FLAG_PACKED)
		rc = unpack(r, payload, length, &p);
	if (rc < 0)
		return rc;
	r->begin += PACKET_HEADER + length;
	*ret_packet = p;
	return 1;
}

int packet_reader_next(struct packet_reader *r, struct packet *ret_packet)
{
	if (r->dead < 0)
		return r->dead;
	if (missing(r) > 0)
		return 0;
	int rc = take(r, ret_packet);
	if (rc < 0)
		r->dead = rc;
	return rc;
}

/* jansson's own bound on depth is fit for files, not for strangers. */
static bool depth_allowed(const char *text, size_t size)
{
	unsigned depth = 0;
	bool string = false;
	for (size_t i = 0; i < size; i++) {
		char c = text[i];
		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '{' || c == '['))
			depth++;
		else if (!string && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > PACKET_JSON_DEPTH)
			return false;
	}
	return true;
}

int packet_get_json(const struct packet *p, json_t **ret_object)
{
	if (!type_known(p->type) || types[p->type].payload != PAYLOAD_JSON)
		return error_set(PMIG_EPROTOCOL, "packet: type %d carries no JSON", (int)p->type);
	if (p->size > PACKET_JSON_MAX || !depth_allowed(p->data, p->size))
		return error_set(PMIG_EPROTOCOL, "packet: a JSON text is too long or too deep");
	json_error_t e;
	json_t *object = json_loadb(p->data, p->size, JSON_REJECT_DUPLICATES, &e);
	if (object == NULL)
		return error_set(PMIG_EPROTOCOL, "packet: bad JSON: %s", e.text);
	if (!json_is_object(object)) {
		json_decref(object);
		return error_set(PMIG_EPROTOCOL, "packet: the JSON is not an object");
	}
	*ret_object = object;
	return 0;
}

/* --- writing --- */

struct node {
	struct node *next;
	size_t begin, end;
	uint8_t bytes[];
};

struct packet_writer {
	struct node *first, **last;
	size_t pending;
	bool pack, no_socket;
	size_t plain_left; /* bytes to send before packing is tried again */
	ZSTD_CCtx *zstd;
};

int packet_writer_create(enum packet_pack pack, struct packet_writer **ret_writer)
{
	struct packet_writer *w = calloc(1, sizeof *w);
	if (w == NULL)
		return error_set(PMIG_ENOMEM, "packet: not enough memory for a writer");
	w->last = &w->first;
	w->pack = pack == PACKET_PACK;
	if (w->pack && (w->zstd = ZSTD_createCCtx()) == NULL) {
		free(w);
		return error_set(PMIG_ENOMEM, "packet: not enough memory for a writer");
	}
	*ret_writer = w;
	return 0;
}

void packet_writer_destroy(struct packet_writer *w)
{
	if (w == NULL)
		return;
	for (struct node *n = w->first, *next; n != NULL; n = next) {
		next = n->next;
		free(n);
	}
	ZSTD_freeCCtx(w->zstd);
	free(w);
}

/* Packs into `target`, which holds as much as the payload; 0: it does not pay. */
static size_t pack(struct packet_writer *w, const struct packet *p, void *target)
{
	if (!w->pack || p->type != PACKET_DATA || p->size < PACK_MIN)
		return 0;
	if (w->plain_left > 0) {
		w->plain_left -= w->plain_left < p->size ? w->plain_left : p->size;
		return 0;
	}
	size_t n = ZSTD_compressCCtx(w->zstd, target, p->size, p->data, p->size, 1);
	if (!ZSTD_isError(n) && n < p->size - p->size / 10)
		return n;
	w->plain_left = PACK_PAUSE;
	return 0;
}

int packet_writer_put(struct packet_writer *w, const struct packet *p)
{
	if (!type_known(p->type) || !size_allowed(p->type, p->size))
		return error_set(PMIG_EINVAL, "packet: %zu bytes cannot be sent as type %d", p->size, (int)p->type);
	if (w->pending + PACKET_HEADER + p->size > PENDING_MAX)
		return error_set(PMIG_EBUSY, "packet: the other side does not read (%zu bytes wait)", w->pending);
	struct node *n = malloc(sizeof *n + PACKET_HEADER + p->size);
	if (n == NULL)
		return error_set(PMIG_ENOMEM, "packet: not enough memory for %zu bytes", p->size);
	uint8_t *payload = n->bytes + PACKET_HEADER;
	size_t length = pack(w, p, payload);
	unsigned flags = length > 0 ? FLAG_PACKED : 0;
	if (length == 0 && p->size > 0)
		memcpy(payload, p->data, length = p->size);
	struct header h;
	header_encode(&h, p, flags, payload, length);
	memcpy(n->bytes, &h, sizeof h);
	n->begin = 0;
	n->end = PACKET_HEADER + length;
	n->next = NULL;
	*w->last = n;
	w->last = &n->next;
	w->pending += n->end;
	return 0;
}

int packet_writer_put_json(struct packet_writer *w, enum packet_type type, uint16_t stream, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	if (text == NULL)
		return error_set(PMIG_EINVAL, "packet: this object cannot be written as JSON");
	struct packet p = {.type = type, .stream = stream, .data = text, .size = strlen(text)};
	int rc = depth_allowed(text, p.size) ? packet_writer_put(w, &p)
					     : error_set(PMIG_EINVAL, "packet: the JSON is too deep");
	free(text);
	return rc;
}

static ssize_t write_once(struct packet_writer *w, int fd, struct iovec *iov, size_t count)
{
	if (!w->no_socket) {
		struct msghdr m = {.msg_iov = iov, .msg_iovlen = count};
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (n >= 0 || errno != ENOTSOCK)
			return n;
		w->no_socket = true;
	}
	return writev(fd, iov, (int)count);
}

static void written(struct packet_writer *w, size_t size)
{
	w->pending -= size;
	while (size > 0) {
		struct node *n = w->first;
		size_t here = n->end - n->begin;
		if (size < here) {
			n->begin += size;
			return;
		}
		size -= here;
		w->first = n->next;
		free(n);
	}
	if (w->first == NULL)
		w->last = &w->first;
}

int packet_writer_flush(struct packet_writer *w, int fd)
{
	while (w->first != NULL) {
		struct iovec iov[IOV_COUNT];
		size_t count = 0;
		for (struct node *n = w->first; n != NULL && count < IOV_COUNT; n = n->next)
			iov[count++] = (struct iovec){.iov_base = n->bytes + n->begin, .iov_len = n->end - n->begin};
		ssize_t n = write_once(w, fd, iov, count);
		if (n >= 0)
			written(w, (size_t)n);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		else if (errno == EPIPE || errno == ECONNRESET)
			return error_set(PMIG_EGONE, "packet: the other side closed the stream");
		else if (errno != EINTR)
			return error_errno(PMIG_EIO, errno, "packet: cannot write");
	}
	return 1;
}

size_t packet_writer_pending(const struct packet_writer *w)
{
	return w->pending;
}

bool packet_writer_room(const struct packet_writer *w)
{
	return w->pending < ROOM;
}
