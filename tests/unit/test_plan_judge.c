/* plan_judge: every reason that speaks against a choice, in its words. */
#include "plan_case.h"

#include <stddef.h>

#define ALL (MV | CP | GR | RB | PLAN_CAN_KEEP)
#define MB(n) ((n) * 1000000ull)

struct judged {
	struct plan_resource r;
	struct plan_facts f;
	struct plan_limits l;
};

static void reached(struct judged *j)
{
	j->r.reached = (struct plan_fact)ASKED(1);
}
static void unasked(struct judged *j)
{
	j->r.same_content = j->r.providers = (struct plan_fact){0};
}
static void no_rate(struct judged *j)
{
	j->r.rate = j->r.trips = (struct plan_fact){0};
}
static void of_type(struct judged *j)
{
	j->r.row.type = "printer";
}
static void listens(struct judged *j)
{
	j->r.row.type = "listen tcp 0.0.0.0:80";
}
static void shared(struct judged *j)
{
	j->r.row.shared = true;
}
static void demands(struct judged *j)
{
	j->r.row.strategy = PMIG_MOVE;
}
static void ordered(struct judged *j)
{
	j->r.order[0] = PMIG_REFER;
}
static void elsewhere(struct judged *j)
{
	j->r.at = "gamma";
}
static void secret(struct judged *j)
{
	j->r.row.secret = true;
}
static void has_log(struct judged *j)
{
	j->r.no_reference = "it has a write-ahead log";
}
static void in_the_way(struct judged *j)
{
	j->r.obstacle = "another file";
}
static void large(struct judged *j)
{
	j->r.size.value = MB(5), j->l.transfer = MB(3);
}
static void full(struct judged *j)
{
	j->f.space.value = MB(2), j->r.size.value = MB(5);
}
static void wide(struct judged *j)
{
	j->r.rate.value = MB(480);
}
static void limited(struct judged *j)
{
	j->r.rate.value = MB(20), j->l.reference = MB(10);
}
static void part_of_link(struct judged *j)
{
	j->r.rate.value = MB(44), j->l.share = 0.1;
}
static void slow_before(struct judged *j)
{
	j->r.ahead = true, j->r.size.value = MB(550), j->l.before = 2;
}
static void slow_frozen(struct judged *j)
{
	j->r.size.value = MB(550), j->l.frozen = 2;
}
static void chatty(struct judged *j)
{
	j->r.trips.value = 5000, j->l.slowdown = 0.5;
}

static const struct {
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	unsigned operations;
	void (*change)(struct judged *);
	enum pmig_strategy against;
	const char *words;
} rows[] = {
	{PMIG_BY_VALUE, PMIG_FASTENED, ALL, NULL, PMIG_REBIND, "beta has no equal content"},
	{PMIG_BY_VALUE, PMIG_FASTENED, ALL, unasked, PMIG_REBIND, "whether beta has equal content is not known"},
	{PMIG_BY_TYPE, PMIG_FIXED, ALL, unasked, PMIG_REBIND, "whether beta has a provider of one of its kind is not known"},
	{PMIG_BY_TYPE, PMIG_FIXED, ALL, of_type, PMIG_REBIND, "beta has no provider of printer"},
	{PMIG_BY_TYPE, PMIG_FIXED, ALL, listens, PMIG_REBIND,
		"tcp 0.0.0.0:80 cannot be had at beta: it is in use there, or may not be made"},
	{PMIG_BY_VALUE, PMIG_FASTENED, ALL, NULL, PMIG_REFER, "its bytes cost 9.1 ms, the reads 7.2 s"},
	{PMIG_BY_VALUE, PMIG_FASTENED, ALL, no_rate, PMIG_REFER, "whether its bytes cost more than the reads is not known"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, CP, shared, PMIG_COPY,
		"it is shared, a copy diverges from then on, and its declaration does not consent (PMIG_DIVERGENCE)"},
	{PMIG_BY_VALUE, PMIG_FIXED, ALL, NULL, PMIG_COPY,
		"its value lives in shared memory, which would need distributed shared memory, and its declaration does not consent "
		"to a snapshot (PMIG_SNAPSHOT)"},
	{PMIG_BY_IDENTIFIER, PMIG_FIXED, ALL, demands, PMIG_REFER, "its declaration demands: move"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, ALL, ordered, PMIG_COPY, "its policy leaves this choice out"},
	{PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, ALL, elsewhere, PMIG_MOVE, "it is at gamma, not at alpha"},
	{PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, ALL, reached, PMIG_MOVE,
		"beta reaches the same one: what both share is never removed at the source"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, ALL, secret, PMIG_REBIND, "its declaration has no hook that obtains it anew"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, ALL, secret, PMIG_COPY, "it is secret: its bytes never enter an image"},
	{PMIG_BY_IDENTIFIER, PMIG_FIXED, ALL, has_log, PMIG_REFER, "it has a write-ahead log"},
	{PMIG_BY_IDENTIFIER, PMIG_FIXED, MV, NULL, PMIG_REFER,
		"a resource of kind file cannot be reached across machines in this version"},
	{PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, GR, NULL, PMIG_MOVE,
		"a resource of kind file cannot be moved in this version"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, ALL, in_the_way, PMIG_COPY, "in its place beta has another file"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, ALL, large, PMIG_COPY,
		"its 5 MB are too many: of 3 MB for all (--max-transfer) 2 MB are left"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, ALL, full, PMIG_COPY, "its 5 MB do not fit, beta has 1 MB left"},
	{PMIG_BY_IDENTIFIER, PMIG_FIXED, ALL, wide, PMIG_REFER,
		"the reference would need 480 MB/s to alpha, the link carries 110 MB/s"},
	{PMIG_BY_IDENTIFIER, PMIG_FIXED, ALL, limited, PMIG_REFER,
		"the reference would need 20 MB/s to alpha, of 10 MB/s for all references (--max-reference) 10 MB/s are left"},
	{PMIG_BY_IDENTIFIER, PMIG_FIXED, ALL, part_of_link, PMIG_REFER,
		"the reference would need 44 MB/s to alpha, of the link's 110 MB/s there are 11 MB/s left (--max-reference 10 %)"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, CP, slow_before, PMIG_COPY,
		"it would take 5 s before the freeze, of 2 s for all (--max-before) 2 s are left"},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, CP, slow_frozen, PMIG_COPY,
		"it would keep the program frozen for 5 s, of 2 s for all (--max-frozen) 2 s are left"},
	{PMIG_BY_IDENTIFIER, PMIG_FIXED, ALL, chatty, PMIG_REFER,
		"the round trips of the reference would slow the run down by 100 %, the limit is 50 % (--max-slowdown)"},
};

static void each_reason_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct judged j = {.r = case_of(rows[i].binding, rows[i].attachment, rows[i].operations), .f = case_facts()};
		if (rows[i].change != NULL)
			rows[i].change(&j);
		struct plan *plan = case_plan(&j.r, &j.f, &j.l);
		const struct plan_decision *d = &plan->decisions[0];
		bool said = false;
		for (size_t k = 0; k < d->alternative_count; k++)
			said = said ||
				(d->alternatives[k].strategy == rows[i].against &&
					strcmp(d->alternatives[k].reason, rows[i].words) == 0);
		for (size_t k = 0; !said && k < d->alternative_count; k++)
			print_message("%s: %s\n", strategy_name(d->alternatives[k].strategy), d->alternatives[k].reason);
		if (!said || d->strategy == rows[i].against)
			fail_msg("row %zu: %s: nobody says: %s", i, strategy_name(d->strategy), rows[i].words);
		plan_destroy(plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
