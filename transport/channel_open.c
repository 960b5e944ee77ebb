/* channel_open: to and from bytes. */
#include "channel_open.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#define NAME_BEFORE (offsetof(struct sockaddr_un, sun_path) + 1) /* the family, and the NUL of an abstract name */

struct packet channel_open_put(const struct channel_opening *o, unsigned char buffer[CHANNEL_OPEN_MAX])
{
	struct sockaddr_un name;
	unsigned char head[CHANNEL_NOTE_MAX], *at = buffer + CHANNEL_HEAD;
	struct packet p = channel_note(o->channel, CHANNEL_OPEN, o->epoch, 0, NULL, head);
	uint64_t listener = htole64(o->listener);
	size_t size = socket_label_put(&o->label, &name) - NAME_BEFORE, locator = strnlen(o->locator, SOCKET_TEXT_MAX);
	memcpy(buffer, head, CHANNEL_HEAD);
	memcpy(at, &listener, sizeof listener);
	at += sizeof listener;
	*at++ = (unsigned char)size;
	memcpy(at, name.sun_path + 1, size);
	at += size;
	memcpy(at, o->locator, locator);
	p.data = buffer;
	p.size = (size_t)(at - buffer) + locator;
	return p;
}

/* For people, in lists and registries. */
static bool is_readable(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	json_t *sound = json_stringn(text, size);
	json_decref(sound);
	return sound != NULL;
}

int channel_open_get(const struct channel_packet *p, struct channel_opening *ret)
{
	struct channel_opening o = {.channel = p->id, .epoch = p->offset};
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const unsigned char *at = p->data;
	size_t left = p->size, fixed = sizeof o.listener + 1, size = left >= fixed ? at[sizeof o.listener] : 0;
	if (p->word != CHANNEL_OPEN || p->code != 0 || p->id == 0 || left < fixed || left - fixed < size ||
		size > sizeof name.sun_path - 1 || left - fixed - size >= sizeof o.locator)
		return error_set(PMIG_EPROTOCOL, "channel: an opening of %zu bytes", left);
	memcpy(&o.listener, at, sizeof o.listener);
	o.listener = le64toh(o.listener);
	memcpy(name.sun_path + 1, at + fixed, size);
	memcpy(o.locator, at + fixed + size, left - fixed - size);
	if (o.listener == 0 || !socket_label_get(&name, (socklen_t)(NAME_BEFORE + size), &o.label) ||
		!is_readable(o.locator, left - fixed - size))
		return error_set(PMIG_EPROTOCOL, "channel: an opening without a listener, a label or a name");
	*ret = o;
	return 0;
}
