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

/* Writes what was decided, with reasons and alternatives, as rows of hand-over `handover`. Errors of decision_put(), and
 * PMIG_ENOMEM. */
int plan_show_record(const struct plan *plan, struct pmig_store *store, const char *handover) PMIG_MUST_CHECK;

#endif
