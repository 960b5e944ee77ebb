/* rewrite: the program's calls of the C library, by the table runtime/tbl/libc.h: some go to the runtime's own form, some
 * refuse the program, and an external function that nobody has listed is named. */
#include "libc.h"
#include "work.h"

#include <stdlib.h>
#include <string.h>

static void copy_return_attribute(struct work *w, LLVMValueRef to, const char *name)
{
	LLVMAttributeRef a = LLVMCreateEnumAttribute(w->context, LLVMGetEnumAttributeKindForName(name, strlen(name)), 0);
	LLVMAddAttributeAtIndex(to, LLVMAttributeReturnIndex, a);
}

/* Of a declaration, and of each call of it. */
static void forget_attribute(LLVMValueRef f, const char *name)
{
	unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
	LLVMRemoveEnumAttributeAtIndex(f, LLVMAttributeFunctionIndex, kind);
	for (LLVMUseRef u = LLVMGetFirstUse(f); u != NULL; u = LLVMGetNextUse(u)) {
		LLVMValueRef call = LLVMGetUser(u);
		if (LLVMIsACallInst(call) != NULL)
			LLVMRemoveCallSiteEnumAttribute(call, LLVMAttributeFunctionIndex, kind);
	}
}

static void replace(struct work *w, LLVMValueRef f, const char *name)
{
	LLVMValueRef other = LLVMGetNamedFunction(w->module, name);
	if (other == NULL) {
		other = LLVMAddFunction(w->module, name, LLVMGlobalGetValueType(f));
		if (strcmp(name, "pmig_malloc") == 0 || strcmp(name, "pmig_calloc") == 0)
			copy_return_attribute(w, other, "noalias");
	}
	if (strcmp(name, "pmig_fork") == 0) /* vfork */
		forget_attribute(f, "returns_twice");
	LLVMReplaceAllUsesWith(f, other);
}

/* Results of such functions (__errno_location, __ctype_b_loc, …) point into libc, whose address changes with a restore:
 * they must be asked for anew each time, so the optimiser must not know that the answer is always the same. */
static void forget_purity(LLVMValueRef f)
{
	if (LLVMGetTypeKind(LLVMGetReturnType(LLVMGlobalGetValueType(f))) == LLVMPointerTypeKind)
		forget_attribute(f, "memory");
}

#define PLACES_MAX 8

/* At each place where `v` is used, as far as there are not too many; lines tell them apart. */
static void refuse(struct work *w, LLVMValueRef v, const char *why)
{
	unsigned said = 0, last = 0;
	for (LLVMUseRef u = LLVMGetFirstUse(v); u != NULL && said < PLACES_MAX; u = LLVMGetNextUse(u)) {
		LLVMValueRef user = LLVMGetUser(u);
		unsigned line = LLVMIsAInstruction(user) != NULL ? LLVMGetDebugLocLine(user) : 0;
		if (line == 0 || line == last)
			continue;
		work_error(w, user, "%s cannot be carried: %s", work_name(v), why);
		last = line;
		said++;
	}
	if (said == 0)
		work_error(w, work_first_user(v), "%s cannot be carried: %s", work_name(v), why);
}

/* Variables that lie in a library, whatever the linker makes of them: they are not among the program's own. */
static void check_variables(struct work *w)
{
	for (LLVMValueRef v = LLVMGetFirstGlobal(w->module); v != NULL; v = LLVMGetNextGlobal(v)) {
		const char *name = work_name(v);
		const struct libc_function *e = libc_variable(name);
		if (!LLVMIsDeclaration(v) || LLVMIsThreadLocal(v) || LLVMGetFirstUse(v) == NULL ||
			strncmp(name, "pmig_", 5) == 0 || strncmp(name, "llvm.", 5) == 0 ||
			strncmp(name, "__start_", 8) == 0 || strncmp(name, "__stop_", 7) == 0)
			continue;
		if (e == NULL)
			work_warning(w, work_first_user(v), "%s: this variable of a library is not carried", name);
		else if (e->action == LIBC_REFUSED)
			refuse(w, v, e->note);
	}
}

void rewrite_calls(struct work *w)
{
	if (!w->rewritten)
		check_variables(w);
	for (LLVMValueRef f = LLVMGetFirstFunction(w->module); f != NULL; f = LLVMGetNextFunction(f)) {
		const char *name = work_name(f);
		if (!LLVMIsDeclaration(f) || LLVMGetIntrinsicID(f) != 0 || LLVMGetFirstUse(f) == NULL ||
			strncmp(name, "pmig_", 5) == 0)
			continue;
		forget_purity(f);
		const struct libc_function *e = libc_find(name);
		if (e == NULL) {
			if (!w->rewritten)
				work_warning(w, work_first_user(f),
					"%s: nobody has looked at whether this function keeps state that must travel", name);
			continue;
		}
		char own[256];
		libc_replacement(e, own, sizeof own);
		if (e->action == LIBC_REPLACED)
			replace(w, f, own);
		else if (e->action == LIBC_REFUSED)
			refuse(w, f, e->note);
	}
	w->rewritten = true;
}
