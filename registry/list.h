/* list: the registry shown to people and programs: named queries, printed as an aligned table or as JSON. */
#ifndef PMIG_REGISTRY_LIST_H
#define PMIG_REGISTRY_LIST_H

#include "runtime/base/error.h"
#include <stdio.h>

struct database; /* database.h; registry_store_database() has it */

enum list_form { LIST_TABLE = 1, LIST_JSON };

struct list_query {
	const char *name;  /* "processes" */
	const char *about; /* one line */
	const char *sql;   /* its columns' names are the headings; :process is bound where it occurs */
};

/* All queries, in the order to show them; *ret_count of them. */
const struct list_query *list_queries(size_t *ret_count);

/* Prints the result of the query `name` to `out`. `process`: uuid or name of the one process to show, NULL: all.
 * A table is aligned, with a heading; bytes that would act on a terminal are shown as \xNN. JSON is an array of objects.
 * Returns the number of rows. PMIG_ENOENT (no such query: the sentence lists those that are), PMIG_ECORRUPT, PMIG_EIO. */
int list_run(struct database *db, const char *name, const char *process, enum list_form form, FILE *out) PMIG_MUST_CHECK;

#endif
