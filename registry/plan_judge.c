/* plan_judge: whether one choice of a resource's cell is possible and within the limits, and if not, why, in words. */
#include "plan_judge.h"
#include "figure.h"
#include "price.h"

#include <math.h>
#include <string.h>

/* --- conditions: NULL where it holds, else the words --- */

static const char *check_always(struct plan_work *w, const struct plan_candidate *c)
{
	(void)w, (void)c;
	return NULL;
}

static const char *check_kept(struct plan_work *w, const struct plan_candidate *c)
{
	if (c->resource->reached.source != 0 && c->resource->reached.value != 0)
		return NULL;
	return pool_format(w->pool, "%s does not reach it under the same name", w->plan->target);
}

static const char *check_secret(struct plan_work *w, const struct plan_candidate *c)
{
	(void)w;
	return c->resource->row.secret ? NULL : "it is not secret";
}

static const char *check_equal_content(struct plan_work *w, const struct plan_candidate *c)
{
	if (c->resource->same_content.source == 0)
		return pool_format(w->pool, "whether %s has equal content is not known", w->plan->target);
	return c->resource->same_content.value != 0 ? NULL
						    : pool_format(w->pool, "%s has no equal content", w->plan->target);
}

static const char *check_provider(struct plan_work *w, const struct plan_candidate *c)
{
	const char *type = c->resource->row.type != NULL && *c->resource->row.type != '\0' ? c->resource->row.type
											   : "one of its kind";
	if (c->resource->providers.source == 0)
		return pool_format(w->pool, "whether %s has a provider of %.255s is not known", w->plan->target, type);
	if (c->resource->providers.value != 0)
		return NULL;
	return strncmp(type, "listen ", 7) == 0
		? pool_format(w->pool, "%.255s cannot be had at %s: it is in use there, or may not be made", type + 7,
			  w->plan->target)
		: pool_format(w->pool, "%s has no provider of %.255s", w->plan->target, type);
}

static const char *check_dear_bytes(struct plan_work *w, const struct plan_candidate *c)
{
	double copy, reads;
	if (price_dear_bytes(c->resource, w->facts, &copy, &reads))
		return NULL;
	if (isnan(copy) || isnan(reads))
		return "whether its bytes cost more than the reads is not known";
	return pool_format(w->pool, "its bytes cost %s, the reads %s", figure_seconds(copy).text,
		figure_seconds(reads).text);
}

static const char *check_divergence(struct plan_work *w, const struct plan_candidate *c)
{
	(void)w;
	if (c->resource->row.consent & PMIG_DIVERGENCE)
		return NULL;
	return "it is shared, a copy diverges from then on, and its declaration does not consent (PMIG_DIVERGENCE)";
}

static const char *check_snapshot(struct plan_work *w, const struct plan_candidate *c)
{
	(void)w;
	if (c->resource->row.consent & PMIG_SNAPSHOT)
		return NULL;
	return "its value lives in shared memory, which would need distributed shared memory, and its declaration does not consent "
	       "to a snapshot (PMIG_SNAPSHOT)";
}

static const char *(*const conditions[])(struct plan_work *, const struct plan_candidate *) = {
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

static const char *check_demand(struct plan_work *w, const struct plan_candidate *c)
{
	enum pmig_strategy demanded = c->resource->row.strategy;
	if (demanded == 0 || demanded == c->choice->strategy)
		return NULL;
	return pool_format(w->pool, "its declaration demands: %s", strategy_name(demanded));
}

static bool carries_bytes(const struct plan_candidate *c)
{
	return c->choice->strategy == PMIG_MOVE || c->choice->strategy == PMIG_COPY;
}

size_t plan_judge_rank(const struct plan_candidate *c)
{
	size_t i = 0;
	while (i < PLAN_ORDER_MAX && c->resource->order[i] != c->choice->strategy)
		i++;
	return i;
}

bool plan_judge_is_ordered(const struct plan_candidate *c)
{
	return c->resource->order[0] != 0 && c->choice->condition != STRATEGY_SECRET;
}

static const char *check_order(struct plan_work *w, const struct plan_candidate *c)
{
	(void)w;
	return plan_judge_is_ordered(c) && plan_judge_rank(c) == PLAN_ORDER_MAX ? "its policy leaves this choice out" : NULL;
}

const char *plan_judge_place(const struct plan_work *w, const struct plan_resource *r)
{
	return r->at != NULL && *r->at != '\0' ? r->at : w->plan->source;
}

static const char *check_place(struct plan_work *w, const struct plan_candidate *c)
{
	if (c->choice->strategy != PMIG_MOVE)
		return NULL;
	if (strcmp(plan_judge_place(w, c->resource), w->plan->source) != 0)
		return pool_format(w->pool, "it is at %.255s, not at %s", c->resource->at, w->plan->source);
	/* what is reached under the same name is on a file system that both have: taking it away here takes it away there */
	if (c->resource->reached.source != 0 && c->resource->reached.value != 0)
		return pool_format(w->pool, "%s reaches the same one: what both share is never removed at the source",
			w->plan->target);
	return NULL;
}

static const char *check_operation(struct plan_work *w, const struct plan_candidate *c)
{
	static const char *const words[] = {[PMIG_MOVE] = "be moved",
		[PMIG_COPY] = "be copied",
		[PMIG_REFER] = "be reached across machines",
		[PMIG_REBIND] = "be rebound"};
	unsigned needed = PLAN_CAN(c->choice->strategy);
	if (c->choice->condition == STRATEGY_SECRET) /* the program does it, whatever its kind can */
		return c->resource->secret_hook ? NULL : "its declaration has no hook that obtains it anew";
	if (c->choice->condition == STRATEGY_KEPT)
		needed |= PLAN_CAN_KEEP; /* either will do */
	if (c->choice->strategy == PMIG_REFER && c->resource->no_reference != NULL && *c->resource->no_reference != '\0')
		return pool_format(w->pool, "%.512s", c->resource->no_reference);
	if (c->resource->operations & needed)
		return NULL;
	return pool_format(w->pool, "a resource of kind %.255s cannot %s in this version", c->resource->row.kind,
		words[c->choice->strategy]);
}

static const char *check_bytes(struct plan_work *w, const struct plan_candidate *c)
{
	if (!carries_bytes(c))
		return NULL;
	if (c->resource->row.secret)
		return "it is secret: its bytes never enter an image";
	if (c->resource->obstacle != NULL && *c->resource->obstacle != '\0')
		return pool_format(w->pool, "in its place %s has %.512s", w->plan->target, c->resource->obstacle);
	uint64_t allowed = w->limits->transfer;
	if (allowed != 0 && (w->used.bytes >= allowed ? c->price.bytes > 0 : c->price.bytes > allowed - w->used.bytes))
		return pool_format(w->pool, "its %s are too many: of %s for all (--max-transfer) %s are left",
			figure_bytes((double)c->price.bytes).text, figure_bytes((double)allowed).text,
			figure_bytes(w->used.bytes < allowed ? (double)(allowed - w->used.bytes) : 0).text);
	if (w->facts->space.source == 0)
		return NULL;
	uint64_t used = w->used.bytes, space = w->facts->space.value;
	uint64_t left = used < space ? space - used : 0;
	if (c->price.bytes <= left)
		return NULL;
	return pool_format(w->pool, "its %s do not fit, %s has %s left", figure_bytes((double)c->price.bytes).text,
		w->plan->target, figure_bytes((double)left).text);
}

bool plan_judge_beyond(double used, double more, double limit)
{
	return limit > 0 && more > 0 && used + more > limit * (1 + 1e-9);
}

static const char *check_link(struct plan_work *w, const struct plan_candidate *c)
{
	struct plan_fact bandwidth = price_bandwidth(c->resource, w->facts);
	double used = w->used.share, link = price_value(&bandwidth);
	double limit = w->limits->share > 0 ? w->limits->share : 1, most = (double)w->limits->reference;
	const char *at = plan_judge_place(w, c->resource);
	struct figure needed = figure_rate(c->price.rate), carried = figure_rate(link);
	if (plan_judge_beyond(0, c->price.share, 1)) /* even with nothing else on the link */
		return pool_format(w->pool, "the reference would need %s to %.255s, the link carries %s", needed.text, at,
			carried.text);
	if (plan_judge_beyond(w->used.rate, c->price.rate, most))
		return pool_format(w->pool,
			"the reference would need %s to %.255s, of %s for all references (--max-reference) %s are left",
			needed.text, at, figure_rate(most).text, figure_rate(fmax(0, most - w->used.rate)).text);
	if (!plan_judge_beyond(used, c->price.share, limit))
		return NULL;
	return pool_format(w->pool, "the reference would need %s to %.255s, of the link's %s there are %s left%s%s%s",
		needed.text, at, carried.text, figure_rate(fmax(0, (limit - used) * link)).text,
		limit < 1 ? " (--max-reference " : "", limit < 1 ? figure_percent(limit).text : "", limit < 1 ? ")" : "");
}

static const char *check_time(struct plan_work *w, const struct plan_candidate *c)
{
	if (plan_judge_beyond(w->used.before, c->price.before, w->limits->before))
		return pool_format(w->pool, "it would take %s before the freeze, of %s for all (--max-before) %s are left",
			figure_seconds(c->price.before).text, figure_seconds(w->limits->before).text,
			figure_seconds(fmax(0, w->limits->before - w->used.before)).text);
	if (plan_judge_beyond(w->used.frozen, c->price.frozen, w->limits->frozen))
		return pool_format(w->pool,
			"it would keep the program frozen for %s, of %s for all (--max-frozen) %s are left",
			figure_seconds(c->price.frozen).text, figure_seconds(w->limits->frozen).text,
			figure_seconds(fmax(0, w->limits->frozen - w->used.frozen)).text);
	if (plan_judge_beyond(0, c->price.slowdown, w->limits->slowdown))
		return pool_format(w->pool,
			"the round trips of the reference would slow the run down by %s, the limit is %s (--max-slowdown)",
			figure_percent(c->price.slowdown).text, figure_percent(w->limits->slowdown).text);
	return NULL;
}

const char *plan_judge(struct plan_work *w, const struct plan_candidate *c)
{
	static const char *(*const checks[])(struct plan_work *, const struct plan_candidate *) = {
		check_place, check_operation, check_bytes, check_link, check_time};
	const char *wrong = check_demand(w, c);
	if (wrong == NULL)
		wrong = check_order(w, c);
	if (wrong == NULL)
		wrong = conditions[c->choice->condition](w, c);
	for (size_t i = 0; wrong == NULL && i < sizeof checks / sizeof *checks; i++)
		wrong = checks[i](w, c);
	return wrong;
}
