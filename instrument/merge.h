/* merge: one module out of the bitcode of all translation units of a program. */
#ifndef PMIG_INSTRUMENT_MERGE_H
#define PMIG_INSTRUMENT_MERGE_H

#include <base/error.h>

#include <llvm-c/Types.h>
#include <stdbool.h>
#include <stddef.h>

/* What is known about the whole besides its module. */
struct merge_result {
	LLVMModuleRef module; /* the caller's to dispose */
	int level;            /* the highest -O level of the program's own units */
	bool debug;           /* at least one unit was compiled with -g */
	size_t units;
};

/* Merges the records of `bytes` (a section `.pmig.bc`) in their order, in `context`.
 * Errors: PMIG_ECORRUPT, PMIG_EVERSION, PMIG_EINVAL (units that do not fit together), PMIG_ENOENT (no record at all). */
PMIG_MUST_CHECK int merge_units(LLVMContextRef context, const void *bytes, size_t size, struct merge_result *ret_result);

#endif
