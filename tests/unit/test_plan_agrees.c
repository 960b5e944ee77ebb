/* plan: what is decided here is what the runtime does when it is left to itself, and what its kinds can do. */
#include "plan_case.h"

#include "runtime/frame/program.h"
#include "runtime/kind/table.h"
#include "runtime/resource/decide.h"

const struct program pmig_program = {0}; /* no instrumented program is behind this test */

static int never(struct pmig_resource *r, struct pmig_reader *in)
{
	(void)r, (void)in;
	return 0;
}

static unsigned mask(const struct pmig_kind *k)
{
	return (k->move != NULL ? MV : 0) | (k->copy != NULL ? CP : 0) | (k->refer != NULL ? GR : 0) |
		(k->rebind != NULL ? RB : 0);
}

static void kinds_can_do_what_the_planner_believes(void **state)
{
	(void)state;
	size_t count = 0;
	const struct pmig_kind *k;
	for (; (k = kind_table_at(count)) != NULL; count++)
		if (plan_operations(k->name) != mask(k))
			fail_msg("%s: the planner has %#x, its kind %#x", k->name, plan_operations(k->name), mask(k));
	assert_true(count > 0);
}

/* The runtime asks no target: equal content and a provider are there as far as it knows. It sets up no reference by itself: one that it
 * makes is kept. */
static enum pmig_strategy planned(enum pmig_binding b, enum pmig_attachment a, unsigned operations, bool shared,
	unsigned consent)
{
	struct plan_resource r = case_of(b, a, operations);
	struct plan_facts facts = {0};
	r.row.shared = shared;
	r.row.consent = consent;
	r.same_content = r.providers = (struct plan_fact)ASKED(1);
	if ((operations & GR) != 0)
		r.reached = (struct plan_fact)ASKED(1);
	struct plan *plan = case_plan(&r, &facts, &(struct plan_limits){0});
	enum pmig_strategy strategy = plan->decisions[0].strategy;
	plan_destroy(plan);
	return strategy;
}

static void the_runtime_decides_the_same(void **state)
{
	(void)state;
	for (unsigned operations = 0; operations < 16; operations++) {
		struct pmig_kind kind = {.version = PMIG_KIND_VERSION,
			.name = "any",
			.move = operations & 1 ? never : NULL,
			.copy = operations & 2 ? never : NULL,
			.refer = operations & 4 ? never : NULL,
			.rebind = operations & 8 ? never : NULL};
		for (unsigned b = PMIG_BY_IDENTIFIER; b <= PMIG_BY_TYPE; b++)
			for (unsigned a = PMIG_UNATTACHED; a <= PMIG_FIXED; a++)
				for (unsigned shared = 0; shared <= 1; shared++)
					for (unsigned consent = 0; consent < 4; consent++) {
						char why[256];
						struct pmig_resource r = {.kind = &kind,
							.kept = kind.refer != NULL,
							.shared = shared,
							.declaration = {.binding = b, .attachment = a, .consent = consent}};
						enum pmig_strategy there = decide_strategy(&r, why, sizeof why);
						enum pmig_strategy here = planned(b, a, mask(&kind), shared, consent);
						if (here != there)
							fail_msg("%s, operations %#x, consent %u: planned %s, done %s",
								strategy_cell(b, a, shared), mask(&kind), consent,
								strategy_name(here), strategy_name(there));
					}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_can_do_what_the_planner_believes),
		cmocka_unit_test(the_runtime_decides_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
