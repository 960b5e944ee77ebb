/* connection: what an open SQLite connection is set to, besides what lies in its database: carried from one connection to another.
 * What cannot be carried (an open transaction, prepared statements, temporary tables, attached databases) is told by
 * connection_ready(); functions, collations and callbacks of the program cannot be asked for: its `after` hook makes them again. */
#ifndef PMIG_KIND_CONNECTION_H
#define PMIG_KIND_CONNECTION_H

#include "../base/error.h"
#include "sqlite.h"

#include <pmig/kind.h>

struct connection_settings;

/* 0: nothing is in the way. PMIG_EBUSY: a transaction is open, and will end; PMIG_EREFUSED: the sentence says what it is. */
PMIG_MUST_CHECK int connection_ready(sqlite3 *db);

/* Writes them. Errors: PMIG_EREFUSED in SQLite's words. */
PMIG_MUST_CHECK int connection_save(sqlite3 *db, struct pmig_writer *w);

/* Reads them; *ret for free(). Errors: PMIG_ECORRUPT, PMIG_ENOMEM. */
PMIG_MUST_CHECK int connection_read(struct pmig_reader *in, struct connection_settings **ret);

/* The flags for sqlite3_open_v2(). */
int connection_flags(const struct connection_settings *s);

/* Is the database one with a write-ahead log? */
bool connection_wal(const struct connection_settings *s);

/* Sets a connection to them, and reads the database once. That somebody else has it locked at that moment is no failure. Errors:
 * PMIG_EREFUSED in SQLite's words. */
PMIG_MUST_CHECK int connection_apply(sqlite3 *db, const struct connection_settings *s);

/* The one number, or word, that `sql` answers; `otherwise`, or "", where there is none. */
int64_t connection_number(sqlite3 *db, const char *sql, int64_t otherwise);
void connection_word(sqlite3 *db, const char *sql, char *ret, size_t size);

/* "locked by somebody else (database is locked)": SQLite's own words for the last failure. */
const char *connection_words(sqlite3 *db);

#endif
