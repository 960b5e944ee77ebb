/* service_at: what the kinds "service" and "url" share: the handle is the text by which the program reaches a service; after a move it
 * is the text by which it does now, in the arena. Connections are the program's: it closes them in its `before` hook, or has none at
 * a safe point, and connects anew in `after` by what its variable says then. */
#ifndef PMIG_KIND_SERVICE_AT_H
#define PMIG_KIND_SERVICE_AT_H

#include "../base/error.h"

#include <pmig/kind.h>

int service_at_match(const struct pmig_resource *r);
int service_at_handle(struct pmig_resource *r);
int service_at_ready(struct pmig_resource *r); /* PMIG_EBUSY: a connection to it is open */
int service_at_describe(struct pmig_resource *r);

/* Kept, where the target reaches it too, else held here: a connection made at the target comes out here. */
int service_at_save(struct pmig_resource *r, struct pmig_writer *w);
int service_at_refer(struct pmig_resource *r, struct pmig_reader *in);

/* What the target provides: all of its text where that is a URL too, else its address in the place of the one that was declared. */
int service_at_rebind(struct pmig_resource *r, struct pmig_reader *in);

#endif
