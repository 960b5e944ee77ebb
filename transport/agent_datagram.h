/* agent_datagram: the two ends of a channel of datagrams: towards the program, frames as it has them, and at the holder, the socket that
 * stayed (runtime/reference/datagram_frame.h). */
#ifndef PMIG_TRANSPORT_AGENT_DATAGRAM_H
#define PMIG_TRANSPORT_AGENT_DATAGRAM_H

#include "channel.h"

extern const struct channel_messages agent_datagram_program; /* either end of agent_datagram_pair() */
extern const struct channel_messages agent_datagram_socket;  /* a socket of datagrams or of packets */

/* Two ends for frames, with as much room as the kernel gives. PMIG_EIO. */
int agent_datagram_pair(int ret_ends[2]) PMIG_MUST_CHECK;

#endif
