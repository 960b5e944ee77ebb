/* decide: the strategy table, interpreted without a planner. */
#include "decide.h"

#include "../base/strategy.h"

#include <stdio.h>
#include <string.h>

bool decide_can(const struct pmig_kind *k, enum pmig_strategy s)
{
	switch (s) {
	case PMIG_MOVE:
		return k->move != NULL;
	case PMIG_COPY:
		return k->copy != NULL;
	case PMIG_REFER:
		return k->refer != NULL;
	case PMIG_REBIND:
		return k->rebind != NULL;
	case PMIG_REFUSE:
		return true;
	}
	return false;
}

static bool consents(const struct pmig_declaration *d, unsigned to)
{
	return (d->consent & to) == to;
}

/* What the program knows itself of a condition; of the target it knows nothing, and the kind tries. */
static bool holds(const struct strategy_choice *c, const struct pmig_resource *r)
{
	switch (c->condition) {
	case STRATEGY_KEPT:
		return r->kept;
	case STRATEGY_SECRET:
	case STRATEGY_DEAR_BYTES:
		return false;
	case STRATEGY_DIVERGENCE:
		return consents(&r->declaration, PMIG_DIVERGENCE);
	case STRATEGY_SNAPSHOT:
		return consents(&r->declaration, PMIG_SNAPSHOT);
	default:
		return true;
	}
}

static bool possible(const struct pmig_resource *r, enum pmig_strategy s)
{
	return decide_can(r->kind, s) && (s != PMIG_REFER || r->kept);
}

static enum pmig_strategy refuse(const struct pmig_resource *r, bool wants_reference, char *why, size_t size)
{
	const struct pmig_declaration *d = &r->declaration;
	bool named = r->shared && r->shared_with[0] != '\0';
	(void)snprintf(why, size, "%s (%s%s%s%s): %s", r->kind->name,
		strategy_cell(d->binding, d->attachment, !named && (r->shared || d->shared)),
		r->declared ? "" : ", undeclared", named ? ", shared with " : "", named ? r->shared_with : "",
		wants_reference ? "it would need a reference, which only a move sets up, by its plan"
				: "its kind has no operation for any strategy that is allowed");
	return PMIG_REFUSE;
}

/* What was demanded. */
static enum pmig_strategy demanded(const struct pmig_resource *r, char *why, size_t size)
{
	enum pmig_strategy s = r->declaration.strategy;
	if (!decide_can(r->kind, s)) {
		(void)snprintf(why, size, "declared: %s, which is impossible for a %s", strategy_name(s), r->kind->name);
		return PMIG_REFUSE;
	}
	if (!possible(r, s))
		return refuse(r, true, why, size);
	(void)snprintf(why, size, "declared: %s", strategy_name(s));
	return s;
}

enum pmig_strategy decide_strategy(const struct pmig_resource *r, char *why, size_t size)
{
	const struct pmig_declaration *d = &r->declaration;
	bool shared = r->shared || d->shared, wants_reference = false;
	if (d->strategy >= PMIG_MOVE && d->strategy <= PMIG_REFUSE)
		return demanded(r, why, size);
	if (d->binding < PMIG_BY_IDENTIFIER || d->binding > PMIG_BY_TYPE || d->attachment < PMIG_UNATTACHED ||
		d->attachment > PMIG_FIXED) {
		(void)snprintf(why, size, "%s: binding or attachment is not set", r->kind->name);
		return PMIG_REFUSE;
	}
	for (const struct strategy_choice *c = NULL; (c = strategy_next(c, d->binding, d->attachment, shared)) != NULL;) {
		if (!holds(c, r))
			continue;
		if (possible(r, c->strategy)) {
			(void)snprintf(why, size, "%s%s: %s", strategy_cell(d->binding, d->attachment, shared),
				r->declared ? "" : ", undeclared", strategy_name(c->strategy));
			return c->strategy;
		}
		wants_reference |= c->strategy == PMIG_REFER;
	}
	return refuse(r, wants_reference, why, size);
}
