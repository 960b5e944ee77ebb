/* <pmig/port.h>: for authors of stores: what agents and supervisors need from persistent storage.
 *
 * Normal usage:
 *   1. open a store (registry/store.h has the one on SQLite: registry_store_open());
 *   2. call its methods: `r = store->process_put(store, &row);`
 *   3. `store->close(store);`
 *
 * Errors: int results, >= 0 good, negative PMIG_E*, the sentence in pmig_reason(). Every method may fail with PMIG_EIO,
 * PMIG_ENOSPC, PMIG_ENOMEM, PMIG_ECORRUPT (what is stored is damaged; it is left as it was found) and PMIG_EBUSY
 * (another process held the store for longer than ten seconds); further errors stand beside each method. Where a row is given,
 * PMIG_EINVAL: a required text is NULL, an enumeration is out of range, a text is longer than its limit.
 *
 * Ownership: rows and their strings that go in are copied. Rows that a callback gets are borrowed until it returns; it must not
 * call the store, except where it gathers first. Rows that `*_get` returns are one block each: free() it.
 *
 * Threads: a store belongs to one thread. Processes may share what it stores.
 *
 * Durability: the methods under "journal" and "owner" have reached the disk when they return good; what was put before them
 * has then too. Everything else survives the end of this process at once, and a power failure a little later. */
#ifndef PMIG_PORT_H
#define PMIG_PORT_H

#include <pmig/pmig.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PMIG_STORE_VERSION 1

/* Limits, in bytes without the terminating NUL. */
#define PMIG_UUID_LENGTH 36         /* 8-4-4-4-12 lower-case hexadecimal digits */
#define PMIG_NAME_MAX 255           /* names, kinds, types, hosts, steps */
#define PMIG_TEXT_MAX 65536         /* paths, locators, reasons */
#define PMIG_ARGV_MAX (4u << 20)    /* the JSON of the arguments and of alternatives */
#define PMIG_POLICY_MAX (1u << 20)  /* a policy file */
#define PMIG_EXPORT_MAX (64u << 20) /* the JSON of one process */

/* What a process is doing, as far as this host knows. The name of a process is unique among those before PMIG_PROCESS_LEFT. */
enum pmig_process_state {
	PMIG_PROCESS_STARTING = 1, /* the agent is there, the program not yet */
	PMIG_PROCESS_RUNNING,
	PMIG_PROCESS_FROZEN, /* stopped for a hand-over or a checkpoint */
	PMIG_PROCESS_DOUBT,  /* frozen until it is known who owns the next epoch */
	PMIG_PROCESS_STORED, /* no copy runs; a durable image waits */
	PMIG_PROCESS_AWAY,   /* runs elsewhere, and this is its home */
	PMIG_PROCESS_LEFT,   /* was here and moved on; this is not its home */
	PMIG_PROCESS_ENDED
};

struct pmig_process_row {
	const char *uuid;
	const char *name;
	const char *program; /* path where it was started */
	const char *build;   /* build identity, hexadecimal */
	const char *argv;    /* JSON array of strings */
	const char *home;    /* host where it was started */
	uint64_t epoch;      /* counts the hand-overs; a fencing token */
	enum pmig_process_state state;
	int64_t pid;         /* on this host; 0: none */
	int64_t started;     /* nanoseconds since 1970 */
	int64_t exit_status; /* as a shell shows it, 128 + n for signal n; -1 while it lives */
};

/* Who said what a resource means. */
enum pmig_origin {
	PMIG_AT_RUN_TIME = 1, /* pmig_declare_*() */
	PMIG_AT_FILE_SCOPE,   /* PMIG_RESOURCE() */
	PMIG_BY_POLICY,       /* a policy file */
	PMIG_UNDECLARED       /* nobody: the default of its kind */
};

struct pmig_resource_row {
	const char *process; /* uuid */
	int64_t slot;        /* unique within the process */
	const char *name;
	const char *kind;    /* a name of the list of kinds: "file", "terminal", ... */
	const char *locator; /* what it is called there: a path, an address */
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	const char *type;            /* by type; NULL or "": none */
	enum pmig_strategy strategy; /* demanded; 0: by the rules */
	unsigned consent;            /* PMIG_SNAPSHOT | PMIG_DIVERGENCE | PMIG_LOSS */
	bool shared;
	bool secret;
	uint64_t rate; /* bytes per second; 0: not known */
	uint64_t size; /* bytes; 0: not known */
	enum pmig_origin origin;
	const char *opened; /* where in the program it was opened or declared; NULL or "": not known */
};

struct pmig_host_row {
	const char *name;
	const char *machine; /* machine identity; NULL or "": not known, as below */
	const char *address;
	const char *arch;
	int64_t seen;       /* nanoseconds since 1970 */
	uint64_t bandwidth; /* bytes per second from here; 0: not measured */
	uint64_t rtt;       /* nanoseconds; 0: not measured */
};

enum pmig_handover_state {
	PMIG_HANDOVER_OPEN = 1,
	PMIG_HANDOVER_DOUBT,  /* the commit was sent and not answered */
	PMIG_HANDOVER_DONE,   /* the target runs; this and those below are final */
	PMIG_HANDOVER_UNDONE, /* the source goes on */
	PMIG_HANDOVER_ENDED,  /* the program ended before its image was durable at the target */
	PMIG_HANDOVER_WAITS   /* no copy runs; a durable image waits at the target */
};

struct pmig_handover_row {
	const char *id;      /* uuid */
	const char *process; /* uuid */
	uint64_t epoch;      /* the one that the target is to get */
	const char *source;
	const char *target;
	enum pmig_handover_state state; /* handover_begin() sets PMIG_HANDOVER_OPEN */
	int64_t began;                  /* nanoseconds since 1970; set by handover_begin() */
	int64_t ended;                  /* 0 while open or in doubt; set by handover_finish() */
	const char *reason;             /* of the end, NULL or "": none */
};

enum pmig_phase { PMIG_STEP_BEGIN = 1, PMIG_STEP_DONE, PMIG_STEP_UNDONE, PMIG_STEP_FAILED };

struct pmig_step_row {
	const char *handover; /* id */
	int64_t sequence;     /* counts the rows of a hand-over from 1; set by handover_step() */
	const char *step;     /* a name of the table of steps */
	enum pmig_phase phase;
	int64_t at;         /* nanoseconds since 1970; set by handover_step() */
	const char *detail; /* NULL or "": none */
};

struct pmig_decision_row {
	const char *handover; /* id */
	int64_t slot;         /* of the resource */
	const char *resource; /* its name */
	const char *cell;     /* "identifier, fastened, shared" */
	enum pmig_strategy strategy;
	const char *reason;
	const char *alternatives; /* JSON array of {strategy, reason}: those it beat */
	const char *there;        /* what it is bound to at the target; NULL or "": its own locator */
	unsigned how;             /* PMIG_KEPT | ... */
	enum pmig_strategy done; /* what the program did when it was frozen; 0: it does nothing for it, or never came so far */
	unsigned done_how;
};

/* Finer than a strategy. */
#define PMIG_KEPT 1    /* PMIG_REFER at no cost: the target reaches the same thing by the same name */
#define PMIG_DROPPED 2 /* PMIG_REBIND to nothing */
#define PMIG_PART 4    /* part of the process: travels in the image */

/* A residual dependency: what must stay up where, and why. */
struct pmig_reference_row {
	const char *process; /* uuid */
	int64_t slot;        /* of the resource */
	const char *kind;    /* "forwarder", "kept", ... */
	const char *from;    /* the address that stays */
	const char *to;      /* where it leads now */
	const char *why;
	int64_t lease;    /* nanoseconds since 1970; 0: until the process ends */
	uint64_t traffic; /* bytes so far */
	int64_t hops;
};

/* What a host has for those who need any of a type. */
struct pmig_provider_row {
	const char *host;
	const char *type;
	const char *locator;
	const char *about;
};

struct pmig_image_row {
	const char *path;
	const char *process; /* uuid */
	uint64_t epoch;
	uint64_t size;    /* bytes */
	const char *hash; /* hexadecimal; NULL or "": not computed */
	bool complete;    /* durable and checked */
	int64_t made;     /* nanoseconds since 1970; set by image_put() where 0 */
};

/* What resources mean, for programs that nobody touches; registry/policy.h has the text's form. */
struct pmig_policy_row {
	const char *process; /* uuid; NULL or "": holds for all that are started here */
	const char *name;    /* the path of the file that it was read from */
	int64_t added;       /* nanoseconds since 1970; set by policy_put() where 0 */
	const char *text;
};

/* What this host knows about who owns a process. */
struct pmig_owner {
	uint64_t epoch;               /* the highest that was claimed; 0: none */
	uint64_t barred;              /* no epoch up to this one can be claimed any more; 0: none */
	char host[PMIG_NAME_MAX + 1]; /* owner of `epoch`; "" where that is 0 */
};

struct pmig_store {
	int version; /* PMIG_STORE_VERSION */

	void (*close)(struct pmig_store *s); /* takes NULL through registry_store_close() */

	/* Many small changes as one: all are there after batch_commit(), none after batch_rollback() or close(). Does not nest
	 * (PMIG_EINVAL); the durable methods below are refused inside (PMIG_EINVAL), they are one change each. */
	int (*batch_begin)(struct pmig_store *s);
	int (*batch_commit)(struct pmig_store *s);
	int (*batch_rollback)(struct pmig_store *s);

	/* --- processes --- */

	/* Inserts, or replaces the row of the same uuid. PMIG_EEXIST: the name belongs to another that lives. */
	int (*process_put)(struct pmig_store *s, const struct pmig_process_row *row);
	/* Changes what changes often. pid and exit_status: a negative value leaves the one that is there. A process that has
	 * ended keeps that state, whatever is set, but for PMIG_PROCESS_STARTING and PMIG_PROCESS_STORED. PMIG_ENOENT,
	 * PMIG_EEXIST (as above, where a state becomes a living one). */
	int (*process_set)(struct pmig_store *s, const char *uuid, enum pmig_process_state state, int64_t pid,
		int64_t exit_status);
	/* By uuid or by name; of several with that name the living one, else the one started last. PMIG_ENOENT. */
	int (*process_get)(struct pmig_store *s, const char *uuid_or_name, struct pmig_process_row **ret_row);
	/* In the order of their starts. A callback that returns nonzero ends the walk with that result, here and below. */
	int (*process_list)(struct pmig_store *s, int (*each)(void *context, const struct pmig_process_row *row),
		void *context);
	/* Takes away the process, its resources, references and hand-overs. Who owns it stays, since fencing outlives it; images
	 * have rows of their own. PMIG_ENOENT. */
	int (*process_drop)(struct pmig_store *s, const char *uuid);

	/* --- resources --- */

	/* Inserts, or replaces the row of the same process and slot. PMIG_ENOENT: no such process. */
	int (*resource_put)(struct pmig_store *s, const struct pmig_resource_row *row);
	/* Good also when there is none. */
	int (*resource_withdraw)(struct pmig_store *s, const char *process, int64_t slot);
	/* In the order of their slots. */
	int (*resource_list)(struct pmig_store *s, const char *process,
		int (*each)(void *context, const struct pmig_resource_row *row), void *context);

	/* --- journal: durable, but for what was done already (PMIG_STEP_DONE, PMIG_HANDOVER_DONE), and for the row of step "commit",
	 * which becomes durable with the claim that follows it --- */

	/* `id`, `process`, `epoch`, `source`, `target` are read. The process need not be known
	 * here yet. PMIG_EEXIST: the id is known with other contents (the same again is good). PMIG_EBUSY: another hand-over of
	 * this process is open or in doubt here. */
	int (*handover_begin)(struct pmig_store *s, const struct pmig_handover_row *row);
	/* Appends one row. PMIG_ENOENT: no such hand-over. */
	int (*handover_step)(struct pmig_store *s, const char *id, const char *step, enum pmig_phase phase,
		const char *detail);
	/* Sets the state. A final one stays (PMIG_EINVAL for another afterwards, the same again is good). PMIG_ENOENT. */
	int (*handover_finish)(struct pmig_store *s, const char *id, enum pmig_handover_state state, const char *reason);
	/* The one that is open or in doubt, else the last one. PMIG_ENOENT: the process never had any. */
	int (*handover_get)(struct pmig_store *s, const char *process, struct pmig_handover_row **ret_row);
	/* In the order in which they were written. */
	int (*step_list)(struct pmig_store *s, const char *id, int (*each)(void *context, const struct pmig_step_row *row),
		void *context);

	/* --- owner: durable, and each of claim and bar happens as one whole, against other processes too --- */

	/* A process that nobody claimed or barred here has all fields 0 or "". */
	int (*owner_get)(struct pmig_store *s, const char *process, struct pmig_owner *ret_owner);
	/* From now on `host` owns `epoch` as far as this store knows. PMIG_ESTALE: the epoch is barred, a higher one is known, or
	 * the same one belongs to another host. The same claim again is good, unless it is barred. */
	int (*owner_claim)(struct pmig_store *s, const char *process, uint64_t epoch, const char *host);
	/* Shuts the door: no epoch up to `epoch` can be claimed here any more, however late the claim arrives; then it may be
	 * answered "not me". PMIG_EEXIST: too late, exactly that epoch was claimed here (owner_get() tells for whom). The same again is good. */
	int (*owner_bar)(struct pmig_store *s, const char *process, uint64_t epoch);

	/* --- images --- */

	/* Inserts, or replaces the row of the same path. */
	int (*image_put)(struct pmig_store *s, const struct pmig_image_row *row);
	/* Forgets the row, not the file. Good also when there is none. */
	int (*image_drop)(struct pmig_store *s, const char *path);
	/* Highest epoch first, then the youngest. */
	int (*image_list)(struct pmig_store *s, const char *process,
		int (*each)(void *context, const struct pmig_image_row *row), void *context);

	/* --- what the planner decided, what is known of hosts, what stays behind --- */

	int (*decision_put)(struct pmig_store *s, const struct pmig_decision_row *row); /* PMIG_ENOENT: no such hand-over */
	int (*decision_list)(struct pmig_store *s, const char *handover,
		int (*each)(void *context, const struct pmig_decision_row *row), void *context);
	int (*host_put)(struct pmig_store *s, const struct pmig_host_row *row);                  /* by name */
	int (*host_get)(struct pmig_store *s, const char *name, struct pmig_host_row **ret_row); /* PMIG_ENOENT */
	int (*provider_put)(struct pmig_store *s,
		const struct pmig_provider_row *row); /* by host, type and locator; PMIG_ENOENT: no such host */
	int (*provider_list)(struct pmig_store *s, const char *host,
		int (*each)(void *context, const struct pmig_provider_row *row), void *context);
	int (*reference_put)(struct pmig_store *s,
		const struct pmig_reference_row *row); /* by process, kind and from; PMIG_ENOENT: no such process */
	int (*reference_drop)(struct pmig_store *s, const char *process, const char *kind, const char *from);
	int (*reference_list)(struct pmig_store *s, const char *process,
		int (*each)(void *context, const struct pmig_reference_row *row), void *context);

	/* --- the rows of a process travel with it --- */

	/* Process, resources, references, policies of its own, and the hand-overs that are over with their steps and decisions, as one JSON object;
	 * free() *ret_json. The epoch is the highest that was claimed here. What belongs to a host does not travel: who owns it,
	 * pid, state, images, hosts, providers. PMIG_ENOENT. */
	int (*rows_export)(struct pmig_store *s, const char *process, char **ret_json);
	/* Takes such rows in, all or none, before the epoch is claimed; what arrives is hostile until checked. Resources and
	 * references replace those that are there; of hand-overs that are known here the own journal stays. A process that comes
	 * in has the state PMIG_PROCESS_STARTING and no pid: where the hand-over is undone, it must be dropped or set to PMIG_PROCESS_LEFT.
	 * PMIG_ECORRUPT (not of that form: the sentence has the place), PMIG_EVERSION, PMIG_EIDENTITY (not of `process`),
	 * PMIG_EEXIST (the name belongs to another that lives), PMIG_ESTALE (a higher epoch was claimed here). */
	int (*rows_import)(struct pmig_store *s, const char *process, const char *json, size_t size);

	/* --- what was added later --- */

	/* Good also when there is none. */
	int (*provider_drop)(struct pmig_store *s, const char *host, const char *type, const char *locator);
	int (*policy_put)(struct pmig_store *s, const struct pmig_policy_row *row); /* by process and name */
	/* Returns 1, or 0 when there is none. */
	int (*policy_drop)(struct pmig_store *s, const char *process, const char *name);
	/* In the order in which they were added; NULL or "" for process: those that hold for all. */
	int (*policy_list)(struct pmig_store *s, const char *process,
		int (*each)(void *context, const struct pmig_policy_row *row), void *context);
};

#ifdef __cplusplus
}
#endif

#endif
