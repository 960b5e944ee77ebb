/* agent_accept: listeners that stayed at their host. Included by files of the agent only.
 *
 * At the holder: what connects to the old address is accepted here, never more than a backlog ahead of the program, becomes a held
 * connection, and is told by {"event": "incoming", reference, listener, channel, label, locator}; the label (socket_label.h) says who
 * it is. Its bytes are sent at once; until the other end has said a word they may be lost on the way and sent again, and the connection
 * can be offered to whatever host the program has gone to meanwhile.
 *
 * Where the program runs: its number is a unix socket that listens, a "door". The request "incoming" is a connection to that,
 * whose socket is an end of the channel. The door lies in the state directory, where nobody else comes; what has come in and was
 * not accepted when the program is frozen goes along in the image (agent_accept_pending) and is put into the next door.
 *
 * Back at the holder the program gets the socket itself, and, if something has come in that it did not accept, a door for that. */
#ifndef PMIG_TRANSPORT_AGENT_ACCEPT_H
#define PMIG_TRANSPORT_AGENT_ACCEPT_H

#include "agent_reference.h"

/* From the program: CONTROL_DOOR, CONTROL_PENDING, CONTROL_OFFER. False: it is none of them. < 0 in *ret_code: with pmig_reason(). */
bool agent_accept_message(struct agent *a, const struct control_message *m, int fd, int *ret_code);

void agent_accept_firm(struct agent *a);  /* the program runs elsewhere: what is held begins to accept */
void agent_accept_undo(struct agent *a);  /* the program goes on here: its doors are open again */
void agent_accept_begin(struct agent *a); /* it is about to run here */
void agent_accept_lose(struct agent *a);  /* it does not, or has ended: doors go, what is held here accepts again */
void agent_accept_drop(struct agent *a, uint64_t id); /* that listener is not used any more, or not held */
void agent_accept_end(struct agent *a);               /* all of it */
void agent_accept_taken(struct end *e); /* the other end of an accepted connection has said a word, or this one is gone */
json_t *agent_accept_describe(const struct end *e); /* what the event says; NULL: it is with the program already */

#endif
