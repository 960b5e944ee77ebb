/* poll: safe points that nobody wrote, at function entries or loop back-edges. (Where they are needed only: poll_plan.c.)
 *
 * Each is a call of an always-inline function, put in before optimising, so that no block has to be split here. */
#include "graph.h"
#include "poll.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

/* void pmig.poll(void) { if (pmig_poll != 0) pmig_stop(); } */
static LLVMValueRef make_poll(struct work *w)
{
	LLVMTypeRef none = LLVMVoidTypeInContext(w->context);
	LLVMValueRef poll = LLVMAddFunction(w->module, "pmig.poll", LLVMFunctionType(none, NULL, 0, 0));
	LLVMSetLinkage(poll, LLVMInternalLinkage);
	LLVMAddAttributeAtIndex(poll, LLVMAttributeFunctionIndex,
		LLVMCreateEnumAttribute(w->context, LLVMGetEnumAttributeKindForName("alwaysinline", 12), 0));
	LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(w->context, poll, "entry");
	LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(w->context, poll, "done");
	LLVMBuilderRef b = w->builder;
	LLVMPositionBuilderAtEnd(b, entry);
	poll_put_at_end(w, done, NULL);
	LLVMPositionBuilderAtEnd(b, done);
	LLVMBuildRetVoid(b);
	return poll;
}

static void insert_before(struct work *w, LLVMValueRef where, LLVMValueRef poll)
{
	LLVMPositionBuilderBefore(w->builder, where);
	LLVMSetCurrentDebugLocation2(w->builder, poll_location(w, where));
	LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(poll), poll, NULL, 0, "");
}

struct walk {
	struct map state; /* block -> 1 on the path, 2 finished */
	struct step {
		LLVMBasicBlockRef block;
		unsigned next;
	} *path;
	size_t depth, capacity;
};

static void push(struct walk *k, LLVMBasicBlockRef b)
{
	map_put(&k->state, b, 1);
	k->path = map_grow(k->path, &k->capacity, k->depth, sizeof *k->path);
	k->path[k->depth++] = (struct step){b, 0};
}

/* Depth-first: a jump to a block that is on the path closes a loop; its end gets the poll. */
static void poll_loops(struct work *w, LLVMValueRef f, LLVMValueRef poll)
{
	struct walk k = {0};
	push(&k, LLVMGetEntryBasicBlock(f));
	while (k.depth != 0) {
		struct step *s = &k.path[k.depth - 1];
		LLVMValueRef end = LLVMGetBasicBlockTerminator(s->block);
		if (s->next == LLVMGetNumSuccessors(end)) {
			map_put(&k.state, s->block, 2);
			k.depth--;
			continue;
		}
		LLVMBasicBlockRef to = LLVMGetSuccessor(end, s->next++);
		uint32_t state = map_get(&k.state, to);
		if (state == MAP_NONE)
			push(&k, to);
		else if (state == 1)
			insert_before(w, end, poll);
	}
	map_finish(&k.state);
	free(k.path);
}

static LLVMValueRef first_after_allocas(LLVMValueRef f)
{
	LLVMValueRef i = LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(f));
	while (LLVMIsAAllocaInst(i) != NULL)
		i = LLVMGetNextInstruction(i);
	return i;
}

static bool is_always_inlined(LLVMValueRef f)
{
	unsigned kind = LLVMGetEnumAttributeKindForName("alwaysinline", 12);
	return LLVMGetEnumAttributeAtIndex(f, LLVMAttributeFunctionIndex, kind) != NULL;
}

static bool is_ours(LLVMValueRef f)
{
	return (strncmp(work_name(f), "pmig_", 5) == 0 && strcmp(work_name(f), "pmig_main") != 0) || is_always_inlined(f);
}

static bool has_loop(LLVMValueRef f)
{
	struct graph g;
	graph_make(&g, f);
	bool found = g.loops_count != 0;
	graph_finish(&g);
	return found;
}

/* The runtime's functions have the safe points that their authors wrote: their loops must not become the program's. */
static void keep_apart(struct work *w)
{
	unsigned kind = LLVMGetEnumAttributeKindForName("noinline", 8);
	for (LLVMValueRef f = LLVMGetFirstFunction(w->module); f != NULL; f = LLVMGetNextFunction(f))
		if (!LLVMIsDeclaration(f) && is_ours(f) && !is_always_inlined(f) && has_loop(f))
			LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(w->context, kind, 0));
}

void poll_insert(struct work *w)
{
	if (w->options->safepoints == INSTRUMENT_AUTO)
		keep_apart(w);
	if (w->options->safepoints != INSTRUMENT_ENTRY && w->options->safepoints != INSTRUMENT_LOOPS)
		return;
	LLVMValueRef poll = make_poll(w);
	for (LLVMValueRef f = LLVMGetFirstFunction(w->module); f != NULL; f = LLVMGetNextFunction(f)) {
		if (LLVMIsDeclaration(f) || f == poll || is_ours(f))
			continue;
		if (w->options->safepoints == INSTRUMENT_ENTRY)
			insert_before(w, first_after_allocas(f), poll);
		else
			poll_loops(w, f, poll);
	}
}
