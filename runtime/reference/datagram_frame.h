/* datagram_frame: a datagram with what belongs to it. Two forms:
 *   - between a program and the agent of its host: one message of a SOCK_SEQPACKET socket, a struct datagram_frame and then the payload,
 *     so that one recvmsg(2) puts both where they belong;
 *   - packed, between two agents: one message of a channel, DATAGRAM_HEAD bytes (little-endian
 *       0 u8 enum datagram_word   1 u8 0   2 u16 bytes of address   4 u16 bytes of control   6 u16 flags   8 s32 errno)
 *     and then address, control and payload. Addresses and control messages are as Linux has them, asm-generic, 64 bit. */
#ifndef PMIG_REFERENCE_DATAGRAM_FRAME_H
#define PMIG_REFERENCE_DATAGRAM_FRAME_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define DATAGRAM_MAGIC 0x67696d70u /* "pmig" */
#define DATAGRAM_ADDRESS 128
#define DATAGRAM_CONTROL 256
#define DATAGRAM_HEAD 12
#define DATAGRAM_PACKED_MAX (DATAGRAM_HEAD + DATAGRAM_ADDRESS + DATAGRAM_CONTROL) /* without the payload */
#define DATAGRAM_PAYLOAD_MAX (415u << 10) /* more than the kernel's own limits let be sent: socket(7), wmem_max */

enum datagram_word {
	DATAGRAM_DATA =
		1,      /* the payload; address: whom it is from or for, none: the peer; flags: of the call that sends it */
	DATAGRAM_ERROR, /* to the program: the next call fails with that errno, as after an ICMP message */
	DATAGRAM_CONNECT, /* to the holder: connect(2) with the address; none: no peer any more */
	DATAGRAM_LOCAL,   /* to the program: the address is its own from now on */
	DATAGRAM_NOTE,    /* to the holder: the control is a note (socket_note.h), an option for the socket */
	DATAGRAM_SHUT,    /* to the holder: shutdown(2), how in `error` */
	DATAGRAM_LAST = DATAGRAM_SHUT
};

struct datagram_frame {
	uint32_t magic; /* DATAGRAM_MAGIC: what comes without it from a program is a payload for the peer, sent by a library */
	uint32_t word, flags;
	int32_t error;
	uint32_t address_size, control_size;
	unsigned char address[DATAGRAM_ADDRESS];
	_Alignas(8) unsigned char control[DATAGRAM_CONTROL];
};

/* Whether sizes and word are within their bounds. */
static inline bool datagram_frame_sound(const struct datagram_frame *f)
{
	return f->magic == DATAGRAM_MAGIC && f->word >= DATAGRAM_DATA && f->word <= DATAGRAM_LAST &&
		f->address_size <= DATAGRAM_ADDRESS && f->control_size <= DATAGRAM_CONTROL;
}

/* Writes head, address and control of a sound frame to `to` (DATAGRAM_PACKED_MAX bytes); their bytes. */
static inline size_t datagram_frame_pack(unsigned char *to, const struct datagram_frame *f)
{
	const uint16_t sizes[3] = {
		htole16((uint16_t)f->address_size), htole16((uint16_t)f->control_size), htole16((uint16_t)f->flags)};
	const uint32_t error = htole32((uint32_t)f->error);
	to[0] = (unsigned char)f->word;
	to[1] = 0;
	memcpy(to + 2, sizes, sizeof sizes);
	memcpy(to + 8, &error, sizeof error);
	memcpy(to + DATAGRAM_HEAD, f->address, f->address_size);
	memcpy(to + DATAGRAM_HEAD + f->address_size, f->control, f->control_size);
	return DATAGRAM_HEAD + f->address_size + f->control_size;
}

/* The reverse; *ret_payload: where it begins. False: it is no such message. */
static inline bool datagram_frame_unpack(const unsigned char *from, size_t size, struct datagram_frame *ret,
	size_t *ret_payload)
{
	uint16_t sizes[3];
	uint32_t error;
	if (size < DATAGRAM_HEAD)
		return false;
	memcpy(sizes, from + 2, sizeof sizes);
	memcpy(&error, from + 8, sizeof error);
	ret->word = from[0];
	ret->address_size = le16toh(sizes[0]);
	ret->control_size = le16toh(sizes[1]);
	ret->flags = le16toh(sizes[2]);
	ret->error = (int32_t)le32toh(error);
	ret->magic = DATAGRAM_MAGIC;
	if (!datagram_frame_sound(ret) || size - DATAGRAM_HEAD < ret->address_size + ret->control_size)
		return false;
	memcpy(ret->address, from + DATAGRAM_HEAD, ret->address_size);
	memcpy(ret->control, from + DATAGRAM_HEAD + ret->address_size, ret->control_size);
	/* It goes on as a whole: nothing of whoever unpacks it goes with it. */
	memset(ret->address + ret->address_size, 0, sizeof ret->address - ret->address_size);
	memset(ret->control + ret->control_size, 0, sizeof ret->control - ret->control_size);
	*ret_payload = DATAGRAM_HEAD + ret->address_size + ret->control_size;
	return true;
}

#endif
