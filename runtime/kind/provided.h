/* provided: what the kinds of handles share of which a target has its own: the handle is a text that says which one the program uses (a path, a
 * queue, a command); after a move it is the text of the target's, in the arena. */
#ifndef PMIG_KIND_PROVIDED_H
#define PMIG_KIND_PROVIDED_H

#include "../base/error.h"

#include <pmig/kind.h>

int provided_match(const struct pmig_resource *r); /* no descriptor is one */
int provided_handle(struct pmig_resource *r);
int provided_describe(struct pmig_resource *r);
int provided_rebind(struct pmig_resource *r, struct pmig_reader *in);

/* The program uses `locator` (copied) from now on. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int provided_use(struct pmig_resource *r, const char *locator);

#endif
