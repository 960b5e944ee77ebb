/* plan_show: a plan as text for people and as JSON for programs. */
#ifndef PMIG_REGISTRY_PLAN_SHOW_H
#define PMIG_REGISTRY_PLAN_SHOW_H

#include "plan.h"
#include <stdio.h>

struct plan_show_options {
	int columns;       /* width of the terminal; 0: lines as long as they get */
	bool alternatives; /* also what was beaten, and why */
};

/* A table: each resource with its cell, strategy and prices, below it what it is, the reason, a warning; then what must stay up, what
 * nobody declared, and the verdict. PMIG_EIO: `out` failed. PMIG_ENOMEM. */
int plan_show_text(const struct plan *plan, const struct plan_show_options *options, FILE *out) PMIG_MUST_CHECK;

/* One JSON object; its members are in the manual page of `pmig plan`, and a test compares. PMIG_ENOMEM, PMIG_EIO. */
int plan_show_json(const struct plan *plan, FILE *out) PMIG_MUST_CHECK;

/* What the program did with one of the resources; strategy 0: not known. */
struct plan_done {
	enum pmig_strategy strategy;
	unsigned how; /* PMIG_KEPT | PMIG_DROPPED */
};

/* Writes what was decided, with reasons and alternatives, as rows of hand-over `handover`, and beside it what was done: one for each
 * decision, NULL: nothing yet. Errors of decision_put(), and PMIG_ENOMEM. */
int plan_show_record(const struct plan *plan, const struct plan_done *done, struct pmig_store *store,
	const char *handover) PMIG_MUST_CHECK;

#endif
