/* agent_database: what the planner must know of an SQLite database besides its size and users. */
#ifndef PMIG_TRANSPORT_AGENT_DATABASE_H
#define PMIG_TRANSPORT_AGENT_DATABASE_H

#include <jansson.h>

/* Into a row of the kind "database" whose file is `path`: "no_reference", where it has a write-ahead log, which a reference has no
 * shared memory for, and its declaration does not consent to losing that (PMIG_LOSS). */
void agent_database_add(const char *path, json_t *row);

#endif
