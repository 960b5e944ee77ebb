/* agent_tell: options that a program sets of sockets that stayed at other hosts, on their way there. Those of a connection go in order with
 * its bytes, as notes of its channel. One that listens has no channel: its options are told to home one after the other, by
 * {"event": "tell", reference, note}, which brings them to the holder by the request "tell" and says "told" when they are there; until
 * then hello has the first of them as "telling", and the program waits, for a moment at most. Included by files of the agent only. */
#ifndef PMIG_TRANSPORT_AGENT_TELL_H
#define PMIG_TRANSPORT_AGENT_TELL_H

#include "agent_reference.h"

/* From the program: CONTROL_TELL and CONTROL_NOTES. False: it is neither. < 0 in *ret_code: with pmig_reason(). */
bool agent_tell_message(struct agent *a, const struct control_message *m, int *ret_code);

json_t *agent_tell_describe(const struct agent *a); /* what home has not answered yet; NULL: nothing */
void agent_tell_end(struct agent *a);

#endif
