/* parts: what the files of the supervisor share among themselves; nobody else includes it. */
#ifndef PMIG_SUPERVISOR_PARTS_H
#define PMIG_SUPERVISOR_PARTS_H

#include "output.h"
#include "registry/plan.h"
#include "remote.h"
#include "supervisor.h"
#include "transport/agent_stdio.h"
#include "transport/bulk.h"
#include "transport/fault.h"
#include "transport/handover.h"
#include "transport/spool.h"

#include <limits.h>

#define SUPERVISOR_STATIONS 8
#define SUPERVISOR_FAILED 125  /* exit status for what is not the program's fault, as env(1) and timeout(1) have it */
#define SUPERVISOR_STOPPED 124 /* the program was stopped, and waits in an image */
#define INPUT_WINDOW (128u << 10)

/* A host where the program is, or was and has left output that is not shown yet. */
struct station {
	struct remote *remote;
	bool left;       /* it went on from here; `end` is final */
	bool ended;      /* the program has ended here; `end` is final */
	bool asked_end;  /* the agent was told to go */
	uint64_t end[2]; /* of stdout and stderr */
};

/* Who waits until output is here. */
struct awaited {
	const struct remote *from;
	uint64_t end[2];
	void (*done)(void *context, int code); /* NULL: nobody */
	void *context;
	struct loop_source *timer;
};

struct move;
struct fence;
struct server;

struct supervisor {
	const struct supervisor_options *options;
	struct loop *loop;
	struct pmig_store *store; /* of home */
	char uuid[PMIG_UUID_LENGTH + 1];
	char name[PMIG_NAME_MAX + 1];
	char home[PMIG_NAME_MAX + 1];
	bool terminal[3];
	bool started;               /* the program runs, or ran */
	bool replaced;              /* another supervisor has taken over */
	bool placed;                /* the streams begin where the program's are; attach finds that out */
	bool migrates;              /* it was built with pmig-cc */
	struct loop_source *begins; /* NULL: it has said so, or has run for too long to say it yet */
	int name_tries;
	bool enrolled; /* home's journal says where it was started */
	int program;   /* the executable, open: what is sent is what was started */
	char path[PATH_MAX];
	char became[PATH_MAX]; /* a program at another host that took its place there; "": none */
	char *kinds;           /* kinds.h: paths at home, a line each; NULL: none */
	uint64_t epoch;        /* the highest that is known to have begun */
	uint64_t tried;        /* that of the last hand-over, whatever became of it */
	int exit_status;

	struct station stations[SUPERVISOR_STATIONS]; /* [0] speaks, the last one has the program */
	size_t station_count;
	struct remote *dead[SUPERVISOR_STATIONS]; /* to be destroyed when no callback runs */
	size_t dead_count;
	struct farewell *farewells;
	bool said_end;             /* the last station's agent has ended */
	struct channels *channels; /* what is used from other hosts; NULL: nothing yet */
	struct loop_source *bury;
	struct loop_source *end_timer;

	struct output *output[2];
	struct awaited awaited;
	int log_fd[2];
	struct spool *input;
	uint64_t input_sent;
	bool input_end, input_end_sent, input_held;
	struct loop_source *input_source;

	struct move *move;             /* under way; NULL: none */
	struct checkpoint *checkpoint; /* the same */
	struct restart *restart;       /* the same */
	struct periodic *periodic;     /* images at intervals; NULL: none */
	struct prepare *prepare;       /* of the first host, if it is not this one */
	struct fence *fences;          /* copies that were given up; NULL: none */
	bool only_fences;              /* the program has ended: recover is there for those alone */
	struct server *server;
	struct pmig_handover_row *open; /* attach: a hand-over that was left in the middle */
};

/* --- supervisor.c --- */
struct station *supervisor_station(struct supervisor *s, const struct remote *r); /* NULL: none */
struct station *supervisor_here(struct supervisor *s);                            /* where the program is */
int supervisor_remote(struct supervisor *s, const char *where, enum link_method method,
	struct remote **ret_remote) PMIG_MUST_CHECK;
int supervisor_label(struct supervisor *s, const char *where, char ret_label[PMIG_NAME_MAX + 1]) PMIG_MUST_CHECK;
void supervisor_say(struct supervisor *s, const char *format, ...)
	PMIG_PRINTF(2, 3); /* to standard error, whatever the terminal's mode */
void supervisor_bury(struct supervisor *s, struct remote *r);
void supervisor_exit(struct supervisor *s, struct remote *r, const json_t *event);  /* the program has ended there */
void supervisor_ended(struct supervisor *s, struct remote *r, const json_t *event); /* and home's registry says so */
/* It has ended there, and its agent knows no more than how: that is heard now. False: it has not, or its output comes first. */
bool supervisor_unheard(struct supervisor *s, struct remote *r);
int supervisor_uuid(char ret_uuid[PMIG_UUID_LENGTH + 1]) PMIG_MUST_CHECK;
void supervisor_stop(struct supervisor *s, int exit_status);
void supervisor_fail(struct supervisor *s, int exit_status,
	const char *what);                  /* it does not run, and never did; pmig_reason() */
void supervisor_runs(struct supervisor *s); /* from now on it does: the other verbs are served, the streams flow */
void supervisor_place(struct supervisor *s, const json_t *frozen); /* attached: the streams go on where it was frozen */

/* --- farewell.c --- */
void supervisor_dismiss(struct supervisor *s, struct remote *r); /* the agent may end; buries */
void supervisor_over(struct supervisor *s); /* stops, if the program has ended and nobody has anything to answer yet */
void farewell_close(struct supervisor *s);

/* --- streams.c --- */
int streams_open(struct supervisor *s) PMIG_MUST_CHECK;
int streams_place(struct supervisor *s, uint64_t in, uint64_t out, uint64_t err) PMIG_MUST_CHECK; /* they go on from there */
void streams_close(struct supervisor *s);
int streams_packet(struct supervisor *s, struct remote *r, const struct packet *p) PMIG_MUST_CHECK;
void streams_end(struct supervisor
		*s); /* the agent of a program that has ended may go: asked again when it is reached again */
void streams_attach(struct supervisor *s); /* asks the speaker for output, and sends input to where the program is */
void streams_pump_input(struct supervisor *s);
void streams_resume_input(struct supervisor *s);
/* Calls `done` once, perhaps at once, when all output of a program that was frozen at `r` is here (`frozen` says where it ends), or with
 * PMIG_ETIMEOUT: then what is read here is too far behind. One at a time. */
void streams_await(struct supervisor *s, const struct remote *r, const json_t *frozen, void (*done)(void *context, int code),
	void *context);
void streams_await_not(struct supervisor *s, void *context); /* `done` will not be called */
void streams_check(struct supervisor *s);                    /* whether the speaker has said everything */

/* --- late.c --- */
uint64_t late_knows(void *supervisor);   /* the highest epoch that began, or may have, as far as this supervisor knows */
uint64_t late_insists(void *supervisor); /* the same, once this one has the program */
/* Nothing runs where it ran, and another host owns a later epoch than this one knows of: true: it ends. */
bool late_found(struct supervisor *s, const struct remote *r);
/* {"event": "late"}: the agent keeps the other supervisor. */
void late_event(struct supervisor *s, const struct remote *r, const json_t *event);
/* Compares that with what agents have heard from other supervisors, since either may have changed. */
void late_check(struct supervisor *s);

/* --- attach.c --- */
int attach_prepare(struct supervisor *s) PMIG_MUST_CHECK;            /* finds the program by its name */
int attach_begin(struct supervisor *s) PMIG_MUST_CHECK;              /* goes on with a hand-over that was left open */
bool attach_has_agent(const struct supervisor *s, const char *uuid); /* the process has one here, as its lock says */

/* --- signals.c --- */
int signals_open(struct supervisor *s) PMIG_MUST_CHECK;
void signals_stopped(struct supervisor *s); /* the program was stopped: so are we */

/* --- move.c --- */
struct move_options {
	const char *target; /* as the user wrote it */
	enum link_method method;
	int timeout_ms; /* for the safe point; 0: 30,000 */
	bool plan_only;
	bool plain_tcp;            /* the network is trusted: bytes of connections go directly, plain.c */
	bool wait_children;        /* child processes that run put the freeze off, else they refuse it */
	bool plan_json;            /* the plan as an object, not as text */
	int columns;               /* the width of that text; 0: any */
	struct plan_limits limits; /* what the user allows it to cost */
	void (*progress)(void *context, const json_t *line); /* every object with "phase" ...; the last has "done": true */
	void *context;
};
int move_start(struct supervisor *s, const struct move_options *o) PMIG_MUST_CHECK;
int move_resume(struct supervisor *s, const struct pmig_handover_row *row) PMIG_MUST_CHECK;
void move_cancel(struct supervisor *s);
void move_listener_gone(struct supervisor *s, void *context);
void move_destroy(struct move *m);
int mishap_setup(struct supervisor *s) PMIG_MUST_CHECK; /* what PMIG_FAULT says is to go wrong */
bool move_has_arrived(const struct supervisor *s);      /* it runs at the target; only the source is not released yet */
json_t *move_doubt(const struct supervisor *s); /* who is reached while nobody knows who has the program; NULL: it is known */
bool move_uses(struct supervisor *s, const struct remote *r);
/* What happens to agents meanwhile. True: it was the hand-over's business only. */
void move_up(struct supervisor *s, struct remote *r);
void move_down(struct supervisor *s, struct remote *r, int code);
bool move_event(struct supervisor *s, struct remote *r, const json_t *event);
bool move_packet(struct supervisor *s, struct remote *r, const struct packet *p);
void move_room(struct supervisor *s, struct remote *r);

/* --- move_plan.c --- */
void plan_packet(struct move *m, const struct remote *r, const struct packet *k); /* PACKET_PROBE; m may be NULL */

/* --- server.c --- */
int server_open(struct supervisor *s) PMIG_MUST_CHECK;
void server_close(struct supervisor *s);
bool server_answers(const struct supervisor *s, const char *name); /* there is another supervisor, of that program */
void server_announce_exit(struct supervisor *s, int status);

#endif
