/* connection: settings of an SQLite connection: pragmas by a table, limits and switches by their numbers. */
#include "connection.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 32
#define LIMITS 12 /* SQLITE_LIMIT_LENGTH ... SQLITE_LIMIT_WORKER_THREADS */

static const char *const pragmas[] = {
#define PRAGMA(name) #name,
#include "tbl/pragma.h"
#undef PRAGMA
};
#define PRAGMAS (sizeof pragmas / sizeof *pragmas)

/* Of sqlite3_db_config(): those that are on or off. SQLITE_DBCONFIG_RESET_DATABASE is an action and not here. */
static const int switches[] = {SQLITE_DBCONFIG_ENABLE_FKEY, SQLITE_DBCONFIG_ENABLE_TRIGGER,
	SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
	SQLITE_DBCONFIG_ENABLE_QPSG, SQLITE_DBCONFIG_TRIGGER_EQP, SQLITE_DBCONFIG_WRITABLE_SCHEMA,
	SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL, SQLITE_DBCONFIG_ENABLE_VIEW,
	SQLITE_DBCONFIG_LEGACY_FILE_FORMAT, SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DEFENSIVE};
#define SWITCHES (sizeof switches / sizeof *switches)

struct connection_settings {
	bool readonly, serialized;
	int64_t last_row;
	int64_t limits[LIMITS];
	int64_t on[SWITCHES]; /* -1: not known to that version */
	char words[PRAGMAS][WORD_MAX];
};

const char *connection_words(sqlite3 *db)
{
	return sqlite3_errmsg(db);
}

int64_t connection_number(sqlite3 *db, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *s = NULL;
	int64_t n = otherwise;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

void connection_word(sqlite3 *db, const char *sql, char *ret, size_t size)
{
	sqlite3_stmt *s = NULL;
	const char *text = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(s, 0);
	(void)snprintf(ret, size, "%s", text != NULL ? text : "");
	sqlite3_finalize(s);
}

int connection_ready(sqlite3 *db)
{
	char name[128];
	sqlite3_stmt *s = sqlite3_next_stmt(db, NULL);
	if (!sqlite3_get_autocommit(db))
		return error_set(PMIG_EBUSY,
			"a transaction is open; commit it before the safe point, or in a `before` hook");
	if (s != NULL)
		return error_set(PMIG_EREFUSED,
			"a statement is prepared: %.200s; finalize it before the safe point, or in a `before` hook",
			sqlite3_sql(s));
	connection_word(db, "SELECT name FROM pragma_database_list WHERE name NOT IN ('main', 'temp')", name, sizeof name);
	if (name[0] != 0)
		return error_set(PMIG_EREFUSED, "the database %s is attached; detach it in a `before` hook", name);
	connection_word(db, "SELECT name FROM sqlite_temp_master", name, sizeof name);
	if (name[0] != 0)
		return error_set(PMIG_EREFUSED, "%s is temporary, of this connection only; drop it in a `before` hook",
			name);
	return 0;
}

int connection_save(sqlite3 *db, struct pmig_writer *w)
{
	pmig_write_number(w, sqlite3_db_readonly(db, "main") == 1);
	pmig_write_number(w, sqlite3_db_mutex(db) != NULL);
	pmig_write_number(w, (uint64_t)sqlite3_last_insert_rowid(db));
	pmig_write_number(w, LIMITS);
	for (int i = 0; i < LIMITS; i++)
		pmig_write_number(w, (uint64_t)sqlite3_limit(db, i, -1));
	pmig_write_number(w, SWITCHES);
	for (size_t i = 0; i < SWITCHES; i++) {
		int on = -1;
		bool known = sqlite3_db_config(db, switches[i], -1, &on) == SQLITE_OK;
		pmig_write_number(w, (uint64_t)(int64_t)(known ? on : -1));
	}
	pmig_write_number(w, PRAGMAS);
	for (size_t i = 0; i < PRAGMAS; i++) {
		char sql[64], word[WORD_MAX];
		(void)snprintf(sql, sizeof sql, "PRAGMA main.%s", pragmas[i]);
		connection_word(db, sql, word, sizeof word);
		bool fast = strcmp(pragmas[i], "secure_delete") == 0 &&
			strcmp(word, "2") == 0; /* told as 2, set by its word only */
		pmig_write_text(w, pragmas[i]);
		pmig_write_text(w, fast ? "fast" : word);
	}
	return 0;
}

/* A word becomes part of an SQL text. */
static bool sound(const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)word[i]) && word[i] != '-')
			return false;
	return n < WORD_MAX;
}

static int read_pragmas(struct pmig_reader *in, struct connection_settings *s)
{
	uint64_t n = pmig_read_number(in);
	for (uint64_t i = 0; i < n && pmig_read_check(in) >= 0; i++) {
		const char *name = pmig_read_text(in), *word = pmig_read_text(in);
		size_t k = 0;
		while (k < PRAGMAS && strcmp(pragmas[k], name) != 0)
			k++;
		if (k == PRAGMAS || !sound(word))
			return error_set(PMIG_ECORRUPT, "PRAGMA %.32s = %.32s is not a setting that is carried", name, word);
		(void)snprintf(s->words[k], WORD_MAX, "%s", word);
	}
	return pmig_read_check(in);
}

int connection_read(struct pmig_reader *in, struct connection_settings **ret)
{
	struct connection_settings *s = calloc(1, sizeof *s);
	if (s == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the settings of a connection");
	s->readonly = pmig_read_number(in) != 0;
	s->serialized = pmig_read_number(in) != 0;
	s->last_row = (int64_t)pmig_read_number(in);
	bool counts = pmig_read_number(in) == LIMITS;
	for (size_t i = 0; i < LIMITS; i++)
		s->limits[i] = (int64_t)pmig_read_number(in);
	counts &= pmig_read_number(in) == SWITCHES;
	for (size_t i = 0; i < SWITCHES; i++)
		s->on[i] = (int64_t)pmig_read_number(in);
	int r = counts ? read_pragmas(in, s) : error_set(PMIG_ECORRUPT, "a connection has another number of settings");
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int connection_flags(const struct connection_settings *s)
{
	return (s->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
		(s->serialized ? SQLITE_OPEN_FULLMUTEX : SQLITE_OPEN_NOMUTEX);
}

static const char *word_of(const struct connection_settings *s, const char *pragma)
{
	for (size_t i = 0; i < PRAGMAS; i++)
		if (strcmp(pragmas[i], pragma) == 0)
			return s->words[i];
	return "";
}

bool connection_wal(const struct connection_settings *s)
{
	return strcmp(word_of(s, "journal_mode"), "wal") == 0;
}

static int failed(sqlite3 *db, int code, const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return 0;
	return error_set(PMIG_EREFUSED, "%s: %s", what, connection_words(db));
}

int connection_apply(sqlite3 *db, const struct connection_settings *s)
{
	int r = 0;
	for (int i = 0; i < LIMITS; i++)
		if (s->limits[i] >= 0 && s->limits[i] <= INT32_MAX)
			(void)sqlite3_limit(db, i, (int)s->limits[i]);
	for (size_t i = 0; i < PRAGMAS && r >= 0; i++) {
		char sql[64 + WORD_MAX];
		(void)snprintf(sql, sizeof sql, "PRAGMA main.%s = %s", pragmas[i], s->words[i]);
		if (s->words[i][0] != 0)
			r = failed(db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
	}
	for (size_t i = 0; i < SWITCHES; i++)
		if (s->on[i] == 0 || s->on[i] == 1)
			(void)sqlite3_db_config(db, switches[i], (int)s->on[i], NULL);
	sqlite3_set_last_insert_rowid(db, s->last_row);
	return r < 0 ? r
		     : failed(db, sqlite3_exec(db, "SELECT 1 FROM sqlite_master", NULL, NULL, NULL), "it cannot be read");
}
