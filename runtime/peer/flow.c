/* flow: numbered bytes in rings; flow.h tells. */
#include "peer/flow.h"

#include <pmig/pmig.h>
#include <stdlib.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Copies into or out of the ring, whose byte number `offset` lies at offset modulo its size. */
static void ring_put(uint8_t *ring, size_t room, uint64_t offset, const uint8_t *bytes, size_t size)
{
	size_t at = offset % room, first = least(size, room - at);
	memcpy(ring + at, bytes, first);
	memcpy(ring, bytes + first, size - first);
}

static void ring_get(const uint8_t *ring, size_t room, uint64_t offset, uint8_t *bytes, size_t size)
{
	size_t at = offset % room, first = least(size, room - at);
	memcpy(bytes, ring + at, first);
	memcpy(bytes + first, ring, size - first);
}

int pmig_peer_flow_out_init(struct flow_out *f, size_t room)
{
	*f = (struct flow_out){.ring = malloc(room), .room = room, .window = room};
	return f->ring != NULL ? 0 : PMIG_ENOMEM;
}

int pmig_peer_flow_in_init(struct flow_in *f, size_t room)
{
	*f = (struct flow_in){.ring = malloc(room), .room = room};
	return f->ring != NULL ? 0 : PMIG_ENOMEM;
}

void pmig_peer_flow_out_finish(struct flow_out *f)
{
	free(f->ring);
	f->ring = NULL;
}

void pmig_peer_flow_in_finish(struct flow_in *f)
{
	free(f->ring);
	f->ring = NULL;
}

size_t pmig_peer_flow_room(const struct flow_out *f)
{
	size_t kept = f->end - f->acked, most = least(f->room, f->window);
	return f->ended || kept >= most ? 0 : most - kept;
}

size_t pmig_peer_flow_put(struct flow_out *f, const void *bytes, size_t size)
{
	size = least(size, pmig_peer_flow_room(f));
	ring_put(f->ring, f->room, f->end, bytes, size);
	f->end += size;
	return size;
}

size_t pmig_peer_flow_next(struct flow_out *f, size_t most, uint64_t *ret_offset, const uint8_t **ret_bytes)
{
	size_t at = f->sent % f->room, size = least(least(f->end - f->sent, most), f->room - at);
	*ret_offset = f->sent;
	*ret_bytes = f->ring + at;
	f->sent += size;
	if (f->highest < f->sent)
		f->highest = f->sent;
	return size;
}

int pmig_peer_flow_acked(struct flow_out *f, uint64_t number)
{
	bool end = f->ended && number == f->end + 1;
	uint64_t bytes = end ? f->end : number;
	if (bytes > f->highest)
		return PMIG_EPROTOCOL;
	f->end_acked |= end;
	if (f->acked < bytes)
		f->acked = bytes;
	if (f->sent < f->acked)
		f->sent = f->acked;
	return 0;
}

int pmig_peer_flow_rewind(struct flow_out *f, uint64_t received, bool strict)
{
	if (received > f->highest)
		return PMIG_EPROTOCOL;
	if (received < f->acked && strict)
		return PMIG_ESTALE;
	f->sent = received < f->acked ? f->acked : received;
	return 0;
}

int pmig_peer_flow_came(struct flow_in *f, uint64_t offset, const uint8_t *bytes, size_t size)
{
	if (offset > f->received || offset + size < offset)
		return PMIG_EPROTOCOL;
	size_t known = least(f->received - offset, size);
	size_t fresh = size - known;
	if ((fresh > 0 && f->ended) || fresh > f->room - (f->received - f->read))
		return PMIG_EPROTOCOL;
	ring_put(f->ring, f->room, f->received, bytes + known, fresh);
	f->received += fresh;
	return 0;
}

int pmig_peer_flow_end_came(struct flow_in *f, uint64_t offset)
{
	if (offset != f->received)
		return PMIG_EPROTOCOL;
	f->ended = true;
	return 0;
}

size_t pmig_peer_flow_read(struct flow_in *f, void *bytes, size_t size)
{
	size = least(size, f->received - f->read);
	ring_get(f->ring, f->room, f->read, bytes, size);
	f->read += size;
	if (size == 0 && f->ended && f->read == f->received)
		f->end_read = true;
	return size;
}

uint64_t pmig_peer_flow_ack(const struct flow_in *f)
{
	return f->read + (f->end_read ? 1 : 0);
}
