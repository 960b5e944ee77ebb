/* plan: what happens to each resource of a process when it moves: the strategies of runtime/base/tbl/strategy.h chosen by facts.
 *
 * Normal usage:
 *   1. fill a struct plan_resource per resource: the registry's row, what its kind can do (plan_operations()), the facts;
 *   2. plan_undeclared() for those that nobody declared;
 *   3. plan_make(), then plan_check(): a refusal happens here, before anything is frozen;
 *   4. plan_show_text() or plan_show_json() (plan_show.h), plan_show_record(), plan_destroy().
 *
 * plan_make() is pure: no input or output, no clock, no globals; the same arguments give the same plan, byte by byte.
 *
 * For each resource the choices of its cell are tried in order; the first that is possible and within the limits wins. What the
 * choices before it failed on, and what the ones behind it would have cost, is kept as its alternatives.
 *
 * Strategies: Fuggetta, Picco, Vigna: Understanding Code Mobility, IEEE TSE 24(5), 1998. Age as the expected remaining run:
 * Harchol-Balter, Downey: Exploiting Process Lifetime Distributions for Dynamic Load Balancing, SIGMETRICS 1996. */
#ifndef PMIG_REGISTRY_PLAN_H
#define PMIG_REGISTRY_PLAN_H

#include "runtime/base/error.h"
#include "runtime/base/strategy.h"
#include <pmig/port.h>

/* What a kind can do; or-ed together. */
#define PLAN_CAN(strategy) (1u << (strategy))
#define PLAN_CAN_KEEP (1u << 8) /* open again, as it is, what the target reaches under the same name */
#define PLAN_CAN_DROP (1u << 9) /* go on without it */

/* Where a figure comes from; 0: it is not known. */
enum plan_source { PLAN_DECLARED = 1, PLAN_MEASURED, PLAN_ASKED };

struct plan_fact {
	uint64_t value; /* 0 where the source is 0 */
	enum plan_source source;
};

#define PLAN_ORDER_MAX 5

/* One resource with what is known about it. Strings are borrowed until plan_make() returns; NULL is "". */
struct plan_resource {
	struct pmig_resource_row row;
	unsigned operations; /* PLAN_CAN(PMIG_MOVE) | ... of its kind; see plan_operations() */
	const char *note;    /* what the user should know where its bytes go along; NULL: plan_note() of its kind */
	const char *refused; /* why it can only be refused; set by plan_undeclared() */
	bool part;           /* part of the process: travels in the image; set by plan_undeclared() */
	bool given;          /* the program did not open it: strict mode does not ask for a declaration; the same */
	bool secret_hook;    /* secret: its declaration has a hook that obtains it anew */
	bool ahead;     /* its bytes are shipped before the freeze: wanted by value, and nobody changes them meanwhile */
	const char *at; /* host where it is; NULL or "": the source. A reference may lead elsewhere already */

	/* Strategies in this order instead of the table's, as a policy has it; those of the cell that are not among them are left
	 * out. 0 ends it; [0] == 0: the table's. Binding and consent hold as ever: it adds no choice to the cell. */
	uint8_t order[PLAN_ORDER_MAX + 1];

	struct plan_fact size;    /* bytes; unknown: row.size */
	struct plan_fact rate;    /* bytes per second that a reference would carry; unknown: row.rate */
	struct plan_fact trips;   /* round trips per second that a reference would cost */
	struct plan_fact sharers; /* others that use it at the source: descriptors, locks, mappings, rows */
	const char *shared_by;    /* who they are */

	/* Of the way that a reference to it would take, as below; unknown: that of the whole move. */
	struct plan_fact bandwidth, rtt;

	/* Asked of the target. */
	struct plan_fact same_content; /* 1: it has equal content (hash, build id), whatever its path there */
	struct plan_fact providers;    /* how many of row.type it has */
	struct plan_fact reached; /* 1: the reference is global already: the target reaches the same thing by the same name */
	const char *there;        /* the locator of that content or provider */
	const char *obstacle;     /* what at the target is in the way of a move or copy to its locator */
	const char *
		no_reference; /* why this one cannot be reached across machines as it is now; NULL or "": nothing is in the way */
};

/* Of the process, the target and the way there. Strings are borrowed until plan_make() returns. */
struct plan_facts {
	const char *process; /* name */
	const char *source, *target;
	const char *obstacle; /* why it cannot be moved as it is: "it is stopped ..."; NULL or "": nothing is known */
	const char *source_arch, *target_arch; /* both known and different: refused */
	const char *cpu_lacks;                 /* an instruction set that the program needs and the target has not */
	const char *directory;     /* its working directory, where the target has none of that path; NULL or "": it has */
	const char *not_installed; /* what libc loads for it and the target has not, "the locale de_DE"; NULL or "": nothing */
	const char *not_allowed;   /* by the limits of the target, in words; NULL or "": nothing */
	const char *less;     /* what of its limits and priority the target does not grant, in words; NULL or "": nothing */
	const char *children; /* its child processes that run, in words, where they are not waited for; NULL or "": none */
	struct plan_fact image;     /* bytes of memory and frames to ship */
	struct plan_fact program;   /* bytes of the executable, where the target has not got it: shipped before the freeze */
	struct plan_fact space;     /* bytes free at the target */
	struct plan_fact bandwidth; /* bytes per second */
	struct plan_fact rtt;       /* nanoseconds */
	struct plan_fact remaining; /* nanoseconds the process will run on; measured: its age */
};

/* What the user allows; 0: no limit. plan_limits.h has them as options and as JSON. */
struct plan_limits {
	double before;      /* seconds before the freeze, in all */
	double frozen;      /* seconds frozen, in all */
	double share;       /* of the link, for all references together; 0: the whole link, 1.0 */
	double slowdown;    /* of the run, by one reference: 0.1 is a tenth longer */
	uint64_t reference; /* bytes per second, for all references together */
	uint64_t transfer;  /* bytes that go to the target, the image included */
	bool strict;        /* refuse what the program opened and nobody declared */
	double remaining;   /* no limit: seconds that the process will run on, as the user says; 0: facts->remaining */
};

/* A figure that depends on an unknown fact is NAN: it breaks no limit, and is shown as "?". */
struct plan_price {
	double before, frozen; /* seconds */
	double share;          /* of the link */
	double rate;           /* bytes per second over it */
	double slowdown;       /* of the run */
	uint64_t bytes;        /* that go to the target */
};

struct plan_alternative {
	enum pmig_strategy strategy;
	struct plan_price price;
	const char *reason; /* why not */
	bool behind;        /* it was possible as well: only its place in the cell speaks against it */
};

/* What was known of a resource when it was decided about. */
struct plan_known {
	struct plan_fact size, rate, trips, sharers, same_content, providers, reached;
	const char *shared_by; /* "" or who they are */
};

struct plan_decision {
	int64_t slot;
	const char *name, *kind, *locator;
	const char *cell; /* "by identifier, fixed" or "by value, unattached, shared" */
	enum pmig_origin origin;
	const char *opened;
	enum pmig_strategy strategy;
	bool kept;           /* PMIG_REFER at no cost: nothing is set up */
	bool dropped;        /* with the consent of its declaration; strategy is PMIG_REBIND, to nothing */
	bool part;           /* part of the process: travels in the image; strategy is PMIG_MOVE */
	bool given;          /* the program did not open it */
	const char *there;   /* what it is bound to at the target, or where its equal content is; "": its own locator */
	const char *stays;   /* host that must stay up for it from then on; "": none */
	const char *reason;  /* why this one */
	const char *warning; /* "" or what the user should know */
	struct plan_price price;
	struct plan_known known;
	size_t alternative_count;
	const struct plan_alternative *alternatives;
};

/* Owned by the planner; strings live as long as the plan. */
struct plan {
	const char *process, *source, *target;
	/* NULL: the move is possible; else the sentence: "move refused: display (by identifier, fixed): ..." */
	const char *refusal;
	struct plan_price total; /* the image included */
	struct plan_facts facts; /* as they were given */
	struct plan_limits limits;
	size_t count;
	const struct plan_decision *decisions; /* in the order of the resources given */
};

/* Situations in which nobody declared anything; tbl/default.h says what each then means. */
enum plan_situation {
	PLAN_STANDARD_STREAM = 1,
	PLAN_FILE_READ,
	PLAN_FILE_WRITTEN,
	PLAN_FILE_TEMPORARY,
	PLAN_DIRECTORY,
	PLAN_COMMON_DEVICE,
	PLAN_DEVICE,
	PLAN_LISTENER,
	PLAN_ALONE,
	PLAN_DATAGRAM,
	PLAN_SOCKET,
	PLAN_WITHIN,
	PLAN_PIPE_OUTSIDE,
	PLAN_MEMORY_SHARED,
	PLAN_LIBRARY,
	PLAN_MEMORY_FOREIGN
};

/* The tables by which is decided. Those of the program are constant; a test may have others. */
struct plan_default {
	const char *words;
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	int treatment; /* enum plan_treatment */
	const char *refused;
};
enum plan_treatment { PLAN_ORDINARY = 1, PLAN_GIVEN, PLAN_PART, PLAN_EVERYWHERE, PLAN_REFUSED };
struct plan_rules {
	const struct strategy_choice *choices;
	size_t count;
	const struct plan_default *defaults; /* by enum plan_situation */
};
struct plan_rules plan_rules(void);

/* What the kind of this name can do in this version (tbl/kind.h); 0 for an unknown one: it can only be refused. */
unsigned plan_operations(const char *kind);

/* What the user should know where the bytes of such a kind go along; "" for most. Static. */
const char *plan_note(const char *kind);

/* "regular file, read only"; static. */
const char *plan_situation_words(enum plan_situation situation);

/* Gives the resource the default of its situation: binding, attachment, origin PMIG_UNDECLARED, part, given, refused. */
void plan_undeclared(struct plan_resource *resource, enum plan_situation situation);
void plan_undeclared_by(const struct plan_rules *rules, struct plan_resource *resource, enum plan_situation situation);

/* Decides. A move that is refused is a plan as well: 0, with ret_plan->refusal. PMIG_EINVAL (a resource without binding or
 * attachment), PMIG_ENOMEM. The plan copies what it needs. */
int plan_make(const struct plan_resource *resources, size_t count, const struct plan_facts *facts,
	const struct plan_limits *limits, struct plan **ret_plan) PMIG_MUST_CHECK;
int plan_make_by(const struct plan_rules *rules, const struct plan_resource *resources, size_t count,
	const struct plan_facts *facts, const struct plan_limits *limits, struct plan **ret_plan) PMIG_MUST_CHECK;

/* 0, or PMIG_EREFUSED with the refusal as the reason. */
int plan_check(const struct plan *plan) PMIG_MUST_CHECK;

/* Takes NULL. */
void plan_destroy(struct plan *plan);

#endif
