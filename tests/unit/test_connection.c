/* What an SQLite connection is set to arrives at another one; what cannot be carried is named. */
#include "kind/connection.h"
#include "resource/content.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static sqlite3 *memory(void)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	return db;
}

static void run(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void in_the_way(void **state)
{
	(void)state;
	sqlite3 *db = memory();
	sqlite3_stmt *s;
	run(db, "CREATE TABLE t(x)");
	assert_int_equal(connection_ready(db), 0);
	run(db, "BEGIN");
	assert_int_equal(connection_ready(db), PMIG_EBUSY);
	assert_non_null(strstr(pmig_reason(), "a transaction is open"));
	run(db, "COMMIT");
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT x FROM t WHERE x = ?", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(connection_ready(db), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "SELECT x FROM t WHERE x = ?"));
	sqlite3_finalize(s);
	run(db, "CREATE TEMP TABLE scratch(x)");
	assert_int_equal(connection_ready(db), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "scratch is temporary, of this connection only"));
	run(db, "DROP TABLE scratch; ATTACH ':memory:' AS other");
	assert_int_equal(connection_ready(db), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "the database other is attached; detach it in a `before` hook"));
	run(db, "DETACH other");
	assert_int_equal(connection_ready(db), 0);
	sqlite3_close(db);
}

static void carried(void **state)
{
	(void)state;
	struct pmig_writer w = {0};
	struct connection_settings *settings;
	char word[32];
	int on = 0;
	sqlite3 *a = memory(), *b = memory();
	run(a,
		"CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3); PRAGMA foreign_keys = ON; PRAGMA cache_size = -777;"
		"PRAGMA busy_timeout = 1234; PRAGMA synchronous = OFF; PRAGMA secure_delete = FAST; PRAGMA query_only = ON");
	assert_int_equal(sqlite3_db_config(a, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL), SQLITE_OK);
	(void)sqlite3_limit(a, SQLITE_LIMIT_COLUMN, 77);
	assert_int_equal(connection_save(a, &w), 0);
	struct pmig_reader in = {0};
	record_reader_init(&in.record, "test", w.record.data, w.record.size);
	assert_int_equal(connection_read(&in, &settings), 0);
	assert_false(connection_wal(settings));
	assert_int_equal(connection_flags(settings), SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX);
	assert_int_equal(connection_apply(b, settings), 0);
	assert_int_equal(connection_number(b, "PRAGMA foreign_keys", -1), 1);
	assert_int_equal(connection_number(b, "PRAGMA cache_size", -1), -777);
	assert_int_equal(connection_number(b, "PRAGMA busy_timeout", -1), 1234);
	assert_int_equal(connection_number(b, "PRAGMA synchronous", -1), 0);
	assert_int_equal(connection_number(b, "PRAGMA secure_delete", -1), 2);
	assert_int_equal(connection_number(b, "PRAGMA query_only", -1), 1);
	connection_word(b, "PRAGMA journal_mode", word, sizeof word);
	assert_string_equal(word, "memory");
	assert_int_equal(sqlite3_limit(b, SQLITE_LIMIT_COLUMN, -1), 77);
	assert_int_equal(sqlite3_db_config(b, SQLITE_DBCONFIG_ENABLE_TRIGGER, -1, &on), SQLITE_OK);
	assert_int_equal(on, 0);
	assert_int_equal(sqlite3_last_insert_rowid(b), 3);
	free(settings);
	content_finish(&w);
	sqlite3_close(a);
	sqlite3_close(b);
}

/* Every truncation, and every byte changed: an error or settings, never SQL of somebody else's. */
static void damaged(void **state)
{
	(void)state;
	struct pmig_writer w = {0};
	sqlite3 *a = memory();
	assert_int_equal(connection_save(a, &w), 0);
	for (size_t n = 0; n < w.record.size; n++) {
		struct connection_settings *settings = NULL;
		struct pmig_reader in = {0};
		record_reader_init(&in.record, "test", w.record.data, n);
		assert_int_equal(connection_read(&in, &settings), PMIG_ECORRUPT);
	}
	for (size_t i = 0; i < w.record.size; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct connection_settings *settings = NULL;
			struct pmig_reader in = {0};
			w.record.data[i] ^= 1u << bit;
			record_reader_init(&in.record, "test", w.record.data, w.record.size);
			if (connection_read(&in, &settings) >= 0) {
				sqlite3 *b = memory();
				(void)!connection_apply(b, settings);
				sqlite3_close(b);
				free(settings);
			}
			w.record.data[i] ^= 1u << bit;
		}
	content_finish(&w);
	sqlite3_close(a);
}

static void no_sql(void **state)
{
	(void)state;
	static const char *const words[] = {"1; DROP TABLE t", "1 --", "'x'", "wal\n", "0123456789012345678901234567890123"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct pmig_writer w = {0};
		struct connection_settings *settings = NULL;
		struct pmig_reader in = {0};
		sqlite3 *a = memory();
		assert_int_equal(connection_save(a, &w), 0);
		w.record.size = 0; /* the same head, then one pragma */
		pmig_write_number(&w, 0), pmig_write_number(&w, 1), pmig_write_number(&w, 0);
		pmig_write_number(&w, 12);
		for (int k = 0; k < 12; k++)
			pmig_write_number(&w, 0);
		pmig_write_number(&w, 15);
		for (int k = 0; k < 15; k++)
			pmig_write_number(&w, 0);
		pmig_write_number(&w, 1);
		pmig_write_text(&w, "cache_size");
		pmig_write_text(&w, words[i]);
		record_reader_init(&in.record, "test", w.record.data, w.record.size);
		assert_int_equal(connection_read(&in, &settings), PMIG_ECORRUPT);
		assert_non_null(strstr(pmig_reason(), "cache_size"));
		content_finish(&w);
		sqlite3_close(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_way),
		cmocka_unit_test(carried),
		cmocka_unit_test(damaged),
		cmocka_unit_test(no_sql),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
