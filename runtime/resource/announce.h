/* announce: tells the agent what was declared and withdrawn, as many as a message has room for: CONTROL_RESOURCE (control.h).
 *
 * Normal usage: announce_*() for each, then announce_flush(). */
#ifndef PMIG_RESOURCE_ANNOUNCE_H
#define PMIG_RESOURCE_ANNOUNCE_H

#include "declare.h"

void announce_declared(const struct declared *e);
void announce_match(size_t index, const struct pmig_match *m);
void announce_withdrawn(uint32_t slot);
void announce_flush(void);

/* A handle whose thing is at another host: CONTROL_REFERS. */
void announce_reference(const struct declared *e);

#endif
