/* decide: which strategy a resource gets: pure, from what is known of it. The cells are those of Fuggetta, Picco and
 * Vigna (IEEE TSE 24(5), 1998), each with its choices in order of preference. What the planner decided takes
 * precedence over all of it. */
#ifndef PMIG_RESOURCE_DECIDE_H
#define PMIG_RESOURCE_DECIDE_H

#include <pmig/kind.h>
#include <stddef.h>

/* The strategy for `r`, described. `why` (of `size` bytes) gets a clause that says why, also for PMIG_REFUSE. */
enum pmig_strategy decide_strategy(const struct pmig_resource *r, char *why, size_t size);

#endif
