/* frame: locals whose address is taken live in a frame on the thread's frame stack in the arena, so that pointers to
 * them stay valid. What is left as an alloca after optimising is such a local. */
#include "work.h"

#include <llvm-c/DebugInfo.h>

#include <stdlib.h>
#include <string.h>

#define FRAME_ALIGNMENT 16u

static uint64_t round_up(uint64_t n, uint64_t alignment)
{
	return (n + alignment - 1) / alignment * alignment;
}

static LLVMValueRef constant(struct work *w, uint64_t n)
{
	return LLVMConstInt(w->i64, n, 0);
}

/* (p + alignment - 1) & -alignment */
static LLVMValueRef align_pointer(struct work *w, LLVMValueRef p, uint64_t alignment)
{
	if (alignment <= FRAME_ALIGNMENT)
		return p;
	LLVMValueRef n = LLVMBuildPtrToInt(w->builder, work_at(w, p, alignment - 1), w->i64, "");
	n = LLVMBuildAnd(w->builder, n, constant(w, -alignment), "");
	return LLVMBuildIntToPtr(w->builder, n, w->ptr, "");
}

struct locals {
	LLVMValueRef *allocas;
	size_t count, capacity;
	bool dynamic; /* the frame grows in the function's course */
	uint64_t alignment;
};

/* An argument passed by value in memory lies in the caller's outgoing area, on the native stack: copy it. */
static void copy_byval(struct work *w, LLVMValueRef f)
{
	unsigned kind = LLVMGetEnumAttributeKindForName("byval", 5);
	LLVMPositionBuilderBefore(w->builder, LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(f)));
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	for (unsigned i = 0; i < LLVMCountParams(f); i++) {
		LLVMAttributeRef byval = LLVMGetEnumAttributeAtIndex(f, i + 1, kind);
		LLVMValueRef parameter = LLVMGetParam(f, i);
		if (byval == NULL || LLVMGetFirstUse(parameter) == NULL)
			continue;
		LLVMTypeRef type = LLVMGetTypeAttributeValue(byval);
		unsigned alignment = LLVMABIAlignmentOfType(w->layout, type);
		LLVMAttributeRef align = LLVMGetEnumAttributeAtIndex(f, i + 1, LLVMGetEnumAttributeKindForName("align", 5));
		unsigned declared = align != NULL ? (unsigned)LLVMGetEnumAttributeValue(align) : 0;
		if (declared > alignment)
			alignment = declared;
		LLVMValueRef copy = LLVMBuildAlloca(w->builder, type, "byval");
		LLVMSetAlignment(copy, alignment);
		LLVMReplaceAllUsesWith(parameter, copy);
		LLVMBuildMemCpy(w->builder, copy, alignment, parameter, declared != 0 ? declared : 1,
			constant(w, LLVMABISizeOfType(w->layout, type)));
	}
}

static struct locals find_locals(LLVMValueRef f)
{
	struct locals l = {.alignment = FRAME_ALIGNMENT};
	LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(f);
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i)) {
			if (LLVMIsAAllocaInst(i) == NULL)
				continue;
			l.allocas = map_grow(l.allocas, &l.capacity, l.count, sizeof *l.allocas);
			l.allocas[l.count++] = i;
			if (b != entry || LLVMIsAConstantInt(LLVMGetOperand(i, 0)) == NULL)
				l.dynamic = true;
			else if (LLVMGetAlignment(i) > l.alignment)
				l.alignment = LLVMGetAlignment(i);
		}
	return l;
}

static bool is_static(LLVMValueRef f, LLVMValueRef alloca)
{
	return LLVMGetInstructionParent(alloca) == LLVMGetEntryBasicBlock(f) &&
		LLVMIsAConstantInt(LLVMGetOperand(alloca, 0)) != NULL;
}

/* Each use computes the address anew from the frame's base, so that the base alone stays live. */
static void replace_static(struct work *w, LLVMValueRef alloca, LLVMValueRef base, uint64_t offset)
{
	for (LLVMUseRef u; (u = LLVMGetFirstUse(alloca)) != NULL;) {
		LLVMValueRef user = LLVMGetUser(u);
		if (work_is_intrinsic(user, "llvm.lifetime.")) {
			LLVMInstructionEraseFromParent(user);
			continue;
		}
		for (unsigned i = 0; i < (unsigned)LLVMGetNumOperands(user); i++) {
			if (LLVMGetOperand(user, i) != alloca)
				continue;
			if (LLVMIsAPHINode(user) != NULL)
				LLVMPositionBuilderBefore(w->builder,
					LLVMGetBasicBlockTerminator(LLVMGetIncomingBlock(user, i)));
			else
				LLVMPositionBuilderBefore(w->builder, user);
			LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(user));
			LLVMValueRef address = work_at(w, base, offset);
			if (LLVMIsAPHINode(user) == NULL) {
				LLVMSetOperand(user, i, address);
				continue;
			}
			/* one block may come in several times; LLVM wants equal values then */
			LLVMBasicBlockRef from = LLVMGetIncomingBlock(user, i);
			for (unsigned k = i; k < LLVMCountIncoming(user); k++)
				if (LLVMGetOperand(user, k) == alloca && LLVMGetIncomingBlock(user, k) == from)
					LLVMSetOperand(user, k, address);
		}
	}
	LLVMInstructionEraseFromParent(alloca);
}

static void replace_dynamic(struct work *w, LLVMValueRef alloca)
{
	LLVMPositionBuilderBefore(w->builder, alloca);
	LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(alloca));
	LLVMValueRef count = LLVMBuildIntCast2(w->builder, LLVMGetOperand(alloca, 0), w->i64, 0, "");
	uint64_t unit = LLVMABISizeOfType(w->layout, LLVMGetAllocatedType(alloca));
	LLVMValueRef size = LLVMBuildMul(w->builder, count, constant(w, unit), "");
	size = LLVMBuildAnd(w->builder, LLVMBuildAdd(w->builder, size, constant(w, FRAME_ALIGNMENT - 1), ""),
		constant(w, -(uint64_t)FRAME_ALIGNMENT), "");
	LLVMValueRef p = align_pointer(w, LLVMBuildLoad2(w->builder, w->ptr, w->frame_sp, ""), LLVMGetAlignment(alloca));
	LLVMBuildStore(w->builder, LLVMBuildGEP2(w->builder, w->i8, p, &size, 1, ""), w->frame_sp);
	for (LLVMUseRef u = LLVMGetFirstUse(alloca), next; u != NULL; u = next) {
		next = LLVMGetNextUse(u);
		if (work_is_intrinsic(LLVMGetUser(u), "llvm.lifetime."))
			LLVMInstructionEraseFromParent(LLVMGetUser(u));
	}
	LLVMReplaceAllUsesWith(alloca, p);
	LLVMInstructionEraseFromParent(alloca);
}

/* llvm.stacksave and llvm.stackrestore become a load and a store of the frame stack pointer. */
static void replace_stack_marks(struct work *w, LLVMValueRef f)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b), next; i != NULL; i = next) {
			next = LLVMGetNextInstruction(i);
			bool save = work_is_intrinsic(i, "llvm.stacksave"),
			     restore = work_is_intrinsic(i, "llvm.stackrestore");
			if (!save && !restore)
				continue;
			LLVMPositionBuilderBefore(w->builder, i);
			LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(i));
			if (save)
				LLVMReplaceAllUsesWith(i, LLVMBuildLoad2(w->builder, w->ptr, w->frame_sp, ""));
			else
				LLVMBuildStore(w->builder, LLVMGetOperand(i, 0), w->frame_sp);
			LLVMInstructionEraseFromParent(i);
		}
}

static void restore_at_returns(struct work *w, LLVMValueRef f, LLVMValueRef sp)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b)) {
		LLVMValueRef end = LLVMGetBasicBlockTerminator(b);
		if (LLVMIsAReturnInst(end) == NULL)
			continue;
		LLVMValueRef before = LLVMGetPreviousInstruction(end);
		if (before != NULL && work_is_tail(before))
			end = before; /* the callee's frame lies where this one was */
		LLVMPositionBuilderBefore(w->builder, end);
		LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(end));
		LLVMBuildStore(w->builder, sp, w->frame_sp);
	}
}

static bool calls_setjmp(LLVMValueRef f)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i))
			if (reach_is_setjmp(i))
				return true;
	return false;
}

static void move_debug_records(struct work *w, LLVMValueRef f, const struct locals *l, LLVMValueRef base,
	const uint64_t *offsets)
{
	struct map numbers = {0};
	for (size_t i = 0; i < l->count; i++)
		if (is_static(f, l->allocas[i]))
			map_put(&numbers, l->allocas[i], (uint32_t)i);
	debug_move_locals(w, f, &numbers, base, offsets);
	map_finish(&numbers);
}

void frame_lower(struct work *w, struct function *f)
{
	copy_byval(w, f->value);
	struct locals l = find_locals(f->value);
	f->sets_jumps = calls_setjmp(f->value);
	if (l.count == 0 && !f->sets_jumps)
		return;
	uint64_t *offsets = map_alloc(l.count, sizeof *offsets), size = 0;
	for (size_t i = 0; i < l.count; i++) {
		if (!is_static(f->value, l.allocas[i]))
			continue;
		uint64_t unit = LLVMABISizeOfType(w->layout, LLVMGetAllocatedType(l.allocas[i]));
		uint64_t alignment = LLVMGetAlignment(l.allocas[i]);
		offsets[i] = round_up(size, alignment != 0 ? alignment : 1);
		size = offsets[i] + unit * LLVMConstIntGetZExtValue(LLVMGetOperand(l.allocas[i], 0));
	}
	f->frame_size = round_up(size, l.alignment) + (l.alignment > FRAME_ALIGNMENT ? l.alignment - FRAME_ALIGNMENT : 0);
	if (f->frame_size == 0)
		f->frame_size = FRAME_ALIGNMENT; /* so that entry values of frame_sp tell activations apart */

	LLVMPositionBuilderBefore(w->builder, LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(f->value)));
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	LLVMValueRef sp = LLVMBuildLoad2(w->builder, w->ptr, w->frame_sp, "frame.sp");
	f->entry_sp = sp;
	f->bump = work_at(w, sp, f->frame_size);
	LLVMBuildStore(w->builder, f->bump, w->frame_sp);
	LLVMValueRef base = align_pointer(w, sp, l.alignment);
	move_debug_records(w, f->value, &l, base, offsets);
	for (size_t i = 0; i < l.count; i++) {
		if (!is_static(f->value, l.allocas[i]))
			continue;
		replace_static(w, l.allocas[i], base, offsets[i]);
		l.allocas[i] = NULL;
	}
	if (l.dynamic) {
		for (size_t i = 0; i < l.count; i++)
			if (l.allocas[i] != NULL)
				replace_dynamic(w, l.allocas[i]);
		replace_stack_marks(w, f->value);
	}
	restore_at_returns(w, f->value, sp);
	free(offsets);
	free(l.allocas);
}
