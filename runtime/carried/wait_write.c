/* wait_write: writing by descriptor. What a request interrupts in the middle goes on with the rest. */
#include "wait.h"

#include "reference/replaced.h"

WAIT_CALL ssize_t pmig_write(int fd, const void *from, size_t size)
{
	if (pmig_remote(fd))
		return pmig_file_write(fd, from, size);
	long r = wait_descriptor(SO_SNDTIMEO, SYS_write, fd, from, size);
	if (wait_stopped_short(r, size)) {
		struct iovec part = {(void *)from, size};
		r = pmig_wait_rest(SYS_writev, fd, &part, 1, (size_t)r, 0);
	}
	return wait_result(r);
}

WAIT_CALL ssize_t pmig_writev(int fd, const struct iovec *parts, int n)
{
	if (pmig_remote(fd))
		return pmig_file_writev(fd, parts, n);
	long r = wait_descriptor(SO_SNDTIMEO, SYS_writev, fd, parts, n);
	if (r > 0 && pmig_asked != 0)
		r = pmig_wait_rest(SYS_writev, fd, parts, (size_t)n, (size_t)r, 0);
	return wait_result(r);
}
