/* plan_show: a plan as text and as JSON compared with snapshots, and as rows of the registry. */
#include "plan_case.h"

#include <jansson.h>

/* A plan with one of everything that is shown. */
static struct plan *make(bool possible)
{
	struct plan_resource r[8] = {0};
	size_t n = 0;
	r[n] = case_of(PMIG_BY_VALUE, PMIG_UNATTACHED, MV | CP);
	r[n].row.slot = 3;
	r[n++].row.opened = "index.c:40";
	r[n] = case_of(0, 0, GR);
	r[n].row = (struct pmig_resource_row){.slot = 1, .name = "standard output", .kind = "standard", .locator = "pts/3"};
	plan_undeclared(&r[n++], PLAN_STANDARD_STREAM);
	r[n] = case_of(0, 0, RB);
	r[n].row = (struct pmig_resource_row){
		.slot = 4, .name = "null", .kind = "device", .locator = "/dev/null", .opened = "main.c:7"};
	r[n].there = "/dev/null";
	r[n].providers = (struct plan_fact){0};
	plan_undeclared(&r[n++], PLAN_COMMON_DEVICE);
	r[n] = case_of(0, 0, 0);
	r[n].row = (struct pmig_resource_row){.slot = 5, .name = "pipe", .kind = "pipe", .locator = "5 to 6"};
	plan_undeclared(&r[n++], PLAN_WITHIN);
	r[n] = case_of(PMIG_BY_VALUE, PMIG_UNATTACHED, MV | CP);
	r[n].row.name = "log\033[31m", r[n].row.slot = 7, r[n].row.consent = PMIG_DIVERGENCE,
	r[n].shared_by = "cron (pid 12)";
	r[n++].sharers.value = 1;
	r[n] = case_of(PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, MV | CP | PLAN_CAN_KEEP);
	r[n].row.name = "shared", r[n].row.locator = "/net/shared", r[n].row.slot = 8;
	r[n++].reached = (struct plan_fact)ASKED(1);
	if (!possible) {
		r[n] = case_of(PMIG_BY_IDENTIFIER, PMIG_FIXED, GR);
		r[n].row.name = "display", r[n].row.kind = "device", r[n].row.locator = ":0", r[n].row.slot = 9;
		r[n++].rate = (struct plan_fact){480000000, PLAN_DECLARED};
	}
	struct plan_facts f = case_facts();
	struct plan *plan = NULL;
	assert_good(plan_make(r, n, &f, &(struct plan_limits){0}, &plan));
	return plan;
}

static void text_is_as_in_the_snapshot(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	for (int columns = 0; columns <= 80; columns += 80)
		for (int alternatives = 0; alternatives <= 1; alternatives++) {
			bool possible = columns == 0;
			struct plan *plan = make(possible);
			assert_good(plan_show_text(plan, &(struct plan_show_options){columns, alternatives}, out));
			fputc('\n', out);
			plan_destroy(plan);
		}
	assert_int_equal(fclose(out), 0);
	case_snapshot("plan_text.txt", text);
	free(text);
}

static void json_is_as_in_the_snapshot(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct plan *plan = make(false);
	assert_good(plan_show_json(plan, out));
	plan_destroy(plan);
	assert_int_equal(fclose(out), 0);
	case_snapshot("plan_json.json", text);
	json_t *root = json_loads(text, 0, NULL);
	assert_true(json_is_object(root));
	json_decref(root);
	free(text);
}

static void what_is_not_known_is_shown_as_such(void **state)
{
	(void)state;
	struct plan_resource r = case_of(PMIG_BY_VALUE, PMIG_UNATTACHED, CP);
	r.row.name = "\xff";
	struct plan *plan = case_plan(&r, &(struct plan_facts){0}, &(struct plan_limits){0});
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_good(plan_show_text(plan, &(struct plan_show_options){0}, out));
	assert_good(plan_show_json(plan, out));
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "move possible: 1 MB to ship, 0 us before the freeze, ? frozen"));
	assert_non_null(strstr(text, "\\xff "));
	assert_non_null(strstr(text, "\"seconds_frozen\": null"));
	assert_non_null(strstr(text, "\"bandwidth_bytes_per_second\": null"));
	free(text);
	plan_destroy(plan);
}

static int see(void *context, const struct pmig_decision_row *row)
{
	int *seen = context;
	json_t *alternatives = json_loads(row->alternatives, 0, NULL);
	assert_true(json_is_array(alternatives));
	if (row->slot == 9) {
		assert_string_equal(row->resource, "display");
		assert_string_equal(row->cell, "by identifier, fixed");
		assert_int_equal(row->strategy, PMIG_REFUSE);
		assert_string_equal(row->reason, "the reference would need 480 MB/s to alpha, the link carries 110 MB/s");
		assert_string_equal(json_string_value(json_object_get(json_array_get(alternatives, 0), "strategy")),
			"reference");
	}
	json_decref(alternatives);
	++*seen;
	return 0;
}

static void decisions_are_recorded_with_what_they_beat(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct plan *plan = make(false);
	assert_fails(plan_show_record(plan, NULL, s, HANDOVER_1), PMIG_ENOENT);
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 2);
	assert_good(s->handover_begin(s, &h));
	assert_good(plan_show_record(plan, NULL, s, HANDOVER_1));
	assert_good(plan_show_record(plan, NULL, s, HANDOVER_1));
	int seen = 0;
	assert_good(s->decision_list(s, HANDOVER_1, see, &seen));
	assert_int_equal(seen, 7);
	plan_destroy(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_as_in_the_snapshot),
		cmocka_unit_test(json_is_as_in_the_snapshot),
		cmocka_unit_test(what_is_not_known_is_shown_as_such),
		case_test(decisions_are_recorded_with_what_they_beat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
