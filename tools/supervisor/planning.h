/* planning: what the files that make a plan share; included by them only. Normal usage: move_plan.c asks, facts_*() of move_facts.c make
 * facts of the answers, registry/plan.h decides. */
#ifndef PMIG_SUPERVISOR_PLANNING_H
#define PMIG_SUPERVISOR_PLANNING_H

#include "move.h"
#include "probe.h"

#include "registry/plan_input.h"
#include "transport/cache.h"
#include "registry/policy.h"

#define ASK_PATH 1u
#define ASK_CONTENT 2u
#define ASK_SAME 4u
#define ASK_REACH 8u

#define PLANNING_TEXT 224 /* of an obstacle */

/* What the target is asked about one resource: positions in the requests, -1: nothing. */
struct asked {
	int file, type, reach, mark;
	int hash; /* the same, in what the source is asked */
};

/* What was sent ahead of one resource, or lies at the target anyway. */
struct shipped {
	char hash[CACHE_HASH]; /* "": nothing */
	char *path;
};

struct planning {
	struct move *move;
	int64_t began;                             /* microseconds */
	json_t *source;                            /* the answers */
	json_t *target;                            /* the same */
	struct probe *ways[2];                     /* from here to the target, and to a source that is not here */
	bool waits;                                /* for them only */
	struct plan_fact home_rtt, home_bandwidth; /* of the first of them */
	char directory[PATH_MAX];                  /* that the target has not */
	char children[256];
	char obstacle[2048];                   /* in the program itself */
	char not_installed[PMIG_NAME_MAX + 1]; /* at the target, of what libc loads for it */
	char not_allowed[2048];                /* by the limits of the target, in words */
	struct loop_source *children_timer;    /* they are waited for */
	char lacks[32];                        /* an instruction set */
	json_t *files;                         /* what the target is asked about, */
	size_t files_next;
	json_t *types, *reach;        /* the same; with the first of the files */
	json_t *places;               /* the same: where the target is to look for equal content, as it was declared here */
	json_t *held;                 /* what other hosts hold: {holder, index, reference} */
	size_t held_first, held_next; /* those that are asked about now */
	json_t *beside;               /* paths beside which the source puts marks, */
	json_t *marks;                /* and those marks */
	json_t *paths;                /* what the source hashes; */
	size_t paths_next;
	json_t *hashes;      /* answers are in the same order */
	struct asked *asked; /* one for each resource */
	struct plan_input *input;
	struct policy *policy;        /* has texts of `input` */
	char (*texts)[PLANNING_TEXT]; /* of obstacles, one for each resource */
	struct shipped *shipped;      /* one for each resource */
	struct plan *plan;
	double took_ms;
};

/* --- move_ahead.c --- */
bool ahead_possible(const struct planning *p, size_t i); /* once its facts are there: it can be sent before the freeze */
void ahead_equal(struct planning *p, size_t i, const char *hash, const char *path); /* what lies at the target anyway */

/* --- move_facts.c --- */
int facts_take(struct planning *p)
	PMIG_MUST_CHECK; /* the source's resources, with what it found; fills what the target is asked */
void facts_held(struct planning *p, size_t first, const json_t *answers); /* what a holder said of p->held from `first` on */
void facts_compare(struct planning *p);                                   /* which of them the source is to hash */
void facts_asked(struct planning *p,
	struct plan_facts *facts); /* what the target answered, and the ways; strings live as long as p */
const json_t *facts_row(const struct planning *p, size_t i); /* as the source told it */

/* --- facts_address.c --- */
/* HOST:PORT of a locator: of a URL, with the port that its scheme means; "" where there is none. */
void facts_address_of(const char *locator, char ret_address[PMIG_NAME_MAX + 1]);
bool facts_address_is_own(const char *address); /* one that means this machine itself, and so another one there */

#endif
