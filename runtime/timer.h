/* timer: interval timers, timer_create(2) and setitimer(2): each goes on after a move with the time that was left; one that was set to a
 * date (TIMER_ABSTIME of CLOCK_REALTIME) goes off at that date. SIGEV_THREAD is carried/timer_thread.c.
 *
 * Normal usage, with all signals blocked: timer_read() until it says that none has run off meanwhile; timer_save(); in the
 * restored process timer_restore(). */
#ifndef PMIG_TIMER_H
#define PMIG_TIMER_H

#include "resource/record.h"

#include <signal.h>
#include <stdbool.h>
#include <time.h>

/* Takes down how much is left. True: one has run off since the last call, so that its signal may wait now. */
bool timer_read(void);

/* Of the last timer_read(). Those of timer_create() lie in the arena. Error: PMIG_EREFUSED: one belongs to this host. */
PMIG_MUST_CHECK int timer_save(struct record_writer *w);

/* Starts them; what they send waits until the signals are let through. Errors: PMIG_EREFUSED (a clock that this host does not have),
 * PMIG_ECORRUPT. */
PMIG_MUST_CHECK int timer_restore(struct record_reader *r);

/* What programs call in place of libc's functions without the prefix (pmig_timer_create_signal: timer_create without SIGEV_THREAD). */
int pmig_timer_create_signal(clockid_t clock, const struct sigevent *event, timer_t *ret);
int pmig_timer_delete_signal(timer_t timer);
int pmig_timer_settime_signal(timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *ret_old);
int pmig_timer_gettime_signal(timer_t timer, struct itimerspec *ret);
int pmig_timer_getoverrun_signal(timer_t timer);
int pmig_timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *ret_old);

#endif
