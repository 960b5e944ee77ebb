/* bound: what ties the program to this host for as long as it has it, found at each checkpoint and refused by name. The list
 * lies in libc's memory: it is never in an image. */
#ifndef PMIG_RESOURCE_BOUND_H
#define PMIG_RESOURCE_BOUND_H

#include "../base/error.h"

/* From now on a checkpoint is refused with this sentence, which says what the program can do. `key` (may be NULL: for good) is
 * what bound_release() gets; one key may come several times. Thread-safe. */
void bound_to(const void *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bound_release(const void *key);

/* Errors: PMIG_EREFUSED, with the sentence of the oldest that still holds. */
PMIG_MUST_CHECK int bound_check(void);

#endif
