/* journal: hand-overs and their steps, each durable before the step is done; that it was done is written without waiting. */
#include "journal.h"
#include "row.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t journal_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The hand-over that `rest` finds by `key`: 1 and the row in one block, or 0. */
static int find(struct database *db, const char *rest, const char *key, struct pmig_handover_row **ret_row)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = row_select(db, &row_handover, rest, key, &statement);
	if (r < 0)
		return r;
	struct pmig_handover_row row;
	r = row_next(db, &row_handover, statement, &row);
	if (r <= 0)
		return r;
	void *copy = NULL;
	r = row_copy(&row_handover, &row, &copy);
	if (r < 0)
		return r;
	*ret_row = copy;
	return 1;
}

/* 1: to be written, 0: the same stands already. */
static int judge_begin(struct database *db, const struct pmig_handover_row *row)
{
	struct pmig_handover_row *known = NULL;
	int r = find(db, "WHERE id = ?1", row->id, &known);
	if (r < 0)
		return r;
	if (r > 0) {
		bool same = strcmp(known->process, row->process) == 0 && known->epoch == row->epoch &&
			strcmp(known->source, row->source) == 0 && strcmp(known->target, row->target) == 0;
		free(known);
		return same ? 0 : error_set(PMIG_EEXIST, "hand-over %s is known with other contents", row->id);
	}
	r = find(db, "WHERE process = ?1 AND state < 3", row->process, &known);
	if (r <= 0)
		return r < 0 ? r : 1;
	(void)error_set(PMIG_EBUSY, "the process is being handed over already, from %s to %s (hand-over %s is %s)",
		known->source, known->target, known->id, known->state == PMIG_HANDOVER_DOUBT ? "in doubt" : "under way");
	free(known);
	return PMIG_EBUSY;
}

/* Ends the transaction: commits what went well, else rolls back. */
static int finish(struct database *db, int r, const char *what)
{
	if (r >= 0)
		return database_commit(db);
	database_rollback(db);
	return error_prefix(r, "journal: %s", what);
}

int journal_begin(struct database *db, const struct pmig_handover_row *given)
{
	struct pmig_handover_row row = *given;
	row.state = PMIG_HANDOVER_OPEN;
	row.began = journal_now();
	row.ended = 0;
	row.reason = NULL;
	int r = row_check(&row_handover, &row);
	if (r >= 0)
		r = database_begin(db, true);
	if (r < 0)
		return r;
	r = judge_begin(db, &row);
	if (r > 0)
		r = row_put(db, &row_handover, &row);
	return finish(db, r, "begin");
}

static int next_sequence(struct database *db, const char *id, int64_t *ret_sequence)
{
	static const char sql[] = "SELECT coalesce(max(sequence), 0) + 1 FROM handover_steps WHERE handover = ?1";
	DATABASE_KEPT sqlite3_stmt *statement = NULL;
	int r = database_statement(db, sql, sql, &statement);
	if (r < 0)
		return r;
	sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
	r = sqlite3_step(statement);
	if (r != SQLITE_ROW)
		return database_error(db, r);
	*ret_sequence = sqlite3_column_int64(statement, 0);
	return 0;
}

/* Nothing is done because a step was done, and the row of a commit is followed by the claim, which is durable and with it all that
 * was written before it: of the log only the end can be lost. */
static bool is_relied_on(const char *step, enum pmig_phase phase)
{
	return phase != PMIG_STEP_DONE && strcmp(step, "commit") != 0;
}

int journal_step(struct database *db, const char *id, const char *step, enum pmig_phase phase, const char *detail)
{
	struct pmig_step_row row = {
		.handover = id, .step = step, .phase = phase, .at = journal_now(), .sequence = 1, .detail = detail};
	int r = row_check(&row_step, &row);
	if (r >= 0)
		r = database_begin(db, is_relied_on(step, phase));
	if (r < 0)
		return r;
	r = next_sequence(db, id, &row.sequence);
	if (r >= 0)
		r = row_put(db, &row_step, &row);
	return finish(db, r, step);
}

/* 1: to be written, 0: it stands already. */
static int judge_finish(struct database *db, const char *id, enum pmig_handover_state state)
{
	struct pmig_handover_row *known = NULL;
	int r = find(db, "WHERE id = ?1", id, &known);
	if (r < 0)
		return r;
	if (r == 0)
		return error_set(PMIG_ENOENT, "%s: no such hand-over", id);
	enum pmig_handover_state was = known->state;
	free(known);
	if (was >= PMIG_HANDOVER_DONE)
		return was == state ? 0 : error_set(PMIG_EINVAL, "hand-over %s is over and stays as it ended", id);
	return 1;
}

int journal_finish(struct database *db, const char *id, enum pmig_handover_state state, const char *reason)
{
	static const char sql[] = "UPDATE handovers SET state = ?2, ended = ?3, reason = ?4 WHERE id = ?1";
	if (id == NULL || !row_is_uuid(id) || state < PMIG_HANDOVER_OPEN || state > PMIG_HANDOVER_WAITS)
		return error_set(PMIG_EINVAL, "journal: finish: no id or no state");
	int r = database_begin(db,
		state != PMIG_HANDOVER_DONE); /* without that end it is found as if killed just before it */
	if (r < 0)
		return r;
	r = judge_finish(db, id, state);
	if (r > 0) {
		DATABASE_KEPT sqlite3_stmt *statement = NULL;
		r = database_statement(db, sql, sql, &statement);
		if (r >= 0) {
			sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
			sqlite3_bind_int64(statement, 2, state);
			sqlite3_bind_int64(statement, 3, state >= PMIG_HANDOVER_DONE ? journal_now() : 0);
			sqlite3_bind_text(statement, 4, reason != NULL ? reason : "", -1, SQLITE_STATIC);
			r = database_run(db, statement);
		}
	}
	return finish(db, r, "finish");
}

int journal_get(struct database *db, const char *process, struct pmig_handover_row **ret_row)
{
	int r = find(db, "WHERE process = ?1 ORDER BY state < 3 DESC, began DESC, rowid DESC LIMIT 1", process, ret_row);
	return r == 0 ? error_set(PMIG_ENOENT, "%.64s: the process was never handed over", process) : r < 0 ? r : 0;
}
