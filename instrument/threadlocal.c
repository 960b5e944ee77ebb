/* threadlocal: a program with one thread has one of each thread-local variable: they become ordinary ones, and are carried
 * as these are. (A program that starts threads is refused by tbl/libc.h.) */
#include "work.h"

#include <string.h>

void threadlocal_name_directly(LLVMValueRef variable)
{
	for (LLVMUseRef u = LLVMGetFirstUse(variable), next; u != NULL; u = next) {
		next = LLVMGetNextUse(u);
		LLVMValueRef user = LLVMGetUser(u);
		if (!work_is_intrinsic(user, "llvm.threadlocal.address"))
			continue;
		LLVMReplaceAllUsesWith(user, variable);
		LLVMInstructionEraseFromParent(user);
	}
}

void threadlocal_share(struct work *w)
{
	for (LLVMValueRef g = LLVMGetFirstGlobal(w->module); g != NULL; g = LLVMGetNextGlobal(g)) {
		if (!LLVMIsThreadLocal(g) || strncmp(work_name(g), "pmig_", 5) == 0)
			continue;
		if (LLVMIsDeclaration(g)) {
			work_error(w, work_first_user(g),
				"the thread-local variable %s belongs to a library and cannot be carried", work_name(g));
			continue;
		}
		threadlocal_name_directly(g);
		LLVMSetThreadLocal(g, 0);
	}
}
