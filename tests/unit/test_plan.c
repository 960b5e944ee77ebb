/* plan: decisions written by hand, each with the rule that it comes from; refusals in their words; limits; defaults. */
#include "plan_case.h"

#include <math.h>

enum { EQUAL = 1, HAS = 2, REACHED = 4, SHARED = 8, SECRET = 16, SHARERS = 32 };
#define ID PMIG_BY_IDENTIFIER
#define VAL PMIG_BY_VALUE
#define TYPE PMIG_BY_TYPE
#define UN PMIG_UNATTACHED
#define FA PMIG_FASTENED
#define FI PMIG_FIXED
#define ALL (MV | CP | GR | RB)
#define NOW (MV | CP) /* what a file can in this version */

static const struct row {
	const char *rule;
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	unsigned operations, facts, consent;
	enum pmig_strategy expected;
	const char *why; /* part of the reason */
} rows[] = {
	{"identifier, unattached: MV first", ID, UN, ALL, 0, 0, PMIG_MOVE, "only this process uses it"},
	{"identifier, unattached: GR second", ID, UN, CP | GR | RB, 0, 0, PMIG_REFER, "cannot go along"},
	{"identifier, unattached: never a copy", ID, UN, CP | RB, 0, 0, PMIG_REFUSE, "cannot be moved in this version"},
	{"identifier, unattached, shared: GR", ID, UN, ALL, SHARED, 0, PMIG_REFER, "others use it"},
	{"identifier, unattached, shared: found by the kind", ID, UN, ALL, SHARERS, 0, PMIG_REFER, "others use it"},
	{"identifier, unattached, shared: not moved", ID, UN, NOW, SHARED, 0, PMIG_REFUSE,
		"cannot be reached across machines"},
	{"identifier, unattached, shared: no copy even with consent", ID, UN, NOW, SHARED, PMIG_DIVERGENCE, PMIG_REFUSE,
		"reached"},
	{"identifier, fastened: GR first", ID, FA, ALL, 0, 0, PMIG_REFER, "moving it has a price"},
	{"identifier, fastened: MV second", ID, FA, NOW, 0, 0, PMIG_MOVE, "cannot be reached"},
	{"identifier, fastened, shared: GR only", ID, FA, NOW, SHARED, 0, PMIG_REFUSE, "reached across machines"},
	{"identifier, fixed: GR", ID, FI, ALL, 0, 0, PMIG_REFER, "cannot leave its machine"},
	{"identifier, fixed: GR only", ID, FI, MV | CP | RB, EQUAL | HAS, 0, PMIG_REFUSE, "reached across machines"},
	{"identifier, fixed, shared: the same", ID, FI, ALL, SHARED, 0, PMIG_REFER, "cannot leave its machine"},
	{"value, unattached: CP first", VAL, UN, ALL, EQUAL, 0, PMIG_COPY, "only its content counts"},
	{"value, unattached: MV second", VAL, UN, MV | GR, 0, 0, PMIG_MOVE, "cannot be copied"},
	{"value, unattached: GR third", VAL, UN, GR | RB, 0, 0, PMIG_REFER, "read where it is"},
	{"value, unattached: no RB", VAL, UN, RB, EQUAL | HAS, 0, PMIG_REFUSE, "cannot be copied"},
	{"value, unattached, shared: GR before CP", VAL, UN, ALL, SHARED, PMIG_DIVERGENCE, PMIG_REFER, "others use it"},
	{"value, unattached, shared: CP1 with consent", VAL, UN, NOW, SHARED, PMIG_DIVERGENCE, PMIG_COPY, "diverges"},
	{"value, unattached, shared: CP1 without", VAL, UN, NOW, SHARED, PMIG_SNAPSHOT, PMIG_REFUSE, "PMIG_DIVERGENCE"},
	{"value, fastened: RB2 first", VAL, FA, ALL, EQUAL, 0, PMIG_REBIND, "equal content"},
	{"value, fastened: a provider of the type is not equal content", VAL, FA, ALL, HAS, 0, PMIG_COPY, "content counts"},
	{"value, fastened: CP second", VAL, FA, ALL, 0, 0, PMIG_COPY, "only its content counts"},
	{"value, fastened: GR third", VAL, FA, MV | GR, 0, 0, PMIG_REFER, "cannot be copied"},
	{"value, fastened: no MV", VAL, FA, MV, 0, 0, PMIG_REFUSE, "cannot be copied"},
	{"value, fastened, shared: RB2 first", VAL, FA, ALL, EQUAL | SHARED, 0, PMIG_REBIND, "equal content"},
	{"value, fastened, shared: GR second", VAL, FA, ALL, SHARED, PMIG_DIVERGENCE, PMIG_REFER, "others use it"},
	{"value, fastened, shared: CP1 third", VAL, FA, NOW, SHARED, PMIG_DIVERGENCE, PMIG_COPY, "diverges"},
	{"value, fixed: RF3", VAL, FI, ALL, EQUAL | HAS, 0, PMIG_REFUSE, "distributed shared memory"},
	{"value, fixed: a snapshot with consent", VAL, FI, ALL, 0, PMIG_SNAPSHOT, PMIG_COPY, "snapshot"},
	{"value, fixed, shared: the same", VAL, FI, ALL, SHARED, PMIG_SNAPSHOT, PMIG_COPY, "snapshot"},
	{"value, fixed: divergence is another consent", VAL, FI, ALL, 0, PMIG_DIVERGENCE, PMIG_REFUSE, "PMIG_SNAPSHOT"},
	{"type, unattached: RB first", TYPE, UN, ALL, HAS, 0, PMIG_REBIND, "one of its kind"},
	{"type, unattached: MV second", TYPE, UN, ALL, EQUAL, 0, PMIG_MOVE, "none of its kind"},
	{"type, unattached: CP third", TYPE, UN, CP | GR, 0, 0, PMIG_COPY, "gets a copy"},
	{"type, unattached: GR last", TYPE, UN, GR, 0, 0, PMIG_REFER, "stays and is reached"},
	{"type, unattached, shared: RB first", TYPE, UN, ALL, HAS | SHARED, 0, PMIG_REBIND, "one of its kind"},
	{"type, unattached, shared: GR, not MV", TYPE, UN, ALL, SHARED, 0, PMIG_REFER, "others use it"},
	{"type, unattached, shared: CP1", TYPE, UN, NOW, SHARED, PMIG_DIVERGENCE, PMIG_COPY, "diverges"},
	{"type, fastened: RB first", TYPE, FA, ALL, HAS, 0, PMIG_REBIND, "one of its kind"},
	{"type, fastened: GR second", TYPE, FA, ALL, 0, 0, PMIG_REFER, "stays and is reached"},
	{"type, fastened: CP before MV", TYPE, FA, NOW, 0, 0, PMIG_COPY, "gets a copy"},
	{"type, fastened: MV last", TYPE, FA, MV, 0, 0, PMIG_MOVE, "goes along"},
	{"type, fastened, shared: CP1 needs consent", TYPE, FA, NOW, SHARED, 0, PMIG_REFUSE, "PMIG_DIVERGENCE"},
	{"type, fixed: RB", TYPE, FI, ALL, HAS, 0, PMIG_REBIND, "one of its kind"},
	{"type, fixed: GR", TYPE, FI, ALL, 0, 0, PMIG_REFER, "none of its kind"},
	{"type, fixed: neither", TYPE, FI, NOW, 0, 0, PMIG_REFUSE, "no provider of"},
	{"a global reference is kept", ID, UN, ALL, REACHED, 0, PMIG_REFER, "nothing is set up"},
	{"kept also where the kind can open it again", VAL, UN, MV | CP | PLAN_CAN_KEEP, REACHED, 0, PMIG_REFER, "kept"},
	{"what is on a shared file system is not moved", TYPE, UN, ALL, REACHED | HAS, 0, PMIG_REFER, "kept"},
	{"a cell without reference keeps none", VAL, FI, ALL, REACHED, 0, PMIG_REFUSE, "shared memory"},
	{"a secret is obtained anew", VAL, UN, ALL, SECRET, 0, PMIG_REBIND, "obtains it anew"},
	{"a secret never enters an image", VAL, UN, NOW, SECRET, 0, PMIG_REFUSE, "never enter an image"},
	{"a secret may stay where it is", ID, UN, MV | GR, SECRET, 0, PMIG_REFER, "stays and is reached"},
	{"loss: dropped with consent", ID, FI, MV | PLAN_CAN_DROP, 0, PMIG_LOSS, PMIG_REBIND, "reached across machines"},
	{"loss: not without consent", ID, FI, MV | PLAN_CAN_DROP, 0, 0, PMIG_REFUSE, "reached across machines"},
	{"loss: not where the kind cannot", ID, FI, MV, 0, PMIG_LOSS, PMIG_REFUSE, "reached across machines"},
};

static struct plan_resource resource_of(const struct row *row)
{
	struct plan_resource r = case_of(row->binding, row->attachment, row->operations);
	r.row.consent = row->consent;
	r.row.shared = row->facts & SHARED;
	r.row.secret = row->facts & SECRET;
	r.sharers.value = row->facts & SHARERS ? 2 : 0;
	r.same_content.value = row->facts & EQUAL ? 1 : 0;
	r.providers.value = row->facts & HAS ? 1 : 0;
	r.reached = row->facts & REACHED ? (struct plan_fact)ASKED(1) : (struct plan_fact){0};
	return r;
}

static void rules_hold_row_by_row(void **state)
{
	(void)state;
	struct plan_facts facts = case_facts();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan_resource r = resource_of(&rows[i]);
		struct plan *plan = case_plan(&r, &facts, &(struct plan_limits){0});
		const struct plan_decision *d = &plan->decisions[0];
		if (d->strategy != rows[i].expected || strstr(d->reason, rows[i].why) == NULL)
			fail_msg("%s: %s: %s", rows[i].rule, strategy_name(d->strategy), d->reason);
		assert_int_equal(plan->refusal != NULL, d->strategy == PMIG_REFUSE);
		assert_int_equal(d->dropped, strncmp(rows[i].rule, "loss: dropped", 13) == 0);
		plan_destroy(plan);
	}
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
	struct plan_resource r = case_of(ID, UN, NOW);
	r.row.shared = true;
	assert_refusal(&r, &f, &l,
		"move refused: data (by identifier, unattached, shared): a resource of kind file cannot be reached across machines in "
		"this version");
	r = case_of(VAL, FI, ALL);
	assert_refusal(&r, &f, &l,
		"move refused: data (by value, fixed): its value lives in shared memory, which would need distributed shared memory, and "
		"its declaration does not consent to a snapshot (PMIG_SNAPSHOT)");
	r = case_of(ID, UN, NOW);
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

static const struct {
	enum plan_situation situation;
	const char *kind;
	bool shared;
	enum pmig_strategy expected;
	const char *cell;
} defaults[] = {
	{PLAN_STANDARD_STREAM, "standard", false, PMIG_REFER, "by identifier, fixed"},
	{PLAN_FILE_READ, "file", false, PMIG_COPY, "by value, unattached"},
	{PLAN_FILE_WRITTEN, "file", false, PMIG_MOVE, "by identifier, unattached"},
	{PLAN_FILE_WRITTEN, "file", true, PMIG_REFUSE, "by identifier, unattached, shared"},
	{PLAN_FILE_TEMPORARY, "file", false, PMIG_COPY, "by value, unattached"},
	{PLAN_DIRECTORY, "directory", false, PMIG_MOVE, "by identifier, unattached"},
	{PLAN_COMMON_DEVICE, "device", false, PMIG_REBIND, "by type, fixed"},
	{PLAN_DEVICE, "device", false, PMIG_REFUSE, "by identifier, fixed"},
	{PLAN_SOCKET, "socket", false, PMIG_REFUSE, "by identifier, fixed"},
	{PLAN_WITHIN, "pipe", false, PMIG_MOVE, "by value, unattached"},
	{PLAN_PIPE_OUTSIDE, "pipe", false, PMIG_REFUSE, "by identifier, fixed"},
	{PLAN_MEMORY_SHARED, "memory", false, PMIG_REFUSE, "by value, fixed"},
	{PLAN_LIBRARY, "library", false, PMIG_COPY, "by value, fastened"},
	{PLAN_MEMORY_FOREIGN, "memory", false, PMIG_REFUSE, "by value, fixed"},
};

static void defaults_lead_to_these_decisions_in_this_version(void **state)
{
	(void)state;
	struct plan_facts f = case_facts();
	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
		struct plan_resource r = case_of(0, 0, plan_operations(defaults[i].kind));
		r.row.kind = defaults[i].kind;
		r.row.shared = defaults[i].shared;
		r.providers = (struct plan_fact){0};
		plan_undeclared(&r, defaults[i].situation);
		struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
		const struct plan_decision *d = &plan->decisions[0];
		if (d->strategy != defaults[i].expected || strcmp(d->cell, defaults[i].cell) != 0)
			fail_msg("%s: %s, %s: %s", plan_situation_words(defaults[i].situation), strategy_name(d->strategy),
				d->cell, d->reason);
		assert_int_equal(d->part, defaults[i].situation == PLAN_WITHIN);
		plan_destroy(plan);
	}
}

static void a_directory_is_opened_again_and_its_files_stay(void **state)
{
	(void)state;
	struct plan_resource r = case_of(0, 0, plan_operations("directory"));
	struct plan_facts f = case_facts();
	r.row.kind = "directory";
	plan_undeclared(&r, PLAN_DIRECTORY);
	struct plan *plan = case_plan(&r, &f, &(struct plan_limits){0});
	assert_int_equal(plan->decisions[0].strategy, PMIG_MOVE);
	assert_string_equal(plan->decisions[0].warning, "it is opened again by its path; the files in it stay");
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
	assert_string_equal(pmig_reason(), "plan: resource 3 (data): no binding");
	assert_null(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_hold_row_by_row),
		cmocka_unit_test(a_display_is_refused_in_the_words_of_the_design),
		cmocka_unit_test(refusals_have_figure_and_limit),
		cmocka_unit_test(the_process_itself_can_be_the_culprit),
		cmocka_unit_test(bytes_that_cost_more_than_the_reads_stay),
		cmocka_unit_test(limits_are_for_all_resources_together),
		cmocka_unit_test(an_unknown_figure_hides_no_known_one),
		cmocka_unit_test(a_demand_is_met_or_refused),
		cmocka_unit_test(strict_refuses_what_nobody_declared),
		cmocka_unit_test(defaults_lead_to_these_decisions_in_this_version),
		cmocka_unit_test(a_directory_is_opened_again_and_its_files_stay),
		cmocka_unit_test(an_unknown_kind_can_only_be_refused),
		cmocka_unit_test(a_resource_without_binding_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
