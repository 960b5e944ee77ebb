/* decide: which strategy a resource gets where no planner has decided: a checkpoint to a file, the test mode, or what was opened
 * after the plan. Pure, from what is known of it, by the same table as the planner's (base/tbl/strategy.h); what the target has is not
 * known here, so that a choice which asks for it is left to the kind. */
#ifndef PMIG_RESOURCE_DECIDE_H
#define PMIG_RESOURCE_DECIDE_H

#include <pmig/kind.h>
#include <stddef.h>

/* The strategy for `r`, described. References cannot be set up without a plan: only what describe() says is `kept` may be referred
 * to. `why` (of `size` bytes) gets a clause that says why, also for PMIG_REFUSE. */
enum pmig_strategy decide_strategy(const struct pmig_resource *r, char *why, size_t size);

/* Whether its kind has the operation of that strategy. */
bool decide_can(const struct pmig_kind *k, enum pmig_strategy s);

#endif
