/* jump: setjmp in functions that can reach a safe point (runtime/frame/jump.h). */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

static LLVMValueRef declare(struct work *w, const char *name, LLVMTypeRef result, LLVMTypeRef *parameters, unsigned n)
{
	LLVMValueRef f = LLVMGetNamedFunction(w->module, name);
	return f != NULL ? f : LLVMAddFunction(w->module, name, LLVMFunctionType(result, parameters, n, 0));
}

static LLVMAttributeRef twice(struct work *w)
{
	return LLVMCreateEnumAttribute(w->context, LLVMGetEnumAttributeKindForName("returns_twice", 13), 0);
}

/* sigsetjmp(buffer, save) is pmig_jump_mask(buffer, save) and setjmp(buffer); setjmp saves no mask, but says so. */
void jump_masks(struct work *w)
{
	LLVMTypeRef parameters[] = {w->ptr, w->i32};
	LLVMValueRef plain = LLVMGetNamedFunction(w->module, "pmig_setjmp"),
		     with_mask = LLVMGetNamedFunction(w->module, "pmig_sigsetjmp");
	if (plain == NULL && with_mask == NULL)
		return;
	plain = declare(w, "pmig_setjmp", w->i32, parameters, 1);
	LLVMAddAttributeAtIndex(plain, LLVMAttributeFunctionIndex, twice(w));
	LLVMValueRef mask = declare(w, "pmig_jump_mask", LLVMVoidTypeInContext(w->context), parameters, 2);
	for (LLVMUseRef u = LLVMGetFirstUse(plain); u != NULL; u = LLVMGetNextUse(u)) {
		if (LLVMIsACallInst(LLVMGetUser(u)) == NULL)
			continue;
		LLVMValueRef arguments[] = {LLVMGetOperand(LLVMGetUser(u), 0), LLVMConstInt(w->i32, 0, 0)};
		LLVMPositionBuilderBefore(w->builder, LLVMGetUser(u));
		LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(LLVMGetUser(u)));
		LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(mask), mask, arguments, 2, "");
	}
	for (LLVMUseRef u; with_mask != NULL && (u = LLVMGetFirstUse(with_mask)) != NULL;) {
		LLVMValueRef call = LLVMGetUser(u);
		LLVMValueRef arguments[] = {LLVMGetOperand(call, 0), LLVMGetOperand(call, 1)};
		LLVMPositionBuilderBefore(w->builder, call);
		LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(call));
		LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(mask), mask, arguments, 2, "");
		LLVMValueRef made = LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(plain), plain, arguments, 1, "");
		LLVMAddCallSiteAttribute(made, LLVMAttributeFunctionIndex, twice(w));
		LLVMReplaceAllUsesWith(call, made);
		LLVMInstructionEraseFromParent(call);
	}
}

/* Copies what is live behind the call into the frame, and tells setjmp where it is. */
static void copy_record(struct work *w, struct function *f, struct site *s, uint32_t id)
{
	LLVMTypeRef parameters[] = {w->ptr, w->ptr, w->ptr, w->i32};
	LLVMValueRef set = declare(w, "pmig_setjmp_at", w->i32, parameters, 4);
	LLVMAddAttributeAtIndex(set, LLVMAttributeFunctionIndex, twice(w));
	s->copy = f->frame_size;
	f->frame_size += (s->size + 15) & ~15ull;
	LLVMPositionBuilderBefore(w->builder, s->call);
	LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(s->call));
	for (uint32_t i = 0; i < s->values_count; i++)
		LLVMSetAlignment(LLVMBuildStore(w->builder, s->values[i], work_at(w, f->entry_sp, s->copy + s->offsets[i])),
			8);
	LLVMValueRef arguments[] = {
		LLVMGetOperand(s->call, 0), work_at(w, f->entry_sp, s->copy), f->entry_sp, LLVMConstInt(w->i32, id, 0)};
	LLVMValueRef made = LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(set), set, arguments, 4, "");
	LLVMAddCallSiteAttribute(made, LLVMAttributeFunctionIndex, twice(w));
	LLVMReplaceAllUsesWith(s->call, made);
	for (uint32_t i = 0; i < f->sites_count; i++)
		for (uint32_t k = 0; k < w->sites[f->first_site + i].values_count; k++)
			if (w->sites[f->first_site + i].values[k] == s->call)
				w->sites[f->first_site + i].values[k] = made;
	LLVMInstructionEraseFromParent(s->call);
	s->call = made;
}

void jump_copy_records(struct work *w, struct function *f)
{
	if (!f->sets_jumps)
		return;
	for (uint32_t i = 0; i < f->sites_count; i++)
		if (reach_is_setjmp(w->sites[f->first_site + i].call))
			copy_record(w, f, &w->sites[f->first_site + i], f->first_site + i);
	LLVMSetOperand(f->bump, 1, LLVMConstInt(w->i64, f->frame_size, 0));
}
