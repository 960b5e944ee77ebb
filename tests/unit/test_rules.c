/* rules: the table as tools print it is the one of the design, cell by cell. */
#include "plan_case.h"
#include "registry/rules.h"

static const struct {
	const char *binding, *attachment;
	bool shared;
	const char *choices;
} cells[] = {
	{"identifier", "unattached", false, "[\"move\",\"reference\"]"},
	{"identifier", "unattached", true, "[\"reference\"]"},
	{"identifier", "fastened", false, "[\"reference\",\"move\"]"},
	{"identifier", "fastened", true, "[\"reference\"]"},
	{"identifier", "fixed", false, "[\"reference\"]"},
	{"identifier", "fixed", true, "[\"reference\"]"},
	{"value", "unattached", false, "[\"copy\",\"move\",\"reference\"]"},
	{"value", "unattached", true, "[\"reference\",\"copy\"]"},
	{"value", "fastened", false, "[\"rebind\",\"copy\",\"reference\"]"},
	{"value", "fastened", true, "[\"rebind\",\"reference\",\"copy\"]"},
	{"value", "fixed", false, "[\"refuse\"]"},
	{"value", "fixed", true, "[\"refuse\"]"},
	{"type", "unattached", false, "[\"rebind\",\"move\",\"copy\",\"reference\"]"},
	{"type", "unattached", true, "[\"rebind\",\"reference\",\"copy\"]"},
	{"type", "fastened", false, "[\"rebind\",\"reference\",\"copy\",\"move\"]"},
	{"type", "fastened", true, "[\"rebind\",\"reference\",\"copy\"]"},
	{"type", "fixed", false, "[\"rebind\",\"reference\"]"},
	{"type", "fixed", true, "[\"rebind\",\"reference\"]"},
};

static void every_cell_is_that_of_the_design(void **state)
{
	(void)state;
	const struct plan_rules rules = plan_rules();
	json_t *all = rules_json(&rules);
	assert_int_equal(json_array_size(all), sizeof cells / sizeof *cells);
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const json_t *cell = json_array_get(all, i);
		char *choices = json_dumps(json_object_get(cell, "choices"), JSON_COMPACT);
		assert_int_equal(json_object_size(cell), 4);
		assert_string_equal(json_string_value(json_object_get(cell, "binding")), cells[i].binding);
		assert_string_equal(json_string_value(json_object_get(cell, "attachment")), cells[i].attachment);
		assert_true(json_is_boolean(json_object_get(cell, "shared")));
		assert_int_equal(json_is_true(json_object_get(cell, "shared")), cells[i].shared);
		assert_string_equal(choices, cells[i].choices);
		free(choices);
	}
	json_decref(all);
}

/* What is shown is what the planner tries: with everything possible it takes the first one that is shown. */
static void the_first_choice_shown_is_the_one_taken(void **state)
{
	(void)state;
	const struct plan_rules rules = plan_rules();
	json_t *all = rules_json(&rules);
	struct plan_facts facts = case_facts();
	for (size_t i = 0; i < json_array_size(all); i++) {
		unsigned b = PMIG_BY_IDENTIFIER + (unsigned)i / 6, a = PMIG_UNATTACHED + (unsigned)i / 2 % 3;
		struct plan_resource r = case_of(b, a, MV | CP | GR | RB);
		r.row.shared = i % 2;
		r.same_content = r.providers = (struct plan_fact)ASKED(1);
		struct plan *plan = case_plan(&r, &facts, &(struct plan_limits){0});
		const char *first = json_string_value(json_array_get(json_object_get(json_array_get(all, i), "choices"), 0));
		assert_string_equal(strategy_name(plan->decisions[0].strategy), first);
		plan_destroy(plan);
	}
	json_decref(all);
}

static void text_has_cells_conditions_and_defaults(void **state)
{
	(void)state;
	const struct plan_rules rules = plan_rules();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_good(rules_text(&rules, 0, out));
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text,
		"by value, shared       reference, copy                rebind, reference, copy        refuse\n"));
	assert_non_null(strstr(text, "consent: snapshot"));
	assert_non_null(strstr(text, "regular file, read only"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_that_of_the_design),
		cmocka_unit_test(the_first_choice_shown_is_the_one_taken),
		cmocka_unit_test(text_has_cells_conditions_and_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
