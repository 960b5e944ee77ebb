/* plan: the choices of each resource's cell tried in order, by facts and limits. Pure. */
#include "plan.h"
#include "figure.h"
#include "pool.h"
#include "price.h"
#include "runtime/base/strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct owned_plan {
	struct plan plan; /* first: what the callers hold */
	struct pool pool;
};

struct work {
	struct plan *plan;
	struct plan_price used; /* by the decisions so far, as far as it is known */
	struct pool *pool;
	const struct plan_facts *facts;
	const struct plan_limits *limits;
};

/* One resource and one choice of its cell. */
struct candidate {
	const struct plan_resource *resource;
	const struct strategy_choice *choice;
	struct plan_price price;
};

/* A name for sentences: never empty, not longer than names are. */
static const char *name_or(struct pool *pool, const char *name, const char *otherwise)
{
	return name != NULL && *name != '\0' ? pool_format(pool, "%.255s", name) : otherwise;
}

/* --- conditions: NULL where it holds, else the words --- */

static const char *check_always(struct work *w, const struct candidate *c)
{
	(void)w, (void)c;
	return NULL;
}

static const char *check_kept(struct work *w, const struct candidate *c)
{
	if (c->resource->reached.source != 0 && c->resource->reached.value != 0)
		return NULL;
	return pool_format(w->pool, "%s does not reach it under the same name", w->plan->target);
}

static const char *check_secret(struct work *w, const struct candidate *c)
{
	(void)w;
	return c->resource->row.secret ? NULL : "it is not secret";
}

static const char *check_equal_content(struct work *w, const struct candidate *c)
{
	if (c->resource->same_content.source == 0)
		return pool_format(w->pool, "whether %s has equal content is not known", w->plan->target);
	return c->resource->same_content.value != 0 ? NULL
						    : pool_format(w->pool, "%s has no equal content", w->plan->target);
}

static const char *check_provider(struct work *w, const struct candidate *c)
{
	const char *type = c->resource->row.type != NULL && *c->resource->row.type != '\0' ? c->resource->row.type
											   : "one of its kind";
	if (c->resource->providers.source == 0)
		return pool_format(w->pool, "whether %s has a provider of %.255s is not known", w->plan->target, type);
	return c->resource->providers.value != 0
		? NULL
		: pool_format(w->pool, "%s has no provider of %.255s", w->plan->target, type);
}

static const char *check_dear_bytes(struct work *w, const struct candidate *c)
{
	double copy, reads;
	if (price_dear_bytes(c->resource, w->facts, &copy, &reads))
		return NULL;
	if (isnan(copy) || isnan(reads))
		return "whether its bytes cost more than the reads is not known";
	return pool_format(w->pool, "its bytes cost %s, the reads %s", figure_seconds(copy).text,
		figure_seconds(reads).text);
}

static const char *check_divergence(struct work *w, const struct candidate *c)
{
	(void)w;
	if (c->resource->row.consent & PMIG_DIVERGENCE)
		return NULL;
	return "it is shared, a copy diverges from then on, and its declaration does not consent (PMIG_DIVERGENCE)";
}

static const char *check_snapshot(struct work *w, const struct candidate *c)
{
	(void)w;
	if (c->resource->row.consent & PMIG_SNAPSHOT)
		return NULL;
	return "its value lives in shared memory, which would need distributed shared memory, and its declaration does not consent "
	       "to a snapshot (PMIG_SNAPSHOT)";
}

static const char *(*const conditions[])(struct work *, const struct candidate *) = {
	[STRATEGY_ALWAYS] = check_always,
	[STRATEGY_KEPT] = check_kept,
	[STRATEGY_SECRET] = check_secret,
	[STRATEGY_EQUAL_CONTENT] = check_equal_content,
	[STRATEGY_PROVIDER] = check_provider,
	[STRATEGY_DEAR_BYTES] = check_dear_bytes,
	[STRATEGY_DIVERGENCE] = check_divergence,
	[STRATEGY_SNAPSHOT] = check_snapshot,
};

/* --- what holds for every choice of a strategy --- */

static const char *check_demand(struct work *w, const struct candidate *c)
{
	enum pmig_strategy demanded = c->resource->row.strategy;
	if (demanded == 0 || demanded == c->choice->strategy)
		return NULL;
	return pool_format(w->pool, "its declaration demands: %s", strategy_name(demanded));
}

static const char *check_operation(struct work *w, const struct candidate *c)
{
	static const char *const words[] = {[PMIG_MOVE] = "be moved",
		[PMIG_COPY] = "be copied",
		[PMIG_REFER] = "be reached across machines",
		[PMIG_REBIND] = "be rebound"};
	unsigned needed = PLAN_CAN(c->choice->strategy);
	if (c->choice->condition == STRATEGY_KEPT)
		needed |= PLAN_CAN_KEEP; /* either will do */
	if (c->resource->operations & needed)
		return NULL;
	return pool_format(w->pool, "a resource of kind %.255s cannot %s in this version", c->resource->row.kind,
		words[c->choice->strategy]);
}

static bool carries_bytes(const struct candidate *c)
{
	return c->choice->strategy == PMIG_MOVE || c->choice->strategy == PMIG_COPY;
}

static const char *check_bytes(struct work *w, const struct candidate *c)
{
	if (!carries_bytes(c))
		return NULL;
	if (c->resource->row.secret)
		return "it is secret: its bytes never enter an image";
	if (c->resource->obstacle != NULL && *c->resource->obstacle != '\0')
		return pool_format(w->pool, "in its place %s has %.512s", w->plan->target, c->resource->obstacle);
	if (w->facts->space.source == 0)
		return NULL;
	uint64_t used = w->used.bytes, space = w->facts->space.value;
	uint64_t left = used < space ? space - used : 0;
	if (c->price.bytes <= left)
		return NULL;
	return pool_format(w->pool, "its %s do not fit, %s has %s left", figure_bytes((double)c->price.bytes).text,
		w->plan->target, figure_bytes((double)left).text);
}

/* One figure against one limit; a figure that is not known breaks none. */
static bool beyond(double used, double more, double limit)
{
	return limit > 0 && more > 0 && used + more > limit * (1 + 1e-9);
}

static const char *check_link(struct work *w, const struct candidate *c)
{
	double used = w->used.share, link = price_value(&w->facts->bandwidth);
	double limit = w->limits->share > 0 ? w->limits->share : 1;
	if (!beyond(used, c->price.share, limit))
		return NULL;
	struct plan_fact rate = price_rate(c->resource);
	struct figure needed = figure_rate((double)rate.value), carried = figure_rate(link);
	if (limit == 1 && beyond(0, c->price.share, 1)) /* with nothing else on the link */
		return pool_format(w->pool, "the reference would need %s to %s, the link carries %s", needed.text,
			w->plan->source, carried.text);
	return pool_format(w->pool, "the reference would need %s to %s, of the link's %s there are %s left", needed.text,
		w->plan->source, carried.text, figure_rate(fmax(0, (limit - used) * link)).text);
}

static const char *check_time(struct work *w, const struct candidate *c)
{
	if (beyond(w->used.before, c->price.before, w->limits->before))
		return pool_format(w->pool, "it would take %s before the freeze, the limit for all is %s",
			figure_seconds(c->price.before).text, figure_seconds(w->limits->before).text);
	if (beyond(w->used.frozen, c->price.frozen, w->limits->frozen))
		return pool_format(w->pool, "it would keep the program frozen for %s, the limit for all is %s",
			figure_seconds(c->price.frozen).text, figure_seconds(w->limits->frozen).text);
	if (beyond(0, c->price.slowdown, w->limits->slowdown))
		return pool_format(w->pool,
			"the round trips of the reference would slow the run down by %s, the limit is %s",
			figure_percent(c->price.slowdown).text, figure_percent(w->limits->slowdown).text);
	return NULL;
}

/* Why the candidate is not possible, NULL where it is. */
static const char *judge(struct work *w, const struct candidate *c)
{
	static const char *(*const checks[])(struct work *, const struct candidate *) = {
		check_operation, check_bytes, check_link, check_time};
	const char *wrong = check_demand(w, c);
	if (wrong == NULL)
		wrong = conditions[c->choice->condition](w, c);
	for (size_t i = 0; wrong == NULL && i < sizeof checks / sizeof *checks; i++)
		wrong = checks[i](w, c);
	return wrong;
}

/* --- one resource --- */

#define CANDIDATES_MAX 8 /* no cell has more, a test counts */

static bool is_shared(const struct plan_resource *r)
{
	return r->row.shared || (r->sharers.source != 0 && r->sharers.value > 0);
}

/* A choice that only some resources have is not worth a word where its premise is missing. */
static bool is_silent(const struct candidate *c)
{
	return (c->choice->condition == STRATEGY_KEPT && c->resource->reached.source == 0) ||
		(c->choice->condition == STRATEGY_SECRET && !c->resource->row.secret);
}

/* All choices of the cell with their prices. */
static size_t gather(struct work *w, const struct plan_resource *r, struct candidate ret_candidates[CANDIDATES_MAX])
{
	size_t n = 0;
	const struct strategy_choice *choice = NULL;
	while ((choice = strategy_next(choice, r->row.binding, r->row.attachment, is_shared(r))) != NULL &&
		n < CANDIDATES_MAX) {
		struct candidate c = {r, choice, price_of(r, choice, w->facts)};
		if (!is_silent(&c))
			ret_candidates[n++] = c;
	}
	return n;
}

static const char *warn(struct work *w, const struct plan_resource *r, const struct strategy_choice *choice)
{
	if (choice->condition == STRATEGY_DIVERGENCE)
		return pool_format(w->pool, "the copy diverges from the original%s%.512s from the move on",
			r->shared_by != NULL && *r->shared_by != '\0' ? ", used by " : "",
			r->shared_by != NULL ? r->shared_by : "");
	if (choice->condition == STRATEGY_SNAPSHOT)
		return "the copy is a snapshot as of the freeze";
	bool goes_along = choice->strategy == PMIG_MOVE || choice->strategy == PMIG_COPY;
	return goes_along && r->row.kind != NULL ? plan_note(r->row.kind) : "";
}

/* The sum shows that a part of it is not known, but what is known still counts against the limits. */
static void use(struct work *w, const struct plan_price *price)
{
	price_add(&w->plan->total, price);
	struct plan_price known = *price;
	double *const figures[] = {&known.before, &known.frozen, &known.share, &known.slowdown};
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		if (isnan(*figures[i]))
			*figures[i] = 0;
	price_add(&w->used, &known);
}

static void take(struct work *w, struct plan_decision *d, const struct candidate *c)
{
	d->strategy = c->choice->strategy;
	d->kept = c->choice->condition == STRATEGY_KEPT;
	d->reason = c->choice->why;
	d->price = c->price;
	d->warning = warn(w, c->resource, c->choice);
	if (d->strategy == PMIG_REBIND)
		d->there = pool_copy(w->pool, c->resource->there);
	use(w, &c->price);
}

/* The sentence about a resource that cannot go: what each of its choices failed on. */
static const char *join(struct work *w, const struct plan_alternative *all, size_t count)
{
	if (count == 1)
		return all[0].reason;
	const char *text = "";
	for (size_t i = 0; i < count; i++)
		text = pool_format(w->pool, "%s%s%s: %s", text, i > 0 ? "; " : "", strategy_name(all[i].strategy),
			all[i].reason);
	return text;
}

static void refuse(struct work *w, struct plan_decision *d, const struct plan_resource *r, const char *reason)
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

static void choose(struct work *w, struct plan_decision *d, const struct plan_resource *r)
{
	struct candidate candidates[CANDIDATES_MAX];
	size_t count = gather(w, r, candidates), beaten = 0;
	struct plan_alternative *alternatives = pool_take(w->pool, count * sizeof *alternatives);
	if (alternatives == NULL)
		return;
	const struct candidate *taken = NULL;
	for (size_t i = 0; i < count; i++) {
		const char *wrong = judge(w, &candidates[i]);
		if (wrong == NULL && taken == NULL) {
			taken = &candidates[i];
			continue;
		}
		if (taken != NULL && taken->choice->strategy == candidates[i].choice->strategy)
			continue; /* the same once more, on other terms */
		if (wrong == NULL)
			wrong = "possible, but it stands further behind in its cell";
		alternatives[beaten++] = (struct plan_alternative){
			candidates[i].choice->strategy, candidates[i].price, wrong};
	}
	d->alternatives = alternatives;
	d->alternative_count = beaten;
	if (taken != NULL)
		take(w, d, taken);
	else
		refuse(w, d, r, join(w, alternatives, beaten));
}

static void decide(struct work *w, struct plan_decision *d, const struct plan_resource *r)
{
	const struct pmig_resource_row *row = &r->row;
	*d = (struct plan_decision){.slot = row->slot,
		.name = name_or(w->pool, row->name, name_or(w->pool, row->locator, "-")),
		.kind = pool_copy(w->pool, row->kind),
		.locator = pool_copy(w->pool, row->locator),
		.cell = strategy_cell(row->binding, row->attachment, is_shared(r)),
		.origin = row->origin,
		.opened = pool_copy(w->pool, row->opened),
		.there = "",
		.warning = ""};
	if (r->part) {
		d->strategy = PMIG_MOVE;
		d->part = true;
		d->reason = "it is part of the process";
	} else if (r->refused != NULL) {
		refuse(w, d, r, pool_copy(w->pool, r->refused));
	} else if (w->limits->strict && row->origin == PMIG_UNDECLARED) {
		refuse(w, d, r, "nobody declared it, and strict mode refuses that");
	} else if (row->strategy == PMIG_REFUSE) {
		refuse(w, d, r, "its declaration refuses to move");
	} else {
		choose(w, d, r);
	}
}

/* --- the whole --- */

/* What no resource is to blame for. */
static void check_process(struct work *w)
{
	const struct plan_facts *f = w->facts;
	const char *source_arch = f->source_arch, *target_arch = f->target_arch;
	double image = price_value(&f->image);
	struct plan *plan = w->plan;
	use(w, &(struct plan_price){.frozen = price_transfer(image, f), .bytes = f->image.value});
	if (source_arch != NULL && target_arch != NULL && *source_arch != '\0' && *target_arch != '\0' &&
		strcmp(source_arch, target_arch) != 0)
		plan->refusal = pool_format(w->pool, "move refused: %s runs on %.64s, %s has %.64s", plan->process,
			source_arch, plan->target, target_arch);
	else if (f->cpu_lacks != NULL && *f->cpu_lacks != '\0')
		plan->refusal = pool_format(w->pool, "move refused: %s was built for %.255s, which the CPU of %s lacks",
			plan->process, f->cpu_lacks, plan->target);
	else if (f->space.source != 0 && f->image.value > f->space.value)
		plan->refusal = pool_format(w->pool, "move refused: the image of %s needs %s, %s has %s left", plan->process,
			figure_bytes(image).text, plan->target, figure_bytes((double)f->space.value).text);
	else if (beyond(0, plan->total.frozen, w->limits->frozen))
		plan->refusal = pool_format(w->pool,
			"move refused: the image of %s would keep it frozen for %s, the limit is %s", plan->process,
			figure_seconds(plan->total.frozen).text, figure_seconds(w->limits->frozen).text);
}

static int check_resource(const struct pmig_resource_row *row)
{
	const char *name = row->name != NULL ? row->name : "";
	if (row->binding < PMIG_BY_IDENTIFIER || row->binding > PMIG_BY_TYPE)
		return error_set(PMIG_EINVAL, "plan: resource %lld (%.255s): no binding", (long long)row->slot, name);
	if (row->attachment < PMIG_UNATTACHED || row->attachment > PMIG_FIXED)
		return error_set(PMIG_EINVAL, "plan: resource %lld (%.255s): no attachment", (long long)row->slot, name);
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
	return f;
}

int plan_make(const struct plan_resource *resources, size_t count, const struct plan_facts *facts,
	const struct plan_limits *limits, struct plan **ret_plan)
{
	for (size_t i = 0; i < count; i++) {
		int r = check_resource(&resources[i].row);
		if (r < 0)
			return r;
	}
	struct owned_plan *owned = calloc(1, sizeof *owned);
	if (owned == NULL)
		return error_set(PMIG_ENOMEM, "plan: not enough memory");
	struct plan *plan = &owned->plan;
	plan->facts = copy_facts(&owned->pool, facts);
	plan->limits = *limits;
	plan->process = plan->facts.process;
	plan->source = plan->facts.source;
	plan->target = plan->facts.target;
	plan->count = count;
	struct work w = {.plan = plan, .pool = &owned->pool, .facts = &plan->facts, .limits = &plan->limits};
	check_process(&w);
	struct plan_decision *decisions = count <= SIZE_MAX / sizeof *decisions
		? pool_take(&owned->pool, count * sizeof *decisions)
		: NULL;
	for (size_t i = 0; decisions != NULL && i < count; i++)
		decide(&w, &decisions[i], &resources[i]);
	plan->decisions = decisions;
	if (decisions == NULL || owned->pool.failed) {
		plan_destroy(plan);
		return error_set(PMIG_ENOMEM, "plan: not enough memory for %zu resources", count);
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
