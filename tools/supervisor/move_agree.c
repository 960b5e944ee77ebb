/* move_agree: the plan goes into the registry, and what the program decides itself when it is frozen must be what it says. */
#include "move.h"

#include "registry/plan_show.h"
#include "runtime/base/strategy.h"

#include <stdio.h>
#include <string.h>

#define LATE_SLOT (1 << 27) /* in the registry, of what the agent did not see: behind its slots */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

void agree_record(struct move *m)
{
	if (m->plan != NULL && plan_show_record(m->plan, m->supervisor->store, m->id) < 0)
		supervisor_say(m->supervisor, "the plan is not in the registry: %s", pmig_reason());
}

/* A thing that was opened since, and which only the restored process can try. */
static void record_late(struct move *m, const json_t *made)
{
	struct pmig_store *store = m->supervisor->store;
	const char *locator = text_of(made, "locator");
	char name[PMIG_NAME_MAX + 1];
	(void)snprintf(name, sizeof name, "%.*s", PMIG_NAME_MAX, *locator != '\0' ? locator : text_of(made, "kind"));
	(void)store->decision_put(store,
		&(struct pmig_decision_row){.handover = m->id,
			.slot = LATE_SLOT + json_integer_value(json_object_get(made, "fd")),
			.resource = name,
			.cell = "decided at the freeze",
			.strategy = (enum pmig_strategy)json_integer_value(json_object_get(made, "strategy")),
			.reason = "it was opened after the plan was made",
			.alternatives = "[]"});
}

static bool agrees(const struct plan_decision *d, enum pmig_strategy made)
{
	return d->part ? made == PMIG_MOVE || made == PMIG_COPY : d->strategy == made;
}

static int compare(struct move *m, const json_t *made)
{
	enum pmig_strategy strategy = (enum pmig_strategy)json_integer_value(json_object_get(made, "strategy"));
	const struct plan_decision *other = NULL;
	for (size_t i = 0; i < m->plan->count; i++) {
		const struct plan_decision *d = &m->plan->decisions[i];
		if (strcmp(d->kind, text_of(made, "kind")) != 0 || strcmp(d->locator, text_of(made, "locator")) != 0)
			continue;
		if (agrees(d, strategy))
			return 0;
		other = d;
	}
	if (other != NULL)
		return error_set(PMIG_EREFUSED, "%s: the plan says %s, and when the program was frozen it had become %s",
			other->name, strategy_name(other->strategy), strategy_name(strategy));
	record_late(m, made);
	return 0;
}

bool agree_check(struct move *m, const json_t *frozen)
{
	size_t i;
	json_t *made;
	if (m->plan == NULL)
		return true;
	json_array_foreach(json_object_get(frozen, "decided"), i, made)
	{
		int r = compare(m, made);
		if (r < 0) {
			move_blame(m, r);
			return false;
		}
	}
	return true;
}
