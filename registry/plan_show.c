/* plan_show: a plan as text for people and as JSON for programs. */
#include "plan_show.h"
#include "figure.h"
#include "runtime/base/strategy.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- text --- */

static const char *label(const struct plan_decision *d)
{
	return d->part ? "part" : d->kept ? "keep" : d->dropped ? "drop" : strategy_name(d->strategy);
}

/* ", 1.2 s before", ", 3 s frozen" ...: only what can be seen; what is not known is shown. */
static void put_price(const struct plan_price *p, FILE *out)
{
	if (p->bytes > 0)
		fprintf(out, ", %s", figure_bytes((double)p->bytes).text);
	if (p->before != 0)
		fprintf(out, ", %s before the freeze", figure_seconds(p->before).text);
	if (p->frozen != 0)
		fprintf(out, ", %s frozen", figure_seconds(p->frozen).text);
	if (!(p->share < 0.0005))
		fprintf(out, ", %s of the link", figure_percent(p->share).text);
	if (!(p->slowdown < 0.0005))
		fprintf(out, ", %s slower", figure_percent(p->slowdown).text);
}

static void put_decision(const struct plan_decision *d, bool alternatives, FILE *out)
{
	fprintf(out, "  %-9s  ", label(d));
	text_put(d->name, out);
	fputs(" (", out);
	text_put(d->kind, out);
	if (*d->locator != '\0' && strcmp(d->locator, d->name) != 0) {
		putc(' ', out);
		text_put(d->locator, out);
	}
	fprintf(out, "; %s", d->cell);
	if (d->origin == PMIG_UNDECLARED)
		fputs("; undeclared", out);
	if (*d->opened != '\0') {
		fprintf(out, d->origin == PMIG_UNDECLARED ? ", opened at " : "; ");
		text_put(d->opened, out);
	}
	putc(')', out);
	if (*d->there != '\0') {
		fputs(" -> ", out);
		text_put(d->there, out);
	}
	fputs(": ", out);
	text_put(d->reason, out);
	put_price(&d->price, out);
	putc('\n', out);
	if (*d->warning != '\0') {
		fputs("             warning: ", out);
		text_put(d->warning, out);
		putc('\n', out);
	}
	for (size_t i = 0; alternatives && i < d->alternative_count; i++) {
		fprintf(out, "             not %s: ", strategy_name(d->alternatives[i].strategy));
		text_put(d->alternatives[i].reason, out);
		putc('\n', out);
	}
}

int plan_show_text(const struct plan *plan, bool alternatives, FILE *out)
{
	fprintf(out, "%s from %s to %s: ", plan->process, plan->source, plan->target);
	if (plan->refusal != NULL) {
		text_put(plan->refusal, out);
		putc('\n', out);
	} else {
		const struct plan_price *t = &plan->total;
		fprintf(out, "%s to ship, %s before the freeze, %s frozen, %s of the link from then on\n",
			figure_bytes((double)t->bytes).text, figure_seconds(t->before).text, figure_seconds(t->frozen).text,
			figure_percent(t->share).text);
	}
	for (size_t i = 0; i < plan->count; i++)
		put_decision(&plan->decisions[i], alternatives, out);
	return ferror(out) ? error_set(PMIG_EIO, "plan: it could not be written") : 0;
}

/* --- JSON --- */

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *price_json(const struct plan_price *p)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:I}", "seconds_before", number_json(p->before), "seconds_frozen",
		number_json(p->frozen), "share_of_link", number_json(p->share), "slowdown", number_json(p->slowdown),
		"bytes", (json_int_t)p->bytes);
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

static json_t *decision_json(const struct plan_decision *d)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:s, s:s, s:o, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "slot",
		(json_int_t)d->slot, "name", text_json(d->name), "kind", text_json(d->kind), "locator",
		text_json(d->locator), "cell", d->cell, "origin", origin_name(d->origin), "opened", text_json(d->opened),
		"strategy", strategy_name(d->strategy), "kept", (int)d->kept, "dropped", (int)d->dropped, "part",
		(int)d->part, "there", text_json(d->there), "reason", text_json(d->reason), "warning", text_json(d->warning),
		"price", price_json(&d->price), "alternatives", alternatives_json(d));
}

/* {"value": ..., "source": "measured"}, or null. */
static json_t *fact_json(const struct plan_fact *fact)
{
	static const char *const names[] = {"unknown", "declared", "measured", "asked"};
	if (fact->source == 0 || (size_t)fact->source >= sizeof names / sizeof *names)
		return json_null();
	return json_pack("{s:I, s:s}", "value", (json_int_t)fact->value, "source", names[fact->source]);
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
	json_t *facts = json_pack("{s:o, s:o, s:o, s:o, s:o}", "image_bytes", fact_json(&f->image), "space_bytes",
		fact_json(&f->space), "bandwidth_bytes_per_second", fact_json(&f->bandwidth), "rtt_nanoseconds",
		fact_json(&f->rtt), "remaining_nanoseconds", fact_json(&f->remaining));
	return json_pack("{s:o, s:o, s:o, s:b, s:o*, s:o, s:o, s:o}", "process", text_json(plan->process), "source",
		text_json(plan->source), "target", text_json(plan->target), "possible", plan->refusal == NULL, "refusal",
		plan->refusal != NULL ? text_json(plan->refusal) : NULL, "facts", facts, "total", price_json(&plan->total),
		"resources", resources);
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

char *plan_show_alternatives(const struct plan_decision *decision)
{
	json_t *array = alternatives_json(decision);
	char *text = array != NULL ? json_dumps(array, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(array);
	return text;
}

/* --- registry --- */

static int record(const struct plan_decision *d, struct pmig_store *store, const char *handover)
{
	char *alternatives = plan_show_alternatives(d);
	if (alternatives == NULL)
		return error_set(PMIG_ENOMEM, "plan: not enough memory");
	struct pmig_decision_row row = {.handover = handover,
		.slot = d->slot,
		.resource = d->name,
		.cell = d->cell,
		.strategy = d->strategy,
		.reason = d->reason,
		.alternatives = alternatives};
	int r = store->decision_put(store, &row);
	free(alternatives);
	return r;
}

int plan_show_record(const struct plan *plan, struct pmig_store *store, const char *handover)
{
	int r = store->batch_begin(store);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < plan->count; i++)
		r = record(&plan->decisions[i], store, handover);
	if (r >= 0)
		return store->batch_commit(store);
	(void)store->batch_rollback(store);
	return error_prefix(r, "plan");
}
