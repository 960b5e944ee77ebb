/* wait_accept: connections, of either end. */
#include "wait.h"

int pmig_accept(int fd, struct sockaddr *ret_address, socklen_t *size);
int pmig_accept4(int fd, struct sockaddr *ret_address, socklen_t *size, int flags);
int pmig_connect(int fd, const struct sockaddr *address, socklen_t size);

WAIT_CALL int pmig_accept(int fd, struct sockaddr *ret_address, socklen_t *size)
{
	return (int)wait_result(wait_descriptor(SO_RCVTIMEO, SYS_accept, fd, ret_address, size));
}

WAIT_CALL int pmig_accept4(int fd, struct sockaddr *ret_address, socklen_t *size, int flags)
{
	return (int)wait_result(wait_descriptor(SO_RCVTIMEO, SYS_accept4, fd, ret_address, size, flags));
}

/* What was interrupted may be done by the time that it is tried again. */
WAIT_CALL int pmig_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	uint32_t handled = block_count(BLOCK_BREAKER);
	bool stopped = false;
	for (;;) {
		long r = wait_again(BLOCK_BREAKER, handled);
		if (r == 0)
			r = wait_transfer(SYS_connect, fd, (long)address, size, 0, 0, 0);
		if (r != BLOCK_STOPPED)
			return (int)wait_result(stopped && r == -EISCONN ? 0 : r);
		stopped = true;
	}
}
