/* list: the registry shown to people and programs: named queries, printed as an aligned table or as JSON. */
#include "list.h"
#include "database.h"
#include "pool.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 24
#define JSON_MARK ":json"

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
	char names[256] = "";
	for (size_t i = 0; i < QUERY_COUNT; i++)
		(void)strcat(strcat(names, i > 0 ? ", " : ""), queries[i].name);
	return error_set(PMIG_ENOENT, "%.64s: the registry has no such list; it has %s", name, names);
}

/* --- table --- */

struct table {
	struct pool pool;
	int columns;
	size_t rows, room;
	const char **cells; /* row by row, the heading first */
	bool numeric[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
};

static void add_row(struct table *t, const char *const *texts)
{
	if (t->rows == t->room) {
		size_t room = t->room > 0 ? 2 * t->room : 64;
		const char **cells = reallocarray(t->cells, room * (size_t)t->columns, sizeof *cells);
		if (cells == NULL) {
			t->pool.failed = true;
			return;
		}
		t->cells = cells;
		t->room = room;
	}
	for (int i = 0; i < t->columns; i++) {
		const char *text = pool_copy(&t->pool, texts[i]);
		size_t width = text_width(text);
		t->cells[t->rows * (size_t)t->columns + (size_t)i] = text;
		if (width > t->width[i])
			t->width[i] = width;
	}
	t->rows++;
}

static void print_row(const struct table *t, size_t row, FILE *out)
{
	for (int i = 0; i < t->columns; i++) {
		const char *text = t->cells[row * (size_t)t->columns + (size_t)i];
		int fill = (int)(t->width[i] - text_width(text));
		if (t->numeric[i])
			fprintf(out, "%*s", fill, "");
		text_put(text, out);
		if (i == t->columns - 1)
			putc('\n', out);
		else
			fprintf(out, "%*s", t->numeric[i] ? 2 : fill + 2, "");
	}
}

static const char *heading(sqlite3_stmt *statement, int column, bool *ret_json)
{
	const char *name = sqlite3_column_name(statement, column);
	size_t length = name != NULL ? strlen(name) : 0, mark = strlen(JSON_MARK);
	*ret_json = length > mark && strcmp(name + length - mark, JSON_MARK) == 0;
	return name != NULL ? name : "";
}

static void add_headings(struct table *t, sqlite3_stmt *statement)
{
	const char *names[COLUMNS_MAX] = {0};
	for (int i = 0; i < t->columns; i++) {
		bool json;
		names[i] = heading(statement, i, &json);
		if (json)
			names[i] = pool_format(&t->pool, "%.*s", (int)(strlen(names[i]) - strlen(JSON_MARK)), names[i]);
	}
	add_row(t, names);
}

static int print_table(struct database *db, sqlite3_stmt *statement, FILE *out)
{
	struct table t = {.columns = sqlite3_column_count(statement)};
	int r;
	add_headings(&t, statement);
	while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *texts[COLUMNS_MAX] = {0};
		for (int i = 0; i < t.columns; i++) {
			t.numeric[i] |= sqlite3_column_type(statement, i) == SQLITE_INTEGER;
			texts[i] = (const char *)sqlite3_column_text(statement, i);
		}
		add_row(&t, texts);
	}
	int code = r == SQLITE_DONE ? 0 : database_error(db, r);
	if (code >= 0 && t.pool.failed)
		code = error_set(PMIG_ENOMEM, "not enough memory for the list");
	for (size_t row = 0; code >= 0 && row < t.rows; row++)
		print_row(&t, row, out);
	if (code >= 0)
		code = t.rows - 1 < INT32_MAX ? (int)(t.rows - 1) : INT32_MAX;
	free(t.cells);
	pool_finish(&t.pool);
	return code;
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
	default:
		text = (const char *)sqlite3_column_text(statement, column);
		json_t *value = json && text != NULL ? json_loads(text, 0, NULL) : NULL;
		return value != NULL ? value : text_json(text != NULL ? text : "");
	}
}

static json_t *row_json(sqlite3_stmt *statement)
{
	json_t *object = json_object();
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		bool json;
		const char *name = heading(statement, i, &json);
		char key[64];
		(void)snprintf(key, sizeof key, "%.*s", (int)(strlen(name) - (json ? strlen(JSON_MARK) : 0)), name);
		if (json_object_set_new(object, key, cell_json(statement, i, json)) < 0) {
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
		else if (json_array_append_new(array, row_json(statement)) < 0)
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

int list_run(struct database *db, const char *name, const char *process, enum list_form form, FILE *out)
{
	const struct list_query *query = find(name);
	if (query == NULL)
		return no_such(name);
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = database_prepare(db, query->sql, &statement);
	if (r < 0)
		return error_prefix(r, "registry: %s", query->name);
	int parameter = sqlite3_bind_parameter_index(statement, ":process");
	if (parameter > 0 && process != NULL)
		sqlite3_bind_text(statement, parameter, process, -1, SQLITE_STATIC);
	r = form == LIST_JSON ? print_json(db, statement, out) : print_table(db, statement, out);
	if (r >= 0 && ferror(out))
		r = error_set(PMIG_EIO, "the list could not be written");
	return r < 0 ? error_prefix(r, "registry: %s", query->name) : r;
}
