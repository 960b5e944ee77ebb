/* wait_epoll: epoll_wait() and its family. */
#include "wait.h"

#include "reference/replaced.h"
#include "wait_mask.h"
#include "wait_time.h"

int pmig_epoll_wait(int epoll, struct epoll_event *ret_events, int n, int ms);
int pmig_epoll_pwait(int epoll, struct epoll_event *ret_events, int n, int ms, const sigset_t *mask);
int pmig_epoll_pwait2(int epoll, struct epoll_event *ret_events, int n, const struct timespec *limit, const sigset_t *mask);

/* Milliseconds, rounded up: nobody is woken too early. */
static int in_ms(struct timespec t)
{
	return t.tv_sec >= INT_MAX / 1000 ? INT_MAX : (int)(t.tv_sec * 1000 + (t.tv_nsec + 999999) / 1000000);
}

WAIT_CALL int pmig_epoll_pwait(int epoll, struct epoll_event *ret_events, int n, int ms, const sigset_t *mask)
{
	struct wait_mask m = wait_mask_of(mask);
	uint32_t handled = wait_mask_handled(&m);
	struct timespec limit = {ms / 1000, ms % 1000 * 1000000l}, deadline = {0};
	if (ms > 0)
		deadline = wait_from_now(CLOCK_MONOTONIC, &limit);
	for (;;) {
		long r = wait_mask_again(&m, ms == 0, handled);
		if (r == 0)
			r = pmig_block_masked(wait_mask_during(&m), SYS_epoll_pwait, epoll, (long)ret_events, n, ms,
				(long)wait_mask_during(&m), sizeof m.during);
		if (r != BLOCK_STOPPED)
			return (int)wait_result(wait_mask_end(&m, r));
		m.stopped = true;
		if (ms > 0)
			ms = in_ms(wait_left(CLOCK_MONOTONIC, deadline));
	}
}

int pmig_epoll_wait(int epoll, struct epoll_event *ret_events, int n, int ms)
{
	return pmig_epoll_pwait(epoll, ret_events, n, ms, NULL);
}

WAIT_CALL int pmig_epoll_pwait2(int epoll, struct epoll_event *ret_events, int n, const struct timespec *limit,
	const sigset_t *mask)
{
	struct wait_mask m = wait_mask_of(mask);
	uint32_t handled = wait_mask_handled(&m);
	bool timed = limit != NULL && (limit->tv_sec != 0 || limit->tv_nsec != 0);
	struct timespec left = limit != NULL ? *limit : (struct timespec){0}, deadline = {0};
	if (timed)
		deadline = wait_from_now(CLOCK_MONOTONIC, limit);
	for (;;) {
		long r = wait_mask_again(&m, limit != NULL && !timed, handled);
		if (r == 0)
			r = pmig_block_masked(wait_mask_during(&m), SYS_epoll_pwait2, epoll, (long)ret_events, n,
				limit != NULL ? (long)&left : 0, (long)wait_mask_during(&m), sizeof m.during);
		if (r != BLOCK_STOPPED)
			return (int)wait_result(wait_mask_end(&m, r));
		m.stopped = true;
		if (timed)
			left = wait_left(CLOCK_MONOTONIC, deadline);
	}
}
