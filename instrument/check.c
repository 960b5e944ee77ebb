/* check: what cannot be carried is an error with file and line, here and not later. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <string.h>

void check_module(struct work *w)
{
	LLVMValueRef main = LLVMGetNamedFunction(w->module, "main");
	if (main != NULL && LLVMIsFunctionVarArg(LLVMGlobalGetValueType(main)))
		work_error(w, main, "main has no prototype that can be called; give it (void) or (int, char **)");
}

static bool returns_twice(LLVMValueRef call)
{
	unsigned kind = LLVMGetEnumAttributeKindForName("returns_twice", 13);
	LLVMValueRef callee = work_callee(call);
	return LLVMGetCallSiteEnumAttribute(call, LLVMAttributeFunctionIndex, kind) != NULL ||
		(callee != NULL && LLVMGetEnumAttributeAtIndex(callee, LLVMAttributeFunctionIndex, kind) != NULL);
}

static bool touches_stack_pointer(LLVMValueRef call)
{
	size_t length;
	LLVMValueRef assembly = LLVMGetCalledValue(call);
	const char *text = LLVMGetInlineAsmAsmString(assembly, &length);
	static const char *const words[] = {"rsp", "esp", "push", "pop", "call", "rbp"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (memmem(text, length, words[i], strlen(words[i])) != NULL)
			return true;
	return false;
}

static bool passes_memory(LLVMValueRef call)
{
	unsigned kind = LLVMGetEnumAttributeKindForName("byval", 5);
	for (unsigned i = 0; i < LLVMGetNumArgOperands(call); i++)
		if (LLVMGetCallSiteEnumAttribute(call, i + 1, kind) != NULL)
			return true;
	return false;
}

static void check_call(struct work *w, LLVMValueRef call)
{
	if (work_is_inline_assembly(call)) {
		if (touches_stack_pointer(call))
			work_error(w, call, "inline assembly that touches the stack cannot be carried");
		return;
	}
	if (work_is_tail(call) && passes_memory(call))
		work_error(w, call,
			"a tail call that must be one (musttail) cannot be carried with a struct that is passed in memory");
	if (returns_twice(call) && !reach_is_setjmp(call))
		work_error(w, call, "a function that returns twice, other than setjmp, cannot be carried");
	if ((work_is_intrinsic(call, "llvm.returnaddress") || work_is_intrinsic(call, "llvm.frameaddress")) &&
		LLVMConstIntGetZExtValue(LLVMGetOperand(call, 0)) != 0)
		work_error(w, call, "the address of a caller's frame cannot be carried");
}

static void check_instruction(struct work *w, LLVMValueRef i)
{
	if (LLVMIsAIndirectBrInst(i) != NULL)
		work_error(w, i, "this computed goto cannot be carried");
	else if (LLVMIsAInvokeInst(i) != NULL || LLVMIsACallBrInst(i) != NULL)
		work_error(w, i, "asm goto or exceptions cannot be carried in a function that can reach a safe point");
	else if (LLVMIsACallInst(i) != NULL)
		check_call(w, i);
}

void check_functions(struct work *w)
{
	for (size_t k = 0; k < w->functions_count; k++) {
		LLVMValueRef f = w->functions[k].value;
		if (LLVMIsFunctionVarArg(LLVMGlobalGetValueType(f)))
			work_error(w, f, "%s has a variable argument list that cannot be carried", work_name(f));
		for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
			for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i))
				check_instruction(w, i);
	}
}
