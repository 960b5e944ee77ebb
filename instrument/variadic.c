/* variadic: functions with a variable argument list that can reach a safe point get a fixed list and one pointer more: to a
 * va_list, which the caller makes in its own frame beside the further arguments. These lie there as the System V ABI lays out
 * what does not fit into registers, and the list says that the registers are used up. va_start copies it. System V ABI, AMD64
 * supplement, 3.5.7.
 *
 * Where such a function's address is taken, its name stays with a function of the old type that hands its own list on, for
 * callers that pmig did not build (variadic_call.c has the others). */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

#define GP_USED_UP 48u
#define FP_USED_UP 176u
#define LIST_SIZE 24u
#define LIST_ROOM 32u /* before the arguments, which are aligned to 16 */

/* A call of `f` by its name, with the arguments that it declares. */
static bool calls(LLVMValueRef user, LLVMValueRef f)
{
	if (LLVMIsACallInst(user) == NULL || LLVMGetCalledValue(user) != f)
		return false;
	unsigned fixed = LLVMCountParams(f), n = LLVMGetNumArgOperands(user);
	bool match = n >= fixed && LLVMTypeOf(user) == LLVMGetReturnType(LLVMGlobalGetValueType(f));
	for (unsigned i = 0; i < fixed && match; i++)
		match = LLVMTypeOf(LLVMGetOperand(user, i)) == LLVMTypeOf(LLVMGetParam(f, i));
	return match;
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

static void store_field(struct work *w, LLVMValueRef list, uint64_t offset, LLVMValueRef value)
{
	LLVMSetAlignment(LLVMBuildStore(w->builder, value, work_at(w, list, offset)), 4);
}

static void fill_list(struct work *w, LLVMValueRef list)
{
	store_field(w, list, 0, LLVMConstInt(w->i32, GP_USED_UP, 0));
	store_field(w, list, 4, LLVMConstInt(w->i32, FP_USED_UP, 0));
	store_field(w, list, 8, work_at(w, list, LIST_ROOM));
	store_field(w, list, 16, LLVMConstNull(w->ptr));
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
	LLVMValueRef area = LLVMBuildAlloca(w->builder, LLVMArrayType2(w->i8, LIST_ROOM + size), "arguments");
	LLVMSetAlignment(area, 16);
	LLVMPositionBuilderBefore(w->builder, call);
	LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(call));
	for (unsigned i = 0; i < n - fixed; i++) {
		LLVMValueRef place = work_at(w, area, LIST_ROOM + further[i].offset);
		if (further[i].in_memory)
			LLVMBuildMemCpy(w->builder, place, 8, further[i].value, 1, LLVMConstInt(w->i64, further[i].size, 0));
		else
			LLVMSetAlignment(LLVMBuildStore(w->builder, further[i].value, place), 8);
	}
	fill_list(w, area);
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

/* The function itself: va_start copies the caller's list, va_end does nothing. */
static void rewrite_starts(struct work *w, LLVMValueRef f, LLVMValueRef list)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b), next; i != NULL; i = next) {
			next = LLVMGetNextInstruction(i);
			bool start = work_is_intrinsic(i, "llvm.va_start");
			if (!start && !work_is_intrinsic(i, "llvm.va_end"))
				continue;
			LLVMPositionBuilderBefore(w->builder, i);
			LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(i));
			if (start)
				LLVMBuildMemCpy(w->builder, LLVMGetOperand(i, 0), 8, list, 8,
					LLVMConstInt(w->i64, LIST_SIZE, 0));
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

static void copy_to_call(LLVMValueRef f, LLVMValueRef call, LLVMAttributeIndex index)
{
	unsigned n = LLVMGetAttributeCountAtIndex(f, index);
	LLVMAttributeRef *attributes = map_alloc(n, sizeof(LLVMAttributeRef));
	LLVMGetAttributesAtIndex(f, index, attributes);
	for (unsigned i = 0; i < n; i++)
		LLVMAddCallSiteAttribute(call, index, attributes[i]);
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

/* What is left of `f`: hands its list on to `fresh`. */
static void make_entry(struct work *w, LLVMValueRef f, LLVMValueRef fresh)
{
	LLVMTypeRef parameters[] = {w->ptr}, void_type = LLVMVoidTypeInContext(w->context);
	unsigned start = LLVMLookupIntrinsicID("llvm.va_start", 13), end = LLVMLookupIntrinsicID("llvm.va_end", 11);
	unsigned fixed = LLVMCountParams(f);
	LLVMValueRef *arguments = map_alloc(fixed + 1, sizeof(LLVMValueRef));
	LLVMTypeRef mark = LLVMFunctionType(void_type, parameters, 1, 0);
	LLVMPositionBuilderAtEnd(w->builder, LLVMAppendBasicBlockInContext(w->context, f, ""));
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	LLVMValueRef list = LLVMBuildAlloca(w->builder, LLVMArrayType2(w->i8, LIST_SIZE), "");
	LLVMSetAlignment(list, 16);
	for (unsigned i = 0; i < fixed; i++)
		arguments[i] = LLVMGetParam(f, i);
	arguments[fixed] = list;
	LLVMBuildCall2(w->builder, mark, LLVMGetIntrinsicDeclaration(w->module, start, parameters, 1), &list, 1, "");
	LLVMValueRef call = LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(fresh), fresh, arguments, fixed + 1, "");
	LLVMSetInstructionCallConv(call, LLVMGetFunctionCallConv(fresh));
	for (unsigned i = 0; i <= fixed; i++)
		copy_to_call(f, call, i);
	LLVMBuildCall2(w->builder, mark, LLVMGetIntrinsicDeclaration(w->module, end, parameters, 1), &list, 1, "");
	if (LLVMGetTypeKind(LLVMTypeOf(call)) == LLVMVoidTypeKind)
		LLVMBuildRetVoid(w->builder);
	else
		LLVMBuildRet(w->builder, call);
	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, work_attribute(w, VARIADIC_ENTRY, ""));
	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
		LLVMCreateEnumAttribute(w->context, LLVMGetEnumAttributeKindForName("noinline", 8), 0));
	free(arguments);
}

static void name(LLVMValueRef fresh, const char *text, const char *suffix)
{
	char *whole;
	if (asprintf(&whole, "%s%s", text, suffix) < 0)
		abort();
	LLVMSetValueName2(fresh, whole, strlen(whole));
	free(whole);
}

static void fix(struct work *w, LLVMValueRef f)
{
	unsigned fixed = LLVMCountParams(f);
	LLVMValueRef fresh = take_body(w, f, fixed);
	rewrite_starts(w, fresh, LLVMGetParam(fresh, fixed));
	for (LLVMUseRef u = LLVMGetFirstUse(f); u != NULL;) {
		LLVMValueRef user = LLVMGetUser(u);
		bool call = calls(user, f);
		if (call)
			rewrite_call(w, user, fresh, fixed);
		u = call ? LLVMGetFirstUse(f) : LLVMGetNextUse(u);
	}
	char *text = strdup(work_name(f));
	if (LLVMGetFirstUse(f) != NULL) {
		make_entry(w, f, fresh);
		name(fresh, text, ".list");
		LLVMSetLinkage(fresh, LLVMInternalLinkage);
	} else {
		LLVMDeleteFunction(f);
		name(fresh, text, "");
	}
	free(text);
}

void variadic_fix(struct work *w)
{
	reach_find(w); /* as far as it can be known before optimising: at least what is left after it */
	variadic_choose(w);
	for (size_t i = 0; i < w->functions_count; i++)
		if (LLVMIsFunctionVarArg(LLVMGlobalGetValueType(w->functions[i].value)))
			fix(w, w->functions[i].value);
	reach_forget(w);
}
