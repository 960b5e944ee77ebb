/* liveness: which values are live behind each site. The classic backward data flow over bit sets; LLVM-C has none. */
#include "work.h"

#include <stdlib.h>
#include <string.h>

struct flow {
	LLVMValueRef *values; /* those that are used outside their own block */
	size_t values_count, values_capacity;
	struct map numbers; /* value -> index */

	LLVMBasicBlockRef *blocks;
	size_t blocks_count, blocks_capacity;
	struct map block_numbers;

	size_t words; /* of one set */
	uint64_t *in, *out, *use, *def;
};

static uint64_t *set_of(struct flow *fl, uint64_t *sets, size_t block)
{
	return sets + block * fl->words;
}

static void set_add(uint64_t *set, uint32_t bit)
{
	set[bit / 64] |= 1ull << (bit % 64);
}

static bool set_has(const uint64_t *set, uint32_t bit)
{
	return (set[bit / 64] >> (bit % 64) & 1) != 0;
}

static bool is_carried(LLVMValueRef v)
{
	return LLVMIsAInstruction(v) != NULL || LLVMIsAArgument(v) != NULL;
}

static void number_value(struct flow *fl, LLVMValueRef v, LLVMBasicBlockRef home)
{
	for (LLVMUseRef u = LLVMGetFirstUse(v); u != NULL; u = LLVMGetNextUse(u)) {
		LLVMValueRef user = LLVMGetUser(u);
		if (LLVMIsAPHINode(user) == NULL && LLVMGetInstructionParent(user) == home)
			continue;
		fl->values = map_grow(fl->values, &fl->values_capacity, fl->values_count, sizeof *fl->values);
		map_put(&fl->numbers, v, (uint32_t)fl->values_count);
		fl->values[fl->values_count++] = v;
		return;
	}
}

static void number(struct flow *fl, LLVMValueRef f)
{
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b)) {
		fl->blocks = map_grow(fl->blocks, &fl->blocks_capacity, fl->blocks_count, sizeof *fl->blocks);
		map_put(&fl->block_numbers, b, (uint32_t)fl->blocks_count);
		fl->blocks[fl->blocks_count++] = b;
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i))
			number_value(fl, i, b);
	}
	for (unsigned i = 0; i < LLVMCountParams(f); i++)
		number_value(fl, LLVMGetParam(f, i), NULL);
}

/* A phi's operand is used at the end of the block that it comes from. */
static void scan_block(struct flow *fl, size_t block)
{
	uint64_t *use = set_of(fl, fl->use, block), *def = set_of(fl, fl->def, block);
	for (LLVMValueRef i = LLVMGetFirstInstruction(fl->blocks[block]); i != NULL; i = LLVMGetNextInstruction(i)) {
		bool phi = LLVMIsAPHINode(i) != NULL;
		unsigned n = phi ? LLVMCountIncoming(i) : (unsigned)LLVMGetNumOperands(i);
		for (unsigned k = 0; k < n; k++) {
			LLVMValueRef v = LLVMGetOperand(i, k);
			uint32_t bit = is_carried(v) ? map_get(&fl->numbers, v) : MAP_NONE;
			if (bit == MAP_NONE)
				continue;
			if (!phi) {
				if (!set_has(def, bit))
					set_add(use, bit);
				continue;
			}
			uint32_t from = map_get(&fl->block_numbers, LLVMGetIncomingBlock(i, k));
			set_add(set_of(fl, fl->out, from), bit); /* the seed of its live-out */
		}
		uint32_t bit = map_get(&fl->numbers, i);
		if (bit != MAP_NONE)
			set_add(def, bit);
	}
}

static bool update(struct flow *fl, size_t block)
{
	uint64_t *out = set_of(fl, fl->out, block), *in = set_of(fl, fl->in, block);
	LLVMValueRef end = LLVMGetBasicBlockTerminator(fl->blocks[block]);
	for (unsigned s = 0; s < LLVMGetNumSuccessors(end); s++) {
		const uint64_t *next = set_of(fl, fl->in, map_get(&fl->block_numbers, LLVMGetSuccessor(end, s)));
		for (size_t k = 0; k < fl->words; k++)
			out[k] |= next[k];
	}
	bool changed = false;
	const uint64_t *use = set_of(fl, fl->use, block), *def = set_of(fl, fl->def, block);
	for (size_t k = 0; k < fl->words; k++) {
		uint64_t live = use[k] | (out[k] & ~def[k]);
		changed = changed || live != in[k];
		in[k] = live;
	}
	return changed;
}

static void solve(struct flow *fl)
{
	fl->words = (fl->values_count + 63) / 64;
	if (fl->words == 0)
		fl->words = 1;
	uint64_t *sets = map_alloc(4 * fl->words * fl->blocks_count, sizeof *sets);
	fl->in = sets;
	fl->out = sets + fl->words * fl->blocks_count;
	fl->use = fl->out + fl->words * fl->blocks_count;
	fl->def = fl->use + fl->words * fl->blocks_count;
	for (size_t b = 0; b < fl->blocks_count; b++)
		scan_block(fl, b);
	for (bool more = true; more;) {
		more = false;
		for (size_t b = fl->blocks_count; b-- > 0;)
			more = update(fl, b) || more;
	}
}

static void add_value(struct site *s, size_t *capacity, LLVMValueRef v)
{
	s->values = map_grow(s->values, capacity, s->values_count, sizeof(LLVMValueRef));
	s->values[s->values_count++] = v;
}

static void collect(struct work *w, struct flow *fl, struct site *s)
{
	const struct function *f = &w->functions[s->function];
	const uint64_t *live = set_of(fl, fl->out, map_get(&fl->block_numbers, LLVMGetInstructionParent(s->call)));
	size_t capacity = 0;
	s->mark = f->sets_jumps ? 0 : MARK_NONE;
	bool first = f->entry_sp != NULL && (f->sets_jumps || (w->debug != NULL && LLVMGetSubprogram(f->value) != NULL));
	if (first)
		add_value(s, &capacity, f->entry_sp); /* at offset 0 */
	for (uint32_t bit = 0; bit < fl->values_count; bit++) {
		LLVMValueRef v = fl->values[bit];
		if (!set_has(live, bit) || v == s->call || (first && v == f->entry_sp))
			continue;
		LLVMTypeKind kind = LLVMGetTypeKind(LLVMTypeOf(v));
		if (kind == LLVMStructTypeKind || kind == LLVMArrayTypeKind || kind == LLVMTokenTypeKind) {
			work_error(w, s->call,
				"a value that is a whole struct stays in registers across this call: not carried yet");
			continue;
		}
		add_value(s, &capacity, v);
	}
	s->offsets = map_alloc(s->values_count, sizeof *s->offsets);
	for (uint32_t i = 0; i < s->values_count; i++) {
		uint32_t size = (uint32_t)LLVMABISizeOfType(w->layout, LLVMTypeOf(s->values[i]));
		uint32_t alignment = size > 8 ? 16 : 8;
		s->size = (s->size + alignment - 1) & -alignment;
		s->offsets[i] = s->size;
		s->size += (size + 7) & -8u;
	}
}

void site_find_values(struct work *w, struct function *f)
{
	struct flow fl = {0};
	number(&fl, f->value);
	solve(&fl);
	for (uint32_t i = 0; i < f->sites_count; i++)
		if (!w->sites[f->first_site + i].tail)
			collect(w, &fl, &w->sites[f->first_site + i]);
	map_finish(&fl.numbers);
	map_finish(&fl.block_numbers);
	free(fl.values);
	free(fl.blocks);
	free(fl.in);
}
