/* wrap: builds a module that has the symbols of a translation unit and none of its code, and emits it with the record.
 *
 * The unit is read lazily: its function bodies are never parsed. */
#include "wrap.h"
#include "emit.h"
#include "libc.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct wrap {
	LLVMContextRef context;
	LLVMModuleRef unit;
	LLVMModuleRef module;
	LLVMTargetDataRef layout;
	LLVMBuilderRef builder;
	LLVMTypeRef function_type; /* void (void), for all: only the names count */
	LLVMValueRef marker;
	FILE *assembly;
	bool data_only; /* so far no function carries the reference to the marker */
};

static const char *name_of(LLVMValueRef v)
{
	size_t n;
	return LLVMGetValueName2(v, &n);
}

static bool is_special(LLVMValueRef v)
{
	return strncmp(name_of(v), "llvm.", 5) == 0;
}

static bool is_local(LLVMValueRef v)
{
	LLVMLinkage l = LLVMGetLinkage(v);
	return l == LLVMInternalLinkage || l == LLVMPrivateLinkage;
}

/* Is `v` defined elsewhere? The body of a C99 inline function is only there for inlining. */
static bool is_undefined(LLVMValueRef v)
{
	return LLVMIsDeclaration(v) || LLVMGetLinkage(v) == LLVMAvailableExternallyLinkage;
}

/* A name starts with \1 when the source gave the assembler's name. */
static void print_name(FILE *out, const char *name)
{
	(void)fputc('"', out);
	for (const char *p = name + (*name == '\1'); *p != 0; p++) {
		if (*p == '"' || *p == '\\')
			(void)fputc('\\', out);
		(void)fputc(*p, out);
	}
	(void)fputc('"', out);
}

static void print_directive(struct wrap *w, const char *directive, LLVMValueRef v, const char *rest)
{
	(void)fprintf(w->assembly, "\t%s ", directive);
	print_name(w->assembly, name_of(v));
	(void)fprintf(w->assembly, "%s\n", rest);
}

/* An undefined symbol. A binding is enough for that; nothing has to be relocated. */
static void add_reference(struct wrap *w, LLVMValueRef v)
{
	print_directive(w, LLVMGetLinkage(v) == LLVMExternalWeakLinkage ? ".weak" : ".globl", v, "");
	if (LLVMIsAGlobalVariable(v) != NULL && LLVMIsThreadLocal(v))
		print_directive(w, ".type", v, ", @tls_object");
}

/* What instrumentation will call instead may lie in an archive (libpmig-carried.a) and must be found in time. */
static void add_replacement(struct wrap *w, LLVMValueRef v)
{
	const struct libc_function *f = libc_find(name_of(v));
	char name[256];
	if (f == NULL || f->action != LIBC_REPLACED)
		return;
	libc_replacement(f, name, sizeof name);
	(void)fprintf(w->assembly, "\t.globl \"%s\"\n", name);
}

static void add_function(struct wrap *w, LLVMValueRef v)
{
	LLVMValueRef f = LLVMAddFunction(w->module, name_of(v), w->function_type);
	LLVMSetLinkage(f, LLVMGetLinkage(v));
	LLVMSetVisibility(f, LLVMGetVisibility(v));
	LLVMPositionBuilderAtEnd(w->builder, LLVMAppendBasicBlockInContext(w->context, f, ""));
	(void)LLVMBuildCall2(w->builder, w->function_type, w->marker, NULL, 0, "");
	(void)LLVMBuildUnreachable(w->builder);
	w->data_only = false;
}

/* Data has its size and place, not its content: what the content refers to is referred to by add_reference(). */
static LLVMValueRef add_data(struct wrap *w, LLVMValueRef v)
{
	LLVMTypeRef type = LLVMGlobalGetValueType(v);
	unsigned long long size = LLVMTypeIsSized(type) ? LLVMABISizeOfType(w->layout, type) : 0;
	LLVMTypeRef bytes = LLVMArrayType2(LLVMInt8TypeInContext(w->context), size);
	LLVMValueRef g = LLVMAddGlobal(w->module, bytes, name_of(v));
	LLVMSetInitializer(g, LLVMConstNull(bytes));
	LLVMSetLinkage(g, LLVMGetLinkage(v));
	LLVMSetVisibility(g, LLVMGetVisibility(v));
	LLVMSetAlignment(g, LLVMPreferredAlignmentOfGlobal(w->layout, g));
	return g;
}

static void add_variable(struct wrap *w, LLVMValueRef v)
{
	LLVMValueRef g = add_data(w, v);
	LLVMValueRef content = LLVMGetInitializer(v);
	if (LLVMGetAlignment(v) != 0)
		LLVMSetAlignment(g, LLVMGetAlignment(v));
	LLVMSetThreadLocalMode(g, LLVMGetThreadLocalMode(v));
	LLVMSetGlobalConstant(g, LLVMIsGlobalConstant(v));
	const char *section = LLVMGetSection(v);
	if (section != NULL && *section != 0)
		LLVMSetSection(g, section);
	else if (!LLVMIsGlobalConstant(v) && content != NULL && !LLVMIsNull(content))
		LLVMSetSection(g, LLVMIsThreadLocal(v) ? ".tdata" : ".data");
}

static void add_alias(struct wrap *w, LLVMValueRef v)
{
	if (LLVMGetTypeKind(LLVMGlobalGetValueType(v)) == LLVMFunctionTypeKind)
		add_function(w, v);
	else
		(void)add_data(w, v);
}

static void add_symbols(struct wrap *w)
{
	for (LLVMValueRef f = LLVMGetFirstFunction(w->unit); f != NULL; f = LLVMGetNextFunction(f)) {
		if (is_special(f) || is_local(f))
			continue;
		if (is_undefined(f)) {
			add_reference(w, f);
			add_replacement(w, f);
		} else
			add_function(w, f);
	}
	for (LLVMValueRef v = LLVMGetFirstGlobal(w->unit); v != NULL; v = LLVMGetNextGlobal(v)) {
		if (is_special(v) || is_local(v))
			continue;
		if (is_undefined(v))
			add_reference(w, v);
		else
			add_variable(w, v);
	}
	for (LLVMValueRef a = LLVMGetFirstGlobalAlias(w->unit); a != NULL; a = LLVMGetNextGlobalAlias(a))
		if (!is_local(a))
			add_alias(w, a);
	for (LLVMValueRef i = LLVMGetFirstGlobalIFunc(w->unit); i != NULL; i = LLVMGetNextGlobalIFunc(i))
		if (!is_local(i))
			add_function(w, i);
}

/* The record in a file without a name that the assembler can include; the caller closes it. */
static int record_file(const struct object_unit *unit)
{
	int fd = memfd_create("pmig.bc", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "memfd_create");
	int e = object_write(fd, unit);
	if (e < 0) {
		(void)close(fd);
		return e;
	}
	return fd;
}

static int emit(struct wrap *w, const struct object_unit *unit, const char *path)
{
	char *text = NULL;
	size_t size = 0, own;
	const char *assembly = LLVMGetModuleInlineAsm(w->unit, &own);
	int fd = record_file(unit);
	if (fd < 0)
		return fd;
	w->assembly = open_memstream(&text, &size);
	if (w->assembly == NULL) {
		(void)close(fd);
		return error_errno(PMIG_ENOMEM, errno, "%s", path);
	}
	(void)fwrite(assembly, 1, own, w->assembly);
	(void)fputc('\n', w->assembly);
	add_symbols(w);
	if (w->data_only)
		(void)fprintf(w->assembly,
			"\t.section .pmig.marker,\"aw\",@progbits\n\t.hidden " OBJECT_MARKER "\n\t.quad " OBJECT_MARKER
			"\n");
	(void)fprintf(w->assembly,
		"\t.section " OBJECT_SECTION ",\"\",@progbits\n\t.p2align 4\n\t.incbin \"/proc/self/fd/%d\"\n", fd);
	(void)fclose(w->assembly);
	LLVMSetModuleInlineAsm2(w->module, text, size);
	free(text);

	LLVMTargetMachineRef machine;
	int e = emit_machine(w->unit, 0, &machine);
	if (e >= 0) {
		e = emit_object(w->module, machine, path);
		LLVMDisposeTargetMachine(machine);
	}
	(void)close(fd);
	return e;
}

int wrap_unit(const struct object_unit *unit, const char *path)
{
	struct wrap w = {.context = LLVMContextCreate(), .data_only = true};
	LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(unit->bitcode, unit->size, unit->source, false);
	int e;
	if (LLVMGetBitcodeModuleInContext2(w.context, buffer, &w.unit)) { /* takes the buffer */
		e = error_set(PMIG_ECORRUPT, "%s: LLVM cannot read its bitcode", unit->source);
		LLVMContextDispose(w.context);
		return e;
	}
	w.module = LLVMModuleCreateWithNameInContext(unit->source, w.context);
	w.layout = LLVMGetModuleDataLayout(w.unit);
	LLVMSetTarget(w.module, LLVMGetTarget(w.unit));
	LLVMSetDataLayout(w.module, LLVMGetDataLayoutStr(w.unit));
	w.builder = LLVMCreateBuilderInContext(w.context);
	w.function_type = LLVMFunctionType(LLVMVoidTypeInContext(w.context), NULL, 0, false);
	w.marker = LLVMAddFunction(w.module, OBJECT_MARKER, w.function_type);
	LLVMSetVisibility(w.marker, LLVMHiddenVisibility);
	e = emit(&w, unit, path);
	LLVMDisposeBuilder(w.builder);
	LLVMDisposeModule(w.module);
	LLVMDisposeModule(w.unit);
	LLVMContextDispose(w.context);
	return e;
}
