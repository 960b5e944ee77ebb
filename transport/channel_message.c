/* channel_message: a channel whose ends have messages and not bytes: each is a u32 (little-endian) with its length, and then itself, in
 * the stream that channel.c carries. A message is taken when there is room for the longest, and given when it is there as a whole. */
#include "channel_parts.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LENGTH sizeof(uint32_t)
#define AGAIN_MS 5 /* where poll(2) does not tell when a message can be sent */

/* The loop has one thread. */
static unsigned char scratch[LENGTH + CHANNEL_MESSAGE_MAX];

static size_t used(const struct channel_ring *r)
{
	return (size_t)(r->end - r->begin);
}

bool channel_message_room(const struct channel *c)
{
	return used(&c->out) + sizeof scratch <= CHANNEL_WINDOW;
}

static void put_length(unsigned char *to, size_t size)
{
	uint32_t length = htole32((uint32_t)size);
	memcpy(to, &length, sizeof length);
}

static void end(struct channel *c)
{
	const struct channel_messages *m = c->options.messages;
	size_t n = m->last != NULL ? m->last(c->options.fd, scratch + LENGTH) : 0;
	if (n > 0) {
		put_length(scratch, n);
		channel_ring_put(&c->out, scratch, LENGTH + n);
	}
	c->out_ended = true;
}

int channel_message_take(struct channel *c)
{
	if (c->out_ended || !channel_message_room(c))
		return 0;
	ssize_t n = c->options.messages->receive(c->options.fd, scratch + LENGTH, CHANNEL_MESSAGE_MAX, false);
	if (n > 0) {
		put_length(scratch, (size_t)n);
		channel_ring_put(&c->out, scratch, LENGTH + (size_t)n);
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n == 0 || errno == ECONNRESET)
		end(c);
	else
		channel_fail(c, error_errno(PMIG_EIO, errno, "receive"));
	return 0;
}

static void on_again(void *context)
{
	channel_hold(context, ((struct channel *)context)->held);
}

/* Later, as -1 and EAGAIN. */
static ssize_t later(struct channel *c, bool full)
{
	c->full = full;
	if (full && !c->options.messages->polls && c->again == NULL &&
		loop_after(c->options.loop, AGAIN_MS, on_again, c, &c->again) < 0)
		abort(); /* forty bytes: nothing can be told to anybody any more */
	errno = EAGAIN;
	return -1;
}

ssize_t channel_message_give(struct channel *c)
{
	static unsigned char answer[CHANNEL_ANSWER_MAX + LENGTH];
	size_t size = 0;
	uint32_t length;
	if (used(&c->in) < LENGTH)
		return later(c, false);
	channel_ring_look(&c->in, c->in.begin, scratch, LENGTH);
	memcpy(&length, scratch, sizeof length);
	length = le32toh(length);
	if (length == 0 || length > CHANNEL_MESSAGE_MAX) {
		channel_fail(c, error_set(PMIG_EPROTOCOL, "channel: a message of %u bytes", length));
		return later(c, false);
	}
	if (used(&c->in) < LENGTH + length)
		return later(c, false);
	channel_ring_look(&c->in, c->in.begin + LENGTH, scratch, length);
	int r = c->options.messages->send(c->options.fd, scratch, length, answer + LENGTH, &size);
	if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
		return later(c, true);
	c->full = false;
	if (size > 0 && !c->out_ended &&
		used(&c->out) + LENGTH + size <= c->out.capacity) { /* else it is lost, as an ICMP message may be */
		put_length(answer, size);
		channel_ring_put(&c->out, answer, LENGTH + size);
	}
	return r < 0 ? -1 : (ssize_t)(LENGTH + length);
}

void channel_message_rest(const struct channel *moved, struct channel *other)
{
	size_t size;
	for (uint64_t at = other->in.end; at < moved->out.end; at += size) {
		const unsigned char *from = channel_ring_at(&moved->out, at, other->in.capacity - used(&other->in), &size);
		if (size == 0)
			break;
		channel_ring_put(&other->in, from, size);
		for (ssize_t n = 1; n > 0 && used(&other->in) > 0;) {
			n = channel_message_give(other);
			if (n > 0)
				channel_ring_drop(&other->in, other->in.begin + (uint64_t)n);
		}
	}
}

bool channel_message_full(const struct channel *c)
{
	return c->full && c->options.messages->polls;
}

/* All that waits at `fd`, without taking it: SO_PEEK_OFF in socket(7). */
int channel_message_look(const struct channel *c, int fd, size_t most, unsigned char **ret_bytes, size_t *ret_size)
{
	int begin = 0, nowhere = -1, r = 0;
	unsigned char *bytes = malloc(most);
	size_t size = 0;
	if (bytes == NULL || setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &begin, sizeof begin) < 0)
		r = error_set(PMIG_ENOMEM, "channel: its messages cannot be looked at");
	while (r >= 0) {
		ssize_t n = c->options.messages->receive(fd, scratch + LENGTH, CHANNEL_MESSAGE_MAX, true);
		if (n == 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNRESET)))
			break;
		if (n < 0) {
			r = error_errno(PMIG_EIO, errno, "channel");
		} else if (size + LENGTH + (size_t)n > most) {
			r = error_set(PMIG_EREFUSED, "channel: more than %zu bytes wait in a socket", most);
		} else {
			put_length(scratch, (size_t)n);
			memcpy(bytes + size, scratch, LENGTH + (size_t)n);
			size += LENGTH + (size_t)n;
		}
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &nowhere, sizeof nowhere);
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}
