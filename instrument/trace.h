/* trace: what the linker's first link (cc_link.c) tells about symbols: which of the program's are referred to from outside
 * the units that pmig-cc compiled.
 *
 * The trace is linked with --emit-relocs. The functions of units are empty and their data is zero, so that every relocation
 * comes from elsewhere: the C start files, other compilers' objects; and what shared libraries refer to is in the
 * dynamic symbol table. */
#ifndef PMIG_INSTRUMENT_TRACE_H
#define PMIG_INSTRUMENT_TRACE_H

#include <base/error.h>

#include <stddef.h>

/* Calls `visit` for the name of each symbol, possibly several times; names are borrowed from `file`. Returns 1, or 0 when
 * the file does not tell (it has no symbol table). Errors: PMIG_ECORRUPT. */
PMIG_MUST_CHECK int trace_visit(const void *file, size_t size, void (*visit)(void *context, const char *name),
	void *context);

#endif
