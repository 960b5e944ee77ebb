/* store: the store of <pmig/port.h> on SQLite. */
#ifndef PMIG_REGISTRY_STORE_H
#define PMIG_REGISTRY_STORE_H

#include "runtime/base/error.h"
#include <pmig/port.h>

struct database;

/* Opens the registry at `path` (NULL: where_registry()), makes it where it is missing (mode 0600), and brings an older one to
 * today's schema. PMIG_ECORRUPT (damaged, or not a database), PMIG_EIDENTITY (another program's database), PMIG_EVERSION (made
 * by a newer pmig); in these three cases the file is not touched. PMIG_EIO, PMIG_ENOMEM, PMIG_EBUSY, and those of
 * where_state(). */
int registry_store_open(const char *path, struct pmig_store **ret_store) PMIG_MUST_CHECK;

/* The same, reading only: nothing is made or changed, not even on an older schema (PMIG_EVERSION). PMIG_ENOENT: there is none. */
int registry_store_open_readonly(const char *path, struct pmig_store **ret_store) PMIG_MUST_CHECK;

/* As store->close(store); takes NULL. */
void registry_store_close(struct pmig_store *store);

/* What list_run() reads; borrowed until the store is closed. Only for stores opened here. */
struct database *registry_store_database(struct pmig_store *store);

#endif
