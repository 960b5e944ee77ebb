/* wait_poll: poll() and its family. */
#include "wait.h"

#include "reference/replaced.h"
#include "wait_mask.h"
#include "wait_time.h"

#include <stdlib.h>

#define MASK_SIZE 8 /* the kernel's signal sets */

/* limit NULL: for ever */
static long poll_until(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	bool timed = limit != NULL && (limit->tv_sec != 0 || limit->tv_nsec != 0);
	struct wait_mask m = wait_mask_of(mask);
	uint32_t handled = wait_mask_handled(&m);
	struct timespec left = limit != NULL ? *limit : (struct timespec){0}, deadline = {0};
	if (timed)
		deadline = wait_from_now(CLOCK_MONOTONIC, limit);
	for (;;) {
		long r = wait_mask_again(&m, limit != NULL && !timed, handled);
		if (r == 0)
			r = pmig_block_masked(wait_mask_during(&m), SYS_ppoll, (long)fds, (long)n,
				limit != NULL ? (long)&left : 0, (long)wait_mask_during(&m), MASK_SIZE, 0);
		if (r != BLOCK_STOPPED)
			return wait_mask_end(&m, r);
		m.stopped = true;
		if (timed)
			left = wait_left(CLOCK_MONOTONIC, deadline);
	}
}

WAIT_CALL int pmig_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	if (limit != NULL && !wait_is_time(limit))
		return (int)wait_result(-EINVAL);
	if (pmig_remote_polled(fds, n))
		return pmig_file_ppoll(fds, n, limit, mask);
	return (int)wait_result(poll_until(fds, n, limit, mask));
}

int pmig_poll_files(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec limit = {ms / 1000, ms % 1000 * 1000000l};
	return pmig_ppoll(fds, n, ms >= 0 ? &limit : NULL, NULL);
}

int pmig_poll_files_chk(struct pollfd *fds, nfds_t n, int ms, size_t room)
{
	if (n > room / sizeof *fds)
		abort();
	return pmig_poll_files(fds, n, ms);
}

int pmig_ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask, size_t room)
{
	if (n > room / sizeof *fds)
		abort();
	return pmig_ppoll(fds, n, limit, mask);
}
