/* wait_socket: what is left of the time that a socket itself sets, after a stop. */
#include "wait.h"

#include "wait_time.h"

#include <poll.h>

long pmig_wait_socket(int fd, int option, const struct timespec *begun, uint32_t handled)
{
	struct timeval limit = {0};
	socklen_t size = sizeof limit;
	long r = wait_again(BLOCK_BREAKER, handled);
	if (r < 0 || getsockopt(fd, SOL_SOCKET, option, &limit, &size) < 0 || (limit.tv_sec == 0 && limit.tv_usec == 0))
		return r;
	struct timespec t = {limit.tv_sec, limit.tv_usec * 1000}, deadline = wait_later(*begun, &t);
	deadline = wait_later(deadline,
		&(struct timespec){0, WAIT_SECOND / 100}); /* a tick: begun is that of a coarse clock */
	struct pollfd p = {.fd = fd, .events = option == SO_RCVTIMEO ? POLLIN : POLLOUT};
	for (;;) {
		struct timespec rest = wait_left(CLOCK_MONOTONIC, deadline);
		r = pmig_block(SYS_ppoll, (long)&p, 1, (long)&rest, 0, 0, 0);
		if (r != BLOCK_STOPPED)
			return r < 0 ? r : r == 0 ? -EAGAIN : 0;
		r = wait_again(BLOCK_BREAKER, handled);
		if (r < 0)
			return r;
	}
}
