/* move_plan: what is decided before anything is touched, and what is put in place at the target. */
#include "move.h"

#include <stdio.h>
#include <string.h>

void plan_start(struct move *m)
{
	const json_t *facts = remote_facts(m->target);
	const char *state = json_string_value(json_object_get(facts, "state"));
	if (strcmp(state, "empty") != 0 && strcmp(state, "away") != 0 && strcmp(state, "ended") != 0) {
		move_blame(m, error_set(PMIG_EREFUSED, "a copy of %s is at %s already (%s)", m->supervisor->name, m->target_label, state));
		move_next(m, HANDOVER_FAILED);
		return;
	}
	uint64_t seen = (uint64_t)json_integer_value(json_object_get(facts, "owner_epoch"));
	uint64_t barred = (uint64_t)json_integer_value(json_object_get(facts, "barred"));
	if (seen >= m->epoch)
		m->epoch = seen + 1;
	if (barred >= m->epoch)
		m->epoch = barred + 1;
	move_next(m, HANDOVER_DONE);
}
