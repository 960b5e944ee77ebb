/* journal: hand-overs and their steps, each durable before the step is done. Contract: struct pmig_store in <pmig/port.h>. */
#ifndef PMIG_REGISTRY_JOURNAL_H
#define PMIG_REGISTRY_JOURNAL_H

#include "database.h"
#include <pmig/port.h>

int journal_begin(struct database *db, const struct pmig_handover_row *row) PMIG_MUST_CHECK;
int journal_step(struct database *db, const char *id, const char *step, enum pmig_phase phase,
	const char *detail) PMIG_MUST_CHECK;
int journal_finish(struct database *db, const char *id, enum pmig_handover_state state, const char *reason) PMIG_MUST_CHECK;
int journal_get(struct database *db, const char *process, struct pmig_handover_row **ret_row) PMIG_MUST_CHECK;

/* Nanoseconds since 1970. */
int64_t journal_now(void);

#endif
