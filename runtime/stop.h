/* stop: what happens at a safe point when somebody asks. */
#ifndef PMIG_STOP_H
#define PMIG_STOP_H

#include "base/error.h"

/* Installs the handler of CONTROL_SIGNAL. */
void stop_start(void);

/* At every `interval`-th safe point (< 0: at random ones, that far apart on average), at most `most` times (< 0: any
 * number): writes an image to `path`, ends, and continues from it in a fresh process (the same process id, by
 * execve). `count_path` (may be NULL): a file that holds how often. The paths are borrowed. What the tests of all captured constructs use:
 * PMIG_EVERY=INTERVAL[:MOST] PMIG_EVERY_IMAGE=PATH [PMIG_EVERY_COUNT=PATH] ./program. */
void stop_every(long interval, long most, const char *path, const char *count_path);

/* While nonzero, safe points do nothing (hooks and the runtime itself run). */
void stop_hold(int delta);

/* Tells the hooks, whose safe points do nothing meanwhile. */
void stop_tell(enum pmig_outcome outcome, const char *from, const char *reason);

#endif
