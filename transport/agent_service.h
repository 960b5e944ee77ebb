/* agent_service: connections of the program to services that it declared (kinds "service" and "url"). */
#ifndef PMIG_TRANSPORT_AGENT_SERVICE_H
#define PMIG_TRANSPORT_AGENT_SERVICE_H

#include "agent_parts.h"

/* Is `row`, of a socket, a connection to one of `declared`, where it is reached now? The program closes it before the freeze, and
 * connects again: it is no resource of its own. */
bool agent_service_has(const struct agent *a, const json_t *declared, const json_t *row);

#endif
