/* plan_show: a plan as text for people and as JSON for programs. */
#ifndef PMIG_REGISTRY_PLAN_SHOW_H
#define PMIG_REGISTRY_PLAN_SHOW_H

#include "plan.h"
#include <stdio.h>

/* One line per resource, its reason, its warning; `alternatives`: also what was beaten, and why. PMIG_EIO: `out` failed. */
int plan_show_text(const struct plan *plan, bool alternatives, FILE *out) PMIG_MUST_CHECK;

/* One JSON object: process, source, target, refusal, total, resources with their alternatives. PMIG_ENOMEM, PMIG_EIO. */
int plan_show_json(const struct plan *plan, FILE *out) PMIG_MUST_CHECK;

/* The alternatives of one decision as a JSON array, as they are kept in the registry; free(). NULL: no memory. */
char *plan_show_alternatives(const struct plan_decision *decision);

/* "move", "copy", "reference", "rebind", "refuse"; "none" for anything else. Static. */
const char *plan_show_strategy(enum pmig_strategy strategy);

#endif
