/* row: the rows of <pmig/port.h> between structs and SQL, as tbl/row.h describes their columns. */
#include "row.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_TABLE_BEGIN(n, table) static const struct row_column n##_columns[] = {
#define ROW_COLUMN(n, member, type, max, flags) {#member, offsetof(struct pmig_##n##_row, member), type, max, flags},
#define ROW_TABLE_END(n) \
	} \
	;
/* clang-format off */
#include "tbl/row.h"
#undef ROW_TABLE_BEGIN
#undef ROW_COLUMN
#undef ROW_TABLE_END

#define ROW_TABLE_BEGIN(n, table) \
	const struct row_table row_##n = {table, #n, sizeof(struct pmig_##n##_row), sizeof n##_columns / sizeof *n##_columns, n##_columns};
#define ROW_COLUMN(n, member, type, max, flags)
#define ROW_TABLE_END(n)
#include "tbl/row.h"
#undef ROW_TABLE_BEGIN
#undef ROW_COLUMN
#undef ROW_TABLE_END
/* clang-format on */

/* Enumerations are stored as they are in the struct: as an unsigned int. */
_Static_assert(sizeof(enum pmig_binding) == sizeof(unsigned), "enumerations are read as unsigned");

static bool is_text(enum row_type type)
{
	return type == ROW_TEXT || type == ROW_OPTIONAL || type == ROW_UUID || type == ROW_ARRAY;
}

static const char *get_text(const struct row_column *c, const void *row)
{
	const char *text = *(const char *const *)((const char *)row + c->offset);
	return text == NULL && c->type == ROW_OPTIONAL ? "" : text;
}

/* A count beyond INT64_MAX comes out negative, which check_number() refuses. */
static int64_t get_number(const struct row_column *c, const void *row)
{
	const void *at = (const char *)row + c->offset;
	switch (c->type) {
	case ROW_INTEGER:
		return *(const int64_t *)at;
	case ROW_COUNT:
		return (int64_t)*(const uint64_t *)at;
	case ROW_BOOL:
		return *(const bool *)at;
	default:
		return *(const unsigned *)at;
	}
}

static void set_number(const struct row_column *c, void *row, int64_t value)
{
	void *at = (char *)row + c->offset;
	switch (c->type) {
	case ROW_INTEGER:
		*(int64_t *)at = value;
		break;
	case ROW_COUNT:
		*(uint64_t *)at = (uint64_t)value;
		break;
	case ROW_BOOL:
		*(bool *)at = value != 0;
		break;
	default:
		*(unsigned *)at = (unsigned)value;
	}
}

bool row_is_uuid(const char *text)
{
	size_t i = 0;
	for (; i < PMIG_UUID_LENGTH && text[i] != '\0'; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
			return false;
	}
	return i == PMIG_UUID_LENGTH && text[i] == '\0';
}

/* NULL where it is good, else what is wrong. */
static const char *check_text(const struct row_column *c, const char *text)
{
	if (text == NULL)
		return "is missing";
	if (c->type == ROW_UUID)
		return row_is_uuid(text) ? NULL : "is not a uuid";
	if (c->type != ROW_OPTIONAL && *text == '\0')
		return "is empty";
	return strnlen(text, (size_t)c->max + 1) > (size_t)c->max ? "is too long" : NULL;
}

static const char *check_number(const struct row_column *c, int64_t value)
{
	int64_t low = c->type == ROW_INTEGER ? INT64_MIN : c->type == ROW_ENUM ? 1 : 0;
	int64_t high = c->type == ROW_INTEGER || c->type == ROW_COUNT ? INT64_MAX : c->type == ROW_BOOL ? 1 : c->max;
	return value < low || value > high ? "is out of range" : NULL;
}

/* As check_text(), for a text that comes in: what is stored already was an array when it came. */
static const char *check_new_text(const struct row_column *c, const char *text)
{
	const char *wrong = check_text(c, text);
	if (wrong != NULL || c->type != ROW_ARRAY)
		return wrong;
	json_t *array = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	wrong = json_is_array(array) ? NULL : "is not a JSON array";
	json_decref(array);
	return wrong;
}

static const char *check_column(const struct row_column *c, const void *row)
{
	return is_text(c->type) ? check_new_text(c, get_text(c, row)) : check_number(c, get_number(c, row));
}

int row_check(const struct row_table *table, const void *row)
{
	for (size_t i = 0; i < table->count; i++) {
		const char *wrong = check_column(&table->columns[i], row);
		if (wrong != NULL)
			return error_set(PMIG_EINVAL, "%s: %s %s", table->noun, table->columns[i].name, wrong);
	}
	return 0;
}

/* INSERT INTO t ("a", ...) VALUES (?1, ...) ON CONFLICT ("key", ...) DO UPDATE SET "b" = excluded."b", ...; free(). */
static char *put_sql(const struct row_table *table)
{
	char *sql = NULL;
	size_t size;
	FILE *out = open_memstream(&sql, &size);
	if (out == NULL)
		return NULL;
	fprintf(out, "INSERT INTO %s (", table->name);
	for (size_t i = 0; i < table->count; i++)
		fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", table->columns[i].name);
	fputs(") VALUES (", out);
	for (size_t i = 0; i < table->count; i++)
		fprintf(out, "%s?%zu", i > 0 ? ", " : "", i + 1);
	fputs(") ON CONFLICT (", out);
	const char *comma = "";
	for (size_t i = 0; i < table->count; i++)
		if (table->columns[i].flags & ROW_KEY) {
			fprintf(out, "%s\"%s\"", comma, table->columns[i].name);
			comma = ", ";
		}
	fputs(") DO UPDATE SET ", out);
	comma = "";
	for (size_t i = 0; i < table->count; i++)
		if (!(table->columns[i].flags & ROW_KEY)) {
			fprintf(out, "%s\"%s\" = excluded.\"%s\"", comma, table->columns[i].name, table->columns[i].name);
			comma = ", ";
		}
	if (fclose(out) != 0) {
		free(sql);
		return NULL;
	}
	return sql;
}

int row_put(struct database *db, const struct row_table *table, const void *row)
{
	int r = row_check(table, row);
	if (r < 0)
		return r;
	DATABASE_KEPT sqlite3_stmt *statement = NULL;
	r = database_statement(db, table, NULL, &statement);
	if (r >= 0 && statement == NULL) {
		char *sql = put_sql(table);
		r = sql != NULL ? database_statement(db, table, sql, &statement)
				: error_set(PMIG_ENOMEM, "not enough memory");
		free(sql);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < table->count; i++) {
		const struct row_column *c = &table->columns[i];
		int bound = is_text(c->type) ? sqlite3_bind_text(statement, (int)i + 1, get_text(c, row), -1, SQLITE_STATIC)
					     : sqlite3_bind_int64(statement, (int)i + 1, get_number(c, row));
		if (bound != SQLITE_OK)
			return error_prefix(database_error(db, bound), "%s: %s", table->noun, c->name);
	}
	r = database_run(db, statement);
	return r < 0 ? error_prefix(r, "%s", table->noun) : 0;
}

int row_select(struct database *db, const struct row_table *table, const char *rest, const char *key,
	sqlite3_stmt **ret_statement)
{
	char *sql = NULL;
	size_t size;
	FILE *out = open_memstream(&sql, &size);
	if (out == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory");
	fputs("SELECT ", out);
	for (size_t i = 0; i < table->count; i++)
		fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", table->columns[i].name);
	fprintf(out, " FROM %s %s", table->name, rest);
	if (fclose(out) != 0) {
		free(sql);
		return error_set(PMIG_ENOMEM, "not enough memory");
	}
	sqlite3_stmt *statement = NULL;
	int r = database_prepare(db, sql, &statement);
	free(sql);
	if (r < 0)
		return r;
	if (key != NULL) {
		int bound = sqlite3_bind_text(statement, 1, key, -1, SQLITE_TRANSIENT);
		if (bound != SQLITE_OK) {
			sqlite3_finalize(statement);
			return database_error(db, bound);
		}
	}
	*ret_statement = statement;
	return 0;
}

int row_next(struct database *db, const struct row_table *table, sqlite3_stmt *statement, void *ret_row)
{
	int r = sqlite3_step(statement);
	if (r == SQLITE_DONE)
		return 0;
	if (r != SQLITE_ROW)
		return error_prefix(database_error(db, r), "%s", table->noun);
	union row row = {0};
	for (size_t i = 0; i < table->count; i++) {
		const struct row_column *c = &table->columns[i];
		const char *wrong;
		if (is_text(c->type)) {
			const char *text = (const char *)sqlite3_column_text(statement, (int)i);
			*(const char **)((char *)&row + c->offset) = text;
			wrong = check_text(c, text);
		} else {
			int64_t value = sqlite3_column_int64(statement, (int)i);
			wrong = check_number(c, value);
			set_number(c, &row, value);
		}
		if (wrong != NULL)
			return error_set(PMIG_ECORRUPT, "%s: the registry is damaged: %s: %s %s", database_path(db),
				table->name, c->name, wrong);
	}
	memcpy(ret_row, &row, table->size);
	return 1;
}

int row_copy(const struct row_table *table, const void *row, void **ret_row)
{
	size_t size = table->size;
	for (size_t i = 0; i < table->count; i++)
		if (is_text(table->columns[i].type))
			size += strlen(get_text(&table->columns[i], row)) + 1;
	char *copy = malloc(size);
	if (copy == NULL)
		return error_set(PMIG_ENOMEM, "%s: not enough memory", table->noun);
	memcpy(copy, row, table->size);
	char *text = copy + table->size;
	for (size_t i = 0; i < table->count; i++)
		if (is_text(table->columns[i].type)) {
			*(const char **)(copy + table->columns[i].offset) = text;
			text = stpcpy(text, get_text(&table->columns[i], row)) + 1;
		}
	*ret_row = copy;
	return 0;
}

/* A text that is not UTF-8 (a path may be any bytes) as {"hex": "..."}. */
static json_t *text_to_json(const char *text)
{
	json_t *value = json_string(text);
	if (value != NULL)
		return value;
	size_t length = strlen(text);
	char *hex = malloc(2 * length + 1);
	if (hex == NULL)
		return NULL;
	for (size_t i = 0; i < length; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text[i]);
	value = json_pack("{s:s}", "hex", hex);
	free(hex);
	return value;
}

json_t *row_to_json(const struct row_table *table, const void *row)
{
	json_t *object = json_object();
	for (size_t i = 0; object != NULL && i < table->count; i++) {
		const struct row_column *c = &table->columns[i];
		if (c->flags & ROW_LOCAL)
			continue;
		json_t *value = is_text(c->type) ? text_to_json(get_text(c, row)) : json_integer(get_number(c, row));
		if (json_object_set_new(object, c->name, value) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* Replaces {"hex": "..."} by the text it stands for; NULL where it is not of that form. */
static json_t *decode_hex(json_t *object, const char *name)
{
	const char *hex = json_string_value(json_object_get(json_object_get(object, name), "hex"));
	size_t length = hex != NULL ? strlen(hex) : 1;
	if (length % 2 != 0 || strspn(hex, "0123456789abcdef") != length)
		return NULL;
	char *text = malloc(length / 2 + 1);
	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < length / 2; i++) {
		unsigned byte;
		(void)sscanf(hex + 2 * i, "%2x", &byte);
		text[i] = (char)byte;
	}
	text[length / 2] = '\0';
	json_t *value = strlen(text) == length / 2 ? json_string_nocheck(text) : NULL;
	free(text);
	(void)json_object_set_new(object, name, value);
	return value;
}

static const char *column_from_json(const struct row_column *c, json_t *object, void *row)
{
	json_t *value = json_object_get(object, c->name);
	if (value == NULL)
		return "is missing";
	if (is_text(c->type)) {
		if (json_is_object(value))
			value = decode_hex(object, c->name);
		const char *text = json_string_value(value);
		if (text == NULL)
			return "is not a text";
		*(const char **)((char *)row + c->offset) = text;
		return check_new_text(c, text);
	}
	if (c->type == ROW_BOOL && json_is_boolean(value)) {
		set_number(c, row, json_is_true(value));
		return NULL;
	}
	if (!json_is_integer(value))
		return "is not a number";
	const char *wrong = check_number(c, json_integer_value(value));
	if (wrong == NULL)
		set_number(c, row, json_integer_value(value));
	return wrong;
}

int row_from_json(const struct row_table *table, json_t *object, void *ret_row)
{
	union row row = {0};
	if (!json_is_object(object))
		return error_set(PMIG_ECORRUPT, "%s: not an object", table->noun);
	for (size_t i = 0; i < table->count; i++) {
		const struct row_column *c = &table->columns[i];
		if (c->flags & ROW_LOCAL)
			continue;
		const char *wrong = column_from_json(c, object, &row);
		if (wrong != NULL)
			return error_set(PMIG_ECORRUPT, "%s: %s %s", table->noun, c->name, wrong);
	}
	memcpy(ret_row, &row, table->size);
	return 0;
}
