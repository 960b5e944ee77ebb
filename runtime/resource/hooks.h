/* hooks: calls what declarations want to be called before and after a checkpoint, and to obtain a secret anew. In the order of declaration,
 * those at file scope first; `after` in the reverse order. */
#ifndef PMIG_RESOURCE_HOOKS_H
#define PMIG_RESOURCE_HOOKS_H

#include "../base/error.h"

/* If one refuses, those already asked get after(PMIG_FAILED). PMIG_EBUSY with the name of the one that refused. */
PMIG_MUST_CHECK int hooks_before(void);

/* strategy and locator of the news are filled in for each. A hook's failure is reported on standard error by name. */
void hooks_after(const struct pmig_news *news);

/* In another process, before any other hook: the `secret` hooks of what was left out of the image. The descriptor of a secret has its
 * number still, and leads nowhere: the hook puts the thing there with dup2(), and the declaration stays. */
void hooks_secrets(void);

#endif
