/* channel: one end of a byte stream that survives lost connections: what was not acknowledged is kept and sent again. */
#include "channel_parts.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (64u << 10)
#define PIECE_BLOCKING 512u       /* where a write could block: what poll() promises for a terminal or a pipe */
#define ROUNDS 16                 /* pieces at once, then others get their turn */
#define TELL (CHANNEL_WINDOW / 8) /* acknowledged every so many bytes, and at the end */

/* --- packets --- */

static void put_head(unsigned char *to, uint64_t id, enum channel_word word, int code)
{
	uint64_t a = htole64(id);
	uint32_t b = htole32((uint32_t)word), d = htole32((uint32_t)code);
	memcpy(to, &a, sizeof a);
	memcpy(to + 8, &b, sizeof b);
	memcpy(to + 12, &d, sizeof d);
}

int channel_peek(const struct packet *p, struct channel_packet *ret_packet)
{
	uint64_t id;
	uint32_t word, code;
	if (p->type != PACKET_DATA || p->size < CHANNEL_HEAD)
		return error_set(PMIG_EPROTOCOL, "channel: packet %d with %zu bytes", (int)p->type, p->size);
	const unsigned char *bytes = p->data;
	memcpy(&id, bytes, sizeof id);
	memcpy(&word, bytes + 8, sizeof word);
	memcpy(&code, bytes + 12, sizeof code);
	word = le32toh(word);
	bool plain = (word >= CHANNEL_ACK && word <= CHANNEL_AGAIN) || word == CHANNEL_SIDED || word == CHANNEL_TAKES;
	if (word < CHANNEL_DATA || word > CHANNEL_OVER || (plain && p->size != CHANNEL_HEAD))
		return error_set(PMIG_EPROTOCOL, "channel: word %u with %zu bytes", word, p->size);
	*ret_packet = (struct channel_packet){.id = le64toh(id),
		.offset = p->offset,
		.word = (enum channel_word)word,
		.code = (int)(int32_t)le32toh(code),
		.data = bytes + CHANNEL_HEAD,
		.size = p->size - CHANNEL_HEAD};
	return 0;
}

struct packet channel_note(uint64_t id, enum channel_word word, uint64_t offset, int code, const char *text,
	unsigned char buffer[CHANNEL_NOTE_MAX])
{
	size_t size = text != NULL ? strnlen(text, PMIG_REASON_MAX) : 0;
	put_head(buffer, id, word, code);
	if (size > 0)
		memcpy(buffer + CHANNEL_HEAD, text, size);
	return (struct packet){
		.type = PACKET_DATA, .stream = CHANNEL_STREAM, .offset = offset, .data = buffer, .size = CHANNEL_HEAD + size};
}

void channel_id_text(uint64_t id, char ret_text[CHANNEL_ID_TEXT])
{
	(void)snprintf(ret_text, CHANNEL_ID_TEXT, "%016" PRIx64, id);
}

uint64_t channel_id_parse(const char *text)
{
	if (strlen(text) != CHANNEL_ID_TEXT - 1 || strspn(text, "0123456789abcdef") != CHANNEL_ID_TEXT - 1)
		return 0;
	return strtoull(text, NULL, 16);
}

/* --- life --- */

static void on_finished(void *context)
{
	struct channel *c = context;
	if (c->code < 0)
		(void)error_set(c->code, "%s", c->reason);
	c->options.ended(c->options.context, c->code);
}

static void finish(struct channel *c, int code)
{
	if (c->finished)
		return;
	if (c->options.connection && c->in_done && c->out_ended) /* both directions have ended: nothing is lost */
		code = 0;
	c->finished = true;
	c->code = code;
	if (code < 0) {
		(void)snprintf(c->reason, sizeof c->reason, "%s", pmig_reason());
		if (c->socket &&
			!c->options.connection) /* a reset, where a connection knows that, and not an end as any other */
			(void)setsockopt(c->options.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
				sizeof(struct linger));
	}
	loop_watch(c->source, 0);
	if (loop_soon(c->options.loop, on_finished, c, &c->timer) < 0)
		abort(); /* forty bytes: nothing can be told to anybody any more */
}

static void note(struct channel *c, enum channel_word word, uint64_t offset, int code, const char *text)
{
	unsigned char buffer[CHANNEL_NOTE_MAX];
	struct packet p = channel_note(c->options.id, word, offset, code, text, buffer);
	if (c->open)
		(void)c->options.put(c->options.context, &p);
}

void channel_note_put(struct channel *c, enum channel_word word, uint64_t offset, int code)
{
	note(c, word, offset, code, NULL);
}

void channel_fail(struct channel *c, int code)
{
	if (c->finished)
		return;
	char reason[PMIG_REASON_MAX];
	(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
	note(c, CHANNEL_FAILED, 0, code, reason);
	(void)error_set(code, "%s", reason);
	finish(c, code);
}

/* --- from the descriptor to the other end --- */

static size_t out_room(const struct channel *c)
{
	size_t used = (size_t)(c->out.end - c->out.begin);
	if (c->options.messages != NULL)
		return channel_message_room(c) ? 1 : 0;
	return used < CHANNEL_WINDOW ? CHANNEL_WINDOW - used : 0;
}

static ssize_t read_some(const struct channel *c, void *to, size_t size)
{
	ssize_t n;
	do
		n = c->socket ? recv(c->options.fd, to, size, MSG_DONTWAIT) : read(c->options.fd, to, size);
	while (n < 0 && errno == EINTR);
	return n;
}

static bool readable(const struct channel *c)
{
	struct pollfd p = {.fd = c->options.fd, .events = POLLIN};
	return c->socket || c->nonblocking || poll(&p, 1, 0) > 0;
}

/* 1: something came, 0: nothing now. */
static int take(struct channel *c, size_t room)
{
	unsigned char *at;
	if (c->options.messages != NULL)
		return channel_message_take(c);
	size_t space = channel_ring_space(&c->out, &at);
	space = space < room ? space : room;
	if (c->out_ended || space == 0 || !readable(c))
		return 0;
	space = space < PIECE ? space : PIECE;
	ssize_t n = c->options.connection ? channel_connection_read(c, at, space) : read_some(c, at, space);
	if (n > 0) {
		c->out.end += (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (c->options.connection)
		channel_connection_over(c, n, errno);
	/* A terminal that was hung up says EIO; who closes with bytes unread, ECONNRESET: both are the end. */
	else if (n == 0 || errno == EIO || errno == ECONNRESET)
		c->out_ended = true;
	else
		channel_fail(c, error_errno(PMIG_EIO, errno, "read"));
	return 0;
}

static void send_some(struct channel *c)
{
	while (c->open && c->synced && !c->held && c->sent < c->out.end && c->sent - c->out.begin < CHANNEL_WINDOW &&
		c->options.room(c->options.context)) {
		unsigned char buffer[CHANNEL_HEAD + PIECE];
		size_t n, allowed = CHANNEL_WINDOW - (size_t)(c->sent - c->out.begin);
		const unsigned char *from = channel_ring_at(&c->out, c->sent, allowed < PIECE ? allowed : PIECE, &n);
		put_head(buffer, c->options.id, CHANNEL_DATA, 0);
		memcpy(buffer + CHANNEL_HEAD, from, n);
		if (c->options.put(c->options.context,
			    &(struct packet){.type = PACKET_DATA,
				    .stream = CHANNEL_STREAM,
				    .offset = c->sent,
				    .data = buffer,
				    .size = CHANNEL_HEAD + n}) < 0)
			return;
		c->sent += n;
	}
	if (c->open && c->synced && !c->held && c->out_ended && c->sent == c->out.end && !c->end_sent) {
		c->end_sent = true;
		note(c, CHANNEL_END, c->sent, c->out_code, NULL);
	}
}

/* --- from the other end to the descriptor --- */

/* How much of the other end's ending has been passed on: as c->end_acked. */
static int end_done(const struct channel *c)
{
	return !c->in_done ? 0 : c->in_code == CHANNEL_SHUT ? 1 : 2;
}

static void acknowledge(struct channel *c)
{
	if (!c->open || (c->in.begin < c->told + TELL && c->told_end == end_done(c)))
		return;
	c->told = c->in.begin;
	c->told_end = end_done(c);
	note(c, CHANNEL_ACK, c->in.begin, end_done(c), NULL);
}

static ssize_t write_some(const struct channel *c, const void *from, size_t size)
{
	ssize_t n;
	if (!c->socket && !c->nonblocking) {
		struct pollfd p = {.fd = c->options.fd, .events = POLLOUT};
		if (poll(&p, 1, 0) <= 0) {
			errno = EAGAIN;
			return -1;
		}
		size = size < PIECE_BLOCKING ? size : PIECE_BLOCKING;
	}
	do
		n = c->socket ? send(c->options.fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL)
			      : write(c->options.fd, from, size);
	while (n < 0 && errno == EINTR);
	return n;
}

static void give(struct channel *c)
{
	while (c->in.begin < c->in.end && !c->finished) {
		size_t size;
		const unsigned char *from = channel_ring_at(&c->in, c->in.begin, PIECE, &size);
		ssize_t n = c->options.connection     ? channel_connection_give(c, from, size)
			: c->unread                   ? (ssize_t)size
			: c->options.messages != NULL ? channel_message_give(c)
						      : write_some(c, from, size);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0 && c->options.connection) {
			channel_connection_unwritable(c, errno);
			continue;
		}
		if (n < 0 && !c->options.device) { /* nobody reads it any more; what was written before still counts */
			c->unread = true;
			continue;
		}
		if (n < 0) {
			channel_fail(c, error_errno(PMIG_EIO, errno, "write"));
			return;
		}
		channel_ring_drop(&c->in, c->in.begin + (uint64_t)n);
	}
	if (c->options.connection)
		channel_connection_given(c);
	else if (c->in_ended && c->in.begin == c->in.end && !c->in_done) {
		c->in_done = true;
		if (c->socket && !c->options.device)
			(void)shutdown(c->options.fd, SHUT_WR);
		if (c->options.device)
			c->out_ended = true; /* who used it has closed it, and nobody reads what it says */
	}
	acknowledge(c);
}

/* --- both --- */

static void watch(struct channel *c)
{
	if (c->finished)
		return;
	bool over = c->out_ended && c->end_acked > 0 && c->in_done && c->told_end > 0;
	over |= c->told_end == 2 || (c->out_code != CHANNEL_SHUT && c->end_acked == 2);
	if (over) {
		finish(c, 0);
		return;
	}
	bool in = !c->held && !c->paused && !c->out_ended && out_room(c) > 0;
	bool out = !c->held && !c->unread &&
		(c->options.messages != NULL ? channel_message_full(c) : c->in.begin < c->in.end);
	loop_watch(c->source,
		c->options.connection ? channel_connection_events(c, in, out)
				      : (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0)));
}

static void move_on(struct channel *c)
{
	if (!c->finished && !c->held)
		give(c);
	if (!c->finished)
		send_some(c);
	watch(c);
}

static void on_ready(void *context, short events)
{
	struct channel *c = context;
	if (c->options.connection && (events & (POLLHUP | POLLERR)) != 0 && !c->held)
		channel_connection_hung(c);
	if ((events & ~POLLIN) != 0 && !c->held) /* a full pipe that nobody reads any more tells of an error only */
		give(c);
	for (int i = 0; i < ROUNDS && !c->finished && !c->held && !c->paused; i++) {
		int r = take(c, out_room(c));
		send_some(c); /* at once: somebody waits for it */
		if (r == 0)
			break;
	}
	watch(c);
}

int channel_make(const struct channel_options *options, struct channel_ring *out, struct channel_ring *in,
	struct channel **ret_channel)
{
	struct stat st;
	struct channel *c = calloc(1, sizeof *c);
	int flags = fcntl(options->fd, F_GETFL), family = 0;
	int r = c == NULL                                  ? error_set(PMIG_ENOMEM, "channel: out of memory")
		: flags < 0 || fstat(options->fd, &st) < 0 ? error_errno(PMIG_EIO, errno, "channel")
							   : 0;
	if (r < 0) {
		(void)close(options->fd);
		free(out->bytes);
		free(in->bytes);
		free(c);
		return r;
	}
	*c = (struct channel){.options = *options,
		.out = *out,
		.in = *in,
		.socket = S_ISSOCK(st.st_mode),
		.nonblocking = (flags & O_NONBLOCK) != 0,
		.out_ended = options->device && (flags & O_ACCMODE) == O_WRONLY,
		.read_only = (flags & O_ACCMODE) == O_RDONLY,
		.local = getsockopt(options->fd, SOL_SOCKET, SO_DOMAIN, &family, &(socklen_t){sizeof family}) == 0 &&
			family == AF_UNIX,
		.sent = out->begin,
		.told = in->begin};
	r = loop_add(options->loop, options->fd, 0, on_ready, c, &c->source);
	if (r < 0) {
		channel_destroy(c);
		return r;
	}
	*ret_channel = c;
	return 0;
}

int channel_create(const struct channel_options *options, struct channel **ret_channel)
{
	struct channel_ring out, in;
	int r = channel_ring_create(&out, CHANNEL_WINDOW, 0);
	if (r >= 0 && (r = channel_ring_create(&in, CHANNEL_WINDOW, 0)) < 0)
		free(out.bytes);
	if (r < 0) {
		(void)close(options->fd);
		return r;
	}
	r = channel_make(options, &out, &in, ret_channel);
	if (r >= 0)
		watch(*ret_channel);
	return r;
}

void channel_destroy(struct channel *c)
{
	if (c == NULL)
		return;
	loop_remove(&c->source);
	loop_remove(&c->timer);
	loop_remove(&c->again);
	channel_sides_free(c);
	free(c->out.bytes);
	free(c->in.bytes);
	(void)close(c->options.fd);
	free(c);
}

void channel_open(struct channel *c)
{
	c->open = true;
	c->told = c->in.begin;
	c->told_end = end_done(c);
	note(c, CHANNEL_SIDED, 0, c->side_done, NULL);
	note(c, CHANNEL_HAVE, c->in.end, !c->in_ended ? 0 : c->in_code == CHANNEL_SHUT ? 1 : 2, NULL);
	note(c, CHANNEL_ACK, c->in.begin, end_done(c), NULL);
	move_on(c);
}

void channel_begin(struct channel *c, bool answers)
{
	c->open = c->synced = true;
	if (answers)
		note(c, CHANNEL_ACK, 0, 0, NULL);
	on_ready(c, POLLIN);
}

void channel_close(struct channel *c)
{
	c->open = c->synced = false;
}

void channel_hold(struct channel *c, bool hold)
{
	c->held = hold;
	if (c->synced)
		channel_connection_tell_again(c);
	move_on(c);
}

static int broken(struct channel *c, const struct channel_packet *p)
{
	int code = error_set(PMIG_EPROTOCOL, "channel %016" PRIx64 ": word %d at %" PRIu64 ", which cannot be",
		c->options.id, (int)p->word, p->offset);
	channel_fail(c, code);
	return code;
}

static int on_data(struct channel *c, const struct channel_packet *p)
{
	if (p->offset > c->in.end || p->offset + p->size <= c->in.end)
		return 0; /* a gap, which will be filled; or here already */
	size_t skip = (size_t)(c->in.end - p->offset);
	if (c->in_ended || p->size - skip > c->in.capacity - (size_t)(c->in.end - c->in.begin))
		return broken(c, p);
	if (c->options.device && c->read_only) {
		channel_fail(c, error_set(PMIG_EREFUSED, "it was opened for reading only"));
		return 0;
	}
	channel_ring_put(&c->in, (const unsigned char *)p->data + skip, p->size - skip);
	return 0;
}

int channel_packet(struct channel *c, const struct packet *packet)
{
	struct channel_packet p;
	int r = channel_peek(packet, &p);
	if (r < 0 || c->finished)
		return r < 0 ? r : 0;
	switch (p.word) {
	case CHANNEL_DATA:
		r = on_data(c, &p);
		break;
	case CHANNEL_END:
		if (p.offset < c->in.end)
			r = broken(c, &p);
		else if (p.offset == c->in.end && (!c->in_ended || c->in_code == CHANNEL_SHUT)) {
			c->in_done &= p.code == CHANNEL_SHUT;
			c->in_ended = true;
			c->in_code = c->options.connection ? p.code : CHANNEL_SHUT;
		}
		break;
	case CHANNEL_ACK:
		if (p.offset > c->out.end)
			return broken(c, &p);
		if (p.offset > c->out.begin)
			channel_ring_drop(&c->out, p.offset);
		if (c->sent < c->out.begin)
			c->sent = c->out.begin;
		c->end_acked = p.code > c->end_acked ? p.code : c->end_acked;
		break;
	case CHANNEL_HAVE:
		if (p.offset > c->out.end)
			return broken(c, &p);
		c->synced = true;
		c->sent = p.offset > c->out.begin ? p.offset : c->out.begin;
		c->end_sent = p.code >= (c->out_code == CHANNEL_SHUT ? 1 : 2);
		channel_connection_tell_again(c);
		break;
	case CHANNEL_AGAIN: /* it may be overtaken by another one: never forward, that would leave out what was sent again */
		if (p.offset > c->out.end)
			return broken(c, &p);
		if (p.offset < c->sent)
			c->sent = p.offset > c->out.begin ? p.offset : c->out.begin;
		c->end_sent = false;
		break;
	case CHANNEL_FAILED:
		(void)error_set(p.code < 0 ? p.code : PMIG_EGONE, "%.*s", (int)p.size, (const char *)p.data);
		finish(c, p.code < 0 ? p.code : 0);
		return 0;
	case CHANNEL_SIDE:
		r = channel_connection_side(c, &p);
		break;
	case CHANNEL_SIDED:
		channel_connection_told(c, p.code);
		break;
	case CHANNEL_OPEN:
	case CHANNEL_REFUSED:
	case CHANNEL_TAKES:
	case CHANNEL_OVER:
		return 0; /* not for us */
	}
	if (r >= 0)
		move_on(c);
	return r;
}

void channel_room(struct channel *c)
{
	if (!c->finished)
		send_some(c);
	watch(c);
}

int channel_broken(const struct channel *c)
{
	return c->broken;
}

bool channel_has_ended(const struct channel *c)
{
	return c->finished;
}

int channel_descriptor(const struct channel *c)
{
	return c->options.fd;
}

uint64_t channel_id(const struct channel *c)
{
	return c->options.id;
}

uint64_t channel_bytes(const struct channel *c)
{
	return c->out.begin + c->in.begin;
}

bool channel_idle(const struct channel *c)
{
	return c->out.begin == c->out.end && c->in.begin == c->in.end && c->sides_out == NULL && c->sides_in == NULL;
}
