/* row: the rows of <pmig/port.h> between structs, SQL and JSON, as tbl/row.h describes their columns. */
#ifndef PMIG_REGISTRY_ROW_H
#define PMIG_REGISTRY_ROW_H

#include "database.h"
#include <jansson.h>
#include <pmig/port.h>

enum row_type {
	ROW_TEXT = 1, /* not empty */
	ROW_OPTIONAL, /* NULL is taken as "" */
	ROW_UUID,
	ROW_ARRAY,   /* the text of a JSON array */
	ROW_INTEGER, /* int64_t */
	ROW_COUNT,   /* uint64_t, up to INT64_MAX */
	ROW_ENUM,    /* 1 to max */
	ROW_BITS,    /* 0 to max */
	ROW_BOOL
};

#define ROW_KEY 1u   /* part of the primary key */
#define ROW_LOCAL 2u /* does not travel */

struct row_column {
	const char *name;
	size_t offset;
	enum row_type type;
	int64_t max;
	unsigned flags;
};

struct row_table {
	const char *name; /* in the database */
	const char *noun;
	size_t size; /* of the struct */
	size_t count;
	const struct row_column *columns;
};

extern const struct row_table row_process, row_resource, row_host, row_provider, row_handover, row_step, row_decision,
	row_reference, row_image, row_policy;

/* A row with all of its struct in place; large enough for each. */
union row {
	struct pmig_process_row process;
	struct pmig_resource_row resource;
	struct pmig_host_row host;
	struct pmig_provider_row provider;
	struct pmig_handover_row handover;
	struct pmig_step_row step;
	struct pmig_decision_row decision;
	struct pmig_reference_row reference;
	struct pmig_image_row image;
	struct pmig_policy_row policy;
};

/* True for 8-4-4-4-12 lower-case hexadecimal digits. */
bool row_is_uuid(const char *text);

/* Whether the row may be stored; PMIG_EINVAL names the column. */
int row_check(const struct row_table *table, const void *row) PMIG_MUST_CHECK;

/* Inserts, or replaces the row of the same key. */
int row_put(struct database *db, const struct row_table *table, const void *row) PMIG_MUST_CHECK;

/* "SELECT all columns FROM table " and `rest`, prepared; what `rest` needs is bound from ?1 on: `key` where it is not NULL. */
int row_select(struct database *db, const struct row_table *table, const char *rest, const char *key,
	sqlite3_stmt **ret_statement) PMIG_MUST_CHECK;

/* The next row of a row_select(), its texts borrowed until the next call. Returns 1, or 0 when there is none. PMIG_ECORRUPT: a
 * value that row_check() would not have let in. */
int row_next(struct database *db, const struct row_table *table, sqlite3_stmt *statement, void *ret_row) PMIG_MUST_CHECK;

/* The row in one block; free(). */
int row_copy(const struct row_table *table, const void *row, void **ret_row) PMIG_MUST_CHECK;

/* The row as a JSON object without its local columns; a new reference, NULL where memory is short. A text that is not UTF-8
 * becomes {"hex": "..."}. */
json_t *row_to_json(const struct row_table *table, const void *row);

/* The reverse: fills all but the local columns; texts are borrowed from `object`, in which {"hex"} is replaced by its text.
 * PMIG_ECORRUPT names table and column. */
int row_from_json(const struct row_table *table, json_t *object, void *ret_row) PMIG_MUST_CHECK;

#endif
