/* wait_copy: from one descriptor to another. */
#include "wait.h"

#include "reference/replaced.h"

ssize_t pmig_tee(int in, int out, size_t size, unsigned flags);
ssize_t pmig_vmsplice(int fd, const struct iovec *parts, size_t n, unsigned flags);

WAIT_CALL ssize_t pmig_sendfile(int out, int in, off_t *offset, size_t size)
{
	size_t done = 0;
	if (pmig_remote(in) || pmig_remote(out))
		return pmig_file_sendfile(out, in, offset, size);
	for (;;) {
		long r = wait_descriptor(SO_SNDTIMEO, SYS_sendfile, out, in, offset, size - done);
		if (r <= 0)
			return done > 0 ? (ssize_t)done : wait_result(r);
		done += (size_t)r;
		if (done == size || pmig_asked == 0)
			return (ssize_t)done;
	}
}

WAIT_CALL ssize_t pmig_splice(int in, off_t *from, int out, off_t *to, size_t size, unsigned flags)
{
	if (pmig_remote(in) || pmig_remote(out))
		return pmig_file_splice(in, from, out, to, size, flags);
	return wait_result(wait_call(BLOCK_BREAKER, SYS_splice, in, from, out, to, size, flags));
}

WAIT_CALL ssize_t pmig_tee(int in, int out, size_t size, unsigned flags)
{
	return wait_result(wait_call(BLOCK_BREAKER, SYS_tee, in, out, size, flags));
}

/* The pages are given to the pipe: before the next safe point they must have been read from there. (fcntl(2),
 * vmsplice(2)) */
WAIT_CALL ssize_t pmig_vmsplice(int fd, const struct iovec *parts, size_t n, unsigned flags)
{
	return wait_result(wait_call(BLOCK_BREAKER, SYS_vmsplice, fd, parts, n, flags));
}
