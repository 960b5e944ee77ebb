/* variadic: functions with a variable argument list that can reach a safe point get a fixed list and one pointer more: to the
 * further arguments, which the caller lays out in its own frame as the System V ABI lays out what does not fit into
 * registers. va_start then says that the registers are used up. System V ABI, AMD64 supplement, 3.5.7. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

#define GP_USED_UP 48u
#define FP_USED_UP 176u

static bool only_called(LLVMValueRef f)
{
	unsigned fixed = LLVMCountParams(f);
	for (LLVMUseRef u = LLVMGetFirstUse(f); u != NULL; u = LLVMGetNextUse(u)) {
		LLVMValueRef user = LLVMGetUser(u);
		if (LLVMIsACallInst(user) == NULL || LLVMGetCalledValue(user) != f || LLVMGetNumArgOperands(user) < fixed)
			return false;
		for (unsigned i = 0; i < LLVMGetNumArgOperands(user); i++)
			if (LLVMGetOperand(user, i) == f)
				return false;
	}
	return true;
}

/* One further argument: what is stored, or copied where it is passed in memory. */
struct argument {
	LLVMTypeRef type;
	LLVMValueRef value;
	bool in_memory;
	uint64_t offset, size;
};

static uint64_t round_up(uint64_t n, uint64_t alignment)
{
	return (n + alignment - 1) / alignment * alignment;
}

static struct argument describe(struct work *w, LLVMValueRef call, unsigned i, uint64_t *used)
{
	LLVMAttributeRef byval = LLVMGetCallSiteEnumAttribute(call, i + 1, LLVMGetEnumAttributeKindForName("byval", 5));
	LLVMAttributeRef align = LLVMGetCallSiteEnumAttribute(call, i + 1, LLVMGetEnumAttributeKindForName("align", 5));
	struct argument a = {.value = LLVMGetOperand(call, i), .in_memory = byval != NULL};
	a.type = a.in_memory ? LLVMGetTypeAttributeValue(byval) : LLVMTypeOf(a.value);
	uint64_t alignment = a.in_memory && align != NULL ? LLVMGetEnumAttributeValue(align)
							  : LLVMABIAlignmentOfType(w->layout, a.type);
	a.size = LLVMABISizeOfType(w->layout, a.type);
	a.offset = round_up(*used, alignment > 8 ? alignment : 8);
	*used = round_up(a.offset + a.size, 8);
	return a;
}

/* The caller: lays the further arguments out in a local of its own and passes that. */
static void rewrite_call(struct work *w, LLVMValueRef call, LLVMValueRef fresh, unsigned fixed)
{
	unsigned n = LLVMGetNumArgOperands(call);
	struct argument *further = map_alloc(n, sizeof *further);
	LLVMValueRef *arguments = map_alloc(fixed + 1, sizeof(LLVMValueRef));
	uint64_t size = 0;
	for (unsigned i = 0; i < n; i++) {
		if (i < fixed)
			arguments[i] = LLVMGetOperand(call, i);
		else
			further[i - fixed] = describe(w, call, i, &size);
	}
	LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(LLVMGetBasicBlockParent(LLVMGetInstructionParent(call)));
	LLVMPositionBuilderBefore(w->builder, LLVMGetFirstInstruction(entry));
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	LLVMValueRef area = LLVMBuildAlloca(w->builder, LLVMArrayType2(w->i8, size != 0 ? size : 8), "arguments");
	LLVMSetAlignment(area, 16);
	LLVMPositionBuilderBefore(w->builder, call);
	LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(call));
	for (unsigned i = 0; i < n - fixed; i++) {
		LLVMValueRef place = work_at(w, area, further[i].offset);
		if (further[i].in_memory)
			LLVMBuildMemCpy(w->builder, place, 8, further[i].value, 1, LLVMConstInt(w->i64, further[i].size, 0));
		else
			LLVMSetAlignment(LLVMBuildStore(w->builder, further[i].value, place), 8);
	}
	arguments[fixed] = area;
	LLVMValueRef made = LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(fresh), fresh, arguments, fixed + 1, "");
	LLVMSetInstructionCallConv(made, LLVMGetInstructionCallConv(call));
	work_copy_call_attributes(call, made, LLVMAttributeReturnIndex);
	for (unsigned i = 0; i < fixed; i++)
		work_copy_call_attributes(call, made, i + 1);
	LLVMReplaceAllUsesWith(call, made);
	LLVMInstructionEraseFromParent(call);
	free(further);
	free(arguments);
}

static void store_field(struct work *w, LLVMValueRef list, uint64_t offset, LLVMValueRef value)
{
	LLVMBuildStore(w->builder, value, work_at(w, list, offset));
}

/* The function itself: va_start fills the list, va_end does nothing. */
static void rewrite_starts(struct work *w, LLVMValueRef f, LLVMValueRef area)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b), next; i != NULL; i = next) {
			next = LLVMGetNextInstruction(i);
			bool start = work_is_intrinsic(i, "llvm.va_start");
			if (!start && !work_is_intrinsic(i, "llvm.va_end"))
				continue;
			LLVMPositionBuilderBefore(w->builder, i);
			LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(i));
			if (start) {
				LLVMValueRef list = LLVMGetOperand(i, 0);
				store_field(w, list, 0, LLVMConstInt(w->i32, GP_USED_UP, 0));
				store_field(w, list, 4, LLVMConstInt(w->i32, FP_USED_UP, 0));
				store_field(w, list, 8, area);
				store_field(w, list, 16, LLVMConstNull(w->ptr));
			}
			LLVMInstructionEraseFromParent(i);
		}
}

static void copy_attributes(LLVMValueRef from, LLVMValueRef to, LLVMAttributeIndex index)
{
	unsigned n = LLVMGetAttributeCountAtIndex(from, index);
	LLVMAttributeRef *attributes = map_alloc(n, sizeof(LLVMAttributeRef));
	LLVMGetAttributesAtIndex(from, index, attributes);
	for (unsigned i = 0; i < n; i++)
		LLVMAddAttributeAtIndex(to, index, attributes[i]);
	free(attributes);
}

/* A function of the new type with the old one's body, name and attributes. */
static LLVMValueRef take_body(struct work *w, LLVMValueRef f, unsigned fixed)
{
	LLVMTypeRef *types = map_alloc(fixed + 1, sizeof(LLVMTypeRef)), type = LLVMGlobalGetValueType(f);
	LLVMGetParamTypes(type, types);
	types[fixed] = w->ptr;
	LLVMValueRef fresh = LLVMAddFunction(w->module, "", LLVMFunctionType(LLVMGetReturnType(type), types, fixed + 1, 0));
	for (LLVMBasicBlockRef b; (b = LLVMGetFirstBasicBlock(f)) != NULL;) {
		LLVMRemoveBasicBlockFromParent(b);
		LLVMAppendExistingBasicBlock(fresh, b);
	}
	for (unsigned i = 0; i < fixed; i++) {
		LLVMReplaceAllUsesWith(LLVMGetParam(f, i), LLVMGetParam(fresh, i));
		copy_attributes(f, fresh, i + 1);
	}
	copy_attributes(f, fresh, LLVMAttributeFunctionIndex);
	copy_attributes(f, fresh, LLVMAttributeReturnIndex);
	LLVMSetLinkage(fresh, LLVMGetLinkage(f));
	LLVMSetVisibility(fresh, LLVMGetVisibility(f));
	LLVMSetFunctionCallConv(fresh, LLVMGetFunctionCallConv(f));
	LLVMMetadataRef scope = LLVMGetSubprogram(f);
	if (scope != NULL) {
		LLVMSetSubprogram(fresh, scope);
		LLVMGlobalClearMetadata(f);
	}
	free(types);
	return fresh;
}

static void fix(struct work *w, LLVMValueRef f)
{
	unsigned fixed = LLVMCountParams(f);
	LLVMValueRef fresh = take_body(w, f, fixed);
	rewrite_starts(w, fresh, LLVMGetParam(fresh, fixed));
	for (LLVMUseRef u; (u = LLVMGetFirstUse(f)) != NULL;)
		rewrite_call(w, LLVMGetUser(u), fresh, fixed);
	size_t length;
	char *name = strdup(LLVMGetValueName2(f, &length));
	LLVMDeleteFunction(f);
	LLVMSetValueName2(fresh, name, length);
	free(name);
}

void variadic_fix(struct work *w)
{
	reach_find(w); /* as far as it can be known before optimising: at least what is left after it */
	for (size_t i = 0; i < w->functions_count; i++) {
		LLVMValueRef f = w->functions[i].value;
		if (LLVMIsFunctionVarArg(LLVMGlobalGetValueType(f)) && only_called(f))
			fix(w, f); /* where its address is taken, check_functions() refuses it */
	}
	reach_forget(w);
}
