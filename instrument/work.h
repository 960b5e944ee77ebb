/* work: what the steps of the instrumentation share. */
#ifndef PMIG_INSTRUMENT_WORK_H
#define PMIG_INSTRUMENT_WORK_H

#include "instrument.h"
#include "map.h"

#include <llvm-c/DebugInfo.h>
#include <llvm-c/Target.h>

#define CONSTRUCTORS_NAME "pmig_constructors"

/* One call that can reach a safe point. */
struct site {
	LLVMValueRef call;    /* in the function itself, not in its resume clone */
	uint32_t function;    /* index into work.functions */
	LLVMValueRef *values; /* live behind the call, its own result not among them */
	uint32_t values_count;
	uint32_t *offsets; /* of each value in the saved record */
	uint32_t size;     /* of the saved record */
	uint32_t mark; /* offset in it of the frame's entry value of frame_sp; MARK_NONE without setjmp in the function */
	bool tail;     /* a musttail call: a site in the resume clone alone, where it is an ordinary call */
	uint64_t copy; /* a call of setjmp: where in the frame the record is copied to */
	unsigned line;
};
#define MARK_NONE UINT32_MAX

/* One function that can reach a safe point. */
struct function {
	LLVMValueRef value;
	LLVMValueRef resume;  /* its resume clone */
	LLVMValueRef because; /* the callee through which it was found; NULL: an indirect call */
	uint32_t first_site, sites_count;
	uint64_t frame_size;   /* bytes on the arena's frame stack, 0: none */
	LLVMValueRef entry_sp; /* frame_sp as it was on entry; NULL without a frame */
	LLVMValueRef bump;     /* entry_sp + frame_size */
	bool sets_jumps;       /* it calls setjmp */
	bool result_in_memory; /* libffi has no word for its result type */
};

struct work {
	LLVMModuleRef module;
	LLVMContextRef context;
	LLVMTargetDataRef layout;
	LLVMBuilderRef builder;
	const struct instrument_options *options;

	LLVMDIBuilderRef debug; /* NULL without -g */
	struct map declared;    /* debug records of locals that are in the frame all the time */
	bool debug_unit;        /* there is a compile unit for the resume clones */

	LLVMTypeRef i8, i32, i64, ptr;
	LLVMValueRef frame_sp; /* the thread's frame stack pointer, a thread-local variable of the runtime */

	struct map migratable; /* function -> index */
	struct function *functions;
	size_t functions_count, functions_capacity;
	struct map taken_types; /* types of migratable functions whose address is taken */
	LLVMTypeRef *types;     /* the same as a list */
	size_t types_count, types_capacity;
	struct site *sites;
	size_t sites_count, sites_capacity;
	bool rewritten;      /* rewrite_calls() has run once */
	bool placed;         /* poll_place() has run */
	LLVMValueRef locals; /* what a thread's variables are at its start; NULL: they have no place of their own */
	uint64_t locals_size;
	int errors;
};

/* The function that `callee` names, through aliases and casts; NULL for a call through a pointer. */
LLVMValueRef work_callee(LLVMValueRef call);

/* A call that must be a jump (musttail): it leaves no frame behind, only the return follows it. */
bool work_is_tail(LLVMValueRef v);

/* Is `v` a call (not an intrinsic, not inline assembly)? */
bool work_is_call(LLVMValueRef v);
bool work_is_inline_assembly(LLVMValueRef call);
bool work_is_intrinsic(LLVMValueRef call, const char *prefix);

/* Writes `file:line: error: ...` for an instruction, global or function, and counts it. */
void work_error(struct work *w, LLVMValueRef where, const char *format, ...) __attribute__((format(printf, 3, 4)));
void work_warning(struct work *w, LLVMValueRef where, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A new function of the program: compiled for the same processor as its others, with what a walk of the stack needs. */
LLVMValueRef work_add_function(struct work *w, const char *name, LLVMTypeRef type);

/* The name of a value, NUL-terminated, owned by LLVM. */
const char *work_name(LLVMValueRef v);

/* The first instruction that uses `v`, for the place in a message (line tables do not say where a variable or an external
 * function is declared); `v` itself if there is none. */
LLVMValueRef work_first_user(LLVMValueRef v);

/* base + offset bytes, built where the builder stands. */
LLVMValueRef work_at(struct work *w, LLVMValueRef base, uint64_t offset);

/* Moves what stands before `where` into a new block before its own, and the builder to the end of that, which has no terminator
 * yet. LLVM-C cannot split a block, but replacing a block that has no terminator redirects its predecessors and leaves the phis
 * behind it alone. */
void work_split(struct work *w, LLVMValueRef where, const char *name);

/* A string attribute for functions and call sites. */
LLVMAttributeRef work_attribute(struct work *w, const char *key, const char *value);

/* What is said of the result, of one argument (index from 1), or of the whole call `from` is said of `to` as well. */
void work_copy_call_attributes(LLVMValueRef from, LLVMValueRef to, LLVMAttributeIndex index);

/* The steps, in their order. Each is one file. */
void opened_note(struct work *w);          /* opened.c: where descriptors come from */
void rewrite_calls(struct work *w);        /* rewrite.c: the program's libc calls, before and after optimising */
void constructors_collect(struct work *w); /* constructors.c: into one function, CONSTRUCTORS_NAME */
void jump_masks(struct work *w);           /* jump.c: sigsetjmp as saving the mask and setjmp */
void jump_copy_records(struct work *w, struct function *f); /* jump.c: what setjmp saves, into the frame */
void poll_insert(struct work *w);                           /* poll.c: safe points at function entries or loop back-edges */
void poll_place(struct work *w);         /* poll_calls.c: safe points where they are needed, after optimising */
void poll_forget_purity(struct work *w); /* poll_put.c: functions with polls are not what the optimiser found them to be */
void labels_number(struct work *w);      /* labels.c: computed goto as a switch where a safe point can be reached */
void threadlocal_place(struct work *w);  /* threadlocal.c: the program's thread-local variables */
void threadlocal_name_runtime(struct work *w); /* the runtime's: their addresses are asked for at each use */
void variadic_choose(struct work *w);          /* variadic_call.c: calls through pointers to such functions */
#define VARIADIC_ENTRY "pmig-entry"            /* what is left of such a function for callers that pmig did not build */
void variadic_fix(struct work *w);             /* variadic.c: fixed lists where a safe point can be reached */
void reach_find(struct work *w);               /* reach.c: the functions that can reach a safe point */
void reach_forget(struct work *w);
bool reach_address_taken(LLVMValueRef f);                /* is it used other than by calling it? */
bool reach_types_match(LLVMTypeRef call, LLVMTypeRef f); /* may such a call land in such a function? */
bool reach_is_setjmp(LLVMValueRef call);
bool reach_is_site(struct work *w, LLVMValueRef call);
void check_module(struct work *w);                        /* check.c: what cannot be carried, before optimising */
void check_functions(struct work *w);                     /* check.c: what a migratable function cannot have */
void frame_lower(struct work *w, struct function *f);     /* frame.c: locals with an address into the arena */
void aggregate_split(struct work *w, struct function *f); /* aggregate.c: no struct is live across a site */
/* debug.c: what a debugger is told of locals (map: local -> index in offsets) that lie behind `base` now; the same for the clone. */
void debug_move_locals(struct work *w, LLVMValueRef f, const struct map *locals, LLVMValueRef base, const uint64_t *offsets);
void debug_copy_locals(struct work *w, const struct function *f, LLVMMetadataRef scope, LLVMValueRef base,
	LLVMValueRef before);
void site_split(struct work *w, struct function *f);       /* site.c: a block ends behind each site */
void sink_values(struct work *w, struct function *f);      /* sink.c: less that is live across sites */
void site_find_values(struct work *w, struct function *f); /* liveness.c */
LLVMValueRef site_rebuild(struct work *w, LLVMValueRef call, struct site *s, size_t id); /* site.c: a site in a clone */
void site_attach(struct work *w, struct function *f);                                    /* site.c: deopt bundles */
void clone_make(struct work *w, struct function *f);                                     /* clone.c: the resume clone */
void table_emit(struct work *w);    /* table.c: what the runtime reads */
void explain_print(struct work *w); /* explain.c */

/* table.c: the word for a result type, as runtime/frame/program.h has it; false: libffi has none. */
bool table_type_word(struct work *w, LLVMTypeRef type, char *out, size_t size);

#endif
