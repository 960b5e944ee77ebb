/* merge: parses the records one after the other and links each to what is there. */
#include "merge.h"
#include "object.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Linker.h>
#include <string.h>

/* Why LLVM refused, as it says it only to a handler. */
struct complaint {
	char text[512];
};

static void complain(LLVMDiagnosticInfoRef info, void *context)
{
	struct complaint *c = context;
	char *text = LLVMGetDiagInfoDescription(info);
	if (LLVMGetDiagInfoSeverity(info) == LLVMDSError && c->text[0] == 0)
		(void)snprintf(c->text, sizeof c->text, "%s", text);
	LLVMDisposeMessage(text);
}

static int parse(LLVMContextRef context, const struct object_unit *u, struct complaint *c, LLVMModuleRef *ret_module)
{
	LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(u->bitcode, u->size, u->source, false);
	LLVMBool failed = LLVMParseBitcodeInContext2(context, buffer, ret_module);
	LLVMDisposeMemoryBuffer(buffer);
	if (failed)
		return error_set(PMIG_ECORRUPT, "%s: LLVM cannot read its bitcode: %s", u->source, c->text);
	return 0;
}

static int add_unit(struct merge_result *r, LLVMContextRef context, const struct object_unit *u, struct complaint *c)
{
	LLVMModuleRef m;
	int e = parse(context, u, c, &m);
	if (e < 0)
		return e;
	if (r->module == NULL)
		r->module = m;
	else if (strcmp(LLVMGetTarget(m), LLVMGetTarget(r->module)) != 0) {
		e = error_set(PMIG_EINVAL, "%s was compiled for %s, the units before it for %s", u->source, LLVMGetTarget(m),
			LLVMGetTarget(r->module));
		LLVMDisposeModule(m);
		return e;
	} else if (LLVMLinkModules2(r->module, m)) /* takes m */
		return error_set(PMIG_EINVAL, "%s does not fit to the units before it: %s", u->source, c->text);
	if (u->level > r->level && !u->runtime)
		r->level = u->level;
	r->debug |= u->debug && !u->runtime;
	r->units++;
	return 0;
}

int merge_units(LLVMContextRef context, const void *bytes, size_t size, struct merge_result *ret_result)
{
	struct merge_result r = {0};
	struct object_unit u;
	struct complaint c = {0};
	size_t offset = 0;
	int e;
	LLVMContextSetDiagnosticHandler(context, complain, &c);
	while ((e = object_read(bytes, size, &offset, &u)) > 0) {
		e = add_unit(&r, context, &u, &c);
		if (e < 0)
			break;
	}
	LLVMContextSetDiagnosticHandler(context, NULL, NULL);
	if (e >= 0 && r.module == NULL)
		e = error_set(PMIG_ENOENT, "there is nothing to link: no object made by pmig-cc");
	if (e < 0) {
		if (r.module != NULL)
			LLVMDisposeModule(r.module);
		return e;
	}
	*ret_result = r;
	return 0;
}
