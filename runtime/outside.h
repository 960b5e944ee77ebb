/* outside: pointers from what travels into memory that does not: blocks that libc or a foreign library allocated, libraries, native stacks,
 * what a library has mapped. */
#ifndef PMIG_OUTSIDE_H
#define PMIG_OUTSIDE_H

#include "frame/walk.h"

/* Looks through the program's globals, heap, frame stacks and captured values (by thread block; NULL: none). Error: PMIG_EPOINTER; the reason names where the
 * first such pointer lies, by a variable, and what it leads to. PMIG_EREFUSED: what bound_check() says. */
PMIG_MUST_CHECK int outside_check(struct walk_buffer *const *frames);

#endif
