/* An SQLite database moves and is copied as it was, with its log and its connection; what lies in the way is never overwritten. */
#include "restore_case.h"

#include "kind/connection.h"
#include "kind/table.h"
#include "resource/content.h"

#include <sqlite3.h>

static const struct pmig_declaration moves = {
	.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FASTENED, .strategy = PMIG_MOVE};
static const struct pmig_declaration copies = {.binding = PMIG_BY_VALUE, .attachment = PMIG_FASTENED, .strategy = PMIG_COPY};

struct owner {
	sqlite3 *db;
	char path[PATH_MAX + 32];
};

static const char *beside(const char *suffix)
{
	static char path[PATH_MAX + 32];
	snprintf(path, sizeof path, "%s/app.db%s", restore_place, suffix);
	return path;
}

static void run(sqlite3 *db, const char *sql)
{
	char *words = NULL;
	int r = sqlite3_exec(db, sql, NULL, NULL, &words);
	if (r != SQLITE_OK)
		dprintf(2, "%s: %s\n", sql, words);
	CHECK(r == SQLITE_OK);
}

static struct owner *begin(const struct pmig_declaration *d, const char *mode)
{
	struct owner *o = pmig_calloc(1, sizeof *o);
	char sql[64];
	CHECK(o != NULL);
	strcpy(o->path, beside(""));
	CHECK(sqlite3_open(o->path, &o->db) == SQLITE_OK);
	snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s", mode);
	run(o->db, sql);
	run(o->db, "PRAGMA foreign_keys = ON; PRAGMA user_version = 42; CREATE TABLE t(x INTEGER PRIMARY KEY, y)");
	for (int i = 0; i < 100; i++)
		run(o->db, "INSERT INTO t(y) VALUES (hex(randomblob(300)))");
	int r = pmig_declare_handle((void **)&o->db, "database", o->path, d);
	if (r < 0)
		dprintf(2, "%s\n", pmig_reason());
	CHECK(r == 0);
	return o;
}

static void *moved(void)
{
	return begin(&moves, "DELETE");
}

/* Closed at the safe point, as a `before` hook may leave it: the file goes along, and the program opens it again. */
static void *moved_closed(void)
{
	struct owner *o = begin(&moves, "WAL");
	CHECK(sqlite3_close(o->db) == SQLITE_OK);
	o->db = NULL;
	return o;
}

static void closed_after(void *state)
{
	struct owner *o = state;
	CHECK(o->db == NULL && sqlite3_open(o->path, &o->db) == SQLITE_OK);
	CHECK(connection_number(o->db, "SELECT count(*) FROM t", -1) == 100);
	CHECK(sqlite3_close(o->db) == SQLITE_OK);
}

static void *moved_log(void)
{
	struct owner *o = begin(&moves, "WAL");
	CHECK(access(beside("-wal"), F_OK) == 0);
	return o;
}

/* A reader keeps the log from being folded into the file: the content is not that of the file. */
static void *moved_busy_log(void)
{
	struct owner *o = moved_log();
	sqlite3 *reader = NULL;
	sqlite3_stmt *s = NULL;
	struct stat log;
	CHECK(sqlite3_open(o->path, &reader) == SQLITE_OK);
	run(reader, "BEGIN");
	CHECK(sqlite3_prepare_v2(reader, "SELECT * FROM t", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW);
	CHECK(sqlite3_exec(o->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) != SQLITE_ERROR);
	CHECK(stat(beside("-wal"), &log) == 0 && log.st_size > 0);
	return o;
}

static void *copied(void)
{
	return begin(&copies, "DELETE");
}

static void as_it_was(void *state)
{
	struct owner *o = state;
	CHECK(connection_number(o->db, "SELECT count(*) FROM t", -1) == 100);
	CHECK(connection_number(o->db, "PRAGMA user_version", -1) == 42);
	CHECK(connection_number(o->db, "PRAGMA foreign_keys", -1) == 1);
	char word[16];
	connection_word(o->db, "PRAGMA integrity_check", word, sizeof word);
	CHECK(strcmp(word, "ok") == 0);
	CHECK(strcmp(sqlite3_db_filename(o->db, "main"), o->path) == 0);
	CHECK(sqlite3_last_insert_rowid(o->db) == 100);
	run(o->db, "INSERT INTO t(y) VALUES ('after')");
}

static void as_it_was_then(void *state)
{
	as_it_was(state);
	CHECK(sqlite3_close(((struct owner *)state)->db) == SQLITE_OK);
}

static void as_it_was_log(void *state)
{
	struct owner *o = state;
	char mode[16];
	as_it_was(state);
	connection_word(o->db, "PRAGMA journal_mode", mode, sizeof mode);
	CHECK(strcmp(mode, "wal") == 0);
	CHECK(sqlite3_close(o->db) == SQLITE_OK);
}

/* After the hand-over nothing is left there; what the second process has, it has brought. */
static void is_gone(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < 4; i++) {
		char path[PATH_MAX + 32];
		snprintf(path, sizeof path, "%s/app.db%s", restore_place, suffixes[i]);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void is_there(void)
{
	assert_int_equal(access(beside(""), F_OK), 0);
}

static void write_file(const char *suffix, const char *text)
{
	int fd = open(beside(suffix), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) > 0);
	close(fd);
}

static void journal_lies_there(void)
{
	is_gone();
	write_file("-journal", "of another one");
}

static void other_lies_there(void)
{
	is_gone();
	write_file("", "not a database");
}

/* A second connection of the same process to the same file, declared too: one file, two handles. */
static void *twice(void)
{
	struct owner *o = begin(&moves, "DELETE"), *second = pmig_calloc(2, sizeof *second);
	second[0] = *o;
	CHECK(sqlite3_open_v2(o->path, &second[0].db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	CHECK(pmig_declare_handle((void **)&second[0].db, "database", o->path, &moves) == 0);
	CHECK(pmig_declare_handle((void **)&second[1].db, "database", o->path, &moves) == PMIG_EINVAL);
	*(struct owner **)&second[1] = o;
	return second;
}

static void twice_after(void *state)
{
	struct owner *second = state, *o = *(struct owner **)&second[1];
	as_it_was(o);
	CHECK(second[0].db != o->db && connection_number(second[0].db, "SELECT count(*) FROM t", -1) == 101);
	CHECK(sqlite3_exec(second[0].db, "DELETE FROM t", NULL, NULL, NULL) == SQLITE_READONLY);
	CHECK(sqlite3_close(o->db) == SQLITE_OK && sqlite3_close(second[0].db) == SQLITE_OK);
}

static void *elsewhere(void)
{
	struct owner *o = begin(&moves, "DELETE");
	sqlite3 *memory = NULL;
	CHECK(sqlite3_open(":memory:", &memory) == SQLITE_OK);
	CHECK(pmig_declare_handle((void **)&memory, "database", "/x", &moves) == PMIG_EINVAL);
	CHECK(strstr(pmig_reason(), "lies in memory") != NULL);
	CHECK(pmig_declare_handle((void **)&o->db, "database", "/dev/null", &moves) == PMIG_EINVAL);
	CHECK(strstr(pmig_reason(), o->path) != NULL);
	sqlite3_close(memory);
	return o;
}

/* What lay in the way is set aside, and the database is as it was. */
static void set_aside(void *state)
{
	as_it_was_then(state);
	CHECK(access(beside("-journal.old"), F_OK) == 0);
}

static const struct restore_case cases[] = {
	{.name = "move", .before = moved, .hand_over = true, .between = is_gone, .after = as_it_was_then},
	{.name = "move with a log", .before = moved_log, .hand_over = true, .between = is_gone, .after = as_it_was_log},
	{.name = "move with a log in use",
		.before = moved_busy_log,
		.hand_over = true,
		.between = is_gone,
		.after = as_it_was_log},
	{.name = "move while closed", .before = moved_closed, .hand_over = true, .between = is_gone, .after = closed_after},
	{.name = "copy", .before = copied, .hand_over = true, .between = is_there, .after = as_it_was_then},
	{.name = "two connections", .before = twice, .hand_over = true, .between = is_gone, .after = twice_after},
	{.name = "wrong locators", .before = elsewhere, .hand_over = true, .between = is_gone, .after = as_it_was_then},
	{.name = "a journal in the way",
		.before = moved,
		.hand_over = true,
		.between = journal_lies_there,
		.refused =
			"app.db-journal lies here, of a database that is gone or in use: it would be taken for this one's"},
	{.name = "a journal set aside",
		.before = moved,
		.hand_over = true,
		.between = journal_lies_there,
		.rewind = true,
		.after = set_aside},
	{.name = "another file in the way",
		.before = moved,
		.hand_over = true,
		.between = other_lies_there,
		.refused = "another file lies here under that name; nothing was overwritten"},
	{0},
};

/* --- what refuses before anything is written --- */

static sqlite3 *opened(const char *path)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

/* Another connection, which has done this and stays. */
static sqlite3 *other_did(const char *path, const char *sql)
{
	sqlite3 *db = opened(path);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static sqlite3 *locks(const char *path)
{
	return other_did(path, "BEGIN EXCLUSIVE");
}

static sqlite3 *reads(const char *path)
{
	return other_did(path, "BEGIN; SELECT * FROM t");
}

static sqlite3 *takes_name_away(const char *path)
{
	(void)unlink(path);
	return NULL;
}

static sqlite3 *takes_its_name(const char *path)
{
	(void)unlink(path);
	(void)sqlite3_close(other_did(path, "CREATE TABLE other(x)"));
	return NULL;
}

static const struct refusal {
	const char *sql;
	sqlite3 *(*other)(const char *path);
	enum pmig_strategy strategy;
	unsigned consent;
	bool closed;
	const char *content, *words;
} refusals[] = {
	{"PRAGMA locking_mode = EXCLUSIVE; INSERT INTO t VALUES (2)", NULL, PMIG_REFER,
		.words = "its locking_mode is exclusive, which leaves the database locked here"},
	{"PRAGMA journal_mode = WAL; INSERT INTO t VALUES (2)", NULL, PMIG_REFER,
		.words = "it has a write-ahead log, which needs memory"},
	{"PRAGMA journal_mode = WAL; INSERT INTO t VALUES (2)", reads, PMIG_REFER, .consent = PMIG_LOSS,
		.words = "its write-ahead log cannot be given up, somebody else uses it: database is locked"},
	{"SELECT 1", NULL, PMIG_REFER, .closed = true, .words = "it is closed: only an open one can be used from elsewhere"},
	{"SELECT 1", takes_name_away, PMIG_MOVE, .words = "its file has no name any more"},
	{"SELECT 1", takes_its_name, PMIG_MOVE, .words = "another file lies under its name by now"},
	{"SELECT 1", locks, PMIG_MOVE, .words = "no snapshot can be had: database is locked"},
	{"SELECT 1", NULL, PMIG_REBIND, .content = "0123456789abcdef0123456789abcdef",
		.words = "it has changed since the target was found to have the same content"},
};

static void what_is_in_the_way_is_said(void **state)
{
	(void)state;
	const struct pmig_kind *k = kind_table_find("database");
	assert_true(arena_create() >= 0);
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		const struct refusal *c = &refusals[i];
		char directory[] = "/tmp/pmig-database-XXXXXX", path[64];
		assert_non_null(mkdtemp(directory));
		(void)snprintf(path, sizeof path, "%s/app.db", directory);
		sqlite3 *db = other_did(path, "CREATE TABLE t(x); INSERT INTO t VALUES (1)"), *other = NULL;
		assert_int_equal(sqlite3_exec(db, c->sql, NULL, NULL, NULL), SQLITE_OK);
		if (c->other != NULL)
			other = c->other(path);
		struct pmig_writer w = {0};
		struct pmig_resource r = {.fd = -1,
			.kind = k,
			.handle = c->closed ? NULL : db,
			.locator = path,
			.content = c->content,
			.there = "",
			.declaration.consent = c->consent,
			.strategy = c->strategy};
		int e = k->save(&r, &w);
		if (e != PMIG_EREFUSED || strstr(pmig_reason(), c->words) == NULL)
			fail_msg("%s: %d, %s", c->words, e, e < 0 ? pmig_reason() : "saved");
		content_finish(&w);
		(void)sqlite3_close_v2(other);
		(void)sqlite3_close_v2(db);
		assert_int_equal(nftw(directory, restore_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
	}
}

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_in_the_way_is_said)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed + restore_all(cases);
}
