/* move: does what the table of steps (transport/handover.h) asks for, and tells it what came of it. */
#include "channels.h"
#include "fence.h"
#include "move.h"
#include "prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAFE_POINT_MS 30000 /* for the program to reach a safe point */
#define RESTORE_MS 120000
#define LOST_MS 15000     /* a lost connection is tried again for so long before a step counts as lost */
#define PAUSE_MS 300      /* between tries */
#define IN_DOUBT_MS 10000 /* then the listener is told, and we go on asking */

static void perform(struct move *m);

void move_destroy(struct move *m)
{
	if (m == NULL)
		return;
	struct supervisor *s = m->supervisor;
	channels_undone(m);
	plan_abandon(m);
	ahead_drop(m);
	ship_destroy(m->ship);
	loop_remove(&m->timer);
	loop_remove(&m->in_doubt);
	streams_await_not(s, m);
	if (m->source != NULL) {
		remote_forget(m->source, m);
		if (supervisor_station(s, m->source) == NULL)
			supervisor_dismiss(s, m->source);
	}
	if (m->target != NULL) {
		remote_forget(m->target, m);
		if (supervisor_station(s, m->target) == NULL)
			supervisor_dismiss(s, m->target);
	}
	json_decref(m->frozen);
	json_decref(m->exit);
	free(m->kinds);
	free(m);
	s->move = NULL;
}

/* --- doing --- */

static struct remote *side(const struct move *m, enum handover_action action)
{
	return handover_side(action) == 's' ? m->source : handover_side(action) == 't' ? m->target : NULL;
}

static void on_again(void *context)
{
	perform(context);
}

static void again_later(struct move *m)
{
	struct remote *r = side(m, m->doing);
	if (r == NULL) /* both are needed */
		r = remote_is_up(m->target) ? m->source : m->target;
	if (!remote_is_up(r)) {
		m->waiting = true;
		remote_connect_later(r, m->supervisor->epoch);
	} else if (m->timer == NULL) {
		(void)loop_after(m->supervisor->loop, PAUSE_MS, on_again, m, &m->timer);
	}
}

/* No answer: tried again for a while, since every action may be done twice. */
static void lost(struct move *m)
{
	if (m->lost_since == 0)
		m->lost_since = move_now();
	if (m->doing == HANDOVER_PLAN || m->doing == HANDOVER_PREPARE || m->doing == HANDOVER_FREEZE ||
		move_now() - m->lost_since > LOST_MS) {
		m->lost_since = 0;
		move_blame(m, PMIG_EUNREACHED);
		move_next(m, HANDOVER_LOST);
		return;
	}
	again_later(m);
}

static void arrive(struct move *m)
{
	struct supervisor *s = m->supervisor;
	if (m->arrived)
		return;
	m->arrived = true;
	m->resumed = move_now();
	if (!s->placed)
		supervisor_place(s, m->frozen);
	struct station *t = supervisor_here(s);
	t->left = true;
	t->end[0] = (uint64_t)json_integer_value(json_object_get(m->frozen, "out"));
	t->end[1] = (uint64_t)json_integer_value(json_object_get(m->frozen, "err"));
	if (supervisor_station(s, m->target) == NULL)
		s->stations[s->station_count++] = (struct station){.remote = m->target};
	s->epoch = m->epoch;
	channels_arrived(m);
	s->input_sent = (uint64_t)json_integer_value(json_object_get(m->frozen, "in"));
	s->input_end_sent = false;
	streams_resume_input(s);
	streams_check(s);
	report_last_word(m, 0, "moved");
}

static bool has_ended(const struct remote *r)
{
	const char *state = json_string_value(json_object_get(remote_facts(r), "state"));
	return state != NULL && strcmp(state, "ended") == 0;
}

static void succeed(struct move *m, const json_t *answer)
{
	m->lost_since = 0;
	switch (m->doing) {
	case HANDOVER_FREEZE:
		m->froze = move_now();
		m->frozen = json_deep_copy(answer);
		(void)json_object_del(m->frozen, "decided");
		int reached = channels_check(m, answer);
		if (reached < 0)
			move_blame(m, reached);
		if (reached < 0 || !agree_check(m, answer) || move_fault("freeze:done"))
			break;
		move_next(m, HANDOVER_DONE);
		return;
	case HANDOVER_RESTORE:
		if (m->frozen == NULL)
			m->frozen = json_deep_copy(json_object_get(answer, "request"));
		move_next(m, HANDOVER_DONE);
		return;
	case HANDOVER_BAR:
		m->image_there = (uint64_t)json_integer_value(json_object_get(answer, "image"));
		if (m->image_there != 0 && m->h.back && !m->stale)
			m->h.durable = true;
		move_next(m, json_is_true(json_object_get(answer, "owned")) ? HANDOVER_OWNED : HANDOVER_BARRED);
		return;
	case HANDOVER_GO_ON: { /* after a promise it goes on with an epoch that is higher than the one that was barred */
		uint64_t epoch = (uint64_t)json_integer_value(json_object_get(answer, "epoch"));
		if (epoch > m->supervisor->epoch)
			m->supervisor->epoch = epoch;
		if (m->h.decided) {
			supervisor_say(m->supervisor,
				"%s goes on at %s; what may run of it at %s is ended when that answers", m->supervisor->name,
				m->source_label, m->target_label);
			fence_take(m->supervisor, m->id, m->epoch, m->target);
			m->target = NULL; /* nothing is asked of it any more */
		}
		move_next(m, HANDOVER_DONE);
		return;
	}
	case HANDOVER_CLAIM:
		if (!move_fault("commit:done"))
			move_next(m, HANDOVER_DONE);
		else
			move_next(m, HANDOVER_LOST);
		return;
	case HANDOVER_ACTIVATE:
		if (m->frozen == NULL)
			m->frozen = json_deep_copy(json_object_get(answer, "request"));
		arrive(m);
		m->over = json_integer_value(json_object_get(answer, "pid")) == 0 && has_ended(m->target);
		(void)move_fault("activate:done");
		move_next(m, HANDOVER_DONE);
		return;
	case HANDOVER_RELEASE:
		remote_request(m->target, "settle", NULL, NULL, NULL);
		channels_settled(m);
		(void)move_fault("release:done");
		move_next(m, HANDOVER_DONE);
		return;
	case HANDOVER_FORGET:
		report_forget(m, PMIG_STEP_DONE);
		__attribute__((fallthrough));
	default:
		move_next(m, HANDOVER_DONE);
		return;
	}
	move_blame(m, PMIG_EIO);
	move_next(m, HANDOVER_FAILED);
}

static void on_answer(void *context, int code, const json_t *answer)
{
	struct move *m = context;
	loop_remove(&m->timer);
	if (code >= 0) {
		succeed(m, answer);
	} else if (code == PMIG_EUNREACHED) {
		lost(m);
	} else if (code == PMIG_EGONE && handover_side(m->doing) == 's') {
		move_blame(m, code);
		move_next(m, m->h.gone || m->doing == HANDOVER_RELEASE ? HANDOVER_FAILED : HANDOVER_GONE);
	} else {
		m->lost_since = 0;
		move_blame(m, code);
		move_next(m, HANDOVER_FAILED);
	}
}

static void on_too_long(void *context)
{
	struct move *m = context;
	if (m->doing == HANDOVER_FREEZE) { /* the answer to the freeze will say where the program is */
		remote_request(m->source, "cancel", NULL, NULL, NULL);
		return;
	}
	remote_forget(m->target, m);
	move_blame(m,
		error_set(PMIG_ETIMEOUT, "%s did not restore %s in %d s", m->target_label, m->supervisor->name,
			RESTORE_MS / 1000));
	move_next(m, HANDOVER_FAILED);
}

static json_t *arguments(const struct move *m)
{
	json_t *a = json_object();
	(void)json_object_set_new(a, "epoch", json_integer((json_int_t)m->epoch));
	(void)json_object_set_new(a, "handover", json_string(m->id));
	(void)json_object_set_new(a, "source", json_string(m->source_label));
	(void)json_object_set_new(a, "target", json_string(m->target_label));
	if (m->doing == HANDOVER_FREEZE && m->plan != NULL)
		(void)json_object_set_new(a, "decisions", json_integer(decisions_send(m)));
	if (m->doing == HANDOVER_FREEZE && m->o.wait_children)
		(void)json_object_set_new(a, "wait_children", json_true());
	if (m->doing == HANDOVER_FREEZE && m->quiet != NULL)
		(void)json_object_set_new(a, "settle", json_true());
	if (m->doing == HANDOVER_RESTORE && m->image_epoch != 0)
		(void)json_object_set_new(a, "image_epoch", json_integer((json_int_t)m->image_epoch));
	if (m->doing == HANDOVER_GO_ON)
		(void)json_object_set_new(a, "barred", json_integer((json_int_t)(m->h.barred ? m->epoch : 0)));
	if (m->reason[0] != '\0')
		(void)json_object_set_new(a, "reason", json_string(m->reason));
	return a;
}

/* Fault points that lie before an action; the action's request has been sent for those named :sent. */
static const char *const before[] = {
	[HANDOVER_PLAN] = "plan",
	[HANDOVER_PREPARE] = "prepare",
	[HANDOVER_FREEZE] = "freeze",
	[HANDOVER_RESTORE] = "restore",
	[HANDOVER_PROMISE] = "commit",
	[HANDOVER_REPORT] = NULL,
};

static void ask(struct move *m);

/* From the promise on the source may be lost for good: what the program had written before is here by then. */
static void on_output_here(void *context, int code)
{
	struct move *m = context;
	if (code < 0) {
		move_blame(m, code);
		move_next(m, HANDOVER_FAILED);
		return;
	}
	m->has_output = true;
	ask(m);
}

static void ask(struct move *m)
{
	struct remote *r = side(m, m->doing);
	if (!remote_is_up(r)) {
		(void)error_set(PMIG_EUNREACHED, "%s is not connected", remote_label(r));
		lost(m);
		return;
	}
	if (m->doing == HANDOVER_PROMISE && !m->has_output) {
		streams_await(m->supervisor, m->source, m->frozen, on_output_here, m);
		return;
	}
	if (m->doing == HANDOVER_FREEZE && channels_quiet(m, ask))
		return;
	if (m->doing == HANDOVER_RESTORE && plain_open(m, ask))
		return;
	remote_request(r, handover_action_name(m->doing), arguments(m), on_answer, m);
	if (m->doing == HANDOVER_CLAIM && move_fault("commit:sent"))
		remote_cut(r); /* an answer that never comes */
	int limit = m->doing == HANDOVER_FREEZE ? m->o.timeout_ms : m->doing == HANDOVER_RESTORE ? RESTORE_MS : 0;
	if (limit > 0)
		(void)loop_after(m->supervisor->loop, limit, on_too_long, m, &m->timer);
}

static void perform(struct move *m)
{
	m->waiting = false;
	switch (m->doing) {
	case HANDOVER_PLAN:
		if (remote_is_up(m->target) && channels_plan(m) < 0) {
			move_blame(m, PMIG_EUNREACHED);
			move_next(m, HANDOVER_FAILED);
		} else if (remote_is_up(m->target))
			plan_start(m);
		else
			remote_connect(m->target, m->supervisor->epoch);
		break;
	case HANDOVER_PREPARE:
		ahead_prepare(m);
		break;
	case HANDOVER_SHIP:
		if (m->ship == NULL)
			ship_start(m);
		else if (remote_is_up(m->source) && remote_is_up(m->target))
			ship_again(m);
		else
			again_later(m);
		break;
	default:
		ask(m);
	}
}

static void begin(struct move *m, enum handover_action action)
{
	m->doing = action;
	move_time_begin(&m->time, action);
	if (action > m->reached && action <= HANDOVER_RELEASE)
		m->reached = action;
	if (action == HANDOVER_REPORT) {
		report_end(m);
		return;
	}
	move_tell(m, json_pack("{s:s, s:s}", "phase", handover_step_name(action), "action", handover_action_name(action)));
	if (action == HANDOVER_PREPARE && report_begin(m) < 0) {
		move_blame(m, PMIG_EIO);
		move_next(m, HANDOVER_FAILED);
		return;
	}
	if (action == HANDOVER_PREPARE)
		agree_record(m);
	if (action == HANDOVER_FREEZE)
		m->supervisor->input_held = true;
	if (action == HANDOVER_GO_ON) {
		m->resumed = move_now();
		report_forget(m, PMIG_STEP_BEGIN);
	}
	if (action < sizeof before / sizeof *before && before[action] != NULL && move_fault(before[action])) {
		move_blame(m, PMIG_EIO);
		move_next(m, HANDOVER_FAILED);
		return;
	}
	perform(m);
}

void move_next(struct move *m, enum handover_event event)
{
	enum handover_action last = m->doing;
	enum handover_action action = handover_step(&m->h, event);
	if (action == HANDOVER_NOTHING)
		return;
	if (handover_in_doubt(&m->h) && m->in_doubt == NULL && !m->reported)
		(void)loop_after(m->supervisor->loop, IN_DOUBT_MS, move_on_doubt, m, &m->in_doubt);
	if (action == last && event != HANDOVER_START) { /* it must be known: asked until it answers */
		again_later(m);
		return;
	}
	/* Whatever was under way does not matter any more. */
	loop_remove(&m->timer);
	streams_await_not(m->supervisor, m);
	if (m->source != NULL)
		remote_forget(m->source, m);
	if (m->target != NULL)
		remote_forget(m->target, m);
	if (last == HANDOVER_SHIP && event != HANDOVER_DONE) {
		ship_destroy(m->ship);
		m->ship = NULL;
	}
	if (last == HANDOVER_PREPARE) {
		ahead_drop(m);
	}
	begin(m, action);
}

/* --- from outside --- */

static int create(struct supervisor *s, const struct move_options *o, const char *target, struct remote *source,
	uint64_t epoch, struct move **ret_move)
{
	struct move *m = calloc(1, sizeof *m);
	if (m == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	*m = (struct move){.supervisor = s, .o = *o, .source = source, .epoch = epoch, .began = move_now()};
	(void)snprintf(m->target_text, sizeof m->target_text, "%s", target);
	m->o.target = m->target_text;
	if (m->o.timeout_ms <= 0)
		m->o.timeout_ms = SAFE_POINT_MS;
	(void)snprintf(m->source_label, sizeof m->source_label, "%s", remote_label(source));
	int r = supervisor_label(s, target, m->target_label);
	if (r >= 0)
		r = supervisor_uuid(m->id);
	if (r >= 0)
		fence_yield(s, m->target_label);
	if (r >= 0 && (m->target = channels_take(s, m->target_label)) == NULL)
		r = supervisor_remote(s, target, o->method, &m->target);
	if (r < 0) {
		free(m);
		return r;
	}
	s->move = m;
	*ret_move = m;
	return 0;
}

/* What another supervisor left in the middle: the target is asked first. */
int move_resume(struct supervisor *s, const struct pmig_handover_row *row)
{
	struct move *m;
	int r = create(s, &(struct move_options){0}, row->target, supervisor_here(s)->remote, row->epoch, &m);
	if (r < 0)
		return r;
	(void)snprintf(m->id, sizeof m->id, "%s", row->id);
	s->input_held = true;
	m->doing = handover_resume(&m->h, false);
	m->reached = HANDOVER_CLAIM;
	r = loop_after(s->loop, IN_DOUBT_MS, move_on_doubt, m, &m->in_doubt);
	perform(m);
	return r;
}

/* What was saved and runs nowhere continues for a new epoch, from the image that waits at the target. */
bool move_revive(struct move *m)
{
	if (m->image_epoch != 0)
		return false; /* once is enough */
	m->image_epoch = m->image_there != 0 ? m->image_there : m->epoch;
	m->epoch++;
	m->code = 0;
	m->reason[0] = '\0';
	json_decref(m->frozen);
	m->frozen = NULL;
	m->lost_since = 0;
	m->arrived = m->reported = false;
	if (supervisor_uuid(m->id) < 0 || report_begin(m) < 0)
		return false;
	m->doing = handover_revive(&m->h);
	perform(m);
	return true;
}

int move_start(struct supervisor *s, const struct move_options *o)
{
	struct station *here = supervisor_here(s);
	char label[PMIG_NAME_MAX + 1];
	int r = supervisor_label(s, o->target, label);
	if (r < 0)
		return r;
	if (s->move != NULL)
		return error_set(PMIG_EBUSY, "%s is being moved, or its move planned, already", s->name);
	if (here->ended)
		return error_set(PMIG_EREFUSED, "%s has ended with status %d; what it wrote last waits for its reader",
			s->name, s->exit_status);
	if (!s->migrates)
		return error_set(PMIG_EREFUSED,
			"%s was not built with pmig-cc, or has only just begun, or is a script that does not end with "
			"exec: it cannot move now",
			s->name);
	if (s->became[0] != '\0')
		return error_set(PMIG_EREFUSED,
			"%s has become %s by exec at %s, of which there is no copy here to send: start that program itself",
			s->name, s->became, remote_label(here->remote));
	if (strcmp(label, remote_label(here->remote)) == 0)
		return error_set(PMIG_EREFUSED, "%s runs on %s already", s->name, label);
	if (fence_waits(s, label))
		return error_set(PMIG_EBUSY, "a copy of %s that was given up may run on %s: that is to be reached first",
			s->name, label);
	for (size_t i = 0; i < s->station_count; i++)
		if (strcmp(label, remote_label(s->stations[i].remote)) == 0)
			return error_set(PMIG_EBUSY, "%s was on %s before, and its output from there has not been read yet",
				s->name, label);
	if (s->station_count == SUPERVISOR_STATIONS)
		return error_set(PMIG_EBUSY, "the output of %s on %s has not been read yet", s->name,
			remote_label(s->stations[0].remote));
	struct move *m;
	r = create(s, o, o->target, here->remote, s->epoch + 1, &m);
	if (r < 0)
		return r;
	move_next(m, HANDOVER_START);
	return 0;
}

void move_cancel(struct supervisor *s)
{
	if (s->move == NULL)
		return;
	move_blame(s->move, error_set(PMIG_ECANCELLED, "it was cancelled"));
	move_next(s->move, HANDOVER_CANCEL);
}

void move_listener_gone(struct supervisor *s, void *context)
{
	if (s->move != NULL && s->move->o.context == context)
		s->move->o.progress = NULL;
}

bool move_has_arrived(const struct supervisor *s)
{
	return s->move != NULL && s->move->arrived;
}

bool move_uses(struct supervisor *s, const struct remote *r)
{
	return s->move != NULL && (s->move->source == r || s->move->target == r);
}

/* The source says that its program went on after this hand-over: an image that is still at the target is older than that. */
static void look_back(struct move *m, const json_t *said)
{
	const char *undone = json_string_value(json_object_get(said, "undone"));
	if (undone == NULL || strcmp(undone, m->id) != 0)
		return;
	m->stale = true;
	m->h.durable = false;
}

void move_up(struct supervisor *s, struct remote *r)
{
	struct move *m = s->move;
	fence_up(s, r);
	if (m == NULL)
		return;
	if (r == m->source)
		look_back(m, remote_facts(r));
	if (r == m->target && json_object_get(remote_facts(r), "image") != NULL && m->h.back && !m->stale)
		m->h.durable = true;
	if (m->doing == HANDOVER_PLAN && r == m->target)
		perform(m);
	else if (m->waiting && (r == side(m, m->doing) || (side(m, m->doing) == NULL && (r == m->source || r == m->target))))
		perform(m);
}

void move_down(struct supervisor *s, struct remote *r, int code)
{
	struct move *m = s->move;
	fence_down(s, r);
	if (m == NULL || (r != m->source && r != m->target))
		return;
	if (r == m->source)
		ahead_lost(m);
	if (m->prepare != NULL && r == m->target) {
		prepare_lost(m->prepare, code);
	} else if (m->doing == HANDOVER_PLAN && r == m->target) {
		move_blame(m, code);
		move_next(m, HANDOVER_FAILED);
	} else if (m->waiting && r == m->target && move_decide(m)) {
		return;
	} else if (m->waiting) {
		lost(m);
	} else if (m->doing == HANDOVER_SHIP) {
		ship_lost(m, r);
		lost(m);
	}
}

bool move_event(struct supervisor *s, struct remote *r, const json_t *event)
{
	struct move *m = s->move;
	if (m == NULL || r != m->source || m->arrived ||
		strcmp(json_string_value(json_object_get(event, "event")), "exit") != 0)
		return m != NULL && r == m->source && m->arrived;
	look_back(m, event);
	bool carried = m->h.durable || m->h.back;
	if (carried) {
		json_decref(m->exit);
		m->exit = json_deep_copy(event);
	} else {
		(void)error_set(PMIG_EGONE, "%s ended with status %d while it was being moved", s->name,
			(int)json_integer_value(json_object_get(event, "status")));
		move_blame(m, PMIG_EGONE);
	}
	move_next(m, HANDOVER_GONE);
	return carried;
}

bool move_packet(struct supervisor *s, struct remote *r, const struct packet *p)
{
	if (s->move == NULL)
		return false;
	if (ahead_packet(s->move, r, p))
		return true;
	return s->move->prepare != NULL ? prepare_packet(s->move->prepare, r, p)
					: s->move->ship != NULL && ship_packet(s->move, r, p);
}

void move_room(struct supervisor *s, struct remote *r)
{
	(void)r;
	if (s->move != NULL && s->move->ship != NULL)
		ship_pump(s->move);
	if (s->move != NULL && s->move->prepare != NULL)
		prepare_pump(s->move->prepare);
}
