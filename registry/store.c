/* store: the store of <pmig/port.h> on SQLite: which statement each method is. */
#include "store.h"
#include "journal.h"
#include "owner.h"
#include "row.h"
#include "travel.h"
#include "where.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct store {
	struct pmig_store port; /* first: what the callers hold */
	struct database *db;
};

static struct database *db_of(struct pmig_store *s)
{
	return ((struct store *)s)->db;
}

/* --- the shapes that most methods have --- */

static int put(struct pmig_store *s, const struct row_table *table, const void *row)
{
	int r = database_quick(db_of(s));
	return r < 0 ? r : row_put(db_of(s), table, row);
}

/* Runs a kept statement with texts bound to ?1, ?2 ... Returns the number of rows changed. */
static int change(struct pmig_store *s, const char *sql, size_t count, const char *const texts[])
{
	DATABASE_KEPT sqlite3_stmt *statement = NULL;
	int r = database_quick(db_of(s));
	if (r >= 0)
		r = database_statement(db_of(s), sql, sql, &statement);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		sqlite3_bind_text(statement, (int)i + 1, texts[i], -1, SQLITE_STATIC);
	return database_run(db_of(s), statement);
}

/* The first row that `rest` finds, in one block. */
static int get(struct pmig_store *s, const struct row_table *table, const char *rest, const char *key, void **ret_row)
{
	if (key == NULL)
		return error_set(PMIG_EINVAL, "%s: no name", table->noun);
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = row_select(db_of(s), table, rest, key, &statement);
	if (r < 0)
		return r;
	union row row;
	r = row_next(db_of(s), table, statement, &row);
	if (r == 0)
		return error_set(PMIG_ENOENT, "%.255s: no such %s in the registry", key, table->noun);
	return r < 0 ? r : row_copy(table, &row, ret_row);
}

/* A method that walks over the rows that `rest` selects; `key` is bound to ?1, NULL: nothing. */
#define WALK(s, noun, rest, key, each, context) \
	do { \
		DATABASE_OWN sqlite3_stmt *statement = NULL; \
		struct pmig_##noun##_row row; \
		int r = row_select(db_of(s), &row_##noun, rest, key, &statement); \
		while (r >= 0 && (r = row_next(db_of(s), &row_##noun, statement, &row)) > 0) { \
			r = each(context, &row); \
			if (r != 0) \
				return r; \
		} \
		return r; \
	} while (0)

/* --- batches --- */

static int batch_begin(struct pmig_store *s)
{
	return database_begin(db_of(s), false);
}

static int batch_commit(struct pmig_store *s)
{
	return database_commit(db_of(s));
}

static int batch_rollback(struct pmig_store *s)
{
	database_rollback(db_of(s));
	return 0;
}

/* --- processes --- */

static int process_put(struct pmig_store *s, const struct pmig_process_row *row)
{
	int r = put(s, &row_process, row);
	return r == PMIG_EEXIST ? error_set(r, "%s: another process with this name lives; choose another name", row->name)
				: r;
}

static int process_set(struct pmig_store *s, const char *uuid, enum pmig_process_state state, int64_t pid,
	int64_t exit_status)
{
	/* one that has ended (8) goes on only where it is restored (1) or its image waits (5): who is late with what was true before has
	 * not heard of the end */
	static const char sql[] = "UPDATE processes SET state = iif(state = 8 AND ?2 NOT IN (1, 5), state, ?2),"
				  " pid = iif(?3 < 0, pid, ?3), exit_status = iif(?4 < 0, exit_status, ?4) WHERE uuid = ?1";
	if (uuid == NULL || state < PMIG_PROCESS_STARTING || state > PMIG_PROCESS_ENDED)
		return error_set(PMIG_EINVAL, "process: no uuid or no state");
	DATABASE_KEPT sqlite3_stmt *statement = NULL;
	int r = state == PMIG_PROCESS_ENDED
		? database_firm(db_of(s)) /* its status is told, and who asks later is told the same */
		: database_quick(db_of(s));
	if (r >= 0)
		r = database_statement(db_of(s), sql, sql, &statement);
	if (r < 0)
		return r;
	sqlite3_bind_text(statement, 1, uuid, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, state);
	sqlite3_bind_int64(statement, 3, pid);
	sqlite3_bind_int64(statement, 4, exit_status);
	r = database_run(db_of(s), statement);
	if (r == PMIG_EEXIST)
		return error_set(r, "%.64s: another process with its name lives", uuid);
	return r == 0 ? error_set(PMIG_ENOENT, "%.64s: no such process in the registry", uuid) : r < 0 ? r : 0;
}

static int process_get(struct pmig_store *s, const char *uuid_or_name, struct pmig_process_row **ret_row)
{
	return get(s, &row_process,
		"WHERE uuid = ?1 OR name = ?1 ORDER BY uuid = ?1 DESC, state < 7 DESC, started DESC LIMIT 1", uuid_or_name,
		(void **)ret_row);
}

static int process_list(struct pmig_store *s, int (*each)(void *, const struct pmig_process_row *), void *context)
{
	WALK(s, process, "ORDER BY started, uuid", NULL, each, context);
}

static int process_drop(struct pmig_store *s, const char *uuid)
{
	int r = database_begin(db_of(s), false);
	if (r < 0)
		return r;
	r = change(s, "DELETE FROM processes WHERE uuid = ?1", 1, &uuid);
	if (r == 0)
		r = error_set(PMIG_ENOENT, "%.64s: no such process in the registry", uuid);
	if (r >= 0)
		r = change(s, "DELETE FROM policies WHERE process = ?1", 1, &uuid);
	if (r >= 0)
		r = change(s, "DELETE FROM handovers WHERE process = ?1", 1, &uuid);
	if (r >= 0)
		return database_commit(db_of(s));
	database_rollback(db_of(s));
	return r;
}

/* --- resources --- */

static int resource_put(struct pmig_store *s, const struct pmig_resource_row *row)
{
	return put(s, &row_resource, row);
}

static int resource_withdraw(struct pmig_store *s, const char *process, int64_t slot)
{
	static const char sql[] = "DELETE FROM resources WHERE process = ?1 AND slot = ?2";
	DATABASE_KEPT sqlite3_stmt *statement = NULL;
	int r = database_quick(db_of(s));
	if (r >= 0)
		r = database_statement(db_of(s), sql, sql, &statement);
	if (r < 0)
		return r;
	sqlite3_bind_text(statement, 1, process, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, slot);
	r = database_run(db_of(s), statement);
	return r < 0 ? r : 0;
}

static int resource_list(struct pmig_store *s, const char *process, int (*each)(void *, const struct pmig_resource_row *),
	void *context)
{
	WALK(s, resource, "WHERE process = ?1 ORDER BY slot", process, each, context);
}

/* --- journal and owner --- */

static int handover_begin(struct pmig_store *s, const struct pmig_handover_row *row)
{
	return journal_begin(db_of(s), row);
}

static int handover_step(struct pmig_store *s, const char *id, const char *step, enum pmig_phase phase, const char *detail)
{
	return journal_step(db_of(s), id, step, phase, detail);
}

static int handover_finish(struct pmig_store *s, const char *id, enum pmig_handover_state state, const char *reason)
{
	return journal_finish(db_of(s), id, state, reason);
}

static int handover_get(struct pmig_store *s, const char *process, struct pmig_handover_row **ret_row)
{
	return journal_get(db_of(s), process, ret_row);
}

static int step_list(struct pmig_store *s, const char *id, int (*each)(void *, const struct pmig_step_row *), void *context)
{
	WALK(s, step, "WHERE handover = ?1 ORDER BY sequence", id, each, context);
}

static int get_owner(struct pmig_store *s, const char *process, struct pmig_owner *ret_owner)
{
	return owner_get(db_of(s), process, ret_owner);
}

static int claim(struct pmig_store *s, const char *process, uint64_t epoch, const char *host)
{
	return owner_claim(db_of(s), process, epoch, host);
}

static int bar(struct pmig_store *s, const char *process, uint64_t epoch)
{
	return owner_bar(db_of(s), process, epoch);
}

/* --- images --- */

static int image_put(struct pmig_store *s, const struct pmig_image_row *row)
{
	struct pmig_image_row stamped = *row;
	if (stamped.made == 0)
		stamped.made = journal_now();
	return put(s, &row_image, &stamped);
}

static int image_drop(struct pmig_store *s, const char *path)
{
	int r = change(s, "DELETE FROM images WHERE path = ?1", 1, &path);
	return r < 0 ? r : 0;
}

static int image_list(struct pmig_store *s, const char *process, int (*each)(void *, const struct pmig_image_row *),
	void *context)
{
	WALK(s, image, "WHERE process = ?1 ORDER BY epoch DESC, made DESC, path", process, each, context);
}

/* --- decisions, hosts, providers, references --- */

static int decision_put(struct pmig_store *s, const struct pmig_decision_row *row)
{
	return put(s, &row_decision, row);
}

static int decision_list(struct pmig_store *s, const char *handover, int (*each)(void *, const struct pmig_decision_row *),
	void *context)
{
	WALK(s, decision, "WHERE handover = ?1 ORDER BY slot", handover, each, context);
}

static int host_put(struct pmig_store *s, const struct pmig_host_row *row)
{
	return put(s, &row_host, row);
}

static int host_get(struct pmig_store *s, const char *name, struct pmig_host_row **ret_row)
{
	void *row;
	int r = get(s, &row_host, "WHERE name = ?1", name, &row);
	if (r >= 0)
		*ret_row = row;
	return r;
}

static int provider_put(struct pmig_store *s, const struct pmig_provider_row *row)
{
	return put(s, &row_provider, row);
}

static int provider_list(struct pmig_store *s, const char *host, int (*each)(void *, const struct pmig_provider_row *),
	void *context)
{
	WALK(s, provider, "WHERE host = ?1 ORDER BY type, locator", host, each, context);
}

static int reference_put(struct pmig_store *s, const struct pmig_reference_row *row)
{
	return put(s, &row_reference, row);
}

static int reference_drop(struct pmig_store *s, const char *process, const char *kind, const char *from)
{
	const char *texts[] = {process, kind, from};
	int r = change(s, "DELETE FROM references_ WHERE process = ?1 AND kind = ?2 AND \"from\" = ?3", 3, texts);
	return r < 0 ? r : 0;
}

static int reference_list(struct pmig_store *s, const char *process, int (*each)(void *, const struct pmig_reference_row *),
	void *context)
{
	WALK(s, reference, "WHERE process = ?1 ORDER BY slot, kind, \"from\"", process, each, context);
}

/* --- what was added later --- */

static int provider_drop(struct pmig_store *s, const char *host, const char *type, const char *locator)
{
	const char *texts[] = {host, type, locator};
	return change(s, "DELETE FROM providers WHERE host = ?1 AND type = ?2 AND locator = ?3", 3, texts);
}

static int policy_put(struct pmig_store *s, const struct pmig_policy_row *row)
{
	struct pmig_policy_row stamped = *row;
	struct timespec now;
	if (stamped.added == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0)
		stamped.added = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	return put(s, &row_policy, &stamped);
}

static int policy_drop(struct pmig_store *s, const char *process, const char *name)
{
	const char *texts[] = {process != NULL ? process : "", name};
	return change(s, "DELETE FROM policies WHERE process = ?1 AND name = ?2", 2, texts);
}

static int policy_list(struct pmig_store *s, const char *process, int (*each)(void *, const struct pmig_policy_row *),
	void *context)
{
	WALK(s, policy, "WHERE process = ?1 ORDER BY added, name", process != NULL ? process : "", each, context);
}

/* --- travel --- */

static int rows_export(struct pmig_store *s, const char *process, char **ret_json)
{
	return travel_export(db_of(s), process, ret_json);
}

static int rows_import(struct pmig_store *s, const char *process, const char *json, size_t size)
{
	return travel_import(db_of(s), process, json, size);
}

/* --- opening --- */

void registry_store_close(struct pmig_store *s)
{
	if (s == NULL)
		return;
	database_close(db_of(s));
	free(s);
}

static const struct pmig_store methods = {
	.version = PMIG_STORE_VERSION,
	.close = registry_store_close,
	.batch_begin = batch_begin,
	.batch_commit = batch_commit,
	.batch_rollback = batch_rollback,
	.process_put = process_put,
	.process_set = process_set,
	.process_get = process_get,
	.process_list = process_list,
	.process_drop = process_drop,
	.resource_put = resource_put,
	.resource_withdraw = resource_withdraw,
	.resource_list = resource_list,
	.handover_begin = handover_begin,
	.handover_step = handover_step,
	.handover_finish = handover_finish,
	.handover_get = handover_get,
	.step_list = step_list,
	.owner_get = get_owner,
	.owner_claim = claim,
	.owner_bar = bar,
	.image_put = image_put,
	.image_drop = image_drop,
	.image_list = image_list,
	.decision_put = decision_put,
	.decision_list = decision_list,
	.host_put = host_put,
	.host_get = host_get,
	.provider_put = provider_put,
	.provider_list = provider_list,
	.reference_put = reference_put,
	.reference_drop = reference_drop,
	.reference_list = reference_list,
	.rows_export = rows_export,
	.rows_import = rows_import,
	.provider_drop = provider_drop,
	.policy_put = policy_put,
	.policy_drop = policy_drop,
	.policy_list = policy_list,
};

static int open_store(const char *path, enum database_mode mode, struct pmig_store **ret_store)
{
	char found[PATH_MAX];
	if (path == NULL) {
		int r = where_registry(found);
		if (r < 0)
			return r;
		path = found;
	}
	struct store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return error_set(PMIG_ENOMEM, "%s: not enough memory", path);
	store->port = methods;
	int r = database_open(path, mode, &store->db);
	if (r < 0) {
		free(store);
		return r;
	}
	*ret_store = &store->port;
	return 0;
}

int registry_store_open(const char *path, struct pmig_store **ret_store)
{
	return open_store(path, DATABASE_WRITE, ret_store);
}

int registry_store_open_readonly(const char *path, struct pmig_store **ret_store)
{
	return open_store(path, DATABASE_READ, ret_store);
}

struct database *registry_store_database(struct pmig_store *store)
{
	return db_of(store);
}
