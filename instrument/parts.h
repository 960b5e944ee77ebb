/* parts: code generation of one module in several objects, by several threads. It is what takes most of the time of a link.
 *
 * The module is written as bitcode once; each thread reads it into a context of its own, keeps the functions of its part and
 * generates code for them. What was local to the module is hidden now, since the parts use it of each other; whoever joins the objects
 * (pmig-cc: ld -r) makes it local again. Which function is in which part depends on the module alone, so that two links of the same
 * sources give the same program on any machine. */
#ifndef PMIG_INSTRUMENT_PARTS_H
#define PMIG_INSTRUMENT_PARTS_H

#include <base/error.h>

#include <llvm-c/Types.h>

#define PARTS_MAX 8

/* In how many parts: `wanted`, or, where that is 0, by the size of the module. 1 for modules that cannot be taken apart (assembly
 * outside of functions, aliases, addresses of labels) or are to be debugged, where each part would repeat what all share. */
unsigned parts_count(LLVMModuleRef m, unsigned wanted, bool debug);

/* Generates code for `m`, which is unusable then: part 0 into `path`, part k into `path`.k, and the names that must become local, one a
 * line, into `path`.local. Errors: as emit_object(). */
PMIG_MUST_CHECK int parts_emit(LLVMModuleRef m, int level, unsigned count, const char *path);

#endif
