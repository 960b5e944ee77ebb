/* server: the side of a conversation that is found: listens, and goes on with whoever proves to be who it says. */
#ifndef PMIG_PEER_SERVER_H
#define PMIG_PEER_SERVER_H

#include "peer/talk.h"

/* Does all that can be done for one conversation without waiting. < 0: it has failed for good. */
int pmig_peer_server_work(struct pmig_peer *p);

#endif
