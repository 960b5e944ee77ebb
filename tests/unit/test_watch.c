/* watch: every change that another connection makes is told once, with what it was; without one nobody is woken. */
#include "registry_case.h"

#include "registry/watch.h"
#include <poll.h>

struct seen {
	char text[2048];
};

static void tell(void *context, const char *list, const char *change, const json_t *row, const json_t *before)
{
	struct seen *s = context;
	char *was = before != NULL ? json_dumps(before, JSON_COMPACT) : NULL;
	const char *name = json_string_value(json_object_get(row, "name"));
	(void)snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s %s %s %s\n", list, change,
		name != NULL ? name : "-", was != NULL ? was : "-");
	free(was);
}

/* Waits until something is woken, and looks. */
static int look(struct watch *w, struct seen *ret_seen)
{
	struct pollfd p = {.fd = watch_fd(w), .events = POLLIN};
	*ret_seen = (struct seen){0};
	assert_int_equal(poll(&p, 1, 5000), 1);
	return watch_see(w, tell, ret_seen);
}

static struct watch *begin(struct registry_case *c, const char *process, struct pmig_store **ret_reader)
{
	struct watch *w = NULL;
	assert_good(registry_store_open_readonly(c->path, ret_reader));
	assert_good(watch_open(registry_store_database(*ret_reader), process, &w));
	return w;
}

static void changes_are_told_as_they_come(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store, *reader = NULL;
	struct pmig_process_row p = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &p));
	struct watch *w = begin(c, NULL, &reader);
	struct seen seen = {0};
	assert_int_equal(watch_see(w, tell, &seen), 0); /* what is there is not news */

	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_FROZEN, -1, -1));
	assert_int_equal(look(w, &seen), 1);
	assert_string_equal(seen.text, "processes changed queens {\"state\":\"running\"}\n");
	assert_int_equal(watch_see(w, tell, &seen), 0);

	struct pmig_resource_row r = case_resource(UUID_A, 1);
	assert_good(s->resource_put(s, &r));
	assert_int_equal(look(w, &seen), 1);
	assert_string_equal(seen.text, "resources added data -\n");
	assert_good(s->resource_withdraw(s, UUID_A, 1));
	assert_int_equal(look(w, &seen), 1);
	assert_string_equal(seen.text, "resources removed data -\n");

	assert_good(s->batch_begin(s));
	r.slot = 2;
	assert_good(s->resource_put(s, &r));
	r.slot = 3;
	assert_good(s->resource_put(s, &r));
	assert_good(s->batch_commit(s));
	assert_int_equal(look(w, &seen), 2);
	watch_close(w);
	registry_store_close(reader);
}

static void only_the_one_that_was_asked_for(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = c->store, *reader = NULL;
	struct pmig_process_row a = case_process(UUID_A, "queens"), b = case_process(UUID_B, "index");
	assert_good(s->process_put(s, &a));
	assert_good(s->process_put(s, &b));
	struct watch *w = begin(c, "index", &reader);
	struct seen seen = {0};
	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_FROZEN, -1, -1));
	assert_int_equal(look(w, &seen), 0);
	assert_good(s->process_set(s, UUID_B, PMIG_PROCESS_FROZEN, -1, -1));
	assert_int_equal(look(w, &seen), 1);
	assert_string_equal(seen.text, "processes changed index {\"state\":\"running\"}\n");
	watch_close(w);
	registry_store_close(reader);
}

static void reading_wakes_nobody(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *reader = NULL;
	struct watch *w = begin(c, NULL, &reader);
	struct seen seen = {0};
	assert_int_equal(watch_see(w, tell, &seen), 0);
	struct pmig_process_row *row = NULL;
	assert_fails(c->store->process_get(c->store, "nobody", &row), PMIG_ENOENT);
	assert_int_equal(watch_see(w, tell, &seen), 0);
	struct pollfd p = {.fd = watch_fd(w), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 0);
	watch_close(w);
	registry_store_close(reader);
}

static void a_registry_that_is_taken_away_ends_it(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *reader = NULL;
	struct watch *w = begin(c, NULL, &reader);
	struct seen seen = {0};
	char other[PATH_MAX + 8];
	(void)snprintf(other, sizeof other, "%s.away", c->path);
	assert_int_equal(rename(c->path, other), 0);
	assert_int_equal(look(w, &seen), PMIG_EGONE);
	assert_reason_has("was taken away");
	watch_close(w);
	registry_store_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(changes_are_told_as_they_come),
		case_test(only_the_one_that_was_asked_for),
		case_test(reading_wakes_nobody),
		case_test(a_registry_that_is_taken_away_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
