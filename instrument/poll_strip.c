/* poll_strip: a loop that counts runs in chunks, so that its rounds cost nothing more:
 *
 *   before:                                  after:
 *     header:                                  chunk: i = phi(start, next); end = the nearer of bound and i + step * rounds
 *       i = phi(start, next)                   header: as before
 *       ...                                    latch: next != end ? header : check
 *     latch: next != bound ? header : exit     check: next != bound ? poll, then chunk : exit */
#include "poll.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>

static LLVMTypeRef integer_of(struct work *w, const struct poll_count *c)
{
	LLVMTypeRef type = LLVMTypeOf(c->bound); /* that of c->start, which is replaced on the way */
	return LLVMGetTypeKind(type) == LLVMPointerTypeKind ? w->i64 : type;
}

bool poll_strip_possible(struct work *w, const struct poll_count *c, uint64_t rounds)
{
	unsigned bits = LLVMGetIntTypeWidth(integer_of(w, c));
	uint64_t step = c->step > 0 ? (uint64_t)c->step : -(uint64_t)c->step;
	return bits <= 64 && step <= INT32_MAX && step * (rounds + 1) < 1ull << (bits - 2);
}

struct strip {
	struct work *w;
	const struct poll_count *count;
	uint64_t rounds;
	bool at_exit;
	LLVMTypeRef type;                                                          /* what is counted with */
	LLVMBasicBlockRef header, latch, exit, chunk, check, polls, polled, again; /* one of `polls`, `polled` */
	LLVMMetadataRef location;
	LLVMValueRef *old, *outer, *inner; /* the header's phis; in `chunk`; as they are now */
	uint32_t phis;
};

/* The phis of `block`, whose edge from `from` comes from `to` now. */
static void move_edge(struct work *w, LLVMBasicBlockRef block, LLVMBasicBlockRef from, LLVMBasicBlockRef to)
{
	for (LLVMValueRef phi = LLVMGetFirstInstruction(block), next; LLVMIsAPHINode(phi) != NULL; phi = next) {
		next = LLVMGetNextInstruction(phi);
		LLVMPositionBuilderBefore(w->builder, phi);
		LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(phi));
		LLVMValueRef made = LLVMBuildPhi(w->builder, LLVMTypeOf(phi), "");
		LLVMReplaceAllUsesWith(phi, made);
		for (unsigned i = 0; i < LLVMCountIncoming(phi); i++) {
			LLVMValueRef value = LLVMGetIncomingValue(phi, i);
			LLVMBasicBlockRef source = LLVMGetIncomingBlock(phi, i);
			if (source == from)
				source = to;
			LLVMAddIncoming(made, &value, &source, 1);
		}
		LLVMInstructionEraseFromParent(phi);
	}
}

static void make_blocks(struct strip *s)
{
	LLVMContextRef c = s->w->context;
	LLVMValueRef end = LLVMGetBasicBlockTerminator(s->latch);
	s->exit = LLVMGetSuccessor(end, LLVMGetSuccessor(end, 0) == s->header ? 1 : 0);
	s->chunk = LLVMInsertBasicBlockInContext(c, s->header, "chunk");
	s->check = LLVMInsertBasicBlockInContext(c, s->exit, "check");
	if (s->at_exit)
		s->polled = LLVMInsertBasicBlockInContext(c, s->exit, "polled");
	else
		s->polls = LLVMInsertBasicBlockInContext(c, s->exit, "poll");
	s->again = LLVMInsertBasicBlockInContext(c, s->exit, "again");
	s->location = LLVMInstructionGetDebugLoc(end);
}

/* Whoever came to the header from outside comes to the chunk; among them may be blocks that the graph does not know. */
static void enter_by_chunk(struct strip *s)
{
	LLVMValueRef back = LLVMGetBasicBlockTerminator(s->latch);
	for (LLVMUseRef u = LLVMGetFirstUse(LLVMBasicBlockAsValue(s->header)), next; u != NULL; u = next) {
		LLVMValueRef end = LLVMGetUser(u);
		next = LLVMGetNextUse(u);
		if (end == back || LLVMIsATerminatorInst(end) == NULL)
			continue;
		for (unsigned k = 0; k < LLVMGetNumSuccessors(end); k++)
			if (LLVMGetSuccessor(end, k) == s->header) {
				LLVMSetSuccessor(end, k, s->chunk);
				break; /* each use is one successor */
			}
	}
}

/* Each phi of the header becomes one in the chunk and one in the header. */
static void make_phis(struct strip *s)
{
	struct work *w = s->w;
	LLVMValueRef phi = LLVMGetFirstInstruction(s->header);
	for (LLVMValueRef p = phi; LLVMIsAPHINode(p) != NULL; p = LLVMGetNextInstruction(p))
		s->phis++;
	s->old = map_alloc(3 * (size_t)s->phis, sizeof(LLVMValueRef));
	s->outer = s->old + s->phis;
	s->inner = s->outer + s->phis;
	for (uint32_t i = 0; i < s->phis; i++, phi = LLVMGetNextInstruction(phi)) {
		s->old[i] = phi;
		LLVMPositionBuilderAtEnd(w->builder, s->chunk);
		LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(phi));
		s->outer[i] = LLVMBuildPhi(w->builder, LLVMTypeOf(phi), "");
		LLVMPositionBuilderBefore(w->builder, s->old[0]);
		s->inner[i] = LLVMBuildPhi(w->builder, LLVMTypeOf(phi), "");
	}
	for (uint32_t i = 0; i < s->phis; i++)
		LLVMReplaceAllUsesWith(s->old[i], s->inner[i]);
	for (uint32_t i = 0; i < s->phis; i++) {
		for (unsigned k = 0; k < LLVMCountIncoming(s->old[i]); k++) {
			LLVMValueRef value = LLVMGetIncomingValue(s->old[i], k);
			LLVMBasicBlockRef from = LLVMGetIncomingBlock(s->old[i], k);
			bool back = from == s->latch;
			LLVMAddIncoming(s->outer[i], &value, back ? &s->again : &from, 1);
			if (back)
				LLVMAddIncoming(s->inner[i], &value, &from, 1);
		}
		LLVMAddIncoming(s->inner[i], &s->outer[i], &s->chunk, 1);
	}
	for (uint32_t i = 0; i < s->phis; i++)
		LLVMInstructionEraseFromParent(s->old[i]);
}

static LLVMValueRef as_integer(struct strip *s, LLVMValueRef v)
{
	if (LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMPointerTypeKind)
		return v;
	return LLVMBuildPtrToInt(s->w->builder, v, s->w->i64, "");
}

/* Is the bound further from `from` than a chunk? Differences are counted without sign, the way the loop goes. A loop until equality
 * whose first test is behind its first step may begin at its bound: then it goes all the way around. */
static LLVMValueRef is_far(struct strip *s, LLVMValueRef from, bool tests_next)
{
	LLVMBuilderRef b = s->w->builder;
	const struct poll_count *c = s->count;
	LLVMValueRef x = as_integer(s, from), y = as_integer(s, c->bound);
	uint64_t step = c->step > 0 ? (uint64_t)c->step : -(uint64_t)c->step;
	LLVMValueRef way = c->step > 0 ? LLVMBuildSub(b, y, x, "") : LLVMBuildSub(b, x, y, "");
	LLVMValueRef most = LLVMConstInt(s->type, step * s->rounds, 0);
	if (c->goes == LLVMIntNE && tests_next)
		return LLVMBuildICmp(b, LLVMIntUGE, LLVMBuildSub(b, way, LLVMConstInt(s->type, 1, 0), ""), most, "");
	LLVMValueRef far = LLVMBuildICmp(b, LLVMIntUGT, way, most, "");
	if (c->goes == LLVMIntNE)
		return far;
	return LLVMBuildAnd(b, far, LLVMBuildICmp(b, c->goes, from, c->bound, ""), "");
}

static LLVMValueRef find_end(struct strip *s, LLVMValueRef from, bool tests_next)
{
	LLVMBuilderRef b = s->w->builder;
	LLVMPositionBuilderAtEnd(b, s->chunk);
	LLVMSetCurrentDebugLocation2(b, s->location);
	LLVMValueRef far = is_far(s, from, tests_next), end;
	LLVMValueRef way = LLVMConstInt(s->type, (uint64_t)(s->count->step * (int64_t)s->rounds), 1);
	if (LLVMGetTypeKind(LLVMTypeOf(from)) == LLVMPointerTypeKind)
		end = LLVMBuildGEP2(b, s->w->i8, from, &way, 1, "");
	else
		end = LLVMBuildAdd(b, from, way, "");
	end = LLVMBuildSelect(b, far, end, s->count->bound, "");
	(void)LLVMBuildBr(b, s->header);
	return end;
}

/* The latch compares with the end of the chunk; behind it, the loop's own condition decides. */
static void leave_by_check(struct strip *s, LLVMValueRef tested, LLVMValueRef end_of_chunk)
{
	LLVMBuilderRef b = s->w->builder;
	LLVMValueRef end = LLVMGetBasicBlockTerminator(s->latch), own = LLVMGetCondition(end);
	bool goes_if_true = LLVMGetSuccessor(end, 0) == s->header;
	LLVMPositionBuilderBefore(b, end);
	LLVMSetCurrentDebugLocation2(b, s->location);
	(void)LLVMBuildCondBr(b, LLVMBuildICmp(b, s->count->goes, tested, end_of_chunk, ""), s->header, s->check);
	LLVMInstructionEraseFromParent(end);
	LLVMPositionBuilderAtEnd(b, s->check);
	if (s->at_exit) {
		poll_put_at_end(s->w, s->polled, s->location);
		LLVMPositionBuilderAtEnd(b, s->polled);
	}
	LLVMSetCurrentDebugLocation2(b, s->location);
	LLVMBasicBlockRef more = s->at_exit ? s->again : s->polls;
	(void)LLVMBuildCondBr(b, own, goes_if_true ? more : s->exit, goes_if_true ? s->exit : more);
	if (!s->at_exit) {
		LLVMPositionBuilderAtEnd(b, s->polls);
		poll_put_at_end(s->w, s->again, s->location);
	}
	LLVMPositionBuilderAtEnd(b, s->again);
	LLVMSetCurrentDebugLocation2(b, s->location);
	(void)LLVMBuildBr(b, s->chunk);
}

void poll_strip(struct work *w, const struct graph *g, uint32_t loop, const struct poll_count *c, uint64_t rounds,
	bool at_exit)
{
	struct strip s = {.w = w,

		.count = c,
		.rounds = rounds,
		.at_exit = at_exit,
		.type = integer_of(w, c),
		.header = g->blocks[g->loops[loop].header].block,
		.latch = g->blocks[c->latch].block};
	make_blocks(&s);
	move_edge(w, s.exit, s.latch, at_exit ? s.polled : s.check); /* who leaves the loop now */
	enter_by_chunk(&s);
	bool tests_next = c->tested != c->start;
	LLVMValueRef tested = c->tested, from = NULL;
	uint32_t counter = 0;
	for (LLVMValueRef p = LLVMGetFirstInstruction(s.header); p != c->start; p = LLVMGetNextInstruction(p))
		counter++;
	make_phis(&s);
	from = s.outer[counter];
	if (!tests_next)
		tested = s.inner[counter];
	LLVMValueRef end = find_end(&s, from, tests_next);
	leave_by_check(&s, tested, end);
	free(s.old);
}
