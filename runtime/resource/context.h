/* context: what a process has in the kernel and in libc besides descriptors, streams, signals and clocks: working
 * directory, umask, limits, priority, name, locale, time zone, random numbers, getopt's variables, floating-point
 * modes. */
#ifndef PMIG_RESOURCE_CONTEXT_H
#define PMIG_RESOURCE_CONTEXT_H

#include "record.h"

/* Puts the state of random() into the arena. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int context_start(void);

/* Errors: PMIG_EREFUSED (children or other threads, a working directory that was removed). */
PMIG_MUST_CHECK int context_save(struct record_writer *w);

/* `directory`: instead of the saved working directory; NULL: that one. Errors: PMIG_EREFUSED (it is not here; the
 * locale is not here), PMIG_ECORRUPT. */
PMIG_MUST_CHECK int context_restore(struct record_reader *r, const char *directory);

#endif
