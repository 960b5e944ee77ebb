/* list: every query as a table and as JSON; bytes that would act on a terminal do not. */
#include "registry_case.h"

#include "registry/list.h"
#include "registry/text.h"
#include <jansson.h>

static char *run(struct pmig_store *s, const char *name, const char *process, enum list_form form, int expected_rows)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	int rows = list_run(registry_store_database(s), name, &(struct list_options){.form = form, .process = process}, out);
	assert_true_or_reason(rows >= 0, name);
	assert_int_equal(rows, expected_rows);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void fill(struct pmig_store *s)
{
	struct pmig_process_row a = case_process(UUID_A, "queens"), b = case_process(UUID_B, "index");
	assert_good(s->process_put(s, &a));
	b.state = PMIG_PROCESS_ENDED, b.exit_status = 3, b.pid = 0, b.started = 1700000000000000000;
	assert_good(s->process_put(s, &b));
	struct pmig_resource_row r = case_resource(UUID_A, 3);
	r.name = "evil\033[2J";
	r.opened = "queens.c:12";
	assert_good(s->resource_put(s, &r));
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 2);
	assert_good(s->handover_begin(s, &h));
	assert_good(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_BEGIN, NULL));
	assert_good(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_DONE, "3 resources"));
	struct pmig_decision_row d = {.handover = HANDOVER_1,
		.slot = 3,
		.resource = "data",
		.cell = "by value, unattached",
		.strategy = PMIG_COPY,
		.reason = "only its content counts",
		.alternatives = "[{\"strategy\":\"move\",\"reason\":\"possible\"}]"};
	assert_good(s->decision_put(s, &d));
	assert_good(s->owner_claim(s, UUID_A, 2, "beta"));
}

static void a_table_is_aligned_and_safe(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	fill(s);
	char *text = run(s, "resources", NULL, LIST_TABLE, 1);
	assert_string_equal(text,
		"process  slot  name         kind  binding  attachment  type  demanded  shared  secret  size  rate  declared  locator         "
		"opened\n"
		"queens      3  evil\\x1b[2J  file  value    unattached                                  4096        run time  /home/mig/data  "
		"queens.c:12\n");
	free(text);
	text = run(s, "processes", NULL, LIST_TABLE, 2);
	assert_non_null(strstr(text, "name    state    exit  epoch  home   owner   pid  started               program"));
	assert_non_null(strstr(text, "index   ended       3      1  alpha               2023-11-14T22:13:20Z  /usr"));
	free(text);
	text = run(s, "steps", "queens", LIST_TABLE, 2);
	assert_non_null(strstr(text, "plan  done"));
	free(text);
}

static void json_has_numbers_texts_and_nested_arrays(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	fill(s);
	char *text = run(s, "decisions", NULL, LIST_JSON, 1);
	json_t *array = json_loads(text, 0, NULL);
	json_t *row = json_array_get(array, 0);
	assert_string_equal(json_string_value(json_object_get(row, "process")), "queens");
	assert_string_equal(json_string_value(json_object_get(row, "strategy")), "copy");
	assert_int_equal(json_integer_value(json_object_get(row, "slot")), 3);
	json_t *alternative = json_array_get(json_object_get(row, "alternatives"), 0);
	assert_string_equal(json_string_value(json_object_get(alternative, "strategy")), "move");
	json_decref(array);
	free(text);
	text = run(s, "processes", UUID_A, LIST_JSON, 1);
	array = json_loads(text, 0, NULL);
	row = json_array_get(array, 0);
	assert_true(json_is_null(json_object_get(row, "exit")));
	assert_string_equal(json_string_value(json_array_get(json_object_get(row, "argv"), 1)), "12");
	assert_string_equal(json_string_value(json_object_get(row, "owner")), "beta");
	json_decref(array);
	free(text);
}

/* The column shows seconds; the order is that of the nanoseconds behind it. */
static void moves_of_one_second_stand_in_their_order(void **state)
{
	static const char *const ids[] = {"ffffffff-0000-4000-8000-000000000000", "77777777-0000-4000-8000-000000000000",
		"00000000-0000-4000-8000-000000000000"};
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row p = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &p));
	for (size_t i = 0; i < 3; i++) {
		struct pmig_handover_row h = case_handover(ids[i], UUID_A, 2 + i);
		assert_good(s->handover_begin(s, &h));
		assert_good(s->handover_finish(s, ids[i], PMIG_HANDOVER_DONE, NULL));
	}
	char *text = run(s, "handovers", "queens", LIST_JSON, 3);
	json_t *array = json_loads(text, 0, NULL);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(json_string_value(json_object_get(json_array_get(array, i), "id")), ids[i]);
	json_decref(array);
	free(text);
}

static void every_query_runs_empty_and_full(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	size_t count;
	const struct list_query *queries = list_queries(&count);
	assert_in_range(count, 7, 30);
	for (size_t i = 0; i < count; i++) {
		char *text = run(s, queries[i].name, NULL, LIST_JSON, 0);
		assert_string_equal(text, "[]\n");
		free(text);
		text = run(s, queries[i].name, "queens", LIST_TABLE, 0);
		assert_non_null(strchr(text, '\n'));
		free(text);
		assert_true(*queries[i].about != '\0');
	}
	fill(s);
	for (size_t i = 0; i < count; i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		assert_good(list_run(registry_store_database(s), queries[i].name, &(struct list_options){.form = LIST_JSON},
			out));
		fclose(out);
		json_t *array = json_loads(text, 0, NULL);
		assert_true(json_is_array(array));
		json_decref(array);
		free(text);
	}
}

static void an_unknown_list_is_answered_with_those_that_are(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	assert_fails(list_run(registry_store_database(s), "toasters", &(struct list_options){.form = LIST_TABLE}, stdout),
		PMIG_ENOENT);
	assert_reason_has("toasters: the registry has no such list; it has processes, resources, hosts");
}

static void bytes_that_are_not_utf8_are_shown(void **state)
{
	(void)state;
	static const struct {
		const char *text, *shown;
		size_t width;
		const char *json;
	} cases[] = {
		{"plain", "plain", 5, "plain"},
		{"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9", 3, "\xc3\xa9t\xc3\xa9"},
		{"a\xff", "a\\xff", 5, "a\xef\xbf\xbd"},
		{"\xc2\x9b", "\\xc2\\x9b", 8, "\xc2\x9b"},
		{"\xc0\xaf", "\\xc0\\xaf", 8, "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80", 12, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe2\x82", "\\xe2\\x82", 8, "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 16, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		text_put(cases[i].text, out);
		fclose(out);
		assert_string_equal(text, cases[i].shown);
		assert_int_equal(text_width(cases[i].text), cases[i].width);
		free(text);
		json_t *value = text_json(cases[i].text);
		assert_string_equal(json_string_value(value), cases[i].json);
		json_decref(value);
	}
}

static int sql(struct pmig_store *s, const char *text, int limit_ms)
{
	char *out_text = NULL;
	size_t size;
	FILE *out = open_memstream(&out_text, &size);
	int r = list_sql(registry_store_database(s), text, &(struct list_options){.form = LIST_JSON, .limit_ms = limit_ms},
		out);
	assert_int_equal(fclose(out), 0);
	free(out_text);
	return r;
}

/* Also on a connection that could write. */
static void a_question_only_reads(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	fill(s);
	assert_int_equal(sql(s, "SELECT name, 1.5, NULL FROM processes ORDER BY 1;  ", 0), 2);
	assert_int_equal(sql(s, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7) SELECT i FROM n",
				 0),
		7);
	static const char *const refused[] = {"DELETE FROM processes", "UPDATE processes SET pid = 1",
		"DROP TABLE processes", "CREATE TEMP TABLE x (y)", "PRAGMA writable_schema = ON", "PRAGMA user_version = 9",
		"ATTACH '/tmp/x' AS x", "VACUUM", "VACUUM INTO '/tmp/x'", "BEGIN", "REINDEX", "ANALYZE", "SAVEPOINT x",
		"EXPLAIN DELETE FROM processes", "INSERT INTO processes SELECT * FROM processes"};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (sql(s, refused[i], 0) != PMIG_EREFUSED)
			fail_msg("%s: %s", refused[i], pmig_reason());
	assert_int_equal(sql(s, "SELECT 1; DELETE FROM processes", 0), PMIG_EINVAL);
	assert_int_equal(sql(s, "", 0), PMIG_EINVAL);
	assert_int_equal(sql(s, "SELEKT", 0), PMIG_EINVAL);
	assert_reason_has("syntax error");
	assert_int_equal(sql(s, "SELECT name FROM processes", 0), 2);
}

static void a_question_without_end_is_ended(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	static const char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT ";
	char text[256];
	(void)snprintf(text, sizeof text, "%s count(*) FROM n", endless);
	assert_int_equal(sql(s, text, 20), PMIG_ETIMEOUT);
	assert_reason_has("it took longer than 20 ms");
	(void)snprintf(text, sizeof text, "%s i FROM n", endless);
	int r = sql(s, text, 300);
	assert_true(r == PMIG_ETIMEOUT || r == PMIG_ENOSPC);
	assert_int_equal(sql(s, "SELECT 1", 1000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(a_table_is_aligned_and_safe),
		case_test(json_has_numbers_texts_and_nested_arrays),
		case_test(moves_of_one_second_stand_in_their_order),
		case_test(every_query_runs_empty_and_full),
		case_test(an_unknown_list_is_answered_with_those_that_are),
		cmocka_unit_test(bytes_that_are_not_utf8_are_shown),
		case_test(a_question_only_reads),
		case_test(a_question_without_end_is_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
