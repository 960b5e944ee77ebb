/* wait_read: reading by descriptor. */
#include "wait.h"

#include "reference/replaced.h"

#include <stdlib.h>

WAIT_CALL ssize_t pmig_read(int fd, void *to, size_t size)
{
	if (pmig_remote(fd))
		return pmig_file_read(fd, to, size);
	return wait_result(wait_descriptor(SO_RCVTIMEO, SYS_read, fd, to, size));
}

ssize_t pmig_read_chk(int fd, void *to, size_t size, size_t room)
{
	if (size > room)
		abort();
	return pmig_read(fd, to, size);
}

WAIT_CALL ssize_t pmig_readv(int fd, const struct iovec *parts, int n)
{
	if (pmig_remote(fd))
		return pmig_file_readv(fd, parts, n);
	return wait_result(wait_descriptor(SO_RCVTIMEO, SYS_readv, fd, parts, n));
}
