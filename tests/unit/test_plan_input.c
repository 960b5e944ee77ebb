/* plan_input: what an agent reports becomes resources of a plan, or is refused by row and member. */
#include "plan_case.h"

#include "registry/plan_input.h"

#define ROW(kind, more) \
	"{\"slot\": 3, \"name\": \"data\", \"kind\": \"" kind "\", \"locator\": \"/d\", \"binding\": 2, \"attachment\": 1," \
	"\"type\": \"\", \"strategy\": 0, \"consent\": 0, \"shared\": false, \"secret\": 0, \"rate\": 0, \"size\": 5000000," \
	"\"origin\": 1, \"opened\": \"\"" more "}"

static int read_text(const char *text, struct plan_input **ret_input)
{
	json_error_t error;
	json_t *rows = json_loads(text, JSON_DECODE_ANY, &error);
	if (rows == NULL)
		fail_msg("%s: %s", text, error.text);
	int r = plan_input_create(rows, UUID_A, ret_input);
	json_decref(rows); /* what was read does not need it any more */
	return r;
}

static void a_report_becomes_a_plan(void **state)
{
	(void)state;
	struct plan_input *input = NULL;
	assert_good(read_text("[" ROW("file", "") "," ROW("socket", ", \"process\": \"" UUID_A "\", \"later\": [1]") "]",
		&input));
	assert_int_equal(input->count, 2);
	struct plan_facts facts = case_facts();
	struct plan *plan = NULL;
	assert_good(plan_make(input->resources, 1, &facts, &(struct plan_limits){0}, &plan));
	assert_null(plan->refusal);
	assert_int_equal(plan->decisions[0].strategy, PMIG_COPY);
	assert_int_equal(plan->decisions[0].price.bytes, 5000000);
	plan_destroy(plan);
	assert_good(plan_make(input->resources, 2, &facts, &(struct plan_limits){0}, &plan));
	assert_non_null(strstr(plan->refusal, "a resource of kind socket cannot be copied"));
	plan_input_destroy(input);
	assert_string_equal(plan->decisions[1].locator, "/d"); /* a plan owns its texts */
	plan_destroy(plan);
	assert_good(read_text("[]", &input));
	assert_int_equal(input->count, 0);
	plan_input_destroy(input);
	plan_input_destroy(NULL);
}

static void a_hostile_report_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *reason;
	} reports[] = {
		{"{}", "resources: not an array"},
		{"null", "resources: not an array"},
		{"[7]", "resources: row 0: resource: not an object"},
		{"[{}]", "resources: row 0: resource: slot is missing"},
		{"[" ROW("file", "") "," ROW("", "") "]", "resources: row 1: resource: kind is empty"},
		{"[" ROW("file", ", \"process\": \"" UUID_B "\"") "]", "resource: belongs to " UUID_B},
		{"[" ROW("file", ", \"binding\": 9") "]", "binding is out of range"},
	};
	for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
		struct plan_input *input = NULL;
		assert_fails(read_text(reports[i].text, &input), PMIG_ECORRUPT);
		assert_reason_has(reports[i].reason);
		assert_null(input);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_becomes_a_plan),
		cmocka_unit_test(a_hostile_report_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
