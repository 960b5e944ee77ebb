/* variadic_call: calls through pointers of a type with a variable or unknown argument list (C before prototypes had no other),
 * where a function that can reach a safe point may be behind the pointer.
 *
 * Such a call becomes one of a small function that compares the pointer with those functions and calls them by their names,
 * so that variadic.c gives them their list; what else the pointer names is called as before, and is no site. A call without
 * any prototype leads to a function with a fixed list: it is a call with the arguments that stand there. (The difference
 * between the two is that the first says in a register how many vector registers are in use.) */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

/* A call and what it is made of. */
struct form {
	struct work *w;
	LLVMValueRef call;
	unsigned n; /* arguments */
	LLVMTypeRef result, *types;
	LLVMValueRef *arguments;
	bool floats; /* an argument may lie in a vector register */
};

static bool is_variadic(LLVMTypeRef type)
{
	return LLVMIsFunctionVarArg(type) != 0;
}

static struct form take(struct work *w, LLVMValueRef call)
{
	struct form f = {.w = w, .call = call, .n = LLVMGetNumArgOperands(call), .result = LLVMTypeOf(call)};
	f.types = map_alloc(f.n, sizeof(LLVMTypeRef));
	f.arguments = map_alloc(f.n, sizeof(LLVMValueRef));
	for (unsigned i = 0; i < f.n; i++) {
		f.arguments[i] = LLVMGetOperand(call, i);
		f.types[i] = LLVMTypeOf(f.arguments[i]);
		LLVMTypeKind kind = LLVMGetTypeKind(f.types[i]);
		f.floats = f.floats || (kind != LLVMIntegerTypeKind && kind != LLVMPointerTypeKind);
	}
	return f;
}

static void drop(struct form *f)
{
	free(f->types);
	free(f->arguments);
}

/* The type with exactly the arguments that the call has. */
static LLVMTypeRef fixed_type(const struct form *f)
{
	return LLVMFunctionType(f->result, f->types, f->n, 0);
}

/* A call with the attributes of the original one, where the builder stands. `skip`: arguments before those. */
static LLVMValueRef make_call(const struct form *f, LLVMTypeRef type, LLVMValueRef callee, LLVMValueRef *arguments,
	unsigned skip)
{
	LLVMValueRef made = LLVMBuildCall2(f->w->builder, type, callee, arguments, f->n + skip, "");
	LLVMSetInstructionCallConv(made, LLVMGetInstructionCallConv(f->call));
	work_copy_call_attributes(f->call, made, LLVMAttributeReturnIndex);
	for (unsigned i = 0; i < f->n; i++) {
		unsigned count = LLVMGetCallSiteAttributeCount(f->call, i + 1);
		LLVMAttributeRef *all = map_alloc(count, sizeof(LLVMAttributeRef));
		LLVMGetCallSiteAttributes(f->call, i + 1, all);
		for (unsigned k = 0; k < count; k++)
			LLVMAddCallSiteAttribute(made, i + 1 + skip, all[k]);
		free(all);
	}
	return made;
}

static void give_back(const struct form *f, LLVMValueRef result)
{
	if (LLVMGetTypeKind(f->result) == LLVMVoidTypeKind)
		LLVMBuildRetVoid(f->w->builder);
	else
		LLVMBuildRet(f->w->builder, result);
}

static bool is_candidate(LLVMTypeRef call, LLVMValueRef f)
{
	LLVMTypeRef type = LLVMGlobalGetValueType(f);
	return is_variadic(type) && reach_address_taken(f) && reach_types_match(call, type);
}

/* Calls of what is none of the candidates. */
static void call_others(const struct form *f, LLVMTypeRef type, LLVMValueRef pointer, LLVMValueRef *arguments)
{
	bool unprototyped = LLVMCountParamTypes(type) == 0 && !f->floats;
	LLVMValueRef made = make_call(f, unprototyped ? fixed_type(f) : type, pointer, arguments, 0);
	if (!unprototyped)
		LLVMAddCallSiteAttribute(made, LLVMAttributeFunctionIndex, work_attribute(f->w, "gc-leaf-function", ""));
	give_back(f, made);
}

static void fill_chooser(const struct form *f, LLVMValueRef chooser)
{
	struct work *w = f->w;
	LLVMTypeRef type = LLVMGetCalledFunctionType(f->call);
	LLVMValueRef pointer = LLVMGetParam(chooser, 0), *arguments = map_alloc(f->n, sizeof(LLVMValueRef));
	for (unsigned i = 0; i < f->n; i++)
		arguments[i] = LLVMGetParam(chooser, i + 1);
	LLVMBasicBlockRef at = LLVMAppendBasicBlockInContext(w->context, chooser, "");
	for (size_t i = 0; i < w->functions_count; i++) {
		LLVMValueRef candidate = w->functions[i].value;
		if (!is_candidate(type, candidate))
			continue;
		LLVMBasicBlockRef found = LLVMAppendBasicBlockInContext(w->context, chooser, ""),
				  next = LLVMAppendBasicBlockInContext(w->context, chooser, "");
		LLVMPositionBuilderAtEnd(w->builder, at);
		LLVMBuildCondBr(w->builder, LLVMBuildICmp(w->builder, LLVMIntEQ, pointer, candidate, ""), found, next);
		LLVMPositionBuilderAtEnd(w->builder, found);
		give_back(f, make_call(f, type, candidate, arguments, 0));
		at = next;
	}
	LLVMPositionBuilderAtEnd(w->builder, at);
	call_others(f, type, pointer, arguments);
	free(arguments);
}

/* result chooser(pointer, the call's arguments) */
static LLVMValueRef make_chooser(const struct form *f)
{
	struct work *w = f->w;
	LLVMTypeRef *types = map_alloc(f->n + 1, sizeof(LLVMTypeRef));
	types[0] = w->ptr;
	for (unsigned i = 0; i < f->n; i++)
		types[i + 1] = f->types[i];
	LLVMValueRef chooser = work_add_function(w, "pmig.variadic", LLVMFunctionType(f->result, types, f->n + 1, 0));
	LLVMSetLinkage(chooser, LLVMInternalLinkage);
	for (unsigned i = 0; i < f->n; i++) {
		unsigned count = LLVMGetCallSiteAttributeCount(f->call, i + 1);
		LLVMAttributeRef *all = map_alloc(count, sizeof(LLVMAttributeRef));
		LLVMGetCallSiteAttributes(f->call, i + 1, all);
		for (unsigned k = 0; k < count; k++)
			LLVMAddAttributeAtIndex(chooser, i + 2, all[k]);
		free(all);
	}
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	fill_chooser(f, chooser);
	free(types);
	return chooser;
}

static void choose(struct work *w, LLVMValueRef call)
{
	struct form f = take(w, call);
	LLVMValueRef made, callee = work_callee(call);
	if (callee == NULL) {
		LLVMValueRef chooser = make_chooser(&f), *arguments = map_alloc(f.n + 1, sizeof(LLVMValueRef));
		arguments[0] = LLVMGetCalledValue(call);
		for (unsigned i = 0; i < f.n; i++)
			arguments[i + 1] = f.arguments[i];
		LLVMPositionBuilderBefore(w->builder, call);
		LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(call));
		made = make_call(&f, LLVMGlobalGetValueType(chooser), chooser, arguments, 1);
		LLVMSetInstructionCallConv(made, LLVMCCallConv);
		free(arguments);
	} else {
		LLVMPositionBuilderBefore(w->builder, call);
		LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(call));
		made = make_call(&f, fixed_type(&f), callee, f.arguments, 0);
	}
	LLVMReplaceAllUsesWith(call, made);
	LLVMInstructionEraseFromParent(call);
	drop(&f);
}

void variadic_choose(struct work *w)
{
	for (size_t k = 0; k < w->functions_count; k++)
		for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(w->functions[k].value); b != NULL;
			b = LLVMGetNextBasicBlock(b))
			for (LLVMValueRef i = LLVMGetFirstInstruction(b), next; i != NULL; i = next) {
				next = LLVMGetNextInstruction(i);
				if (!work_is_call(i) || !is_variadic(LLVMGetCalledFunctionType(i)) || !reach_is_site(w, i))
					continue;
				LLVMValueRef callee = work_callee(i);
				if (callee == NULL || !is_variadic(LLVMGlobalGetValueType(callee)))
					choose(w, i);
			}
}
