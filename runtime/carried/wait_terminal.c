/* wait_terminal: until what was written to a terminal is out. */
#include "wait.h"

#include <sys/ioctl.h>
#include <unistd.h>

int pmig_tcdrain(int fd);

WAIT_CALL int pmig_tcdrain(int fd)
{
	long r = wait_call(BLOCK_BREAKER, SYS_ioctl, fd, TCSBRK, 1);
	if (r == -ENOTTY && isatty(fd))
		r = 0; /* at another host: what is written is on its way */
	return (int)wait_result(r);
}
