/* agent_accept: listeners that stayed at their host. Included by files of the agent only.
 *
 * At the holder: what connects to the old address is accepted here, never more than a backlog ahead of the program, becomes a held
 * connection, and is told by CHANNEL_OPEN (channel_open.h); the label (socket_label.h) says who it is. Its bytes follow at once; until the
 * other end has said a word they may be lost on the way and sent again, and the connection can be offered to whatever host the
 * program has gone to meanwhile. hello says of each channel what is "incoming".
 *
 * Where the program runs: its number is a unix socket that listens, a "door". CHANNEL_OPEN becomes a connection to that, whose socket is an
 * end of the channel, or is answered by CHANNEL_REFUSED; what was refused because the door is full, or because the program stands still, is
 * worth to be tried again after CHANNEL_TAKES. The door lies in the state directory, where nobody else comes; what has come in and was
 * not accepted when the program is frozen goes along in the image (agent_accept_pending) and is put into the next door.
 *
 * Back at the holder the program gets the socket itself, and, if something has come in that it did not accept, a door for that. */
#ifndef PMIG_TRANSPORT_AGENT_ACCEPT_H
#define PMIG_TRANSPORT_AGENT_ACCEPT_H

#include "../runtime/base/socket_label.h"
#include "../runtime/base/socket_sort.h"
#include "agent_reference.h"

/* Where an accepted connection is to go. */
struct accepted {
	uint64_t listener;
	char label[SOCKET_LABEL_TEXT], peer[SOCKET_TEXT_MAX];
};

/* --- agent_accept.c: at the holder --- */
void agent_accept_all(struct agent *a);               /* the program is elsewhere: what is held begins to accept */
void agent_accept_stop(struct agent *a, uint64_t id); /* for that listener: it comes back, or is let go */
void agent_accept_end(struct agent *a);               /* for all */
void agent_accept_taken(struct end *e); /* the other end of an accepted connection has said a word, or this one is gone */
json_t *agent_accept_describe(const struct end *e); /* what the event says; NULL: it is with the program already */

/* --- agent_door.c: where the program runs --- */
/* From the program: CONTROL_DOOR, CONTROL_PENDING, CONTROL_OFFER. False: it is none of them. < 0 in *ret_code: with pmig_reason(). */
bool agent_door_message(struct agent *a, const struct control_message *m, int fd, int *ret_code);
void agent_door_firm(struct agent *a);              /* the program runs elsewhere for good */
void agent_door_gone(const struct end *e);          /* it is dropped: what waits in a door may have it */
void agent_door_undo(struct agent *a);              /* the program goes on here: its doors are open again */
void agent_door_begin(struct agent *a);             /* it is about to run here */
void agent_door_lose(struct agent *a);              /* it does not, or has ended: what is held here accepts again */
void agent_door_drop(struct agent *a, uint64_t id); /* that listener is not used any more, or not held */
int agent_door_open(struct agent *a,
	const struct channel_packet *k) PMIG_MUST_CHECK; /* CHANNEL_OPEN; < 0: the conversation is over */
void agent_door_takes(struct agent *a); /* the program has accepted something, or goes on: who was refused hears it */
bool agent_door_drains(struct agent *a, uint64_t id); /* the program still has a door for what is held here */
void agent_door_end(struct agent *a);

#endif
