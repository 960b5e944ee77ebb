/* verify: a sound registry has no finding; each thing that can be wrong with one is found, and nothing is changed by looking. */
#include "registry_case.h"

#include "registry/database.h"
#include "registry/verify.h"

struct report {
	char text[4096];
	int checks;
};

static void tell(void *context, const char *check, const char *finding)
{
	struct report *r = context;
	r->checks++;
	if (finding != NULL)
		(void)snprintf(r->text + strlen(r->text), sizeof r->text - strlen(r->text), "%s: %s\n", check, finding);
}

static void fill(struct pmig_store *s)
{
	struct pmig_process_row p = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &p));
	struct pmig_resource_row r = case_resource(UUID_A, 1);
	assert_good(s->resource_put(s, &r));
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 2);
	assert_good(s->handover_begin(s, &h));
	assert_good(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_BEGIN, NULL));
	assert_good(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_DONE, NULL));
	assert_good(s->decision_put(s,
		&(struct pmig_decision_row){.handover = HANDOVER_1,
			.slot = 1,
			.resource = "data",
			.cell = "by value, unattached",
			.strategy = PMIG_COPY,
			.alternatives = "[]"}));
	assert_good(s->handover_finish(s, HANDOVER_1, PMIG_HANDOVER_UNDONE, "for a test"));
	assert_good(s->owner_claim(s, UUID_A, 1, "alpha"));
	assert_good(s->policy_put(s, &(struct pmig_policy_row){.process = UUID_A, .name = "/p", .text = ""}));
}

/* What a reader finds after `sql` was done to the file by somebody who knows no better. */
static int findings(struct registry_case *c, const char *sql, struct report *ret_report)
{
	sqlite3 *raw;
	assert_int_equal(sqlite3_open(c->path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL), SQLITE_OK);
	if (sqlite3_exec(raw, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(raw));
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
	struct pmig_store *s = NULL;
	assert_good(registry_store_open_readonly(c->path, &s));
	*ret_report = (struct report){0};
	int r = verify_run(registry_store_database(s), tell, ret_report);
	registry_store_close(s);
	return r;
}

static void a_sound_one_has_no_finding(void **state)
{
	struct registry_case *c = *state;
	struct report report;
	fill(c->store);
	int r = findings(c, "SELECT 1", &report);
	if (r != 0)
		fail_msg("%d: %s%s", r, report.text, pmig_reason());
	assert_true(report.checks > 10);
}

static void an_image_of_a_hand_over_lies_beside_the_registry(void **state)
{
	struct registry_case *c = *state;
	struct report report;
	fill(c->store);
	static const char sql[] = "INSERT INTO images VALUES ('image.2', '" UUID_A "', 1, 1, '', 1, 1)";
	int directory = open(c->directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	assert_true(directory >= 0);
	assert_int_equal(close(openat(directory, "image.2", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	if (findings(c, sql, &report) != 0)
		fail_msg("%s%s", report.text, pmig_reason());
	assert_int_equal(unlinkat(directory, "image.2", 0), 0);
	assert_int_equal(findings(c, "SELECT 1", &report), 1);
	assert_int_equal(close(directory), 0);
}

static void each_thing_that_is_wrong_is_found(void **state)
{
	struct registry_case *c = *state;
	static const struct {
		const char *sql, *words;
	} wrongs[] = {
		{"INSERT INTO resources SELECT '" UUID_B
		 "', 1, name, kind, locator, binding, attachment, type, strategy, consent, shared,"
		 " secret, rate, size, origin, opened FROM resources",
			"what belongs to something has it: resources"},
		{"UPDATE processes SET state = 8", "a process that has ended has an exit status: queens"},
		{"UPDATE processes SET state = 6, pid = 12", "has no pid here: queens"},
		{"UPDATE handovers SET ended = 0", "a hand-over has ended when it is over"},
		{"DELETE FROM handover_steps WHERE sequence = 1", "counted without a gap: " HANDOVER_1},
		{"UPDATE handover_steps SET at = 1", "a step is not older than its hand-over"},
		{"UPDATE owners SET barred = epoch", "not barred in its own epoch: queens"},
		{"UPDATE processes SET state = 8, exit_status = 0, pid = 0; INSERT INTO references_ VALUES ('" UUID_A
		 "', 1, 'file', '/x', '', '', 0, 0, 0)",
			"a reference ends with its process: queens: /x"},
		{"INSERT INTO policies VALUES ('" UUID_B "', '/q', 0, '')",
			"a policy belongs to a process that is here: /q"},
		{"UPDATE decisions SET strategy = 1, cell = 'by value, unattached, shared'",
			"nothing is moved that is shared"},
		{"INSERT INTO images VALUES ('/no/such/image', '" UUID_A "', 1, 1, '', 1, 1)",
			"an image that is complete is there: /no"},
		{"INSERT INTO images VALUES ('image/none', '" UUID_A "', 1, 1, '', 1, 1)",
			"an image that is complete is there: image/none"},
		{"UPDATE resources SET name = ''", "every value is one that may be there: "},
		{"UPDATE resources SET locator = CAST(zeroblob(70000) AS TEXT)", "every value is one that may be there: "},
		{"CREATE TABLE more (x TEXT)", "the tables are those of this version: "},
		{"DROP INDEX living_names", "the tables are those of this version: "},
		{"ALTER TABLE owners ADD COLUMN more TEXT", "table owners is not as the schema has it"},
	};
	fill(c->store);
	registry_store_close(c->store);
	c->store = NULL;
	char command[4 * PATH_MAX], kept[PATH_MAX + 8];
	(void)snprintf(kept, sizeof kept, "%s.kept", c->path);
	(void)snprintf(command, sizeof command, "cp '%s' '%s'", c->path, kept);
	assert_int_equal(system(command), 0);
	(void)snprintf(command, sizeof command, "rm -f '%s'-*; cp '%s' '%s'", c->path, kept, c->path);
	for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
		struct report report;
		assert_int_equal(system(command), 0);
		int r = findings(c, wrongs[i].sql, &report);
		if (r <= 0 || strstr(report.text, wrongs[i].words) == NULL)
			fail_msg("%s: %d: %s", wrongs[i].sql, r, report.text);
		assert_int_equal(findings(c, "SELECT 1", &report), r);
	}
}

/* A page in the middle is another: quick or late, it is said, and the file stays as it is. */
static void a_damaged_file_is_told_and_left(void **state)
{
	struct registry_case *c = *state;
	fill(c->store);
	registry_store_close(c->store);
	c->store = NULL;
	int fd = open(c->path, O_RDWR | O_CLOEXEC);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	char *noise = malloc(4096);
	memset(noise, 0xa5, 4096);
	for (off_t at = 4096; at < st.st_size; at += 3 * 4096)
		assert_int_equal(pwrite(fd, noise, 4096, at), 4096);
	char *before = malloc((size_t)st.st_size), *after = malloc((size_t)st.st_size);
	assert_int_equal(pread(fd, before, (size_t)st.st_size, 0), st.st_size);
	struct pmig_store *s = NULL;
	struct report report = {0};
	int r = registry_store_open_readonly(c->path, &s);
	if (r >= 0)
		r = verify_run(registry_store_database(s), tell, &report);
	registry_store_close(s);
	assert_true(r == PMIG_ECORRUPT || r > 0);
	if (r < 0)
		assert_reason_has("was left as it is");
	assert_int_equal(pread(fd, after, (size_t)st.st_size, 0), st.st_size);
	assert_memory_equal(before, after, st.st_size);
	free(before);
	free(after);
	free(noise);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(a_sound_one_has_no_finding),
		case_test(an_image_of_a_hand_over_lies_beside_the_registry),
		case_test(each_thing_that_is_wrong_is_found),
		case_test(a_damaged_file_is_told_and_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
