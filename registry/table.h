/* table: columns of text that fit a terminal: cells that are too wide are wrapped, bytes that are no text are escaped.
 *
 * Normal usage: table_create(), table_row() with the headings, table_row() and table_note() for the rest, table_print(),
 * table_destroy(). Memory that runs short shows in the result of table_print() alone. */
#ifndef PMIG_REGISTRY_TABLE_H
#define PMIG_REGISTRY_TABLE_H

#include "runtime/base/error.h"
#include <stdio.h>

#define TABLE_COLUMNS_MAX 24

struct table;

/* Of 1 to TABLE_COLUMNS_MAX columns. NULL: no memory. */
struct table *table_create(int columns);

/* Numbers of this column (from 0) are aligned on the right. */
void table_numeric(struct table *t, int column);

/* One text a column; copied; NULL is "". */
void table_row(struct table *t, const char *const *texts);

/* A text below the row, over the whole width, indented by four more; copied. */
void table_note(struct table *t, const char *text);

/* At most `width` columns of the terminal where that can be (0: as wide as it gets), each line behind `indent` spaces. The number
 * of rows, the headings too. PMIG_ENOMEM. */
int table_print(struct table *t, int width, int indent, FILE *out) PMIG_MUST_CHECK;

/* One text, escaped and wrapped in the same way: `first` spaces before the first line, `indent` before others. */
void table_wrap(const char *text, int width, int first, int indent, FILE *out);

/* Takes NULL. */
void table_destroy(struct table *t);

#endif
