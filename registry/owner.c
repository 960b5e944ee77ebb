/* owner: who owns a process, as fencing tokens: claim and bar of epochs. */
#include "owner.h"
#include "row.h"

#include <stdio.h>
#include <string.h>

static const char select_sql[] = "SELECT epoch, host, barred FROM owners WHERE process = ?1";
static const char put_sql[] = "INSERT INTO owners (process, epoch, host, barred) VALUES (?1, ?2, ?3, ?4)"
			      " ON CONFLICT (process) DO UPDATE SET epoch = ?2, host = ?3, barred = ?4";

int owner_get(struct database *db, const char *process, struct pmig_owner *ret_owner)
{
	if (!row_is_uuid(process))
		return error_set(PMIG_EINVAL, "owner: %.64s: not a uuid", process);
	DATABASE_KEPT sqlite3_stmt *statement = NULL;
	int r = database_statement(db, select_sql, select_sql, &statement);
	if (r < 0)
		return r;
	sqlite3_bind_text(statement, 1, process, -1, SQLITE_STATIC);
	struct pmig_owner owner = {0};
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		const char *host = (const char *)sqlite3_column_text(statement, 1);
		owner.epoch = (uint64_t)sqlite3_column_int64(statement, 0);
		owner.barred = (uint64_t)sqlite3_column_int64(statement, 2);
		if (host == NULL || strlen(host) > PMIG_NAME_MAX || owner.epoch > INT64_MAX || owner.barred > INT64_MAX)
			return error_set(PMIG_ECORRUPT, "%s: the registry is damaged: owner of %s", database_path(db),
				process);
		strcpy(owner.host, host);
	} else if (r != SQLITE_DONE) {
		return error_prefix(database_error(db, r), "owner");
	}
	*ret_owner = owner;
	return 0;
}

static int put(struct database *db, const char *process, const struct pmig_owner *owner)
{
	DATABASE_KEPT sqlite3_stmt *statement = NULL;
	int r = database_statement(db, put_sql, put_sql, &statement);
	if (r < 0)
		return r;
	sqlite3_bind_text(statement, 1, process, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, (int64_t)owner->epoch);
	sqlite3_bind_text(statement, 3, owner->host, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, (int64_t)owner->barred);
	r = database_run(db, statement);
	return r < 0 ? r : 0;
}

/* Decides about a claim. 1: to be written, 0: it stands already. */
static int judge_claim(const struct pmig_owner *owner, uint64_t epoch, const char *host)
{
	if (owner->barred >= epoch)
		return error_set(PMIG_ESTALE, "epoch %llu is barred here: the hand-over was given up",
			(unsigned long long)epoch);
	if (owner->epoch > epoch)
		return error_set(PMIG_ESTALE, "epoch %llu is over: %s owns epoch %llu", (unsigned long long)epoch,
			owner->host, (unsigned long long)owner->epoch);
	if (owner->epoch < epoch)
		return 1;
	if (strcmp(owner->host, host) != 0)
		return error_set(PMIG_ESTALE, "epoch %llu belongs to %s already", (unsigned long long)epoch, owner->host);
	return 0;
}

static int judge_bar(const struct pmig_owner *owner, uint64_t epoch)
{
	if (owner->barred >= epoch)
		return 0;
	if (owner->epoch == epoch)
		return error_set(PMIG_EEXIST, "epoch %llu was claimed here for %s", (unsigned long long)epoch, owner->host);
	return 1;
}

/* Read, judge and write are one transaction that no other writer gets into. A row that stands already was written by such a
 * transaction, so it is on disk. */
static int change(struct database *db, const char *process, uint64_t epoch, const char *host)
{
	if (epoch == 0 || epoch > INT64_MAX)
		return error_set(PMIG_EINVAL, "owner: epoch out of range");
	int r = database_begin(db, true);
	if (r < 0)
		return r;
	struct pmig_owner owner;
	r = owner_get(db, process, &owner);
	if (r >= 0)
		r = host != NULL ? judge_claim(&owner, epoch, host) : judge_bar(&owner, epoch);
	if (r > 0) {
		if (host != NULL) {
			owner.epoch = epoch;
			strcpy(owner.host, host);
		} else {
			owner.barred = epoch;
		}
		r = put(db, process, &owner);
	}
	if (r < 0) {
		database_rollback(db);
		return error_prefix(r, "%s", host != NULL ? "claim" : "bar");
	}
	return database_commit(db);
}

int owner_claim(struct database *db, const char *process, uint64_t epoch, const char *host)
{
	if (host == NULL || *host == '\0' || strlen(host) > PMIG_NAME_MAX)
		return error_set(PMIG_EINVAL, "claim: the host's name is missing or too long");
	return change(db, process, epoch, host);
}

int owner_bar(struct database *db, const char *process, uint64_t epoch)
{
	return change(db, process, epoch, NULL);
}
