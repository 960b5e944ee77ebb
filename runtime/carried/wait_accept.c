/* wait_accept: connections, of either end. */
#include "wait.h"

#include "reference/replaced.h"

int pmig_accept(int fd, struct sockaddr *ret_address, socklen_t *size);
int pmig_accept4(int fd, struct sockaddr *ret_address, socklen_t *size, int flags);
int pmig_connect(int fd, const struct sockaddr *address, socklen_t size);

/* What came in by a door (reference/door.h) and has no business here is no connection: the next one. */
WAIT_INLINE int accept_next(long number, int fd, struct sockaddr *ret_address, socklen_t *size, int flags)
{
	socklen_t room = ret_address != NULL && size != NULL ? *size : 0;
	for (;;) {
		long r = wait_descriptor(SO_RCVTIMEO, number, fd, ret_address, size, flags);
		if (r >= 0 || r == -EINVAL)
			r = pmig_accepted(fd, (int)r, ret_address, size, room);
		if (r != -ERESTART)
			return (int)wait_result(r);
		if (ret_address != NULL && size != NULL)
			*size = room;
	}
}

WAIT_CALL int pmig_accept(int fd, struct sockaddr *ret_address, socklen_t *size)
{
	return accept_next(SYS_accept4, fd, ret_address, size, 0);
}

WAIT_CALL int pmig_accept4(int fd, struct sockaddr *ret_address, socklen_t *size, int flags)
{
	return accept_next(SYS_accept4, fd, ret_address, size, flags);
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
