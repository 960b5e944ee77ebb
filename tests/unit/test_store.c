/* store: every method of the store port, against a real database. */
#include "registry_case.h"

static void a_process_is_put_replaced_and_found(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row row = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &row));
	row.epoch = 2;
	assert_good(s->process_put(s, &row));

	struct pmig_process_row *found = NULL;
	assert_good(s->process_get(s, "queens", &found));
	assert_string_equal(found->uuid, UUID_A);
	assert_string_equal(found->argv, "[\"queens\", \"12\"]");
	assert_int_equal(found->epoch, 2);
	assert_int_equal(found->exit_status, -1);
	free(found);
	struct pmig_process_row *again = NULL;
	assert_good(s->process_get(s, UUID_A, &again));
	free(again);
	assert_fails(s->process_get(s, "nobody", &found), PMIG_ENOENT);
	assert_string_equal(pmig_reason(), "nobody: no such process in the registry");
}

static void a_name_is_unique_among_the_living(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row a = case_process(UUID_A, "queens"), b = case_process(UUID_B, "queens");
	assert_good(s->process_put(s, &a));
	assert_fails(s->process_put(s, &b), PMIG_EEXIST);
	assert_reason_has("queens: another process with this name lives");
	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_AWAY, 0, -1));
	assert_fails(s->process_put(s, &b), PMIG_EEXIST);
	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_ENDED, 0, 3));
	b.started = 5;
	assert_good(s->process_put(s, &b));
	assert_fails(s->process_set(s, UUID_A, PMIG_PROCESS_STARTING, -1, -1), PMIG_EEXIST);

	/* Of two with that name the living one is meant, though the other was started later. */
	struct pmig_process_row *found = NULL;
	assert_good(s->process_get(s, "queens", &found));
	assert_string_equal(found->uuid, UUID_B);
	free(found);
	assert_good(s->process_get(s, UUID_A, &found));
	assert_int_equal(found->exit_status, 3);
	assert_int_equal(found->pid, 0);
	free(found);
}

/* Who is late with what was true before has not heard of the end. */
static void one_that_has_ended_lives_only_by_being_restored(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row one = case_process(UUID_A, "one");
	static const enum pmig_process_state late[] = {
		PMIG_PROCESS_RUNNING, PMIG_PROCESS_FROZEN, PMIG_PROCESS_DOUBT, PMIG_PROCESS_AWAY, PMIG_PROCESS_LEFT};
	struct pmig_process_row *row;
	assert_good(s->process_put(s, &one));
	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_ENDED, 0, 0));
	for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
		assert_good(s->process_set(s, UUID_A, late[i], 0, -1));
		assert_good(s->process_get(s, UUID_A, &row));
		assert_int_equal(row->state, PMIG_PROCESS_ENDED);
		assert_int_equal(row->exit_status, 0);
		free(row);
	}
	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_STARTING, -1, -1));
	assert_good(s->process_get(s, UUID_A, &row));
	assert_int_equal(row->state, PMIG_PROCESS_STARTING);
	free(row);
}

static void process_set_changes_only_what_is_given(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row row = case_process(UUID_A, "queens"), *found = NULL;
	assert_fails(s->process_set(s, UUID_A, PMIG_PROCESS_RUNNING, 1, -1), PMIG_ENOENT);
	assert_good(s->process_put(s, &row));
	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_FROZEN, -1, -1));
	assert_good(s->process_get(s, UUID_A, &found));
	assert_int_equal(found->pid, 4711);
	assert_int_equal(found->state, PMIG_PROCESS_FROZEN);
	free(found);
	assert_fails(s->process_set(s, UUID_A, 99, -1, -1), PMIG_EINVAL);
}

static void a_row_that_says_nothing_is_refused_by_column(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row row = case_process("not-a-uuid", "queens");
	assert_fails(s->process_put(s, &row), PMIG_EINVAL);
	assert_string_equal(pmig_reason(), "process: uuid is not a uuid");
	row = case_process(UUID_A, "");
	assert_fails(s->process_put(s, &row), PMIG_EINVAL);
	assert_string_equal(pmig_reason(), "process: name is empty");
	row = case_process(UUID_A, "queens");
	row.argv = "[\"queens\"";
	assert_fails(s->process_put(s, &row), PMIG_EINVAL);
	row = case_process(UUID_A, "queens");
	row.epoch = UINT64_MAX;
	assert_fails(s->process_put(s, &row), PMIG_EINVAL);
	assert_string_equal(pmig_reason(), "process: epoch is out of range");
	row = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &row));

	struct pmig_resource_row r = case_resource(UUID_A, 3);
	r.binding = 0;
	assert_fails(s->resource_put(s, &r), PMIG_EINVAL);
	assert_string_equal(pmig_reason(), "resource: binding is out of range");
	r = case_resource(UUID_A, 3);
	r.consent = 8;
	assert_fails(s->resource_put(s, &r), PMIG_EINVAL);
	char *locator = calloc(1, PMIG_TEXT_MAX + 2);
	memset(locator, 'x', PMIG_TEXT_MAX + 1);
	r = case_resource(UUID_A, 3);
	r.locator = locator;
	assert_fails(s->resource_put(s, &r), PMIG_EINVAL);
	assert_string_equal(pmig_reason(), "resource: locator is too long");
	locator[PMIG_TEXT_MAX] = '\0';
	assert_good(s->resource_put(s, &r));
	free(locator);
}

static int count_resources(void *context, const struct pmig_resource_row *row)
{
	int64_t *last = context;
	assert_true(row->slot > *last);
	*last = row->slot;
	return 0;
}

static int stop_at_two(void *context, const struct pmig_resource_row *row)
{
	(void)context;
	return row->slot == 2 ? 77 : 0;
}

static int see_one(void *context, const struct pmig_resource_row *row)
{
	*(int *)context += 1;
	assert_string_equal(row->locator, "/home/mig/data");
	assert_string_equal(row->type, "");
	assert_string_equal(row->opened, "queens.c:12");
	assert_int_equal(row->binding, PMIG_BY_VALUE);
	assert_int_equal(row->consent, PMIG_SNAPSHOT);
	assert_true(row->shared && !row->secret);
	assert_int_equal(row->rate, 1234);
	assert_int_equal(row->origin, PMIG_UNDECLARED);
	return 0;
}

static void resources_are_put_listed_and_withdrawn(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row process = case_process(UUID_A, "queens");
	struct pmig_resource_row row = case_resource(UUID_A, 7);
	assert_fails(s->resource_put(s, &row), PMIG_ENOENT);
	assert_good(s->process_put(s, &process));
	row.shared = true;
	row.rate = 1234;
	row.origin = PMIG_UNDECLARED;
	row.opened = "queens.c:12";
	assert_good(s->resource_put(s, &row));
	int seen = 0;
	assert_good(s->resource_list(s, UUID_A, see_one, &seen));
	assert_int_equal(seen, 1);
	for (int64_t slot = 6; slot >= 1; slot--) {
		row = case_resource(UUID_A, slot);
		assert_good(s->resource_put(s, &row));
	}
	int64_t last = 0;
	assert_good(s->resource_list(s, UUID_A, count_resources, &last));
	assert_int_equal(last, 7);
	assert_int_equal(s->resource_list(s, UUID_A, stop_at_two, NULL), 77);
	assert_good(s->resource_withdraw(s, UUID_A, 7));
	assert_good(s->resource_withdraw(s, UUID_A, 7));
	last = 0;
	assert_good(s->resource_list(s, UUID_A, count_resources, &last));
	assert_int_equal(last, 6);
	assert_good(s->process_drop(s, UUID_A));
	last = 0;
	assert_good(s->resource_list(s, UUID_A, count_resources, &last));
	assert_int_equal(last, 0);
	assert_fails(s->process_drop(s, UUID_A), PMIG_ENOENT);
}

static void a_batch_is_all_or_nothing(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row process = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &process));
	struct pmig_resource_row row = case_resource(UUID_A, 1);
	int64_t last = 0;
	assert_good(s->batch_begin(s));
	assert_good(s->resource_put(s, &row));
	assert_fails(s->batch_begin(s), PMIG_EINVAL);
	assert_fails(s->owner_claim(s, UUID_A, 2, "beta"), PMIG_EINVAL);
	assert_good(s->batch_rollback(s));
	assert_good(s->resource_list(s, UUID_A, count_resources, &last));
	assert_int_equal(last, 0);
	assert_good(s->batch_begin(s));
	assert_good(s->resource_put(s, &row));
	assert_good(s->batch_commit(s));
	assert_good(s->resource_list(s, UUID_A, count_resources, &last));
	assert_int_equal(last, 1);
}

static int first_image(void *context, const struct pmig_image_row *row)
{
	(void)strcat(strcat((char *)context, row->path), row->complete ? "+ " : "- ");
	assert_true(row->made > 0);
	return 0;
}

static void images_are_listed_newest_epoch_first(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_image_row row = {.path = "/i/1", .process = UUID_A, .epoch = 1, .size = 10, .complete = true, .made = 5};
	assert_good(s->image_put(s, &row));
	row.path = "/i/2", row.epoch = 2, row.complete = false, row.made = 0, row.hash = "00ff";
	assert_good(s->image_put(s, &row));
	char text[64] = "";
	assert_good(s->image_list(s, UUID_A, first_image, text));
	assert_string_equal(text, "/i/2- /i/1+ ");
	row.complete = true;
	assert_good(s->image_put(s, &row));
	assert_good(s->image_drop(s, "/i/1"));
	assert_good(s->image_drop(s, "/i/1"));
	text[0] = '\0';
	assert_good(s->image_list(s, UUID_A, first_image, text));
	assert_string_equal(text, "/i/2+ ");
}

static int join_provider(void *context, const struct pmig_provider_row *row)
{
	(void)strcat(strcat(strcat((char *)context, row->type), row->locator), row->about);
	return 0;
}

static int join_reference(void *context, const struct pmig_reference_row *row)
{
	(void)sprintf((char *)context + strlen(context), "%s>%s:%llu ", row->from, row->to,
		(unsigned long long)row->traffic);
	return 0;
}

static void hosts_providers_and_references(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_provider_row provider = {.host = "beta", .type = "printer", .locator = "lp0", .about = "laser"};
	assert_fails(s->provider_put(s, &provider), PMIG_ENOENT);
	struct pmig_host_row host = {.name = "beta", .address = "10.0.0.2", .seen = 1, .bandwidth = 110000000, .rtt = 200000},
			     *found;
	assert_good(s->host_put(s, &host));
	assert_good(s->host_get(s, "beta", &found));
	assert_int_equal(found->bandwidth, 110000000);
	assert_string_equal(found->arch, "");
	free(found);
	assert_fails(s->host_get(s, "gamma", &found), PMIG_ENOENT);
	assert_good(s->provider_put(s, &provider));
	char text[128] = "";
	assert_good(s->provider_list(s, "beta", join_provider, text));
	assert_string_equal(text, "printerlp0laser");

	struct pmig_process_row process = case_process(UUID_A, "queens");
	struct pmig_reference_row reference = {.process = UUID_A,
		.slot = 3,
		.kind = "forwarder",
		.from = "alpha:80",
		.to = "beta:4000",
		.why = "listener",
		.hops = 1};
	assert_fails(s->reference_put(s, &reference), PMIG_ENOENT);
	assert_good(s->process_put(s, &process));
	assert_good(s->reference_put(s, &reference));
	reference.to = "gamma:4000", reference.traffic = 99;
	assert_good(s->reference_put(s, &reference));
	text[0] = '\0';
	assert_good(s->reference_list(s, UUID_A, join_reference, text));
	assert_string_equal(text, "alpha:80>gamma:4000:99 ");
	assert_good(s->reference_drop(s, UUID_A, "forwarder", "alpha:80"));
	text[0] = '\0';
	assert_good(s->reference_list(s, UUID_A, join_reference, text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(a_process_is_put_replaced_and_found),
		case_test(a_name_is_unique_among_the_living),
		case_test(process_set_changes_only_what_is_given),
		case_test(one_that_has_ended_lives_only_by_being_restored),
		case_test(a_row_that_says_nothing_is_refused_by_column),
		case_test(resources_are_put_listed_and_withdrawn),
		case_test(a_batch_is_all_or_nothing),
		case_test(images_are_listed_newest_epoch_first),
		case_test(hosts_providers_and_references),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
