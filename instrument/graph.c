/* graph: reverse post-order; dominators by Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm (2001); loops by
 * going back from the blocks that jump to a header. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

struct order {
	struct step {
		LLVMBasicBlockRef block;
		unsigned next;
	} *path;
	size_t depth, path_capacity;
	LLVMBasicBlockRef *done; /* in post-order */
	size_t done_count, done_capacity;
	struct map seen;
};

static void enter(struct order *o, LLVMBasicBlockRef b)
{
	if (map_get(&o->seen, b) != MAP_NONE)
		return;
	map_put(&o->seen, b, 1);
	o->path = map_grow(o->path, &o->path_capacity, o->depth, sizeof *o->path);
	o->path[o->depth++] = (struct step){b, 0};
}

static void order_blocks(struct graph *g)
{
	struct order o = {0};
	enter(&o, LLVMGetEntryBasicBlock(g->function));
	while (o.depth != 0) {
		struct step *s = &o.path[o.depth - 1];
		LLVMValueRef end = LLVMGetBasicBlockTerminator(s->block);
		if (s->next < LLVMGetNumSuccessors(end)) {
			enter(&o, LLVMGetSuccessor(end, s->next++));
			continue;
		}
		o.done = map_grow(o.done, &o.done_capacity, o.done_count, sizeof(LLVMBasicBlockRef));
		o.done[o.done_count++] = s->block;
		o.depth--;
	}
	g->blocks_count = (uint32_t)o.done_count;
	g->blocks = map_alloc(g->blocks_count, sizeof *g->blocks);
	for (uint32_t i = 0; i < g->blocks_count; i++) {
		g->blocks[i].block = o.done[g->blocks_count - 1 - i];
		g->blocks[i].loop = GRAPH_NONE;
		map_put(&g->numbers, g->blocks[i].block, i);
	}
	map_finish(&o.seen);
	free(o.path);
	free(o.done);
}

static void connect(struct graph *g)
{
	for (uint32_t i = 0; i < g->blocks_count; i++) {
		struct graph_block *b = &g->blocks[i];
		LLVMValueRef end = LLVMGetBasicBlockTerminator(b->block);
		unsigned n = LLVMGetNumSuccessors(end);
		struct map known = {0}; /* a switch has many */
		b->next = map_alloc(n, sizeof *b->next);
		for (unsigned k = 0; k < n; k++) {
			LLVMBasicBlockRef to = LLVMGetSuccessor(end, k);
			if (map_get(&known, to) != MAP_NONE)
				continue;
			map_put(&known, to, 1);
			b->next[b->next_count++] = map_get(&g->numbers, to);
			g->blocks[map_get(&g->numbers, to)].before_count++;
		}
		map_finish(&known);
	}
	for (uint32_t i = 0; i < g->blocks_count; i++) {
		g->blocks[i].before = map_alloc(g->blocks[i].before_count, sizeof *g->blocks[i].before);
		g->blocks[i].before_count = 0;
	}
	for (uint32_t i = 0; i < g->blocks_count; i++)
		for (uint32_t k = 0; k < g->blocks[i].next_count; k++) {
			struct graph_block *to = &g->blocks[g->blocks[i].next[k]];
			to->before[to->before_count++] = i;
		}
}

uint32_t graph_common_dominator(const struct graph *g, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (a > b)
			a = g->blocks[a].dominator;
		else
			b = g->blocks[b].dominator;
	}
	return a;
}

static void find_dominators(struct graph *g)
{
	for (uint32_t i = 1; i < g->blocks_count; i++)
		g->blocks[i].dominator = GRAPH_NONE;
	for (bool more = true; more;) {
		more = false;
		for (uint32_t i = 1; i < g->blocks_count; i++) {
			uint32_t found = GRAPH_NONE;
			for (uint32_t k = 0; k < g->blocks[i].before_count; k++) {
				uint32_t from = g->blocks[i].before[k];
				if (from != 0 && g->blocks[from].dominator == GRAPH_NONE)
					continue;
				found = found == GRAPH_NONE ? from : graph_common_dominator(g, found, from);
			}
			more = more || found != g->blocks[i].dominator;
			g->blocks[i].dominator = found;
		}
	}
}

bool graph_dominates(const struct graph *g, uint32_t a, uint32_t b)
{
	while (b > a)
		b = g->blocks[b].dominator;
	return a == b;
}

bool graph_is_in(const struct graph *g, uint32_t loop, uint32_t block)
{
	if (loop == GRAPH_NONE)
		return true;
	if (block == GRAPH_NONE)
		return false;
	for (uint32_t l = g->blocks[block].loop; l != GRAPH_NONE; l = g->loops[l].outer)
		if (l == loop)
			return true;
	return false;
}

uint32_t graph_loop_at(const struct graph *g, uint32_t block)
{
	uint32_t l = g->blocks[block].loop;
	return l != GRAPH_NONE && g->loops[l].header == block ? l : GRAPH_NONE;
}

bool graph_is_irregular(const struct graph *g, uint32_t a, uint32_t b)
{
	return b <= a && !graph_dominates(g, b, a);
}

static uint32_t outermost(const struct graph *g, uint32_t loop)
{
	while (g->loops[loop].outer != GRAPH_NONE)
		loop = g->loops[loop].outer;
	return loop;
}

/* What reaches the latches without going through the header is in the loop; what is in a loop already stands for all of it. */
static void collect(struct graph *g, uint32_t loop)
{
	struct graph_loop *l = &g->loops[loop];
	uint32_t *todo = map_alloc(2 * (size_t)g->blocks_count, sizeof *todo), count = 0;
	struct map seen = {0};
	g->blocks[l->header].loop = loop;
	for (uint32_t i = 0; i < l->latches_count; i++)
		todo[count++] = l->latches[i];
	while (count != 0) {
		uint32_t b = todo[--count];
		uint32_t inner = g->blocks[b].loop;
		if (inner != GRAPH_NONE) {
			inner = outermost(g, inner);
			if (inner == loop)
				continue;
			g->loops[inner].outer = loop;
			l->innermost = false;
			b = g->loops[inner].header;
		} else {
			g->blocks[b].loop = loop;
		}
		for (uint32_t k = 0; k < g->blocks[b].before_count; k++) {
			uint32_t from = g->blocks[b].before[k];
			uint32_t around = g->blocks[from].loop;
			bool known = around != GRAPH_NONE && outermost(g, around) == loop;
			if (!known && map_get(&seen, g->blocks[from].block) == MAP_NONE) {
				map_put(&seen, g->blocks[from].block, 1);
				todo[count++] = from;
			}
		}
	}
	map_finish(&seen);
	free(todo);
}

static void find_loops(struct graph *g)
{
	size_t capacity = 0;
	for (uint32_t h = g->blocks_count; h-- > 0;) { /* a header is later than that of the loop around it */
		struct graph_loop l = {.header = h, .outer = GRAPH_NONE, .innermost = true};
		l.latches = map_alloc(g->blocks[h].before_count, sizeof *l.latches);
		for (uint32_t k = 0; k < g->blocks[h].before_count; k++)
			if (graph_dominates(g, h, g->blocks[h].before[k]))
				l.latches[l.latches_count++] = g->blocks[h].before[k];
		if (l.latches_count == 0) {
			free(l.latches);
			continue;
		}
		g->loops = map_grow(g->loops, &capacity, g->loops_count, sizeof *g->loops);
		g->loops[g->loops_count] = l;
		collect(g, g->loops_count++);
	}
}

static void list_parts(struct graph *g)
{
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t b = 0; b < g->blocks_count; b++) {
			uint32_t inner = graph_loop_at(g, b), l = g->blocks[b].loop;
			if (l == GRAPH_NONE)
				continue;
			if (inner != GRAPH_NONE && g->loops[inner].outer != GRAPH_NONE) {
				struct graph_loop *outer = &g->loops[g->loops[inner].outer];
				if (pass == 1)
					outer->parts[outer->parts_count] = b;
				outer->parts_count++;
			}
			if (pass == 1)
				g->loops[l].parts[g->loops[l].parts_count] = b;
			g->loops[l].parts_count++;
		}
		for (uint32_t l = 0; pass == 0 && l < g->loops_count; l++) {
			g->loops[l].parts = map_alloc(g->loops[l].parts_count, sizeof *g->loops[l].parts);
			g->loops[l].parts_count = 0;
		}
	}
}

static void list_exits(struct graph *g)
{
	size_t *capacities = map_alloc(g->loops_count, sizeof *capacities);
	for (uint32_t b = 0; b < g->blocks_count; b++)
		for (uint32_t k = 0; k < g->blocks[b].next_count; k++) {
			uint32_t to = g->blocks[b].next[k];
			for (uint32_t l = g->blocks[b].loop; l != GRAPH_NONE && !graph_is_in(g, l, to);
				l = g->loops[l].outer) {
				struct graph_loop *loop = &g->loops[l];
				loop->exits = map_grow(loop->exits, &capacities[l], loop->exits_count, sizeof(uint32_t));
				loop->exits[loop->exits_count++] = to;
			}
		}
	free(capacities);
}

void graph_make(struct graph *g, LLVMValueRef function)
{
	*g = (struct graph){.function = function};
	order_blocks(g);
	connect(g);
	find_dominators(g);
	find_loops(g);
	list_parts(g);
	list_exits(g);
}

void graph_finish(struct graph *g)
{
	for (uint32_t i = 0; i < g->blocks_count; i++) {
		free(g->blocks[i].next);
		free(g->blocks[i].before);
	}
	for (uint32_t l = 0; l < g->loops_count; l++) {
		free(g->loops[l].parts);
		free(g->loops[l].latches);
		free(g->loops[l].exits);
	}
	free(g->blocks);
	free(g->loops);
	map_finish(&g->numbers);
}
