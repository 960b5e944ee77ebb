/* socket_note: what a program does to a socket that lies at another host, besides its bytes: reference_tell() takes it there, in order with
 * them. Little-endian:
 *
 *   0 u32 enum socket_note_what    4 s32 level    8 s32 name    12 u32 size    16 the value, `size` bytes
 *
 * The numbers of levels and names are Linux's asm-generic. */
#ifndef PMIG_REFERENCE_SOCKET_NOTE_H
#define PMIG_REFERENCE_SOCKET_NOTE_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SOCKET_NOTE_HEAD 16
#define SOCKET_NOTE_VALUE 48

enum socket_note_what {
	SOCKET_NOTE_OPTION = 1, /* setsockopt(2) with level, name and value */
	SOCKET_NOTE_LAST = SOCKET_NOTE_OPTION
};

struct socket_note {
	enum socket_note_what what;
	int32_t level, name;
	uint32_t size;
	unsigned char value[SOCKET_NOTE_VALUE];
};

/* The bytes of a note; `to` has SOCKET_NOTE_HEAD + SOCKET_NOTE_VALUE. */
static inline size_t socket_note_put(unsigned char *to, const struct socket_note *n)
{
	const uint32_t head[4] = {
		htole32((uint32_t)n->what), htole32((uint32_t)n->level), htole32((uint32_t)n->name), htole32(n->size)};
	memcpy(to, head, sizeof head);
	memcpy(to + SOCKET_NOTE_HEAD, n->value, n->size);
	return SOCKET_NOTE_HEAD + n->size;
}

/* False: it is none. */
static inline bool socket_note_get(const void *from, size_t size, struct socket_note *ret)
{
	uint32_t head[4];
	if (size < SOCKET_NOTE_HEAD || size > SOCKET_NOTE_HEAD + SOCKET_NOTE_VALUE)
		return false;
	memcpy(head, from, sizeof head);
	*ret = (struct socket_note){.what = (enum socket_note_what)le32toh(head[0]),
		.level = (int32_t)le32toh(head[1]),
		.name = (int32_t)le32toh(head[2]),
		.size = le32toh(head[3])};
	if (ret->size != size - SOCKET_NOTE_HEAD || ret->what < SOCKET_NOTE_OPTION || ret->what > SOCKET_NOTE_LAST)
		return false;
	memcpy(ret->value, (const unsigned char *)from + SOCKET_NOTE_HEAD, ret->size);
	return true;
}

#endif
