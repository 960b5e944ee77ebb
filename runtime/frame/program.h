/* program: the tables that the instrumenter puts into every program, as the runtime reads them. Any change here is one
 * in instrument/table.c. */
#ifndef PMIG_FRAME_PROGRAM_H
#define PMIG_FRAME_PROGRAM_H

#include <stdint.h>

#define PROGRAM_VERSION 4
#define PROGRAM_LOCALS 1024        /* where in a thread's block (arena/arena.h) its thread-local variables begin */
#define PROGRAM_LOCALS_END 0x10000 /* and where they end at the latest */
#define PROGRAM_NO_MARK UINT32_MAX /* the function never calls setjmp */

/* The words for result types: v void, b h i l integers of 1 2 4 8 bytes, q __int128, p pointer, f float, d double,
 * x long double, {…} a struct of these in registers, m in memory (the clone's fourth argument). */

#define PROGRAM_SITE_TAIL 1u /* behind the call the result is returned, nothing else: the frame need not be captured */

struct program_value {
	uint32_t offset; /* in the site's record */
	uint32_t size;   /* bytes */
};

struct program_site {
	uint32_t function;    /* index */
	uint32_t line;        /* 0: unknown */
	uint32_t first_value; /* index into values, in the order of the stack map's deopt locations */
	uint32_t values_count;
	uint32_t record_size; /* bytes */
	uint32_t result_size; /* bytes of the result that the call gives; 0: none */
	uint32_t mark;        /* where in the record the frame's entry value of the frame stack pointer is */
	uint32_t flags;       /* PROGRAM_SITE_* */
	const char *callee;   /* "" through a pointer */
};

struct program_function {
	const char *name, *file;
	uint32_t line;
	uint32_t result_size; /* bytes */
	const char *result;   /* a word, see above */
	void (*entry)(void);
	void (*resume)(void); /* result (uint32_t site, const void *record, const void *result[, void *out]) */
};

struct program_global {
	void *address;
	uint64_t size; /* bytes */
	const char *name;
};

struct program {
	uint32_t version;
	uint32_t functions_count, sites_count, values_count, globals_count;
	const struct program_function *functions;
	const struct program_site *sites; /* a site's number is its index and its statepoint id */
	const struct program_value *values;
	const struct program_global *globals;
	const void *const *stack_maps, *const *stack_maps_end; /* sections .llvm_stackmaps, version 3, in no order */
	int (*main)(int, char **, char **);
	void (*constructors)(void); /* to call before main in a process that starts; NULL: the loader has called them */
	uint64_t locals_size;       /* bytes of thread-local variables in each thread's block; 0: they are shared, or none */
	const void *locals;         /* what they are when a thread starts */
	uint32_t placed;            /* 1: safe points are wherever they are needed (--safepoints=auto) */
};

extern const struct program pmig_program;

#endif
