/* instrument: turns one whole-program module into one whose functions can be taken apart and resumed at safe points. */
#ifndef PMIG_INSTRUMENT_H
#define PMIG_INSTRUMENT_H

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>
#include <stdbool.h>
#include <stdio.h>

enum instrument_safepoints {
	INSTRUMENT_MANUAL = 1, /* only where the program calls pmig_safepoint() */
	INSTRUMENT_ENTRY,      /* also at the entry of every function that the program defines */
	INSTRUMENT_LOOPS,      /* also at every loop back-edge */
	INSTRUMENT_AUTO        /* wherever they are needed, so that the next one is never far */
};

struct instrument_options {
	enum instrument_safepoints safepoints;
	int level;     /* 0..3, s and z count as 2: the -O level of the link */
	bool debug;    /* the user asked for -g: clones get debug information too */
	bool strict;   /* an external function that nobody has listed is an error, not a warning */
	FILE *explain; /* where --explain goes; NULL: nowhere */
};

/* Works on `m` (one merged, not yet optimised module) in place: checks that everything in it can be carried, rewrites calls,
 * optimises, instruments, adds the tables that the runtime reads. Complaints go to standard error as
 * `file:line: error: ...`. Returns 0, or the number of errors (then `m` must not be used). */
int instrument_module(LLVMModuleRef m, LLVMTargetMachineRef tm, const struct instrument_options *o);

#endif
