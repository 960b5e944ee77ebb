/* list: the registry shown to people and programs: named queries, printed as an aligned table or as JSON. */
#include "list.h"
#include "database.h"
#include "table.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS_MAX TABLE_COLUMNS_MAX

static const struct list_query queries[] = {
#define QUERY(name, about, ...) {#name, about, __VA_ARGS__},
#include "tbl/query.h"
#undef QUERY
};
#define QUERY_COUNT (sizeof queries / sizeof *queries)

const struct list_query *list_queries(size_t *ret_count)
{
	*ret_count = QUERY_COUNT;
	return queries;
}

static const struct list_query *find(const char *name)
{
	for (size_t i = 0; i < QUERY_COUNT; i++)
		if (strcmp(queries[i].name, name) == 0)
			return &queries[i];
	return NULL;
}

static int no_such(const char *name)
{
	char names[512] = "";
	for (size_t i = 0; i < QUERY_COUNT; i++)
		(void)strcat(strcat(names, i > 0 ? ", " : ""), queries[i].name);
	return error_set(PMIG_ENOENT, "%.64s: the registry has no such list; it has %s", name, names);
}

static int too_many(void)
{
	return error_set(PMIG_ENOSPC, "more than %d rows", LIST_ROWS_MAX);
}

/* --- table --- */

/* A column's name in the SQL, and what its mark says. */
struct heading {
	char name[64];
	bool json, wide;
};

static struct heading heading(sqlite3_stmt *statement, int column)
{
	const char *name = sqlite3_column_name(statement, column);
	name = name != NULL ? name : "";
	const char *mark = strrchr(name, ':');
	struct heading h = {
		.json = mark != NULL && strcmp(mark, ":json") == 0, .wide = mark != NULL && strcmp(mark, ":wide") == 0};
	(void)snprintf(h.name, sizeof h.name, "%.*s", h.json || h.wide ? (int)(mark - name) : (int)sizeof h.name - 1, name);
	return h;
}

/* Which columns of the statement are columns of the table: where lines may be long, all. */
static int select_columns(sqlite3_stmt *statement, const struct list_options *o, struct heading headings[COLUMNS_MAX],
	int ret_columns[COLUMNS_MAX])
{
	int n = 0;
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		struct heading h = heading(statement, i);
		if (o->columns > 0 && (h.json || h.wide))
			continue;
		if (n == COLUMNS_MAX)
			return error_set(PMIG_EINVAL, "a table has at most %d columns", COLUMNS_MAX);
		headings[n] = h;
		ret_columns[n++] = i;
	}
	return n > 0 ? n : error_set(PMIG_EINVAL, "a table without columns");
}

static int print_table(struct database *db, sqlite3_stmt *statement, const struct list_options *o, FILE *out)
{
	struct heading headings[COLUMNS_MAX];
	const char *texts[COLUMNS_MAX] = {0};
	int columns[COLUMNS_MAX], r, rows = 0, count = select_columns(statement, o, headings, columns);
	struct table *t = count > 0 ? table_create(count) : NULL;
	if (t == NULL)
		return count < 0 ? count : error_set(PMIG_ENOMEM, "not enough memory for the list");
	for (int i = 0; i < count; i++)
		texts[i] = headings[i].name;
	table_row(t, texts);
	while ((r = sqlite3_step(statement)) == SQLITE_ROW && rows++ < LIST_ROWS_MAX) {
		for (int i = 0; i < count; i++) {
			if (sqlite3_column_type(statement, columns[i]) == SQLITE_INTEGER)
				table_numeric(t, i);
			texts[i] = (const char *)sqlite3_column_text(statement, columns[i]);
		}
		table_row(t, texts);
	}
	int code = r == SQLITE_DONE ? 0 : r == SQLITE_ROW ? too_many() : database_error(db, r);
	if (code >= 0)
		code = table_print(t, o->columns, 0, out);
	table_destroy(t);
	return code < 0 ? code : rows;
}

/* --- JSON --- */

static json_t *cell_json(sqlite3_stmt *statement, int column, bool json)
{
	const char *text;
	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_NULL:
		return json_null();
	case SQLITE_INTEGER:
		return json_integer(sqlite3_column_int64(statement, column));
	case SQLITE_FLOAT:
		return isfinite(sqlite3_column_double(statement, column))
			? json_real(sqlite3_column_double(statement, column))
			: json_null();
	default:
		text = (const char *)sqlite3_column_text(statement, column);
		json_t *value = json && text != NULL ? json_loads(text, 0, NULL) : NULL;
		return value != NULL ? value : text_json(text != NULL ? text : "");
	}
}

json_t *list_row(sqlite3_stmt *statement)
{
	json_t *object = json_object();
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		struct heading h = heading(statement, i);
		if (json_object_set_new(object, h.name, cell_json(statement, i, h.json)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static int print_json(struct database *db, sqlite3_stmt *statement, FILE *out)
{
	json_t *array = json_array();
	int r, code = array != NULL ? 0 : PMIG_ENOMEM;
	while (code >= 0 && (r = sqlite3_step(statement)) != SQLITE_DONE)
		if (r != SQLITE_ROW)
			code = database_error(db, r);
		else if (json_array_size(array) == LIST_ROWS_MAX)
			code = too_many();
		else if (json_array_append_new(array, list_row(statement)) < 0)
			code = PMIG_ENOMEM;
	if (code == PMIG_ENOMEM)
		(void)error_set(code, "not enough memory for the list");
	if (code >= 0 && (json_dumpf(array, out, JSON_INDENT(2)) < 0 || putc('\n', out) == EOF))
		code = error_set(PMIG_EIO, "the list could not be written");
	if (code >= 0)
		code = (int)json_array_size(array);
	json_decref(array);
	return code;
}

static int print(struct database *db, sqlite3_stmt *statement, const struct list_options *o, FILE *out)
{
	int r = o->form == LIST_JSON ? print_json(db, statement, out) : print_table(db, statement, o, out);
	return r >= 0 && ferror(out) ? error_set(PMIG_EIO, "the list could not be written") : r;
}

int list_prepare(struct database *db, const char *name, const struct list_options *o, sqlite3_stmt **ret_statement)
{
	const struct list_query *query = find(name);
	if (query == NULL)
		return no_such(name);
	int r = database_prepare(db, query->sql, ret_statement);
	if (r < 0)
		return error_prefix(r, "registry: %s", query->name);
	const struct {
		const char *name, *text;
	} parameters[] = {{":process", o->process}, {":resource", o->resource}};
	for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
		int at = sqlite3_bind_parameter_index(*ret_statement, parameters[i].name);
		if (at > 0 && parameters[i].text != NULL)
			sqlite3_bind_text(*ret_statement, at, parameters[i].text, -1, SQLITE_STATIC);
	}
	return 0;
}

int list_run(struct database *db, const char *name, const struct list_options *o, FILE *out)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = list_prepare(db, name, o, &statement);
	if (r < 0)
		return r;
	r = print(db, statement, o, out);
	return r < 0 ? error_prefix(r, "registry: %s", name) : r;
}

/* --- a statement of the user's --- */

struct clock {
	struct timespec end;
};

static int is_late(void *context)
{
	struct timespec now;
	const struct clock *c = context;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > c->end.tv_sec || (now.tv_sec == c->end.tv_sec && now.tv_nsec >= c->end.tv_nsec);
}

/* What only reads rows of the registry: no other file, no setting, no function that loads code. */
static int may(void *context, int action, const char *first, const char *second, const char *database, const char *trigger)
{
	(void)context, (void)first, (void)database, (void)trigger;
	if (action == SQLITE_FUNCTION)
		return strcmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE ? SQLITE_OK : SQLITE_DENY;
}

static int prepare_sql(struct database *db, const char *sql, sqlite3_stmt **ret_statement)
{
	sqlite3 *sqlite = database_sqlite(db);
	const char *rest = "";
	sqlite3_set_authorizer(sqlite, may, NULL);
	int r = sqlite3_prepare_v2(sqlite, sql, -1, ret_statement, &rest);
	sqlite3_set_authorizer(sqlite, NULL, NULL);
	if (r == SQLITE_AUTH ||
		(*ret_statement != NULL &&
			(!sqlite3_stmt_readonly(*ret_statement) || sqlite3_column_count(*ret_statement) == 0)))
		return error_set(PMIG_EREFUSED,
			"only one SELECT on the tables of the registry is allowed: nothing is changed");
	if (r == SQLITE_ERROR)
		return error_set(PMIG_EINVAL, "%s", sqlite3_errmsg(sqlite));
	if (r != SQLITE_OK)
		return database_error(db, r);
	if (*ret_statement == NULL || rest[strspn(rest, " \t\r\n;")] != '\0')
		return error_set(PMIG_EINVAL, "expected one SELECT, found %s",
			*ret_statement == NULL ? "none" : "more behind it");
	return 0;
}

int list_sql(struct database *db, const char *sql, const struct list_options *o, FILE *out)
{
	struct clock clock;
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = prepare_sql(db, sql, &statement);
	if (r < 0)
		return r;
	(void)clock_gettime(CLOCK_MONOTONIC, &clock.end);
	int ms = o->limit_ms > 0 ? o->limit_ms : LIST_SQL_MS;
	clock.end.tv_sec += ms / 1000;
	clock.end.tv_nsec += ms % 1000 * 1000000L;
	if (clock.end.tv_nsec >= 1000000000) {
		clock.end.tv_sec++;
		clock.end.tv_nsec -= 1000000000;
	}
	(void)sqlite3_limit(database_sqlite(db), SQLITE_LIMIT_LENGTH, LIST_TEXT_MAX);
	sqlite3_progress_handler(database_sqlite(db), 1000, is_late, &clock);
	r = print(db, statement, o, out);
	if (r < 0 && sqlite3_errcode(database_sqlite(db)) == SQLITE_INTERRUPT)
		r = error_set(PMIG_ETIMEOUT, "it took longer than %d ms and was stopped", ms);
	sqlite3_progress_handler(database_sqlite(db), 0, NULL, NULL);
	return r;
}
