/* plan_limits: what a user allows a move to cost, as options of the command line, as words, and as JSON between the verbs and the
 * supervisor.
 *
 * Normal usage, of a verb: plan_limits_parse() for each option that was given, then plan_limits_json() into the request. Of the
 * supervisor: plan_limits_from_json(), then plan_make(). */
#ifndef PMIG_REGISTRY_PLAN_LIMITS_H
#define PMIG_REGISTRY_PLAN_LIMITS_H

#include "plan.h"
#include <jansson.h>

/* Sets the limit that the option (without its dashes) is for:
 *   max-reference   20MB/s, 100Mbit/s or 10%: of the link, for all references together
 *   max-transfer    1GB: what goes to the target, the image included
 *   max-before, max-frozen    2s, 500ms: in all
 *   max-slowdown    50%: of the run, by one reference
 *   remaining       2h: how long the process will run on
 * Units: B kB MB GB TB of a thousand, KiB MiB GiB TiB of 1024, kbit Mbit Gbit; us ms s min h d. A number without a unit is bytes or
 * seconds. PMIG_EINVAL: no such option, or a value that is none, with what was expected. */
int plan_limits_parse(struct plan_limits *limits, const char *option, const char *value) PMIG_MUST_CHECK;

/* Only what is limited. NULL: no memory. */
json_t *plan_limits_json(const struct plan_limits *limits);

/* NULL is no limit at all. PMIG_EINVAL: not such an object; `limits` is untouched. */
int plan_limits_from_json(const json_t *object, struct plan_limits *ret_limits) PMIG_MUST_CHECK;

#endif
