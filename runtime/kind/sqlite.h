/* sqlite: SQLite's functions as weak symbols: a program that is not linked with SQLite has none of them, and links all the same.
 * sqlite_linked() first, then they may be called. */
#ifndef PMIG_KIND_SQLITE_H
#define PMIG_KIND_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>

#pragma weak sqlite3_bind_int
#pragma weak sqlite3_bind_text
#pragma weak sqlite3_close
#pragma weak sqlite3_column_int64
#pragma weak sqlite3_column_text
#pragma weak sqlite3_db_config
#pragma weak sqlite3_db_filename
#pragma weak sqlite3_db_mutex
#pragma weak sqlite3_db_readonly
#pragma weak sqlite3_errmsg
#pragma weak sqlite3_errstr
#pragma weak sqlite3_exec
#pragma weak sqlite3_file_control
#pragma weak sqlite3_finalize
#pragma weak sqlite3_free
#pragma weak sqlite3_get_autocommit
#pragma weak sqlite3_last_insert_rowid
#pragma weak sqlite3_limit
#pragma weak sqlite3_next_stmt
#pragma weak sqlite3_open_v2
#pragma weak sqlite3_prepare_v2
#pragma weak sqlite3_serialize
#pragma weak sqlite3_set_last_insert_rowid
#pragma weak sqlite3_sql
#pragma weak sqlite3_step
#pragma weak sqlite3_vfs_find
#pragma weak sqlite3_vfs_register

static inline bool sqlite_linked(void)
{
	return sqlite3_open_v2 != NULL && sqlite3_prepare_v2 != NULL && sqlite3_vfs_register != NULL;
}

#endif
