/* clone: the resume clone of a function. It takes the number of a site, the record of the values that were live behind
 * that site, and the result of the call; it continues behind the call.
 *
 *     result NAME.resume(i32 site, ptr record, ptr result [, ptr out])
 *
 * Only blocks that a site can lead to are cloned. Values that are live behind some site get a slot, which the entry
 * fills and mem2reg takes away again. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

enum { ARG_SITE, ARG_RECORD, ARG_RESULT, ARG_OUT };

struct copy {
	struct work *w;
	struct function *f;
	struct map blocks; /* original block -> index in block_copies */
	LLVMBasicBlockRef *originals, *block_copies;
	size_t blocks_count, blocks_capacity, copies_capacity;
	struct map values; /* original value -> index in value_copies */
	LLVMValueRef *value_copies;
	size_t values_count, values_capacity;
	struct map slots; /* original value -> index in slot_values */
	LLVMValueRef *slot_values, *slot_places;
	size_t slots_count, slots_capacity, places_capacity;
	LLVMMetadataRef scope; /* the clone's own subprogram */
};

static void want_block(struct copy *c, LLVMBasicBlockRef b)
{
	if (map_get(&c->blocks, b) != MAP_NONE)
		return;
	c->originals = map_grow(c->originals, &c->blocks_capacity, c->blocks_count, sizeof *c->originals);
	map_put(&c->blocks, b, (uint32_t)c->blocks_count);
	c->originals[c->blocks_count++] = b;
}

static LLVMBasicBlockRef behind(const struct site *s)
{
	return LLVMGetSuccessor(LLVMGetBasicBlockTerminator(LLVMGetInstructionParent(s->call)), 0);
}

static void find_blocks(struct copy *c)
{
	for (uint32_t i = 0; i < c->f->sites_count; i++)
		if (!c->w->sites[c->f->first_site + i].tail)
			want_block(c, behind(&c->w->sites[c->f->first_site + i]));
	for (size_t k = 0; k < c->blocks_count; k++) {
		LLVMValueRef end = LLVMGetBasicBlockTerminator(c->originals[k]);
		for (unsigned s = 0; s < LLVMGetNumSuccessors(end); s++)
			want_block(c, LLVMGetSuccessor(end, s));
	}
}

static void want_slot(struct copy *c, LLVMValueRef v)
{
	if (map_get(&c->slots, v) != MAP_NONE)
		return;
	c->slot_values = map_grow(c->slot_values, &c->slots_capacity, c->slots_count, sizeof(LLVMValueRef));
	map_put(&c->slots, v, (uint32_t)c->slots_count);
	c->slot_values[c->slots_count++] = v;
}

static bool has_result(LLVMValueRef call)
{
	return LLVMGetTypeKind(LLVMTypeOf(call)) != LLVMVoidTypeKind && LLVMGetFirstUse(call) != NULL;
}

static void find_slots(struct copy *c)
{
	for (uint32_t i = 0; i < c->f->sites_count; i++) {
		const struct site *s = &c->w->sites[c->f->first_site + i];
		for (uint32_t k = 0; k < s->values_count; k++)
			want_slot(c, s->values[k]);
		if (!s->tail && has_result(s->call))
			want_slot(c, s->call);
	}
}

/* What the original's `v` is in the clone, seen from an instruction before which the builder stands. */
static LLVMValueRef mapped(struct copy *c, LLVMValueRef v)
{
	if (LLVMValueIsBasicBlock(v))
		return LLVMBasicBlockAsValue(c->block_copies[map_get(&c->blocks, LLVMValueAsBasicBlock(v))]);
	if (LLVMIsAInstruction(v) == NULL && LLVMIsAArgument(v) == NULL)
		return v;
	uint32_t slot = map_get(&c->slots, v);
	if (slot != MAP_NONE)
		return LLVMBuildLoad2(c->w->builder, LLVMTypeOf(v), c->slot_places[slot], "");
	uint32_t at = map_get(&c->values, v);
	return at != MAP_NONE ? c->value_copies[at] : LLVMGetPoison(LLVMTypeOf(v));
}

static void remember(struct copy *c, LLVMValueRef original, LLVMValueRef clone)
{
	c->value_copies = map_grow(c->value_copies, &c->values_capacity, c->values_count, sizeof(LLVMValueRef));
	map_put(&c->values, original, (uint32_t)c->values_count);
	c->value_copies[c->values_count++] = clone;
}

/* A location in the clone's own subprogram; inlined code counts as the line of the outermost call. */
static void set_location(struct copy *c, LLVMValueRef clone)
{
	if (LLVMIsATerminatorInst(clone) != NULL) /* has locations too, and nobody reads it any more */
		LLVMSetMetadata(clone, LLVMGetMDKindIDInContext(c->w->context, "llvm.loop", 9), NULL);
	LLVMMetadataRef at = LLVMInstructionGetDebugLoc(clone);
	if (at == NULL)
		return;
	if (c->scope != NULL)
		for (LLVMMetadataRef outer; (outer = LLVMDILocationGetInlinedAt(at)) != NULL;)
			at = outer;
	LLVMInstructionSetDebugLoc(clone,
		c->scope == NULL ? NULL
				 : LLVMDIBuilderCreateDebugLocation(c->w->context, LLVMDILocationGetLine(at),
					   LLVMDILocationGetColumn(at), c->scope, NULL));
}

/* First pass: every instruction, its operands still the original's. */
static void copy_block(struct copy *c, size_t k)
{
	LLVMBuilderRef b = c->w->builder;
	LLVMPositionBuilderAtEnd(b, c->block_copies[k]);
	LLVMSetCurrentDebugLocation2(b, NULL);
	for (LLVMValueRef i = LLVMGetFirstInstruction(c->originals[k]); i != NULL; i = LLVMGetNextInstruction(i)) {
		LLVMValueRef clone;
		if (work_is_intrinsic(i, "llvm.dbg."))
			continue;
		if (LLVMIsAPHINode(i) != NULL) {
			clone = LLVMBuildPhi(b, LLVMTypeOf(i), "");
		} else {
			clone = LLVMInstructionClone(i);
			LLVMInsertIntoBuilder(b, clone);
			set_location(c, clone);
		}
		remember(c, i, clone);
	}
}

static void fill_phi(struct copy *c, LLVMValueRef original, LLVMValueRef clone)
{
	for (unsigned i = 0; i < LLVMCountIncoming(original); i++) {
		LLVMBasicBlockRef from = LLVMGetIncomingBlock(original, i);
		uint32_t block = map_get(&c->blocks, from);
		if (block == MAP_NONE)
			continue;
		LLVMBasicBlockRef source = c->block_copies[block];
		LLVMValueRef value = NULL;
		for (unsigned k = 0; k < LLVMCountIncoming(clone) && value == NULL; k++)
			if (LLVMGetIncomingBlock(clone, k) == source)
				value = LLVMGetIncomingValue(clone, k); /* the same edge twice: the same value */
		if (value == NULL) {
			LLVMPositionBuilderBefore(c->w->builder, LLVMGetBasicBlockTerminator(source));
			LLVMSetCurrentDebugLocation2(c->w->builder, NULL);
			value = mapped(c, LLVMGetIncomingValue(original, i));
		}
		LLVMAddIncoming(clone, &value, &source, 1);
	}
}

/* Second pass: the operands. */
static void connect_block(struct copy *c, size_t k)
{
	for (LLVMValueRef i = LLVMGetFirstInstruction(c->originals[k]); i != NULL; i = LLVMGetNextInstruction(i)) {
		uint32_t at = map_get(&c->values, i);
		if (at == MAP_NONE)
			continue;
		LLVMValueRef clone = c->value_copies[at];
		if (LLVMIsAPHINode(i) != NULL) {
			fill_phi(c, i, clone);
			continue;
		}
		LLVMPositionBuilderBefore(c->w->builder, clone);
		LLVMSetCurrentDebugLocation2(c->w->builder, LLVMInstructionGetDebugLoc(clone));
		for (unsigned n = 0; n < (unsigned)LLVMGetNumOperands(i); n++) {
			LLVMValueRef v = LLVMGetOperand(i, n), copy = mapped(c, v);
			if (copy != v)
				LLVMSetOperand(clone, n, copy);
		}
	}
}

/* Behind the definition of each value that has a slot, fills the slot. */
static void store_slots(struct copy *c)
{
	for (size_t s = 0; s < c->slots_count; s++) {
		uint32_t at = map_get(&c->values, c->slot_values[s]);
		if (at == MAP_NONE)
			continue; /* defined before every site: only the entry fills it */
		LLVMValueRef next = LLVMGetNextInstruction(c->value_copies[at]);
		while (LLVMIsAPHINode(next) != NULL)
			next = LLVMGetNextInstruction(next);
		LLVMPositionBuilderBefore(c->w->builder, next);
		LLVMSetCurrentDebugLocation2(c->w->builder, NULL);
		LLVMBuildStore(c->w->builder, c->value_copies[at], c->slot_places[s]);
	}
}

/* The clone has another prototype than the callee: it cannot jump there, it calls. The frame that this leaves has nothing to do
 * but return, and is not captured. */
static void call_tails(struct copy *c)
{
	for (uint32_t i = 0; i < c->f->sites_count; i++) {
		struct site *s = &c->w->sites[c->f->first_site + i];
		uint32_t at = s->tail ? map_get(&c->values, s->call) : MAP_NONE;
		if (at == MAP_NONE || c->value_copies == NULL)
			continue;
		LLVMSetTailCallKind(c->value_copies[at], LLVMTailCallKindNone);
		c->value_copies[at] = site_rebuild(c->w, c->value_copies[at], s, c->f->first_site + i);
	}
}

/* Returns of a type that libffi has no word for go through memory. */
static void return_in_memory(struct copy *c)
{
	for (size_t k = 0; k < c->blocks_count; k++) {
		LLVMValueRef end = LLVMGetBasicBlockTerminator(c->block_copies[k]);
		if (LLVMIsAReturnInst(end) == NULL || LLVMGetNumOperands(end) == 0)
			continue;
		LLVMPositionBuilderBefore(c->w->builder, end);
		LLVMSetCurrentDebugLocation2(c->w->builder, LLVMInstructionGetDebugLoc(end));
		LLVMSetAlignment(LLVMBuildStore(c->w->builder, LLVMGetOperand(end, 0), LLVMGetParam(c->f->resume, ARG_OUT)),
			16);
		LLVMBuildRetVoid(c->w->builder);
		LLVMInstructionEraseFromParent(end);
	}
}

static void build_entry(struct copy *c, LLVMBasicBlockRef entry)
{
	struct work *w = c->w;
	LLVMValueRef record = LLVMGetParam(c->f->resume, ARG_RECORD), result = LLVMGetParam(c->f->resume, ARG_RESULT);
	LLVMBasicBlockRef bad = LLVMAppendBasicBlockInContext(w->context, c->f->resume, "bad");
	LLVMPositionBuilderAtEnd(w->builder, bad);
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	LLVMBuildUnreachable(w->builder);
	LLVMPositionBuilderAtEnd(w->builder, entry);
	bool first = c->f->entry_sp != NULL && c->scope != NULL; /* liveness.c puts it first then */
	if (first) {
		LLVMValueRef base = LLVMBuildLoad2(w->builder, w->ptr, record, "frame.sp");
		uint32_t slot = map_get(&c->slots, c->f->entry_sp);
		if (slot != MAP_NONE) {
			LLVMValueRef store = LLVMBuildStore(w->builder, base, c->slot_places[slot]);
			debug_copy_locals(w, c->f, c->scope, base, store);
			LLVMPositionBuilderAtEnd(w->builder, entry);
		}
	}
	LLVMValueRef jump = LLVMBuildSwitch(w->builder, LLVMGetParam(c->f->resume, ARG_SITE), bad, c->f->sites_count);
	for (uint32_t i = 0; i < c->f->sites_count; i++) {
		const struct site *s = &w->sites[c->f->first_site + i];
		if (s->tail)
			continue;
		LLVMBasicBlockRef fill = LLVMAppendBasicBlockInContext(w->context, c->f->resume, "resume");
		LLVMAddCase(jump, LLVMConstInt(w->i32, c->f->first_site + i, 0), fill);
		LLVMPositionBuilderAtEnd(w->builder, fill);
		for (uint32_t k = first ? 1 : 0; k < s->values_count; k++) {
			LLVMValueRef v = LLVMBuildLoad2(w->builder, LLVMTypeOf(s->values[k]),
				work_at(w, record, s->offsets[k]), "");
			LLVMSetAlignment(v, 8);
			LLVMBuildStore(w->builder, v, c->slot_places[map_get(&c->slots, s->values[k])]);
		}
		if (has_result(s->call)) {
			LLVMValueRef v = LLVMBuildLoad2(w->builder, LLVMTypeOf(s->call), result, "");
			LLVMSetAlignment(v, 8);
			LLVMBuildStore(w->builder, v, c->slot_places[map_get(&c->slots, s->call)]);
		}
		LLVMBuildBr(w->builder, c->block_copies[map_get(&c->blocks, behind(s))]);
	}
}

/* The attributes that generated code depends on. */
static void copy_function_attributes(struct work *w, LLVMValueRef from, LLVMValueRef to)
{
	(void)w;
	static const char *const strings[] = {"target-cpu", "target-features", "tune-cpu", "frame-pointer",
		"stack-protector-buffer-size", "no-trapping-math", "min-legal-vector-width"};
	static const char *const kinds[] = {
		"uwtable", "nounwind", "sspstrong", "ssp", "sspreq", "strictfp", "optsize", "minsize"};
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
		LLVMAttributeRef a = LLVMGetStringAttributeAtIndex(from, LLVMAttributeFunctionIndex, strings[i],
			(unsigned)strlen(strings[i]));
		if (a != NULL)
			LLVMAddAttributeAtIndex(to, LLVMAttributeFunctionIndex, a);
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		LLVMAttributeRef a = LLVMGetEnumAttributeAtIndex(from, LLVMAttributeFunctionIndex,
			LLVMGetEnumAttributeKindForName(kinds[i], strlen(kinds[i])));
		if (a != NULL)
			LLVMAddAttributeAtIndex(to, LLVMAttributeFunctionIndex, a);
	}
}

/* One compile unit for all clones; LLVM-C cannot tell to which one a function belongs. */
static void open_debug_unit(struct work *w, LLVMMetadataRef file)
{
	if (w->debug_unit)
		return;
	w->debug_unit = true;
	(void)LLVMDIBuilderCreateCompileUnit(w->debug, LLVMDWARFSourceLanguageC11, file, "pmig-cc", 7, 1, "", 0, 0, "", 0,
		LLVMDWARFEmissionFull, 0, 0, 0, "", 0, "", 0);
}

/* A subprogram of its own under the same name, so that a debugger names the clone's frames and lines. */
static LLVMMetadataRef make_scope(struct work *w, LLVMValueRef from, LLVMValueRef to)
{
	LLVMMetadataRef original = LLVMGetSubprogram(from);
	if (original == NULL)
		return NULL;
	LLVMMetadataRef file = LLVMDIScopeGetFile(original);
	open_debug_unit(w, file);
	LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(w->debug, file, NULL, 0, LLVMDIFlagZero);
	const char *name = work_name(from);
	unsigned line = LLVMDISubprogramGetLine(original);
	LLVMMetadataRef scope = LLVMDIBuilderCreateFunction(w->debug, file, name, strlen(name), NULL, 0, file, line, type, 1,
		1, line, LLVMDIFlagZero, 1);
	LLVMSetSubprogram(to, scope);
	return scope;
}

static void make_function(struct work *w, struct function *f)
{
	LLVMTypeRef result = LLVMGetReturnType(LLVMGlobalGetValueType(f->value));
	char word[128];
	f->result_in_memory = !table_type_word(w, result, word, sizeof word);
	LLVMTypeRef parameters[] = {w->i32, w->ptr, w->ptr, w->ptr};
	LLVMTypeRef type = LLVMFunctionType(f->result_in_memory ? LLVMVoidTypeInContext(w->context) : result, parameters,
		f->result_in_memory ? 4 : 3, 0);
	char name[512];
	snprintf(name, sizeof name, "%s.resume", work_name(f->value));
	f->resume = LLVMAddFunction(w->module, name, type);
	LLVMSetLinkage(f->resume, LLVMInternalLinkage);
	copy_function_attributes(w, f->value, f->resume);
}

void clone_make(struct work *w, struct function *f)
{
	struct copy c = {.w = w, .f = f};
	make_function(w, f);
	if (w->options->debug)
		c.scope = make_scope(w, f->value, f->resume);
	find_blocks(&c);
	find_slots(&c);
	LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(w->context, f->resume, "entry");
	LLVMPositionBuilderAtEnd(w->builder, entry);
	LLVMSetCurrentDebugLocation2(w->builder, NULL);
	c.slot_places = map_alloc(c.slots_count, sizeof(LLVMValueRef));
	for (size_t s = 0; s < c.slots_count; s++)
		c.slot_places[s] = LLVMBuildAlloca(w->builder, LLVMTypeOf(c.slot_values[s]), "");
	c.block_copies = map_alloc(c.blocks_count, sizeof *c.block_copies);
	for (size_t k = 0; k < c.blocks_count; k++)
		c.block_copies[k] = LLVMAppendBasicBlockInContext(w->context, f->resume, "");
	for (size_t k = 0; k < c.blocks_count; k++)
		copy_block(&c, k);
	for (size_t k = 0; k < c.blocks_count; k++)
		connect_block(&c, k);
	store_slots(&c);
	call_tails(&c);
	build_entry(&c, entry);
	if (f->result_in_memory)
		return_in_memory(&c);
	map_finish(&c.blocks);
	map_finish(&c.values);
	map_finish(&c.slots);
	free(c.originals);
	free(c.block_copies);
	free(c.value_copies);
	free(c.slot_values);
	free(c.slot_places);
}
