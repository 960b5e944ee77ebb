/* table: what the runtime reads (runtime/frame/program.h), as constants in the program. */
#include "table.h"
#include "work.h"

#include <frame/program.h>
#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

static LLVMValueRef number(struct work *w, uint64_t n)
{
	return LLVMConstInt(w->i32, n, 0);
}

static LLVMValueRef text(struct work *w, const char *s, size_t length)
{
	LLVMValueRef value = LLVMConstStringInContext2(w->context, s, length, 0);
	LLVMValueRef global = LLVMAddGlobal(w->module, LLVMTypeOf(value), "pmig.text");
	LLVMSetInitializer(global, value);
	LLVMSetGlobalConstant(global, 1);
	LLVMSetLinkage(global, LLVMPrivateLinkage);
	LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
	return global;
}

static LLVMValueRef name_text(struct work *w, const char *s)
{
	return text(w, s, strlen(s));
}

static LLVMValueRef record(struct work *w, LLVMValueRef *members, unsigned n)
{
	return LLVMConstStructInContext(w->context, members, n, 0);
}

/* A private constant array; null where it is empty. */
static LLVMValueRef array(struct work *w, LLVMValueRef *elements, size_t n, const char *name)
{
	if (n == 0)
		return LLVMConstNull(w->ptr);
	LLVMValueRef value = LLVMConstArray2(LLVMTypeOf(elements[0]), elements, n);
	LLVMValueRef global = LLVMAddGlobal(w->module, LLVMTypeOf(value), name);
	LLVMSetInitializer(global, value);
	LLVMSetGlobalConstant(global, 1);
	LLVMSetLinkage(global, LLVMPrivateLinkage);
	return global;
}

static bool append(char *out, size_t size, const char *word)
{
	if (strlen(out) + strlen(word) + 1 > size)
		return false;
	strcat(out, word);
	return true;
}

static bool add_word(struct work *w, LLVMTypeRef type, char *out, size_t size);

/* LLVM returns each member in a register of its own, C packs them into eightbytes: the same only for two members of which the
 * first fills its eightbyte. */
static bool add_struct(struct work *w, LLVMTypeRef type, char *out, size_t size)
{
	if (LLVMCountStructElementTypes(type) != 2 ||
		LLVMStoreSizeOfType(w->layout, LLVMStructGetTypeAtIndex(type, 0)) != 8 ||
		LLVMStoreSizeOfType(w->layout, LLVMStructGetTypeAtIndex(type, 1)) > 8)
		return false;
	return append(out, size, "{") && add_word(w, LLVMStructGetTypeAtIndex(type, 0), out, size) &&
		add_word(w, LLVMStructGetTypeAtIndex(type, 1), out, size) && append(out, size, "}");
}

static bool add_word(struct work *w, LLVMTypeRef type, char *out, size_t size)
{
	switch (LLVMGetTypeKind(type)) {
	case LLVMVoidTypeKind:
		return append(out, size, "v");
	case LLVMPointerTypeKind:
		return append(out, size, "p");
	case LLVMFloatTypeKind:
		return append(out, size, "f");
	case LLVMDoubleTypeKind:
		return append(out, size, "d");
	case LLVMX86_FP80TypeKind:
		return append(out, size, "x");
	case LLVMIntegerTypeKind:
		switch (LLVMStoreSizeOfType(w->layout, type)) {
		case 1:
			return append(out, size, "b");
		case 2:
			return append(out, size, "h");
		case 3:
		case 4:
			return append(out, size, "i");
		case 5:
		case 6:
		case 7:
		case 8:
			return append(out, size, "l");
		case 16:
			return append(out, size, "q");
		default:
			return false;
		}
	case LLVMVectorTypeKind: /* two floats travel in one SSE register, as a struct of them does */
		if (LLVMGetVectorSize(type) != 2 || LLVMGetTypeKind(LLVMGetElementType(type)) != LLVMFloatTypeKind)
			return false;
		return append(out, size, "{ff}");
	case LLVMStructTypeKind:
		return add_struct(w, type, out, size);
	default:
		return false;
	}
}

bool table_type_word(struct work *w, LLVMTypeRef type, char *out, size_t size)
{
	out[0] = '\0';
	return add_word(w, type, out, size);
}

static uint64_t size_of(struct work *w, LLVMTypeRef type)
{
	return LLVMGetTypeKind(type) == LLVMVoidTypeKind ? 0 : LLVMABISizeOfType(w->layout, type);
}

static LLVMValueRef functions(struct work *w)
{
	LLVMValueRef *rows = map_alloc(w->functions_count, sizeof *rows);
	for (size_t i = 0; i < w->functions_count; i++) {
		const struct function *f = &w->functions[i];
		LLVMTypeRef result = LLVMGetReturnType(LLVMGlobalGetValueType(f->value));
		char word[128];
		if (!table_type_word(w, result, word, sizeof word))
			strcpy(word, "m");
		unsigned length = 0;
		const char *file = LLVMGetDebugLocFilename(f->value, &length);
		LLVMValueRef row[] = {name_text(w, work_name(f->value)), text(w, file != NULL ? file : "", length),
			number(w, LLVMGetDebugLocLine(f->value)), number(w, size_of(w, result)), name_text(w, word),
			f->value, f->resume};
		rows[i] = record(w, row, sizeof row / sizeof *row);
	}
	LLVMValueRef table = array(w, rows, w->functions_count, "pmig.functions");
	free(rows);
	return table;
}

static LLVMValueRef sites(struct work *w, LLVMValueRef *ret_values, size_t *ret_values_count)
{
	LLVMValueRef *rows = map_alloc(w->sites_count, sizeof *rows), *values = NULL;
	size_t count = 0, capacity = 0;
	for (size_t i = 0; i < w->sites_count; i++) {
		const struct site *s = &w->sites[i];
		LLVMValueRef callee = work_callee(s->call);
		LLVMValueRef row[] = {number(w, s->function), number(w, s->line), number(w, count),
			number(w, s->values_count), number(w, s->size), number(w, size_of(w, LLVMTypeOf(s->call))),
			number(w, s->mark), number(w, s->tail ? PROGRAM_SITE_TAIL : 0),
			name_text(w, callee != NULL ? work_name(callee) : "")};
		rows[i] = record(w, row, sizeof row / sizeof *row);
		for (uint32_t k = 0; k < s->values_count; k++) {
			LLVMValueRef pair[] = {number(w, s->offsets[k]), number(w, size_of(w, LLVMTypeOf(s->values[k])))};
			values = map_grow(values, &capacity, count, sizeof *values);
			values[count++] = record(w, pair, 2);
		}
	}
	*ret_values = array(w, values, count, "pmig.values");
	*ret_values_count = count;
	LLVMValueRef table = array(w, rows, w->sites_count, "pmig.sites");
	free(rows);
	free(values);
	return table;
}

static bool is_state(LLVMValueRef global)
{
	const char *name = work_name(global);
	return !LLVMIsDeclaration(global) && !LLVMIsGlobalConstant(global) && !LLVMIsThreadLocal(global) &&
		strncmp(name, "llvm.", 5) != 0 && LLVMGetLinkage(global) != LLVMAvailableExternallyLinkage;
}

static LLVMValueRef globals(struct work *w, size_t *ret_count)
{
	LLVMValueRef *rows = NULL;
	size_t count = 0, capacity = 0;
	for (LLVMValueRef g = LLVMGetFirstGlobal(w->module); g != NULL; g = LLVMGetNextGlobal(g)) {
		if (!is_state(g))
			continue;
		LLVMValueRef row[] = {g, LLVMConstInt(w->i64, LLVMABISizeOfType(w->layout, LLVMGlobalGetValueType(g)), 0),
			name_text(w, work_name(g))};
		rows = map_grow(rows, &capacity, count, sizeof *rows);
		rows[count++] = record(w, row, 3);
	}
	*ret_count = count;
	LLVMValueRef table = array(w, rows, count, "pmig.globals");
	free(rows);
	return table;
}

/* Each object has its own label before its section .llvm_stackmaps, and a pointer to that in a section of which the linker tells the
 * ends (parts.c makes several objects of one module). */
static void stack_maps(struct work *w, LLVMValueRef *ret_start, LLVMValueRef *ret_end)
{
	*ret_start = *ret_end = LLVMConstNull(w->ptr);
	if (w->sites_count == 0)
		return;
	LLVMValueRef place = LLVMAddGlobal(w->module, w->ptr, TABLE_STACK_MAPS);
	LLVMSetInitializer(place, LLVMAddGlobal(w->module, w->i8, "__LLVM_StackMaps"));
	LLVMSetGlobalConstant(place, 1);
	LLVMSetLinkage(place, LLVMPrivateLinkage);
	LLVMSetSection(place, "pmig_stack_maps");
	*ret_start = LLVMAddGlobal(w->module, w->ptr, "__start_pmig_stack_maps");
	*ret_end = LLVMAddGlobal(w->module, w->ptr, "__stop_pmig_stack_maps");
	LLVMSetVisibility(*ret_start, LLVMHiddenVisibility);
	LLVMSetVisibility(*ret_end, LLVMHiddenVisibility);
}

void table_emit(struct work *w)
{
	LLVMValueRef main = LLVMGetNamedFunction(w->module, "pmig_main");
	LLVMValueRef constructors = LLVMGetNamedFunction(w->module, CONSTRUCTORS_NAME);
	size_t globals_count, values_count;
	LLVMValueRef global_rows = globals(w, &globals_count), value_rows;
	LLVMValueRef site_rows = sites(w, &value_rows, &values_count), maps, maps_end;
	stack_maps(w, &maps, &maps_end);
	LLVMValueRef row[] = {number(w, PROGRAM_VERSION), number(w, w->functions_count), number(w, w->sites_count),
		number(w, values_count), number(w, globals_count), functions(w), site_rows, value_rows, global_rows, maps,
		maps_end, main != NULL ? main : LLVMConstNull(w->ptr),
		constructors != NULL ? constructors : LLVMConstNull(w->ptr), LLVMConstInt(w->i64, w->locals_size, 0),
		w->locals != NULL ? w->locals : LLVMConstNull(w->ptr), number(w, w->options->safepoints == INSTRUMENT_AUTO)};
	LLVMValueRef value = record(w, row, sizeof row / sizeof *row);
	LLVMValueRef table = LLVMAddGlobal(w->module, LLVMTypeOf(value), "pmig_program");
	LLVMSetInitializer(table, value);
	LLVMSetGlobalConstant(table, 1);
}
