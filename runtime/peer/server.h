/* server: the side of a conversation that is found: listens, and goes on with whoever proves to be who it says. */
#ifndef PMIG_PEER_SERVER_H
#define PMIG_PEER_SERVER_H

#include "peer/talk.h"

/* Does all that can be done for one conversation without waiting. < 0: it has failed for good. */
int pmig_peer_server_work(struct pmig_peer *p);

/* What this server says of itself when its epoch is that one: who knows it has heard a copy that was there. */
uint64_t pmig_peer_server_token(const struct pmig_peer_server *s, uint64_t epoch);

#endif
