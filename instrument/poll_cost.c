/* poll_cost: how many machine instructions an instruction becomes, about, and rather too many. */
#include "poll.h"

#define REGISTER 16u /* bytes */

/* How many registers a value fills. */
static uint64_t parts(struct work *w, LLVMTypeRef type)
{
	LLVMTypeKind kind = LLVMGetTypeKind(type);
	if (kind == LLVMVoidTypeKind || !LLVMTypeIsSized(type))
		return 1;
	uint64_t size = LLVMABISizeOfType(w->layout, type), unit = kind == LLVMVectorTypeKind ? REGISTER : 8;
	return size <= unit ? 1 : (size + unit - 1) / unit;
}

/* What a processor does not have as one instruction for a vector is done for each element. */
static uint64_t elements(LLVMTypeRef type)
{
	return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetVectorSize(type) : 1;
}

static uint64_t cost_of_address(LLVMValueRef gep)
{
	uint64_t n = 0;
	for (unsigned i = 1; i < (unsigned)LLVMGetNumOperands(gep); i++)
		n += LLVMIsAConstantInt(LLVMGetOperand(gep, i)) == NULL ? 2 : 0;
	return n != 0 ? n : 1;
}

/* memcpy and its kind: short ones are done in place. */
static bool is_short_copy(LLVMValueRef call, uint64_t *ret_cost)
{
	LLVMValueRef size = LLVMGetOperand(call, 2);
	if (LLVMIsAConstantInt(size) == NULL || LLVMConstIntGetZExtValue(size) > 256)
		return false;
	*ret_cost = 2 + 2 * ((LLVMConstIntGetZExtValue(size) + 7) / 8);
	return true;
}

static bool is_copy(LLVMValueRef call)
{
	return work_is_intrinsic(call, "llvm.memcpy.") || work_is_intrinsic(call, "llvm.memmove.") ||
		work_is_intrinsic(call, "llvm.memset.");
}

static uint64_t cost_of_call(struct work *w, LLVMValueRef call)
{
	static const char *const nothing[] = {"llvm.dbg.", "llvm.lifetime.", "llvm.assume", "llvm.invariant.",
		"llvm.experimental.noalias", "llvm.threadlocal.", "llvm.expect.", "llvm.is.constant."};
	static const char *const library[] = {"llvm.sin.", "llvm.cos.", "llvm.exp", "llvm.log", "llvm.pow.", "llvm.tan.",
		"llvm.fma.", "llvm.frem", "llvm.floor.", "llvm.ceil.", "llvm.trunc.", "llvm.rint.", "llvm.nearbyint.",
		"llvm.round", "llvm.lround", "llvm.llround", "llvm.lrint", "llvm.llrint", "llvm.powi.", "llvm.ldexp."};
	uint64_t cost;
	if (!work_is_intrinsic(call, NULL))
		return 4 + LLVMGetNumArgOperands(call);
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
		if (work_is_intrinsic(call, nothing[i]))
			return 0;
	for (size_t i = 0; i < sizeof library / sizeof *library; i++)
		if (work_is_intrinsic(call, library[i]))
			return POLL_CALL * elements(LLVMTypeOf(call));
	if (is_copy(call))
		return is_short_copy(call, &cost) ? cost : POLL_CALL;
	return 4 * parts(w, LLVMTypeOf(call)) + (elements(LLVMTypeOf(call)) > 1 ? 4 * elements(LLVMTypeOf(call)) : 0);
}

uint64_t poll_cost(struct work *w, LLVMValueRef i)
{
	LLVMTypeRef type = LLVMTypeOf(i);
	switch (LLVMGetInstructionOpcode(i)) {
	case LLVMPHI:
		return parts(w, type); /* a move where it comes from, often none */
	case LLVMBitCast:
	case LLVMIntToPtr:
	case LLVMPtrToInt:
	case LLVMFreeze:
	case LLVMUnreachable:
		return 0;
	case LLVMGetElementPtr:
		return cost_of_address(i) * elements(type);
	case LLVMStore:
		return parts(w, LLVMTypeOf(LLVMGetOperand(i, 0)));
	case LLVMSwitch:
		return 2 + LLVMGetNumSuccessors(i) / 2;
	case LLVMUDiv:
	case LLVMSDiv:
	case LLVMURem:
	case LLVMSRem:
		return 16 * elements(type) * parts(w, type); /* one instruction as slow as many */
	case LLVMFDiv:
	case LLVMFRem:
		return 8 * elements(type);
	case LLVMMul:
	case LLVMShl:
	case LLVMLShr:
	case LLVMAShr:
	case LLVMSExt:
	case LLVMZExt:
	case LLVMTrunc:
	case LLVMFPToUI:
	case LLVMUIToFP:
	case LLVMShuffleVector:
		return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? 4 * parts(w, type) : 2 * parts(w, type);
	case LLVMSelect:
	case LLVMICmp:
	case LLVMFCmp:
		return 2 * parts(w, LLVMTypeOf(LLVMGetOperand(i, 1)));
	case LLVMAtomicCmpXchg:
	case LLVMAtomicRMW:
	case LLVMFence:
		return 16;
	case LLVMCall:
		return work_is_inline_assembly(i) ? 16 : cost_of_call(w, i);
	default:
		return parts(w, type);
	}
}

bool poll_cost_is_long_copy(LLVMValueRef call)
{
	uint64_t cost;
	return is_copy(call) && !is_short_copy(call, &cost);
}
