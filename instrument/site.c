/* site: makes each call that can reach a safe point the last of its block, and attaches what is live behind it. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

static void split_behind(struct work *w, LLVMValueRef call)
{
	LLVMBasicBlockRef tail = LLVMGetInstructionParent(call);
	work_split(w, LLVMGetNextInstruction(call), "site");
	LLVMValueRef jump = LLVMBuildBr(w->builder, tail);
	LLVMInstructionSetDebugLoc(jump, LLVMInstructionGetDebugLoc(call));
}

static void add_site(struct work *w, struct function *f, LLVMValueRef call)
{
	w->sites = map_grow(w->sites, &w->sites_capacity, w->sites_count, sizeof *w->sites);
	if (f->sites_count++ == 0)
		f->first_site = (uint32_t)w->sites_count;
	w->sites[w->sites_count++] = (struct site){.call = call,
		.tail = work_is_tail(call),
		.mark = MARK_NONE,
		.function = (uint32_t)(f - w->functions),
		.line = LLVMGetDebugLocLine(call)};
}

void site_split(struct work *w, struct function *f)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f->value); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b), next; i != NULL; i = next) {
			next = LLVMGetNextInstruction(i);
			if (!reach_is_site(w, i))
				continue;
			add_site(w, f, i);
			if (!work_is_tail(i))
				split_behind(w, i); /* `b` is the rest now */
		}
}

/* LLVM-C cannot add a bundle to a call: builds it anew. */
LLVMValueRef site_rebuild(struct work *w, LLVMValueRef call, struct site *s, size_t id)
{
	unsigned n = LLVMGetNumArgOperands(call);
	LLVMValueRef *arguments = map_alloc(n, sizeof(LLVMValueRef));
	for (unsigned i = 0; i < n; i++)
		arguments[i] = LLVMGetOperand(call, i);
	LLVMOperandBundleRef deopt = LLVMCreateOperandBundle("deopt", 5, s->values, s->values_count);
	LLVMPositionBuilderBefore(w->builder, call);
	LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(call));
	LLVMValueRef made = LLVMBuildCallWithOperandBundles(w->builder, LLVMGetCalledFunctionType(call),
		LLVMGetCalledValue(call), arguments, n, &deopt, 1, "");
	LLVMSetInstructionCallConv(made, LLVMGetInstructionCallConv(call));
	work_copy_call_attributes(call, made, LLVMAttributeFunctionIndex);
	work_copy_call_attributes(call, made, LLVMAttributeReturnIndex);
	for (unsigned i = 0; i < n; i++)
		work_copy_call_attributes(call, made, i + 1);
	char number[24];
	snprintf(number, sizeof number, "%zu", id);
	LLVMAddCallSiteAttribute(made, LLVMAttributeFunctionIndex, work_attribute(w, "statepoint-id", number));
	LLVMReplaceAllUsesWith(call, made);
	LLVMInstructionEraseFromParent(call);
	LLVMDisposeOperandBundle(deopt);
	free(arguments);
	return made;
}

void site_attach(struct work *w, struct function *f)
{
	/* A rebuilt call may be live across another site: replace it in the lists too. */
	struct map rebuilt = {0};
	LLVMValueRef *made = map_alloc(f->sites_count, sizeof(LLVMValueRef));
	for (uint32_t i = 0; i < f->sites_count; i++)
		map_put(&rebuilt, w->sites[f->first_site + i].call, i);
	for (uint32_t i = 0; i < f->sites_count; i++) {
		struct site *s = &w->sites[f->first_site + i];
		for (uint32_t k = 0; k < s->values_count; k++) {
			uint32_t at = map_get(&rebuilt, s->values[k]);
			if (at != MAP_NONE && made[at] != NULL)
				s->values[k] = made[at];
		}
		made[i] = s->tail ? s->call : site_rebuild(w, s->call, s, f->first_site + i);
	}
	/* those that were rebuilt after they had been listed */
	for (uint32_t i = 0; i < f->sites_count; i++) {
		struct site *s = &w->sites[f->first_site + i];
		for (uint32_t k = 0; k < s->values_count; k++) {
			uint32_t at = map_get(&rebuilt, s->values[k]);
			if (at != MAP_NONE)
				s->values[k] = made[at];
		}
		s->call = made[i];
	}
	map_finish(&rebuilt);
	free(made);
}
