/* debug: what a debugger is told of locals that have moved into the frame in the arena: there, so many bytes behind the frame's
 * base. Debug records are instructions here (module.c), and LLVM-C shows their operands as values. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <string.h>

#define DW_OP_DEREF 0x06u
#define DW_OP_PLUS_UCONST 0x23u

/* The value that a debug record describes; NULL where it has gone, or is computed from several. */
static LLVMValueRef described(LLVMValueRef record)
{
	LLVMValueRef wrapped = LLVMGetOperand(record, 0), value = NULL;
	if (LLVMGetMetadataKind(LLVMValueAsMetadata(wrapped)) == LLVMLocalAsMetadataMetadataKind)
		LLVMGetMDNodeOperands(wrapped, &value);
	return value;
}

/* 0: the value is the variable's address; 1: the same, said by an operation; -1: something else. */
static int form_of(struct work *w, LLVMValueRef record)
{
	uint64_t deref = DW_OP_DEREF;
	LLVMMetadataRef expression = LLVMValueAsMetadata(LLVMGetOperand(record, 2));
	if (expression == LLVMDIBuilderCreateExpression(w->debug, NULL, 0))
		return work_is_intrinsic(record, "llvm.dbg.declare") ? 0 : -1;
	return expression == LLVMDIBuilderCreateExpression(w->debug, &deref, 1) ? 1 : -1;
}

/* A record that says where the variable is from here on. Not a declaration: of an argument that would be dropped. */
static LLVMValueRef build_record(struct work *w, LLVMMetadataRef variable, LLVMValueRef base, LLVMMetadataRef expression,
	LLVMMetadataRef at, LLVMValueRef before)
{
	unsigned id = LLVMLookupIntrinsicID("llvm.dbg.value", 14);
	LLVMValueRef record = LLVMGetIntrinsicDeclaration(w->module, id, NULL, 0);
	LLVMValueRef operands[] = {LLVMMetadataAsValue(w->context, LLVMValueAsMetadata(base)),
		LLVMMetadataAsValue(w->context, variable), LLVMMetadataAsValue(w->context, expression)};
	LLVMPositionBuilderBefore(w->builder, before);
	LLVMSetCurrentDebugLocation2(w->builder, at);
	return LLVMBuildCall2(w->builder, LLVMGlobalGetValueType(record), record, operands, 3, "");
}

static void move(struct work *w, LLVMValueRef record, LLVMValueRef base, uint64_t offset)
{
	int form = form_of(w, record);
	uint64_t operations[] = {DW_OP_PLUS_UCONST, offset, DW_OP_DEREF};
	if (form < 0)
		return;
	LLVMValueRef made = build_record(w, LLVMValueAsMetadata(LLVMGetOperand(record, 1)), base,
		LLVMDIBuilderCreateExpression(w->debug, operations, 3), LLVMInstructionGetDebugLoc(record), record);
	if (form == 0)
		map_put(&w->declared, made, 1);
	LLVMInstructionEraseFromParent(record);
}

static bool is_record(LLVMValueRef i)
{
	return work_is_intrinsic(i, "llvm.dbg.declare") || work_is_intrinsic(i, "llvm.dbg.value");
}

void debug_move_locals(struct work *w, LLVMValueRef f, const struct map *locals, LLVMValueRef base, const uint64_t *offsets)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); w->debug != NULL && b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b), next; i != NULL; i = next) {
			next = LLVMGetNextInstruction(i);
			LLVMValueRef value = is_record(i) ? described(i) : NULL;
			uint32_t local = value != NULL ? map_get(locals, value) : MAP_NONE;
			if (local != MAP_NONE)
				move(w, i, base, offsets[local]);
		}
}

/* The same variable in another function: name and type are operands of its node. */
static LLVMMetadataRef copy_variable(struct work *w, LLVMMetadataRef variable, LLVMMetadataRef scope)
{
	enum { NAME = 1, TYPE = 3 };
	LLVMValueRef node = LLVMMetadataAsValue(w->context, variable), operands[8];
	unsigned n = (unsigned)LLVMGetMDNodeNumOperands(node), length = 0;
	if (n <= TYPE || n > 8)
		return NULL;
	LLVMGetMDNodeOperands(node, operands);
	if (operands[NAME] == NULL || operands[TYPE] == NULL)
		return NULL;
	const char *name = LLVMGetMDString(operands[NAME], &length);
	return LLVMDIBuilderCreateAutoVariable(w->debug, scope, name, length, LLVMDIVariableGetFile(variable),
		LLVMDIVariableGetLine(variable), LLVMValueAsMetadata(operands[TYPE]), 1, LLVMDIFlagZero, 0);
}

static void describe(struct work *w, LLVMValueRef record, LLVMMetadataRef scope, LLVMValueRef base, LLVMValueRef before)
{
	LLVMMetadataRef variable = copy_variable(w, LLVMValueAsMetadata(LLVMGetOperand(record, 1)), scope);
	LLVMMetadataRef at = LLVMDIBuilderCreateDebugLocation(w->context,
		LLVMDILocationGetLine(LLVMInstructionGetDebugLoc(record)), 0, scope, NULL);
	if (variable == NULL)
		return;
	(void)build_record(w, variable, base, LLVMValueAsMetadata(LLVMGetOperand(record, 2)), at, before);
}

void debug_copy_locals(struct work *w, const struct function *f, LLVMMetadataRef scope, LLVMValueRef base,
	LLVMValueRef before)
{
	struct map seen = {0};
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f->value); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i)) {
			if (map_get(&w->declared, i) == MAP_NONE || described(i) != f->entry_sp ||
				LLVMDILocationGetInlinedAt(LLVMInstructionGetDebugLoc(i)) != NULL)
				continue;
			LLVMMetadataRef variable = LLVMValueAsMetadata(LLVMGetOperand(i, 1));
			if (map_get(&seen, variable) != MAP_NONE)
				continue;
			map_put(&seen, variable, 1);
			describe(w, i, scope, base, before);
		}
	map_finish(&seen);
}
