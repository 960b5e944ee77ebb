/* plan_limits: options as people write them, refused with what was expected, and the same limits behind the way as JSON. */
#include "plan_case.h"
#include "registry/plan_limits.h"

#include <math.h>

static void options_are_read_with_their_units(void **state)
{
	(void)state;
	struct plan_limits l = {0};
	assert_good(plan_limits_parse(&l, "max-reference", "20MB/s"));
	assert_int_equal(l.reference, 20000000);
	assert_good(plan_limits_parse(&l, "max-reference", "100Mbit/s"));
	assert_int_equal(l.reference, 12500000);
	assert_good(plan_limits_parse(&l, "max-reference", "12.5%"));
	assert_true(fabs(l.share - 0.125) < 1e-9);
	assert_good(plan_limits_parse(&l, "max-transfer", "1.5GB"));
	assert_int_equal(l.transfer, 1500000000);
	assert_good(plan_limits_parse(&l, "max-transfer", "2GiB"));
	assert_int_equal(l.transfer, 2147483648);
	assert_good(plan_limits_parse(&l, "max-transfer", "4096"));
	assert_int_equal(l.transfer, 4096);
	assert_good(plan_limits_parse(&l, "max-frozen", "500ms"));
	assert_true(fabs(l.frozen - 0.5) < 1e-9);
	assert_good(plan_limits_parse(&l, "max-before", "2"));
	assert_true(l.before == 2);
	assert_good(plan_limits_parse(&l, "remaining", "2h"));
	assert_true(l.remaining == 7200);
	assert_good(plan_limits_parse(&l, "max-slowdown", "150%"));
	assert_true(fabs(l.slowdown - 1.5) < 1e-9);
}

static void what_is_none_is_refused_in_words(void **state)
{
	(void)state;
	static const struct {
		const char *option, *value, *words;
	} rows[] = {
		{"max-reference", "fast",
			"--max-reference: expected a rate such as 20MB/s or 100Mbit/s, or a part of the link such as 10%, "
			"found \"fast\""},
		{"max-reference", "", "expected a rate"},
		{"max-reference", "-1MB/s", "expected a rate"},
		{"max-reference", "0%", "expected a rate"},
		{"max-reference", "101%", "more than the whole link"},
		{"max-reference", "1e9", "expected a rate"},
		{"max-reference", "10 MB/s", "expected a rate"},
		{"max-transfer", "1GB/s", "expected a size such as 500MB or 2GiB"},
		{"max-transfer", "0", "expected a size"},
		{"max-transfer", "999999999999999999999", "expected a size"},
		{"max-transfer", "9999999TB", "expected a size"},
		{"max-frozen", "2x", "expected a time such as 2s or 500ms"},
		{"max-frozen", ".", "expected a time"},
		{"max-frozen", "1.2.3s", "expected a time"},
		{"max-frozen", "99999999d", "expected a time"},
		{"max-slowdown", "0.5", "expected a percentage such as 50%"},
		{"max-speed", "1", "no such limit"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan_limits l = {0};
		assert_fails(plan_limits_parse(&l, rows[i].option, rows[i].value), PMIG_EINVAL);
		assert_reason_has(rows[i].words);
		assert_true(l.reference == 0 && l.transfer == 0 && l.share == 0 && l.frozen == 0 && l.slowdown == 0);
	}
}

static void they_are_the_same_behind_json(void **state)
{
	(void)state;
	const struct plan_limits l = {.before = 1.5,
		.frozen = 0.25,
		.share = 0.1,
		.slowdown = 0.5,
		.reference = 1u << 31,
		.transfer = 1ull << 52,
		.strict = true,
		.remaining = 60};
	struct plan_limits back = {0};
	json_t *object = plan_limits_json(&l);
	assert_good(plan_limits_from_json(object, &back));
	assert_true(back.before == l.before && back.frozen == l.frozen && back.share == l.share &&
		back.slowdown == l.slowdown);
	assert_true(back.reference == l.reference && back.transfer == l.transfer && back.strict &&
		back.remaining == l.remaining);
	json_decref(object);
	assert_good(plan_limits_from_json(NULL, &back));
	assert_true(back.before == 0 && back.transfer == 0 && !back.strict);
	object = plan_limits_json(&back);
	assert_int_equal(json_object_size(object), 1);
	json_decref(object);
}

static void what_is_no_limit_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"[]", "1", "{\"transfer_bytes\": -1}", "{\"transfer_bytes\": 1.5}",
		"{\"transfer_bytes\": \"1\"}", "{\"seconds_frozen\": 0}", "{\"seconds_frozen\": 1e300}",
		"{\"share_of_link\": null}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct plan_limits l = {.transfer = 7};
		json_t *object = json_loads(texts[i], JSON_DECODE_ANY, NULL);
		assert_fails(plan_limits_from_json(object, &l), PMIG_EINVAL);
		assert_int_equal(l.transfer, 7);
		json_decref(object);
	}
}

/* Each limit refuses, with the figure and its own name. */
static void a_limit_that_is_exceeded_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *option, *value;
		unsigned operations;
		const char *words;
	} rows[] = {
		{"max-reference", "500B/s", GR,
			"move refused: data (by identifier, fixed): the reference would need 1 kB/s to alpha, of 500 B/s for all references "
			"(--max-reference) 500 B/s are left"},
		{"max-reference", "0.0001%", GR, "are 110 B/s left (--max-reference 0 %)"},
		{"max-slowdown", "0.1%", GR, "slow the run down by 0.2 %, the limit is 0.1 % (--max-slowdown)"},
		{"max-frozen", "9.2ms", GR,
			"move refused: data (by identifier, fixed): it would keep the program frozen for 200 us, of 9.2 ms for "
			"all (--max-frozen) 109 us are left"},
		{"max-frozen", "9ms", GR,
			"move refused: the image of queens would keep it frozen for 9.1 ms, the limit is 9 ms (--max-frozen)"},
		{"max-transfer", "900kB", GR,
			"move refused: image and program of queens have 1 MB, the limit is 900 kB (--max-transfer)"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan_limits l = {0};
		assert_good(plan_limits_parse(&l, rows[i].option, rows[i].value));
		struct plan_resource r = case_of(PMIG_BY_IDENTIFIER, PMIG_FIXED, rows[i].operations);
		struct plan_facts f = case_facts();
		struct plan *plan = case_plan(&r, &f, &l);
		if (plan->refusal == NULL || strstr(plan->refusal, rows[i].words) == NULL)
			fail_msg("--%s %s: %s", rows[i].option, rows[i].value, plan->refusal);
		plan_destroy(plan);
	}
	struct plan_resource r = case_of(PMIG_BY_VALUE, PMIG_UNATTACHED, CP);
	struct plan_facts f = case_facts();
	struct plan_limits l = {.transfer = 1500000};
	struct plan *plan = case_plan(&r, &f, &l);
	assert_string_equal(plan->refusal,
		"move refused: data (by value, unattached): copy: its 1 MB are too many: of 1.5 MB for all (--max-transfer) 500 kB are "
		"left; move: a resource of kind file cannot be moved in this version; reference: a resource of kind file cannot be reached "
		"across machines in this version");
	plan_destroy(plan);
	l.transfer = 2000000;
	plan = case_plan(&r, &f, &l);
	assert_null(plan->refusal);
	plan_destroy(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_read_with_their_units),
		cmocka_unit_test(what_is_none_is_refused_in_words),
		cmocka_unit_test(they_are_the_same_behind_json),
		cmocka_unit_test(what_is_no_limit_is_refused),
		cmocka_unit_test(a_limit_that_is_exceeded_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
