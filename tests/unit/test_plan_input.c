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
	assert_good(read_text("[" ROW("file", "") "," ROW("other", ", \"process\": \"" UUID_A "\", \"later\": [1]") "]",
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
	assert_non_null(strstr(plan->refusal, "a resource of kind other cannot be copied"));
	plan_input_destroy(input);
	assert_string_equal(plan->decisions[1].locator, "/d"); /* a plan owns its texts */
	plan_destroy(plan);
	assert_good(read_text("[]", &input));
	assert_int_equal(input->count, 0);
	plan_input_destroy(input);
	plan_input_destroy(NULL);
}

/* What a kind from outside the tree can do is told by the program that has it; so is what is on the way already. */
static void facts_that_come_with_a_row_are_taken(void **state)
{
	(void)state;
	struct plan_input *input = NULL;
	assert_good(read_text(
		"[" ROW("counter",
			", \"operations\": 12, \"note\": \"it is slow\", \"at\": \"gamma\", \"secret_hook\": true") "," ROW("counter",
			"") "," ROW("library", "") "," ROW("file", ", \"ahead\": true") "," ROW("memory", "") "]",
		&input));
	const struct plan_resource *r = input->resources;
	assert_int_equal(r[0].operations, CP | GR | PLAN_CAN_DROP);
	assert_string_equal(r[0].note, "it is slow");
	assert_string_equal(r[0].at, "gamma");
	assert_true(r[0].secret_hook);
	assert_int_equal(r[1].operations, PLAN_CAN_DROP); /* of nobody known: it can only be dropped, with consent */
	assert_true(!r[1].secret_hook && !r[1].ahead);
	assert_true(r[2].ahead && r[3].ahead);
	assert_int_equal(r[2].operations & PLAN_CAN_DROP, 0);
	assert_int_equal(r[4].operations & PLAN_CAN_DROP, 0);
	plan_input_destroy(input);
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
		{"[" ROW("x", ", \"operations\": \"all\"") "]", "operations: not a set of operations"},
		{"[" ROW("x", ", \"operations\": -1") "]", "operations: not a set of operations"},
		{"[" ROW("x", ", \"operations\": 4096") "]", "operations: not a set of operations"},
		{"[" ROW("x", ", \"note\": 7") "]", "not a short text"},
		{"[" ROW("x", ", \"at\": [\"beta\"]") "]", "not a short text"},
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
		cmocka_unit_test(facts_that_come_with_a_row_are_taken),
		cmocka_unit_test(a_hostile_report_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
