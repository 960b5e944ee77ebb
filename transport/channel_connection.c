/* channel_connection: what an end of a connection does that one of plain bytes does not: how it ended, what is urgent, notes. */
#include "channel_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (64u << 10)

/* --- what comes from the descriptor --- */

static int pending(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

/* The urgent byte is read in its place: SO_OOBINLINE; a read stops in front of it. tcp(7) */
static bool at_mark(const struct channel *c)
{
	int at = 0;
	return ioctl(c->options.fd, SIOCATMARK, &at) == 0 && at != 0;
}

ssize_t channel_connection_read(struct channel *c, void *to, size_t size)
{
	bool urgent = at_mark(c);
	ssize_t n;
	do
		n = recv(c->options.fd, to, size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0 && urgent)
		(void)!channel_tell(c, NULL, 0);
	return n;
}

static void end_with(struct channel *c, int code)
{
	c->out_ended = true;
	c->out_code = code;
	c->end_sent = false;
}

void channel_connection_over(struct channel *c, ssize_t n, int number)
{
	if (!c->local)
		end_with(c, n < 0 ? -number : c->failed != 0 ? -c->failed : CHANNEL_SHUT);
	else
		end_with(c, n < 0 || (pending(c->options.fd) & POLLHUP) != 0 ? CHANNEL_CLOSED : CHANNEL_SHUT);
}

/* Nobody reads there any more. What can still be read comes first. */
void channel_connection_unwritable(struct channel *c, int number)
{
	c->unread = true;
	if (c->failed == 0)
		c->failed = number;
	if (c->out_ended && c->out_code == CHANNEL_SHUT)
		channel_connection_hung(c);
}

void channel_connection_hung(struct channel *c)
{
	int number = 0;
	socklen_t size = sizeof number;
	if (!c->out_ended || c->out_code != CHANNEL_SHUT)
		return;
	if (c->local) {
		if ((pending(c->options.fd) & POLLHUP) != 0)
			end_with(c, CHANNEL_CLOSED);
		return;
	}
	if (c->failed == 0 && getsockopt(c->options.fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0)
		c->failed = number != 0 ? number : EPIPE;
	end_with(c, -c->failed);
}

/* After its end it tells of nothing but that all is over. After ours, a hang-up says no more than that both have ended. */
short channel_connection_events(const struct channel *c, bool in, bool out)
{
	bool hangs = !c->held && c->out_ended && c->out_code == CHANNEL_SHUT && (c->local || !c->in_done);
	return (short)((in ? POLLIN | POLLPRI : 0) | (out ? POLLOUT : 0) | (hangs ? POLLERR : 0));
}

/* --- what goes to it --- */

/* The first one is done with. */
static void pass(struct channel *c)
{
	struct channel_side *s = c->sides_in;
	if (s == NULL)
		return;
	c->sides_in = s->next;
	c->side_done = s->number;
	channel_note_put(c, CHANNEL_SIDED, 0, s->number);
	free(s);
}

/* What is due where the next byte goes. True: that byte is urgent. */
static bool come_due(struct channel *c)
{
	while (c->sides_in != NULL && c->sides_in->at <= c->in.begin) {
		struct channel_side *s = c->sides_in;
		bool urgent = s->size == 0 && s->at == c->in.begin;
		if (urgent && c->in.begin == c->in.end && !c->unread)
			return false; /* it has not come yet */
		if (urgent && !c->unread)
			return true;
		if (s->size > 0 && c->options.side != NULL)
			c->options.side(c->options.context, s->bytes, s->size);
		pass(c);
	}
	return false;
}

ssize_t channel_connection_give(struct channel *c, const void *from, size_t size)
{
	bool urgent = come_due(c);
	ssize_t n;
	if (c->sides_in != NULL && c->sides_in->at - c->in.begin < size && !urgent)
		size = (size_t)(c->sides_in->at - c->in.begin);
	if (c->unread)
		return (ssize_t)size;
	do
		n = send(c->options.fd, from, urgent ? 1 : size, MSG_DONTWAIT | MSG_NOSIGNAL | (urgent ? MSG_OOB : 0));
	while (n < 0 && errno == EINTR);
	if (urgent && n < 0 && errno == EOPNOTSUPP) /* a kernel whose unix sockets know nothing of it */
		n = send(c->options.fd, from, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (urgent && n > 0)
		pass(c);
	return n;
}

void channel_connection_given(struct channel *c)
{
	(void)come_due(c);
	if (!c->in_ended || c->in.begin != c->in.end || c->in_done)
		return;
	c->in_done = true;
	if (c->in_code == CHANNEL_SHUT)
		(void)shutdown(c->options.fd, SHUT_WR);
	else if (c->in_code < 0)
		c->broken = -c->in_code;
}

/* --- notes and marks, on the way --- */

static void send_side(struct channel *c, const struct channel_side *s)
{
	unsigned char buffer[CHANNEL_NOTE_MAX];
	struct packet p = channel_note(c->options.id, CHANNEL_SIDE, s->at, s->number, NULL, buffer);
	memcpy(buffer + CHANNEL_HEAD, s->bytes, s->size);
	p.size += s->size;
	if (c->open)
		(void)c->options.put(c->options.context, &p);
}

static struct channel_side *append(struct channel_side **list, int number, uint64_t at, const void *bytes, size_t size)
{
	struct channel_side *s = malloc(sizeof *s);
	size_t n = 0;
	while (*list != NULL && n++ < CHANNEL_SIDES)
		list = &(*list)->next;
	if (s == NULL || n >= CHANNEL_SIDES) {
		free(s);
		return NULL;
	}
	*s = (struct channel_side){.number = number, .at = at, .size = size};
	if (size > 0)
		memcpy(s->bytes, bytes, size);
	*list = s;
	return s;
}

int channel_tell(struct channel *c, const void *note, size_t size)
{
	if (size > CHANNEL_SIDE_MAX || !c->options.connection || c->finished)
		return error_set(PMIG_EINVAL, "channel: no note of %zu bytes can be sent", size);
	struct channel_side *s = append(&c->sides_out, c->side_made + 1, c->out.end, note, size);
	if (s == NULL)
		return error_set(PMIG_EBUSY, "channel: more than %d notes are under way", CHANNEL_SIDES);
	c->side_made++;
	if (c->synced && !c->held)
		send_side(c, s);
	return 0;
}

void channel_connection_tell_again(struct channel *c)
{
	for (const struct channel_side *s = c->sides_out; s != NULL && !c->held; s = s->next)
		send_side(c, s);
}

void channel_connection_told(struct channel *c, int number)
{
	while (c->sides_out != NULL && c->sides_out->number <= number) {
		struct channel_side *s = c->sides_out;
		c->sides_out = s->next;
		free(s);
	}
}

/* What comes again is known by its number; what comes too early is sent again. */
int channel_connection_side(struct channel *c, const struct channel_packet *p)
{
	if (!c->options.connection || p->size > CHANNEL_SIDE_MAX || p->code <= 0)
		return error_set(PMIG_EPROTOCOL, "channel %016" PRIx64 ": a note that cannot be", c->options.id);
	if (p->code != c->side_seen + 1)
		return 0;
	if (append(&c->sides_in, p->code, p->offset, p->data, p->size) != NULL)
		c->side_seen++;
	return 0;
}

void channel_sides_free(struct channel *c)
{
	channel_connection_told(c, INT32_MAX);
	while (c->sides_in != NULL) {
		struct channel_side *s = c->sides_in;
		c->sides_in = s->next;
		free(s);
	}
}

/* --- on the way home --- */

void channel_pause(struct channel *c, bool pause)
{
	c->paused = pause;
	channel_room(c);
}

bool channel_taken(const struct channel *c)
{
	int waiting = 0;
	return c->in.begin == c->in.end && (ioctl(c->options.fd, SIOCOUTQ, &waiting) < 0 || waiting == 0);
}

size_t channel_rest(const struct channel *moved, const struct channel *other)
{
	bool in = moved->in.begin != moved->in.end || other->out.end != moved->in.end || moved->sides_in != NULL ||
		moved->in_code != CHANNEL_SHUT || other->out_code != CHANNEL_SHUT || other->sides_out != NULL;
	bool out = other->in.begin != other->in.end || other->in.end < moved->out.begin || other->in.end > moved->out.end ||
		other->sides_in != NULL || other->failed != 0;
	for (const struct channel_side *s = moved->sides_out; s != NULL; s = s->next)
		out |= s->size == 0; /* an urgent byte; options are those of the record */
	return in || out ? SIZE_MAX : (size_t)(moved->out.end - other->in.end);
}

void channel_rest_write(const struct channel *moved, struct channel *other)
{
	size_t size;
	if (other->options.messages != NULL) {
		channel_message_rest(moved, other);
		return;
	}
	for (uint64_t at = other->in.end; at < moved->out.end; at += size) {
		const unsigned char *from = channel_ring_at(&moved->out, at, SIZE_MAX, &size);
		ssize_t n = send(other->options.fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			break; /* the peer is gone, as the program will find */
		size = (size_t)n;
		other->in.begin += size; /* should the program be killed before it runs, its next copy brings them again */
		other->in.end += size;
	}
	if (moved->out_ended && !other->in_done)
		(void)shutdown(other->options.fd, SHUT_WR);
}
