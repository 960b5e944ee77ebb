/* nothing: what keeps the numbers of a descriptor that was dropped, or that a hook is to obtain anew. */
#ifndef PMIG_KIND_NOTHING_H
#define PMIG_KIND_NOTHING_H

#include "../base/error.h"

/* A new one, close-on-exec: reading, writing and whatever else fail with EBADF, and no other file gets the number, into which the program
 * would then write. Error: PMIG_EIO. */
PMIG_MUST_CHECK int nothing_open(void);

#endif
