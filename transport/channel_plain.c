/* channel_plain: what two ends have under way, put together. */
#include "channel_plain.h"

#include "channel_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An end that nobody uses, to look at. */
static int load(struct loop *l, int state, struct channel **ret)
{
	int ends[2];
	if (lseek(state, 0, SEEK_SET) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(PMIG_EIO, errno, "channel: its state");
	(void)close(ends[1]);
	int r = channel_resume(&(struct channel_options){.loop = l,
				       .id = channel_state_id(state),
				       .fd = ends[0],
				       .connection = true},
		state, ret);
	(void)lseek(state, 0, SEEK_SET);
	return r;
}

bool channel_state_is_plain(struct loop *l, int state)
{
	struct channel *c;
	if (load(l, state, &c) < 0)
		return false;
	bool plain = c->sides_out == NULL && c->sides_in == NULL && c->in_code == CHANNEL_SHUT &&
		c->out_code == CHANNEL_SHUT;
	channel_destroy(c);
	return plain;
}

/* The bytes of `first`, then those of `second` from `from` on, of which `sides` tells. */
static int join(const struct channel_ring *first, const struct channel_ring *second, uint64_t from,
	const struct channel_side *sides, struct plain_front *ret)
{
	size_t a = (size_t)(first->end - first->begin), size;
	if (from < second->begin || from > second->end)
		return error_set(PMIG_ECORRUPT, "channel: its two ends do not fit each other");
	unsigned char *bytes = malloc(a + (size_t)(second->end - from) + 1);
	if (bytes == NULL)
		return error_set(PMIG_ENOMEM, "channel: out of memory");
	channel_ring_copy(first, bytes);
	*ret = (struct plain_front){.bytes = bytes, .size = a};
	for (const struct channel_side *s = sides; s != NULL; s = s->next)
		if (s->size == 0 && s->at >= from && s->at < second->end) {
			ret->urgent = true;
			ret->mark = a + (size_t)(s->at - from);
		}
	for (uint64_t at = from; at < second->end; at += size) {
		const unsigned char *piece = channel_ring_at(second, at, SIZE_MAX, &size);
		memcpy(bytes + ret->size, piece, size);
		ret->size += size;
	}
	return 0;
}

int channel_merge(struct loop *l, int state, const struct channel *holder, struct plain_front *ret_to_program,
	struct plain_front *ret_to_client)
{
	struct channel *moved;
	struct plain_front up, down;
	int r = load(l, state, &moved);
	if (r < 0)
		return r;
	if (holder->out_code < 0)
		r = error_set(PMIG_EGONE, "its peer broke it off");
	if (r >= 0)
		r = join(&moved->in, &holder->out, moved->in.end, holder->sides_out, &up);
	if (r >= 0) {
		r = join(&holder->in, &moved->out, holder->in.end, NULL, &down);
		if (r < 0)
			free(up.bytes);
	}
	if (r >= 0) {
		up.ended = holder->out_ended || moved->in_ended;
		down.ended = moved->out_ended || holder->in_ended;
		*ret_to_program = up;
		*ret_to_client = down;
	}
	channel_destroy(moved);
	return r;
}

size_t channel_waiting(const struct channel *c)
{
	return (size_t)(c->out.end - c->out.begin + (c->in.end - c->in.begin));
}
