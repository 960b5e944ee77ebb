/* rules: the table of strategies as in force, for people and for programs. */
#include "rules.h"
#include "pool.h"
#include "table.h"

#include <string.h>

#define CHOICES_MAX 5

static const char *const bindings[] = {"", "identifier", "value", "type"};
static const char *const attachments[] = {"", "unattached", "fastened", "fixed"};

/* The strategies of a cell in their order, each once. What comes first in special circumstances only (kept references, secrets, dear
 * bytes, snapshots) is told beside the cells. */
static size_t choices_of(const struct plan_rules *rules, enum pmig_binding b, enum pmig_attachment a, bool shared,
	enum pmig_strategy ret_choices[CHOICES_MAX])
{
	size_t n = 0;
	const struct strategy_choice *c = NULL;
	while ((c = strategy_next_in(rules->choices, rules->count, c, b, a, shared)) != NULL) {
		bool special = c->binding == 0 || c->condition == STRATEGY_DEAR_BYTES || c->condition == STRATEGY_SNAPSHOT;
		for (size_t i = 0; i < n; i++)
			special |= ret_choices[i] == c->strategy;
		if (!special && n < CHOICES_MAX)
			ret_choices[n++] = c->strategy;
	}
	if (n == 0)
		ret_choices[n++] = PMIG_REFUSE;
	return n;
}

json_t *rules_json(const struct plan_rules *rules)
{
	json_t *all = json_array();
	for (int b = PMIG_BY_IDENTIFIER; b <= PMIG_BY_TYPE; b++)
		for (int a = PMIG_UNATTACHED; a <= PMIG_FIXED; a++)
			for (int shared = 0; shared <= 1; shared++) {
				enum pmig_strategy choices[CHOICES_MAX];
				size_t n = choices_of(rules, (enum pmig_binding)b, (enum pmig_attachment)a, shared, choices);
				json_t *names = json_array();
				for (size_t i = 0; i < n; i++)
					(void)json_array_append_new(names, json_string(strategy_name(choices[i])));
				(void)json_array_append_new(all,
					json_pack("{s:s, s:s, s:b, s:o}", "binding", bindings[b], "attachment",
						attachments[a], "shared", shared, "choices", names));
			}
	return all;
}

static const char *cell(const struct plan_rules *rules, struct pool *pool, int b, int a, bool shared)
{
	enum pmig_strategy choices[CHOICES_MAX];
	size_t n = choices_of(rules, (enum pmig_binding)b, (enum pmig_attachment)a, shared, choices);
	const char *text = "";
	for (size_t i = 0; i < n; i++)
		text = pool_format(pool, "%s%s%s", text, i > 0 ? ", " : "", strategy_name(choices[i]));
	return text;
}

static const char *condition(enum strategy_condition c)
{
	static const char *const words[] = {[STRATEGY_ALWAYS] = "-",
		[STRATEGY_KEPT] = "the target reaches it under the same name",
		[STRATEGY_SECRET] = "it is secret",
		[STRATEGY_EQUAL_CONTENT] = "the target has equal content",
		[STRATEGY_PROVIDER] = "the target has one of its type",
		[STRATEGY_DEAR_BYTES] = "its bytes cost more than the reads",
		[STRATEGY_DIVERGENCE] = "consent: divergence",
		[STRATEGY_SNAPSHOT] = "consent: snapshot"};
	return (size_t)c < sizeof words / sizeof *words && words[c] != NULL ? words[c] : "?";
}

static int put_cells(const struct plan_rules *rules, struct pool *pool, int columns, FILE *out)
{
	struct table *t = table_create(4);
	if (t == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory for the rules");
	table_row(t, (const char *const[]){"", "UNATTACHED", "FASTENED", "FIXED"});
	for (int b = PMIG_BY_IDENTIFIER; b <= PMIG_BY_TYPE; b++)
		for (int shared = 0; shared <= 1; shared++)
			table_row(t,
				(const char *const[]){pool_format(pool, "by %s%s", bindings[b], shared ? ", shared" : ""),
					cell(rules, pool, b, PMIG_UNATTACHED, shared),
					cell(rules, pool, b, PMIG_FASTENED, shared),
					cell(rules, pool, b, PMIG_FIXED, shared)});
	int r = table_print(t, columns, 0, out);
	table_destroy(t);
	return r;
}

static int put_choices(const struct plan_rules *rules, struct pool *pool, int columns, FILE *out)
{
	struct table *t = table_create(4);
	if (t == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory for the rules");
	table_row(t, (const char *const[]){"CELL", "CHOICE", "ONLY IF", "BECAUSE"});
	for (size_t i = 0; i < rules->count; i++) {
		const struct strategy_choice *c = &rules->choices[i];
		const char *of = c->binding == 0
			? c->strategy == PMIG_REFER ? "any with a reference" : "any"
			: pool_format(pool, "by %s, %s%s", bindings[c->binding], attachments[c->attachment],
				  c->sharing == 1          ? ", shared"
					  : c->sharing < 0 ? ", shared or not"
							   : "");
		table_row(t, (const char *const[]){of, strategy_name(c->strategy), condition(c->condition), c->why});
	}
	int r = table_print(t, columns, 0, out);
	table_destroy(t);
	return r;
}

static int put_defaults(const struct plan_rules *rules, int columns, FILE *out)
{
	static const char *const treatments[] = {[PLAN_ORDINARY] = "",
		[PLAN_GIVEN] = "given to the program",
		[PLAN_PART] = "part of the process",
		[PLAN_EVERYWHERE] = "each host has one",
		[PLAN_REFUSED] = "refused"};
	struct table *t = table_create(4);
	if (t == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory for the rules");
	table_row(t, (const char *const[]){"NOBODY DECLARED", "BINDING", "ATTACHMENT", ""});
	for (int i = PLAN_STANDARD_STREAM; i <= PLAN_MEMORY_FOREIGN; i++) {
		const struct plan_default *d = &rules->defaults[i];
		table_row(t,
			(const char *const[]){
				d->words, bindings[d->binding], attachments[d->attachment], treatments[d->treatment]});
	}
	int r = table_print(t, columns, 0, out);
	table_destroy(t);
	return r;
}

int rules_text(const struct plan_rules *rules, int columns, FILE *out)
{
	struct pool pool = {0};
	int r = put_cells(rules, &pool, columns, out);
	putc('\n', out);
	if (r >= 0)
		r = put_choices(rules, &pool, columns, out);
	putc('\n', out);
	if (r >= 0)
		r = put_defaults(rules, columns, out);
	if (r >= 0 && pool.failed)
		r = error_set(PMIG_ENOMEM, "not enough memory for the rules");
	pool_finish(&pool);
	if (r >= 0 && ferror(out))
		r = error_set(PMIG_EIO, "the rules could not be written");
	return r < 0 ? r : 0;
}
