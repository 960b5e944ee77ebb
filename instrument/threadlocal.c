/* threadlocal: thread-local variables of the program. One that never has another thread has one of each: they become ordinary
 * ones. In any other they lie in the thread's block of the arena (arena/arena.h, `locals`), at an address that is the same after
 * a move: the block plus an offset that is settled here. runtime/locals.c gives a new thread their initial values. */
#include "libc.h"
#include "work.h"

#include <frame/program.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN_MAX 4096u /* a block begins at a page */

static bool is_runtimes(LLVMValueRef variable)
{
	return LLVMIsThreadLocal(variable) && strncmp(work_name(variable), "pmig_", 5) == 0;
}

static void name_directly(LLVMValueRef variable)
{
	for (LLVMUseRef u = LLVMGetFirstUse(variable), next; u != NULL; u = next) {
		next = LLVMGetNextUse(u);
		LLVMValueRef user = LLVMGetUser(u);
		if (!work_is_intrinsic(user, "llvm.threadlocal.address"))
			continue;
		LLVMReplaceAllUsesWith(user, variable);
		LLVMInstructionEraseFromParent(user);
	}
}

void threadlocal_name_runtime(struct work *w)
{
	for (LLVMValueRef g = LLVMGetFirstGlobal(w->module); g != NULL; g = LLVMGetNextGlobal(g))
		if (is_runtimes(g)) {
			LLVMSetThreadLocalMode(g, LLVMLocalExecTLSModel);
			name_directly(g);
		}
}

static bool calls(struct work *w, const char *name)
{
	LLVMValueRef f = LLVMGetNamedFunction(w->module, name);
	return f != NULL && LLVMGetFirstUse(f) != NULL;
}

/* A library that nobody has looked at may have threads that call the program's functions. */
static bool calls_unknown(struct work *w)
{
	for (LLVMValueRef f = LLVMGetFirstFunction(w->module); f != NULL; f = LLVMGetNextFunction(f))
		if (LLVMIsDeclaration(f) && LLVMGetIntrinsicID(f) == 0 && LLVMGetFirstUse(f) != NULL &&
			strncmp(work_name(f), "pmig_", 5) != 0 && libc_find(work_name(f)) == NULL)
			return true;
	return false;
}

/* Asked before calls are rewritten: what is carried along may name these for itself. */
static bool has_threads(struct work *w)
{
	return calls(w, "pthread_create") || calls(w, "thrd_create") || calls_unknown(w);
}

/* The thread's block never changes while the thread runs, so that one look in a function is enough. */
static LLVMValueRef block(struct work *w)
{
	LLVMValueRef variable = LLVMGetNamedGlobal(w->module, "pmig_thread");
	if (variable == NULL) {
		variable = LLVMAddGlobal(w->module, w->ptr, "pmig_thread");
		LLVMSetThreadLocalMode(variable, LLVMLocalExecTLSModel);
	}
	LLVMValueRef load = LLVMBuildLoad2(w->builder, w->ptr, variable, "");
	unsigned kind = LLVMGetMDKindIDInContext(w->context, "invariant.load", 14);
	LLVMSetMetadata(load, kind, LLVMMetadataAsValue(w->context, LLVMMDNodeInContext2(w->context, NULL, 0)));
	return load;
}

/* Where `variable` is, in front of `user`. */
static LLVMValueRef address(struct work *w, LLVMValueRef user, uint64_t offset)
{
	LLVMPositionBuilderBefore(w->builder, user);
	return work_at(w, block(w), offset);
}

/* One use; false: it stands where no address can be computed. */
static bool move_use(struct work *w, LLVMValueRef variable, LLVMValueRef user, uint64_t offset)
{
	if (LLVMIsAInstruction(user) == NULL || LLVMIsAPHINode(user) != NULL)
		return false;
	LLVMValueRef there = address(w, user, offset);
	if (work_is_intrinsic(user, "llvm.threadlocal.address")) {
		LLVMReplaceAllUsesWith(user, there);
		LLVMInstructionEraseFromParent(user);
		return true;
	}
	for (int i = 0; i < LLVMGetNumOperands(user); i++)
		if (LLVMGetOperand(user, (unsigned)i) == variable)
			LLVMSetOperand(user, (unsigned)i, there);
	return true;
}

/* A constant that nobody uses any more, such as the list that leave_list() shortened. */
static bool is_dead(LLVMValueRef user)
{
	return LLVMIsAConstant(user) != NULL && LLVMIsAGlobalValue(user) == NULL && LLVMGetFirstUse(user) == NULL;
}

static void move_uses(struct work *w, LLVMValueRef variable, uint64_t offset)
{
	for (LLVMUseRef u = LLVMGetFirstUse(variable); u != NULL;) {
		if (is_dead(LLVMGetUser(u))) {
			u = LLVMGetNextUse(u);
			continue;
		}
		if (!move_use(w, variable, LLVMGetUser(u), offset)) {
			work_error(w, work_first_user(variable),
				"the address of the thread-local variable %s is used where it cannot be carried",
				work_name(variable));
			return;
		}
		u = LLVMGetFirstUse(variable);
	}
	LLVMReplaceAllUsesWith(variable, LLVMConstNull(w->ptr)); /* in what is dead */
	LLVMDeleteGlobal(variable);
}

/* The layout of the locals, and a constant that looks like them in a new thread. */
struct layout {
	LLVMValueRef *members;
	size_t count, capacity;
	uint64_t end; /* from the block's beginning */
};

static void pad(struct work *w, struct layout *l, uint64_t to)
{
	if (to == l->end)
		return;
	l->members = map_grow(l->members, &l->capacity, l->count, sizeof *l->members);
	l->members[l->count++] = LLVMConstNull(LLVMArrayType2(w->i8, to - l->end));
	l->end = to;
}

/* Returns the variable's offset; 0: there is no room for it. */
static uint64_t place(struct work *w, struct layout *l, LLVMValueRef variable)
{
	LLVMTypeRef type = LLVMGlobalGetValueType(variable);
	uint64_t align = LLVMPreferredAlignmentOfGlobal(w->layout, variable), size = LLVMABISizeOfType(w->layout, type);
	if (LLVMGetAlignment(variable) > align)
		align = LLVMGetAlignment(variable);
	uint64_t offset = (l->end + align - 1) / align * align;
	if (align > ALIGN_MAX || size > PROGRAM_LOCALS_END || offset + size > PROGRAM_LOCALS_END) {
		work_error(w, work_first_user(variable),
			"the thread-local variable %s does not fit: a thread has room for %u bytes of them, aligned to %u at most",
			work_name(variable), (unsigned)(PROGRAM_LOCALS_END - PROGRAM_LOCALS), ALIGN_MAX);
		return 0;
	}
	pad(w, l, offset);
	l->members = map_grow(l->members, &l->capacity, l->count, sizeof *l->members);
	LLVMValueRef initial = LLVMGetInitializer(variable);
	l->members[l->count++] = initial != NULL ? initial : LLVMConstNull(type);
	l->end = offset + size;
	return offset;
}

static void emit(struct work *w, struct layout *l)
{
	uint64_t size = l->end - PROGRAM_LOCALS;
	/* packed: the padding is spelled out */
	LLVMValueRef initial = LLVMConstStructInContext(w->context, l->members, (unsigned)l->count, 1);
	w->locals = LLVMAddGlobal(w->module, LLVMTypeOf(initial), "pmig.locals");
	LLVMSetInitializer(w->locals, initial);
	LLVMSetGlobalConstant(w->locals, 1);
	LLVMSetLinkage(w->locals, LLVMExternalLinkage); /* the optimiser sees nobody who uses it, and must not drop it */
	w->locals_size = size;
}

static void move_to_block(struct work *w)
{
	struct layout l = {.end = PROGRAM_LOCALS};
	for (LLVMValueRef g = LLVMGetFirstGlobal(w->module), next; g != NULL; g = next) {
		next = LLVMGetNextGlobal(g);
		if (!LLVMIsThreadLocal(g) || is_runtimes(g) || LLVMIsDeclaration(g))
			continue;
		uint64_t offset = place(w, &l, g);
		if (offset == 0)
			continue;
		move_uses(w, g, offset);
	}
	if (l.count != 0)
		emit(w, &l);
	free(l.members);
}

static void share(struct work *w)
{
	for (LLVMValueRef g = LLVMGetFirstGlobal(w->module); g != NULL; g = LLVMGetNextGlobal(g))
		if (LLVMIsThreadLocal(g) && !is_runtimes(g) && !LLVMIsDeclaration(g)) {
			name_directly(g);
			LLVMSetThreadLocal(g, 0);
		}
}

/* What must be kept although nobody uses it (__attribute__((used))) is kept in the block; the list would need its address. */
static void leave_list(struct work *w, const char *name)
{
	LLVMValueRef list = LLVMGetNamedGlobal(w->module, name);
	LLVMValueRef all = list != NULL ? LLVMGetInitializer(list) : NULL;
	if (all == NULL)
		return;
	unsigned n = 0, count = (unsigned)LLVMGetNumOperands(all);
	LLVMValueRef *kept = map_alloc(count, sizeof *kept);
	for (unsigned i = 0; i < count; i++) {
		LLVMValueRef v = LLVMGetOperand(all, i);
		if (LLVMIsAGlobalVariable(v) == NULL || !LLVMIsThreadLocal(v))
			kept[n++] = v;
	}
	if (n < count) {
		LLVMDeleteGlobal(list);
		if (n > 0) {
			LLVMValueRef rest = LLVMConstArray2(w->ptr, kept, n);
			list = LLVMAddGlobal(w->module, LLVMTypeOf(rest), name);
			LLVMSetInitializer(list, rest);
			LLVMSetLinkage(list, LLVMAppendingLinkage);
			LLVMSetSection(list, "llvm.metadata");
		}
	}
	free(kept);
}

/* False: there are some. */
static bool check_names(struct work *w)
{
	bool good = true;
	for (LLVMValueRef a = LLVMGetFirstGlobalAlias(w->module); a != NULL; a = LLVMGetNextGlobalAlias(a)) {
		LLVMValueRef variable = LLVMAliasGetAliasee(a);
		if (LLVMIsAGlobalVariable(variable) == NULL || !LLVMIsThreadLocal(variable))
			continue;
		good = false;
		work_error(w, work_first_user(a),
			"the thread-local variable %s has a second name (alias), which cannot be carried",
			work_name(variable));
	}
	return good;
}

void threadlocal_place(struct work *w)
{
	if (!check_names(w))
		return;
	leave_list(w, "llvm.used");
	leave_list(w, "llvm.compiler.used");
	for (LLVMValueRef g = LLVMGetFirstGlobal(w->module); g != NULL; g = LLVMGetNextGlobal(g))
		if (LLVMIsThreadLocal(g) && !is_runtimes(g) && LLVMIsDeclaration(g))
			work_error(w, work_first_user(g),
				"the thread-local variable %s belongs to a library and cannot be carried", work_name(g));
	if (has_threads(w))
		move_to_block(w);
	else
		share(w);
}
