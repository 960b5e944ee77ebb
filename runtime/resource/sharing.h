/* sharing: whether another process has what a descriptor leads to. Looking through /proc costs milliseconds, so it is
 * done only where sharing is possible: after this process has had a child, for what the launcher gave, and for files
 * that somebody else has open. */
#ifndef PMIG_RESOURCE_SHARING_H
#define PMIG_RESOURCE_SHARING_H

#include "../base/error.h"

#include <pmig/kind.h>

/* In a process that starts, before the program opens anything; in one that is restored. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int sharing_start(void);
PMIG_MUST_CHECK int sharing_watch(void);

/* Whether the launcher passed it on to this process (regular files aside, which matter to nobody else). */
bool sharing_inherited(const struct stat *st);

/* As descriptor_elsewhere(), of r; sets r->shared and r->shared_with. */
void sharing_describe(struct pmig_resource *r, bool writing);

#endif
