/* wait_lock: locks on files. */
#include "wait.h"

#include "reference/replaced.h"

#include <sys/file.h>

WAIT_CALL int pmig_flock(int fd, int operation)
{
	if (pmig_remote(fd))
		return pmig_file_flock(fd, operation);
	return (int)wait_result(wait_call(BLOCK_BREAKER, SYS_flock, fd, operation));
}

WAIT_CALL int pmig_lockf(int fd, int command, off_t size)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = size};
	if (command != F_LOCK || pmig_remote(fd))
		return pmig_file_lockf(fd, command, size);
	return (int)wait_result(wait_call(BLOCK_BREAKER, SYS_fcntl, fd, F_SETLKW, &l));
}
