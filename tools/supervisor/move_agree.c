/* move_agree: the plan goes into the registry, and what the program did when it was frozen beside it: resource by resource it must be what
 * the plan says, or the move is undone. */
#include "move.h"

#include "registry/plan_show.h"
#include "runtime/base/strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATE_SLOT (1 << 27) /* in the registry, of what the agent did not see: behind its slots */

/* Where a slot's decision stands, in the order of slots. */
struct place {
	int64_t slot;
	size_t index;
};

struct agreement {
	struct move *move;
	struct place *places;
	struct plan_done *done; /* in the order of the decisions */
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

static void record(struct move *m, const struct plan_done *done)
{
	if (m->plan != NULL && plan_show_record(m->plan, done, m->supervisor->store, m->id) < 0)
		supervisor_say(m->supervisor, "the plan is not in the registry: %s", pmig_reason());
}

void agree_record(struct move *m)
{
	record(m, NULL);
}

/* A thing that was opened since, and which only the restored process can try. */
static void record_late(struct move *m, const json_t *made, enum pmig_strategy strategy)
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
			.strategy = strategy,
			.reason = "it was opened after the plan was made",
			.alternatives = "[]",
			.done = strategy});
}

/* --- which decision it was --- */

static int by_slot(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static int sort_places(struct agreement *g)
{
	size_t count = g->move->plan->count;
	g->places = calloc(count + 1, sizeof *g->places);
	g->done = calloc(count + 1, sizeof *g->done);
	if (g->places == NULL || g->done == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		g->places[i] = (struct place){g->move->plan->decisions[i].slot, i};
	qsort(g->places, count, sizeof *g->places, by_slot);
	return 0;
}

static bool agrees(const struct plan_decision *d, const struct plan_done *made)
{
	if (d->part)
		return made->strategy == PMIG_MOVE || made->strategy == PMIG_COPY;
	if (d->dropped)
		return (made->how & PMIG_DROPPED) != 0;
	return made->strategy == d->strategy && (made->how & PMIG_KEPT) == (d->kept ? PMIG_KEPT : 0);
}

/* By its slot, which it has from the plan; else, of those with this kind and locator, the one that agrees. */
static const struct plan_decision *decision_of(const struct agreement *g, const json_t *made, const struct plan_done *is)
{
	const struct plan *plan = g->move->plan;
	struct place wanted = {.slot = json_integer_value(json_object_get(made, "slot"))};
	const struct place *place = wanted.slot != 0 ? bsearch(&wanted, g->places, plan->count, sizeof wanted, by_slot)
						     : NULL;
	if (place != NULL)
		return &plan->decisions[place->index];
	const struct plan_decision *other = NULL;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_decision *d = &plan->decisions[i];
		if (*text_of(made, "kind") == '\0' || strcmp(d->kind, text_of(made, "kind")) != 0 ||
			strcmp(d->locator, text_of(made, "locator")) != 0)
			continue;
		if (agrees(d, is))
			return d;
		other = d;
	}
	return other;
}

static const char *words_of(enum pmig_strategy strategy, bool kept, bool dropped)
{
	return dropped ? "it is dropped" : kept ? "it is kept" : strategy_name(strategy);
}

static int compare(const struct agreement *g, const json_t *made)
{
	struct plan_done is = {(enum pmig_strategy)json_integer_value(json_object_get(made, "strategy")),
		(unsigned)json_integer_value(json_object_get(made, "how"))};
	const struct plan_decision *d = decision_of(g, made, &is);
	if (d == NULL) {
		record_late(g->move, made, is.strategy);
		return 0;
	}
	g->done[d - g->move->plan->decisions] = is;
	if (agrees(d, &is))
		return 0;
	return error_set(PMIG_EREFUSED, "%s: the plan says %s, and when the program was frozen it had become %s", d->name,
		words_of(d->strategy, d->kept, d->dropped),
		words_of(is.strategy, (is.how & PMIG_KEPT) != 0, (is.how & PMIG_DROPPED) != 0));
}

bool agree_check(struct move *m, const json_t *frozen)
{
	struct agreement g = {.move = m};
	size_t i;
	json_t *made;
	if (m->plan == NULL)
		return true;
	int r = sort_places(&g);
	if (r >= 0) {
		json_array_foreach(json_object_get(frozen, "decided"), i, made)
		{
			int one = compare(&g, made);
			if (one < 0 && r >= 0) {
				r = one;
				move_blame(m, r); /* the first one; the others are in the registry */
			}
		}
		record(m, g.done);
	} else {
		move_blame(m, r);
	}
	free(g.places);
	free(g.done);
	return r >= 0;
}
