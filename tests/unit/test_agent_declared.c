/* agent_declared: what the program says of its resources is in the registry when nothing more has come, whatever it said in between; and what
 * it says wrongly harms nobody. */
#include "registry_case.h"

#include "transport/agent_parts.h"

static struct agent_options options = {.uuid = UUID_A};
static struct agent agent;

static char *all;

static int write_row(void *context, const struct pmig_resource_row *row)
{
	(void)context;
	char *longer;
	assert_true(asprintf(&longer, "%s%lld %s %s %s %s %d%d%d %d %llu\n", all, (long long)row->slot, row->name, row->kind,
			    row->locator, row->type != NULL ? row->type : "", (int)row->binding, (int)row->attachment,
			    (int)row->secret, (int)row->origin, (unsigned long long)row->rate) > 0);
	free(all);
	all = longer;
	return 0;
}

/* The rows, a line each. */
static const char *rows(const struct registry_case *c)
{
	free(all);
	all = strdup("");
	assert_good(c->store->resource_list(c->store, UUID_A, write_row, NULL));
	return all;
}

static void say(enum control_type type, const char *text)
{
	struct control_message m = {.type = (uint16_t)type, .args = {1 << PMIG_MOVE}};
	m.size = (uint32_t)snprintf(m.text, sizeof m.text, "%s", text);
	assert_true(agent_declared_message(&agent, &m));
}

static void begin(struct registry_case *c)
{
	struct pmig_process_row p = case_process(UUID_A, "declares");
	assert_good(c->store->process_put(c->store, &p));
	agent = (struct agent){.options = &options, .store = c->store};
}

static void rows_follow_when_nothing_more_comes(void **state)
{
	struct registry_case *c = *state;
	begin(c);
	say(CONTROL_RESOURCE,
		"+1 2 1 0 0 1024 7 0\nfile\n\n/a\\nb\\\\c\n\n+2 3 3 0 0 2 0 0\ndevice\nthe sink\n/dev/null\nnull\n");
	assert_string_equal(rows(c), "");
	agent_declared_flush(&agent);
	assert_string_equal(rows(c),
		"1 /a\nb\\c file /a\nb\\c  210 1 7\n"
		"2 the sink device /dev/null null 331 1 0\n");
	assert_int_equal(agent_declared_descriptor(&agent, 1), 3);
	assert_int_equal(agent_declared_descriptor(&agent, 2), -1);
	say(CONTROL_RESOURCE, "-1\n+2 1 1 0 0 4 0 0\nany\n*.log\n*.log\n\n");
	assert_false(agent_declared_message(&agent,
		&(struct control_message){.type = CONTROL_FROZEN})); /* all is there by then */
	assert_string_equal(rows(c), "2 *.log any *.log  110 2 0\n");
	assert_int_equal(agent_declared_descriptor(&agent, 1), -1);
	agent_declared_forget(&agent);
}

static void what_came_and_went_is_not_written(void **state)
{
	struct registry_case *c = *state;
	begin(c);
	say(CONTROL_RESOURCE, "+1 1 1 0 0 0 0 0\nfile\nfirst\n/a\n\n");
	say(CONTROL_RESOURCE, "-1\n");
	say(CONTROL_RESOURCE, "+1 1 1 0 0 0 0 0\nfile\nsecond\n/a\n\n");
	assert_int_equal(json_object_size(agent.declaring), 1);
	agent_declared_flush(&agent);
	assert_string_equal(rows(c), "1 second file /a  110 1 0\n");
	agent_declared_forget(&agent);
}

static void a_row_gets_what_it_has_no_column_for(void **state)
{
	struct registry_case *c = *state;
	begin(c);
	say(CONTROL_KIND, "counter\na number in a file");
	say(CONTROL_RESOURCE, "+5 1 1 0 0 10 0 0\ncounter\n\n/a\n\n");
	agent_declared_flush(&agent);
	json_t *row = json_pack("{s:i, s:s}", "slot", 5, "kind", "counter"),
	       *other = json_pack("{s:i, s:s}", "slot", 6, "kind", "file");
	agent_declared_note(&agent, row);
	agent_declared_note(&agent, other);
	assert_true(json_is_true(json_object_get(row, "secret_hook")));
	assert_int_equal(json_integer_value(json_object_get(row, "operations")), 1 << PMIG_MOVE);
	assert_int_equal(json_object_size(other), 2);
	json_decref(row);
	json_decref(other);
	agent_declared_forget(&agent);
}

/* Nothing, every truncation and every flipped bit of two declarations and a withdrawal. */
static void nonsense_harms_nobody(void **state)
{
	struct registry_case *c = *state;
	static const char whole[] =
		"+1 2 1 0 0 1024 7 0\nfile\nname\n/a\\nb\ntype\n-3\n+2 3 3 0 0 2 0 0\ndevice\n\n/dev/null\nnull\n";
	begin(c);
	for (size_t n = 0; n < sizeof whole; n++) {
		char text[sizeof whole];
		(void)snprintf(text, n + 1, "%s", whole);
		say(CONTROL_RESOURCE, text);
		agent_declared_flush(&agent);
	}
	for (size_t bit = 0; bit < 8 * (sizeof whole - 1); bit++) {
		char text[sizeof whole];
		memcpy(text, whole, sizeof whole);
		text[bit / 8] ^= (char)(1 << bit % 8);
		say(CONTROL_RESOURCE, text);
		agent_declared_flush(&agent);
	}
	say(CONTROL_RESOURCE, whole);
	agent_declared_flush(&agent);
	assert_non_null(strstr(rows(c), "1 name file /a\nb type 210 1 7\n"));
	agent_declared_forget(&agent);
	free(all);
	all = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(rows_follow_when_nothing_more_comes),
		case_test(what_came_and_went_is_not_written),
		case_test(a_row_gets_what_it_has_no_column_for),
		case_test(nonsense_harms_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
