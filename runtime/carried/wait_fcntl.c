/* wait_fcntl: fcntl(), which waits for locks. */
#include "wait.h"

#include "reference/replaced.h"

WAIT_CALL int pmig_fcntl(int fd, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	void *argument = va_arg(arguments, void *); /* an int comes the same way: as libc has it */
	va_end(arguments);
	if ((command != F_SETLKW && command != F_OFD_SETLKW) || pmig_remote(fd))
		return pmig_file_fcntl(fd, command, argument);
	return (int)wait_result(wait_call(BLOCK_BREAKER, SYS_fcntl, fd, command, argument));
}
