/* wait_sleep: sleeping, and waiting for nothing but a signal. What is left to sleep is known by a deadline on the program's own clock,
 * which stands still while the program is on its way. */
#include "wait.h"

#include "resource/replaced.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define SECOND 1000000000l

int pmig_nanosleep(const struct timespec *request, struct timespec *ret_rest);
int pmig_clock_nanosleep(clockid_t id, int flags, const struct timespec *request, struct timespec *ret_rest);
unsigned pmig_sleep(unsigned seconds);
int pmig_usleep(useconds_t us);
int pmig_pause(void);

/* What is left until `deadline`; nothing if it has passed. */
static struct timespec left(clockid_t id, struct timespec deadline)
{
	struct timespec now;
	(void)pmig_clock_gettime(id, &now);
	struct timespec t = {deadline.tv_sec - now.tv_sec, deadline.tv_nsec - now.tv_nsec};
	if (t.tv_nsec < 0)
		t.tv_sec--, t.tv_nsec += SECOND;
	return t.tv_sec < 0 ? (struct timespec){0} : t;
}

static struct timespec from_now(clockid_t id, const struct timespec *request)
{
	struct timespec t = {0};
	(void)pmig_clock_gettime(id, &t);
	t.tv_nsec += request->tv_nsec;
	if (t.tv_nsec >= SECOND)
		t.tv_sec++, t.tv_nsec -= SECOND;
	if (__builtin_add_overflow(t.tv_sec, request->tv_sec, &t.tv_sec))
		t.tv_sec = LONG_MAX;
	return t;
}

static long sleep_until(clockid_t id, struct timespec deadline)
{
	uint32_t handled = block_count(BLOCK_ANY);
	for (;;) {
		long r = wait_again(BLOCK_ANY, handled);
		if (r == 0)
			r = pmig_block_sleep(id, &deadline);
		if (r != BLOCK_STOPPED)
			return r;
	}
}

/* The number of the error is the result: clock_nanosleep(2). */
WAIT_CALL int pmig_clock_nanosleep(clockid_t id, int flags, const struct timespec *request, struct timespec *ret_rest)
{
	bool absolute = (flags & TIMER_ABSTIME) != 0;
	struct timespec deadline = *request;
	if (request->tv_sec < 0 || request->tv_nsec < 0 || request->tv_nsec >= SECOND)
		return EINVAL;
	if (id == CLOCK_REALTIME && !absolute)
		id = CLOCK_MONOTONIC; /* setting the clock does not change how long it takes */
	if (!absolute)
		deadline = from_now(id, request);
	long r = sleep_until(id, deadline);
	if (r == -EINTR && !absolute && ret_rest != NULL)
		*ret_rest = left(id, deadline);
	return (int)-r;
}

int pmig_nanosleep(const struct timespec *request, struct timespec *ret_rest)
{
	return (int)wait_result(-pmig_clock_nanosleep(CLOCK_REALTIME, 0, request, ret_rest));
}

unsigned pmig_sleep(unsigned seconds)
{
	struct timespec t = {.tv_sec = seconds};
	return pmig_clock_nanosleep(CLOCK_REALTIME, 0, &t, &t) == EINTR ? (unsigned)t.tv_sec : 0;
}

int pmig_usleep(useconds_t us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000l};
	return pmig_nanosleep(&t, NULL);
}

WAIT_CALL int pmig_pause(void)
{
	return (int)wait_result(wait_call(BLOCK_ANY, SYS_ppoll, NULL, 0, NULL, NULL, 0));
}
