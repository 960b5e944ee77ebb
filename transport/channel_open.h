/* channel_open: the first word of the channel of a connection that was accepted for a program elsewhere: who it is, through which listener it
 * came, and for which epoch of the program it is. Neither end has sent a byte before it, so what the holder reads of the connection
 * may follow at once.
 *
 * The holder sends it to home, with epoch 0; home sends it to where the program runs, with the epoch that it knows. The answer is any word of
 * that channel, or CHANNEL_REFUSED with that epoch as its offset. PMIG_EBUSY: not now, the agent tells by CHANNEL_TAKES when it is worth
 * to try again. */
#ifndef PMIG_TRANSPORT_CHANNEL_OPEN_H
#define PMIG_TRANSPORT_CHANNEL_OPEN_H

#include "../runtime/base/socket_label.h"
#include "../runtime/base/socket_sort.h"
#include "channel.h"

struct channel_opening {
	uint64_t channel, listener, epoch;
	struct socket_label label;     /* its `id` is the reference: the connection, as it is held */
	char locator[SOCKET_TEXT_MAX]; /* who connected, for people: UTF-8 */
};

/* After CHANNEL_HEAD, little-endian: u64 listener, u8 bytes of the label, the label as the name that the agent binds (socket_label.h, without
 * the NUL before it), and the locator up to the end. `offset` is the epoch, `code` 0. */
#define CHANNEL_OPEN_MAX \
	(CHANNEL_HEAD + sizeof(uint64_t) + 1 + sizeof(((struct sockaddr_un *)NULL)->sun_path) + SOCKET_TEXT_MAX)
struct packet channel_open_put(const struct channel_opening *o, unsigned char buffer[CHANNEL_OPEN_MAX]);
int channel_open_get(const struct channel_packet *p, struct channel_opening *ret) PMIG_MUST_CHECK; /* PMIG_EPROTOCOL */

#endif
