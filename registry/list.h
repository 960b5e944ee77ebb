/* list: the registry shown to people and programs: named queries, and a statement of the user's that only reads, printed as a
 * table that fits the terminal or as JSON. */
#ifndef PMIG_REGISTRY_LIST_H
#define PMIG_REGISTRY_LIST_H

#include "runtime/base/error.h"
#include <jansson.h>
#include <stdio.h>

#define LIST_ROWS_MAX 1000000
#define LIST_SQL_MS 10000
#define LIST_TEXT_MAX (16 << 20) /* bytes of one value that list_sql() makes */

struct database; /* database.h; registry_store_database() has it */
struct sqlite3_stmt;

enum list_form { LIST_TABLE = 1, LIST_JSON };

struct list_query {
	const char *name;  /* "processes" */
	const char *about; /* one line */
	const char *sql;   /* its columns' names are the headings; :process and :resource are bound where they occur */
};

struct list_options {
	enum list_form form;
	int columns;          /* width of the terminal, for a table; 0: as wide as it gets */
	const char *process;  /* uuid or name of the one to show; NULL: all; borrowed until the statement has ended */
	const char *resource; /* name, slot or locator of the one to show; NULL: all; the same */
	int limit_ms;         /* of list_sql(); 0: LIST_SQL_MS */
};

/* All queries, in the order to show them; *ret_count of them. */
const struct list_query *list_queries(size_t *ret_count);

/* Prints the result of the query `name` to `out`. A table is aligned, with a heading; bytes that would act on a terminal are shown
 * as \xNN. JSON is an array of objects. Returns the number of rows. PMIG_ENOENT (no such query: the sentence lists those that are),
 * PMIG_ECORRUPT, PMIG_EIO, PMIG_ENOSPC (more than LIST_ROWS_MAX rows). */
int list_run(struct database *db, const char *name, const struct list_options *options, FILE *out) PMIG_MUST_CHECK;

/* The same of one SELECT of the user's: it can only read the registry's tables, for some seconds. PMIG_EREFUSED (anything else),
 * PMIG_EINVAL (not SQL: the sentence is SQLite's), PMIG_ETIMEOUT, and the above. */
int list_sql(struct database *db, const char *sql, const struct list_options *options, FILE *out) PMIG_MUST_CHECK;

/* A query ready to be stepped; the caller finalizes it. */
int list_prepare(struct database *db, const char *name, const struct list_options *options,
	struct sqlite3_stmt **ret_statement) PMIG_MUST_CHECK;

/* The row at which the statement stands, as a JSON object; a new reference, NULL: no memory. */
json_t *list_row(struct sqlite3_stmt *statement);

#endif
