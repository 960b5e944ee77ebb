/* database: one SQLite file opened as a registry: schema version, durability on demand, statements kept, errors in words.
 *
 * WAL with synchronous=NORMAL for the many small rows, raised to FULL for a transaction that must have reached the disk: the
 * write-ahead log is then synced as a whole (sqlite.org/pragma.html#pragma_synchronous). */
#ifndef PMIG_REGISTRY_DATABASE_H
#define PMIG_REGISTRY_DATABASE_H

#include "runtime/base/error.h"
#include <sqlite3.h>
#include <stdbool.h>

#define DATABASE_APPLICATION 0x706d6967 /* "pmig", in the header of the file */

struct database;

enum database_mode { DATABASE_WRITE = 1, DATABASE_READ };

/* Contract: registry_store_open() in store.h. */
int database_open(const char *path, enum database_mode mode, struct database **ret_db) PMIG_MUST_CHECK;

/* Rolls back what was not committed; takes NULL. */
void database_close(struct database *db);

/* A statement of its own; the caller finalizes it. */
int database_prepare(struct database *db, const char *sql, sqlite3_stmt **ret_statement) PMIG_MUST_CHECK;

/* The statement that is kept under the address `key`, prepared from `sql` at the first call; not to be finalized but
 * reset. NULL for `sql`: only look, *ret_statement is NULL where there is none. */
int database_statement(struct database *db, const void *key, const char *sql, sqlite3_stmt **ret_statement) PMIG_MUST_CHECK;

/* Steps a statement that gives no rows, and resets it. Returns the number of rows changed. */
int database_run(struct database *db, sqlite3_stmt *statement) PMIG_MUST_CHECK;

/* Resets a kept statement and forgets what was bound; takes NULL. */
void database_reset(sqlite3_stmt **statement);
#define DATABASE_KEPT __attribute__((cleanup(database_reset)))

/* Finalizes a statement of its own; takes NULL. */
void database_finalize(sqlite3_stmt **statement);
#define DATABASE_OWN __attribute__((cleanup(database_finalize)))

/* One writer at a time, from the start on. PMIG_EINVAL: inside another one. `durable`: commit returns when it is on disk. */
int database_begin(struct database *db, bool durable) PMIG_MUST_CHECK;
int database_commit(struct database *db) PMIG_MUST_CHECK;
void database_rollback(struct database *db);

/* A write that is one statement: needs no transaction of its own, but the mode may still be durable from before. */
int database_quick(struct database *db) PMIG_MUST_CHECK;
int database_firm(struct database *db) PMIG_MUST_CHECK; /* the same, on disk when it returns */

/* The code for an SQLite result, with the reason set: "PATH: " and the words. */
int database_error(struct database *db, int result);

const char *database_path(const struct database *db);

/* For those who ask SQLite itself. */
sqlite3 *database_sqlite(struct database *db);

/* Whether tables and indexes are those of today's schema, letter by letter; PMIG_ECORRUPT names the first that is not. */
int database_check_schema(struct database *db) PMIG_MUST_CHECK;

#endif
