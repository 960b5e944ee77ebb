/* plan_show: a plan as text for people and as JSON for programs. */
#include "plan_show.h"
#include "figure.h"
#include "plan_limits.h"
#include "pool.h"
#include "table.h"
#include "runtime/base/strategy.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 12 /* in one sentence */

/* --- text --- */

static const char *label(const struct plan_decision *d)
{
	return d->part ? "part" : d->kept ? "keep" : d->dropped ? "drop" : strategy_name(d->strategy);
}

/* "2 % of the link, 12 kB/s, 0.3 % slower": only what can be seen; what is not known is shown. */
static const char *running(struct pool *pool, const struct plan_decision *d)
{
	const struct plan_price *p = &d->price;
	bool share = !(p->share < 0.0005), slower = !(p->slowdown < 0.0005);
	if (d->strategy != PMIG_REFER || (!share && !slower))
		return "-";
	if (isnan(p->share) && isnan(p->slowdown))
		return "?";
	return pool_format(pool, "%s%s%s%s%s", share ? figure_percent(p->share).text : "", share ? " of link" : "",
		share && slower ? ", " : "", slower ? figure_percent(p->slowdown).text : "", slower ? " slower" : "");
}

static const char *seconds(struct pool *pool, double value)
{
	return value == 0 ? "-" : pool_copy(pool, figure_seconds(value).text);
}

/* "file /home/mig/data, undeclared, opened at index.c:40" */
static const char *what(struct pool *pool, const struct plan_decision *d)
{
	static const char *const origins[] = {"", "", ", declared at file scope", ", by policy", ", undeclared"};
	bool locator = *d->locator != '\0' && strcmp(d->locator, d->name) != 0;
	bool undeclared = d->origin == PMIG_UNDECLARED;
	const char *sharers = d->known.shared_by;
	return pool_format(pool, "%s%s%s%s%s%s%s%.256s", d->kind, locator ? " " : "", locator ? d->locator : "",
		(size_t)d->origin < sizeof origins / sizeof *origins ? origins[d->origin] : "",
		*d->opened == '\0'   ? ""
			: undeclared ? ", opened at "
				     : ", ",
		d->opened, *sharers != '\0' ? ", shared with " : "", sharers);
}

/* " (rather than copy, reference)": what was possible as well. */
static const char *behind(struct pool *pool, const struct plan_decision *d)
{
	const char *text = "";
	for (size_t i = 0; i < d->alternative_count; i++)
		if (d->alternatives[i].behind)
			text = pool_format(pool, "%s%s%s", text, *text == '\0' ? " (rather than " : ", ",
				strategy_name(d->alternatives[i].strategy));
	return *text == '\0' ? "" : pool_format(pool, "%s)", text);
}

/* A later choice of the same strategy, on fewer terms, has the better reason. */
static bool again(const struct plan_decision *d, size_t i)
{
	for (size_t k = i + 1; k < d->alternative_count; k++)
		if (d->alternatives[k].strategy == d->alternatives[i].strategy)
			return true;
	return false;
}

static void put_alternatives(struct table *t, struct pool *pool, const struct plan_decision *d)
{
	if (d->strategy == PMIG_REFUSE && d->alternative_count == 1)
		return; /* it is the reason already */
	for (size_t i = 0; i < d->alternative_count; i++)
		if (!d->alternatives[i].behind && !again(d, i))
			table_note(t,
				pool_format(pool, "not %s: %s", strategy_name(d->alternatives[i].strategy),
					d->alternatives[i].reason));
}

/* Libraries that the target has and the standard streams go the same way in every program: one row says it of all. */
static bool ordinary(const struct plan_decision *d)
{
	return d->given && d->origin == PMIG_UNDECLARED && d->strategy != PMIG_REFUSE && *d->warning == '\0' &&
		d->price.bytes == 0 && !(d->price.share >= 0.0005) && !(d->price.slowdown >= 0.0005);
}

static bool alike(const struct plan_decision *a, const struct plan_decision *b)
{
	return ordinary(a) && ordinary(b) && strcmp(a->kind, b->kind) == 0 && a->strategy == b->strategy &&
		strcmp(a->cell, b->cell) == 0 && strcmp(a->reason, b->reason) == 0;
}

static bool put_together(struct table *t, struct pool *pool, const struct plan *plan, size_t first)
{
	const struct plan_decision *d = &plan->decisions[first];
	const char *names = "";
	size_t count = 0;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_decision *other = &plan->decisions[i];
		if (!alike(d, other))
			continue;
		if (i < first)
			return true; /* it stands there */
		const char *slash = strrchr(other->name, '/');
		names = pool_format(pool, "%s%s%.60s", names, count++ > 0 ? ", " : "",
			slash != NULL ? slash + 1 : other->name);
	}
	if (count < 2)
		return false;
	bool library = strcmp(d->kind, "library") == 0;
	table_row(t,
		(const char *const[]){pool_format(pool, "%zu %s", count, library ? "libraries" : "standard streams"),
			d->cell, label(d), "-", seconds(pool, d->price.before), seconds(pool, d->price.frozen), "-"});
	table_note(t, pool_format(pool, "%s: %s", names, d->reason));
	return true;
}

static void put_decision(struct table *t, struct pool *pool, const struct plan *plan, size_t at,
	const struct plan_show_options *o)
{
	const struct plan_decision *d = &plan->decisions[at];
	if (put_together(t, pool, plan, at))
		return;
	const char *size = d->price.bytes > 0 ? pool_copy(pool, figure_bytes((double)d->price.bytes).text) : "-";
	table_row(t,
		(const char *const[]){d->name, d->cell, label(d), size, seconds(pool, d->price.before),
			seconds(pool, d->price.frozen), running(pool, d)});
	table_note(t,
		pool_format(pool, "%s%s%s: %s%s", what(pool, d), *d->there != '\0' ? " -> " : "", d->there, d->reason,
			behind(pool, d)));
	if (*d->warning != '\0')
		table_note(t, pool_format(pool, "warning: %s", d->warning));
	if (o->alternatives)
		put_alternatives(t, pool, d);
}

/* A list of names that may be long. */
struct names {
	struct pool *pool;
	const char *text;
	size_t count;
};

static void add_name(struct names *n, const char *name, const char *opened)
{
	bool place = *opened != '\0';
	if (n->count++ < NAMES_MAX)
		n->text = pool_format(n->pool, "%s%s%.56s%s%.48s%s", n->text, n->count > 1 ? ", " : "", name,
			place ? " (opened at " : "", opened, place ? ")" : "");
}

static void put_names(const struct names *n, const char *before, int width, FILE *out)
{
	const char *more = n->count > NAMES_MAX ? pool_format(n->pool, " and %zu more", n->count - NAMES_MAX) : "";
	if (n->count > 0)
		table_wrap(pool_format(n->pool, "%s: %s%s", before, n->text, more), width, 0, 4, out);
}

/* What must stay up from then on, host by host. */
static void put_residual(const struct plan *plan, struct pool *pool, int width, FILE *out)
{
	const struct plan_decision *all = plan->decisions;
	for (size_t i = 0; i < plan->count; i++) {
		const char *host = all[i].stays;
		bool told = *host == '\0';
		for (size_t k = 0; k < i && !told; k++)
			told = strcmp(all[k].stays, host) == 0;
		struct names names = {.pool = pool, .text = ""};
		for (size_t k = i; k < plan->count && !told; k++)
			if (strcmp(all[k].stays, host) == 0)
				add_name(&names, all[k].name, "");
		put_names(&names, pool_format(pool, "%.255s must stay up for", host), width, out);
	}
}

static bool is_undeclared(const struct plan_decision *d)
{
	return d->origin == PMIG_UNDECLARED && !d->given && !d->part;
}

static void put_undeclared(const struct plan *plan, struct pool *pool, int width, FILE *out)
{
	struct names names = {.pool = pool, .text = ""};
	for (size_t i = 0; i < plan->count; i++)
		if (is_undeclared(&plan->decisions[i]))
			add_name(&names, plan->decisions[i].name, plan->decisions[i].opened);
	put_names(&names, "nobody declared", width, out);
}

static void put_less(const struct plan *plan, struct pool *pool, int width, FILE *out)
{
	const char *less = plan->facts.less;
	if (less != NULL && *less != '\0')
		table_wrap(pool_format(pool, "warning: %.255s does not grant all that %.255s has: %.512s", plan->target,
				   plan->process, less),
			width, 0, 4, out);
}

static const char *verdict(const struct plan *plan, struct pool *pool)
{
	const struct plan_price *t = &plan->total;
	if (plan->refusal != NULL)
		return plan->refusal;
	return pool_format(pool, "move possible: %s to ship, %s before the freeze, %s frozen, %s of the link from then on",
		figure_bytes((double)t->bytes).text, figure_seconds(t->before).text, figure_seconds(t->frozen).text,
		figure_percent(t->share).text);
}

int plan_show_text(const struct plan *plan, const struct plan_show_options *o, FILE *out)
{
	static const char *const headings[] = {"RESOURCE", "CELL", "STRATEGY", "BYTES", "BEFORE", "FROZEN", "RUNNING"};
	struct table *t = table_create(sizeof headings / sizeof *headings);
	struct pool pool = {0};
	if (t == NULL)
		return error_set(PMIG_ENOMEM, "plan: not enough memory");
	for (int i = 3; i <= 5; i++)
		table_numeric(t, i);
	table_wrap(pool_format(&pool, "%s from %s to %s", plan->process, plan->source, plan->target), o->columns, 0, 4, out);
	table_row(t, headings);
	for (size_t i = 0; i < plan->count; i++)
		put_decision(t, &pool, plan, i, o);
	int r = plan->count > 0 ? table_print(t, o->columns, 2, out) : 0;
	put_residual(plan, &pool, o->columns, out);
	put_undeclared(plan, &pool, o->columns, out);
	put_less(plan, &pool, o->columns, out);
	table_wrap(verdict(plan, &pool), o->columns, 0, 4, out);
	if (r >= 0 && pool.failed)
		r = error_set(PMIG_ENOMEM, "plan: not enough memory");
	pool_finish(&pool);
	table_destroy(t);
	if (r >= 0 && ferror(out))
		r = error_set(PMIG_EIO, "plan: it could not be written");
	return r < 0 ? r : 0;
}

/* --- JSON --- */

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *price_json(const struct plan_price *p)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "seconds_before", number_json(p->before), "seconds_frozen",
		number_json(p->frozen), "share_of_link", number_json(p->share), "bytes_per_second", number_json(p->rate),
		"slowdown", number_json(p->slowdown), "bytes", (json_int_t)p->bytes);
}

static json_t *alternatives_json(const struct plan_decision *d)
{
	json_t *array = json_array();
	for (size_t i = 0; array != NULL && i < d->alternative_count; i++) {
		const struct plan_alternative *a = &d->alternatives[i];
		json_t *one = json_pack("{s:s, s:o, s:o}", "strategy", strategy_name(a->strategy), "reason",
			text_json(a->reason), "price", price_json(&a->price));
		if (json_array_append_new(array, one) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static const char *origin_name(enum pmig_origin origin)
{
	static const char *const names[] = {"unknown", "run time", "file scope", "policy", "undeclared"};
	return (size_t)origin < sizeof names / sizeof *names ? names[origin] : names[0];
}

/* {"value": ..., "source": "measured"}, or null. */
static json_t *fact_json(const struct plan_fact *fact)
{
	static const char *const names[] = {"unknown", "declared", "measured", "asked"};
	if (fact->source == 0 || (size_t)fact->source >= sizeof names / sizeof *names)
		return json_null();
	return json_pack("{s:I, s:s}", "value", (json_int_t)fact->value, "source", names[fact->source]);
}

static json_t *known_json(const struct plan_known *k)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "size_bytes", fact_json(&k->size),
		"rate_bytes_per_second", fact_json(&k->rate), "round_trips_per_second", fact_json(&k->trips), "sharers",
		fact_json(&k->sharers), "shared_by", text_json(k->shared_by), "same_content", fact_json(&k->same_content),
		"providers", fact_json(&k->providers), "reached", fact_json(&k->reached));
}

static json_t *decision_json(const struct plan_decision *d)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:s, s:s, s:o, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"slot", (json_int_t)d->slot, "name", text_json(d->name), "kind", text_json(d->kind), "locator",
		text_json(d->locator), "cell", d->cell, "origin", origin_name(d->origin), "opened", text_json(d->opened),
		"strategy", strategy_name(d->strategy), "kept", (int)d->kept, "dropped", (int)d->dropped, "part",
		(int)d->part, "there", text_json(d->there), "stays", text_json(d->stays), "reason", text_json(d->reason),
		"warning", text_json(d->warning), "price", price_json(&d->price), "facts", known_json(&d->known),
		"alternatives", alternatives_json(d));
}

/* Which resource keeps which host from being switched off. */
static json_t *residual_json(const struct plan *plan)
{
	json_t *array = json_array();
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_decision *d = &plan->decisions[i];
		if (*d->stays != '\0')
			(void)json_array_append_new(array,
				json_pack("{s:o, s:o, s:o}", "host", text_json(d->stays), "resource", text_json(d->name),
					"why", text_json(d->reason)));
	}
	return array;
}

static json_t *undeclared_json(const struct plan *plan)
{
	json_t *array = json_array();
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_decision *d = &plan->decisions[i];
		if (is_undeclared(d))
			(void)json_array_append_new(array,
				json_pack("{s:o, s:o}", "resource", text_json(d->name), "opened", text_json(d->opened)));
	}
	return array;
}

static json_t *plan_json(const struct plan *plan)
{
	const struct plan_facts *f = &plan->facts;
	json_t *resources = json_array();
	for (size_t i = 0; i < plan->count; i++)
		if (json_array_append_new(resources, decision_json(&plan->decisions[i])) < 0) {
			json_decref(resources);
			return NULL;
		}
	json_t *facts = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "image_bytes", fact_json(&f->image), "program_bytes",
		fact_json(&f->program), "space_bytes", fact_json(&f->space), "bandwidth_bytes_per_second",
		fact_json(&f->bandwidth), "rtt_nanoseconds", fact_json(&f->rtt), "remaining_nanoseconds",
		fact_json(&f->remaining));
	return json_pack("{s:o, s:o*, s:o, s:o, s:b, s:o*, s:o, s:o, s:o, s:o, s:o, s:o}", "process",
		text_json(plan->process), "less", f->less != NULL && *f->less != '\0' ? text_json(f->less) : NULL, "source",
		text_json(plan->source), "target", text_json(plan->target), "possible", plan->refusal == NULL, "refusal",
		plan->refusal != NULL ? text_json(plan->refusal) : NULL, "facts", facts, "limits",
		plan_limits_json(&plan->limits), "total", price_json(&plan->total), "resources", resources, "residual",
		residual_json(plan), "undeclared", undeclared_json(plan));
}

int plan_show_json(const struct plan *plan, FILE *out)
{
	json_t *root = plan_json(plan);
	if (root == NULL)
		return error_set(PMIG_ENOMEM, "plan: not enough memory");
	int written = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	json_decref(root);
	if (written < 0 || putc('\n', out) == EOF)
		return error_set(PMIG_EIO, "plan: it could not be written");
	return 0;
}

/* As they are kept in the registry; free(). NULL: no memory. */
static char *alternatives_text(const struct plan_decision *decision)
{
	json_t *array = alternatives_json(decision);
	char *text = array != NULL ? json_dumps(array, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(array);
	return text;
}

/* --- registry --- */

static unsigned how_of(const struct plan_decision *d)
{
	return (d->kept ? PMIG_KEPT : 0) | (d->dropped ? PMIG_DROPPED : 0) | (d->part ? PMIG_PART : 0);
}

static int record(const struct plan_decision *d, const struct plan_done *done, struct pmig_store *store,
	const char *handover)
{
	char *alternatives = alternatives_text(d);
	if (alternatives == NULL)
		return error_set(PMIG_ENOMEM, "plan: not enough memory");
	struct pmig_decision_row row = {.handover = handover,
		.slot = d->slot,
		.resource = d->name,
		.cell = d->cell,
		.strategy = d->strategy,
		.reason = d->reason,
		.alternatives = alternatives,
		.there = d->there,
		.how = how_of(d),
		.done = done != NULL ? done->strategy : 0,
		.done_how = done != NULL ? done->how : 0};
	int r = store->decision_put(store, &row);
	free(alternatives);
	return r;
}

int plan_show_record(const struct plan *plan, const struct plan_done *done, struct pmig_store *store, const char *handover)
{
	int r = store->batch_begin(store);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < plan->count; i++)
		r = record(&plan->decisions[i], done != NULL ? &done[i] : NULL, store, handover);
	if (r >= 0)
		return store->batch_commit(store);
	(void)store->batch_rollback(store);
	return error_prefix(r, "plan");
}
