/* policy: what a policy file says is what is planned; what is wrong in it is named by line and column. */
#include "plan_case.h"
#include "registry/policy.h"

static const char good[] = "# indexes\n"
			   "[file \"/var/data/*.idx\"]\n"
			   "name = \"the index\"   # in the registry\n"
			   "binding = value\n"
			   "attachment = fastened\n"
			   "rate = 20MB/s\n"
			   "size = 1GiB\n"
			   "\n"
			   "[ any \"/secret/\\x2a\\\"\" ]\r\n"
			   "binding=type\r\n"
			   "attachment=fixed\r\n"
			   "type = token\r\n"
			   "secret = yes\r\n"
			   "[device \"/dev/*\"]\n"
			   "binding = identifier\n"
			   "attachment = fixed\n"
			   "consent = loss, snapshot\n"
			   "strategy = reference\n"
			   "shared = yes\n"
			   "[file \"*\"]\n"
			   "choices = reference , copy\n";

static struct policy *made(const char *text)
{
	struct policy *p = policy_create();
	assert_non_null(p);
	assert_good(policy_add(p, "my.policy", text, strlen(text)));
	return p;
}

static struct plan_resource undeclared(const char *kind, const char *locator)
{
	struct plan_resource r = case_of(0, 0, MV | CP | GR | RB);
	r.row.kind = kind;
	r.row.locator = locator;
	plan_undeclared(&r, PLAN_FILE_WRITTEN);
	return r;
}

static void every_field_reaches_the_resource(void **state)
{
	(void)state;
	struct policy *p = policy_create();
	assert_int_equal(policy_add(p, "my.policy", good, strlen(good)), 4);
	struct plan_resource r = undeclared("file", "/var/data/2026/a b.idx");
	assert_int_equal(policy_apply(p, &r), 1);
	assert_string_equal(r.row.name, "the index");
	assert_int_equal(r.row.binding, PMIG_BY_VALUE);
	assert_int_equal(r.row.attachment, PMIG_FASTENED);
	assert_int_equal(r.row.rate, 20000000);
	assert_int_equal(r.row.size, 1073741824);
	assert_int_equal(r.row.origin, PMIG_BY_POLICY);
	assert_string_equal(r.row.opened, "my.policy:2");
	assert_int_equal(r.order[0], PMIG_REFER); /* of a later section: that one says nothing of choices */
	assert_int_equal(r.order[1], PMIG_COPY);
	assert_int_equal(r.order[2], 0);

	r = undeclared("service", "/secret/*\"");
	assert_int_equal(policy_apply(p, &r), 1);
	assert_true(r.row.secret && !r.row.shared);
	assert_string_equal(r.row.type, "token");
	assert_string_equal(r.row.name, "data");

	r = undeclared("device", "/dev/ttyS0");
	assert_int_equal(policy_apply(p, &r), 1);
	assert_int_equal(r.row.consent, PMIG_LOSS | PMIG_SNAPSHOT);
	assert_int_equal(r.row.strategy, PMIG_REFER);
	assert_true(r.row.shared);
	r = undeclared("device", "/sys/dev/ttyS0");
	assert_int_equal(policy_apply(p, &r), 0);
	assert_int_equal(r.row.origin, PMIG_UNDECLARED);
	policy_destroy(p);
}

static void what_the_program_declared_goes_before_it(void **state)
{
	(void)state;
	struct policy *p = made("[file \"*\"]\nbinding = value\nattachment = fixed\nchoices = copy\n");
	for (enum pmig_origin origin = PMIG_AT_RUN_TIME; origin <= PMIG_BY_POLICY; origin++) {
		struct plan_resource r = case_of(PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, MV);
		r.row.origin = origin;
		assert_int_equal(policy_apply(p, &r), 1);
		assert_int_equal(r.row.binding, PMIG_BY_IDENTIFIER);
		assert_int_equal(r.row.origin, origin);
		assert_int_equal(r.order[0], PMIG_COPY); /* the table is not the program's */
	}
	policy_destroy(p);
}

static void the_first_section_that_matches_speaks(void **state)
{
	(void)state;
	struct policy *p = made("[file \"/a/*\"]\nbinding = value\nattachment = fixed\n"
				"[any \"*\"]\nbinding = type\nattachment = unattached\n");
	struct plan_resource a = undeclared("file", "/a/x"), b = undeclared("file", "/b");
	assert_int_equal(policy_apply(p, &a), 1);
	assert_int_equal(a.row.binding, PMIG_BY_VALUE);
	assert_int_equal(policy_apply(p, &b), 1);
	assert_int_equal(b.row.binding, PMIG_BY_TYPE);
	policy_destroy(p);
}

static void no_policy_makes_good_what_cannot_be(void **state)
{
	(void)state;
	struct policy *p = made("[any \"*\"]\nbinding = value\nattachment = unattached\n");
	struct plan_resource part = case_of(0, 0, CP), foreign = case_of(0, 0, CP);
	plan_undeclared(&part, PLAN_WITHIN);
	plan_undeclared(&foreign, PLAN_MEMORY_FOREIGN);
	assert_int_equal(policy_apply(p, &part), 0);
	assert_int_equal(policy_apply(p, &foreign), 0);
	assert_true(part.part && foreign.refused != NULL);
	policy_destroy(p);
}

/* The table is overridden in its order, never in what its cells allow. */
static void choices_order_the_cell_and_add_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *choices;
		enum pmig_binding binding;
		enum pmig_attachment attachment;
		bool shared;
		enum pmig_strategy expected;
		const char *why;
	} rows[] = {
		{"copy, reference", PMIG_BY_VALUE, PMIG_UNATTACHED, false, PMIG_COPY, "content counts"},
		{"reference, copy", PMIG_BY_VALUE, PMIG_UNATTACHED, false, PMIG_REFER, "read where it is"},
		{"reference", PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, false, PMIG_REFER, "it stays"},
		{"move", PMIG_BY_IDENTIFIER, PMIG_FASTENED, false, PMIG_MOVE, "goes along"},
		{"move", PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, true, PMIG_REFUSE, "its policy leaves this choice out"},
		{"copy", PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, false, PMIG_REFUSE, "its policy leaves this choice out"},
		{"copy", PMIG_BY_VALUE, PMIG_UNATTACHED, true, PMIG_REFUSE, "PMIG_DIVERGENCE"},
		{"copy", PMIG_BY_VALUE, PMIG_FIXED, false, PMIG_REFUSE, "PMIG_SNAPSHOT"},
	};
	struct plan_facts facts = case_facts();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[128];
		(void)snprintf(text, sizeof text, "[any \"*\"]\nchoices = %s\n", rows[i].choices);
		struct policy *p = made(text);
		struct plan_resource r = case_of(rows[i].binding, rows[i].attachment, MV | CP | GR | RB);
		r.row.shared = rows[i].shared;
		assert_int_equal(policy_apply(p, &r), 1);
		struct plan *plan = case_plan(&r, &facts, &(struct plan_limits){0});
		const struct plan_decision *d = &plan->decisions[0];
		if (d->strategy != rows[i].expected || strstr(d->reason, rows[i].why) == NULL)
			fail_msg("%s, %s: %s: %s", d->cell, rows[i].choices, strategy_name(d->strategy), d->reason);
		plan_destroy(plan);
		policy_destroy(p);
	}
}

static void what_is_wrong_is_named_by_line_and_column(void **state)
{
	(void)state;
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{"binding = value\n",
			"p:1:1: expected a section such as [file \"*.idx\"] before the first field, found \"binding\""},
		{"[file]\n", "p:1:6: expected a pattern in double quotes, found \"]\""},
		{"[\"*\"]\n", "p:1:2: expected a kind such as file, or any, found \"\"*\"]\""},
		{"[file \"*\n", "p:1:9: expected a closing \", found the end of the line"},
		{"[file \"\"]\n", "p:1:7: expected a pattern of 1 to 1024 bytes, found \"\"\"]\""},
		{"[file \"*\"\n", "p:1:10: expected ], found the end of the line"},
		{"[file \"*\"] x\n", "p:1:12: expected the end of the line, found \"x\""},
		{"[file \"\\y\"]\n", "p:1:9: expected one of \\\" \\\\ \\n \\t \\xNN, found \"y\"]\""},
		{"[file \"\\x00\"]\n", "p:1:9: expected one of"},
		{"\n\n[file \"*\"]\n  bindung = value\n",
			"p:4:3: expected a field: name, binding, attachment, type, strategy, consent, shared, secret, rate, size or choices, "
			"found \"bindung\""},
		{"[file \"*\"]\nbinding value\n", "p:2:9: expected =, found \"value\""},
		{"[file \"*\"]\nbinding =\n", "p:2:10: expected a value, found the end of the line"},
		{"[file \"*\"]\nbinding = valu\n", "p:2:11: expected identifier, value or type, found \"valu\""},
		{"[file \"*\"]\nbinding = value\nbinding = type\n",
			"p:3:1: expected each field once in its section, found \"binding\""},
		{"[file \"*\"]\nconsent = loss,\n",
			"p:2:11: expected snapshot, divergence or loss, each once, with commas between them"},
		{"[file \"*\"]\nchoices = copy, copy\n", "p:2:11: expected move, copy, reference or rebind, each once"},
		{"[file \"*\"]\nchoices = refuse\n", "p:2:11: expected move, copy, reference or rebind, each once"},
		{"[file \"*\"]\nshared = 1\n", "p:2:10: expected yes or no, found \"1\""},
		{"[file \"*\"]\nrate = 10%\n", "p:2:8: expected a rate such as 20MB/s, found \"10%\""},
		{"[file \"*\"]\nsize = 3 apples\n", "p:2:8: expected a size such as 500MB, found \"3\""},
		{"[file \"*\"]\nname = a\"b\"\n", "p:2:9: expected a value in quotes from its beginning, found \"\"b\"\""},
		{"[file \"*\"]\nbinding = value\n",
			"p:1:1: expected binding and attachment both, found only binding in this section"},
		{"[file \"*\"]\nattachment = fixed\n[any \"*\"]\n",
			"p:1:1: expected binding and attachment both, found only attachment"},
		{"[file \"*\"]\nsecret = yes\n", "p:1:1: expected binding and attachment both, found neither"},
		{"[file \"*\"]\n# nothing\n", "p:1:1: expected binding and attachment, or choices, found an empty section"},
		{"\x1b[2J\n", "p:1:1: expected a field: "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy *p = policy_create();
		assert_fails(policy_add(p, "p", rows[i].text, strlen(rows[i].text)), PMIG_EINVAL);
		if (strncmp(pmig_reason(), rows[i].reason, strlen(rows[i].reason)) != 0)
			fail_msg("%s\nis: %s\nnot: %s", rows[i].text, pmig_reason(), rows[i].reason);
		assert_true(strchr(pmig_reason(), '\x1b') == NULL);
		struct plan_resource r = undeclared("file", "/x");
		assert_int_equal(policy_apply(p, &r), 0);
		policy_destroy(p);
	}
}

static void a_wrong_policy_leaves_the_others(void **state)
{
	(void)state;
	static const char wrong[] = "[file \"*\"]\nbinding = type\nattachment = fixed\n[x\n";
	struct policy *p = made("[file \"*\"]\nbinding = value\nattachment = fixed\n");
	assert_fails(policy_add(p, "p", wrong, strlen(wrong)), PMIG_EINVAL);
	struct plan_resource r = undeclared("file", "/x");
	assert_int_equal(policy_apply(p, &r), 1);
	assert_int_equal(r.row.binding, PMIG_BY_VALUE);
	policy_destroy(p);
}

/* Every beginning, and every byte as another one, is taken or refused; nothing else happens. */
static void damage_is_taken_or_refused(void **state)
{
	(void)state;
	char text[sizeof good];
	for (size_t size = 0; size < sizeof good; size++) {
		struct policy *p = policy_create();
		int r = policy_add(p, "p", good, size);
		assert_true(r >= 0 || r == PMIG_EINVAL);
		policy_destroy(p);
	}
	for (size_t i = 0; i < sizeof good - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(text, good, sizeof good);
			text[i] = (char)(text[i] ^ (1 << bit));
			struct policy *p = policy_create();
			int r = policy_add(p, "p", text, sizeof good - 1);
			assert_true(r >= 0 || r == PMIG_EINVAL);
			policy_destroy(p);
		}
}

static void there_are_bounds(void **state)
{
	(void)state;
	char *text = malloc(PMIG_POLICY_MAX + 2);
	memset(text, '#', PMIG_POLICY_MAX + 1);
	struct policy *p = policy_create();
	assert_fails(policy_add(p, "p", text, PMIG_POLICY_MAX + 1), PMIG_EINVAL);
	assert_fails(policy_add(p, "p", text, POLICY_LINE_MAX + 1), PMIG_EINVAL);
	assert_good(policy_add(p, "p", text, POLICY_LINE_MAX));
	static const char section[] = "[a \"*\"]\nchoices=move\n";
	size_t n = 0;
	for (int i = 0; i <= POLICY_SECTIONS_MAX; i++, n += sizeof section - 1)
		memcpy(text + n, section, sizeof section);
	assert_fails(policy_add(p, "p", text, n), PMIG_EINVAL);
	assert_reason_has("more than 4096 sections");
	assert_fails(policy_add(p, "p", "a\0b", 3), PMIG_EINVAL);
	policy_destroy(p);
	free(text);
}

static void it_is_kept_with_the_process_and_for_all(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_process_row process = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &process));
	assert_good(s->policy_put(s,
		&(struct pmig_policy_row){.name = "/all", .text = "[file \"*\"]\nbinding = value\nattachment = fixed\n"}));
	assert_good(s->policy_put(s,
		&(struct pmig_policy_row){
			.process = UUID_A, .name = "/one", .text = "[file \"/x\"]\nbinding = type\nattachment = fixed\n"}));
	struct policy *p = NULL;
	assert_good(policy_load(s, UUID_A, &p));
	struct plan_resource x = undeclared("file", "/x"), y = undeclared("file", "/y");
	assert_int_equal(policy_apply(p, &x), 1);
	assert_int_equal(x.row.binding, PMIG_BY_TYPE);
	assert_int_equal(policy_apply(p, &y), 1);
	assert_int_equal(y.row.binding, PMIG_BY_VALUE);
	policy_destroy(p);
	struct pmig_process_row clone = case_process(UUID_B, "queens-2");
	assert_good(s->process_put(s, &clone));
	assert_good(policy_inherit(s, UUID_A, UUID_B));
	assert_good(policy_load(s, UUID_B, &p));
	x = undeclared("file", "/x");
	assert_int_equal(policy_apply(p, &x), 1);
	assert_int_equal(x.row.binding, PMIG_BY_TYPE);
	policy_destroy(p);
	assert_int_equal(s->policy_drop(s, NULL, "/all"), 1);
	assert_int_equal(s->policy_drop(s, NULL, "/all"), 0);
	assert_good(s->process_drop(s, UUID_A));
	assert_good(policy_load(s, UUID_A, &p));
	x = undeclared("file", "/x");
	assert_int_equal(policy_apply(p, &x), 0);
	policy_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_reaches_the_resource),
		cmocka_unit_test(what_the_program_declared_goes_before_it),
		cmocka_unit_test(the_first_section_that_matches_speaks),
		cmocka_unit_test(no_policy_makes_good_what_cannot_be),
		cmocka_unit_test(choices_order_the_cell_and_add_nothing),
		cmocka_unit_test(what_is_wrong_is_named_by_line_and_column),
		cmocka_unit_test(a_wrong_policy_leaves_the_others),
		cmocka_unit_test(damage_is_taken_or_refused),
		cmocka_unit_test(there_are_bounds),
		case_test(it_is_kept_with_the_process_and_for_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
