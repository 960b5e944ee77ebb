/* reach: which functions can reach a safe point, by the whole program's call graph.
 *
 * An indirect call reaches every address-taken function of its type. Where a program lies about types the graph may
 * miss an edge; the walk of the stack then meets a return address that is no site and refuses, so a lie costs a
 * checkpoint, never a wrong result. */
#include "work.h"

#include <stdlib.h>
#include <string.h>

static bool is_stop(LLVMValueRef callee)
{
	return strcmp(work_name(callee), "pmig_stop") == 0;
}

bool reach_address_taken(LLVMValueRef f)
{
	for (LLVMUseRef u = LLVMGetFirstUse(f); u != NULL; u = LLVMGetNextUse(u)) {
		LLVMValueRef user = LLVMGetUser(u);
		if (LLVMIsACallInst(user) == NULL || LLVMGetCalledValue(user) != f)
			return true;
		for (unsigned i = 0; i < LLVMGetNumArgOperands(user); i++)
			if (LLVMGetOperand(user, i) == f)
				return true;
	}
	return false;
}

/* May a call of type `call` land in a function of type `f`? Equal types, or a call or function without prototype. */
bool reach_types_match(LLVMTypeRef call, LLVMTypeRef f)
{
	if (call == f)
		return true;
	if (LLVMGetReturnType(call) != LLVMGetReturnType(f) || (!LLVMIsFunctionVarArg(call) && !LLVMIsFunctionVarArg(f)))
		return false;
	unsigned a = LLVMCountParamTypes(call), b = LLVMCountParamTypes(f), n = a < b ? a : b;
	LLVMTypeRef *pa = map_alloc(a, sizeof *pa), *pb = map_alloc(b, sizeof *pb);
	LLVMGetParamTypes(call, pa);
	LLVMGetParamTypes(f, pb);
	bool match = true;
	for (unsigned i = 0; i < n; i++)
		match = match && pa[i] == pb[i];
	free(pa);
	free(pb);
	return match;
}

static bool reaches(struct work *w, LLVMValueRef call, LLVMValueRef *ret_because)
{
	LLVMValueRef callee = work_callee(call);
	if (callee != NULL) {
		*ret_because = callee;
		return is_stop(callee) || map_get(&w->migratable, callee) != MAP_NONE;
	}
	*ret_because = NULL;
	if (LLVMGetCallSiteStringAttribute(call, LLVMAttributeFunctionIndex, "gc-leaf-function", 16) != NULL)
		return false; /* variadic_call.c knows better */
	LLVMTypeRef type = LLVMGetCalledFunctionType(call);
	if (map_get(&w->taken_types, type) != MAP_NONE)
		return true;
	for (size_t i = 0; i < w->types_count; i++)
		if (reach_types_match(type, w->types[i]))
			return true;
	return false;
}

static void add_function(struct work *w, LLVMValueRef f, LLVMValueRef because)
{
	w->functions = map_grow(w->functions, &w->functions_capacity, w->functions_count, sizeof *w->functions);
	map_put(&w->migratable, f, (uint32_t)w->functions_count);
	w->functions[w->functions_count++] = (struct function){.value = f, .because = because};
	LLVMTypeRef type = LLVMGlobalGetValueType(f);
	if (reach_address_taken(f) && map_get(&w->taken_types, type) == MAP_NONE) {
		map_put(&w->taken_types, type, 1);
		w->types = map_grow(w->types, &w->types_capacity, w->types_count, sizeof(LLVMTypeRef));
		w->types[w->types_count++] = type;
	}
}

bool reach_is_setjmp(LLVMValueRef call)
{
	LLVMValueRef callee = work_is_call(call) ? work_callee(call) : NULL;
	return callee != NULL && strncmp(work_name(callee), "pmig_setjmp", 11) == 0;
}

/* In a function that can reach a safe point setjmp is a site too: control comes back there. */
bool reach_is_site(struct work *w, LLVMValueRef call)
{
	LLVMValueRef because;
	return work_is_call(call) && (reach_is_setjmp(call) || reaches(w, call, &because));
}

/* Adds `f` if one of its calls reaches a safe point; while safe points are still to be put in, in any case. */
static bool visit(struct work *w, LLVMValueRef f)
{
	if (w->options->safepoints == INSTRUMENT_AUTO && !w->placed) {
		add_function(w, f, NULL);
		return true;
	}
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i)) {
			LLVMValueRef because;
			if (work_is_call(i) && reaches(w, i, &because)) {
				add_function(w, f, because);
				return true;
			}
		}
	return false;
}

static bool is_entry(LLVMValueRef f)
{
	return LLVMGetStringAttributeAtIndex(f, LLVMAttributeFunctionIndex, VARIADIC_ENTRY, sizeof VARIADIC_ENTRY - 1) !=
		NULL;
}

void reach_find(struct work *w)
{
	for (bool more = true; more;) {
		more = false;
		for (LLVMValueRef f = LLVMGetFirstFunction(w->module); f != NULL; f = LLVMGetNextFunction(f))
			if (!LLVMIsDeclaration(f) && !is_entry(f) && map_get(&w->migratable, f) == MAP_NONE)
				more = visit(w, f) || more;
	}
}

void reach_forget(struct work *w)
{
	free(w->types);
	free(w->functions);
	map_finish(&w->taken_types);
	map_finish(&w->migratable);
	w->types = NULL;
	w->functions = NULL;
	w->types_count = w->types_capacity = w->functions_count = w->functions_capacity = 0;
}
