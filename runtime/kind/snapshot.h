/* snapshot: the file of an SQLite connection, and what may lie beside it. */
#ifndef PMIG_KIND_SNAPSHOT_H
#define PMIG_KIND_SNAPSHOT_H

#include "../base/error.h"
#include "sqlite.h"

#include <sys/stat.h>

/* What SQLite puts beside a database: "-journal", "-wal", "-shm"; NULL: no more. */
const char *snapshot_suffix(size_t index);

/* SQLite's own descriptor of the file `st`: another one must not be opened and closed in this process, which would let its locks go
 * (fcntl(2)). -1: none. */
int snapshot_descriptor(const struct stat *st);

/* A descriptor with the content of the database as of one moment, the write-ahead log folded in; *ret_own says whether it is the
 * caller's to close or SQLite's own. `alone`: nobody else can change the file meanwhile, so that it is its own snapshot. Errors:
 * PMIG_EREFUSED in SQLite's words (locked by somebody else), PMIG_ENOMEM, PMIG_ENOSPC. */
PMIG_MUST_CHECK int snapshot_take(sqlite3 *db, const char *path, bool alone, int *ret_fd, bool *ret_own);

/* The same of a database at another host: its content in memory. */
PMIG_MUST_CHECK int snapshot_fetch(sqlite3 *db, int *ret_fd);

#endif
