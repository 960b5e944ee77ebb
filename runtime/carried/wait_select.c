/* wait_select: select() and pselect(). */
#include "wait.h"

#include "reference/replaced.h"
#include "wait_mask.h"
#include "wait_time.h"

/* As pselect(), and what was left of the time; ret_left NULL where limit is. The kernel leaves the sets alone when it is
 * interrupted. */
static long select_until(int n, fd_set *in, fd_set *out, fd_set *special, const struct timespec *limit, const sigset_t *mask,
	struct timespec *ret_left)
{
	struct wait_mask m = wait_mask_of(mask);
	uint32_t handled = wait_mask_handled(&m);
	long masked[2] = {(long)wait_mask_during(&m), sizeof m.during};
	bool timed = limit != NULL && (limit->tv_sec != 0 || limit->tv_nsec != 0);
	struct timespec left = limit != NULL ? *limit : (struct timespec){0}, deadline = {0};
	long r;
	if (timed)
		deadline = wait_from_now(CLOCK_MONOTONIC, limit);
	for (;;) {
		r = wait_mask_again(&m, limit != NULL && !timed, handled);
		if (r == 0)
			r = pmig_block_masked(wait_mask_during(&m), SYS_pselect6, n, (long)in, (long)out, (long)special,
				limit != NULL ? (long)&left : 0, (long)masked);
		if (timed)
			left = wait_left(CLOCK_MONOTONIC, deadline);
		if (r != BLOCK_STOPPED)
			break;
		m.stopped = true;
	}
	*ret_left = left;
	return wait_mask_end(&m, r);
}

WAIT_CALL int pmig_pselect(int n, fd_set *in, fd_set *out, fd_set *special, const struct timespec *limit,
	const sigset_t *mask)
{
	struct timespec left;
	if (limit != NULL && !wait_is_time(limit))
		return (int)wait_result(-EINVAL);
	if (pmig_remote_any())
		return pmig_file_pselect(n, in, out, special, limit, mask);
	return (int)wait_result(select_until(n, in, out, special, limit, mask, &left));
}

/* Linux tells what was left: select(2). */
WAIT_CALL int pmig_select(int n, fd_set *in, fd_set *out, fd_set *special, struct timeval *limit)
{
	struct timespec t, left;
	if (limit == NULL)
		return pmig_pselect(n, in, out, special, NULL, NULL);
	if (limit->tv_sec < 0 || limit->tv_usec < 0)
		return (int)wait_result(-EINVAL);
	t = (struct timespec){limit->tv_sec + limit->tv_usec / 1000000, limit->tv_usec % 1000000 * 1000};
	if (pmig_remote_any())
		return pmig_file_pselect(n, in, out, special, &t, NULL);
	long r = select_until(n, in, out, special, &t, NULL, &left);
	*limit = (struct timeval){left.tv_sec, left.tv_nsec / 1000};
	return (int)wait_result(r);
}
