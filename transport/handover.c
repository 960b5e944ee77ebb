/* handover: the table of steps and the loop that walks it forwards and back. */
#include "handover.h"

#include <stddef.h>

/* In this order; undone in the reverse order, the failed one included since it may be half done. */
static const struct row {
	enum handover_action act;
	enum handover_action undo;
} rows[] = {
	{HANDOVER_NOTHING, HANDOVER_NOTHING}, /* row 0: nothing has begun */
	{HANDOVER_PLAN, HANDOVER_NOTHING},
	{HANDOVER_PREPARE, HANDOVER_FORGET},
	{HANDOVER_FREEZE, HANDOVER_GO_ON},
	{HANDOVER_SHIP, HANDOVER_NOTHING}, /* FORGET takes the image too */
	{HANDOVER_RESTORE, HANDOVER_UNRESTORE},
	{HANDOVER_PROMISE, HANDOVER_BAR},
	{HANDOVER_CLAIM, HANDOVER_BAR},
	{HANDOVER_ACTIVATE, HANDOVER_NOTHING}, /* no way back from here on */
	{HANDOVER_RELEASE, HANDOVER_NOTHING},
};

static const struct action {
	const char *name;
	const char *step;
	char side;
} actions[] = {
	[HANDOVER_NOTHING] = {"nothing", "", 'h'},
	[HANDOVER_PLAN] = {"plan", "plan", 'h'},
	[HANDOVER_PREPARE] = {"prepare", "prepare", 't'},
	[HANDOVER_FREEZE] = {"freeze", "freeze", 's'},
	[HANDOVER_SHIP] = {"ship", "ship", 'h'},
	[HANDOVER_RESTORE] = {"restore", "restore", 't'},
	[HANDOVER_PROMISE] = {"promise", "commit", 's'},
	[HANDOVER_CLAIM] = {"claim", "commit", 't'},
	[HANDOVER_ACTIVATE] = {"activate", "activate", 't'},
	[HANDOVER_RELEASE] = {"release", "release", 's'},
	[HANDOVER_BAR] = {"bar", "commit", 't'},
	[HANDOVER_UNRESTORE] = {"unrestore", "restore", 't'},
	[HANDOVER_GO_ON] = {"go-on", "freeze", 's'},
	[HANDOVER_FORGET] = {"forget", "prepare", 't'},
	[HANDOVER_REPORT] = {"report", "", 'h'},
};

static int row_of(enum handover_action act)
{
	for (size_t i = 1; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].act == act)
			return (int)i;
	return 0;
}

static enum handover_action report(struct handover *h, enum handover_outcome outcome)
{
	h->outcome = outcome;
	return h->doing = HANDOVER_REPORT;
}

static enum handover_action forwards(struct handover *h)
{
	h->row++;
	if (h->row == (int)(sizeof rows / sizeof *rows))
		return report(h, h->started ? HANDOVER_WAITS : HANDOVER_MOVED);
	return h->doing = rows[h->row].act;
}

/* The next thing to undo, from h->row down. */
static enum handover_action backwards(struct handover *h)
{
	for (; h->row > 0; h->row--) {
		enum handover_action undo = rows[h->row].undo;
		if (undo == HANDOVER_NOTHING || (undo == HANDOVER_BAR && h->barred) || (undo == HANDOVER_GO_ON && h->gone) ||
			(undo == HANDOVER_FORGET && h->gone && h->durable) || (h->decided && actions[undo].side == 't'))
			continue;
		return h->doing = undo;
	}
	if (!h->gone)
		return report(h, HANDOVER_STAYED);
	return report(h, h->durable ? HANDOVER_WAITS : HANDOVER_ENDED);
}

static enum handover_action turn_back(struct handover *h)
{
	h->back = true;
	return backwards(h);
}

/* Something happened on its own, while `doing` is under way. */
static enum handover_action on_gone(struct handover *h)
{
	h->gone = true;
	if (h->back && h->doing == HANDOVER_GO_ON) {
		h->row--;
		return backwards(h);
	}
	if (h->back || h->durable)
		return HANDOVER_NOTHING; /* the image carries on without its source */
	return turn_back(h);
}

static enum handover_action on_failure(struct handover *h, enum handover_event event)
{
	switch (h->doing) {
	case HANDOVER_RELEASE:
	case HANDOVER_BAR:
	case HANDOVER_GO_ON:
		return h->doing; /* must be known: asked until it answers */
	case HANDOVER_ACTIVATE:
		if (event == HANDOVER_LOST || !h->again) {
			h->again = h->again || event == HANDOVER_FAILED; /* a copy that was lost is restored once more */
			return h->doing;
		}
		h->started = true; /* the owner cannot run it: the source must end all the same */
		return forwards(h);
	case HANDOVER_UNRESTORE:
	case HANDOVER_FORGET:
		h->row--; /* nobody runs there without a claim; the target cleans up when it is asked next */
		return backwards(h);
	default:
		return turn_back(h);
	}
}

static enum handover_action on_done(struct handover *h)
{
	if (h->back) {
		if (h->doing == HANDOVER_GO_ON)
			h->durable = false; /* the image is older than the program from now on */
		h->row--;
		return backwards(h);
	}
	if (h->doing == HANDOVER_SHIP)
		h->durable = true;
	return forwards(h);
}

enum handover_action handover_step(struct handover *h, enum handover_event event)
{
	if (h->doing == HANDOVER_REPORT)
		return HANDOVER_NOTHING;
	switch (event) {
	case HANDOVER_START:
		return h->row == 0 ? forwards(h) : HANDOVER_NOTHING;
	case HANDOVER_GONE:
		return h->gone ? HANDOVER_NOTHING : on_gone(h);
	case HANDOVER_CANCEL:
		return h->back || h->row >= row_of(HANDOVER_PROMISE) ? HANDOVER_NOTHING : turn_back(h);
	case HANDOVER_OWNED:
		if (h->doing != HANDOVER_BAR)
			return HANDOVER_NOTHING;
		h->back = false;
		h->row = row_of(HANDOVER_CLAIM);
		return forwards(h);
	case HANDOVER_BARRED:
		if (h->doing != HANDOVER_BAR)
			return HANDOVER_NOTHING;
		h->barred = true;
		return on_done(h);
	case HANDOVER_DECIDED:
		if (h->doing != HANDOVER_BAR)
			return HANDOVER_NOTHING;
		h->barred = h->decided = true;
		return on_done(h);
	case HANDOVER_FAILED:
	case HANDOVER_LOST:
		return on_failure(h, event);
	case HANDOVER_DONE:
		return h->doing == HANDOVER_BAR ? HANDOVER_NOTHING : on_done(h);
	}
	return HANDOVER_NOTHING;
}

enum handover_action handover_resume(struct handover *h, bool durable)
{
	*h = (struct handover){.row = row_of(HANDOVER_CLAIM), .back = true, .durable = durable, .doing = HANDOVER_BAR};
	return h->doing;
}

enum handover_action handover_revive(struct handover *h)
{
	*h = (struct handover){.row = row_of(HANDOVER_RESTORE), .gone = true, .durable = true, .doing = HANDOVER_RESTORE};
	return h->doing;
}

bool handover_in_doubt(const struct handover *h)
{
	return h->doing == HANDOVER_CLAIM || h->doing == HANDOVER_BAR;
}

const char *handover_step_name(enum handover_action action)
{
	return actions[action].step;
}

const char *handover_action_name(enum handover_action action)
{
	return actions[action].name;
}

char handover_side(enum handover_action action)
{
	return actions[action].side;
}

const char *handover_outcome_name(enum handover_outcome outcome)
{
	static const char *const names[] = {"", "moved", "stayed", "ended", "waits"};
	return names[outcome];
}
