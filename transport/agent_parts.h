/* agent_parts: what the files of the agent share among themselves; nobody else includes it. */
#ifndef PMIG_TRANSPORT_AGENT_PARTS_H
#define PMIG_TRANSPORT_AGENT_PARTS_H

#include "../runtime/control.h"
#include "agent.h"
#include "agent_stdio.h"
#include "bulk.h"
#include "fault.h"

#include <limits.h>
#include <sys/types.h>

#define AGENT_ROWS_MAX PMIG_EXPORT_MAX
#define AGENT_FROM_MAX 64

enum agent_state {
	AGENT_EMPTY = 1, /* no program yet, or not any more */
	AGENT_STARTING,  /* started; it has not said HELLO yet, and perhaps never will */
	AGENT_RUNNING,
	AGENT_SAVING,    /* asked for a checkpoint */
	AGENT_FREEZING,  /* asked for a checkpoint, to stop then */
	AGENT_FROZEN,    /* image complete */
	AGENT_RESTORING, /* started from an image */
	AGENT_RESTORED,  /* waits for its first instruction */
	AGENT_UNDOING,   /* a restored program that is to end */
	AGENT_RELEASING, /* told to end, because it runs elsewhere */
	AGENT_AWAY,      /* that has happened */
	AGENT_ENDED,     /* the program has ended */
};

struct agent_bulk; /* one file under way */
struct agent_references;

struct agent {
	const struct agent_options *options;
	struct pmig_store *store;
	struct loop *loop;
	int directory; /* the state directory, which is also the working directory */
	int listener;
	enum agent_state state;
	char name[PMIG_NAME_MAX + 1];
	char host[PMIG_NAME_MAX + 1]; /* what the supervisor calls this host */
	char home[PMIG_NAME_MAX + 1];
	char sender[2 * PMIG_NAME_MAX + 2];  /* USER@HOME, as the supervisor says */
	char from[AGENT_FROM_MAX];           /* where its connection comes from, as sshd says; "": from this host */
	char at[AGENT_FROM_MAX];             /* at which address of this host; "": not known */
	uint64_t epoch;                      /* of the program here */
	uint64_t promised;                   /* an epoch that was promised to another host, 0: none */
	uint64_t claimed;                    /* the epoch that this host owns, 0: none */
	uint64_t heard;                      /* the highest that a supervisor knew */
	char handover[PMIG_UUID_LENGTH + 1]; /* the journal's number of the one under way */
	char image[PATH_MAX];                /* relative to the state directory */
	char arrived[PATH_MAX];  /* the last one that came whole and was compared with its hash, in this agent's life */
	json_t *restore_request; /* how the copy here was restored */

	pid_t pid;
	int control; /* the program's channel */
	struct loop_source *control_source;
	uint64_t sequence;
	bool speaks;                /* it has said HELLO */
	char started[PATH_MAX];     /* the executable, */
	char became[PATH_MAX];      /* and what took its place before it said HELLO (exec); "": nothing */
	uint64_t opened;            /* in it: the address of the pointer to struct control_opened; 0: none */
	char why[CONTROL_TEXT_MAX]; /* what NOT_HERE or FAILED said last */
	int exit_status;            /* as a shell shows it; -1: lives */
	int signal_sent;            /* the last one that the user sent it; 0: none */
	int64_t checkpoint_args[8];
	json_t *found;      /* what "resources" found, until its last page is read */
	json_t *remembered; /* of declarations, by slot: what their rows have no column for */
	json_t *kinds;      /* those that the program has beside the tree's: name, operations */
	json_t *declaring;  /* what came last, by slot, and is not in the store yet */
	json_t *planned;    /* what was decided for the freeze that follows; NULL: nothing has come */
	char *locales;      /* the text of its last CONTROL_LOCALES; NULL: none */
	char *bound;        /* that of its last CONTROL_BOUND; NULL: nothing */
	json_t *decided;    /* what the program said of each thing that it has open, at its last checkpoint */

	struct agent_stdio *io;
	struct peer *driver; /* the supervisor */
	int guard;           /* who handed its connection to us waits for the end of this one; -1 */
	bool attached;       /* output is sent to it */
	bool late;           /* it knows less than another one did: agent_heard.c */
	int64_t later;       /* id of the request that waits for the program, 0: none */
	struct loop_source *where_timer, *again_timer, *lease_timer, *alone_timer;
	size_t decided_size; /* bytes, about */
	struct agent_bulk *bulks;
	struct agent_references *references; /* held here, or used here; NULL: none yet */
	json_t *refers;            /* descriptors that stand for things elsewhere: {device, inode, id, kind, locator, at} */
	struct agent_rates *rates; /* what was read and written when somebody looked */
	struct agent_marks *marks; /* hidden files that say which file systems are shared */
};

/* --- agent.c --- */
void agent_answer(struct agent *a, int64_t id, json_t *answer);     /* takes `answer`; adds the id */
void agent_refuse(struct agent *a, int64_t id, int code);           /* with pmig_reason() */
void agent_event(struct agent *a, json_t *event);                   /* takes `event` */
void agent_finish_later(struct agent *a, int code, json_t *answer); /* answers a->later; takes `answer` (code >= 0) */
json_t *agent_describe(struct agent *a);                            /* the hello event */
int agent_request(struct agent *a, const json_t *request) PMIG_MUST_CHECK;
void agent_state_name(enum agent_state state, char ret_name[16]);
int agent_set_state(struct agent *a, enum agent_state state, enum pmig_process_state stored);
void agent_consider_end(struct agent *a); /* ends the loop if nothing is left to do */

/* --- agent_heard.c --- */
/* Each request says what epoch the supervisor `knows`. PMIG_ESTALE: another one knew of a later one, and this request is not for who is late. */
int agent_heard(struct agent *a, const char *name, const json_t *request) PMIG_MUST_CHECK;
struct peer *agent_way(const struct agent *a); /* to other hosts: the supervisor; NULL: there is none, or a late one */

/* --- agent_remember.c --- */
int agent_remember(struct agent *a) PMIG_MUST_CHECK; /* what an earlier agent left: in the store, as images, as a process */

/* --- agent_tree.c --- */
struct content_index;
void agent_tree_note(const char *path,
	json_t *row); /* size of a directory, what in it cannot go along, and what there is in it */
/* Whether something else than what the source told lies here under one of the names below `path`. */
bool agent_tree_differs(struct content_index *index, const char *path, const json_t *tree, char ret_below[PATH_MAX]);

/* --- agent_memory.c --- */
struct open_file;
bool agent_memory_is(const struct open_file *f); /* memfd_create(2), shm_open(3) */
const char *agent_memory_situation(const struct open_file *f);
void agent_memory_name(const struct open_file *f, json_t *row); /* in the place of what the kernel calls it */
/* The row of what pmig_declare_memory() was told of where it is mapped, a new reference; NULL: nothing, or it has a descriptor already. */
json_t *agent_memory_declared(const struct agent *a, const json_t *declared, const struct open_file *f);
/* Whether a row has this shared memory already: that of a descriptor, or that of its declaration, which gets the sharers. */
bool agent_memory_known(const json_t *rows, const json_t *declared, const struct open_file *f);

/* --- agent_program.c --- */
struct agent_spawn {
	const char *path;
	char *const *argv; /* NULL-terminated */
	char *const *environment;
	const char *directory; /* NULL: as it is */
	mode_t mask;
	bool set_mask;
	int image;         /* to restore from; -1: fresh */
	bool verified;     /* its bytes were compared with a hash */
	const char *kinds; /* shared objects with further kinds, a path a line; "" or NULL: none */
	bool clone;        /* as another process than the one in the image */
	bool rewind;       /* files that were changed since are set aside */
};
int agent_program_spawn(struct agent *a, const struct agent_spawn *s) PMIG_MUST_CHECK;
int agent_program_send(struct agent *a, enum control_type type, int64_t arg, const char *text, int fd);
int agent_program_send_args(struct agent *a, enum control_type type, const int64_t args[8], const char *text, int fd);
void agent_program_reap(struct agent *a); /* SIGCHLD */
void agent_program_kill(struct agent *a, int number);

/* --- agent_obstacle.c --- */
/* Why the program can be neither saved nor moved as it is, in words that follow its name: "it is stopped ...". False: nothing is known. */
bool agent_obstacle(const struct agent *a, char *ret_words, size_t size);
/* That, and what the process needs of a host (grants, locales); `answer` has the size of its image already. */
void agent_obstacle_add(const struct agent *a, json_t *answer);
const char *agent_held_by(const struct agent *a);             /* "it is stopped"; NULL: it runs, or waits by itself */
void agent_note_bound(struct agent *a, const char *sentence); /* CONTROL_BOUND */
void agent_note_program(struct agent *a);                     /* a->became, at HELLO */

/* --- agent_start.c, agent_handover.c: the requests. 0: *ret_answer (may stay NULL) is the answer; AGENT_LATER; < 0 --- */
#define AGENT_LATER 1
#define AGENT_REQUEST(name, function, words) \
	int agent_do_##function(struct agent *a, const json_t *request, json_t **ret_answer) PMIG_MUST_CHECK;
#include "tbl/agent.h"
#undef AGENT_REQUEST
void agent_on_message(struct agent *a, const struct control_message *m); /* from the program */
void agent_on_answer(struct agent *a, const struct control_message *m);  /* one about a checkpoint or a restore */
void agent_on_exit(struct agent *a);                                     /* the program has ended; a->exit_status is set */
bool agent_on_exit_of_copy(struct agent *a); /* it was one that had not begun, or had left: not the end of the program */
void agent_tell_exit(struct agent *a);
int agent_enter(struct agent *a, const char *build); /* our epoch and, unless it is "", the build into the process's row */
int agent_open_stdio(struct agent *a, const json_t *request) PMIG_MUST_CHECK;

/* --- agent_resources.c --- */
void agent_note_decision(struct agent *a, const struct control_message *m);
void agent_forget_decisions(struct agent *a);

void agent_note_reference(struct agent *a, const struct control_message *m); /* CONTROL_REFERS */

/* --- agent_locale.c --- */
/* Of what CONTROL_LOCALES says, the first that is not installed at this host, in words: "the locale de_DE". False: all are, as the program
 * would find them, or nobody here knows. */
bool agent_locale_missing(const char *locales, char ret_words[PMIG_NAME_MAX + 1]);

/* --- agent_grants.c --- */
json_t *agent_grants_wanted(pid_t pid);                                     /* limits, priority and scheduling that it has */
bool agent_grants_less(const json_t *wanted, char *ret_words, size_t size); /* this host grants less, in words */

/* --- agent_rates.c: how much the program reads and writes, from one look to the next --- */
struct open_file;
void agent_rates_look(struct agent *a, const struct open_file *files, size_t count);
void agent_rates_add(struct agent *a, const struct open_file *file, json_t *row); /* rate_seen, trips_seen */
void agent_rates_process(struct agent *a, json_t *answer);                        /* age, output, image, ... */
void agent_rates_forget(struct agent *a);

/* --- agent_elsewhere.c --- */
json_t *agent_elsewhere_find(struct agent *a); /* what other programs of ours declared: {process, locator} */
void agent_elsewhere_add(const json_t *elsewhere, const char *locator, json_t *row); /* sharers, shared_by */
void agent_elsewhere_path(struct agent *a, const json_t *elsewhere,
	json_t *row); /* of a row with a path: size, sharers, whether it is gone */

/* --- what a target has and reaches; see tbl/agent.h --- */
void agent_marks_drop(struct agent *a);
json_t *agent_marks_read(const json_t *marks);
json_t *agent_reach(const json_t *addresses);
json_t *agent_providers(struct agent *a, const json_t *types);
void agent_places(struct agent *a, void (*each)(void *context, const char *place), void *context);

/* --- agent_declared.c --- */
bool agent_declared_message(struct agent *a, const struct control_message *m); /* true: it was about declarations */
void agent_declared_flush(struct agent *a); /* they are in the store; nothing durable can be written before */
void agent_declared_forget(struct agent *a);
int agent_declared_descriptor(const struct agent *a,
	int64_t slot); /* which one was declared; -1: none, or it is not known */
bool agent_declared_same(const struct agent *a, int one, int other);  /* two descriptors lead to one open file */
bool agent_declared_brought(const struct agent *a, const char *kind); /* the program brought it: --kind */
void agent_declared_note(const struct agent *a, json_t *row);         /* adds to a resource what its row has no column for */

/* --- agent_decisions.c --- */
int agent_plan_file(struct agent *a, int64_t expected) PMIG_MUST_CHECK; /* for CONTROL_PLAN; PMIG_ENOENT: `expected` < 0 */
void agent_forget_plan(struct agent *a);

/* --- agent_image.c, agent_restore.c --- */
void agent_fault_setup(struct agent *a, const char *spec); /* "": none */
int agent_journal(struct agent *a, const char *step, enum pmig_phase phase, const char *detail);
int agent_journal_begin(struct agent *a, const json_t *request) PMIG_MUST_CHECK;
void agent_journal_end(struct agent *a, enum pmig_handover_state state, const char *reason);
/* Whether `request` is of the hand-over under way here, by its number. Home names none where it restarts or thaws by itself: then none is under
 * way here. */
bool agent_handover_is(const struct agent *a, const json_t *request);
void agent_journal_undone(struct agent *a, char ret_id[PMIG_UUID_LENGTH + 1]);
void agent_image_path(const struct agent *a, uint64_t epoch, const char *suffix, char ret_path[PATH_MAX]);
void agent_settle(struct agent *a); /* the image of a program that has begun here, or has ended as it wanted, goes */
void agent_remove_files(struct agent *a, uint64_t epoch); /* all that an epoch's image consists of */
void agent_on_restored(struct agent *a, const struct control_message *m);
void agent_on_copy_lost(struct agent *a);

/* --- agent_file.c: files that come and go --- */
int agent_file_send(struct agent *a, const char *path, const char *kind, unsigned stream) PMIG_MUST_CHECK;
int agent_file_packet(struct agent *a, const struct packet *p) PMIG_MUST_CHECK;
void agent_file_room(struct agent *a);
void agent_file_drop(struct agent *a);                /* the connection is lost */
void agent_file_bar(struct agent *a, uint64_t epoch); /* images up to this epoch do not arrive any more */

/* --- agent_reference.c, agent_channel.c: what stays behind, or is used from elsewhere --- */
bool agent_reference_message(struct agent *a, const struct control_message *m,
	int fd); /* true: it was about that; fd is borrowed */
int agent_reference_packet(struct agent *a, const struct packet *p) PMIG_MUST_CHECK;
void agent_reference_room(struct agent *a);
void agent_reference_lost(struct agent *a);                    /* the connection */
void agent_reference_describe(struct agent *a, json_t *hello); /* what is held and open */
bool agent_reference_busy(const struct agent *a);              /* something is held or open */
int agent_reference_frozen(struct agent *a, json_t *answer);   /* adds what is used; < 0: something cannot be held */
int agent_reference_refused(struct agent *a);                  /* < 0: the same without an answer */
void agent_reference_undo(struct agent *a);                    /* the program goes on here */
void agent_reference_firm(struct agent *a);                    /* the program runs elsewhere for good */
void agent_reference_prepare(struct agent *a);                 /* a restored program is about to be told to run */
void agent_reference_begin(struct agent *a);                   /* a restored program begins to run here */
void agent_reference_lose(struct agent *a); /* a restored program does not begin, or the program has ended */
void agent_reference_end(struct agent *a);  /* everything is let go at once */

/* --- json --- */
const char *agent_text(const json_t *object, const char *key); /* "" if there is none */
int64_t agent_number(const json_t *object, const char *key, int64_t otherwise);

#endif
