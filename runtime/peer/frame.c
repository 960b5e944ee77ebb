/* frame: the format of what participants say, writer and reader beside each other; frame.h tells. */
#include "peer/frame.h"

#include <pmig/pmig.h>
#include <string.h>

static const struct {
	uint32_t least, most; /* bytes of the body */
} bounds[] = {
	/*                 body                                                                       number */
	[FRAME_CALL] = {48, 48}, /* struct frame_call                                   epoch of who says it */
	[FRAME_ANSWER] = {72,
		72 + FRAME_TEXT},            /* struct frame_answer, addresses of the server        epoch of who says it */
	[FRAME_CONFIRM] = {16, 16},          /* struct frame_confirm                                epoch of who says it */
	[FRAME_STALE] = {8, 8},              /* proof                                               epoch that was seen */
	[FRAME_REFUSE] = {0, FRAME_TEXT},    /* why                                                 -PMIG_E* */
	[FRAME_DATA] = {1, FRAME_DATA_MOST}, /* the bytes                                           offset of the first */
	[FRAME_ACK] = {0, 0}, /*                                                     bytes read; and 1 for the end */
	[FRAME_END] = {0, 0}, /*                                                     bytes there were */
	[FRAME_MOVED] = {0, FRAME_TEXT}, /* addresses                                           epoch now */
	[FRAME_PING] = {0, 0},           /*                                                     0 */
	[FRAME_BYE] = {0, 0},            /*                                                     0 */
};

static uint8_t *put(uint8_t *to, uint64_t value, int size)
{
	for (int i = size - 1; i >= 0; i--, value >>= 8)
		to[i] = (uint8_t)value;
	return to + size;
}

static const uint8_t *get(const uint8_t *from, uint64_t *ret, int size)
{
	uint64_t value = 0;
	for (int i = 0; i < size; i++)
		value = value << 8 | from[i];
	*ret = value;
	return from + size;
}

static uint8_t *put_bytes(uint8_t *to, const void *bytes, size_t size)
{
	memcpy(to, bytes, size);
	return to + size;
}

static const uint8_t *get_bytes(const uint8_t *from, void *ret, size_t size)
{
	memcpy(ret, from, size);
	return from + size;
}

int pmig_peer_frame_look(const uint8_t *bytes, size_t size, struct frame *ret)
{
	static const uint8_t magic[] = {'p', 'P', FRAME_VERSION};
	uint64_t length, number;
	if (memcmp(bytes, magic, size < 2 ? size : 2) != 0)
		return PMIG_EPROTOCOL;
	if (size > 2 && bytes[2] != FRAME_VERSION)
		return PMIG_EVERSION;
	if (size > 3 && (bytes[3] == 0 || bytes[3] > FRAME_LAST))
		return PMIG_EPROTOCOL;
	if (size < 8)
		return 0;
	get(bytes + 4, &length, 4);
	if (length < bounds[bytes[3]].least || length > bounds[bytes[3]].most)
		return PMIG_EPROTOCOL;
	if (size < FRAME_HEADER + length)
		return 0;
	get(bytes + 8, &number, 8);
	*ret = (struct frame){(enum frame_type)bytes[3], number, bytes + FRAME_HEADER, length};
	return (int)(FRAME_HEADER + length);
}

size_t pmig_peer_frame_put(uint8_t *to, const struct frame *frame)
{
	to[0] = 'p', to[1] = 'P', to[2] = FRAME_VERSION, to[3] = (uint8_t)frame->type;
	put(put(to + 4, frame->size, 4), frame->number, 8);
	if (frame->size > 0)
		memmove(to + FRAME_HEADER, frame->body, frame->size); /* it may have been made in place */
	return FRAME_HEADER + frame->size;
}

size_t pmig_peer_frame_call_put(uint8_t *to, const struct frame_call *call)
{
	uint8_t *at = put_bytes(put_bytes(to, call->id, FRAME_ID), call->nonce, FRAME_ID);
	return (size_t)(put(put(at, call->window, 8), call->seen, 8) - to);
}

void pmig_peer_frame_call_get(const struct frame *frame, struct frame_call *ret)
{
	const uint8_t *at = get_bytes(get_bytes(frame->body, ret->id, FRAME_ID), ret->nonce, FRAME_ID);
	get(get(at, &ret->window, 8), &ret->seen, 8);
}

size_t pmig_peer_frame_answer_put(uint8_t *to, const struct frame_answer *answer)
{
	uint8_t *at = put_bytes(put_bytes(put_bytes(to, answer->id, FRAME_ID), answer->key, FRAME_ID), answer->nonce,
		FRAME_ID);
	at = put(put(put(at, answer->proof, 8), answer->received, 8), answer->window, 8);
	return (size_t)(put_bytes(at, answer->addresses, strlen(answer->addresses)) - to);
}

int pmig_peer_frame_answer_get(const struct frame *frame, struct frame_answer *ret)
{
	const uint8_t *at = get_bytes(get_bytes(get_bytes(frame->body, ret->id, FRAME_ID), ret->key, FRAME_ID), ret->nonce,
		FRAME_ID);
	at = get(get(get(at, &ret->proof, 8), &ret->received, 8), &ret->window, 8);
	return pmig_peer_frame_text_get(at, frame->size - (size_t)(at - frame->body), ret->addresses);
}

size_t pmig_peer_frame_confirm_put(uint8_t *to, const struct frame_confirm *confirm)
{
	return (size_t)(put(put(to, confirm->proof, 8), confirm->received, 8) - to);
}

void pmig_peer_frame_confirm_get(const struct frame *frame, struct frame_confirm *ret)
{
	get(get(frame->body, &ret->proof, 8), &ret->received, 8);
}

size_t pmig_peer_frame_number_put(uint8_t *to, uint64_t number)
{
	return (size_t)(put(to, number, 8) - to);
}

uint64_t pmig_peer_frame_number_get(const struct frame *frame)
{
	uint64_t number;
	get(frame->body, &number, 8);
	return number;
}

int pmig_peer_frame_text_get(const uint8_t *bytes, size_t size, char *ret)
{
	if (size > FRAME_TEXT)
		return PMIG_EPROTOCOL;
	for (size_t i = 0; i < size; i++)
		if (bytes[i] < ' ' || bytes[i] > '~')
			return PMIG_EPROTOCOL;
	memcpy(ret, bytes, size);
	ret[size] = '\0';
	return 0;
}
