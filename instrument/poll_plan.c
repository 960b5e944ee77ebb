/* poll_plan: where one function polls. Loops first, inner ones before those around them; then cycles of calls; then what is
 * still a long way. The same walk over the blocks tells each time how far it is since the last poll. */
#include "poll.h"

#include <llvm-c/DebugInfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* How far it is at a point; POLL_NONE: one does not come there so. */
struct state {
	int64_t fresh; /* since the entry of the function or loop that is looked at, without a poll */
	int64_t since; /* since the last poll in it */
};

struct place {
	LLVMBasicBlockRef block;
	LLVMValueRef before; /* NULL: the end of the block */
};

struct plan {
	struct work *w;
	struct poll_calls *calls;
	struct graph g;
	struct map polled; /* instructions before which a poll goes */
	struct place *places;
	size_t places_count, places_capacity;
	struct loop {
		struct poll_span span;
		uint64_t rounds; /* in a chunk; 0: it is not done in chunks */
		bool at_exit;    /* polls also behind its last chunk */
	} *loops;
	uint32_t *top, top_count;
	struct state *at; /* the beginning of each block */
	bool looking;     /* the walk puts no polls */
	bool more;        /* a poll was put where the walk had been already */
};

/* What a walk over a function or loop finds. */
struct found {
	struct poll_span span;
	struct state round; /* of a loop: at the jump back */
};

static int64_t further(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t plus(int64_t a, int64_t b)
{
	return a == POLL_NONE || b == POLL_NONE ? POLL_NONE : a + b;
}

/* False: there is one already. */
static bool add_place(struct plan *p, LLVMValueRef before)
{
	LLVMBasicBlockRef b = LLVMGetInstructionParent(before);
	if (map_get(&p->polled, before) != MAP_NONE)
		return false;
	map_put(&p->polled, before, 1);
	p->places = map_grow(p->places, &p->places_capacity, p->places_count, sizeof *p->places);
	p->places[p->places_count++] = (struct place){b, before == LLVMGetBasicBlockTerminator(b) ? NULL : before};
	return true;
}

/* --explain: one line about an instruction. */
__attribute__((format(printf, 3, 4))) static void explain(const struct plan *p, LLVMValueRef at, const char *format, ...)
{
	FILE *out = p->w->options->explain;
	unsigned length = 0;
	if (out == NULL)
		return;
	const char *file = LLVMGetDebugLocFilename(at, &length);
	va_list ap;
	fprintf(out, "%.*s:%u: %s: ", (int)length, file != NULL ? file : "", LLVMGetDebugLocLine(at),
		work_name(p->g.function));
	va_start(ap, format);
	vfprintf(out, format, ap);
	va_end(ap);
	fputc('\n', out);
}

static LLVMValueRef end_of(const struct plan *p, uint32_t block)
{
	return LLVMGetBasicBlockTerminator(p->g.blocks[block].block);
}

static LLVMValueRef first_after_phis(LLVMBasicBlockRef b)
{
	LLVMValueRef i = LLVMGetFirstInstruction(b);
	while (LLVMIsAPHINode(i) != NULL)
		i = LLVMGetNextInstruction(i);
	return i;
}

/* An instruction that tells where a loop is. */
static LLVMValueRef first_line(const struct plan *p, uint32_t loop)
{
	const struct graph_loop *l = &p->g.loops[loop];
	LLVMValueRef i = LLVMGetFirstInstruction(p->g.blocks[l->header].block);
	while (LLVMGetNextInstruction(i) != NULL && (LLVMIsAPHINode(i) != NULL || LLVMGetDebugLocLine(i) == 0))
		i = LLVMGetNextInstruction(i);
	return i;
}

static void poll_at(struct state *s, struct found *f)
{
	f->span.first = further(f->span.first, s->fresh);
	*s = (struct state){POLL_NONE, 0};
}

/* Must there be a poll before something that costs `first` until its own first poll? */
static bool is_too_far(const struct plan *p, const struct state *s, int64_t first, bool recursive)
{
	if (p->looking)
		return false;
	return s->since + first > POLL_LIMIT || (!recursive && s->fresh > 0 && s->fresh + first > POLL_PASSING);
}

static void pass(struct state *s, struct found *f, const struct poll_span *c)
{
	f->span.first = further(f->span.first, plus(s->fresh, c->first));
	*s = (struct state){plus(s->fresh, c->through), further(plus(s->since, c->through), c->last)};
}

static bool ends_in_tail_call(LLVMValueRef end)
{
	LLVMValueRef last = LLVMGetPreviousInstruction(end);
	return last != NULL && LLVMIsACallInst(last) != NULL && LLVMGetTailCallKind(last) == LLVMTailCallKindMustTail;
}

static bool jumps_far(LLVMValueRef i)
{
	LLVMValueRef callee = work_is_call(i) ? work_callee(i) : NULL;
	return callee != NULL && strncmp(work_name(callee), "pmig_longjmp", 12) == 0;
}

static void walk_instruction(struct plan *p, LLVMValueRef i, struct state *s, struct found *f)
{
	struct poll_callee c = {.span = {.last = POLL_NONE}};
	bool polled = map_get(&p->polled, i) != MAP_NONE;
	bool ends = LLVMIsATerminatorInst(i) != NULL;
	if (work_is_call(i))
		c = poll_calls_span(p->calls, i);
	int64_t cost = (int64_t)poll_cost(p->w, i);
	c.span.first += cost;
	c.span.through = plus(c.span.through, cost);
	bool returns_late = !p->looking && LLVMIsAReturnInst(i) != NULL && s->since > POLL_PASSING;
	if (!polled && LLVMIsAPHINode(i) == NULL && !(ends && ends_in_tail_call(i)) &&
		(is_too_far(p, s, c.span.first, c.recursive) || returns_late || jumps_far(i))) {
		add_place(p, i);
		polled = true;
		explain(p, i, jumps_far(i) ? "a safe point before longjmp" : "a safe point, as the last one is far");
	}
	if (polled)
		poll_at(s, f);
	pass(s, f, &c.span);
	if (poll_is_one(p->w, i))
		poll_at(s, f);
}

static void arrive(struct plan *p, uint32_t loop, uint32_t to, const struct state *s, struct found *f)
{
	f->span.first = further(f->span.first, s->fresh);
	struct state *at = &p->at[to];
	if (loop != GRAPH_NONE && p->g.loops[loop].header == to)
		at = &f->round;
	if (!graph_is_in(&p->g, loop, to)) {
		f->span.through = further(f->span.through, s->fresh);
		f->span.last = further(f->span.last, s->since);
		return;
	}
	at->fresh = further(at->fresh, s->fresh);
	at->since = further(at->since, s->since);
}

static void walk_block(struct plan *p, uint32_t loop, uint32_t b, struct found *f)
{
	const struct graph_block *block = &p->g.blocks[b];
	struct state s = p->at[b];
	for (LLVMValueRef i = LLVMGetFirstInstruction(block->block); i != NULL; i = LLVMGetNextInstruction(i))
		walk_instruction(p, i, &s, f);
	for (uint32_t k = 0; k < block->next_count; k++)
		if (!graph_is_irregular(&p->g, b, block->next[k]))
			arrive(p, loop, block->next[k], &s, f);
	if (block->next_count == 0 && LLVMIsAReturnInst(end_of(p, b)) != NULL) {
		f->span.through = further(f->span.through, s.fresh);
		f->span.last = further(f->span.last, s.since);
	}
	f->span.first = further(f->span.first, s.fresh);
}

static struct found walk(struct plan *p, uint32_t loop);

/* A poll on the way from block `from` to a loop that begins behind it. From within another loop there is no such place, but behind that
 * one's last chunk. */
static bool poll_on_the_way(struct plan *p, uint32_t from, uint32_t inner)
{
	uint32_t other = p->g.blocks[from].loop;
	if (graph_is_in(&p->g, other, p->g.loops[inner].header))
		return add_place(p, end_of(p, from));
	if (p->loops[other].rounds == 0 || p->loops[other].at_exit || p->g.loops[other].exits_count != 1)
		return false;
	p->loops[other].at_exit = true;
	p->loops[other].span.through = POLL_NONE;
	p->loops[other].span.last = 0;
	return true;
}

static void poll_before_loop(struct plan *p, uint32_t inner)
{
	const struct graph_block *h = &p->g.blocks[p->g.loops[inner].header];
	bool found = false;
	for (uint32_t k = 0; k < h->before_count; k++)
		if (!graph_is_in(&p->g, inner, h->before[k]))
			found = poll_on_the_way(p, h->before[k], inner) || found;
	if (found) {
		explain(p, first_line(p, inner), "a safe point before this loop, as the last one is far");
	} else if (add_place(p, first_after_phis(h->block))) {
		p->loops[inner].rounds = 0;
		struct found f = walk(p, inner);
		p->loops[inner].span = f.span;
		p->loops[inner].span.last = further(f.span.last, plus(f.round.since, f.span.through));
		explain(p, first_line(p, inner), "a safe point also in each round of this loop, as the last one is far");
		found = true;
	}
	p->more = found;
}

/* A loop inside, of which everything is known. */
static void walk_inner(struct plan *p, uint32_t loop, uint32_t inner, struct found *f)
{
	const struct graph_loop *l = &p->g.loops[inner];
	struct state s = p->at[l->header];
	bool more = p->more;
	if (is_too_far(p, &s, p->loops[inner].span.first, false)) {
		poll_before_loop(p, inner);
		p->more = p->more || more;
		s = p->at[l->header];
	}
	pass(&s, f, &p->loops[inner].span);
	for (uint32_t k = 0; k < l->exits_count; k++)
		arrive(p, loop, l->exits[k], &s, f);
}

static void walk_part(struct plan *p, uint32_t loop, uint32_t b, struct found *f)
{
	uint32_t inner = graph_loop_at(&p->g, b);
	if (inner != GRAPH_NONE && inner != loop)
		walk_inner(p, loop, inner, f);
	else
		walk_block(p, loop, b, f);
}

/* A loop, or the function (GRAPH_NONE). */
static struct found walk(struct plan *p, uint32_t loop)
{
	bool all = loop == GRAPH_NONE;
	const uint32_t *parts = all ? p->top : p->g.loops[loop].parts;
	uint32_t n = all ? p->top_count : p->g.loops[loop].parts_count;
	struct found f;
	do {
		f = (struct found){{0, POLL_NONE, POLL_NONE}, {POLL_NONE, POLL_NONE}};
		p->more = false;
		for (uint32_t k = 0; k < n; k++)
			p->at[parts[k]] = (struct state){k == 0 ? 0 : POLL_NONE, POLL_NONE};
		for (uint32_t k = 0; k < n; k++)
			walk_part(p, loop, parts[k], &f);
	} while (p->more);
	return f;
}

/* What the function itself consists of: blocks that are in no loop, and headers of the loops directly in it. */
static void list_top(struct plan *p)
{
	p->top = map_alloc(p->g.blocks_count, sizeof *p->top);
	for (uint32_t b = 0; b < p->g.blocks_count; b++) {
		uint32_t in = p->g.blocks[b].loop;
		if (in == GRAPH_NONE || (p->g.loops[in].header == b && p->g.loops[in].outer == GRAPH_NONE))
			p->top[p->top_count++] = b;
	}
}

static bool is_recursive(struct plan *p, LLVMValueRef i)
{
	return work_is_call(i) && poll_calls_span(p->calls, i).recursive;
}

static LLVMValueRef first_recursion(struct plan *p, uint32_t b)
{
	for (LLVMValueRef i = LLVMGetFirstInstruction(p->g.blocks[b].block); i != NULL; i = LLVMGetNextInstruction(i))
		if (is_recursive(p, i))
			return i;
	return NULL;
}

/* Every round goes through this poll, and so does every call in the loop that closes a cycle of calls: a round that ends before is
 * without. */
static void poll_each_round(struct plan *p, uint32_t loop)
{
	const struct graph_loop *l = &p->g.loops[loop];
	uint32_t where = l->latches[0];
	for (uint32_t k = 1; k < l->latches_count; k++)
		where = graph_common_dominator(&p->g, where, l->latches[k]);
	for (uint32_t b = l->header; b < p->g.blocks_count; b++)
		if (graph_is_in(&p->g, loop, b) && first_recursion(p, b) != NULL)
			where = graph_common_dominator(&p->g, where, b);
	while (p->g.blocks[where].loop != loop)
		where = p->g.blocks[p->g.loops[p->g.blocks[where].loop].header].dominator;
	LLVMValueRef call = first_recursion(p, where);
	add_place(p, call != NULL ? call : end_of(p, where));
}

static bool calls_far(struct plan *p, uint32_t loop)
{
	const struct graph_loop *l = &p->g.loops[loop];
	for (uint32_t k = 0; k < l->parts_count; k++)
		for (LLVMValueRef i = LLVMGetFirstInstruction(p->g.blocks[l->parts[k]].block); i != NULL;
			i = LLVMGetNextInstruction(i))
			if (poll_cost_is_long_copy(i) || is_recursive(p, i) ||
				(work_is_call(i) && poll_calls_span(p->calls, i).far))
				return true;
	return false;
}

/* A loop all of whose rounds together cost less than a chunk needs nothing; one that counts can be done in chunks. Otherwise,
 * returns why not. */
static const char *do_without(struct plan *p, uint32_t loop, const struct found *f)
{
	struct poll_count count;
	int64_t round = further(f->round.fresh, 1);
	if (!poll_count_find(p->w, &p->g, loop, &count))
		return "it does not count";
	uint64_t rounds = poll_count_rounds(&p->g, loop, &count);
	int64_t all = (int64_t)rounds * round;
	if (rounds != 0 && all <= POLL_CHUNK) {
		p->loops[loop].span = (struct poll_span){.first = all + f->span.first,
			.through = plus(f->span.through, all),
			.last = further(f->span.last, plus(f->round.since, all + further(f->span.through, 0)))};
		explain(p, first_line(p, loop), "a loop, left as it is: at most %lu rounds, %ld instructions",
			(unsigned long)rounds, (long)all);
		return NULL;
	}
	rounds = POLL_CHUNK / (uint64_t)round;
	if (!p->g.loops[loop].innermost)
		return "there are loops in it";
	if (round > POLL_ROUND_MAX)
		return "rounds are long";
	if (f->round.since != POLL_NONE)
		return "some rounds come by one already";
	if (calls_far(p, loop))
		return "it calls functions of which nobody knows how long they take";
	if (!poll_strip_possible(p->w, &count, rounds))
		return "it counts in a small type";
	p->loops[loop].rounds = rounds;
	p->loops[loop].span = (struct poll_span){POLL_CHUNK + round, POLL_CHUNK + round, POLL_CHUNK + round};
	explain(p, first_line(p, loop), "a loop in chunks of %lu rounds, a safe point after each", (unsigned long)rounds);
	return NULL;
}

static void decide_loop(struct plan *p, uint32_t loop)
{
	p->looking = true;
	struct found f = walk(p, loop);
	p->looking = false;
	if (f.round.fresh != POLL_NONE) {
		const char *why = do_without(p, loop, &f);
		if (why == NULL)
			return;
		explain(p, first_line(p, loop), "a loop with a safe point in each round (about %ld instructions): %s",
			(long)f.round.fresh, why);
		poll_each_round(p, loop);
	} else {
		explain(p, first_line(p, loop), "a loop, left as it is: every round comes by a safe point");
	}
	f = walk(p, loop);
	if (plus(f.round.since, f.span.first) > POLL_LIMIT) {
		add_place(p, first_after_phis(p->g.blocks[p->g.loops[loop].header].block));
		f = walk(p, loop);
	}
	f.span.last = further(f.span.last, plus(f.round.since, f.span.through));
	p->loops[loop].span = f.span;
}

/* Loops that are none of one header. */
static void poll_irregular(struct plan *p)
{
	for (uint32_t b = 0; b < p->g.blocks_count; b++)
		for (uint32_t k = 0; k < p->g.blocks[b].next_count; k++)
			if (graph_is_irregular(&p->g, b, p->g.blocks[b].next[k]))
				add_place(p, end_of(p, b));
}

/* Can the end of block `b`, and which calls that close a cycle can, be reached without a poll? Those calls' common dominator is `*where`. */
static bool stays_fresh(struct plan *p, uint32_t b, uint32_t *where)
{
	for (LLVMValueRef i = LLVMGetFirstInstruction(p->g.blocks[b].block); i != NULL; i = LLVMGetNextInstruction(i)) {
		if (map_get(&p->polled, i) != MAP_NONE || poll_is_one(p->w, i))
			return false;
		if (!work_is_call(i))
			continue;
		struct poll_callee c = poll_calls_span(p->calls, i);
		if (c.recursive)
			*where = *where == GRAPH_NONE ? b : graph_common_dominator(&p->g, *where, b);
		if (c.span.through == POLL_NONE)
			return false;
	}
	return true;
}

static void poll_recursion(struct plan *p)
{
	uint32_t where = GRAPH_NONE, n = p->g.blocks_count;
	uint32_t *todo = map_alloc(n, sizeof *todo), count = 0;
	bool *seen = map_alloc(n, sizeof *seen);
	seen[0] = true;
	todo[count++] = 0;
	while (count != 0) {
		const struct graph_block *b = &p->g.blocks[todo[--count]];
		if (!stays_fresh(p, todo[count], &where))
			continue;
		for (uint32_t k = 0; k < b->next_count; k++)
			if (!seen[b->next[k]]) {
				seen[b->next[k]] = true;
				todo[count++] = b->next[k];
			}
	}
	free(seen);
	free(todo);
	if (where == GRAPH_NONE)
		return;
	while (p->g.blocks[where].loop != GRAPH_NONE)
		where = p->g.blocks[p->g.loops[p->g.blocks[where].loop].header].dominator;
	LLVMValueRef call = first_recursion(p, where);
	add_place(p, call != NULL ? call : end_of(p, where));
	explain(p, call != NULL ? call : end_of(p, where), "a safe point before calls that lead back here");
}

static LLVMValueRef first_after_allocas(LLVMValueRef f)
{
	LLVMValueRef i = LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(f));
	while (LLVMIsAAllocaInst(i) != NULL)
		i = LLVMGetNextInstruction(i);
	return i;
}

static void carry_out(struct plan *p)
{
	for (uint32_t l = 0; l < p->g.loops_count; l++) {
		struct poll_count count;
		if (p->loops[l].rounds == 0)
			continue;
		if (poll_count_find(p->w, &p->g, l, &count)) /* anew: an earlier one may have replaced what it counts with */
			poll_strip(p->w, &p->g, l, &count, p->loops[l].rounds, p->loops[l].at_exit);
		else
			add_place(p, end_of(p, p->g.loops[l].latches[0]));
	}
	for (size_t i = 0; i < p->places_count; i++) {
		const struct place *at = &p->places[i];
		poll_put(p->w, at->before != NULL ? at->before : LLVMGetBasicBlockTerminator(at->block));
	}
}

struct poll_span poll_plan(struct work *w, struct poll_calls *calls, LLVMValueRef function, bool at_entry)
{
	struct plan p = {.w = w, .calls = calls};
	graph_make(&p.g, function);
	p.loops = map_alloc(p.g.loops_count, sizeof *p.loops);
	p.at = map_alloc(p.g.blocks_count, sizeof *p.at);
	list_top(&p);
	if (at_entry) {
		add_place(&p, first_after_allocas(function));
		explain(&p, first_after_allocas(function),
			"a safe point at its entry, as a function of the C library leads back here");
	}
	poll_irregular(&p);
	for (uint32_t l = 0; l < p.g.loops_count; l++)
		decide_loop(&p, l);
	poll_recursion(&p);
	struct found f = walk(&p, GRAPH_NONE);
	if (p.places_count == 0 && f.span.last == POLL_NONE)
		explain(&p, function, "no safe point: at most %ld instructions", (long)f.span.first);
	carry_out(&p);
	map_finish(&p.polled);
	free(p.places);
	free(p.loops);
	free(p.top);
	free(p.at);
	graph_finish(&p.g);
	return f.span;
}
