/* plain: gives the runtime's names empty definitions, then runs LLVM's own pipeline. */
#include "plain.h"

#include <llvm-c/Core.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdbool.h>
#include <string.h>

static bool is_missing(LLVMValueRef v)
{
	size_t n;
	return LLVMIsDeclaration(v) && strncmp(LLVMGetValueName2(v, &n), "pmig_", 5) == 0;
}

static void define_function(LLVMValueRef f, LLVMBuilderRef builder)
{
	LLVMTypeRef result = LLVMGetReturnType(LLVMGlobalGetValueType(f));
	LLVMContextRef context = LLVMGetModuleContext(LLVMGetGlobalParent(f));
	LLVMGlobalClearMetadata(f); /* the debug information of a declaration does not fit to a definition */
	LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(context, f, ""));
	if (LLVMGetTypeKind(result) == LLVMVoidTypeKind)
		(void)LLVMBuildRetVoid(builder);
	else
		(void)LLVMBuildRet(builder, LLVMConstNull(result));
}

static void define_runtime(LLVMModuleRef m)
{
	LLVMBuilderRef builder = LLVMCreateBuilderInContext(LLVMGetModuleContext(m));
	for (LLVMValueRef f = LLVMGetFirstFunction(m); f != NULL; f = LLVMGetNextFunction(f))
		if (is_missing(f))
			define_function(f, builder);
	for (LLVMValueRef v = LLVMGetFirstGlobal(m); v != NULL; v = LLVMGetNextGlobal(v))
		if (is_missing(v))
			LLVMSetInitializer(v, LLVMConstNull(LLVMGlobalGetValueType(v)));
	LLVMDisposeBuilder(builder);
}

int plain_passes(LLVMModuleRef m, LLVMTargetMachineRef machine, const char *passes)
{
	LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
	LLVMErrorRef failed = LLVMRunPasses(m, passes, machine, o);
	LLVMDisposePassBuilderOptions(o);
	if (failed == NULL)
		return 0;
	char *text = LLVMGetErrorMessage(failed);
	int e = error_set(PMIG_EINVAL, "LLVM refuses %s: %s", passes, text);
	LLVMDisposeErrorMessage(text);
	return e;
}

int plain_optimise(LLVMModuleRef m, LLVMTargetMachineRef machine, int level)
{
	char passes[] = "default<O0>";
	passes[sizeof "default<O" - 1] = (char)('0' + level);
	define_runtime(m);
	return plain_passes(m, machine, passes);
}
