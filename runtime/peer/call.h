/* call: the side of a conversation that makes its connections: finds the other at one of the addresses that are known of it. */
#ifndef PMIG_PEER_CALL_H
#define PMIG_PEER_CALL_H

#include "peer/talk.h"

/* Does all that can be done without waiting. < 0: the conversation has failed for good. */
int pmig_peer_call_work(struct pmig_peer *p);

/* Waits until there may be something to do: at most `timeout` milliseconds, < 0: no limit. Returns 1; 0: a signal came, or the time is over. */
int pmig_peer_call_wait(struct pmig_peer *p, int timeout);

void pmig_peer_call_destroy(struct call *c);

#endif
