/* wait_receive: recv() and its family. */
#include "wait.h"

#include "wait_time.h"

#include <stdlib.h>

ssize_t pmig_recv(int fd, void *to, size_t size, int flags);
ssize_t pmig_recv_chk(int fd, void *to, size_t size, size_t room, int flags);
ssize_t pmig_recvfrom(int fd, void *to, size_t size, int flags, struct sockaddr *ret_address, socklen_t *address_size);
ssize_t pmig_recvfrom_chk(int fd, void *to, size_t size, size_t room, int flags, struct sockaddr *ret_address,
	socklen_t *address_size);
ssize_t pmig_recvmsg(int fd, struct msghdr *message, int flags);
int pmig_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *limit);

/* A call that had an effect on `r` of `size` bytes would not have ended so but for the request. To messages the flag means nothing: recv(2). */
static bool is_short(int fd, long r, size_t size, int flags)
{
	int type = 0;
	socklen_t length = sizeof type;
	return (flags & MSG_WAITALL) != 0 && wait_stopped_short(r, size) &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

/* What is only looked at is looked at from its beginning. */
WAIT_CALL ssize_t pmig_recvfrom(int fd, void *to, size_t size, int flags, struct sockaddr *ret_address,
	socklen_t *address_size)
{
	long r = wait_descriptor(SO_RCVTIMEO, SYS_recvfrom, fd, to, size, flags, ret_address, address_size), more = 1;
	while ((flags & MSG_PEEK) != 0 && more > 0 && is_short(fd, r, size, flags)) {
		more = wait_descriptor(SO_RCVTIMEO, SYS_recvfrom, fd, to, size, flags);
		r = more > 0 ? more : r;
	}
	if ((flags & MSG_PEEK) == 0 && is_short(fd, r, size, flags)) {
		struct iovec part = {to, size};
		r = pmig_wait_rest(SYS_recvmsg, fd, &part, 1, (size_t)r, flags);
	}
	return wait_result(r);
}

ssize_t pmig_recv(int fd, void *to, size_t size, int flags)
{
	return pmig_recvfrom(fd, to, size, flags, NULL, NULL);
}

ssize_t pmig_recvfrom_chk(int fd, void *to, size_t size, size_t room, int flags, struct sockaddr *ret_address,
	socklen_t *address_size)
{
	if (size > room)
		abort();
	return pmig_recvfrom(fd, to, size, flags, ret_address, address_size);
}

ssize_t pmig_recv_chk(int fd, void *to, size_t size, size_t room, int flags)
{
	return pmig_recvfrom_chk(fd, to, size, room, flags, NULL, NULL);
}

static size_t room_of(const struct msghdr *message)
{
	size_t room = 0;
	for (size_t i = 0; i < message->msg_iovlen; i++)
		room += message->msg_iov[i].iov_len;
	return room;
}

WAIT_CALL ssize_t pmig_recvmsg(int fd, struct msghdr *message, int flags)
{
	const struct msghdr wanted = *message;
	long r = wait_descriptor(SO_RCVTIMEO, SYS_recvmsg, fd, message, flags), more = 1;
	while ((flags & MSG_PEEK) != 0 && more > 0 && is_short(fd, r, room_of(&wanted), flags)) {
		struct msghdr again = wanted;
		more = wait_descriptor(SO_RCVTIMEO, SYS_recvmsg, fd, &again, flags);
		if (more > 0)
			*message = again;
		r = more > 0 ? more : r;
	}
	if ((flags & MSG_PEEK) == 0 && is_short(fd, r, room_of(&wanted), flags))
		r = pmig_wait_rest(SYS_recvmsg, fd, wanted.msg_iov, wanted.msg_iovlen, (size_t)r, flags);
	return wait_result(r);
}

/* The time limit is looked at by the kernel when a message has come, and only then: recvmmsg(2). */
WAIT_CALL int pmig_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *limit)
{
	uint32_t handled = block_count(BLOCK_BREAKER);
	struct timespec deadline = limit != NULL ? wait_from_now(CLOCK_MONOTONIC, limit) : (struct timespec){0};
	unsigned done = 0;
	for (;;) {
		long r = wait_again(BLOCK_BREAKER, handled);
		if (limit != NULL)
			*limit = wait_left(CLOCK_MONOTONIC, deadline);
		if (r == 0)
			r = wait_transfer(SYS_recvmmsg, fd, (long)(messages + done), n - done, flags, (long)limit, 0);
		if (r == BLOCK_STOPPED)
			continue;
		if (r < 0)
			return done > 0 ? (int)done : (int)wait_result(r);
		done += (unsigned)r;
		if (done == n || pmig_asked == 0 || (flags & MSG_WAITFORONE) != 0)
			return (int)done;
	}
}
