/* standard: what the launcher gave as descriptors 0, 1 and 2. */
#ifndef PMIG_KIND_STANDARD_H
#define PMIG_KIND_STANDARD_H

#include "../base/error.h"

#include <pmig/kind.h>

/* Remembers what 0, 1 and 2 are now, in the arena. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int standard_remember(void);

/* During a restore the launcher's three are kept aside, so that the program's own use of the numbers 0 to 2 can be
 * made anew. In between, standard_kept(i) is a descriptor not below `above`, or -1 if the launcher gave none. */
PMIG_MUST_CHECK int standard_keep(int above);
int standard_kept(int i);
void standard_drop(void);

/* The descriptor that number `n` of `r` leads to, -1: r->fd as for any other. A terminal is all three at once; where
 * the launcher of the restored process gives three different things, each number gets its own. */
int standard_number(const struct pmig_resource *r, int n);

#endif
