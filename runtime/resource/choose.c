/* choose: what is done with one thing, as planned or by the program's own rules. */
#include "choose.h"

#include "../base/strategy.h"
#include "decide.h"

#include <string.h>

void choose_policy(struct pmig_resource *r, const struct decision_record *p)
{
	struct pmig_declaration *d = &r->declaration;
	if (r->declared || p == NULL || (p->flags & DECISION_POLICY) == 0)
		return;
	d->binding = (enum pmig_binding)p->binding;
	d->attachment = (enum pmig_attachment)p->attachment;
	d->consent = p->consent;
	d->shared = (p->flags & DECISION_SHARED) != 0;
	d->secret = (p->flags & DECISION_SECRET) != 0;
	d->type = planned_text(p->type);
	r->declared = true;
}

/* Whether it means what the plan took it to mean. */
static int check_meaning(const struct pmig_resource *r, const struct decision_record *p)
{
	const struct pmig_declaration *d = &r->declaration;
	if (strcmp(r->kind->name, planned_text(p->kind)) != 0)
		return error_set(PMIG_EREFUSED, "the plan took it for a %s, and now it is a %s; move again",
			planned_text(p->kind), r->kind->name);
	if ((p->flags & DECISION_UNDECLARED) != 0 && r->declared)
		return error_set(PMIG_EREFUSED, "it was declared after the plan was made; move again");
	if (p->binding != d->binding || p->attachment != d->attachment)
		return error_set(PMIG_EREFUSED, "the plan took it as %s, and now it is %s; move again",
			strategy_cell((enum pmig_binding)p->binding, (enum pmig_attachment)p->attachment, false),
			strategy_cell(d->binding, d->attachment, false));
	if (r->shared && (p->flags & (DECISION_SHARED | DECISION_SHARED_FOUND)) == 0 && p->strategy == PMIG_MOVE)
		return error_set(PMIG_EREFUSED, "it is shared now%s%s, which it was not when the plan was made; move again",
			r->shared_with[0] != '\0' ? " with " : "", r->shared_with);
	if (p->most != 0 && r->size > p->most)
		return error_set(PMIG_EREFUSED,
			"it has grown to %llu bytes since the plan was made, and the limits allow %llu",
			(unsigned long long)r->size, (unsigned long long)p->most);
	return 0;
}

static int as_planned(struct pmig_resource *r, const struct decision_record *p)
{
	int error = check_meaning(r, p);
	if (error < 0)
		return error;
	r->strategy = (enum pmig_strategy)p->strategy;
	r->kept = (p->flags & DECISION_KEPT) != 0;
	r->dropped = (p->flags & DECISION_DROPPED) != 0;
	r->there = planned_text(p->there);
	r->content = planned_text(p->content);
	if (r->strategy == PMIG_REFUSE)
		return error_set(PMIG_EREFUSED, "the plan refuses to move it");
	if (r->declaration.secret && (r->strategy == PMIG_MOVE || r->strategy == PMIG_COPY))
		return error_set(PMIG_EREFUSED, "the plan says %s, and it is secret", strategy_name(r->strategy));
	if (!choose_empty(r) && !decide_can(r->kind, r->strategy))
		return error_set(PMIG_EREFUSED, "the plan says %s, which this program cannot do with a %s",
			strategy_name(r->strategy), r->kind->name);
	return 0;
}

/* A connection that came in after the plan was made: it cannot leave its machine, and a plan would have found nothing else. Where there is a
 * plan, there is a move, and somebody who sets references up. */
static bool stays(const struct pmig_resource *r)
{
	const struct pmig_declaration *d = &r->declaration;
	return planned_exists() && !r->declared && d->binding == PMIG_BY_IDENTIFIER && d->attachment == PMIG_FIXED &&
		decide_can(r->kind, PMIG_REFER);
}

static int by_own_rules(struct pmig_resource *r, bool other)
{
	char why[300];
	if (stays(r)) {
		r->strategy = PMIG_REFER;
		return 0;
	}
	bool late = planned_exists();
	const char *when = !late ? ""
		: other          ? "it took the place of what was there when the plan was made: "
				 : "it was opened after the plan was made: ";
	r->strategy = decide_strategy(r, why, sizeof why);
	if (r->strategy == PMIG_REFUSE && (r->declaration.consent & PMIG_LOSS) != 0 && r->declaration.strategy == 0) {
		r->strategy = PMIG_REBIND; /* to nothing */
		r->dropped = true;
		return 0;
	}
	if (r->strategy == PMIG_REFUSE)
		return error_set(PMIG_EREFUSED, "%s%s", when, why);
	if (late && r->declared && r->strategy == PMIG_REBIND)
		return error_set(PMIG_EREFUSED,
			"%sit would be rebound, and the target was not asked what it has; move again", when);
	return 0;
}

int choose_strategy(struct pmig_resource *r, const struct decision_record *p, bool other, bool hook)
{
	r->there = r->content = "";
	if (r->declaration.secret && !hook)
		return error_set(PMIG_EREFUSED, "it is secret, and its declaration has no hook that obtains it anew");
	if (p != NULL && (p->flags & DECISION_PART) == 0)
		return as_planned(r, p);
	if (r->declaration.secret) {
		r->strategy = PMIG_REBIND;
		return 0;
	}
	return by_own_rules(r, other && p == NULL);
}

bool choose_empty(const struct pmig_resource *r)
{
	return r->dropped || (r->declaration.secret && r->strategy == PMIG_REBIND);
}
