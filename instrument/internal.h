/* internal: symbols that only the program itself uses become local to it, as if it were one source file: unused functions
 * go, and the optimiser knows all callers of the others. */
#ifndef PMIG_INSTRUMENT_INTERNAL_H
#define PMIG_INSTRUMENT_INTERNAL_H

#include <base/error.h>

#include <llvm-c/Types.h>
#include <stddef.h>

/* Works on the merged module in place; `trace` is the linker's first output (trace.h). What is weak, common, in a section
 * of its own, used by inline assembly, or the runtime's (pmig_*) stays as it is. Errors: PMIG_ECORRUPT. */
PMIG_MUST_CHECK int internal_mark(LLVMModuleRef m, const void *trace, size_t size);

#endif
