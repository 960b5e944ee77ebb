/* plan: no entry of the tables can be another, be missing, or stand elsewhere, without a row written by hand that fails. */
#include "plan_rows.h"
#include "registry/plan.h"

#define CHOICES_MAX 128

struct mutants {
	struct strategy_choice choices[CHOICES_MAX];
	struct plan_default defaults[PLAN_DEFAULT_ROW_COUNT + 1];
	struct plan_rules rules;
	size_t tried, survived;
};

static void restore(struct mutants *m)
{
	const struct plan_rules rules = plan_rules();
	assert_in_range(rules.count, 30, CHOICES_MAX - 1);
	memcpy(m->choices, rules.choices, rules.count * sizeof *rules.choices);
	memcpy(m->defaults, rules.defaults, sizeof m->defaults);
	m->rules = (struct plan_rules){m->choices, rules.count, m->defaults};
}

static bool every_row_holds(const struct plan_rules *rules)
{
	char words[512];
	for (size_t i = 0; i < PLAN_ROW_COUNT; i++)
		if (!plan_row_holds(rules, &plan_rows[i], words))
			return false;
	for (size_t i = 0; i < PLAN_DEFAULT_ROW_COUNT; i++)
		if (!plan_default_row_holds(rules, &plan_default_rows[i]))
			return false;
	return true;
}

/* Whether a row notices; the tables are as they were afterwards. */
static void judge(struct mutants *m, size_t entry, const char *what, int value)
{
	m->tried++;
	if (every_row_holds(&m->rules)) {
		m->survived++;
		print_error("entry %zu with another %s (%d): no row fails\n", entry, what, value);
	}
	restore(m);
}

static void no_choice_can_be_another(void **state)
{
	(void)state;
	static struct mutants m;
	restore(&m);
	size_t count = m.rules.count;
	for (size_t i = 0; i < count; i++) {
		struct strategy_choice *c = &m.choices[i];
		const struct strategy_choice is = *c;
		for (int v = 0; v <= PMIG_BY_TYPE; v++)
			if (v != is.binding)
				c->binding = v, judge(&m, i, "binding", v);
		for (int v = 0; v <= PMIG_FIXED; v++)
			if (v != is.attachment)
				c->attachment = v, judge(&m, i, "attachment", v);
		for (int v = -1; v <= 1; v++)
			if (v != is.sharing)
				c->sharing = v, judge(&m, i, "sharing", v);
		for (int v = PMIG_MOVE; v <= PMIG_REBIND; v++)
			if (v != (int)is.strategy)
				c->strategy = (enum pmig_strategy)v, judge(&m, i, "strategy", v);
		for (int v = STRATEGY_ALWAYS; v <= STRATEGY_SNAPSHOT; v++)
			if (v != (int)is.condition)
				c->condition = (enum strategy_condition)v, judge(&m, i, "condition", v);
		c->why = "because", judge(&m, i, "reason", 0);
	}
	print_message("%zu tables, %zu of which no row noticed\n", m.tried, m.survived);
	assert_int_equal(m.survived, 0);
}

static void no_choice_can_be_missing(void **state)
{
	(void)state;
	static struct mutants m;
	restore(&m);
	for (size_t i = 0, count = m.rules.count; i < count; i++) {
		memmove(&m.choices[i], &m.choices[i + 1], (count - i - 1) * sizeof *m.choices);
		m.rules.count--;
		judge(&m, i, "one in its place", -1);
	}
	assert_int_equal(m.survived, 0);
}

static bool meet(const struct strategy_choice *a, const struct strategy_choice *b)
{
	return (a->binding == b->binding || a->binding == 0 || b->binding == 0) &&
		(a->attachment == b->attachment || a->attachment == 0 || b->attachment == 0) &&
		(a->sharing == b->sharing || a->sharing < 0 || b->sharing < 0);
}

/* Among those of one cell the order decides; others never meet. */
static void no_two_choices_can_change_places(void **state)
{
	(void)state;
	static struct mutants m;
	restore(&m);
	for (size_t i = 0, count = m.rules.count; i < count; i++)
		for (size_t k = i + 1; k < count; k++)
			if (meet(&m.choices[i], &m.choices[k])) {
				struct strategy_choice c = m.choices[i];
				m.choices[i] = m.choices[k];
				m.choices[k] = c;
				judge(&m, i, "place", (int)k);
			}
	print_message("%zu tables, %zu of which no row noticed\n", m.tried, m.survived);
	assert_int_equal(m.survived, 0);
}

static void no_choice_can_be_there_twice(void **state)
{
	(void)state;
	static struct mutants m;
	restore(&m);
	for (size_t i = 0, count = m.rules.count; i < count; i++) {
		struct strategy_choice c = m.choices[i];
		memmove(&m.choices[1], &m.choices[0], count * sizeof *m.choices);
		m.choices[0] = c;
		m.rules.count++;
		if (i > 0) /* the first one is there already */
			judge(&m, i, "one at the beginning", -1);
		restore(&m);
	}
	assert_int_equal(m.survived, 0);
}

static void no_default_can_be_another(void **state)
{
	(void)state;
	static struct mutants m;
	restore(&m);
	for (size_t i = PLAN_STANDARD_STREAM; i <= PLAN_MEMORY_FOREIGN; i++) {
		struct plan_default *d = &m.defaults[i];
		const struct plan_default is = *d;
		for (unsigned v = PMIG_BY_IDENTIFIER; v <= PMIG_BY_TYPE; v++)
			if (v != is.binding)
				d->binding = v, judge(&m, i, "binding", (int)v);
		for (unsigned v = PMIG_UNATTACHED; v <= PMIG_FIXED; v++)
			if (v != is.attachment)
				d->attachment = v, judge(&m, i, "attachment", (int)v);
		for (int v = PLAN_ORDINARY; v <= PLAN_REFUSED; v++)
			if (v != is.treatment)
				d->treatment = v, d->refused = "because", judge(&m, i, "treatment", v);
		d->words = "something", judge(&m, i, "name", 0);
		if (is.refused != NULL)
			d->refused = "because", judge(&m, i, "sentence", 0);
	}
	assert_int_equal(m.survived, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_choice_can_be_another),
		cmocka_unit_test(no_choice_can_be_missing),
		cmocka_unit_test(no_two_choices_can_change_places),
		cmocka_unit_test(no_choice_can_be_there_twice),
		cmocka_unit_test(no_default_can_be_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
