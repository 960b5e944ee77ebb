/* database: one SQLite file opened as a registry: schema version, durability on demand, statements kept, errors in words. */
#include "database.h"
#include "runtime/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEPT_MAX 64
#define BUSY_MS 10000

struct kept {
	const void *key;
	sqlite3_stmt *statement;
};

struct database {
	sqlite3 *sqlite;
	char *path;
	bool durable; /* synchronous=FULL is on */
	size_t kept_count;
	struct kept kept[KEPT_MAX];
};

struct schema_step {
	int version;
	const char *sql;
};

static const struct schema_step schema_steps[] = {
#define SCHEMA_STEP(version, ...) {version, __VA_ARGS__},
#include "tbl/schema.h"
#undef SCHEMA_STEP
};

#define SCHEMA_VERSION (schema_steps[sizeof schema_steps / sizeof *schema_steps - 1].version)

const char *database_path(const struct database *db)
{
	return db->path;
}

/* Which error of ours an error of SQLite is; extended codes first. */
static const struct {
	int result, code;
	const char *words;
} results[] = {
	{SQLITE_CONSTRAINT_FOREIGNKEY, PMIG_ENOENT, "what the row belongs to is not in the registry"},
	{SQLITE_CONSTRAINT_UNIQUE, PMIG_EEXIST, "there is such a row already"},
	{SQLITE_CONSTRAINT_PRIMARYKEY, PMIG_EEXIST, "there is such a row already"},
	{SQLITE_CONSTRAINT, PMIG_EINVAL, "a value of the row is not allowed"},
	{SQLITE_CORRUPT, PMIG_ECORRUPT,
		"the registry is damaged and was left as it is; move the file away to begin a new one"},
	{SQLITE_NOTADB, PMIG_ECORRUPT,
		"this is not a registry, and was left as it is; move the file away to begin a new one"},
	/* Our statements are constant: one that is not understood met tables that are not those of its version. */
	{SQLITE_ERROR, PMIG_ECORRUPT, "the registry has not the tables of its version; it was left as it is"},
	{SQLITE_SCHEMA, PMIG_ECORRUPT, "the registry has not the tables of its version; it was left as it is"},
	{SQLITE_FULL, PMIG_ENOSPC, "no space left for the registry"},
	{SQLITE_BUSY, PMIG_EBUSY, "another process holds the registry; try again"},
	{SQLITE_LOCKED, PMIG_EBUSY, "another process holds the registry; try again"},
	{SQLITE_NOMEM, PMIG_ENOMEM, "not enough memory for the registry"},
	{SQLITE_TOOBIG, PMIG_EINVAL, "a value is too long for the registry"},
	{SQLITE_READONLY, PMIG_EIO, "the registry cannot be written; set PMIG_STATE to a directory that can"},
	{SQLITE_CANTOPEN, PMIG_EIO, "the registry cannot be opened; set PMIG_STATE to a directory that can be written"},
	{SQLITE_PERM, PMIG_EIO, "the registry may not be opened"},
	{SQLITE_AUTH, PMIG_EIO, "the registry may not be opened"},
};

/* Where SQLite names no reason of its own, the system's may be clear. */
static int true_reason(struct database *db, int result)
{
	int number = (result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_CANTOPEN ? sqlite3_system_errno(db->sqlite)
											   : 0;
	return number == ENOSPC || number == EDQUOT ? SQLITE_FULL : result;
}

int database_error(struct database *db, int result)
{
	result = true_reason(db, result);
	int code = PMIG_EIO;
	const char *words = "the registry cannot be read or written";
	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		if (results[i].result == result || results[i].result == (result & 0xff)) {
			code = results[i].code;
			words = results[i].words;
			break;
		}
	if (code == PMIG_ECORRUPT) /* closing must not carry the log over into a file that is damaged */
		(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	const char *detail = sqlite3_errmsg(db->sqlite);
	return error_set(code, "%s: %s (%s)", db->path, words, detail);
}

int database_prepare(struct database *db, const char *sql, sqlite3_stmt **ret_statement)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
	if (r != SQLITE_OK)
		return database_error(db, r);
	*ret_statement = statement;
	return 0;
}

int database_statement(struct database *db, const void *key, const char *sql, sqlite3_stmt **ret_statement)
{
	for (size_t i = 0; i < db->kept_count; i++)
		if (db->kept[i].key == key) {
			*ret_statement = db->kept[i].statement;
			return 0;
		}
	if (sql == NULL) {
		*ret_statement = NULL;
		return 0;
	}
	if (db->kept_count == KEPT_MAX)
		return error_set(PMIG_ENOMEM, "%s: too many different statements", db->path);
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
	if (r != SQLITE_OK)
		return database_error(db, r);
	db->kept[db->kept_count++] = (struct kept){key, statement};
	*ret_statement = statement;
	return 0;
}

int database_run(struct database *db, sqlite3_stmt *statement)
{
	int r = sqlite3_step(statement);
	int code = r == SQLITE_DONE || r == SQLITE_ROW ? sqlite3_changes(db->sqlite) : database_error(db, r);
	sqlite3_reset(statement);
	return code;
}

void database_reset(sqlite3_stmt **statement)
{
	if (*statement == NULL)
		return;
	sqlite3_reset(*statement);
	sqlite3_clear_bindings(*statement);
}

void database_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

static int execute(struct database *db, const char *sql)
{
	int r = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
	return r == SQLITE_OK ? 0 : database_error(db, r);
}

static int set_durable(struct database *db, bool durable)
{
	if (db->durable == durable)
		return 0;
	int r = execute(db, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
	if (r < 0)
		return r;
	db->durable = durable;
	return 0;
}

int database_begin(struct database *db, bool durable)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		return error_set(PMIG_EINVAL, "%s: a batch is open", db->path);
	int r = set_durable(db, durable);
	if (r < 0)
		return r;
	return execute(db, "BEGIN IMMEDIATE");
}

int database_commit(struct database *db)
{
	int r = execute(db, "COMMIT");
	if (r < 0)
		database_rollback(db);
	return r;
}

void database_rollback(struct database *db)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		(void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

int database_quick(struct database *db)
{
	return sqlite3_get_autocommit(db->sqlite) ? set_durable(db, false) : 0;
}

int database_firm(struct database *db)
{
	return sqlite3_get_autocommit(db->sqlite) ? set_durable(db, true) : 0;
}

/* The one integer that `sql` gives. */
static int get_integer(struct database *db, const char *sql, int64_t *ret_value)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = database_prepare(db, sql, &statement);
	if (r < 0)
		return r;
	r = sqlite3_step(statement);
	if (r != SQLITE_ROW)
		return database_error(db, r);
	*ret_value = sqlite3_column_int64(statement, 0);
	return 0;
}

/* Two processes that make the same file meet at the change to WAL, where SQLite does not wait by itself. */
static int set_wal(struct database *db)
{
	for (int waited = 0;; waited += 5) {
		int r = sqlite3_exec(db->sqlite, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		if (r == SQLITE_OK)
			return 0;
		if (r != SQLITE_BUSY || waited >= BUSY_MS)
			return database_error(db, r);
		(void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
}

/* What one moment says of the file: another process may be making it. */
static int read_marks(struct database *db, int64_t *ret_application, int64_t *ret_version, int64_t *ret_tables)
{
	bool alone = sqlite3_get_autocommit(db->sqlite) != 0;
	int r = alone ? execute(db, "BEGIN") : 0;
	if (r < 0)
		return r;
	r = get_integer(db, "PRAGMA application_id", ret_application);
	if (r >= 0)
		r = get_integer(db, "PRAGMA user_version", ret_version);
	if (r >= 0)
		r = get_integer(db, "SELECT count(*) FROM sqlite_schema", ret_tables);
	if (alone && r >= 0)
		r = execute(db, "END");
	else if (alone)
		database_rollback(db);
	return r;
}

/* What this file is: an empty one (version 0), a registry of some version, or something else. */
static int identify(struct database *db, int64_t *ret_version)
{
	int64_t application, version, tables;
	int r = read_marks(db, &application, &version, &tables);
	if (r < 0)
		return r;
	if (application == 0 && version == 0 && tables == 0) {
		*ret_version = 0;
		return 0;
	}
	if (application != DATABASE_APPLICATION)
		return error_set(PMIG_EIDENTITY,
			"%s: this database belongs to another program, and was left as it is; move it away or set "
			"PMIG_STATE",
			db->path);
	if (version < 1 || version > SCHEMA_VERSION)
		return error_set(PMIG_EVERSION,
			"%s: the registry has version %lld, this pmig knows up to %d; it was left as it is, use the newer "
			"pmig",
			db->path, (long long)version, SCHEMA_VERSION);
	*ret_version = version;
	return 0;
}

static int upgrade(struct database *db, int64_t version)
{
	for (size_t i = 0; i < sizeof schema_steps / sizeof *schema_steps; i++) {
		if (schema_steps[i].version <= version)
			continue;
		int r = execute(db, schema_steps[i].sql);
		if (r < 0)
			return error_prefix(r, "schema %d", schema_steps[i].version);
	}
	char pragmas[96];
	sqlite3_snprintf(sizeof pragmas, pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d",
		DATABASE_APPLICATION, SCHEMA_VERSION);
	return execute(db, pragmas);
}

/* Brings the file to today's schema; another process may have done so since we looked. */
static int make_current(struct database *db)
{
	int64_t version;
	int r = identify(db, &version);
	if (r < 0 || version == SCHEMA_VERSION)
		return r;
	r = set_wal(db);
	if (r >= 0)
		r = database_begin(db, true);
	if (r < 0)
		return r;
	r = identify(db, &version);
	if (r >= 0 && version < SCHEMA_VERSION)
		r = upgrade(db, version);
	if (r < 0) {
		database_rollback(db);
		return r;
	}
	return database_commit(db);
}

static int check(struct database *db)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = database_prepare(db, "PRAGMA quick_check(1)", &statement);
	if (r < 0)
		return r;
	r = sqlite3_step(statement);
	if (r != SQLITE_ROW)
		return database_error(db, r);
	const char *found = (const char *)sqlite3_column_text(statement, 0);
	if (found != NULL && strcmp(found, "ok") == 0)
		return 0;
	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return error_set(PMIG_ECORRUPT,
		"%s: the registry is damaged and was left as it is; move the file away to begin a new one (%s)", db->path,
		found != NULL ? found : "no answer");
}

/* What the schema makes, in one order. */
static const char schema_objects[] = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
				     " ORDER BY type, name";

static int make_model(sqlite3 **ret_model)
{
	int r = sqlite3_open_v2(":memory:", ret_model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL);
	for (size_t i = 0; r == SQLITE_OK && i < sizeof schema_steps / sizeof *schema_steps; i++)
		r = sqlite3_exec(*ret_model, schema_steps[i].sql, NULL, NULL, NULL);
	return r;
}

static const char *column(sqlite3_stmt *statement, int i)
{
	const char *text = (const char *)sqlite3_column_text(statement, i);
	return text != NULL ? text : "";
}

int database_check_schema(struct database *db)
{
	sqlite3 *model = NULL;
	DATABASE_OWN sqlite3_stmt *is = NULL;
	sqlite3_stmt *wanted = NULL;
	int r = database_prepare(db, schema_objects, &is), a = SQLITE_ROW, b = SQLITE_ROW;
	if (r >= 0 &&
		(make_model(&model) != SQLITE_OK ||
			sqlite3_prepare_v2(model, schema_objects, -1, &wanted, NULL) != SQLITE_OK))
		r = error_set(PMIG_ENOMEM, "%s: not enough memory", db->path);
	while (r >= 0 && a == SQLITE_ROW && b == SQLITE_ROW) {
		a = sqlite3_step(is);
		b = sqlite3_step(wanted);
		if (a != b || (a == SQLITE_ROW && strcmp(column(is, 1), column(wanted, 1)) != 0))
			r = error_set(PMIG_ECORRUPT, "%s: %s %.64s is not as the schema has it", db->path,
				b == SQLITE_ROW ? column(wanted, 0) : "something more:",
				b == SQLITE_ROW ? column(wanted, 1) : column(is, 1));
		else if (a == SQLITE_ROW && strcmp(column(is, 2), column(wanted, 2)) != 0)
			r = error_set(PMIG_ECORRUPT, "%s: %s %.64s is not as the schema has it", db->path, column(is, 0),
				column(is, 1));
	}
	sqlite3_finalize(wanted);
	sqlite3_close(model);
	return r;
}

sqlite3 *database_sqlite(struct database *db)
{
	return db->sqlite;
}

/* Makes the file with mode 0600 before SQLite would with another; its log files take the mode over. Only a new file is
 * opened here: closing any descriptor of it drops the locks of all connections of this process (fcntl(2)). */
static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0
				       : error_errno(PMIG_EIO, errno,
						 "%s: the registry cannot be made; set PMIG_STATE to a directory that can "
						 "be written",
						 path);
	close(fd);
	return io_sync_directory_of(path);
}

static int configure(struct database *db, enum database_mode mode)
{
	sqlite3_extended_result_codes(db->sqlite, 1);
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	int r = execute(db,
		"PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
		"PRAGMA synchronous = NORMAL");
	if (r < 0)
		return r;
	if (mode == DATABASE_WRITE) {
		r = make_current(db);
		return r < 0 ? r : check(db);
	}
	int64_t version;
	r = identify(db, &version);
	if (r < 0)
		return r;
	if (version < SCHEMA_VERSION)
		return error_set(PMIG_EVERSION,
			"%s: the registry has version %lld and must be brought to %d by a command that writes", db->path,
			(long long)version, SCHEMA_VERSION);
	return check(db);
}

int database_open(const char *path, enum database_mode mode, struct database **ret_db)
{
	if (mode == DATABASE_READ && access(path, F_OK) < 0)
		return error_errno(PMIG_ENOENT, errno, "%s: there is no registry", path);
	int r = mode == DATABASE_WRITE ? make_file(path) : 0;
	if (r < 0)
		return r;
	struct database *db = calloc(1, sizeof *db);
	if (db == NULL || (db->path = strdup(path)) == NULL) {
		free(db);
		return error_set(PMIG_ENOMEM, "%s: not enough memory", path);
	}
	int flags = mode == DATABASE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	r = sqlite3_open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (r != SQLITE_OK)
		r = db->sqlite != NULL ? database_error(db, r) : error_set(PMIG_ENOMEM, "%s: not enough memory", path);
	else
		r = configure(db, mode);
	if (r < 0) {
		database_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}

void database_close(struct database *db)
{
	if (db == NULL)
		return;
	for (size_t i = 0; i < db->kept_count; i++)
		sqlite3_finalize(db->kept[i].statement);
	sqlite3_close(db->sqlite);
	free(db->path);
	free(db);
}
