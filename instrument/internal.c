/* internal: first what must stay is collected, then the linkage of the rest is set. */
#include "internal.h"
#include "map.h"
#include "trace.h"

#include <llvm-c/Core.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct internal {
	LLVMModuleRef module;
	struct map kept;
	char *assembly; /* all inline assembly of the program, one after the other */
	size_t assembly_size;
};

static const char *name_of(LLVMValueRef v)
{
	size_t n;
	return LLVMGetValueName2(v, &n);
}

static void keep(void *context, const char *name)
{
	struct internal *in = context;
	LLVMValueRef v = LLVMGetNamedFunction(in->module, name);
	if (v == NULL)
		v = LLVMGetNamedGlobal(in->module, name);
	if (v != NULL)
		map_put(&in->kept, v, 1);
}

static void add_assembly(FILE *out, LLVMValueRef instruction)
{
	size_t n;
	if (LLVMIsACallInst(instruction) == NULL || LLVMIsAInlineAsm(LLVMGetCalledValue(instruction)) == NULL)
		return;
	const char *text = LLVMGetInlineAsmAsmString(LLVMGetCalledValue(instruction), &n);
	(void)fwrite(text, 1, n, out);
	(void)fputc('\n', out);
}

static int collect_assembly(struct internal *in)
{
	size_t n;
	FILE *out = open_memstream(&in->assembly, &in->assembly_size);
	if (out == NULL)
		return error_errno(PMIG_ENOMEM, errno, "open_memstream");
	const char *text = LLVMGetModuleInlineAsm(in->module, &n);
	(void)fwrite(text, 1, n, out);
	for (LLVMValueRef f = LLVMGetFirstFunction(in->module); f != NULL; f = LLVMGetNextFunction(f))
		for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
			for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i))
				add_assembly(out, i);
	return fclose(out) == 0 ? 0 : error_errno(PMIG_ENOMEM, errno, "open_memstream");
}

static bool must_stay(const struct internal *in, LLVMValueRef v)
{
	const char *name = name_of(v), *section = LLVMGetSection(v);
	return LLVMIsDeclaration(v) || LLVMGetLinkage(v) != LLVMExternalLinkage || strcmp(name, "main") == 0 ||
		strncmp(name, "pmig_", 5) == 0 || strncmp(name, "llvm.", 5) == 0 || (section != NULL && *section != 0) ||
		map_get(&in->kept, v) != MAP_NONE || strstr(in->assembly, name) != NULL;
}

static void mark(const struct internal *in)
{
	for (LLVMValueRef f = LLVMGetFirstFunction(in->module); f != NULL; f = LLVMGetNextFunction(f))
		if (!must_stay(in, f))
			LLVMSetLinkage(f, LLVMInternalLinkage);
	for (LLVMValueRef v = LLVMGetFirstGlobal(in->module); v != NULL; v = LLVMGetNextGlobal(v))
		if (!must_stay(in, v))
			LLVMSetLinkage(v, LLVMInternalLinkage);
}

int internal_mark(LLVMModuleRef m, const void *trace, size_t size)
{
	struct internal in = {.module = m};
	int e = trace_visit(trace, size, keep, &in);
	if (e > 0) {
		e = collect_assembly(&in);
		if (e >= 0)
			mark(&in);
	}
	free(in.assembly);
	map_finish(&in.kept);
	return e;
}
