/* plain: the program as LLVM alone makes it, in which pmig's calls do nothing. Tells whether a fault is the driver's or that
 * of the instrumentation. */
#ifndef PMIG_INSTRUMENT_PLAIN_H
#define PMIG_INSTRUMENT_PLAIN_H

#include <base/error.h>

#include <llvm-c/TargetMachine.h>
#include <llvm-c/Types.h>

/* Works on `m` in place. `level` is 0..3. Errors: PMIG_EINVAL. */
PMIG_MUST_CHECK int plain_optimise(LLVMModuleRef m, LLVMTargetMachineRef machine, int level);

/* LLVM's own passes over `m`, by their names; `machine` may be NULL. Errors: PMIG_EINVAL. */
PMIG_MUST_CHECK int plain_passes(LLVMModuleRef m, LLVMTargetMachineRef machine, const char *passes);

#endif
