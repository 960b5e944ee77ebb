/* plan: what must hold for whatever resources and facts there are. */
#include "plan_case.h"

#include <math.h>

static uint64_t seed = 0x9e3779b97f4a7c15;

/* xorshift64*: Vigna, An experimental exploration of Marsaglia's xorshift generators, 2016. */
static uint64_t any(uint64_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * 2685821657736338717u >> 33) % below;
}

static struct plan_fact any_fact(uint64_t below)
{
	enum plan_source source = any(4);
	return (struct plan_fact){source != 0 ? any(below) : 0, source};
}

static struct plan_resource any_resource(int64_t slot)
{
	static const char *const kinds[] = {"file", "terminal", "device", "library", "listener", "unheard-of"};
	struct plan_resource r = {.row = {.slot = slot,
					  .name = any(5) != 0 ? "thing" : NULL,
					  .kind = kinds[any(6)],
					  .locator = any(5) != 0 ? "/some/where" : "",
					  .binding = 1 + (unsigned)any(3),
					  .attachment = 1 + (unsigned)any(3),
					  .type = any(2) != 0 ? "scratch" : NULL,
					  .strategy = any(4) == 0 ? (unsigned)any(6) : 0,
					  .consent = (unsigned)any(8),
					  .shared = any(4) == 0,
					  .secret = any(8) == 0,
					  .rate = any(3) * 1000000,
					  .size = any(3) * 1000000,
					  .origin = 1 + (unsigned)any(4)},
		.operations = (unsigned)any(1024),
		.refused = any(30) == 0 ? "because" : NULL,
		.part = any(20) == 0,
		.size = any_fact(1u << 31),
		.rate = any_fact(1u << 28),
		.trips = any_fact(5000),
		.sharers = any_fact(2),
		.same_content = any_fact(2),
		.providers = any_fact(3),
		.reached = any_fact(2),
		.obstacle = any(10) == 0 ? "a file" : NULL,
		.note = any(5) == 0 ? "mind the gap" : NULL,
		.given = any(4) == 0,
		.secret_hook = any(2) == 0,
		.ahead = any(2) == 0,
		.at = any(4) == 0 ? any(2) ? "gamma" : "beta" : NULL,
		.there = any(3) == 0 ? "/elsewhere" : NULL,
		.bandwidth = any(4) == 0 ? any_fact(1u << 30) : (struct plan_fact){0},
		.rtt = any(4) == 0 ? any_fact(1u << 28) : (struct plan_fact){0}};
	for (size_t i = 0, count = any(4) == 0 ? any(5) : 0; i < count; i++)
		r.order[i] = (uint8_t)(PMIG_MOVE + any(4));
	return r;
}

static struct plan_facts any_facts(void)
{
	return (struct plan_facts){.process = "p",
		.source = "alpha",
		.target = "beta",
		.image = any_fact(1u << 30),
		.space = any(2) ? (struct plan_fact){0} : any_fact(1ull << 32),
		.bandwidth = any_fact(1u << 30),
		.rtt = any_fact(1u << 28),
		.remaining = any_fact(1ull << 45)};
}

static struct plan_limits any_limits(void)
{
	return (struct plan_limits){.before = any(3) == 0 ? (double)any(1000) / 10 : 0,
		.frozen = any(3) == 0 ? (double)any(1000) / 10 : 0,
		.share = any(3) == 0 ? (double)any(100) / 100 : 0,
		.slowdown = any(3) == 0 ? (double)any(100) / 100 : 0,
		.reference = any(3) == 0 ? any(1u << 28) : 0,
		.transfer = any(3) == 0 ? any(1u << 31) : 0,
		.remaining = any(3) == 0 ? (double)any(100000) : 0,
		.strict = any(10) == 0};
}

/* A decision is possible by what the resource itself says, whatever the planner thought. */
static void check_decision(const struct plan_resource *r, const struct plan_decision *d, const struct plan *plan)
{
	assert_int_equal(d->slot, r->row.slot);
	assert_in_range(d->strategy, PMIG_MOVE, PMIG_REFUSE);
	assert_true(*d->reason != '\0' && d->warning != NULL && d->there != NULL && *d->name != '\0');
	if (d->strategy == PMIG_REFUSE) {
		assert_non_null(plan->refusal);
		return;
	}
	if (d->part || d->dropped)
		return;
	assert_true(r->refused == NULL);
	unsigned can = r->operations;
	bool anew = r->row.secret && r->secret_hook && d->strategy == PMIG_REBIND;
	assert_true(anew || (can & PLAN_CAN(d->strategy)) || (d->kept && (can & PLAN_CAN_KEEP)));
	assert_true(r->row.strategy == 0 || r->row.strategy == d->strategy);
	bool bytes = d->strategy == PMIG_MOVE || d->strategy == PMIG_COPY;
	bool shared = r->row.shared || r->sharers.value > 0;
	assert_false(bytes && (r->row.secret || r->obstacle != NULL));
	assert_false(d->strategy == PMIG_MOVE && shared);
	assert_false(d->strategy == PMIG_COPY && r->row.binding == PMIG_BY_IDENTIFIER);
	assert_false(d->strategy == PMIG_COPY && shared && !(r->row.consent & (PMIG_DIVERGENCE | PMIG_SNAPSHOT)));
	assert_false(bytes && r->row.attachment == PMIG_FIXED && !(r->row.consent & PMIG_SNAPSHOT));
	assert_false(plan->limits.strict && r->row.origin == PMIG_UNDECLARED && !r->given);
	/* what both reach is never removed at the source, whatever was demanded; nor is what is not there */
	assert_false(d->strategy == PMIG_MOVE && r->reached.value != 0);
	assert_false(d->strategy == PMIG_MOVE && r->at != NULL);
	/* a policy's order leaves out what it does not name; a secret is obtained anew all the same */
	if (r->order[0] != 0 && !(r->row.secret && d->strategy == PMIG_REBIND))
		assert_non_null(memchr(r->order, (int)d->strategy, PLAN_ORDER_MAX));
	/* what remains, remains at somebody who is not the target, and only for references that were set up */
	if (*d->stays != '\0')
		assert_true(d->strategy == PMIG_REFER && !d->kept && strcmp(d->stays, plan->target) != 0);
	else
		assert_true(d->strategy != PMIG_REFER || d->kept || (r->at != NULL && strcmp(r->at, plan->target) == 0));
	assert_false(d->kept && d->price.bytes + (d->price.share > 0) + (d->price.frozen > 0) > 0);
	if (d->strategy == PMIG_COPY && shared)
		assert_true(*d->warning != '\0');
	for (size_t i = 0; i < d->alternative_count; i++)
		assert_true(*d->alternatives[i].reason != '\0');
}

static bool within(double figure, double limit)
{
	return isnan(figure) || limit == 0 || figure <= limit * (1 + 1e-6);
}

static void whatever_there_is_the_plan_keeps_its_word(void **state)
{
	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct plan_resource resources[6];
		size_t count = any(7);
		for (size_t i = 0; i < count; i++)
			resources[i] = any_resource((int64_t)i);
		struct plan_facts facts = any_facts();
		struct plan_limits limits = any_limits();
		struct plan *plan = NULL;
		assert_good(plan_make(resources, count, &facts, &limits, &plan));
		bool refused = false;
		for (size_t i = 0; i < count; i++) {
			check_decision(&resources[i], &plan->decisions[i], plan);
			refused |= plan->decisions[i].strategy == PMIG_REFUSE;
		}
		if (refused)
			assert_non_null(plan->refusal);
		assert_int_equal(plan_check(plan), plan->refusal != NULL ? PMIG_EREFUSED : 0);
		if (plan->refusal != NULL) {
			assert_int_equal(strncmp(plan->refusal, "move refused: ", 14), 0);
		} else {
			assert_true(within(plan->total.frozen, limits.frozen));
			assert_true(within(plan->total.before, limits.before));
			assert_true(within(plan->total.share, limits.share > 0 ? limits.share : 1));
			assert_true(within(plan->total.rate, (double)limits.reference));
			assert_true(limits.transfer == 0 || plan->total.bytes <= limits.transfer);
			assert_true(facts.space.source == 0 || plan->total.bytes <= facts.space.value);
		}
		plan_destroy(plan);
	}
}

static char *shown(const struct plan_resource *resources, size_t count, const struct plan_facts *facts,
	const struct plan_limits *limits)
{
	struct plan *plan = NULL;
	assert_good(plan_make(resources, count, facts, limits, &plan));
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_good(plan_show_text(plan, &(struct plan_show_options){0, true}, out));
	assert_good(plan_show_json(plan, out));
	assert_int_equal(fclose(out), 0);
	plan_destroy(plan);
	return text;
}

static void the_same_arguments_give_the_same_plan(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct plan_resource resources[6];
		for (size_t i = 0; i < 6; i++)
			resources[i] = any_resource((int64_t)i);
		struct plan_facts facts = any_facts();
		struct plan_limits limits = any_limits();
		char *first = shown(resources, 6, &facts, &limits), *second = shown(resources, 6, &facts, &limits);
		assert_string_equal(first, second);
		free(first);
		free(second);
	}
}

/* One resource alone: more of what the target offers never turns a plan into a refusal. */
static void more_room_never_refuses_more(void **state)
{
	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct plan_resource r = any_resource(0);
		struct plan_facts facts = any_facts(), more = facts;
		struct plan_limits limits = any_limits();
		more.space.value *= 2;
		more.bandwidth.value *= 2;
		more.rtt.value /= 2;
		struct plan *before = case_plan(&r, &facts, &limits), *after = case_plan(&r, &more, &limits);
		if (before->refusal == NULL && after->refusal != NULL)
			fail_msg("refused with more room: %s", after->refusal);
		plan_destroy(before);
		plan_destroy(after);
	}
}

/* Without limits and with all operations only a value that is fixed, a secret, or a demand can stand in the way. */
static void a_kind_that_can_do_all_goes_nearly_everywhere(void **state)
{
	(void)state;
	for (int b = PMIG_BY_IDENTIFIER; b <= PMIG_BY_TYPE; b++)
		for (int a = PMIG_UNATTACHED; a <= PMIG_FIXED; a++)
			for (int shared = 0; shared <= 1; shared++) {
				struct plan_resource r = case_of(b, a, MV | CP | GR | RB);
				struct plan_facts facts = case_facts();
				r.row.shared = shared;
				struct plan *plan = case_plan(&r, &facts, &(struct plan_limits){0});
				assert_int_equal(plan->refusal != NULL, b == PMIG_BY_VALUE && a == PMIG_FIXED);
				plan_destroy(plan);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_there_is_the_plan_keeps_its_word),
		cmocka_unit_test(the_same_arguments_give_the_same_plan),
		cmocka_unit_test(more_room_never_refuses_more),
		cmocka_unit_test(a_kind_that_can_do_all_goes_nearly_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
