/* opened: behind each call that opens something, a call that notes where in the program it is ("main (server.c:42)"), so that the plan can
 * name the place of what nobody declared. Before the optimiser, while each call is in the function in which it was written. */
#include "work.h"

#include <stdlib.h>
#include <string.h>

#define PLACE_MAX 256

enum how { FD = -1, STREAM = -2, FOLDER = -3 };
#define PAIR(n) n

static const struct {
	const char *name;
	int how; /* >= 0: PAIR */
} opens[] = {
#define OPENS(name, how) {#name, how},
#include "runtime/tbl/opens.h"
#undef OPENS
};

static LLVMValueRef runtime_function(struct work *w, const char *name, LLVMTypeRef *parameters, unsigned count)
{
	LLVMValueRef f = LLVMGetNamedFunction(w->module, name);
	if (f != NULL)
		return f;
	LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(w->context), parameters, count, 0);
	return LLVMAddFunction(w->module, name, type);
}

/* "main (server.c:42)" */
static LLVMValueRef place_of(struct work *w, LLVMValueRef call)
{
	char text[PLACE_MAX];
	unsigned length = 0, line = LLVMGetDebugLocLine(call);
	const char *file = LLVMGetDebugLocFilename(call, &length);
	const char *function = work_name(LLVMGetBasicBlockParent(LLVMGetInstructionParent(call)));
	for (const char *p = file; p != NULL && p < file + length; p++)
		if (*p == '/') {
			length -= (unsigned)(p + 1 - file);
			file = p + 1;
		}
	if (strcmp(function, "pmig_main") == 0)
		function = "main";
	if (line != 0 && length != 0)
		(void)snprintf(text, sizeof text, "%s (%.*s:%u)", function, (int)length, file, line);
	else
		(void)snprintf(text, sizeof text, "%s", function);
	return LLVMBuildGlobalStringPtr(w->builder, text, "opened");
}

static void note(struct work *w, LLVMValueRef call, int how)
{
	LLVMTypeRef result = LLVMTypeOf(call);
	bool pointer = LLVMGetTypeKind(result) == LLVMPointerTypeKind;
	if ((how == STREAM || how == FOLDER) != pointer || (how >= 0 && LLVMGetNumArgOperands(call) <= (unsigned)how) ||
		(!pointer && result != w->i32))
		return; /* a function of its own that has such a name */
	LLVMPositionBuilderBefore(w->builder, LLVMGetNextInstruction(call));
	LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(call));
	LLVMValueRef arguments[3] = {call};
	LLVMTypeRef types[3] = {result, w->ptr, w->ptr};
	unsigned count = 1;
	if (how >= 0)
		arguments[count++] = LLVMGetOperand(call, (unsigned)how);
	arguments[count++] = place_of(w, call);
	LLVMValueRef f = runtime_function(w,
		how == FD               ? "pmig_opened"
			: how == STREAM ? "pmig_opened_stream"
			: how == FOLDER ? "pmig_opened_folder"
					: "pmig_opened_pair",
		types, count);
	(void)LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(f), f, arguments, count, "");
}

void opened_note(struct work *w)
{
	for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
		LLVMValueRef f = LLVMGetNamedFunction(w->module, opens[i].name);
		if (f == NULL || !LLVMIsDeclaration(f))
			continue;
		for (LLVMUseRef u = LLVMGetFirstUse(f), next; u != NULL; u = next) {
			next = LLVMGetNextUse(u);
			LLVMValueRef call = LLVMGetUser(u);
			if (LLVMIsACallInst(call) != NULL && LLVMGetCalledValue(call) == f &&
				LLVMGetTailCallKind(call) != LLVMTailCallKindMustTail)
				note(w, call, opens[i].how);
		}
	}
}
