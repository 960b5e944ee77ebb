/* agent_connection: connections that stayed at their host (REFERENCE_CONNECTION): what their ends do besides carrying bytes. Included by
 * files of the agent only. */
#ifndef PMIG_TRANSPORT_AGENT_CONNECTION_H
#define PMIG_TRANSPORT_AGENT_CONNECTION_H

#include "agent_reference.h"

/* A descriptor for the holder's end: a duplicate of the held one. */
int agent_connection_serve(const struct held *h, int *ret_fd) PMIG_MUST_CHECK;

/* The held socket is ours alone to read from now on: its urgent bytes come in their place, and it is read as soon as a byte is there. */
void agent_connection_firm(const struct held *h);

/* Urgent bytes of our side of the program's socket are read in their place. */
void agent_connection_inline(int fd);

/* A note for the holder has reached its place: an option is set. Context: the end. */
void agent_connection_side(void *context, const void *note, size_t size);

/* The held socket takes so many bytes at once. False also where nothing tells. */
bool agent_connection_takes(const struct held *h, size_t size);

/* The program comes home, and is about to run: what its returning ends had sent is written to the sockets that it has itself now. */
void agent_connection_return(struct agent *a);

/* Before the freeze: the program takes what has come for it, for some milliseconds at most. */
void agent_connection_settle(struct agent *a);

/* The program's end has failed, or the peer's connection broke: when our side of it is closed, the program finds ECONNRESET there and not
 * an end as any other. */
void agent_connection_break(struct end *e);

#endif
