/* graph: the blocks of one function, who follows whom, and its loops. LLVM-C tells neither dominators nor loops.
 *
 * A loop is a natural one: its header dominates every block that jumps back to it. Blocks that nothing reaches are not in the graph. */
#ifndef PMIG_INSTRUMENT_GRAPH_H
#define PMIG_INSTRUMENT_GRAPH_H

#include "map.h"

#include <llvm-c/Core.h>
#include <stdbool.h>

#define GRAPH_NONE UINT32_MAX

struct graph_block {
	LLVMBasicBlockRef block;
	uint32_t *next, *before; /* successors and predecessors, each edge once */
	uint32_t next_count, before_count;
	uint32_t dominator; /* the immediate one; the entry's is itself */
	uint32_t loop;      /* the innermost that it is in; GRAPH_NONE */
};

struct graph_loop {
	uint32_t header;
	uint32_t outer;  /* GRAPH_NONE */
	uint32_t *parts; /* in order: blocks that are in no inner loop, and headers of the inner loops directly in it */
	uint32_t parts_count;
	uint32_t *latches; /* blocks that jump back to the header */
	uint32_t latches_count;
	uint32_t *exits; /* blocks outside that blocks inside jump to; some of them more than once */
	uint32_t exits_count;
	bool innermost;
};

/* Blocks are in reverse post-order: an edge to a block that is not later in it closes a cycle. */
struct graph {
	LLVMValueRef function;
	struct graph_block *blocks;
	uint32_t blocks_count;
	struct map numbers;       /* LLVM's block -> index */
	struct graph_loop *loops; /* inner ones before those around them */
	uint32_t loops_count;
};

void graph_make(struct graph *g, LLVMValueRef function);
void graph_finish(struct graph *g);

/* Does every way to `b` go through `a`? */
bool graph_dominates(const struct graph *g, uint32_t a, uint32_t b);

/* The last block that every way to `a` and every way to `b` goes through. */
uint32_t graph_common_dominator(const struct graph *g, uint32_t a, uint32_t b);

/* Is `block` (GRAPH_NONE: one that was made since) in `loop` (GRAPH_NONE: the function)? */
bool graph_is_in(const struct graph *g, uint32_t loop, uint32_t block);

/* The loop whose header `block` is, or GRAPH_NONE. */
uint32_t graph_loop_at(const struct graph *g, uint32_t block);

/* Does `a` -> `b` close a cycle that is no natural loop? */
bool graph_is_irregular(const struct graph *g, uint32_t a, uint32_t b);

#endif
