/* move: what the files of a hand-over share; included by them only. */
#ifndef PMIG_SUPERVISOR_MOVE_H
#define PMIG_SUPERVISOR_MOVE_H

#include "parts.h"

#include <limits.h>

struct ship;
struct plan;
struct planning;
struct prepare;
struct fetch;

/* When each action of a hand-over began, and for how long it was under way: in milliseconds; move_time.c. */
struct move_time {
	enum handover_action doing;
	double since;
	double took[HANDOVER_REPORT + 1]; /* all tries together */
	unsigned begun;                   /* a bit for each that was */
};

struct move {
	struct supervisor *supervisor;
	struct handover h;
	struct move_options o; /* its strings are copies */
	char target_text[PMIG_NAME_MAX + 1];
	char source_label[PMIG_NAME_MAX + 1], target_label[PMIG_NAME_MAX + 1];
	char id[PMIG_UUID_LENGTH + 1];
	uint64_t epoch;
	uint64_t image_epoch; /* of the image, where it is not `epoch` */
	uint64_t image_there; /* of the one that the target said it has, when it was asked who owns the epoch; 0: none */
	struct remote *source, *target;
	enum handover_action doing;
	void (*quiet)(struct move *m); /* what follows when the target has become quiet; NULL: it was not asked to */
	bool plain_asked;              /* direct ways were, or will not be */
	bool has_output;               /* everything that the program had written when it froze is here */
	bool waiting;                  /* for a connection, to do it again */
	bool arrived;                  /* the target runs it */
	bool over;                     /* or did: it had come to its end there when it was asked to */
	bool reported;                 /* the listener has had the last word */
	int64_t lost_since;            /* milliseconds; 0: not lost */
	int64_t began, froze, resumed; /* milliseconds */
	struct move_time time;
	enum handover_action reached; /* the furthest that was begun */
	bool stale;                   /* the program went on at the source: an image of this hand-over is of the past */
	struct loop_source *timer;    /* to do it again, or because it takes too long */
	struct loop_source *in_doubt; /* to stop keeping the listener waiting */
	json_t *frozen;               /* what the source said when it froze */
	json_t *exit;                 /* the source's exit event, held back while the image goes on without it */
	char path[PATH_MAX];          /* of the program at the target */
	char library_path[PATH_MAX];
	char *kinds; /* what was brought of them to the target; kinds.h */
	struct ship *ship;
	struct planning *planning;
	const struct plan *plan; /* NULL: none yet; owned by `planning` */
	struct prepare *prepare;
	struct fetch *fetch; /* data on its way from a far source */
	double plan_ms;      /* how long it took to decide, once the target had answered */
	int code;            /* why it failed, first */
	char reason[PMIG_REASON_MAX];
};

/* What came of the action; goes on with the next one. */
void move_next(struct move *m, enum handover_event event);
void move_blame(struct move *m, int code);    /* keeps pmig_reason() if it is the first */
void move_tell(struct move *m, json_t *line); /* to the listener; taken */
bool move_fault(const char *point);           /* true: the step fails here */

bool move_revive(struct move *m); /* what was saved and runs nowhere goes on from the image that waits at the target */

/* --- move_doubt.c --- */
bool move_decide(struct move *m);  /* the target cannot be asked: true: a person said that the source goes on, and it does */
void move_on_doubt(void *context); /* it takes long until somebody knows who has it */

/* --- move_time.c: how long each step took --- */
int64_t move_now(void);                                                 /* milliseconds, monotonic */
void move_time_begin(struct move_time *t, enum handover_action action); /* ends what was under way */
json_t *move_time_json(const struct move_time *t);                      /* {"plan": 12.25, "freeze": ...}: milliseconds */

/* --- move_report.c: the journal, and what the listener is told --- */
int report_begin(struct move *m) PMIG_MUST_CHECK; /* the journal's row, before anything is touched */
void report_last_word(struct move *m, int code, const char *outcome);
void report_doubt(void *context); /* it takes long until it is known who has it */
void report_forget(struct move *m,
	enum pmig_phase phase);  /* in home's journal, before the source goes on, and after the target has forgotten */
void report_end(struct move *m); /* how it ended; destroys m, or begins anew */

/* --- move_ship.c: the files of a frozen program, from the source to the target --- */
void ship_start(struct move *m);
void ship_again(struct move *m);                        /* connected anew */
void ship_lost(struct move *m, const struct remote *r); /* that connection is gone; ship_again() follows */
void ship_pump(struct move *m);
bool ship_packet(struct move *m, struct remote *r, const struct packet *p);
void ship_destroy(struct ship *h);
void ship_forget(const struct supervisor *s); /* the program has ended */

/* --- move_plan.c --- */
void plan_start(struct move *m);   /* both sides are connected */
void plan_abandon(struct move *m); /* forgets it */

/* --- move_decisions.c --- */
json_int_t decisions_send(const struct move *m); /* to the source's agent, before the freeze; how many */

/* --- move_ahead.c --- */
void ahead_prepare(struct move *m); /* the step "prepare" */
bool ahead_packet(struct move *m, const struct remote *r,
	const struct packet *p); /* true: it was of data from a far source */
void ahead_lost(struct move *m); /* the source is not connected any more */
void ahead_drop(struct move *m); /* the step is over */
const char *ahead_hash(const struct move *m,
	size_t i); /* of decision i: what lies at the target for it has this content; "" */
const char *ahead_path(const struct move *m, size_t i); /* and lies there; "" */

/* --- move_agree.c --- */
void agree_record(struct move *m); /* the journal has the hand-over: what was decided goes into the registry */
bool agree_check(struct move *m, const json_t *frozen); /* false: something was decided otherwise, which is the blame */

#endif
