/* module: the steps of the instrumentation, in their order. */
#include "work.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/Error.h>
#include <llvm-c/Support.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

static void run_passes(struct work *w, LLVMTargetMachineRef tm, const char *passes)
{
	LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
	LLVMPassBuilderOptionsSetLoopVectorization(o, w->options->level >= 2);
	LLVMPassBuilderOptionsSetSLPVectorization(o, w->options->level >= 2);
	LLVMPassBuilderOptionsSetLoopInterleaving(o, w->options->level >= 2);
	LLVMErrorRef e = LLVMRunPasses(w->module, passes, tm, o);
	if (e != NULL) {
		char *message = LLVMGetErrorMessage(e);
		work_error(w, NULL, "%s: %s", passes, message);
		LLVMDisposeErrorMessage(message);
	}
	LLVMDisposePassBuilderOptions(o);
}

static void optimise(struct work *w, LLVMTargetMachineRef tm)
{
	char passes[16];
	snprintf(passes, sizeof passes, "default<O%d>", w->options->level);
	run_passes(w, tm, passes);
}

/* Thread-local variables of the runtime lie in the executable itself: one instruction reaches them. */
static LLVMValueRef runtime_variable(struct work *w, LLVMTypeRef type, const char *name)
{
	LLVMValueRef g = LLVMGetNamedGlobal(w->module, name);
	if (g == NULL)
		g = LLVMAddGlobal(w->module, type, name);
	LLVMSetThreadLocalMode(g, LLVMLocalExecTLSModel);
	return g;
}

static bool has_safepoints(struct work *w)
{
	return w->options->safepoints != INSTRUMENT_MANUAL || LLVMGetNamedFunction(w->module, "pmig_stop") != NULL;
}

static void forget_tails(LLVMValueRef f)
{
	for (LLVMBasicBlockRef b = f != NULL ? LLVMGetFirstBasicBlock(f) : NULL; b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i))
			if (work_is_tail(i))
				LLVMSetTailCallKind(i, LLVMTailCallKindNone);
}

/* The runtime owns main(): it sets the arena up, then calls the program's. */
static void rename_main(struct work *w)
{
	LLVMValueRef main = LLVMGetNamedFunction(w->module, "main");
	if (main != NULL && !LLVMIsDeclaration(main))
		LLVMSetValueName2(main, "pmig_main", 9);
	forget_tails(main); /* the runtime's driver calls it, and knows it on the stack */
}

static void mark_leaves(struct work *w, const struct function *of, LLVMValueRef f)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i)) {
			if (LLVMIsACallBrInst(i) != NULL)
				LLVMAddCallSiteAttribute(i, LLVMAttributeFunctionIndex,
					work_attribute(w, "gc-leaf-function", ""));
			if (LLVMIsACallInst(i) == NULL)
				continue;
			if (f == of->resume || !work_is_tail(i))
				LLVMSetTailCallKind(i, LLVMTailCallKindNoTail);
			if (LLVMGetCallSiteStringAttribute(i, LLVMAttributeFunctionIndex, "statepoint-id", 13) == NULL)
				LLVMAddCallSiteAttribute(i, LLVMAttributeFunctionIndex,
					work_attribute(w, "gc-leaf-function", ""));
		}
	LLVMSetGC(f, "statepoint-example");
}

static void instrument_functions(struct work *w, LLVMTargetMachineRef tm)
{
	if (w->options->debug)
		w->debug = LLVMCreateDIBuilder(w->module);
	for (size_t i = 0; i < w->functions_count; i++) {
		frame_lower(w, &w->functions[i]);
		aggregate_split(w, &w->functions[i]);
		site_split(w, &w->functions[i]);
		sink_values(w, &w->functions[i]);
		site_find_values(w, &w->functions[i]);
		jump_copy_records(w, &w->functions[i]);
		site_attach(w, &w->functions[i]);
		clone_make(w, &w->functions[i]);
	}
	if (w->debug != NULL) {
		LLVMDIBuilderFinalize(w->debug);
		LLVMDisposeDIBuilder(w->debug);
		map_finish(&w->declared);
	}
	run_passes(w, tm, "function(mem2reg)");
	for (size_t i = 0; i < w->functions_count; i++) {
		mark_leaves(w, &w->functions[i], w->functions[i].value);
		mark_leaves(w, &w->functions[i], w->functions[i].resume);
	}
}

static void verify(struct work *w, const char *when)
{
	char *message = NULL;
	if (LLVMVerifyModule(w->module, LLVMReturnStatusAction, &message))
		work_error(w, NULL, "internal error %s: %s", when, message);
	LLVMDisposeMessage(message);
}

static void parse_hidden_options(void)
{
	/* gdb cannot read the table of names that LLVM would write for the clones; values that have a name of their own behind each
	 * site are joined again at the price of a quarter of the time of a link, the last few of which win nothing */
	static const char *const arguments[] = {"pmig-instrument", "-use-registers-for-deopt-values",
		"-accel-tables=Disable", "-large-interval-freq-threshold=32"};
	static bool done;
	if (!done)
		LLVMParseCommandLineOptions(sizeof arguments / sizeof *arguments, arguments, NULL);
	done = true;
}

static void steps(struct work *w, LLVMTargetMachineRef tm)
{
	rename_main(w);
	if (!has_safepoints(w)) {
		optimise(w, tm);
		table_emit(w);
		return;
	}
	check_module(w);
	threadlocal_place(w);
	opened_note(w);
	rewrite_calls(w);
	jump_masks(w);
	constructors_collect(w);
	poll_insert(w);
	variadic_fix(w);
	labels_number(w);
	runtime_variable(w, w->i32, "pmig_poll");
	if (w->errors != 0)
		return;
	optimise(w, tm);
	w->frame_sp = runtime_variable(w, w->ptr, "pmig_frame_sp"); /* not before: the optimiser drops what nobody uses */
	threadlocal_name_runtime(w);
	rewrite_calls(w);
	LLVMSetIsNewDbgInfoFormat(w->module, 0); /* debug records as instructions: they move with the code */
	poll_place(w);
	reach_find(w);
	poll_forget_purity(w);
	check_functions(w);
	if (w->errors != 0)
		return;
	instrument_functions(w, tm);
	LLVMSetIsNewDbgInfoFormat(w->module, 1);
	table_emit(w);
	explain_print(w);
	verify(w, "before statepoints");
	if (w->errors != 0)
		return;
	run_passes(w, tm, "rewrite-statepoints-for-gc");
	verify(w, "after statepoints");
}

int instrument_module(LLVMModuleRef m, LLVMTargetMachineRef tm, const struct instrument_options *o)
{
	LLVMContextRef context = LLVMGetModuleContext(m);
	struct work w = {.module = m,
		.context = context,
		.layout = LLVMGetModuleDataLayout(m),
		.builder = LLVMCreateBuilderInContext(context),
		.options = o,
		.i8 = LLVMInt8TypeInContext(context),
		.i32 = LLVMInt32TypeInContext(context),
		.i64 = LLVMInt64TypeInContext(context),
		.ptr = LLVMPointerTypeInContext(context, 0)};
	parse_hidden_options();
	steps(&w, tm);
	for (size_t i = 0; i < w.sites_count; i++) {
		free(w.sites[i].values);
		free(w.sites[i].offsets);
	}
	free(w.sites);
	reach_forget(&w);
	LLVMDisposeBuilder(w.builder);
	return w.errors;
}
