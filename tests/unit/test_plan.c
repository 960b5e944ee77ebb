/* plan: decisions written by hand, each with the rule that it comes from; refusals in their words; limits; defaults. */
#include "plan_rows.h"

#include <math.h>

static void rules_hold_row_by_row(void **state)
{
	(void)state;
	const struct plan_rules rules = plan_rules();
	char words[512];
	for (size_t i = 0; i < PLAN_ROW_COUNT; i++)
		if (!plan_row_holds(&rules, &plan_rows[i], words))
			fail_msg("row %zu, %s: %s", i + 1, plan_rows[i].rule, words);
	assert_true(PLAN_ROW_COUNT >= 40);
}

static void defaults_hold_row_by_row(void **state)
{
	(void)state;
	const struct plan_rules rules = plan_rules();
	for (size_t i = 0; i < PLAN_DEFAULT_ROW_COUNT; i++)
		if (!plan_default_row_holds(&rules, &plan_default_rows[i]))
			fail_msg("%s", plan_default_rows[i].words);
	assert_int_equal(PLAN_DEFAULT_ROW_COUNT, PLAN_MEMORY_FOREIGN);
}

/* The refusal of one resource under these facts and limits. */
static void assert_refusal(const struct plan_resource *r, const struct plan_facts *f, const struct plan_limits *l,
	const char *words)
{
	struct plan *plan = case_plan(r, f, l);
	assert_non_null(plan->refusal);
	assert_string_equal(plan->refusal, words);
	assert_fails(plan_check(plan), PMIG_EREFUSED);
	assert_string_equal(pmig_reason(), words);
	plan_destroy(plan);
}

static void a_display_is_refused_in_the_words_of_the_design(void **state)
{
	(void)state;
	struct plan_resource r = case_of(ID, FI, ALL);
	struct plan_facts f = case_facts();
	struct plan_limits l = {0};
	r.row.name = "display";
	r.row.kind = "device";
	r.rate = (struct plan_fact){480000000, PLAN_DECLARED};
	assert_refusal(&r, &f, &l,
		"move refused: display (by identifier, fixed): the reference would need 480 MB/s to alpha, the link carries 110 MB/s");
	r.rate.source = 0;
	r.row.rate = 480000000;
	assert_refusal(&r, &f, &l,
		"move refused: display (by identifier, fixed): the reference would need 480 MB/s to alpha, the link carries 110 MB/s");
	l.share = 0.5;
	r.row.rate = 60000000;
	assert_refusal(&r, &f, &l,
		"move refused: display (by identifier, fixed): the reference would need 60 MB/s to alpha, of the link's 110 MB/s there "
		"are 55 MB/s left (--max-reference 50 %)");
}

static void refusals_have_figure_and_limit(void **state)
{
	(void)state;
	struct plan_facts f = case_facts();
	struct plan_limits l = {0};
	struct plan_resource r = case_of(ID, UN, BYTES);
	r.row.shared = true;
	assert_refusal(&r, &f, &l,
		"move refused: data (by identifier, unattached, shared): a resource of kind file cannot be reached across machines in "
		"this version");
	r = case_of(VAL, FI, ALL);
	assert_refusal(&r, &f, &l,
		"move refused: data (by value, fixed): its value lives in shared memory, which would need distributed shared memory, and "
		"its declaration does not consent to a snapshot (PMIG_SNAPSHOT)");
	r = case_of(ID, UN, BYTES);
	f.space.value = 1500000;
	assert_refusal(&r, &f, &l,
		"move refused: data (by identifier, unattached): move: its 1 MB do not fit, beta has 500 kB left; reference: a resource "
		"of kind file cannot be reached across machines in this version");
	f = case_facts();
	r.size.value = 1100000000;
	l.frozen = 3;
	r.operations = MV | GR;
	r.trips.value = 10000;
	l.slowdown = 0.1;
	assert_refusal(&r, &f, &l,
		"move refused: data (by identifier, unattached): move: it would keep the program frozen for 10 s, of 3 s for all (--max-frozen) 3 s are "
		"left; reference: the round trips of the reference would slow the run down by 200 %, the limit is 10 % (--max-slowdown)");
}

static void the_process_itself_can_be_the_culprit(void **state)
{
	(void)state;
	struct plan_resource r = case_of(ID, UN, ALL);
	struct plan_limits l = {0};
	struct plan_facts f = case_facts();
	f.target_arch = "aarch64";
	assert_refusal(&r, &f, &l, "move refused: queens runs on x86_64, beta has aarch64");
	f = case_facts();
	f.cpu_lacks = "avx2";
	assert_refusal(&r, &f, &l, "move refused: queens was built for avx2, which the CPU of beta lacks");
	f = case_facts();
	f.not_installed = "the locale de_DE.utf8";
	assert_refusal(&r, &f, &l,
		"move refused: the locale de_DE.utf8, which queens uses, is not installed at beta: install it there");
	f = case_facts();
	f.not_allowed = "/etc/pmig/limits:3: nothing is taken from eve@alpha";
	assert_refusal(&r, &f, &l,
		"move refused: beta does not take queens: /etc/pmig/limits:3: nothing is taken from eve@alpha");
	f = case_facts();
	f.space.value = 999999;
	assert_refusal(&r, &f, &l, "move refused: the image of queens needs 1 MB, beta has 1 MB left");
	f = case_facts();
	f.image.value = 1100000000;
	l.frozen = 2.5;
	assert_refusal(&r, &f, &l,
		"move refused: the image of queens would keep it frozen for 10 s, the limit is 2.5 s (--max-frozen)");
}

static void bytes_that_cost_more_than_the_reads_stay(void **state)
{
	(void)state;
	struct plan_resource r = case_of(VAL, FA, CP | GR);
	struct plan_facts f = case_facts();
	r.size.value = 11000000000; /* 100 s over the link; ten round trips a second cost 2 ms a second */
	f.remaining.value = 1000000000;
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_int_equal(plan->decisions[0].strategy, PMIG_REFER);
	assert_non_null(strstr(plan->decisions[0].reason, "bytes cost more than the reads"));
	plan_destroy(plan);

	f.remaining.value = 100000000000000000; /* runs for years: reading from afar costs more in the end */
	plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_int_equal(plan->decisions[0].strategy, PMIG_COPY);
	assert_int_equal(plan->decisions[0].alternatives[1].strategy, PMIG_REFER);
	plan_destroy(plan);
}

static void limits_are_for_all_resources_together(void **state)
{
	(void)state;
	struct plan_resource r[3] = {case_of(ID, FI, ALL), case_of(ID, FI, ALL), case_of(ID, FI, ALL)};
	for (int i = 0; i < 3; i++)
		r[i].rate = (struct plan_fact)MEASURED(44000000); /* 40 % of the link */
	struct plan_facts f = case_facts();
	struct plan *plan = NULL;
	assert_good(plan_make(r, 2, &f, &(struct plan_limits){0}, &plan));
	assert_null(plan->refusal);
	assert_true(fabs(plan->total.share - 0.8) < 1e-9);
	plan_destroy(plan);
	assert_good(plan_make(r, 3, &f, &(struct plan_limits){0}, &plan));
	assert_non_null(strstr(plan->refusal, "of the link's 110 MB/s there are 22 MB/s left"));
	assert_int_equal(plan->decisions[1].strategy, PMIG_REFER);
	assert_int_equal(plan->decisions[2].strategy, PMIG_REFUSE);
	plan_destroy(plan);
}

/* What is known counts, although something else is not. */
static void an_unknown_figure_hides_no_known_one(void **state)
{
	(void)state;
	struct plan_resource r[3] = {case_of(ID, FI, ALL), case_of(ID, FI, ALL), case_of(ID, FI, ALL)};
	r[0].rate = (struct plan_fact)MEASURED(88000000);
	r[1].rate = (struct plan_fact){0};
	r[2].rate = (struct plan_fact)MEASURED(44000000);
	struct plan_facts f = case_facts();
	struct plan *plan = NULL;
	assert_good(plan_make(r, 2, &f, &(struct plan_limits){0}, &plan));
	assert_null(plan->refusal);
	assert_true(isnan(plan->total.share));
	plan_destroy(plan);
	assert_good(plan_make(r, 3, &f, &(struct plan_limits){0}, &plan));
	assert_non_null(strstr(plan->refusal, "there are 22 MB/s left"));
	plan_destroy(plan);
}

static void a_demand_is_met_or_refused(void **state)
{
	(void)state;
	struct plan_resource r = case_of(VAL, UN, ALL);
	struct plan_facts f = case_facts();
	r.row.strategy = PMIG_REFER;
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_int_equal(plan->decisions[0].strategy, PMIG_REFER);
	plan_destroy(plan);
	r.row.strategy = PMIG_REFUSE;
	assert_refusal(&r, &f, &(struct plan_limits){0},
		"move refused: data (by value, unattached): its declaration refuses to move");
	r = case_of(ID, FI, ALL);
	r.row.strategy = PMIG_MOVE;
	assert_refusal(&r, &f, &(struct plan_limits){0},
		"move refused: data (by identifier, fixed): its declaration demands: move");
}

static void strict_refuses_what_nobody_declared(void **state)
{
	(void)state;
	struct plan_resource r = case_of(VAL, UN, ALL);
	struct plan_facts f = case_facts();
	plan_undeclared(&r, PLAN_FILE_READ);
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_int_equal(plan->decisions[0].strategy, PMIG_COPY);
	assert_int_equal(plan->decisions[0].origin, PMIG_UNDECLARED);
	plan_destroy(plan);
	assert_refusal(&r, &f, &(struct plan_limits){.strict = true},
		"move refused: data (by value, unattached): nobody declared it, and that is refused (--strict)");
}

/* Of kinds that can do everything: what is left is what their cells say. */
static void defaults_lead_to_these_decisions(void **state)
{
	(void)state;
	static const struct {
		enum plan_situation situation;
		bool shared;
		enum pmig_strategy expected;
		const char *cell;
	} rows[] = {
		{PLAN_STANDARD_STREAM, false, PMIG_REFER, "by identifier, fixed"},
		{PLAN_FILE_READ, false, PMIG_COPY, "by value, unattached"},
		{PLAN_FILE_WRITTEN, false, PMIG_MOVE, "by identifier, unattached"},
		{PLAN_FILE_WRITTEN, true, PMIG_REFER, "by identifier, unattached, shared"},
		{PLAN_FILE_TEMPORARY, false, PMIG_COPY, "by value, unattached"},
		{PLAN_DIRECTORY, false, PMIG_MOVE, "by identifier, unattached"},
		{PLAN_COMMON_DEVICE, false, PMIG_REBIND, "by type, fixed"},
		{PLAN_DEVICE, false, PMIG_REFER, "by identifier, fixed"},
		{PLAN_LISTENER, false, PMIG_REFER, "by identifier, fixed"},
		{PLAN_ALONE, false, PMIG_REFER, "by type, fixed"},
		{PLAN_SOCKET, false, PMIG_REFER, "by identifier, fixed"},
		{PLAN_WITHIN, false, PMIG_MOVE, "by value, unattached"},
		{PLAN_PIPE_OUTSIDE, false, PMIG_REFER, "by identifier, fixed"},
		{PLAN_MEMORY_SHARED, false, PMIG_REFUSE, "by value, fixed"},
		{PLAN_LIBRARY, false, PMIG_COPY, "by value, fastened"},
		{PLAN_MEMORY_FOREIGN, false, PMIG_REFUSE, "by value, fixed"},
	};
	struct plan_facts f = case_facts();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan_resource r = case_of(0, 0, ALL);
		r.row.shared = rows[i].shared;
		r.providers = (struct plan_fact){0};
		plan_undeclared(&r, rows[i].situation);
		struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
		const struct plan_decision *d = &plan->decisions[0];
		if (d->strategy != rows[i].expected || strcmp(d->cell, rows[i].cell) != 0)
			fail_msg("%s: %s, %s: %s", plan_situation_words(rows[i].situation), strategy_name(d->strategy),
				d->cell, d->reason);
		assert_int_equal(d->part, rows[i].situation == PLAN_WITHIN);
		plan_destroy(plan);
	}
}

static void a_kind_may_warn_where_bytes_go_along(void **state)
{
	(void)state;
	struct plan_resource r = case_of(ID, UN, ALL);
	struct plan_facts f = case_facts();
	r.note = "the files in it stay";
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_string_equal(plan->decisions[0].warning, "the files in it stay");
	plan_destroy(plan);
	r.operations = GR;
	plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_string_equal(plan->decisions[0].warning, "");
	plan_destroy(plan);
}

/* What the program did not open, nobody can declare. */
static void strict_asks_only_for_what_the_program_opened(void **state)
{
	(void)state;
	static const enum plan_situation given[] = {PLAN_STANDARD_STREAM, PLAN_LIBRARY, PLAN_WITHIN};
	struct plan_facts f = case_facts();
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		struct plan_resource r = case_of(0, 0, ALL);
		plan_undeclared(&r, given[i]);
		struct plan *plan = case_plan(&r, &f, &(struct plan_limits){.strict = true});
		assert_null(plan->refusal);
		plan_destroy(plan);
	}
}

/* What nobody changes is shipped while the program runs; only the rest is waited for. */
static void what_goes_ahead_freezes_nobody(void **state)
{
	(void)state;
	struct plan_facts f = case_facts();
	static const struct {
		enum pmig_binding binding;
		unsigned operations, consent;
		bool ahead, shared, equal;
		double before, frozen;
		uint64_t bytes;
	} rows[] = {
		{VAL, CP, 0, true, false, false, 1.0 / 110, 0, 1000000},
		{VAL, CP, 0, false, false, false, 0, 1.0 / 110, 1000000},
		{VAL, CP, 0, false, false, true, 0, 0, 0},
		{VAL, MV, 0, true, false, false, 0, 1.0 / 110, 1000000},
		{VAL, CP, PMIG_DIVERGENCE, true, true, false, 0, 1.0 / 110, 1000000}, /* others may change it */
		{ID, MV, 0, true, false, false, 0, 1.0 / 110, 1000000},
		{ID, GR, 0, false, false, false, 0, 0.0002, 0},
	};
	f.image.value = 0;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan_resource r = case_of(rows[i].binding, UN, rows[i].operations);
		r.ahead = rows[i].ahead;
		r.row.shared = rows[i].shared;
		r.row.consent = rows[i].consent;
		r.same_content.value = rows[i].equal;
		r.there = "/var/cache/same";
		struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
		const struct plan_decision *d = &plan->decisions[0];
		if (fabs(d->price.before - rows[i].before) > 1e-9 || fabs(d->price.frozen - rows[i].frozen) > 1e-9 ||
			d->price.bytes != rows[i].bytes)
			fail_msg("row %zu: %s: %g before, %g frozen, %llu bytes", i, strategy_name(d->strategy),
				d->price.before, d->price.frozen, (unsigned long long)d->price.bytes);
		assert_string_equal(d->there, rows[i].equal ? "/var/cache/same" : "");
		plan_destroy(plan);
	}
	struct plan_resource r = case_of(ID, UN, GR);
	f.program = (struct plan_fact)ASKED(11000000);
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_true(fabs(plan->total.before - 0.1) < 1e-9);
	assert_int_equal(plan->total.bytes, 11000000);
	plan_destroy(plan);
}

/* A reference may lead elsewhere already: it stays there, it goes home, and its bytes are not the source's to move. */
static void what_is_elsewhere_stays_elsewhere(void **state)
{
	(void)state;
	struct plan_facts f = case_facts();
	struct plan_resource r = case_of(ID, UN, ALL);
	r.at = "gamma";
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_int_equal(plan->decisions[0].strategy, PMIG_REFER);
	assert_string_equal(plan->decisions[0].stays, "gamma");
	assert_string_equal(plan->decisions[0].alternatives[0].reason, "it is at gamma, not at alpha");
	plan_destroy(plan);

	r.at = "beta"; /* the target: nothing remains, and it costs nothing */
	r.rate = (struct plan_fact)MEASURED(480000000);
	plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_int_equal(plan->decisions[0].strategy, PMIG_REFER);
	assert_string_equal(plan->decisions[0].stays, "");
	assert_string_equal(plan->decisions[0].reason, "it is there: it is taken up again");
	assert_true(plan->decisions[0].price.share == 0 && plan->decisions[0].price.frozen == 0);
	plan_destroy(plan);

	r.at = "gamma"; /* the way to it is another one */
	r.bandwidth = (struct plan_fact)MEASURED(960000000);
	r.rtt = (struct plan_fact)MEASURED(10000000);
	plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_null(plan->refusal);
	assert_true(fabs(plan->decisions[0].price.share - 0.5) < 1e-9);
	assert_true(fabs(plan->decisions[0].price.slowdown - 0.1) < 1e-9);
	plan_destroy(plan);
	r.bandwidth = (struct plan_fact){0};
	assert_refusal(&r, &f, &(struct plan_limits){0},
		"move refused: data (by identifier, unattached): move: it is at gamma, not at alpha; reference: the reference would need "
		"480 MB/s to gamma, the link carries 110 MB/s");
}

static void the_user_may_know_how_long_it_runs_on(void **state)
{
	(void)state;
	struct plan_resource r = case_of(VAL, FA, CP | GR);
	struct plan_facts f = case_facts();
	r.size.value = 11000000000; /* 100 s */
	struct plan_limits l = {.remaining = 3600 * 24 * 365};
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_int_equal(plan->decisions[0].strategy, PMIG_REFER); /* an hour behind it, an hour before it */
	plan_destroy(plan);
	plan = case_plan(&r, &f, &l);
	assert_int_equal(plan->decisions[0].strategy, PMIG_COPY);
	assert_int_equal(plan->facts.remaining.source, PLAN_DECLARED);
	plan_destroy(plan);
}

static void an_unknown_kind_can_only_be_refused(void **state)
{
	(void)state;
	assert_int_equal(plan_operations("teleporter"), 0);
	struct plan_resource r = case_of(VAL, UN, 0);
	r.row.kind = "teleporter";
	struct plan_facts f = case_facts();
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_non_null(strstr(plan->refusal, "a resource of kind teleporter cannot be copied"));
	plan_destroy(plan);
}

static void a_resource_without_binding_is_an_error(void **state)
{
	(void)state;
	struct plan_resource r = case_of(0, UN, ALL);
	struct plan_facts f = case_facts();
	struct plan *plan = NULL;
	assert_fails(plan_make(&r, 1, &f, &(struct plan_limits){0}, &plan), PMIG_EINVAL);
	assert_string_equal(pmig_reason(), "resource 3 (data): no binding");
	assert_null(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_hold_row_by_row),
		cmocka_unit_test(defaults_hold_row_by_row),
		cmocka_unit_test(a_display_is_refused_in_the_words_of_the_design),
		cmocka_unit_test(refusals_have_figure_and_limit),
		cmocka_unit_test(the_process_itself_can_be_the_culprit),
		cmocka_unit_test(bytes_that_cost_more_than_the_reads_stay),
		cmocka_unit_test(limits_are_for_all_resources_together),
		cmocka_unit_test(an_unknown_figure_hides_no_known_one),
		cmocka_unit_test(a_demand_is_met_or_refused),
		cmocka_unit_test(strict_refuses_what_nobody_declared),
		cmocka_unit_test(defaults_lead_to_these_decisions),
		cmocka_unit_test(a_kind_may_warn_where_bytes_go_along),
		cmocka_unit_test(strict_asks_only_for_what_the_program_opened),
		cmocka_unit_test(what_goes_ahead_freezes_nobody),
		cmocka_unit_test(what_is_elsewhere_stays_elsewhere),
		cmocka_unit_test(the_user_may_know_how_long_it_runs_on),
		cmocka_unit_test(an_unknown_kind_can_only_be_refused),
		cmocka_unit_test(a_resource_without_binding_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
