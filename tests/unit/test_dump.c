/* dump: the whole registry as JSON, byte by byte of it. */
#include "registry_case.h"

#include "registry/dump.h"
#include <jansson.h>

static json_t *dumped(struct pmig_store *s, int expected_rows)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(dump_write(registry_store_database(s), out), expected_rows);
	assert_int_equal(fclose(out), 0);
	json_t *root = json_loads(text, 0, NULL);
	assert_true(json_is_object(root));
	free(text);
	return root;
}

static const json_t *row(const json_t *root, const char *table, size_t i)
{
	return json_array_get(json_object_get(json_object_get(root, "tables"), table), i);
}

static void an_empty_one_has_every_table(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	json_t *root = dumped(s, 0);
	assert_int_equal(json_object_size(json_object_get(root, "tables")), 11);
	assert_true(json_integer_value(json_object_get(root, "pmig_registry")) >= 2);
	json_decref(root);
}

static void every_row_is_there_as_it_is(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row p = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &p));
	struct pmig_resource_row r = case_resource(UUID_A, 2);
	assert_good(s->resource_put(s, &r));
	r.slot = 1, r.locator = "/a\xff\"\n";
	assert_good(s->resource_put(s, &r));
	assert_good(s->policy_put(s, &(struct pmig_policy_row){.name = "/p", .added = 7, .text = "# x\n"}));
	assert_good(s->owner_claim(s, UUID_A, 1, "alpha"));
	json_t *root = dumped(s, 5);
	assert_string_equal(json_string_value(json_object_get(row(root, "processes", 0), "name")), "queens");
	assert_int_equal(json_integer_value(json_object_get(row(root, "processes", 0), "pid")), 4711);
	assert_int_equal(json_integer_value(json_object_get(row(root, "processes", 0), "exit_status")), -1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(row(root, "resources", 0), "locator"), "hex")),
		"2f61ff220a");
	assert_string_equal(json_string_value(json_object_get(row(root, "resources", 1), "locator")), "/home/mig/data");
	assert_string_equal(json_string_value(json_object_get(row(root, "policies", 0), "text")), "# x\n");
	assert_string_equal(json_string_value(json_object_get(row(root, "owners", 0), "host")), "alpha");
	json_decref(root);
}

static void a_full_disk_is_said(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	FILE *full = fopen("/dev/full", "we");
	assert_non_null(full);
	assert_fails(dump_write(registry_store_database(s), full), PMIG_EIO);
	assert_reason_has("export: it could not be written");
	(void)fclose(full);
	json_decref(dumped(s, 0)); /* no transaction is left behind */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(an_empty_one_has_every_table),
		case_test(every_row_is_there_as_it_is),
		case_test(a_full_disk_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
