/* stop: what happens at a safe point when somebody asks. */
#ifndef PMIG_STOP_H
#define PMIG_STOP_H

#include "base/error.h"

/* Installs the handler of CONTROL_SIGNAL. */
void stop_start(void);

/* While nonzero, safe points of the calling thread do nothing (hooks and the runtime itself run). */
void stop_hold(int delta);

/* What the poll flag of a thread that begins is to be. Under thread_lock(). */
int stop_wanted(void);

/* A thread has ended: all others may stand still now. Under thread_lock(). */
void stop_thread_ended(void);

/* What the handler of CONTROL_SIGNAL would have done to the calling thread while it was held, or in another process. */
void stop_missed(void);

/* In the child of a fork: nothing is asked of it. */
void stop_forked(void);

/* Tells the hooks, whose safe points do nothing meanwhile. */
void stop_tell(enum pmig_outcome outcome, const char *from, const char *reason);

#endif
