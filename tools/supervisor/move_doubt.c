/* move_doubt: while nobody knows who has the program: what is said of that, and what a person may decide. */
#include "move.h"

#include <string.h>

/* Nobody can ask the target whether it has the program, and a person says that the source goes on all the same. It is frozen there, and the
 * journal has it durably that what may run at the target is to be ended. */
bool move_decide(struct move *m)
{
	struct supervisor *s = m->supervisor;
	const char *state = remote_is_up(m->source) ? json_string_value(json_object_get(remote_facts(m->source), "state"))
						    : NULL;
	if (!s->options->here || m->doing != HANDOVER_BAR || state == NULL || strcmp(state, "frozen") != 0)
		return false;
	if (s->store->handover_step(s->store, m->id, "fence", PMIG_STEP_BEGIN, m->target_label) < 0) {
		supervisor_say(s, "recover: %s", pmig_reason());
		return false;
	}
	move_blame(m,
		error_set(PMIG_EDOUBT, "%s could not be asked, and it was decided that %s goes on at %s", m->target_label,
			s->name, m->source_label));
	move_next(m, HANDOVER_DECIDED);
	return true;
}

/* It takes long until somebody knows who has it. Who attached and waits for that has no listener. */
void move_on_doubt(void *context)
{
	struct move *m = context;
	if (m->arrived || m->reported)
		return;
	report_doubt(m);
	if (m->o.progress == NULL)
		supervisor_say(m->supervisor, "%s; `pmig recover` has what can be done", m->reason);
}

json_t *move_doubt(const struct supervisor *s)
{
	const struct move *m = s->move;
	if (m == NULL || m->arrived || !handover_in_doubt(&m->h))
		return NULL;
	return json_pack("{s:s, s:b, s:b}", "id", m->id, "source_reached", (int)remote_is_up(m->source), "target_reached",
		(int)remote_is_up(m->target));
}
