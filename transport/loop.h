/* loop: one thread waits for descriptors, timers and signals and calls back. Used by agent and supervisor.
 *
 * Sources may be added, changed and removed from within callbacks, the one that runs included. */
#ifndef PMIG_TRANSPORT_LOOP_H
#define PMIG_TRANSPORT_LOOP_H

#include "../runtime/base/error.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

struct loop;
struct loop_source;
typedef void loop_ready(void *context, short events);
typedef void loop_fire(void *context);
typedef void loop_signal(void *context, const struct signalfd_siginfo *info);

int loop_create(struct loop **ret_loop) PMIG_MUST_CHECK;
void loop_destroy(struct loop *l); /* NULL is fine; frees all sources, closes no descriptor but its own */

/* Calls `ready` when `fd` (borrowed) has one of `events` or an error. PMIG_ENOMEM. */
int loop_add(struct loop *l, int fd, short events, loop_ready *ready, void *context,
	struct loop_source **ret_source) PMIG_MUST_CHECK;
void loop_watch(struct loop_source *s, short events); /* 0: not even errors */
void loop_remove(struct loop_source **s);             /* sets it NULL; NULL is fine */

/* Calls `fire` once, `ms` from now; the source is gone then (*ret_source is set to NULL before the call, so it must outlive
 * the timer). PMIG_ENOMEM. */
int loop_after(struct loop *l, int ms, loop_fire *fire, void *context, struct loop_source **ret_source);

/* Calls `fire` once, when all that is ready now has been called back and before anything is waited for: for what many may ask for in one
 * round and is to be done once. As for timers, the source is gone then; what is asked for by such a call comes in the next round.
 * PMIG_ENOMEM. */
int loop_soon(struct loop *l, loop_fire *fire, void *context, struct loop_source **ret_source);
int loop_last(struct loop *l, loop_fire *fire, void *context, struct loop_source **ret_source); /* after all of these */

/* Blocks the signals for this thread and calls back instead. Once per loop. */
int loop_signals(struct loop *l, const sigset_t *set, loop_signal *caught, void *context) PMIG_MUST_CHECK;

/* Until loop_stop(); returns what that was given, or PMIG_EIO. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l, int result);

#endif
