/* poll_put: one poll: a load, a comparison, and a call that is hardly ever made. */
#include "poll.h"

#include <llvm-c/DebugInfo.h>
#include <string.h>

static LLVMValueRef flag(struct work *w)
{
	LLVMValueRef g = LLVMGetNamedGlobal(w->module, "pmig_poll");
	if (g == NULL)
		g = LLVMAddGlobal(w->module, w->i32, "pmig_poll");
	LLVMSetThreadLocalMode(g, LLVMLocalExecTLSModel); /* it lies in the executable itself */
	return g;
}

bool poll_is_one(struct work *w, LLVMValueRef i)
{
	return LLVMIsALoadInst(i) != NULL && LLVMGetOperand(i, 0) == flag(w);
}

void poll_put_at_end(struct work *w, LLVMBasicBlockRef to, LLVMMetadataRef location)
{
	LLVMBuilderRef b = w->builder;
	LLVMBasicBlockRef asked = LLVMInsertBasicBlockInContext(w->context, to, "asked");
	LLVMTypeRef type = LLVMFunctionType(w->i32, NULL, 0, 0);
	LLVMValueRef stop = LLVMGetNamedFunction(w->module, "pmig_stop");
	if (stop == NULL)
		stop = LLVMAddFunction(w->module, "pmig_stop", type);
	LLVMSetCurrentDebugLocation2(b, location);
	LLVMValueRef value = LLVMBuildLoad2(b, w->i32, flag(w), "");
	LLVMSetVolatile(value, 1);
	LLVMValueRef branch = LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntNE, value, LLVMConstInt(w->i32, 0, 0), ""), asked,
		to);
	LLVMMetadataRef weights[] = {LLVMMDStringInContext2(w->context, "branch_weights", 14),
		LLVMValueAsMetadata(LLVMConstInt(w->i32, 1, 0)), LLVMValueAsMetadata(LLVMConstInt(w->i32, 1u << 20, 0))};
	LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(w->context, "prof", 4),
		LLVMMetadataAsValue(w->context, LLVMMDNodeInContext2(w->context, weights, 3)));
	LLVMPositionBuilderAtEnd(b, asked);
	(void)LLVMBuildCall2(b, type, stop, NULL, 0, "");
	(void)LLVMBuildBr(b, to);
}

LLVMMetadataRef poll_location(struct work *w, LLVMValueRef where)
{
	LLVMValueRef f = LLVMGetBasicBlockParent(LLVMGetInstructionParent(where));
	LLVMMetadataRef at = LLVMInstructionGetDebugLoc(where), scope = LLVMGetSubprogram(f);
	if (at == NULL && scope != NULL)
		at = LLVMDIBuilderCreateDebugLocation(w->context, LLVMDISubprogramGetLine(scope), 0, scope, NULL);
	return at;
}

void poll_put(struct work *w, LLVMValueRef where)
{
	LLVMMetadataRef at = poll_location(w, where);
	LLVMBasicBlockRef tail = LLVMGetInstructionParent(where);
	work_split(w, where, "poll");
	poll_put_at_end(w, tail, at);
}

void poll_forget_purity(struct work *w)
{
	static const char *const names[] = {
		"memory", "nosync", "nofree", "willreturn", "norecurse", "mustprogress", "speculatable"};
	for (size_t i = 0; i < w->functions_count; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
			LLVMValueRef f = w->functions[i].value;
			unsigned kind = LLVMGetEnumAttributeKindForName(names[k], strlen(names[k]));
			LLVMRemoveEnumAttributeAtIndex(f, LLVMAttributeFunctionIndex, kind);
			for (LLVMUseRef u = LLVMGetFirstUse(f); u != NULL; u = LLVMGetNextUse(u))
				if (LLVMIsACallInst(LLVMGetUser(u)) != NULL)
					LLVMRemoveCallSiteEnumAttribute(LLVMGetUser(u), LLVMAttributeFunctionIndex, kind);
		}
}
