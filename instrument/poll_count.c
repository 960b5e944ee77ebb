/* poll_count: loops that count: for (i = start; i < bound; i += step), as the optimiser leaves them. */
#include "poll.h"

static LLVMIntPredicate inverse(LLVMIntPredicate p)
{
	static const LLVMIntPredicate pairs[][2] = {{LLVMIntEQ, LLVMIntNE}, {LLVMIntUGT, LLVMIntULE},
		{LLVMIntUGE, LLVMIntULT}, {LLVMIntSGT, LLVMIntSLE}, {LLVMIntSGE, LLVMIntSLT}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		for (int k = 0; k < 2; k++)
			if (pairs[i][k] == p)
				return pairs[i][1 - k];
	return p;
}

static LLVMIntPredicate swapped(LLVMIntPredicate p)
{
	static const LLVMIntPredicate pairs[][2] = {
		{LLVMIntUGT, LLVMIntULT}, {LLVMIntUGE, LLVMIntULE}, {LLVMIntSGT, LLVMIntSLT}, {LLVMIntSGE, LLVMIntSLE}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		for (int k = 0; k < 2; k++)
			if (pairs[i][k] == p)
				return pairs[i][1 - k];
	return p;
}

static bool changes_in(const struct graph *g, uint32_t loop, LLVMValueRef v)
{
	if (LLVMIsAInstruction(v) == NULL)
		return false;
	uint32_t b = map_get(&g->numbers, LLVMGetInstructionParent(v));
	return b == MAP_NONE || graph_is_in(g, loop, b);
}

/* The constant that `next` is further than `phi`. */
static bool step_of(struct work *w, LLVMValueRef next, LLVMValueRef phi, int64_t *ret_step)
{
	LLVMValueRef n;
	int64_t unit = 1;
	if (LLVMIsAGetElementPtrInst(next) != NULL && LLVMGetNumOperands(next) == 2) {
		unit = (int64_t)LLVMABISizeOfType(w->layout, LLVMGetGEPSourceElementType(next));
	} else if (LLVMIsAInstruction(next) == NULL || LLVMGetInstructionOpcode(next) != LLVMAdd) {
		return false;
	}
	n = LLVMIsAConstantInt(LLVMGetOperand(next, 1));
	if (n == NULL || LLVMGetOperand(next, 0) != phi || LLVMGetIntTypeWidth(LLVMTypeOf(n)) > 64)
		return false;
	int64_t count = LLVMConstIntGetSExtValue(n);
	if (count == 0 || count > INT32_MAX || count < INT32_MIN || unit <= 0 || unit > INT32_MAX)
		return false;
	*ret_step = count * unit;
	return true;
}

/* Is `tested` a phi of the header that moves by a constant in each round, or its next value? */
static bool find_start(struct work *w, const struct graph *g, const struct graph_loop *l, struct poll_count *c)
{
	LLVMBasicBlockRef header = g->blocks[l->header].block, latch = g->blocks[c->latch].block;
	for (LLVMValueRef phi = LLVMGetFirstInstruction(header); LLVMIsAPHINode(phi) != NULL;
		phi = LLVMGetNextInstruction(phi))
		for (unsigned i = 0; i < LLVMCountIncoming(phi); i++) {
			LLVMValueRef next = LLVMGetIncomingValue(phi, i);
			if (LLVMGetIncomingBlock(phi, i) != latch || (c->tested != phi && c->tested != next) ||
				!step_of(w, next, phi, &c->step))
				continue;
			c->start = phi;
			return true;
		}
	return false;
}

bool poll_count_find(struct work *w, const struct graph *g, uint32_t loop, struct poll_count *ret)
{
	const struct graph_loop *l = &g->loops[loop];
	struct poll_count c = {.latch = l->latches[0]};
	LLVMBasicBlockRef header = g->blocks[l->header].block;
	LLVMValueRef end = LLVMGetBasicBlockTerminator(g->blocks[c.latch].block);
	if (l->latches_count != 1 || LLVMIsABranchInst(end) == NULL || !LLVMIsConditional(end) ||
		LLVMGetSuccessor(end, 0) == LLVMGetSuccessor(end, 1))
		return false;
	uint32_t other = map_get(&g->numbers, LLVMGetSuccessor(end, LLVMGetSuccessor(end, 0) == header ? 1 : 0));
	LLVMValueRef compare = LLVMIsAICmpInst(LLVMGetCondition(end));
	/* A block without a number is where the chunks of a loop that comes next begin. */
	if (compare == NULL || (other != MAP_NONE && graph_is_in(g, loop, other)))
		return false;
	c.tested = LLVMGetOperand(compare, 0);
	c.bound = LLVMGetOperand(compare, 1);
	c.goes = LLVMGetICmpPredicate(compare);
	if (changes_in(g, loop, c.bound)) {
		c.bound = c.tested;
		c.tested = LLVMGetOperand(compare, 1);
		c.goes = swapped(c.goes);
	}
	if (LLVMGetSuccessor(end, 0) != header)
		c.goes = inverse(c.goes);
	if (changes_in(g, loop, c.bound) || !find_start(w, g, l, &c))
		return false;
	bool up = c.goes == LLVMIntULT || c.goes == LLVMIntSLT, down = c.goes == LLVMIntUGT || c.goes == LLVMIntSGT;
	if (c.goes != LLVMIntNE && !(up && c.step > 0) && !(down && c.step < 0))
		return false;
	*ret = c;
	return true;
}

uint64_t poll_count_rounds(const struct graph *g, uint32_t loop, const struct poll_count *c)
{
	LLVMValueRef first = NULL;
	for (unsigned i = 0; i < LLVMCountIncoming(c->start); i++) {
		uint32_t from = map_get(&g->numbers, LLVMGetIncomingBlock(c->start, i));
		if (from == MAP_NONE || graph_is_in(g, loop, from))
			continue;
		if (first != NULL && first != LLVMGetIncomingValue(c->start, i))
			return 0;
		first = LLVMGetIncomingValue(c->start, i);
	}
	if (first == NULL || LLVMIsAConstantInt(first) == NULL || LLVMIsAConstantInt(c->bound) == NULL ||
		LLVMGetIntTypeWidth(LLVMTypeOf(first)) > 64)
		return 0;
	bool is_signed = c->goes == LLVMIntSLT || c->goes == LLVMIntSGT || c->goes == LLVMIntNE;
	__int128 a = is_signed ? LLVMConstIntGetSExtValue(first) : (__int128)LLVMConstIntGetZExtValue(first),
		 b = is_signed ? LLVMConstIntGetSExtValue(c->bound) : (__int128)LLVMConstIntGetZExtValue(c->bound);
	__int128 way = c->step > 0 ? b - a : a - b, step = c->step > 0 ? c->step : -c->step;
	if (way <= 0 || way / step > INT32_MAX || (c->goes == LLVMIntNE && way % step != 0))
		return 0;
	return (uint64_t)((way + step - 1) / step) + (c->tested == c->start);
}
