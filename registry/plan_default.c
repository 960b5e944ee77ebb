/* plan_default: what the tables say about resources that nobody declared, and about what kinds can do. */
#include "plan.h"

#include <string.h>

static const struct plan_default situations[] = {
#define DEFAULT(s, w, b, a, t, ...) \
	[PLAN_##s] = {.words = w, \
		.binding = PMIG_##b, \
		.attachment = PMIG_##a, \
		.treatment = PLAN_##t __VA_OPT__(, .refused =) __VA_ARGS__},
#include "tbl/default.h"
#undef DEFAULT
};

static const struct {
	const char *name;
	unsigned operations;
	const char *note;
} kinds[] = {
#define KIND(name, operations, note) {name, operations, note},
#include "tbl/kind.h"
#undef KIND
};

unsigned plan_operations(const char *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, kind) == 0)
			return kinds[i].operations;
	return 0;
}

const char *plan_note(const char *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, kind) == 0)
			return kinds[i].note;
	return "";
}

const char *plan_situation_words(enum plan_situation situation)
{
	return situations[situation].words;
}

struct plan_rules plan_rules(void)
{
	struct plan_rules rules = {.defaults = situations};
	rules.choices = strategy_table(&rules.count);
	return rules;
}

void plan_undeclared_by(const struct plan_rules *rules, struct plan_resource *resource, enum plan_situation situation)
{
	const struct plan_default *s = &rules->defaults[situation];
	resource->row.binding = s->binding;
	resource->row.attachment = s->attachment;
	resource->row.origin = PMIG_UNDECLARED;
	resource->refused = s->treatment == PLAN_REFUSED ? s->refused : NULL;
	resource->part = s->treatment == PLAN_PART;
	resource->given = s->treatment == PLAN_GIVEN;
	if (s->treatment == PLAN_EVERYWHERE && resource->providers.source == 0)
		resource->providers = (struct plan_fact){1, PLAN_DECLARED};
}

void plan_undeclared(struct plan_resource *resource, enum plan_situation situation)
{
	const struct plan_rules rules = plan_rules();
	plan_undeclared_by(&rules, resource, situation);
}
