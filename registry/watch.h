/* watch: what changes in a registry, row by row, as it changes. Woken by the file system when the database or its log is written, never by
 * a clock (inotify(7); sqlite.org/pragma.html#pragma_data_version).
 *
 * Normal usage: watch_open(); then, whenever watch_fd() can be read, watch_see(); watch_close(). */
#ifndef PMIG_REGISTRY_WATCH_H
#define PMIG_REGISTRY_WATCH_H

#include "runtime/base/error.h"
#include <jansson.h>

struct database;
struct watch;

/* `list` is a name of tbl/query.h, `change` "added", "changed" or "removed". `row` as it is now (removed: as it was), `before` (changed): the
 * columns that are others now, as they were. Borrowed until it returns. */
typedef void watch_each(void *context, const char *list, const char *change, const json_t *row, const json_t *before);

/* What is there now is not told. The database, open for reading, is borrowed until watch_close(). PMIG_EIO, PMIG_ENOMEM, PMIG_ECORRUPT. */
int watch_open(struct database *db, const char *process, struct watch **ret_watch) PMIG_MUST_CHECK;

/* Readable when there may be something to see. */
int watch_fd(const struct watch *w);

/* Tells what is another since the last call; the number of changes. PMIG_EGONE: the registry was taken away. Does not wait. */
int watch_see(struct watch *w, watch_each *each, void *context) PMIG_MUST_CHECK;

/* Takes NULL. */
void watch_close(struct watch *w);

#endif
