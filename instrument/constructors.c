/* constructors: functions that run before main are called by the runtime instead of the loader, and only where the program
 * starts: a restored one has run them already. */
#include "work.h"

#include <stdlib.h>

struct constructor {
	unsigned long long priority;
	size_t order;
	LLVMValueRef function;
};

static int compare(const void *a, const void *b)
{
	const struct constructor *x = a, *y = b;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void constructors_collect(struct work *w)
{
	LLVMValueRef list = LLVMGetNamedGlobal(w->module, "llvm.global_ctors");
	LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(w->context), NULL, 0, 0);
	LLVMValueRef all = work_add_function(w, CONSTRUCTORS_NAME, type);
	LLVMPositionBuilderAtEnd(w->builder, LLVMAppendBasicBlockInContext(w->context, all, "entry"));
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	LLVMValueRef rows = list != NULL ? LLVMGetInitializer(list) : NULL;
	size_t n = rows != NULL ? LLVMGetArrayLength2(LLVMTypeOf(rows)) : 0;
	struct constructor *c = map_alloc(n, sizeof *c);
	for (size_t i = 0; i < n; i++) {
		LLVMValueRef row = LLVMGetAggregateElement(rows, (unsigned)i);
		c[i] = (struct constructor){
			LLVMConstIntGetZExtValue(LLVMGetAggregateElement(row, 0)), i, LLVMGetAggregateElement(row, 1)};
	}
	qsort(c, n, sizeof *c, compare);
	for (size_t i = 0; i < n; i++)
		LLVMBuildCall2(w->builder, type, c[i].function, NULL, 0, "");
	LLVMBuildRetVoid(w->builder);
	if (list != NULL)
		LLVMDeleteGlobal(list);
	free(c);
}
