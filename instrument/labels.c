/* labels: the address of a label becomes a number, a computed goto a switch over the numbers, in functions that can reach a
 * safe point: the address of a block is another in the resume clone, the number is not. Differences of labels (tables of
 * offsets) work as well, since numbers subtract and add as addresses do. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>

/* Every block of `f` that a computed goto names, numbered from 1 in the order of appearance. */
static size_t number_labels(LLVMValueRef f, struct map *numbers, LLVMBasicBlockRef **ret_labels)
{
	LLVMBasicBlockRef *labels = NULL;
	size_t count = 0, capacity = 0;
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b)) {
		LLVMValueRef end = LLVMGetBasicBlockTerminator(b);
		if (LLVMIsAIndirectBrInst(end) == NULL)
			continue;
		for (unsigned s = 0; s < LLVMGetNumSuccessors(end); s++) {
			LLVMBasicBlockRef to = LLVMGetSuccessor(end, s);
			if (map_get(numbers, to) != MAP_NONE)
				continue;
			labels = map_grow(labels, &capacity, count, sizeof *labels);
			labels[count++] = to;
			map_put(numbers, to, (uint32_t)count);
		}
	}
	*ret_labels = labels;
	return count;
}

static void make_switch(struct work *w, LLVMValueRef f, LLVMValueRef jump, const struct map *numbers)
{
	LLVMBasicBlockRef nowhere = LLVMAppendBasicBlockInContext(w->context, f, "nowhere");
	LLVMPositionBuilderAtEnd(w->builder, nowhere);
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	LLVMBuildUnreachable(w->builder);
	LLVMPositionBuilderBefore(w->builder, jump);
	LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(jump));
	LLVMValueRef number = LLVMBuildPtrToInt(w->builder, LLVMGetOperand(jump, 0), w->i64, "");
	unsigned n = LLVMGetNumSuccessors(jump);
	LLVMValueRef choice = LLVMBuildSwitch(w->builder, number, nowhere, n);
	struct map seen = {0};
	for (unsigned s = 0; s < n; s++) {
		LLVMBasicBlockRef to = LLVMGetSuccessor(jump, s);
		if (map_get(&seen, to) == MAP_NONE)
			LLVMAddCase(choice, LLVMConstInt(w->i64, map_get(numbers, to), 0), to);
		map_put(&seen, to, 1);
	}
	map_finish(&seen);
	LLVMInstructionEraseFromParent(jump);
}

static void rewrite_function(struct work *w, LLVMValueRef f)
{
	struct map numbers = {0};
	LLVMBasicBlockRef *labels;
	size_t count = number_labels(f, &numbers, &labels);
	for (LLVMBasicBlockRef b = count != 0 ? LLVMGetFirstBasicBlock(f) : NULL; b != NULL; b = LLVMGetNextBasicBlock(b)) {
		LLVMValueRef end = LLVMGetBasicBlockTerminator(b);
		if (LLVMIsAIndirectBrInst(end) != NULL)
			make_switch(w, f, end, &numbers);
	}
	for (size_t i = 0; i < count; i++)
		LLVMReplaceAllUsesWith(LLVMBlockAddress(f, labels[i]),
			LLVMConstIntToPtr(LLVMConstInt(w->i64, i + 1, 0), w->ptr));
	map_finish(&numbers);
	free(labels);
}

void labels_number(struct work *w)
{
	reach_find(w);
	for (size_t i = 0; i < w->functions_count; i++)
		rewrite_function(w, w->functions[i].value);
	reach_forget(w);
}
