/* plan: the choices of each resource's cell tried in order, by facts and limits. Pure. */
#include "plan.h"
#include "figure.h"
#include "plan_judge.h"
#include "price.h"
#include "runtime/base/strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct owned_plan {
	struct plan plan; /* first: what the callers hold */
	struct pool pool;
};

/* A name for sentences: never empty, not longer than names are. */
static const char *name_or(struct pool *pool, const char *name, const char *otherwise)
{
	return name != NULL && *name != '\0' ? pool_format(pool, "%.255s", name) : otherwise;
}

/* --- one resource --- */

#define CANDIDATES_MAX 8 /* no cell has more, a test counts */

static bool is_shared(const struct plan_resource *r)
{
	return r->row.shared || (r->sharers.source != 0 && r->sharers.value > 0);
}

/* A choice that only some resources have is not worth a word where its premise is missing. */
static bool is_silent(const struct plan_candidate *c)
{
	return (c->choice->condition == STRATEGY_KEPT && c->resource->reached.source == 0) ||
		(c->choice->condition == STRATEGY_SECRET && !c->resource->row.secret);
}

/* By the order of a policy; choices of one strategy stay as the table has them. */
static void sort(struct plan_candidate *candidates, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t k = i;
			k > 0 && plan_judge_is_ordered(&candidates[k]) && plan_judge_is_ordered(&candidates[k - 1]) &&
			plan_judge_rank(&candidates[k]) < plan_judge_rank(&candidates[k - 1]);
			k--) {
			struct plan_candidate c = candidates[k];
			candidates[k] = candidates[k - 1];
			candidates[k - 1] = c;
		}
}

/* All choices of the cell with their prices. */
static size_t gather(struct plan_work *w, const struct plan_resource *r,
	struct plan_candidate ret_candidates[CANDIDATES_MAX])
{
	size_t n = 0;
	const struct strategy_choice *choice = NULL;
	const struct plan_rules *rules = w->rules;
	while (n < CANDIDATES_MAX &&
		(choice = strategy_next_in(rules->choices, rules->count, choice, r->row.binding, r->row.attachment,
			 is_shared(r))) != NULL) {
		struct plan_candidate c = {r, choice, price_of(r, choice, w->facts)};
		if (!is_silent(&c))
			ret_candidates[n++] = c;
	}
	sort(ret_candidates, n);
	return n;
}

static const char *warn(struct plan_work *w, const struct plan_resource *r, const struct strategy_choice *choice)
{
	if (choice->condition == STRATEGY_DIVERGENCE)
		return pool_format(w->pool, "the copy diverges from the original%s%.512s from the move on",
			r->shared_by != NULL && *r->shared_by != '\0' ? ", used by " : "",
			r->shared_by != NULL ? r->shared_by : "");
	if (choice->condition == STRATEGY_SNAPSHOT)
		return "the copy is a snapshot as of the freeze";
	bool goes_along = choice->strategy == PMIG_MOVE || choice->strategy == PMIG_COPY;
	if (!goes_along)
		return "";
	return r->note != NULL ? pool_copy(w->pool, r->note) : r->row.kind != NULL ? plan_note(r->row.kind) : "";
}

/* Who must stay up from then on. A reference that leads back to where the thing is becomes the thing again. */
static const char *remains(struct plan_work *w, const struct plan_candidate *c)
{
	const char *at = plan_judge_place(w, c->resource);
	if (c->choice->strategy != PMIG_REFER || c->choice->condition == STRATEGY_KEPT || strcmp(at, w->plan->target) == 0)
		return "";
	return pool_copy(w->pool, at);
}

/* The sum shows that a part of it is not known, but what is known still counts against the limits. */
static void use(struct plan_work *w, const struct plan_price *price)
{
	price_add(&w->plan->total, price);
	struct plan_price known = *price;
	double *const figures[] = {&known.before, &known.frozen, &known.share, &known.rate, &known.slowdown};
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		if (isnan(*figures[i]))
			*figures[i] = 0;
	price_add(&w->used, &known);
}

static void take(struct plan_work *w, struct plan_decision *d, const struct plan_candidate *c)
{
	d->strategy = c->choice->strategy;
	d->kept = c->choice->condition == STRATEGY_KEPT;
	d->stays = remains(w, c);
	d->reason = d->strategy == PMIG_REFER && !d->kept && *d->stays == '\0' ? "it is there: it is taken up again"
									       : c->choice->why;
	d->price = c->price;
	d->warning = warn(w, c->resource, c->choice);
	if (d->strategy == PMIG_REBIND || (d->strategy == PMIG_COPY && c->resource->same_content.value != 0))
		d->there = pool_copy(w->pool, c->resource->there);
	use(w, &c->price);
}

/* The sentence about a resource that cannot go: what each of its choices failed on. */
static const char *join(struct plan_work *w, const struct plan_alternative *all, size_t count)
{
	if (count == 1)
		return all[0].reason;
	const char *text = "";
	for (size_t i = 0; i < count; i++)
		text = pool_format(w->pool, "%s%s%s: %s", text, i > 0 ? "; " : "", strategy_name(all[i].strategy),
			all[i].reason);
	return text;
}

static void refuse(struct plan_work *w, struct plan_decision *d, const struct plan_resource *r, const char *reason)
{
	d->strategy = PMIG_REFUSE;
	d->reason = reason;
	if ((r->row.consent & PMIG_LOSS) && (r->operations & PLAN_CAN_DROP) && r->row.strategy != PMIG_REFUSE) {
		d->strategy = PMIG_REBIND;
		d->dropped = true;
		d->warning = "it is dropped, to which its declaration consents (PMIG_LOSS)";
		return;
	}
	if (w->plan->refusal == NULL)
		w->plan->refusal = pool_format(w->pool, "move refused: %.255s (%s): %s", d->name, d->cell, reason);
}

static bool has(const struct plan_alternative *all, size_t count, enum pmig_strategy strategy)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].strategy == strategy)
			return true;
	return false;
}

static void choose(struct plan_work *w, struct plan_decision *d, const struct plan_resource *r)
{
	struct plan_candidate candidates[CANDIDATES_MAX];
	size_t count = gather(w, r, candidates), beaten = 0;
	struct plan_alternative *alternatives = pool_take(w->pool, count * sizeof *alternatives);
	if (alternatives == NULL)
		return;
	const struct plan_candidate *taken = NULL;
	for (size_t i = 0; i < count; i++) {
		const char *wrong = plan_judge(w, &candidates[i]);
		if (wrong == NULL && taken == NULL) {
			taken = &candidates[i];
			continue;
		}
		if (taken != NULL && taken->choice->strategy == candidates[i].choice->strategy)
			continue; /* the same once more, on other terms */
		if (wrong == NULL && has(alternatives, beaten, candidates[i].choice->strategy))
			continue; /* it is said already why not before */
		alternatives[beaten++] = (struct plan_alternative){.strategy = candidates[i].choice->strategy,
			.price = candidates[i].price,
			.reason = wrong != NULL ? wrong : "possible, but it stands further behind in its cell",
			.behind = wrong == NULL};
	}
	d->alternatives = alternatives;
	d->alternative_count = beaten;
	if (taken != NULL)
		take(w, d, taken);
	else
		refuse(w, d, r, join(w, alternatives, beaten));
}

static void decide(struct plan_work *w, struct plan_decision *d, const struct plan_resource *r)
{
	const struct pmig_resource_row *row = &r->row;
	*d = (struct plan_decision){.slot = row->slot,
		.name = name_or(w->pool, row->name, name_or(w->pool, row->locator, "-")),
		.kind = pool_copy(w->pool, row->kind),
		.locator = pool_copy(w->pool, row->locator),
		.cell = strategy_cell(row->binding, row->attachment, is_shared(r)),
		.origin = row->origin,
		.given = r->given,
		.opened = pool_copy(w->pool, row->opened),
		.there = "",
		.stays = "",
		.known = {.size = price_size(r),
			.rate = price_rate(r),
			.trips = r->trips,
			.sharers = r->sharers,
			.same_content = r->same_content,
			.providers = r->providers,
			.reached = r->reached,
			.shared_by = pool_copy(w->pool, r->shared_by)},
		.warning = ""};
	if (r->part) {
		d->strategy = PMIG_MOVE;
		d->part = true;
		d->reason = "it is part of the process";
	} else if (r->refused != NULL) {
		refuse(w, d, r, pool_copy(w->pool, r->refused));
	} else if (w->limits->strict && row->origin == PMIG_UNDECLARED && !r->given) {
		refuse(w, d, r, "nobody declared it, and that is refused (--strict)");
	} else if (row->strategy == PMIG_REFUSE) {
		refuse(w, d, r, "its declaration refuses to move");
	} else {
		choose(w, d, r);
	}
}

/* --- the whole --- */

/* What no resource is to blame for. */
static void check_process(struct plan_work *w)
{
	const struct plan_facts *f = w->facts;
	const char *source_arch = f->source_arch, *target_arch = f->target_arch;
	double image = price_value(&f->image);
	struct plan *plan = w->plan;
	uint64_t bytes = f->image.value + f->program.value, most = w->limits->transfer;
	use(w,
		&(struct plan_price){.before = price_transfer((double)f->program.value, f),
			.frozen = price_transfer(image, f),
			.bytes = bytes});
	if (f->obstacle != NULL && *f->obstacle != '\0')
		plan->refusal = pool_format(w->pool, "move refused: %s: %.1500s", plan->process, f->obstacle);
	else if (f->not_allowed != NULL && *f->not_allowed != '\0')
		plan->refusal = pool_format(w->pool, "move refused: %s does not take %s: %.1500s", plan->target,
			plan->process, f->not_allowed);
	else if (source_arch != NULL && target_arch != NULL && *source_arch != '\0' && *target_arch != '\0' &&
		strcmp(source_arch, target_arch) != 0)
		plan->refusal = pool_format(w->pool, "move refused: %s runs on %.64s, %s has %.64s", plan->process,
			source_arch, plan->target, target_arch);
	else if (f->cpu_lacks != NULL && *f->cpu_lacks != '\0')
		plan->refusal = pool_format(w->pool, "move refused: %s was built for %.255s, which the CPU of %s lacks",
			plan->process, f->cpu_lacks, plan->target);
	else if (f->directory != NULL && *f->directory != '\0')
		plan->refusal = pool_format(w->pool, "move refused: %s has no directory %.1024s, in which %s works",
			plan->target, f->directory, plan->process);
	else if (f->not_installed != NULL && *f->not_installed != '\0')
		plan->refusal = pool_format(w->pool,
			"move refused: %.255s, which %s uses, is not installed at %s: install it there", f->not_installed,
			plan->process, plan->target);
	else if (f->children != NULL && *f->children != '\0')
		plan->refusal = pool_format(w->pool,
			"move refused: %s has child processes that run: %.512s; they would stay behind: wait for them, or move with "
			"--wait-children",
			plan->process, f->children);
	else if (f->space.source != 0 && f->image.value > f->space.value)
		plan->refusal = pool_format(w->pool, "move refused: the image of %s needs %s, %s has %s left", plan->process,
			figure_bytes(image).text, plan->target, figure_bytes((double)f->space.value).text);
	else if (plan_judge_beyond(0, plan->total.frozen, w->limits->frozen))
		plan->refusal = pool_format(w->pool,
			"move refused: the image of %s would keep it frozen for %s, the limit is %s (--max-frozen)",
			plan->process, figure_seconds(plan->total.frozen).text, figure_seconds(w->limits->frozen).text);
	else if (most != 0 && bytes > most)
		plan->refusal = pool_format(w->pool,
			"move refused: image and program of %s have %s, the limit is %s (--max-transfer)", plan->process,
			figure_bytes((double)bytes).text, figure_bytes((double)most).text);
}

static int check_resource(const struct pmig_resource_row *row)
{
	const char *name = row->name != NULL ? row->name : "";
	if (row->binding < PMIG_BY_IDENTIFIER || row->binding > PMIG_BY_TYPE)
		return error_set(PMIG_EINVAL, "resource %lld (%.255s): no binding", (long long)row->slot, name);
	if (row->attachment < PMIG_UNATTACHED || row->attachment > PMIG_FIXED)
		return error_set(PMIG_EINVAL, "resource %lld (%.255s): no attachment", (long long)row->slot, name);
	return 0;
}

static struct plan_facts copy_facts(struct pool *pool, const struct plan_facts *facts)
{
	struct plan_facts f = *facts;
	f.process = name_or(pool, facts->process, "the process");
	f.source = name_or(pool, facts->source, "the source");
	f.target = name_or(pool, facts->target, "the target");
	f.source_arch = pool_copy(pool, facts->source_arch);
	f.target_arch = pool_copy(pool, facts->target_arch);
	f.cpu_lacks = pool_copy(pool, facts->cpu_lacks);
	f.directory = pool_copy(pool, facts->directory);
	f.obstacle = pool_copy(pool, facts->obstacle);
	f.not_installed = pool_copy(pool, facts->not_installed);
	f.less = pool_copy(pool, facts->less);
	f.children = pool_copy(pool, facts->children);
	return f;
}

int plan_make(const struct plan_resource *resources, size_t count, const struct plan_facts *facts,
	const struct plan_limits *limits, struct plan **ret_plan)
{
	const struct plan_rules rules = plan_rules();
	return plan_make_by(&rules, resources, count, facts, limits, ret_plan);
}

int plan_make_by(const struct plan_rules *rules, const struct plan_resource *resources, size_t count,
	const struct plan_facts *facts, const struct plan_limits *limits, struct plan **ret_plan)
{
	for (size_t i = 0; i < count; i++) {
		int r = check_resource(&resources[i].row);
		if (r < 0)
			return r;
	}
	struct owned_plan *owned = calloc(1, sizeof *owned);
	if (owned == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory");
	struct plan *plan = &owned->plan;
	plan->facts = copy_facts(&owned->pool, facts);
	if (limits->remaining > 0)
		plan->facts.remaining = (struct plan_fact){(uint64_t)(fmin(limits->remaining, 1e9) * 1e9), PLAN_DECLARED};
	plan->limits = *limits;
	plan->process = plan->facts.process;
	plan->source = plan->facts.source;
	plan->target = plan->facts.target;
	plan->count = count;
	struct plan_work w = {
		.plan = plan, .pool = &owned->pool, .rules = rules, .facts = &plan->facts, .limits = &plan->limits};
	check_process(&w);
	struct plan_decision *decisions = count <= SIZE_MAX / sizeof *decisions
		? pool_take(&owned->pool, count * sizeof *decisions)
		: NULL;
	for (size_t i = 0; decisions != NULL && i < count; i++)
		decide(&w, &decisions[i], &resources[i]);
	plan->decisions = decisions;
	if (decisions == NULL || owned->pool.failed) {
		plan_destroy(plan);
		return error_set(PMIG_ENOMEM, "not enough memory for %zu resources", count);
	}
	*ret_plan = plan;
	return 0;
}

int plan_check(const struct plan *plan)
{
	return plan->refusal == NULL ? 0 : error_set(PMIG_EREFUSED, "%s", plan->refusal);
}

void plan_destroy(struct plan *plan)
{
	if (plan == NULL)
		return;
	struct owned_plan *owned = (struct owned_plan *)plan;
	pool_finish(&owned->pool);
	free(owned);
}
