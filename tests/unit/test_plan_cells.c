/* plan: the decision for every cell, every set of operations and every state of the world, compared with a snapshot.
 *
 * PMIG_SNAPSHOT=write rewrites tests/snapshots/plan_cells.txt; the difference is then read by a person, row by row. */
#include "plan_case.h"

#include <math.h>

/* One thing that is different from an ordinary move. */
struct world {
	const char *name;
	void (*vary)(struct plan_resource *r, struct plan_facts *f, struct plan_limits *l);
};

#define WORLD(noun) static void noun(struct plan_resource *r, struct plan_facts *f, struct plan_limits *l)

WORLD(plain)
{
	(void)r, (void)f, (void)l;
}

WORLD(unknown)
{
	(void)l;
	r->size = r->rate = r->trips = r->same_content = r->providers = (struct plan_fact){0};
	f->bandwidth = f->rtt = f->space = f->remaining = f->image = (struct plan_fact){0};
}

WORLD(has_it)
{
	(void)f, (void)l;
	r->same_content = r->providers = (struct plan_fact)ASKED(1);
}

WORLD(reaches)
{
	(void)f, (void)l;
	r->reached = (struct plan_fact)ASKED(1);
}

WORLD(secret)
{
	(void)f, (void)l;
	r->row.secret = r->secret_hook = true;
}

WORLD(consents)
{
	(void)f, (void)l;
	r->row.consent = PMIG_SNAPSHOT | PMIG_DIVERGENCE | PMIG_LOSS;
}

WORLD(narrow)
{
	(void)l;
	r->rate = (struct plan_fact)MEASURED(480000000);
	f->bandwidth = (struct plan_fact)MEASURED(110000000);
}

WORLD(far)
{
	r->trips = (struct plan_fact)MEASURED(1000);
	f->rtt = (struct plan_fact)MEASURED(50000000);
	l->slowdown = 0.5;
}

WORLD(full)
{
	(void)r, (void)l;
	f->space = (struct plan_fact)ASKED(1500000);
}

WORLD(dear)
{
	(void)l;
	r->size = (struct plan_fact)MEASURED(50000000000);
	f->remaining = (struct plan_fact)MEASURED(10000000000);
}

WORLD(hurry)
{
	(void)f;
	r->size = (struct plan_fact)MEASURED(1100000000);
	l->before = l->frozen = 1;
}

WORLD(obstacle)
{
	(void)f, (void)l;
	r->obstacle = "another file";
}

WORLD(demands_move)
{
	(void)f, (void)l;
	r->row.strategy = PMIG_MOVE;
}

WORLD(demands_refusal)
{
	(void)f, (void)l;
	r->row.strategy = PMIG_REFUSE;
}

static const struct world worlds[] = {{"plain", plain}, {"unknown", unknown}, {"has it", has_it}, {"reaches", reaches},
	{"secret", secret}, {"consents", consents}, {"narrow", narrow}, {"far", far}, {"full", full}, {"dear", dear},
	{"hurry", hurry}, {"obstacle", obstacle}, {"demands MV", demands_move}, {"demands RF", demands_refusal}};

static const char *letters(const struct plan_decision *d)
{
	static const char *const names[] = {"??", "MV", "CP", "GR", "RB", "RF"};
	return d->kept ? "KP" : d->dropped ? "DR" : names[d->strategy];
}

static void put_row(const struct world *world, enum pmig_binding b, enum pmig_attachment a, bool shared, FILE *out)
{
	fprintf(out, "%-12s", world->name);
	for (unsigned operations = 0; operations < 16; operations++) {
		struct plan_resource r = case_of(b, a, operations << PMIG_MOVE);
		struct plan_facts f = case_facts();
		struct plan_limits l = {0};
		r.row.shared = shared;
		world->vary(&r, &f, &l);
		struct plan *plan = case_plan(&r, &f, &l);
		fprintf(out, "%s%s", operations % 4 == 0 ? "   " : " ", letters(&plan->decisions[0]));
		plan_destroy(plan);
	}
	fputc('\n', out);
}

static char *make_table(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	fputs("Columns: what the kind can do: move (m), copy (c), be referred to (g), be rebound (r).\n"
	      "MV move  CP copy  GR reference  RB rebind  KP kept reference  RF refuse  DR drop\n",
		out);
	for (enum pmig_binding b = PMIG_BY_IDENTIFIER; b <= PMIG_BY_TYPE; b++)
		for (enum pmig_attachment a = PMIG_UNATTACHED; a <= PMIG_FIXED; a++)
			for (int shared = 0; shared <= 1; shared++) {
				fprintf(out, "\n%s\n", strategy_cell(b, a, shared));
				fputs("               -  m  c  mc   g mg cg mcg  r mr cr mcr gr mgr cgr all\n", out);
				for (size_t i = 0; i < sizeof worlds / sizeof *worlds; i++)
					put_row(&worlds[i], b, a, shared, out);
			}
	assert_int_equal(fclose(out), 0);
	return text;
}

static void every_cell_decides_as_in_the_snapshot(void **state)
{
	(void)state;
	char *made = make_table();
	case_snapshot("plan_cells.txt", made);
	free(made);
}

/* --- every combination, a line each --- */

static const struct {
	const char *name;
	struct plan_limits limits;
} limits[] = {{"-", {.before = 0}}, {"max-reference", {.reference = 500}}, {"max-transfer", {.transfer = 1500000}},
	{"max-frozen", {.frozen = 0.0095}}};

static const struct {
	const char *name;
	bool equal, provider, reached;
} offers[] = {{"nothing", false, false, false}, {"content", true, false, false}, {"provider", false, true, false},
	{"same", true, true, true}};

static void put_combination(const struct plan_resource *r, const struct plan_facts *f, const struct plan_limits *l,
	FILE *out)
{
	static const char *const names[] = {"", "MV", "CP", "GR", "RB", "RF"};
	struct plan *plan = case_plan(r, f, l);
	const struct plan_decision *d = &plan->decisions[0];
	fputs(letters(d), out);
	for (size_t i = 0; i < d->alternative_count; i++)
		fprintf(out, "%s%s", i == 0 ? " not " : " ", names[d->alternatives[i].strategy]);
	fputc('\n', out);
	plan_destroy(plan);
}

static void put_combinations(enum pmig_binding b, enum pmig_attachment a, bool shared, FILE *out)
{
	for (size_t o = 0; o < sizeof offers / sizeof *offers; o++)
		for (int huge = 0; huge <= 1; huge++)
			for (unsigned operations = 0; operations < 16; operations++)
				for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
					struct plan_resource r = case_of(b, a, operations << PMIG_MOVE);
					struct plan_facts f = case_facts();
					r.row.shared = shared;
					r.same_content.value = offers[o].equal;
					r.providers.value = offers[o].provider;
					r.reached = (struct plan_fact)ASKED(offers[o].reached);
					f.image.value = 0;
					if (huge) {
						r.size.value = 11000000000;
						f.remaining.value = 1000000000;
					}
					fprintf(out, "%s; %s; %s; %s%s%s%s%s; %s: ", strategy_cell(b, a, shared),
						offers[o].name, huge ? "huge" : "small", operations & 1 ? "m" : "",
						operations & 2 ? "c" : "", operations & 4 ? "g" : "",
						operations & 8 ? "r" : "", operations == 0 ? "-" : "", limits[i].name);
					put_combination(&r, &f, &limits[i].limits, out);
				}
}

static void every_combination_decides_as_in_the_snapshot(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	fputs("cell; what the target has; size; operations: move (m), copy (c), refer (g), rebind (r); limit: decision, and what it beat\n"
	      "MV move  CP copy  GR reference  RB rebind  KP kept reference  RF refuse\n",
		out);
	for (unsigned b = PMIG_BY_IDENTIFIER; b <= PMIG_BY_TYPE; b++)
		for (unsigned a = PMIG_UNATTACHED; a <= PMIG_FIXED; a++)
			for (int shared = 0; shared <= 1; shared++)
				put_combinations(b, a, shared, out);
	assert_int_equal(fclose(out), 0);
	size_t lines = 0;
	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 2 + 18 * 4 * 2 * 16 * 4);
	case_snapshot("plan_combinations.txt", text);
	free(text);
}

/* A cell longer than the planner's array would lose choices silently. */
static void no_cell_has_more_choices_than_the_planner_takes(void **state)
{
	(void)state;
	for (int b = PMIG_BY_IDENTIFIER; b <= PMIG_BY_TYPE; b++)
		for (int a = PMIG_UNATTACHED; a <= PMIG_FIXED; a++)
			for (int shared = 0; shared <= 1; shared++) {
				size_t n = 0;
				for (const struct strategy_choice *c = NULL; (c = strategy_next(c, b, a, shared)) != NULL;)
					n++;
				assert_in_range(n, 2, 8);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_decides_as_in_the_snapshot),
		cmocka_unit_test(every_combination_decides_as_in_the_snapshot),
		cmocka_unit_test(no_cell_has_more_choices_than_the_planner_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
