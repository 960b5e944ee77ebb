/* doubts: what the registry's list "doubts" has: hand-overs that nobody knows the outcome of, and copies that were given up. */
#ifndef PMIG_SUPERVISOR_DOUBTS_H
#define PMIG_SUPERVISOR_DOUBTS_H

#include "registry/store.h"

#include <jansson.h>

/* An array of objects, as `pmig registry --json doubts` prints them, of one process (its name or its UUID; NULL: of all); the caller's. */
int doubts_list(struct pmig_store *store, const char *process, json_t **ret_rows) PMIG_MUST_CHECK;

#endif
