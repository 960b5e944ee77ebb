/* plan_default: what the tables say about resources that nobody declared, and about what kinds can do. */
#include "plan.h"

#include <string.h>

enum treatment { ORDINARY, PART, EVERYWHERE, REFUSED };

struct situation {
	const char *words;
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	enum treatment treatment;
	const char *refused;
};

static const struct situation situations[] = {
#define DEFAULT(s, w, b, a, t, ...) \
	[PLAN_##s] = {.words = w, \
		.binding = PMIG_##b, \
		.attachment = PMIG_##a, \
		.treatment = t __VA_OPT__(, .refused =) __VA_ARGS__},
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

void plan_undeclared(struct plan_resource *resource, enum plan_situation situation)
{
	const struct situation *s = &situations[situation];
	resource->row.binding = s->binding;
	resource->row.attachment = s->attachment;
	resource->row.origin = PMIG_UNDECLARED;
	resource->refused = s->refused;
	resource->part = s->treatment == PART;
	if (s->treatment == EVERYWHERE && resource->providers.source == 0)
		resource->providers = (struct plan_fact){1, PLAN_DECLARED};
}
