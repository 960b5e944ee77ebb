/* store: the rows of a process travel with it: round trip, and everything that must not come in. */
#include "registry_case.h"

#include <jansson.h>

static int add_text(void *context, const struct pmig_resource_row *row)
{
	(void)sprintf((char *)context + strlen(context), "%lld:%s:%s:%d ", (long long)row->slot, row->name, row->locator,
		(int)row->origin);
	return 0;
}

static int count_steps(void *context, const struct pmig_step_row *row)
{
	(void)row;
	++*(int *)context;
	return 0;
}

static int count_decisions(void *context, const struct pmig_decision_row *row)
{
	assert_string_equal(row->alternatives, "[]");
	++*(int *)context;
	return 0;
}

static int add_policy(void *context, const struct pmig_policy_row *row)
{
	(void)strcat(strcat((char *)context, row->name), row->text);
	return 0;
}

static void fill(struct pmig_store *s)
{
	struct pmig_process_row p = case_process(UUID_A, "queens"), other = case_process(UUID_B, "index");
	assert_good(s->process_put(s, &p));
	assert_good(s->process_put(s, &other));
	struct pmig_resource_row r = case_resource(UUID_A, 3);
	assert_good(s->resource_put(s, &r));
	r.slot = 4, r.name = "odd", r.locator = "/tmp/\xff\xfe\"\\\n";
	assert_good(s->resource_put(s, &r));
	r = case_resource(UUID_B, 9);
	assert_good(s->resource_put(s, &r));
	struct pmig_reference_row reference = {
		.process = UUID_A, .slot = 3, .kind = "forwarder", .from = "alpha:80", .to = "beta:4000"};
	assert_good(s->reference_put(s, &reference));
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 1);
	assert_good(s->handover_begin(s, &h));
	assert_good(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_DONE, NULL));
	assert_good(s->handover_finish(s, HANDOVER_1, PMIG_HANDOVER_DONE, NULL));
	struct pmig_decision_row d = {.handover = HANDOVER_1,
		.slot = 3,
		.resource = "data",
		.cell = "by value, unattached",
		.strategy = PMIG_COPY,
		.reason = "only its content counts",
		.alternatives = "[]"};
	assert_good(s->decision_put(s, &d));
	struct pmig_policy_row policy = {.process = UUID_A, .name = "/etc/queens.policy", .text = "# none\n"};
	assert_good(s->policy_put(s, &policy));
	assert_good(s->policy_put(s, &(struct pmig_policy_row){.name = "/of/this/host", .text = "# stays\n"}));
	h = case_handover(HANDOVER_2, UUID_A, 2);
	assert_good(s->handover_begin(s, &h)); /* under way: stays at home */
}

/* An export of UUID_A as `fill` made it. */
static char *exported(struct registry_case *c)
{
	char path[PATH_MAX + 8], *json = NULL;
	struct pmig_store *s;
	(void)snprintf(path, sizeof path, "%s-source", c->path);
	assert_good(registry_store_open(path, &s));
	fill(s);
	assert_good(s->rows_export(s, UUID_A, &json));
	registry_store_close(s);
	return json;
}

static void the_rows_of_one_process_arrive_elsewhere(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store;
	char *json = exported(c), *again = NULL;
	assert_good(s->rows_import(s, UUID_A, json, strlen(json)));
	struct pmig_process_row *p = NULL;
	assert_good(s->process_get(s, "queens", &p));
	assert_int_equal(p->state, PMIG_PROCESS_STARTING);
	assert_int_equal(p->pid, 0);
	assert_string_equal(p->argv, "[\"queens\", \"12\"]");
	free(p);
	assert_fails(s->process_get(s, "index", &p), PMIG_ENOENT);
	char text[256] = "";
	assert_good(s->resource_list(s, UUID_A, add_text, text));
	assert_string_equal(text, "3:data:/home/mig/data:1 4:odd:/tmp/\xff\xfe\"\\\n:1 ");
	int steps = 0, decisions = 0;
	assert_good(s->step_list(s, HANDOVER_1, count_steps, &steps));
	assert_good(s->decision_list(s, HANDOVER_1, count_decisions, &decisions));
	assert_true(steps == 1 && decisions == 1);
	assert_good(s->step_list(s, HANDOVER_2, count_steps, &steps));
	assert_int_equal(steps, 1);
	char policies[256] = "";
	assert_good(s->policy_list(s, UUID_A, add_policy, policies));
	assert_good(s->policy_list(s, NULL, add_policy, policies));
	assert_string_equal(policies, "/etc/queens.policy# none\n");
	assert_good(s->rows_export(s, UUID_A, &again));
	assert_string_equal(json, again);
	free(json);
	free(again);
	assert_fails(s->rows_export(s, UUID_B, &json), PMIG_ENOENT);
}

static void an_import_replaces_resources_and_keeps_the_own_journal(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store;
	struct pmig_process_row p = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &p));
	struct pmig_resource_row r = case_resource(UUID_A, 77);
	assert_good(s->resource_put(s, &r));
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 1);
	assert_good(s->handover_begin(s, &h));
	char *json = exported(c);
	assert_good(s->rows_import(s, UUID_A, json, strlen(json)));
	free(json);
	char text[256] = "";
	assert_good(s->resource_list(s, UUID_A, add_text, text));
	assert_null(strstr(text, "77:"));
	struct pmig_handover_row *found = NULL;
	assert_good(s->handover_get(s, UUID_A, &found));
	assert_int_equal(found->state, PMIG_HANDOVER_OPEN);
	free(found);
	int steps = 0;
	assert_good(s->step_list(s, HANDOVER_1, count_steps, &steps));
	assert_int_equal(steps, 0);
}

static void what_is_older_than_what_is_known_is_refused(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store;
	char *json = exported(c);
	assert_good(s->owner_claim(s, UUID_A, 2, "beta"));
	assert_fails(s->rows_import(s, UUID_A, json, strlen(json)), PMIG_ESTALE);
	assert_string_equal(pmig_reason(), "import: process: the rows are of epoch 1, here epoch 2 belongs to beta");
	free(json);
}

/* A hand-over that was undone before anybody promised anything leaves its epoch in the row; the next one has the same. */
static void the_epoch_of_an_undone_handover_does_not_count(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store;
	char *json = exported(c);
	struct pmig_process_row p = case_process(UUID_A, "queens");
	p.epoch = 2;
	assert_good(s->process_put(s, &p));
	assert_good(s->rows_import(s, UUID_A, json, strlen(json)));
	free(json);
}

/* A source that took an epoch for itself after a bar travels with that one. */
static void the_claimed_epoch_travels(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store;
	struct pmig_process_row p = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &p));
	assert_good(s->owner_claim(s, UUID_A, 3, "alpha"));
	char *json = NULL;
	assert_good(s->rows_export(s, UUID_A, &json));
	json_t *root = json_loads(json, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "process"), "epoch")), 3);
	json_decref(root);
	free(json);
}

static void a_name_that_is_taken_is_refused(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store;
	char *json = exported(c);
	struct pmig_process_row p = case_process(UUID_B, "queens");
	assert_good(s->process_put(s, &p));
	assert_fails(s->rows_import(s, UUID_A, json, strlen(json)), PMIG_EEXIST);
	assert_string_equal(pmig_reason(), "import: process: another process here has the name queens");
	free(json);
}

/* Sets `member` of the first object of `section` ("process": of it itself) to `value`, and says what must come of it. */
static const struct {
	const char *section, *member, *value;
	int code;
	const char *reason;
} hostile[] = {
	{"process", "uuid", "\"" UUID_B "\"", PMIG_EIDENTITY, "the rows belong to " UUID_B},
	{"process", "uuid", "\"../../etc/passwd\"", PMIG_ECORRUPT, "process: uuid is not a uuid"},
	{"process", "uuid", "\"AAAAAAAA-0000-4000-8000-000000000001\"", PMIG_ECORRUPT, "is not a uuid"},
	{"process", "name", "\"\"", PMIG_ECORRUPT, "process: name is empty"},
	{"process", "name", "null", PMIG_ECORRUPT, "process: name is not a text"},
	{"process", "name", "{\"hex\": \"00\"}", PMIG_ECORRUPT, "process: name is not a text"},
	{"process", "name", "{\"hex\": \"6\"}", PMIG_ECORRUPT, "process: name is not a text"},
	{"process", "name", "{\"hex\": \"zz\"}", PMIG_ECORRUPT, "process: name is not a text"},
	{"process", "name", "{\"hex\": 1}", PMIG_ECORRUPT, "process: name is not a text"},
	{"process", "name", "{}", PMIG_ECORRUPT, "process: name is not a text"},
	{"process", "epoch", "-1", PMIG_ECORRUPT, "process: epoch is out of range"},
	{"process", "epoch", "1.5", PMIG_ECORRUPT, "process: epoch is not a number"},
	{"process", "epoch", "\"1\"", PMIG_ECORRUPT, "process: epoch is not a number"},
	{"process", "exit_status", "-2", PMIG_ECORRUPT, "not allowed"},
	{"process", "argv", "\"{}\"", PMIG_ECORRUPT, "process: argv is not a JSON array"},
	{"process", "argv", "\"[\"", PMIG_ECORRUPT, "process: argv is not a JSON array"},
	{"resources", "process", "\"" UUID_B "\"", PMIG_EIDENTITY, "resources: row 0: belongs to " UUID_B},
	{"resources", "binding", "0", PMIG_ECORRUPT, "resources: row 0: resource: binding is out of range"},
	{"resources", "binding", "4", PMIG_ECORRUPT, "binding is out of range"},
	{"resources", "binding", "4294967297", PMIG_ECORRUPT, "binding is out of range"},
	{"resources", "consent", "8", PMIG_ECORRUPT, "consent is out of range"},
	{"resources", "shared", "2", PMIG_ECORRUPT, "shared is out of range"},
	{"resources", "shared", "\"true\"", PMIG_ECORRUPT, "shared is not a number"},
	{"resources", "size", "-1", PMIG_ECORRUPT, "size is out of range"},
	{"references", "process", "\"" UUID_B "\"", PMIG_EIDENTITY, "references: row 0: belongs to " UUID_B},
	{"handovers", "process", "\"" UUID_B "\"", PMIG_EIDENTITY, "handovers: row 0: belongs to " UUID_B},
	{"handovers", "state", "1", PMIG_ECORRUPT, "is not over"},
	{"handovers", "state", "7", PMIG_ECORRUPT, "state is out of range"},
	{"steps", "handover", "\"" HANDOVER_2 "\"", PMIG_EIDENTITY, "steps: row 0: belongs to hand-over " HANDOVER_2},
	{"steps", "sequence", "0", PMIG_ECORRUPT, "not allowed"},
	{"decisions", "strategy", "6", PMIG_ECORRUPT, "strategy is out of range"},
	{"decisions", "handover", "\"" HANDOVER_2 "\"", PMIG_EIDENTITY, "belongs to hand-over " HANDOVER_2},
};

static int any_process(void *context, const struct pmig_process_row *row)
{
	(void)context;
	fail_msg("%s came in", row->name);
	return 0;
}

static void assert_refused(struct pmig_store *s, const char *json, int code, const char *reason)
{
	assert_fails(s->rows_import(s, UUID_A, json, strlen(json)), code);
	assert_reason_has(reason);
	assert_good(s->process_list(s, any_process, NULL));
}

static void every_hostile_value_is_named_and_nothing_comes_in(void **state)
{
	struct registry_case *c = *state;
	char *good = exported(c);
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		json_t *root = json_loads(good, 0, NULL), *target = json_object_get(root, hostile[i].section);
		if (json_is_array(target))
			target = json_array_get(target, 0);
		assert_non_null(json_object_get(target, hostile[i].member));
		assert_int_equal(json_object_set_new(target, hostile[i].member,
					 json_loads(hostile[i].value, JSON_DECODE_ANY, NULL)),
			0);
		char *json = json_dumps(root, 0);
		assert_refused(c->store, json, hostile[i].code, hostile[i].reason);
		free(json);
		json_object_del(target, hostile[i].member);
		json = json_dumps(root, 0);
		assert_refused(c->store, json, PMIG_ECORRUPT, "is missing");
		free(json);
		json_decref(root);
	}
	free(good);
}

static void what_is_not_of_that_form_is_refused(void **state)
{
	struct registry_case *c = *state;
	static const struct {
		const char *json;
		int code;
		const char *reason;
	} forms[] = {
		{"", PMIG_ECORRUPT, "not JSON"},
		{"[]", PMIG_ECORRUPT, "not the rows of a process"},
		{"{}", PMIG_ECORRUPT, "not the rows of a process"},
		{"{\"pmig_rows\": \"1\"}", PMIG_ECORRUPT, "not the rows of a process"},
		{"{\"pmig_rows\": 2}", PMIG_EVERSION, "version 2, this pmig knows 1"},
		{"{\"pmig_rows\": 1}", PMIG_ECORRUPT, "process: not an object"},
		{"{\"pmig_rows\": 1, \"pmig_rows\": 1}", PMIG_ECORRUPT, "not JSON"},
		{"{\"pmig_rows\": 1, \"process\": []}", PMIG_ECORRUPT, "process: not an object"},
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		assert_refused(c->store, forms[i].json, forms[i].code, forms[i].reason);
	char *deep = malloc(1 << 20);
	memset(deep, '[', (1 << 20) - 1);
	deep[(1 << 20) - 1] = '\0';
	assert_refused(c->store, deep, PMIG_ECORRUPT, "not JSON");
	free(deep);
	char *good = exported(c);
	json_t *root = json_loads(good, 0, NULL);
	const char *sections[] = {"resources", "references", "handovers", "steps", "decisions", "policies"};
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		json_t *copy = json_deep_copy(root);
		json_object_set_new(copy, sections[i], json_integer(1));
		char *json = json_dumps(copy, 0);
		assert_refused(c->store, json, PMIG_ECORRUPT, "is not an array");
		free(json);
		json_decref(copy);
	}
	json_decref(root);
	free(good);
}

/* A hand-over of another process must not be taken over by naming its id. */
static void a_handover_of_another_process_stays_its_own(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store;
	char *json = exported(c);
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_B, 9), *found = NULL;
	assert_good(s->handover_begin(s, &h));
	assert_fails(s->rows_import(s, UUID_A, json, strlen(json)), PMIG_EIDENTITY);
	assert_reason_has("steps: row 0: belongs to hand-over " HANDOVER_1);
	assert_good(s->handover_get(s, UUID_B, &found));
	assert_int_equal(found->epoch, 9);
	free(found);
	free(json);
}

static void every_truncation_and_every_changed_byte_is_survived(void **state)
{
	struct registry_case *c = *state;
	char *good = exported(c);
	size_t size = strlen(good);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(c->store->rows_import(c->store, UUID_A, good, i), PMIG_ECORRUPT);
	for (size_t i = 0; i < size; i++) {
		char was = good[i];
		good[i] ^= (char)(1 << i % 7);
		int r = c->store->rows_import(c->store, UUID_A, good, size);
		assert_true(r == 0 || r == PMIG_ECORRUPT || r == PMIG_EIDENTITY || r == PMIG_EVERSION || r == PMIG_EEXIST ||
			r == PMIG_ESTALE);
		good[i] = was;
	}
	free(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(the_rows_of_one_process_arrive_elsewhere),
		case_test(an_import_replaces_resources_and_keeps_the_own_journal),
		case_test(what_is_older_than_what_is_known_is_refused),
		case_test(the_epoch_of_an_undone_handover_does_not_count),
		case_test(the_claimed_epoch_travels),
		case_test(a_name_that_is_taken_is_refused),
		case_test(every_hostile_value_is_named_and_nothing_comes_in),
		case_test(what_is_not_of_that_form_is_refused),
		case_test(a_handover_of_another_process_stays_its_own),
		case_test(every_truncation_and_every_changed_byte_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
