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

/* Whether this process had a child, which may go on without it and share memory. */
bool sharing_had_child(void);

/* Whether another process has mapped the file or memory; who that is. Processes of other users cannot be seen. */
bool sharing_mapped(dev_t device, ino_t inode, char *who, size_t size);

#endif
