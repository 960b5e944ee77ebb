/* announce: tells the agent what was declared and withdrawn: CONTROL_RESOURCE, CONTROL_WITHDRAW (control.h). */
#ifndef PMIG_RESOURCE_ANNOUNCE_H
#define PMIG_RESOURCE_ANNOUNCE_H

#include "declare.h"

void announce_declared(const struct declared *e);
void announce_match(size_t index, const struct pmig_match *m);
void announce_withdrawn(uint32_t slot);
void announce_reference(const struct declared *e); /* where the thing of a handle is */

#endif
