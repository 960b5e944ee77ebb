/* wait_rest: what is left to do of a call that a request made shorter than it would have been. */
#include "wait.h"

#include <limits.h>

/* The parts without their first `done` bytes; their number. */
static size_t skip(const struct iovec *parts, size_t n, size_t done, struct iovec *ret_rest)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		size_t gone = done < parts[i].iov_len ? done : parts[i].iov_len;
		done -= gone;
		if (gone < parts[i].iov_len)
			ret_rest[k++] = (struct iovec){(char *)parts[i].iov_base + gone, parts[i].iov_len - gone};
	}
	return k;
}

long pmig_wait_rest(long number, int fd, const struct iovec *parts, size_t n, size_t done, int flags)
{
	struct iovec rest[n > 0 && n <= IOV_MAX ? n : 1];
	for (bool more = n > 0 && n <= IOV_MAX; more;) {
		size_t k = skip(parts, n, done, rest), size = 0;
		struct msghdr message = {.msg_iov = rest, .msg_iovlen = k};
		long r = 0;
		for (size_t i = 0; i < k; i++)
			size += rest[i].iov_len;
		if (size == 0)
			break;
		if (number == SYS_writev)
			r = wait_descriptor(SO_SNDTIMEO, SYS_writev, fd, rest, k);
		else
			r = wait_descriptor(number == SYS_recvmsg ? SO_RCVTIMEO : SO_SNDTIMEO, number, fd, &message, flags);
		done += r > 0 ? (size_t)r : 0;
		more = wait_stopped_short(r, size);
	}
	return (long)done;
}
