/* remote_database: SQLite's file system layer (VFS, https://sqlite.org/vfs.html) for a database that lies at another host, over the
 * protocol of reference/remote_file.h. Locks are those of SQLite's own layer for Unix (os_unix.c): ranges at 1 GiB, so that
 * every other process at that host honours them; the rollback journal lies beside the database there, and whoever opens it next
 * rolls back what a lost connection left half done. There is no write-ahead log: it needs shared memory. Temporary files are local.
 *
 * Normal usage:
 *   1. remote_database_serve() with the path and a connected socket;
 *   2. sqlite3_open_v2() with that path, without SQLITE_OPEN_CREATE, and REMOTE_DATABASE as the layer. */
#ifndef PMIG_KIND_REMOTE_DATABASE_H
#define PMIG_KIND_REMOTE_DATABASE_H

#include "../base/error.h"

#include <stdbool.h>

#define REMOTE_DATABASE "pmig-reference"

/* `socket` is taken, also on failure. Connections to one path share one socket; it ends with the last of them. Errors: those of
 * remote_file_connect(). */
PMIG_MUST_CHECK int remote_database_serve(const char *path, int socket);

/* Is `fd` the socket by which the database at `path` is served? */
bool remote_database_socket(const char *path, int fd);

#endif
