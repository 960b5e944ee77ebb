/* start: `pmig run`: starts the program, here or at another host, where it and what it needs are put in place first. */
#ifndef PMIG_SUPERVISOR_START_H
#define PMIG_SUPERVISOR_START_H

#include "parts.h"

/* The agent is connected. supervisor_runs() follows, or supervisor_fail(). */
int start_begin(struct supervisor *s) PMIG_MUST_CHECK;
bool start_packet(struct supervisor *s, const struct remote *r, const struct packet *p); /* true: it was one of its own */
void start_room(struct supervisor *s);
void start_destroy(struct supervisor *s); /* what was under way; good also when nothing was */

#endif
