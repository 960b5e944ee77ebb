/* channel_ring: bytes of a stream, kept in order of their offsets. */
#include "channel_parts.h"

#include <stdlib.h>
#include <string.h>

int channel_ring_create(struct channel_ring *r, size_t capacity, uint64_t begin)
{
	*r = (struct channel_ring){.bytes = malloc(capacity), .capacity = capacity, .begin = begin, .end = begin};
	return r->bytes == NULL ? error_set(PMIG_ENOMEM, "channel: out of memory") : 0;
}

/* The free bytes that lie behind the last one in a row. */
size_t channel_ring_space(struct channel_ring *r, unsigned char **ret_at)
{
	size_t used = (size_t)(r->end - r->begin);
	if (used == 0)
		r->head = 0; /* small messages stay in the first pages */
	size_t at = (r->head + used) % r->capacity;
	*ret_at = r->bytes + at;
	size_t row = at >= r->head ? r->capacity - at : r->head - at;
	return used == r->capacity ? 0 : row;
}

void channel_ring_put(struct channel_ring *r, const void *data, size_t size)
{
	const unsigned char *from = data;
	while (size > 0) {
		unsigned char *at;
		size_t n = channel_ring_space(r, &at);
		n = n < size ? n : size;
		memcpy(at, from, n);
		r->end += n;
		from += n;
		size -= n;
	}
}

/* What lies at `offset` in a row, `most` bytes at most. */
const unsigned char *channel_ring_at(const struct channel_ring *r, uint64_t offset, size_t most, size_t *ret_size)
{
	size_t at = (r->head + (size_t)(offset - r->begin)) % r->capacity;
	size_t n = (size_t)(r->end - offset);
	n = n < r->capacity - at ? n : r->capacity - at;
	*ret_size = n < most ? n : most;
	return r->bytes + at;
}

void channel_ring_look(const struct channel_ring *r, uint64_t offset, void *to, size_t size)
{
	unsigned char *at = to;
	for (size_t n; size > 0; offset += n, at += n, size -= n) {
		const unsigned char *from = channel_ring_at(r, offset, size, &n);
		memcpy(at, from, n);
	}
}

void channel_ring_copy(const struct channel_ring *r, void *to)
{
	unsigned char *at = to;
	size_t n;
	for (uint64_t offset = r->begin; offset < r->end; offset += n, at += n) {
		const unsigned char *from = channel_ring_at(r, offset, SIZE_MAX, &n);
		memcpy(at, from, n);
	}
}

void channel_ring_drop(struct channel_ring *r, uint64_t begin)
{
	r->head = (r->head + (size_t)(begin - r->begin)) % r->capacity;
	r->begin = begin;
}
