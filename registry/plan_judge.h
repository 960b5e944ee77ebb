/* plan_judge: whether one choice of a resource's cell is possible and within the limits, and if not, why, in words. Pure; the
 * planner's own (plan.c). */
#ifndef PMIG_REGISTRY_PLAN_JUDGE_H
#define PMIG_REGISTRY_PLAN_JUDGE_H

#include "plan.h"
#include "pool.h"

/* A plan in the making. */
struct plan_work {
	struct plan *plan;
	struct plan_price used; /* by the decisions so far, as far as it is known */
	struct pool *pool;
	const struct plan_rules *rules;
	const struct plan_facts *facts;
	const struct plan_limits *limits;
};

/* One resource and one choice of its cell. */
struct plan_candidate {
	const struct plan_resource *resource;
	const struct strategy_choice *choice;
	struct plan_price price;
};

/* Why the candidate is not possible, NULL where it is. The text is the pool's or static. */
const char *plan_judge(struct plan_work *w, const struct plan_candidate *c);

/* Where the resource is: at the source, or where a reference leads already. */
const char *plan_judge_place(const struct plan_work *w, const struct plan_resource *r);

/* Whether a policy orders this choice, and where: PLAN_ORDER_MAX for one that it leaves out. */
bool plan_judge_is_ordered(const struct plan_candidate *c);
size_t plan_judge_rank(const struct plan_candidate *c);

/* One figure against one limit (0: none); what is not known breaks none. */
bool plan_judge_beyond(double used, double more, double limit);

#endif
