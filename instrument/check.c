/* check: what cannot be carried is an error with file and line, here and not later. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <string.h>
#include <strings.h>

void check_module(struct work *w)
{
	LLVMValueRef main = LLVMGetNamedFunction(w->module, "pmig_main"); /* module.c has renamed it */
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

/* Pushing what is popped again leaves everything as it was; what stands on the stack meanwhile, as of a function that is called
 * there, is found by the walk. An address on the native stack would be wrong in another process. */
static bool names_stack_pointer(LLVMValueRef call)
{
	static const char *const names[] = {"rsp", "esp", "sp", "spl"};
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
	size_t length;
	const char *p = LLVMGetInlineAsmAsmString(LLVMGetCalledValue(call), &length), *end = p + length;
	while (p < end) {
		size_t n = 0;
		while (p + n < end && strchr(letters, p[n]) != NULL && p[n] != '\0')
			n++;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (n == strlen(names[i]) && strncasecmp(p, names[i], n) == 0)
				return true;
		p += n != 0 ? n : 1;
	}
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
		if (names_stack_pointer(call))
			work_error(w, call, "inline assembly that uses the stack pointer cannot be carried");
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

/* asm goto */
static void check_jump(struct work *w, LLVMValueRef i)
{
	if (LLVMGetFirstUse(i) != NULL)
		work_error(w, i, "asm goto with a result cannot be carried in a function that can reach a safe point");
	else if (names_stack_pointer(i))
		work_error(w, i, "inline assembly that uses the stack pointer cannot be carried");
}

static void check_instruction(struct work *w, LLVMValueRef i)
{
	if (LLVMIsAIndirectBrInst(i) != NULL)
		work_error(w, i, "this computed goto cannot be carried");
	else if (LLVMIsACallBrInst(i) != NULL)
		check_jump(w, i);
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
