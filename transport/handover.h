/* handover: the order of a move, decided without doing anything: no I/O, no clock, no globals. The supervisor does what
 * handover_step() asks for and tells what came of it.
 *
 * Normal usage:
 *   1. struct handover h = {0}; action = handover_step(&h, HANDOVER_START);
 *   2. do the action; next = handover_step(&h, what came of it); and so on;
 *   3. until the action is HANDOVER_REPORT: h.outcome says how it ended.
 * At most one action is under way. HANDOVER_GONE and HANDOVER_CANCEL may come at any time; if they answer HANDOVER_NOTHING
 * the action under way goes on, otherwise what becomes of it no longer matters.
 *
 * Every action is idempotent at the side that does it, so that it can be asked for again after a lost answer. Two generals
 * who cannot agree are kept from both attacking: the source promises first and from then on runs only when the target has
 * durably barred the epoch (J. Gray, Notes on Data Base Operating Systems, 1978, section 5.8.3.3; fencing after
 * M. Burrows, Chubby, OSDI 2006, section 2.4). */
#ifndef PMIG_HANDOVER_H
#define PMIG_HANDOVER_H

#include <stdbool.h>

enum handover_action {
	HANDOVER_NOTHING = 1, /* wait for what is under way */
	HANDOVER_PLAN,        /* ask both sides, decide */
	HANDOVER_PREPARE,     /* target: program and libraries in place, resources reserved */
	HANDOVER_FREEZE,      /* source: stop at a safe point, image complete */
	HANDOVER_SHIP,        /* image to the target, checked and durable there */
	HANDOVER_RESTORE,     /* target: mapped and resolved, not one instruction run */
	HANDOVER_PROMISE,     /* source: "epoch n+1 belongs to target", durable */
	HANDOVER_CLAIM,       /* target: the same, durable; the point of no return */
	HANDOVER_ACTIVATE,    /* target: runs */
	HANDOVER_RELEASE,     /* source: ends */
	HANDOVER_BAR,         /* target: whose is epoch n+1? Durably barred before it says "not mine" */
	HANDOVER_UNRESTORE,   /* target: the restored process ends */
	HANDOVER_GO_ON,       /* source: the program runs on */
	HANDOVER_FORGET,      /* target: image and reservations go */
	HANDOVER_REPORT       /* it is over: see outcome */
};

enum handover_event {
	HANDOVER_START = 1,
	HANDOVER_DONE,   /* the action was done */
	HANDOVER_FAILED, /* it was not done, that is certain */
	HANDOVER_LOST,   /* nobody knows: the side does not answer */
	HANDOVER_BARRED, /* answer to BAR: this epoch never begins there */
	HANDOVER_OWNED,  /* answer to BAR: it has begun there */
	HANDOVER_GONE,   /* the program at the source has ended */
	HANDOVER_CANCEL, /* somebody changed his mind */
	HANDOVER_DECIDED /* instead of an answer to BAR: the source goes on, a person says, whatever became of the target */
};

enum handover_outcome {
	HANDOVER_MOVED = 1, /* runs at the target */
	HANDOVER_STAYED,    /* runs at the source, as if nothing had been */
	HANDOVER_ENDED,     /* the program ended before its image was durable at the target */
	HANDOVER_WAITS      /* runs nowhere; a durable image waits at the target for `pmig recover` */
};

struct handover {
	int row;      /* of the table; 0: not started */
	bool back;    /* undoing */
	bool gone;    /* nothing is left at the source */
	bool durable; /* the image is at the target and synced */
	bool barred;  /* the target refused the epoch for good */
	bool decided; /* a person said so in its stead: it is not asked for anything any more, and is to be fenced when it answers */
	bool again;   /* ACTIVATE has failed once */
	bool started; /* it has failed for certain */
	enum handover_action doing;
	enum handover_outcome outcome;
};

/* What to do next. Unexpected events are answered with HANDOVER_NOTHING. */
enum handover_action handover_step(struct handover *h, enum handover_event event);

/* Another supervisor left a hand-over in the middle: first it is asked who owns the epoch (HANDOVER_BAR), then on or back. */
enum handover_action handover_resume(struct handover *h, bool durable);

/* Nothing runs, and a durable image waits at the target: it is restored for a new epoch. The source only promises. */
enum handover_action handover_revive(struct handover *h);

/* True while the answer decides who owns the program: the source is frozen and must stay so. */
bool handover_in_doubt(const struct handover *h);

/* The step ("plan", "prepare", "freeze", "ship", "restore", "commit", "activate", "release") that the journal has for
 * `action`, and the action's own name. Static. */
const char *handover_step_name(enum handover_action action);
const char *handover_action_name(enum handover_action action);
const char *handover_outcome_name(enum handover_outcome outcome);

/* Which side does it: 's'ource, 't'arget, 'h'ome. */
char handover_side(enum handover_action action);

#endif
