/* rules: the table of strategies as in force, for people and for programs. */
#ifndef PMIG_REGISTRY_RULES_H
#define PMIG_REGISTRY_RULES_H

#include "plan.h"
#include <jansson.h>
#include <stdio.h>

/* An array of eighteen {"binding", "attachment", "shared", "choices"}; the manual page of `pmig registry` describes it. NULL: no memory. */
json_t *rules_json(const struct plan_rules *rules);

/* The nine cells, then each choice with its condition and its words, then what a resource means that nobody declared. PMIG_ENOMEM,
 * PMIG_EIO. */
int rules_text(const struct plan_rules *rules, int columns, FILE *out) PMIG_MUST_CHECK;

#endif
