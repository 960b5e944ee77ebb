/* dump: the whole registry as JSON, column by column, for scripts and for safe keeping. */
#include "dump.h"
#include "database.h"

#include <jansson.h>

/* In the order in which they could be taken in again. */
static const struct {
	const char *name, *order;
} tables[] = {
	{"processes", "uuid"},
	{"resources", "process, slot"},
	{"hosts", "name"},
	{"providers", "host, type, locator"},
	{"handovers", "id"},
	{"handover_steps", "handover, sequence"},
	{"decisions", "handover, slot"},
	{"owners", "process"},
	{"references_", "process, kind, \"from\""},
	{"images", "path"},
	{"policies", "process, name"},
};

static json_t *text(sqlite3_stmt *statement, int column)
{
	const unsigned char *bytes = sqlite3_column_text(statement, column);
	size_t size = (size_t)sqlite3_column_bytes(statement, column);
	json_t *value = json_stringn((const char *)bytes, size);
	if (value != NULL || bytes == NULL)
		return value;
	char *hex = sqlite3_malloc64(2 * size + 1);
	for (size_t i = 0; hex != NULL && i < size; i++)
		sqlite3_snprintf(3, hex + 2 * i, "%02x", bytes[i]);
	value = hex != NULL ? json_pack("{s:s}", "hex", hex) : NULL;
	sqlite3_free(hex);
	return value;
}

static int put_row(sqlite3_stmt *statement, FILE *out)
{
	json_t *row = json_object();
	int r = row != NULL ? 0 : PMIG_ENOMEM;
	for (int i = 0; r >= 0 && i < sqlite3_column_count(statement); i++) {
		json_t *value = sqlite3_column_type(statement, i) == SQLITE_INTEGER
			? json_integer(sqlite3_column_int64(statement, i))
			: text(statement, i);
		if (json_object_set_new(row, sqlite3_column_name(statement, i), value) < 0)
			r = PMIG_ENOMEM;
	}
	if (r >= 0 && json_dumpf(row, out, JSON_COMPACT) < 0)
		r = PMIG_EIO;
	json_decref(row);
	return r;
}

static int put_table(struct database *db, size_t table, FILE *out)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	char sql[128];
	sqlite3_snprintf(sizeof sql, sql, "SELECT * FROM %s ORDER BY %s", tables[table].name, tables[table].order);
	int r = database_prepare(db, sql, &statement), rows = 0;
	if (r < 0)
		return r;
	fprintf(out, "%s    \"%s\": [", table > 0 ? ",\n" : "", tables[table].name);
	while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
		fputs(rows++ > 0 ? ",\n      " : "\n      ", out);
		int code = put_row(statement, out);
		if (code < 0)
			return error_set(code, "%s", code == PMIG_EIO ? "it could not be written" : "not enough memory");
	}
	fputs(rows > 0 ? "\n    ]" : "]", out);
	return r == SQLITE_DONE ? rows : database_error(db, r);
}

static int version(struct database *db)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = database_prepare(db, "PRAGMA user_version", &statement);
	if (r < 0)
		return r;
	r = sqlite3_step(statement);
	return r == SQLITE_ROW ? sqlite3_column_int(statement, 0) : database_error(db, r);
}

int dump_write(struct database *db, FILE *out)
{
	if (sqlite3_exec(database_sqlite(db), "BEGIN", NULL, NULL, NULL) != SQLITE_OK) /* one state of all tables */
		return error_prefix(database_error(db, sqlite3_errcode(database_sqlite(db))), "export");
	int r = version(db), rows = 0;
	if (r >= 0)
		fprintf(out, "{\n  \"pmig_registry\": %d,\n  \"tables\": {\n", r);
	for (size_t i = 0; r >= 0 && i < sizeof tables / sizeof *tables; i++) {
		r = put_table(db, i, out);
		rows += r > 0 ? r : 0;
	}
	if (r >= 0)
		fputs("\n  }\n}\n", out);
	(void)sqlite3_exec(database_sqlite(db), "ROLLBACK", NULL, NULL, NULL);
	if (r >= 0 && (fflush(out) != 0 || ferror(out)))
		r = error_set(PMIG_EIO, "it could not be written");
	return r < 0 ? error_prefix(r, "export") : rows;
}
