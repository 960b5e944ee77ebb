/* wait_sleep: sleeping, and waiting for nothing but a signal. What is left to sleep is known by a deadline on the
 * program's own clock, which stands still while the program is on its way. */
#include "wait.h"

#include "wait_time.h"

#include <threads.h>
#include <unistd.h>

int pmig_nanosleep(const struct timespec *request, struct timespec *ret_rest);
int pmig_clock_nanosleep(clockid_t id, int flags, const struct timespec *request, struct timespec *ret_rest);
unsigned pmig_sleep(unsigned seconds);
int pmig_usleep(useconds_t us);
int pmig_pause(void);
int pmig_thrd_sleep(const struct timespec *request, struct timespec *ret_rest);

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
	if (!wait_is_time(request))
		return EINVAL;
	if (id == CLOCK_REALTIME && !absolute)
		id = CLOCK_MONOTONIC; /* setting the clock does not change how long it takes */
	if (!absolute)
		deadline = wait_from_now(id, request);
	long r = sleep_until(id, deadline);
	if (r == -EINTR && !absolute && ret_rest != NULL)
		*ret_rest = wait_left(id, deadline);
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

/* C11, 7.26.5.7 */
int pmig_thrd_sleep(const struct timespec *request, struct timespec *ret_rest)
{
	int r = pmig_clock_nanosleep(CLOCK_REALTIME, 0, request, ret_rest);
	return r == 0 ? 0 : r == EINTR ? -1 : -2;
}

WAIT_CALL int pmig_pause(void)
{
	return (int)wait_result(wait_call(BLOCK_ANY, SYS_ppoll, NULL, 0, NULL, NULL, 0));
}
