/* poll: what the files that place safe points by themselves (--safepoints=auto) share.
 *
 * Costs are machine instructions, estimated from above. Between two polls lie at most POLL_BOUND of them, not counted those of functions that
 * pmig-cc has not compiled. How: every loop polls in each round, or after so many rounds as cost POLL_CHUNK, unless it is known to end
 * before; every cycle of calls has a poll; and where what is left is still a long way, one is put in. */
#ifndef PMIG_INSTRUMENT_POLL_H
#define PMIG_INSTRUMENT_POLL_H

#include "graph.h"
#include "work.h"

#define POLL_BOUND 100000   /* what is promised */
#define POLL_LIMIT 40000    /* what is aimed at, since costs are estimates */
#define POLL_PASSING 10000  /* of that, what one function may add before its first poll and behind its last */
#define POLL_CHUNK 4096     /* rounds of a loop without a poll, together */
#define POLL_ROUND_MAX 64   /* a loop whose rounds cost more can afford a poll in each */
#define POLL_CALL 200       /* a function outside: it counts, its own course does not */
#define POLL_NONE INT64_MIN /* there is no such way */

/* What lies between polls in a piece of code that is entered and left: a function or a loop. */
struct poll_span {
	int64_t first;   /* from the entry to the first poll, or to wherever it ends without one */
	int64_t through; /* from the entry to the exit without a poll; POLL_NONE: there is always one */
	int64_t last;    /* from the last poll to the exit; POLL_NONE: no poll */
};

/* How a loop counts its rounds: `tested` moves by `step` until it is at `bound`. */
struct poll_count {
	LLVMValueRef start;    /* phi of the header that counts */
	LLVMValueRef tested;   /* the phi or its next value: what the latch compares */
	LLVMValueRef bound;    /* does not change in the loop */
	LLVMIntPredicate goes; /* one more round if `tested` goes `bound` */
	int64_t step;          /* not 0; of pointers in bytes */
	uint32_t latch;
};

/* poll_cost.c */
uint64_t poll_cost(struct work *w, LLVMValueRef instruction); /* not of what a call does */
bool poll_cost_is_long_copy(LLVMValueRef call);               /* memcpy and its kind, of any size */

/* poll_count.c */
bool poll_count_find(struct work *w, const struct graph *g, uint32_t loop, struct poll_count *ret);
uint64_t poll_count_rounds(const struct graph *g, uint32_t loop, const struct poll_count *c); /* 0: not known */

/* poll_strip.c: makes the loop poll after each `rounds` rounds; `at_exit`: and when it has counted to its end. */
bool poll_strip_possible(struct work *w, const struct poll_count *c, uint64_t rounds);
void poll_strip(struct work *w, const struct graph *g, uint32_t loop, const struct poll_count *c, uint64_t rounds,
	bool at_exit);

/* poll_put.c: the place of a poll before `where`: the calls of a function with debug information need one. */
LLVMMetadataRef poll_location(struct work *w, LLVMValueRef where);

/* poll_put.c: a poll before an instruction; it splits the block. */
void poll_put(struct work *w, LLVMValueRef where);
/* Ends the block where the builder stands: a poll, then `to`. */
void poll_put_at_end(struct work *w, LLVMBasicBlockRef to, LLVMMetadataRef location);
bool poll_is_one(struct work *w, LLVMValueRef instruction);

/* poll_calls.c: what is known of the functions that `call` enters; decides for them first if need be. */
struct poll_calls;
struct poll_callee {
	struct poll_span span;
	bool recursive; /* it enters a function that is being decided, of which only POLL_PASSING is known */
	bool far;       /* or one from outside: how long that takes nobody knows */
};
struct poll_callee poll_calls_span(struct poll_calls *c, LLVMValueRef call);

/* poll_plan.c: decides for one function, and puts the polls in. `at_entry`: one at its entry in any case. */
struct poll_span poll_plan(struct work *w, struct poll_calls *calls, LLVMValueRef function, bool at_entry);

#endif
