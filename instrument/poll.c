/* poll: safe points that nobody wrote, at function entries, loop back-edges, or both where they are needed.
 *
 * Each is a call of an always-inline function, put in before optimising, so that no block has to be split here. */
#include "work.h"

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
	LLVMValueRef flag = LLVMGetNamedGlobal(w->module, "pmig_poll");
	if (flag == NULL) {
		flag = LLVMAddGlobal(w->module, w->i32, "pmig_poll");
		LLVMSetThreadLocalMode(flag, LLVMInitialExecTLSModel);
	}
	LLVMTypeRef stop_type = LLVMFunctionType(w->i32, NULL, 0, 0);
	LLVMValueRef stop = LLVMGetNamedFunction(w->module, "pmig_stop");
	if (stop == NULL)
		stop = LLVMAddFunction(w->module, "pmig_stop", stop_type);
	LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(w->context, poll, "entry");
	LLVMBasicBlockRef asked = LLVMAppendBasicBlockInContext(w->context, poll, "asked");
	LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(w->context, poll, "done");
	LLVMBuilderRef b = w->builder;
	LLVMSetCurrentDebugLocation2(b, NULL);
	LLVMPositionBuilderAtEnd(b, entry);
	LLVMValueRef value = LLVMBuildLoad2(b, w->i32, flag, "");
	LLVMSetVolatile(value, 1);
	LLVMValueRef branch = LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntNE, value, LLVMConstInt(w->i32, 0, 0), ""), asked,
		done);
	LLVMMetadataRef weights[] = {LLVMMDStringInContext2(w->context, "branch_weights", 14),
		LLVMValueAsMetadata(LLVMConstInt(w->i32, 1, 0)), LLVMValueAsMetadata(LLVMConstInt(w->i32, 1u << 20, 0))};
	LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(w->context, "prof", 4),
		LLVMMetadataAsValue(w->context, LLVMMDNodeInContext2(w->context, weights, 3)));
	LLVMPositionBuilderAtEnd(b, asked);
	LLVMBuildCall2(b, stop_type, stop, NULL, 0, "");
	LLVMBuildBr(b, done);
	LLVMPositionBuilderAtEnd(b, done);
	LLVMBuildRetVoid(b);
	return poll;
}

static void insert_before(struct work *w, LLVMValueRef where, LLVMValueRef poll)
{
	LLVMMetadataRef scope = LLVMGetSubprogram(LLVMGetBasicBlockParent(LLVMGetInstructionParent(where)));
	LLVMPositionBuilderBefore(w->builder, where);
	LLVMMetadataRef at = LLVMInstructionGetDebugLoc(where);
	if (at == NULL && scope != NULL)
		at = LLVMDIBuilderCreateDebugLocation(w->context, LLVMDISubprogramGetLine(scope), 0, scope, NULL);
	LLVMSetCurrentDebugLocation2(w->builder, at);
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

static bool is_ours(LLVMValueRef f)
{
	unsigned kind = LLVMGetEnumAttributeKindForName("alwaysinline", 12);
	return strncmp(work_name(f), "pmig_", 5) == 0 ||
		LLVMGetEnumAttributeAtIndex(f, LLVMAttributeFunctionIndex, kind) != NULL;
}

/* Does `f` call functions that the program defines, or does not say which? Every cycle of calls goes through such ones. */
static bool calls_own(LLVMValueRef f)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i))
			if (work_is_call(i) && (work_callee(i) == NULL || !LLVMIsDeclaration(work_callee(i))))
				return true;
	return false;
}

void poll_insert(struct work *w)
{
	if (w->options->safepoints == INSTRUMENT_MANUAL)
		return;
	LLVMValueRef poll = make_poll(w);
	for (LLVMValueRef f = LLVMGetFirstFunction(w->module); f != NULL; f = LLVMGetNextFunction(f)) {
		if (LLVMIsDeclaration(f) || f == poll || is_ours(f))
			continue;
		enum instrument_safepoints where = w->options->safepoints;
		if (where == INSTRUMENT_ENTRY || (where == INSTRUMENT_AUTO && calls_own(f)))
			insert_before(w, first_after_allocas(f), poll);
		if (where != INSTRUMENT_ENTRY)
			poll_loops(w, f, poll);
	}
}
