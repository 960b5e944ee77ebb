/* move_report: what is said of a hand-over: to the journal before anything is touched, and to the listener, once, at its end. */
#include "move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Home knows where to look, whoever asks and whatever became of this supervisor: the journal's row is there before anything
 * is touched. Where home is the source or the target its agent writes more of it. */
int report_begin(struct move *m)
{
	struct supervisor *s = m->supervisor;
	struct pmig_handover_row *old = NULL;
	if (m->epoch > s->tried)
		s->tried = m->epoch;
	if (s->store->handover_get(s->store, s->uuid, &old) >= 0) {
		if ((old->state == PMIG_HANDOVER_OPEN || old->state == PMIG_HANDOVER_DOUBT) && strcmp(old->id, m->id) != 0)
			(void)s->store->handover_finish(s->store, old->id, PMIG_HANDOVER_UNDONE, "it was given up");
		free(old);
	}
	return s->store->handover_begin(s->store,
		&(struct pmig_handover_row){.id = m->id,
			.process = s->uuid,
			.epoch = m->epoch,
			.source = m->source_label,
			.target = m->target_label});
}

/* An image may lie at the target. If nobody is there any more when the program goes on, fence.c has it removed. */
void report_forget(struct move *m, enum pmig_phase phase)
{
	struct supervisor *s = m->supervisor;
	if (m->reached < HANDOVER_SHIP || m->h.decided)
		return;
	if (s->store->handover_step(s->store, m->id, "forget", phase, m->target_label) < 0)
		supervisor_say(s, "%s", pmig_reason());
}

static void journal_end(struct move *m, enum pmig_handover_state state)
{
	struct supervisor *s = m->supervisor;
	(void)s->store->handover_finish(s->store, m->id, state, m->reason);
}

void move_tell(struct move *m, json_t *line)
{
	if (m->o.progress != NULL && line != NULL)
		m->o.progress(m->o.context, line);
	json_decref(line);
}

void move_blame(struct move *m, int code)
{
	if (m->code < 0)
		return;
	m->code = code;
	const char *step = m->o.plan_only ? "" : handover_action_name(m->doing); /* who asked for a plan knows */
	(void)snprintf(m->reason, sizeof m->reason, "%s%s%s", step, *step != '\0' ? ": " : "", pmig_reason());
}

/* --- the last word --- */

/* Refused and not reached are promises that nothing was touched; once it was frozen that is not so any more. What the program refuses itself
 * when it is asked to freeze, it refuses before. */
static int exit_status(const struct move *m)
{
	if (m->h.outcome == HANDOVER_WAITS || (m->h.outcome == 0 && handover_in_doubt(&m->h)))
		return error_exit_status(PMIG_EDOUBT);
	int status = error_exit_status(m->code);
	bool frozen = m->froze != 0 || m->reached > HANDOVER_FREEZE;
	return m->code < 0 && frozen && status < 5 ? 5 : status;
}

/* From when its memory was read until it is known to run. */
static json_int_t stopped_ms(const struct move *m)
{
	int64_t written = json_integer_value(json_object_get(m->frozen, "ns")) / 1000000;
	return m->resumed > m->froze ? (json_int_t)(m->resumed - m->froze + (m->froze != 0 ? written : 0)) : 0;
}

void report_last_word(struct move *m, int code, const char *outcome)
{
	if (m->reported)
		return;
	m->reported = true;
	json_t *line = json_pack("{s:b, s:s, s:s, s:s, s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:f}", "done", 1, "outcome",
		outcome, "name", m->supervisor->name, "from", m->source_label, "to", m->target_label, "epoch",
		(json_int_t)m->epoch, "exit", exit_status(m), "ms", (json_int_t)(move_now() - m->began), "stopped_ms",
		stopped_ms(m), "bytes", (json_int_t)json_integer_value(json_object_get(m->frozen, "bytes")), "frames",
		(json_int_t)json_integer_value(json_object_get(m->frozen, "frames")), "plan_ms", m->plan_ms);
	(void)json_object_set_new(line, "steps", move_time_json(&m->time));
	const char *less = m->plan != NULL ? m->plan->facts.less : NULL;
	if (code >= 0 && less != NULL && *less != '\0')
		(void)json_object_set_new(line, "less", json_string(less));
	if (code < 0) {
		(void)json_object_set_new(line, "code", json_integer(code));
		(void)json_object_set_new(line, "reason", json_string(m->reason));
	}
	move_tell(m, line);
	m->o.progress = NULL;
}

void report_doubt(void *context)
{
	struct move *m = context;
	(void)snprintf(m->reason, sizeof m->reason,
		"%s is frozen: %s was asked to take it over and does not answer; it goes on there "
		"or here as soon as that is known",
		m->supervisor->name, m->target_label);
	report_last_word(m, PMIG_EDOUBT, "doubt");
}

void report_end(struct move *m)
{
	struct supervisor *s = m->supervisor;
	enum handover_outcome outcome = m->h.outcome;
	journal_end(m,
		outcome == HANDOVER_MOVED           ? PMIG_HANDOVER_DONE
			: outcome == HANDOVER_WAITS ? PMIG_HANDOVER_DOUBT
						    : PMIG_HANDOVER_UNDONE);
	if (outcome == HANDOVER_WAITS && s->options->recover && move_revive(m))
		return;
	if (outcome == HANDOVER_MOVED) {
		m->code = 0;
	} else if (outcome == HANDOVER_WAITS) {
		m->code = PMIG_EDOUBT;
		(void)error_set(PMIG_EDOUBT, "%s runs nowhere; its image waits at %s: `pmig recover %s` continues it (%s)",
			s->name, m->target_label, s->name, m->reason);
		(void)snprintf(m->reason, sizeof m->reason, "%s", pmig_reason());
		supervisor_say(s, "%s", m->reason);
	} else if (outcome == HANDOVER_ENDED && m->code >= 0) {
		(void)error_set(PMIG_EGONE, "%s ended while it was being moved", s->name);
		move_blame(m, PMIG_EGONE);
	}
	report_last_word(m, m->code, handover_outcome_name(outcome));
	json_t *held = m->exit;
	struct remote *source = m->source, *over = outcome == HANDOVER_MOVED && m->over ? m->target : NULL;
	m->exit = NULL;
	streams_resume_input(s);
	move_destroy(m);
	if (outcome == HANDOVER_WAITS) { /* it has not ended: its image waits at the target */
		if (held == NULL)
			held = json_pack("{s:i}", "status", SUPERVISOR_FAILED);
		supervisor_exit(s, source, held);
	} else if (held != NULL && outcome != HANDOVER_MOVED) {
		supervisor_ended(s, source, held);
	}
	json_decref(held);
	if (over != NULL)
		(void)supervisor_unheard(s, over);
	streams_check(s);
}
