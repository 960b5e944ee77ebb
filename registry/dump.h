/* dump: the whole registry as JSON, column by column, for scripts and for safe keeping. */
#ifndef PMIG_REGISTRY_DUMP_H
#define PMIG_REGISTRY_DUMP_H

#include "runtime/base/error.h"
#include <stdio.h>

struct database;

/* {"pmig_registry": VERSION, "tables": {"processes": [{...}, ...], ...}}: one state of all tables, rows in the order of their keys. Numbers are
 * those of <pmig/port.h>; a text that is not UTF-8 is {"hex": "..."}. Row by row, so that its size does not matter. Returns the number of
 * rows. PMIG_EIO: `out` failed; PMIG_ECORRUPT, PMIG_ENOMEM. */
int dump_write(struct database *db, FILE *out) PMIG_MUST_CHECK;

#endif
