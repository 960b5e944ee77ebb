/* database: what is made, what is refused and left as it was, and what a damaged file does. */
#include "registry_case.h"

#include "registry/list.h"
#include "registry/row.h"

#define MAKERS 6

/* --- the file from outside --- */

static void raw(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
	char *message = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
}

static char *ask(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	char *text = strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return text;
}

#define assert_asks(path, sql, expected) \
	do { \
		char *answer = ask(path, sql); \
		assert_string_equal(answer, expected); \
		free(answer); \
	} while (0)

static char *slurp(const char *path, size_t *ret_size)
{
	FILE *in = fopen(path, "re");
	assert_non_null(in);
	assert_int_equal(fseek(in, 0, SEEK_END), 0);
	*ret_size = (size_t)ftell(in);
	rewind(in);
	char *bytes = malloc(*ret_size + 1);
	assert_int_equal(fread(bytes, 1, *ret_size, in), *ret_size);
	fclose(in);
	return bytes;
}

static void spill(const char *path, const char *bytes, size_t size)
{
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
}

/* Opening fails with `code`, the sentence has `words`, and not one byte of the file is another. */
static void assert_refused_untouched(struct registry_case *c, int code, const char *words)
{
	size_t before_size, after_size;
	char *before = slurp(c->path, &before_size);
	struct pmig_store *s = NULL;
	assert_fails(registry_store_open(c->path, &s), code);
	assert_reason_has(words);
	assert_reason_has(c->path);
	assert_null(s);
	char *after = slurp(c->path, &after_size);
	assert_int_equal(before_size, after_size);
	assert_memory_equal(before, after, before_size);
	free(before);
	free(after);
}

static void fill(struct pmig_store *s)
{
	struct pmig_process_row p = case_process(UUID_A, "queens");
	assert_good(s->process_put(s, &p));
	assert_good(s->batch_begin(s));
	for (int64_t slot = 0; slot < 200; slot++) {
		struct pmig_resource_row r = case_resource(UUID_A, slot);
		assert_good(s->resource_put(s, &r));
	}
	assert_good(s->batch_commit(s));
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 2);
	assert_good(s->handover_begin(s, &h));
	assert_good(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_DONE, NULL));
	struct pmig_decision_row d = {.handover = HANDOVER_1,
		.slot = 1,
		.resource = "data",
		.cell = "c",
		.strategy = PMIG_COPY,
		.alternatives = "[]"};
	assert_good(s->decision_put(s, &d));
	assert_good(s->owner_claim(s, UUID_A, 2, "beta"));
	struct pmig_host_row host = {.name = "beta"};
	assert_good(s->host_put(s, &host));
	struct pmig_provider_row provider = {.host = "beta", .type = "printer", .locator = "lp0"};
	assert_good(s->provider_put(s, &provider));
	struct pmig_reference_row reference = {.process = UUID_A, .slot = 1, .kind = "forwarder", .from = "a"};
	assert_good(s->reference_put(s, &reference));
	struct pmig_image_row image = {.path = "/i", .process = UUID_A, .epoch = 1};
	assert_good(s->image_put(s, &image));
}

static void make_filled(struct registry_case *c)
{
	struct pmig_store *s;
	assert_good(registry_store_open(c->path, &s));
	fill(s);
	registry_store_close(s);
}

/* --- what is made --- */

static void a_new_registry_has_the_agreed_form(void **state)
{
	struct registry_case *c = *state;
	umask(0);
	make_filled(c);
	struct stat st;
	assert_int_equal(stat(c->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_asks(c->path, "PRAGMA user_version", "2");
	assert_asks(c->path, "PRAGMA application_id", "1886218599");
	assert_asks(c->path, "PRAGMA journal_mode", "wal");
	assert_asks(c->path, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'", "11");
	assert_asks(c->path, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%STRICT%'", "0");
	assert_asks(c->path, "PRAGMA integrity_check", "ok");
}

static void the_log_is_for_the_owner_only(void **state)
{
	struct registry_case *c = *state;
	umask(0);
	assert_good(registry_store_open(c->path, &c->store));
	fill(c->store);
	const char *suffixes[] = {"-wal", "-shm"};
	for (size_t i = 0; i < 2; i++) {
		char path[PATH_MAX + 8];
		struct stat st;
		(void)snprintf(path, sizeof path, "%s%s", c->path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static void tables_have_the_columns_of_the_rows(void **state)
{
	struct registry_case *c = *state;
	make_filled(c);
	const struct row_table *tables[] = {&row_process, &row_resource, &row_host, &row_provider, &row_handover, &row_step,
		&row_decision, &row_reference, &row_image};
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
		char expected[1024] = "", sql[256];
		for (size_t i = 0; i < tables[t]->count; i++)
			(void)strcat(strcat(expected, i > 0 ? "," : ""), tables[t]->columns[i].name);
		(void)snprintf(sql, sizeof sql, "SELECT group_concat(name) FROM pragma_table_info('%s')", tables[t]->name);
		assert_asks(c->path, sql, expected);
		char keys[1024] = "";
		for (size_t i = 0; i < tables[t]->count; i++)
			if (tables[t]->columns[i].flags & ROW_KEY)
				(void)strcat(strcat(keys, *keys != '\0' ? "," : ""), tables[t]->columns[i].name);
		(void)snprintf(sql, sizeof sql,
			"SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('%s') WHERE pk > 0 ORDER BY cid)",
			tables[t]->name);
		assert_asks(c->path, sql, keys);
	}
}

static int synchronous(struct pmig_store *s)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	assert_good(database_prepare(registry_store_database(s), "PRAGMA synchronous", &statement));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	return sqlite3_column_int(statement, 0);
}

/* What fsync(2) does cannot be seen from here; that SQLite is told to can. */
static void only_the_journal_is_written_through(void **state)
{
	struct registry_case *c = *state;
	assert_good(registry_store_open(c->path, &c->store));
	struct pmig_store *s = c->store;
	struct pmig_process_row p = case_process(UUID_A, "queens");
	struct pmig_resource_row r = case_resource(UUID_A, 1);
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 2);
	assert_good(s->process_put(s, &p));
	assert_int_equal(synchronous(s), 1);
	assert_good(s->handover_begin(s, &h));
	assert_int_equal(synchronous(s), 2);
	assert_good(s->resource_put(s, &r));
	assert_int_equal(synchronous(s), 1);
	assert_good(s->owner_claim(s, UUID_A, 2, "beta"));
	assert_int_equal(synchronous(s), 2);
	assert_good(s->batch_begin(s));
	assert_int_equal(synchronous(s), 1);
	assert_good(s->batch_commit(s));
	assert_good(s->owner_bar(s, UUID_A, 3));
	assert_int_equal(synchronous(s), 2);
	assert_good(s->image_drop(s, "/i"));
	assert_int_equal(synchronous(s), 1);
	assert_good(s->handover_step(s, HANDOVER_1, "freeze", PMIG_STEP_BEGIN, NULL));
	assert_int_equal(synchronous(s), 2);
	assert_good(s->handover_step(s, HANDOVER_1, "freeze", PMIG_STEP_DONE, NULL));
	assert_int_equal(synchronous(s), 1); /* nothing is done because a step was done */
	assert_good(s->handover_step(s, HANDOVER_1, "freeze", PMIG_STEP_FAILED, "no"));
	assert_int_equal(synchronous(s), 2);
	assert_good(s->handover_step(s, HANDOVER_1, "commit", PMIG_STEP_BEGIN, NULL));
	assert_int_equal(synchronous(s), 1); /* the claim behind it is durable, and with it all that came before */
	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_FROZEN, 4711, -1));
	assert_int_equal(synchronous(s), 1);
	assert_good(s->process_set(s, UUID_A, PMIG_PROCESS_ENDED, 0, 7));
	assert_int_equal(synchronous(s), 2); /* somebody is told this status */
}

static int is_data(void *context, const struct pmig_resource_row *row)
{
	assert_string_equal(row->locator, "/home/mig/data");
	assert_int_equal(row->binding, PMIG_BY_VALUE);
	++*(int *)context;
	return 0;
}

static void one_of_version_1_is_taken_over(void **state)
{
	struct registry_case *c = *state;
	size_t size;
	char *sql = slurp(PMIG_SOURCE_DIR "/tests/golden/registry-1.sql", &size);
	char *text = strndup(sql, size);
	raw(c->path, text);
	free(text);
	free(sql);
	struct pmig_store *s = NULL;
	assert_fails(registry_store_open_readonly(c->path, &s), PMIG_EVERSION);
	assert_good(registry_store_open(c->path, &c->store));
	assert_asks(c->path, "PRAGMA user_version", "2");
	s = c->store;
	int seen = 0;
	assert_good(s->resource_list(s, UUID_A, is_data, &seen));
	assert_int_equal(seen, 1);
	struct pmig_owner owner;
	assert_good(s->owner_get(s, UUID_A, &owner));
	assert_int_equal(owner.epoch, 2);
	assert_asks(c->path, "SELECT count(*) FROM decisions", "1");
	assert_good(s->policy_put(s, &(struct pmig_policy_row){.name = "/p", .text = ""}));
	assert_asks(c->path, "SELECT count(*) FROM policies", "1");
}

/* --- what is refused --- */

static void a_newer_registry_is_refused(void **state)
{
	struct registry_case *c = *state;
	make_filled(c);
	raw(c->path, "PRAGMA user_version = 3");
	assert_refused_untouched(c, PMIG_EVERSION, "the registry has version 3, this pmig knows up to 2");
	struct pmig_store *s = NULL;
	assert_fails(registry_store_open_readonly(c->path, &s), PMIG_EVERSION);
}

static void a_database_of_another_program_is_refused(void **state)
{
	struct registry_case *c = *state;
	raw(c->path, "CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')");
	assert_refused_untouched(c, PMIG_EIDENTITY, "belongs to another program");
	raw(c->path, "PRAGMA user_version = 1");
	assert_refused_untouched(c, PMIG_EIDENTITY, "belongs to another program");
}

static void what_is_no_database_is_refused(void **state)
{
	struct registry_case *c = *state;
	char noise[8192];
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (char)(i * 2654435761u >> 13);
	spill(c->path, noise, sizeof noise);
	assert_refused_untouched(c, PMIG_ECORRUPT, "this is not a registry, and was left as it is");
}

static void a_directory_in_its_place_is_refused(void **state)
{
	struct registry_case *c = *state;
	assert_int_equal(mkdir(c->path, 0700), 0);
	struct pmig_store *s = NULL;
	assert_fails(registry_store_open(c->path, &s), PMIG_EIO);
	assert_reason_has("PMIG_STATE");
}

static void tables_that_are_missing_are_noticed(void **state)
{
	struct registry_case *c = *state;
	raw(c->path, "PRAGMA application_id = 1886218599; PRAGMA user_version = 2; CREATE TABLE other (x)");
	struct pmig_process_row *p = NULL;
	assert_good(registry_store_open(c->path, &c->store));
	assert_fails(c->store->process_get(c->store, "queens", &p), PMIG_ECORRUPT);
	assert_reason_has("has not the tables of its version");
}

static void reading_only_makes_nothing(void **state)
{
	struct registry_case *c = *state;
	struct pmig_store *s = NULL;
	assert_fails(registry_store_open_readonly(c->path, &s), PMIG_ENOENT);
	assert_int_equal(access(c->path, F_OK), -1);
	make_filled(c);
	assert_good(registry_store_open_readonly(c->path, &c->store));
	struct pmig_process_row *p = NULL;
	assert_good(c->store->process_get(c->store, "queens", &p));
	free(p);
	struct pmig_process_row row = case_process(UUID_B, "index");
	assert_fails(c->store->process_put(c->store, &row), PMIG_EIO);
	assert_reason_has("cannot be written");
}

/* --- damage --- */

/* Every way to read. The result of each must be good or PMIG_ECORRUPT with words. */
static void read_everything(struct pmig_store *s, int *ret_corrupt)
{
	size_t count;
	const struct list_query *queries = list_queries(&count);
	FILE *out = fopen("/dev/null", "we");
	char *json = NULL;
	struct pmig_process_row *p = NULL;
	struct pmig_handover_row *h = NULL;
	struct pmig_host_row *host = NULL;
	struct pmig_owner owner;
	int results[32], n = 0;
	results[n++] = s->process_get(s, "queens", &p);
	results[n++] = s->handover_get(s, UUID_A, &h);
	results[n++] = s->host_get(s, "beta", &host);
	results[n++] = s->owner_get(s, UUID_A, &owner);
	results[n++] = s->rows_export(s, UUID_A, &json);
	for (size_t i = 0; i < count; i++)
		results[n++] = list_run(registry_store_database(s), queries[i].name,
			&(struct list_options){.form = LIST_JSON}, out);
	for (int i = 0; i < n; i++) {
		assert_true(results[i] >= 0 || results[i] == PMIG_ECORRUPT || results[i] == PMIG_ENOENT);
		*ret_corrupt += results[i] == PMIG_ECORRUPT;
	}
	free(p);
	free(h);
	free(host);
	free(json);
	fclose(out);
}

static void every_damaged_page_is_refused_or_harmless(void **state)
{
	struct registry_case *c = *state;
	make_filled(c);
	size_t size;
	char *good = slurp(c->path, &size), *bad = malloc(size);
	int refused = 0, corrupt = 0;
	for (size_t at = 0; at < size; at += 509) { /* every page in a different place */
		memcpy(bad, good, size);
		for (size_t i = at; i < at + 64 && i < size; i++)
			bad[i] ^= (char)0xa5;
		spill(c->path, bad, size);
		struct pmig_store *s = NULL;
		int r = registry_store_open(c->path, &s);
		if (r >= 0) {
			read_everything(s, &corrupt);
			registry_store_close(s);
		} else {
			assert_true(r == PMIG_ECORRUPT || r == PMIG_EIDENTITY || r == PMIG_EVERSION);
			assert_refused_untouched(c, r, "left as it");
			refused++;
		}
	}
	assert_true(refused > 0);
	for (size_t length = 512; length < size; length += size / 9) {
		spill(c->path, good, length);
		assert_refused_untouched(c, PMIG_ECORRUPT, "left as it");
	}
	free(good);
	free(bad);
}

static int write_and_crash(struct registry_case *c)
{
	struct pmig_store *s;
	return registry_store_open(c->path, &s) < 0 || s->owner_claim(s, UUID_A, 3, "gamma") < 0;
}

/* The log that a crash left is not carried over into a file that turns out to be damaged. */
static void a_damaged_file_with_a_log_stays_as_it_is(void **state)
{
	struct registry_case *c = *state;
	make_filled(c);
	assert_int_equal(case_child(write_and_crash, c), 0);
	char log[PATH_MAX + 8];
	struct stat st;
	(void)snprintf(log, sizeof log, "%s-wal", c->path);
	assert_int_equal(stat(log, &st), 0);
	assert_true(st.st_size > 0);
	size_t size;
	char *bytes = slurp(c->path, &size);
	memset(bytes + size / 8192 * 4096, 0x5a, 4096); /* a page in the middle: of the resources */
	spill(c->path, bytes, size);
	free(bytes);
	assert_refused_untouched(c, PMIG_ECORRUPT, "left as it is");
	assert_int_equal(stat(log, &st), 0);
}

/* What a crashed writer left in the log is read too, by readers who may not write. */
static void reading_only_sees_what_a_crash_left(void **state)
{
	struct registry_case *c = *state;
	make_filled(c);
	assert_int_equal(case_child(write_and_crash, c), 0);
	assert_good(registry_store_open_readonly(c->path, &c->store));
	struct pmig_owner owner;
	assert_good(c->store->owner_get(c->store, UUID_A, &owner));
	assert_int_equal(owner.epoch, 3);
}

/* Values that SQLite lets pass and our rows do not. */
static void rows_that_nobody_could_have_put_are_refused_when_read(void **state)
{
	static const struct {
		const char *sql, *words;
	} damage[] = {
		{"UPDATE processes SET name = ''", "damaged"},
		{"UPDATE processes SET build = printf('%300s', 'x')", "processes: build is too long"},
		{"UPDATE processes SET uuid = 'ZZZZZZZZ-0000-4000-8000-000000000001'", "processes: uuid is not a uuid"},
		{"UPDATE handovers SET source = ''", "handovers: source is empty"},
		{"UPDATE owners SET host = printf('%400s', 'beta')", "owner of"},
		{"UPDATE processes SET state = 99", "damaged"},
		{"UPDATE handovers SET epoch = -1", "damaged"},
	};
	struct registry_case *c = *state;
	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		(void)unlink(c->path);
		make_filled(c);
		char sql[256];
		(void)snprintf(sql, sizeof sql, "PRAGMA ignore_check_constraints = ON; %s", damage[i].sql);
		raw(c->path, sql);
		struct pmig_store *s = NULL;
		int r = registry_store_open(c->path, &s);
		if (r >= 0) {
			struct pmig_process_row *p = NULL;
			struct pmig_handover_row *h = NULL;
			struct pmig_owner owner;
			const char table = damage[i].sql[strlen("UPDATE ")];
			r = table == 'p'       ? s->process_get(s, "queens", &p)
				: table == 'o' ? s->owner_get(s, UUID_A, &owner)
					       : s->handover_get(s, UUID_A, &h);
			registry_store_close(s);
		}
		assert_fails(r, PMIG_ECORRUPT);
		assert_reason_has(damage[i].words);
	}
}

/* --- several at once --- */

static int put_many(struct registry_case *c)
{
	struct pmig_store *s;
	if (registry_store_open(c->path, &s) < 0)
		return 1;
	for (int i = 0; i < 100; i++) {
		struct pmig_image_row row = {.path = "", .process = UUID_A, .epoch = 1};
		char path[64];
		(void)snprintf(path, sizeof path, "/i/%d/%d", (int)getpid(), i);
		row.path = path;
		if (s->image_put(s, &row) < 0)
			return 2;
	}
	return 0;
}

static void two_processes_write_and_nothing_is_lost(void **state)
{
	struct registry_case *c = *state;
	pid_t pid[2];
	for (int n = 0; n < 2; n++) {
		pid[n] = fork();
		assert_true(pid[n] >= 0);
		if (pid[n] == 0)
			_exit(put_many(c));
	}
	for (int n = 0; n < 2; n++) {
		int status;
		assert_int_equal(waitpid(pid[n], &status, 0), pid[n]);
		assert_int_equal(status, 0);
	}
	assert_asks(c->path, "SELECT count(*) FROM images", "200");
}

/* Whoever comes while another makes the file takes it neither for a stranger's nor for an old one. */
static void many_make_it_at_once(void **state)
{
	struct registry_case *c = *state;
	for (int round = 0; round < 60; round++) {
		int ends[2];
		char path[PATH_MAX + 16];
		pid_t children[MAKERS];
		assert_int_equal(pipe(ends), 0);
		(void)snprintf(path, sizeof path, "%s.%d", c->path, round);
		for (int i = 0; i < MAKERS; i++) {
			children[i] = fork();
			if (children[i] != 0)
				continue;
			char byte;
			struct pmig_store *s;
			close(ends[1]);
			(void)!read(ends[0], &byte, 1); /* all at once */
			_exit(registry_store_open(path, &s) < 0);
		}
		close(ends[0]);
		close(ends[1]);
		for (int i = 0; i < MAKERS; i++) {
			int status;
			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			assert_int_equal(status, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test_closed(a_new_registry_has_the_agreed_form),
		case_test_closed(the_log_is_for_the_owner_only),
		case_test_closed(tables_have_the_columns_of_the_rows),
		case_test_closed(only_the_journal_is_written_through),
		case_test_closed(one_of_version_1_is_taken_over),
		case_test_closed(a_newer_registry_is_refused),
		case_test_closed(a_database_of_another_program_is_refused),
		case_test_closed(what_is_no_database_is_refused),
		case_test_closed(a_directory_in_its_place_is_refused),
		case_test_closed(tables_that_are_missing_are_noticed),
		case_test_closed(reading_only_makes_nothing),
		case_test_closed(every_damaged_page_is_refused_or_harmless),
		case_test_closed(a_damaged_file_with_a_log_stays_as_it_is),
		case_test_closed(reading_only_sees_what_a_crash_left),
		case_test_closed(rows_that_nobody_could_have_put_are_refused_when_read),
		case_test_closed(two_processes_write_and_nothing_is_lost),
		case_test_closed(many_make_it_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
