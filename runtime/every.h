/* every: the test mode, which continues the program in a fresh process at every k-th safe point. What the tests of all captured
 * constructs use: PMIG_EVERY=INTERVAL[:MOST] PMIG_EVERY_IMAGE=PATH [PMIG_EVERY_COUNT=PATH] [PMIG_EVERY_STACKS=PATH] ./program.
 * INTERVAL < 0: at random ones, about twice of it apart at the most. COUNT becomes how often it was done; to STACKS a line is added for
 * each time and thread: the number, the thread, and its functions with their lines, innermost first. */
#ifndef PMIG_EVERY_H
#define PMIG_EVERY_H

#include "frame/walk.h"

/* Looks at the environment, and takes these variables out of it. Returns the descriptor of the image that this process continues
 * from; -1: it starts, or is in no test mode. */
int every_start(void);

/* In the child of a fork: nothing is restored there. */
void every_leave(void);

/* Whether the process was started in test mode: every_mode.c. */
extern bool every_mode;

/* Does the test mode look at safe points? */
bool every_on(void);

/* Counts a safe point; true: it is one to restore at. By any thread. */
bool every_due(void);

/* All threads stand still, with their frames by block: writes an image, ends, and continues from it in a fresh process (the same process
 * id, by execve). Returns only if this is not the time: at the next safe point then. What cannot be done is said and ends
 * the test. */
void every_restore(struct walk_buffer *const *frames);

/* Ends the test with a sentence. */
_Noreturn void every_fail(const char *why);

#endif
