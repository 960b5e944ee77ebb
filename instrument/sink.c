/* sink: what is cheap to compute again is computed where it is used instead of being live across sites: comparisons,
 * conversions that cost nothing, and addresses that fit into an addressing mode. Code generation does the same, but not
 * for a value that a site has to save. After LLVM's CodeGenPrepare. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>

static bool is_carried(LLVMValueRef v)
{
	return LLVMIsAInstruction(v) != NULL || LLVMIsAArgument(v) != NULL;
}

/* The size of what the first variable index of `gep` counts; 0: no variable index; UINT64_MAX: does not fit. */
static uint64_t scale_of(struct work *w, LLVMValueRef gep)
{
	LLVMTypeRef type = LLVMGetGEPSourceElementType(gep);
	uint64_t scale = 0;
	for (unsigned i = 1; i < (unsigned)LLVMGetNumOperands(gep); i++) {
		LLVMTypeKind kind = LLVMGetTypeKind(type);
		if (i > 1 && kind == LLVMStructTypeKind)
			type = LLVMStructGetTypeAtIndex(type, (unsigned)LLVMConstIntGetZExtValue(LLVMGetOperand(gep, i)));
		else if (i > 1 && kind == LLVMArrayTypeKind)
			type = LLVMGetElementType(type);
		else if (i > 1)
			return UINT64_MAX;
		if (LLVMIsAConstantInt(LLVMGetOperand(gep, i)) != NULL)
			continue;
		if (scale != 0)
			return UINT64_MAX;
		scale = LLVMABISizeOfType(w->layout, type);
	}
	return scale;
}

static bool is_address(struct work *w, LLVMValueRef v)
{
	if (LLVMIsAGetElementPtrInst(v) == NULL || LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMPointerTypeKind)
		return false;
	uint64_t scale = scale_of(w, v);
	return scale <= 2 || scale == 4 || scale == 8;
}

static bool is_cheap(LLVMValueRef v)
{
	return LLVMIsAICmpInst(v) != NULL || LLVMIsAFCmpInst(v) != NULL || LLVMIsATruncInst(v) != NULL ||
		LLVMIsAPtrToIntInst(v) != NULL || LLVMIsAIntToPtrInst(v) != NULL;
}

/* Does `user` take its operand `v` into an addressing mode (so that the address costs nothing there)? */
static bool addresses_with(struct work *w, LLVMValueRef user, LLVMValueRef v)
{
	if (LLVMIsALoadInst(user) != NULL)
		return true;
	if (LLVMIsAStoreInst(user) != NULL)
		return LLVMGetOperand(user, 0) != v;
	return is_address(w, user) && scale_of(w, user) == 0;
}

static LLVMValueRef copy_before(struct work *w, LLVMValueRef v, LLVMValueRef user)
{
	LLVMValueRef copy = LLVMInstructionClone(v);
	LLVMPositionBuilderBefore(w->builder, user);
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	LLVMInsertIntoBuilder(w->builder, copy);
	LLVMInstructionSetDebugLoc(copy, LLVMInstructionGetDebugLoc(user));
	return copy;
}

static void sink(struct work *w, LLVMValueRef v, bool address)
{
	LLVMBasicBlockRef home = LLVMGetInstructionParent(v);
	LLVMValueRef *users = NULL;
	size_t count = 0, capacity = 0;
	for (LLVMUseRef u = LLVMGetFirstUse(v); u != NULL; u = LLVMGetNextUse(u)) {
		LLVMValueRef user = LLVMGetUser(u);
		if (LLVMIsAPHINode(user) != NULL || LLVMGetInstructionParent(user) == home ||
			(address && !addresses_with(w, user, v)))
			continue;
		users = map_grow(users, &capacity, count, sizeof(LLVMValueRef));
		users[count++] = user;
	}
	for (size_t k = 0; k < count; k++) {
		LLVMValueRef copy = NULL;
		for (unsigned i = 0; i < (unsigned)LLVMGetNumOperands(users[k]); i++) {
			if (LLVMGetOperand(users[k], i) != v)
				continue; /* also a user that uses it twice, the second time */
			if (copy == NULL)
				copy = copy_before(w, v, users[k]);
			LLVMSetOperand(users[k], i, copy);
		}
	}
	free(users);
	if (LLVMGetFirstUse(v) == NULL)
		LLVMInstructionEraseFromParent(v);
}

void sink_values(struct work *w, struct function *f)
{
	for (LLVMBasicBlockRef b = LLVMGetLastBasicBlock(f->value); b != NULL; b = LLVMGetPreviousBasicBlock(b))
		for (LLVMValueRef i = LLVMGetLastInstruction(b), before; i != NULL; i = before) {
			before = LLVMGetPreviousInstruction(i);
			bool address = is_address(w, i);
			if ((address && is_carried(LLVMGetOperand(i, 0))) || is_cheap(i))
				sink(w, i, address);
		}
}
