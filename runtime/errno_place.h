/* errno_place: variables of the program that hold the address of errno, as some do to ask for it faster. It is another address
 * in each process: the variables are noted at a checkpoint and set anew after a restore.
 *
 * The main thread's errno only: it is there as long as the program. */
#ifndef PMIG_ERRNO_PLACE_H
#define PMIG_ERRNO_PLACE_H

#include "base/error.h"

#include <stdbool.h>

/* By the main thread of a process that starts. Error: PMIG_ENOMEM. */
PMIG_MUST_CHECK int errno_place_start(void);

/* Before a checkpoint's search: none is known. */
void errno_place_forget(void);

/* A variable that holds `pointer`. False: that is not the address of errno, or there are too many of them. */
bool errno_place_note(const void *variable, const void *pointer);

/* By the main thread after a restore, when memory and globals are there. */
void errno_place_set(void);

#endif
