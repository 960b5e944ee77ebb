/* ending: what atexit() and its kind were told, in the arena. libc runs the list as the one thing that it was told
 * itself, however the process ends. */
#ifndef PMIG_RESOURCE_ENDING_H
#define PMIG_RESOURCE_ENDING_H

#include "../base/error.h"

/* In every process, started or restored. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int ending_start(void);

#endif
