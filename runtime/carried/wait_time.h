/* wait_time: deadlines on the program's own clocks, which stand still while it is on its way. */
#ifndef PMIG_CARRIED_WAIT_TIME_H
#define PMIG_CARRIED_WAIT_TIME_H

#include "resource/replaced.h"

#include <limits.h>
#include <stdbool.h>
#include <time.h>

#define WAIT_SECOND 1000000000l

static inline bool wait_is_time(const struct timespec *t)
{
	return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < WAIT_SECOND;
}

static inline struct timespec wait_later(struct timespec from, const struct timespec *by)
{
	struct timespec t = {from.tv_sec, from.tv_nsec + by->tv_nsec};
	if (t.tv_nsec >= WAIT_SECOND)
		t.tv_sec++, t.tv_nsec -= WAIT_SECOND;
	if (__builtin_add_overflow(t.tv_sec, by->tv_sec, &t.tv_sec))
		t.tv_sec = LONG_MAX;
	return t;
}

static inline struct timespec wait_from_now(clockid_t id, const struct timespec *by)
{
	struct timespec now = {0};
	(void)pmig_clock_gettime(id, &now);
	return wait_later(now, by);
}

/* What is left until `deadline`; nothing if it has passed. */
static inline struct timespec wait_left(clockid_t id, struct timespec deadline)
{
	struct timespec now = {0};
	(void)pmig_clock_gettime(id, &now);
	struct timespec t = {deadline.tv_sec - now.tv_sec, deadline.tv_nsec - now.tv_nsec};
	if (t.tv_nsec < 0)
		t.tv_sec--, t.tv_nsec += WAIT_SECOND;
	return t.tv_sec < 0 ? (struct timespec){0} : t;
}

#endif
