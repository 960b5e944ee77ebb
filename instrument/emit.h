/* emit: object files, by LLVM's x86-64 back end. */
#ifndef PMIG_INSTRUMENT_EMIT_H
#define PMIG_INSTRUMENT_EMIT_H

#include <base/error.h>

#include <llvm-c/TargetMachine.h>
#include <llvm-c/Types.h>

/* A target machine for what `m` was compiled for: the processor and features that its functions name, the static
 * relocation model. `level` is 0..3. The caller disposes of it. Errors: PMIG_ENOSUPPORT. */
PMIG_MUST_CHECK int emit_machine(LLVMModuleRef m, int level, LLVMTargetMachineRef *ret_machine);

/* Generates code for `m` and writes it to `path`. Errors: PMIG_EIO, PMIG_EINVAL (inline assembly that cannot be
 * assembled; LLVM has said which). */
PMIG_MUST_CHECK int emit_object(LLVMModuleRef m, LLVMTargetMachineRef machine, const char *path);

#endif
