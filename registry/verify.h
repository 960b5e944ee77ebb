/* verify: whether a registry is sound: the file, its tables, what belongs together, every value, and states that cannot be. */
#ifndef PMIG_REGISTRY_VERIFY_H
#define PMIG_REGISTRY_VERIFY_H

#include "runtime/base/error.h"

struct database;

#define VERIFY_FINDINGS_MAX 100 /* of one check */

/* Calls `tell` for each check, with what it found: sentence NULL where all is well. Reads only. Returns the number of findings, or what
 * kept it from looking (PMIG_ECORRUPT: the file cannot be read on). */
int verify_run(struct database *db, void (*tell)(void *context, const char *check, const char *finding),
	void *context) PMIG_MUST_CHECK;

#endif
