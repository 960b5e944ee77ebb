/* agent_reference_work: the operations of runtime/reference/protocol.h, one after the other; no conversation here. */
#ifndef PMIG_TRANSPORT_AGENT_REFERENCE_WORK_H
#define PMIG_TRANSPORT_AGENT_REFERENCE_WORK_H

#include "runtime/reference/protocol.h"

#include <stdbool.h>
#include <stddef.h>

/* What one conversation has open. Handle 0 is the held file; -1: free. */
struct agent_reference_files {
	int fds[PROTOCOL_HANDLES];
	bool fresh[PROTOCOL_HANDLES]; /* may have been created here, and its name is not known to be durable */
};

/* One request and where its answer goes. */
struct agent_reference_work {
	struct agent_reference_files *files;
	const struct protocol_request *q;
	const unsigned char *data; /* q->size bytes */
	int fd;                    /* of q->handle */
	unsigned char *out;        /* agent_reference_work_room() bytes */
	struct protocol_answer r;  /* zero but for id; size: of what was put at out */
};

/* Whether the head is one that a client of this version sends: what is not, ends the conversation. */
bool agent_reference_work_sound(const struct protocol_request *q);

/* The bytes that the payload of the answer may need. */
size_t agent_reference_work_room(const struct protocol_request *q);

/* Carries it out. */
void agent_reference_work_do(struct agent_reference_work *w);

void agent_reference_work_close(struct agent_reference_files *files); /* all but the held one */

#endif
