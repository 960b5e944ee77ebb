/* job: something that blocks, done by a thread of its own while the event loop goes on. */
#ifndef PMIG_SUPERVISOR_JOB_H
#define PMIG_SUPERVISOR_JOB_H

#include "transport/loop.h"

struct job;

/* `work` runs in the thread; its result and its reason are given to `done`, in the loop's thread, after which the job is
 * gone. Both get `context`. */
int job_start(struct loop *loop, int (*work)(void *context), void (*done)(void *context, int result), void *context,
	struct job **ret_job) PMIG_MUST_CHECK;

/* Waits for the thread; `done` will not be called. NULL is fine. */
void job_abandon(struct job *job);

#endif
