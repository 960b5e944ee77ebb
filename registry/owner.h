/* owner: who owns a process, as fencing tokens: claim and bar of epochs. Contract: struct pmig_store in <pmig/port.h>.
 * (M. Burrows: The Chubby lock service, OSDI 2006, section 2.4: sequencers.) */
#ifndef PMIG_REGISTRY_OWNER_H
#define PMIG_REGISTRY_OWNER_H

#include "database.h"
#include <pmig/port.h>

int owner_get(struct database *db, const char *process, struct pmig_owner *ret_owner) PMIG_MUST_CHECK;
int owner_claim(struct database *db, const char *process, uint64_t epoch, const char *host) PMIG_MUST_CHECK;
int owner_bar(struct database *db, const char *process, uint64_t epoch) PMIG_MUST_CHECK;

#endif
