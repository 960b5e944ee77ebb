/* aggregate: a value that is a whole struct or array (a result of two registers, say) is taken apart into its members, so
 * that what is live across a site is always a number, a pointer or a vector. Where the whole is needed, it is put together
 * just before. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>

/* One aggregate value of the function. */
struct whole {
	LLVMValueRef value;
	LLVMValueRef *leaves; /* its members that are no aggregates, in their order; NULL: not taken apart yet */
	size_t count;
};

struct parts {
	struct work *w;
	struct map numbers; /* value -> index in wholes */
	struct whole *wholes;
	size_t count, capacity;
};

static bool is_aggregate(LLVMTypeRef type)
{
	LLVMTypeKind kind = LLVMGetTypeKind(type);
	return kind == LLVMStructTypeKind || kind == LLVMArrayTypeKind;
}

static unsigned members_of(LLVMTypeRef type)
{
	return LLVMGetTypeKind(type) == LLVMStructTypeKind ? LLVMCountStructElementTypes(type)
							   : (unsigned)LLVMGetArrayLength2(type);
}

static LLVMTypeRef member_type(LLVMTypeRef type, unsigned i)
{
	return LLVMGetTypeKind(type) == LLVMStructTypeKind ? LLVMStructGetTypeAtIndex(type, i) : LLVMGetElementType(type);
}

static size_t count_leaves(LLVMTypeRef type)
{
	if (!is_aggregate(type))
		return 1;
	size_t n = 0;
	for (unsigned i = 0; i < members_of(type); i++)
		n += count_leaves(member_type(type, i));
	return n;
}

/* The leaves of an aggregate that something else than this pass makes, by instructions where the builder stands. */
static size_t extract(struct work *w, LLVMValueRef value, LLVMValueRef *out)
{
	LLVMTypeRef type = LLVMTypeOf(value);
	if (!is_aggregate(type)) {
		*out = value;
		return 1;
	}
	size_t n = 0;
	for (unsigned i = 0; i < members_of(type); i++) {
		LLVMValueRef member = LLVMIsConstant(value) ? LLVMGetAggregateElement(value, i)
							    : LLVMBuildExtractValue(w->builder, value, i, "");
		n += extract(w, member, out + n);
	}
	return n;
}

/* `type` put together from leaves, where the builder stands; *used leaves have been taken. */
static LLVMValueRef combine(struct work *w, LLVMTypeRef type, LLVMValueRef *leaves, size_t *used)
{
	if (!is_aggregate(type))
		return leaves[(*used)++];
	LLVMValueRef value = LLVMGetPoison(type);
	for (unsigned i = 0; i < members_of(type); i++)
		value = LLVMBuildInsertValue(w->builder, value, combine(w, member_type(type, i), leaves, used), i, "");
	return value;
}

static void stand_before(struct work *w, LLVMValueRef i)
{
	LLVMPositionBuilderBefore(w->builder, i);
	LLVMSetCurrentDebugLocation2(w->builder, LLVMInstructionGetDebugLoc(i));
}

/* Where in the list of leaves the member is that the indices of an extractvalue or insertvalue name. */
static size_t leaf_of(LLVMValueRef instruction, LLVMTypeRef type)
{
	const unsigned *indices = LLVMGetIndices(instruction);
	size_t at = 0;
	for (unsigned k = 0; k < LLVMGetNumIndices(instruction); k++) {
		for (unsigned i = 0; i < indices[k]; i++)
			at += count_leaves(member_type(type, i));
		type = member_type(type, indices[k]);
	}
	return at;
}

static void resolve(struct parts *p, LLVMValueRef value, LLVMValueRef *out);

static void copy(LLVMValueRef *to, const LLVMValueRef *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

static void resolve_extract(struct parts *p, LLVMValueRef value, LLVMValueRef *out, size_t n)
{
	LLVMTypeRef type = LLVMTypeOf(LLVMGetOperand(value, 0));
	LLVMValueRef *all = map_alloc(count_leaves(type), sizeof(LLVMValueRef));
	resolve(p, LLVMGetOperand(value, 0), all);
	copy(out, all + leaf_of(value, type), n);
	free(all);
}

static void resolve_select(struct parts *p, LLVMValueRef value, LLVMValueRef *out, size_t n)
{
	LLVMValueRef *other = map_alloc(n, sizeof(LLVMValueRef));
	resolve(p, LLVMGetOperand(value, 1), out);
	resolve(p, LLVMGetOperand(value, 2), other);
	stand_before(p->w, value);
	for (size_t i = 0; i < n; i++)
		out[i] = LLVMBuildSelect(p->w->builder, LLVMGetOperand(value, 0), out[i], other[i], "");
	free(other);
}

/* The phis of the members; their values come when everything else is taken apart. */
static size_t make_phis(struct work *w, LLVMTypeRef type, LLVMValueRef *out)
{
	if (!is_aggregate(type)) {
		*out = LLVMBuildPhi(w->builder, type, "");
		return 1;
	}
	size_t n = 0;
	for (unsigned i = 0; i < members_of(type); i++)
		n += make_phis(w, member_type(type, i), out + n);
	return n;
}

static void take_apart(struct parts *p, LLVMValueRef value, LLVMValueRef *out, size_t n)
{
	if (LLVMIsAPHINode(value) != NULL) {
		stand_before(p->w, value);
		(void)make_phis(p->w, LLVMTypeOf(value), out);
	} else if (LLVMIsASelectInst(value) != NULL &&
		LLVMGetTypeKind(LLVMTypeOf(LLVMGetOperand(value, 0))) == LLVMIntegerTypeKind) {
		resolve_select(p, value, out, n);
	} else if (LLVMIsAInsertValueInst(value) != NULL) {
		LLVMTypeRef type = LLVMTypeOf(value);
		resolve(p, LLVMGetOperand(value, 0), out);
		resolve(p, LLVMGetOperand(value, 1), out + leaf_of(value, type));
	} else if (LLVMIsAExtractValueInst(value) != NULL) {
		resolve_extract(p, value, out, n);
	} else {
		stand_before(p->w, LLVMGetNextInstruction(value));
		(void)extract(p->w, value, out);
	}
}

/* The leaves of any value, aggregate or not. */
static void resolve(struct parts *p, LLVMValueRef value, LLVMValueRef *out)
{
	uint32_t at = map_get(&p->numbers, value);
	if (at == MAP_NONE) {
		if (LLVMIsAExtractValueInst(value) != NULL && map_get(&p->numbers, LLVMGetOperand(value, 0)) != MAP_NONE)
			resolve_extract(p, value, out, 1);
		else
			(void)extract(p->w, value, out); /* a constant, or no aggregate */
		return;
	}
	if (p->wholes[at].leaves == NULL) {
		LLVMValueRef *leaves = map_alloc(p->wholes[at].count, sizeof(LLVMValueRef));
		take_apart(p, value, leaves, p->wholes[at].count);
		p->wholes[at].leaves = leaves;
	}
	copy(out, p->wholes[at].leaves, p->wholes[at].count);
}

static void fill_phi(struct parts *p, const struct whole *phi)
{
	LLVMValueRef *leaves = map_alloc(phi->count, sizeof(LLVMValueRef));
	for (unsigned i = 0; i < LLVMCountIncoming(phi->value); i++) {
		LLVMBasicBlockRef from = LLVMGetIncomingBlock(phi->value, i);
		resolve(p, LLVMGetIncomingValue(phi->value, i), leaves);
		for (size_t k = 0; k < phi->count; k++)
			LLVMAddIncoming(phi->leaves[k], &leaves[k], &from, 1);
	}
	free(leaves);
}

/* Does taking it apart put all of this instruction's work into others? */
static bool is_replaced(LLVMValueRef i)
{
	return LLVMIsAPHINode(i) != NULL || LLVMIsASelectInst(i) != NULL || LLVMIsAInsertValueInst(i) != NULL ||
		LLVMIsAExtractValueInst(i) != NULL;
}

/* `user` takes a member out of the whole; those that extract() has made stay. */
static void replace_member(const struct whole *v, LLVMValueRef user)
{
	if (is_aggregate(LLVMTypeOf(user)))
		return;
	LLVMValueRef leaf = v->leaves[leaf_of(user, LLVMTypeOf(v->value))];
	if (leaf == user)
		return;
	LLVMReplaceAllUsesWith(user, leaf);
	LLVMInstructionEraseFromParent(user);
}

/* Who uses the whole: a member of it gets the leaf, everybody else a whole that is put together there. */
static void replace_uses(struct parts *p, const struct whole *v)
{
	LLVMValueRef *users = NULL;
	size_t count = 0, capacity = 0;
	for (LLVMUseRef u = LLVMGetFirstUse(v->value); u != NULL; u = LLVMGetNextUse(u)) {
		users = map_grow(users, &capacity, count, sizeof(LLVMValueRef));
		users[count++] = LLVMGetUser(u);
	}
	for (size_t i = 0; i < count; i++) {
		LLVMValueRef user = users[i];
		if (map_get(&p->numbers, user) != MAP_NONE && is_replaced(user))
			continue; /* goes away itself */
		if (LLVMIsAExtractValueInst(user) != NULL) {
			replace_member(v, user);
			continue;
		}
		for (unsigned k = 0; k < (unsigned)LLVMGetNumOperands(user); k++)
			if (LLVMGetOperand(user, k) == v->value) {
				size_t used = 0;
				stand_before(p->w, user);
				LLVMSetOperand(user, k, combine(p->w, LLVMTypeOf(v->value), v->leaves, &used));
			}
	}
	free(users);
}

static void collect(struct parts *p, LLVMValueRef f)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i)) {
			if (!is_aggregate(LLVMTypeOf(i)) || LLVMIsATerminatorInst(i) != NULL || work_is_tail(i))
				continue;
			p->wholes = map_grow(p->wholes, &p->capacity, p->count, sizeof *p->wholes);
			map_put(&p->numbers, i, (uint32_t)p->count);
			p->wholes[p->count++] = (struct whole){.value = i, .count = count_leaves(LLVMTypeOf(i))};
		}
}

/* Chains of insertvalue right before a return, which is all that most functions have, are better left alone. */
static bool is_worth_it(const struct parts *p)
{
	for (size_t i = 0; i < p->count; i++)
		for (LLVMUseRef u = LLVMGetFirstUse(p->wholes[i].value); u != NULL; u = LLVMGetNextUse(u)) {
			LLVMValueRef user = LLVMGetUser(u);
			if (LLVMIsAPHINode(user) != NULL || !is_replaced(p->wholes[i].value) ||
				LLVMGetInstructionParent(user) != LLVMGetInstructionParent(p->wholes[i].value))
				return true;
		}
	return false;
}

void aggregate_split(struct work *w, struct function *f)
{
	struct parts p = {.w = w};
	collect(&p, f->value);
	bool needed = is_worth_it(&p);
	for (size_t i = 0; needed && i < p.count; i++) {
		LLVMValueRef *leaves = map_alloc(p.wholes[i].count, sizeof(LLVMValueRef));
		resolve(&p, p.wholes[i].value, leaves);
		free(leaves);
	}
	for (size_t i = 0; needed && i < p.count; i++)
		if (LLVMIsAPHINode(p.wholes[i].value) != NULL)
			fill_phi(&p, &p.wholes[i]);
	for (size_t i = 0; needed && i < p.count; i++)
		replace_uses(&p, &p.wholes[i]);
	for (size_t i = 0; needed && i < p.count; i++)
		if (is_replaced(p.wholes[i].value)) {
			LLVMReplaceAllUsesWith(p.wholes[i].value, LLVMGetPoison(LLVMTypeOf(p.wholes[i].value)));
			LLVMInstructionEraseFromParent(p.wholes[i].value);
		}
	for (size_t i = 0; i < p.count; i++)
		free(p.wholes[i].leaves);
	map_finish(&p.numbers);
	free(p.wholes);
}
