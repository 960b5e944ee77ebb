/* work: helpers that several steps of the instrumentation need. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *work_name(LLVMValueRef v)
{
	size_t length;
	return LLVMGetValueName2(v, &length);
}

LLVMValueRef work_callee(LLVMValueRef call)
{
	LLVMValueRef callee = LLVMGetCalledValue(call);
	while (LLVMIsAGlobalAlias(callee) != NULL)
		callee = LLVMAliasGetAliasee(callee);
	return LLVMIsAFunction(callee);
}

bool work_is_inline_assembly(LLVMValueRef call)
{
	return LLVMIsAInlineAsm(LLVMGetCalledValue(call)) != NULL;
}

bool work_is_intrinsic(LLVMValueRef call, const char *prefix)
{
	if (LLVMIsACallInst(call) == NULL)
		return false;
	LLVMValueRef callee = LLVMIsAFunction(LLVMGetCalledValue(call));
	if (callee == NULL || LLVMGetIntrinsicID(callee) == 0)
		return false;
	return prefix == NULL || strncmp(work_name(callee), prefix, strlen(prefix)) == 0;
}

bool work_is_tail(LLVMValueRef v)
{
	return LLVMIsACallInst(v) != NULL && LLVMGetTailCallKind(v) == LLVMTailCallKindMustTail;
}

bool work_is_call(LLVMValueRef v)
{
	return LLVMIsACallInst(v) != NULL && !work_is_inline_assembly(v) && !work_is_intrinsic(v, NULL);
}

static LLVMValueRef first_defined(struct work *w)
{
	LLVMValueRef f = LLVMGetFirstFunction(w->module);
	while (f != NULL && LLVMIsDeclaration(f))
		f = LLVMGetNextFunction(f);
	return f;
}

LLVMValueRef work_add_function(struct work *w, const char *name, LLVMTypeRef type)
{
	static const char *const strings[] = {"target-cpu", "target-features", "tune-cpu", "frame-pointer"};
	LLVMValueRef f = LLVMAddFunction(w->module, name, type), other = first_defined(w);
	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
		LLVMCreateEnumAttribute(w->context, LLVMGetEnumAttributeKindForName("uwtable", 7), 2));
	LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
		LLVMCreateEnumAttribute(w->context, LLVMGetEnumAttributeKindForName("nounwind", 8), 0));
	for (size_t i = 0; other != NULL && i < sizeof strings / sizeof *strings; i++) {
		LLVMAttributeRef a = LLVMGetStringAttributeAtIndex(other, LLVMAttributeFunctionIndex, strings[i],
			(unsigned)strlen(strings[i]));
		if (a != NULL)
			LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, a);
	}
	return f;
}

LLVMValueRef work_first_user(LLVMValueRef v)
{
	for (LLVMUseRef u = LLVMGetFirstUse(v); u != NULL; u = LLVMGetNextUse(u))
		if (LLVMIsAInstruction(LLVMGetUser(u)) != NULL)
			return LLVMGetUser(u);
	return v;
}

static void say(LLVMValueRef where, const char *kind, const char *format, va_list ap)
{
	unsigned length = 0, line = 0, in = 0;
	const char *file = NULL, *folder = NULL;
	if (where != NULL &&
		(LLVMIsAInstruction(where) != NULL || LLVMIsAGlobalVariable(where) != NULL ||
			LLVMIsAFunction(where) != NULL)) {
		file = LLVMGetDebugLocFilename(where, &length);
		folder = LLVMGetDebugLocDirectory(where, &in);
		line = LLVMGetDebugLocLine(where);
	}
	/* a full path was cut in two where it leaves that of this directory */
	char here[PATH_MAX];
	if (folder == NULL || in == 0 || file == NULL || *file == '/' || getcwd(here, sizeof here) == NULL ||
		(strncmp(folder, here, in) == 0 && here[in] == '\0'))
		in = 0;
	if (file != NULL && length != 0)
		fprintf(stderr, "%.*s%s%.*s:%u: %s: ", (int)in, in > 0 ? folder : "", in > 0 ? "/" : "", (int)length, file,
			line, kind);
	else
		fprintf(stderr, "pmig-cc: %s: ", kind);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
}

void work_error(struct work *w, LLVMValueRef where, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	say(where, "error", format, ap);
	va_end(ap);
	w->errors++;
}

void work_warning(struct work *w, LLVMValueRef where, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	say(where, w->options->strict ? "error" : "warning", format, ap);
	va_end(ap);
	if (w->options->strict)
		w->errors++;
}

LLVMValueRef work_at(struct work *w, LLVMValueRef base, uint64_t offset)
{
	LLVMValueRef n = LLVMConstInt(w->i64, offset, 0);
	return LLVMBuildGEP2(w->builder, w->i8, base, &n, 1, "");
}

LLVMAttributeRef work_attribute(struct work *w, const char *key, const char *value)
{
	return LLVMCreateStringAttribute(w->context, key, (unsigned)strlen(key), value, (unsigned)strlen(value));
}

void work_copy_call_attributes(LLVMValueRef from, LLVMValueRef to, LLVMAttributeIndex index)
{
	unsigned n = LLVMGetCallSiteAttributeCount(from, index);
	LLVMAttributeRef *attributes = map_alloc(n, sizeof(LLVMAttributeRef));
	LLVMGetCallSiteAttributes(from, index, attributes);
	for (unsigned i = 0; i < n; i++)
		LLVMAddCallSiteAttribute(to, index, attributes[i]);
	free(attributes);
}

void work_split(struct work *w, LLVMValueRef where, const char *name)
{
	LLVMBasicBlockRef tail = LLVMGetInstructionParent(where);
	LLVMBasicBlockRef head = LLVMInsertBasicBlockInContext(w->context, tail, name);
	LLVMPositionBuilderAtEnd(w->builder, head);
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	for (LLVMValueRef i; (i = LLVMGetFirstInstruction(tail)) != where;) {
		LLVMInstructionRemoveFromParent(i);
		LLVMInsertIntoBuilder(w->builder, i);
	}
	LLVMValueRef end = LLVMGetBasicBlockTerminator(tail);
	LLVMInstructionRemoveFromParent(end);
	LLVMReplaceAllUsesWith(LLVMBasicBlockAsValue(tail), LLVMBasicBlockAsValue(head));
	LLVMPositionBuilderAtEnd(w->builder, tail);
	LLVMInsertIntoBuilder(w->builder, end);
	LLVMPositionBuilderAtEnd(w->builder, head);
}
