/* wake: the system call that wakes. Nobody waits here, so a program may unlock where it likes. */
#include "wake.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

void pmig_wake(const volatile void *word, int n, int shared)
{
	int saved = errno;
	(void)syscall(SYS_futex, word, FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG), n, NULL, NULL, 0);
	errno = saved;
}
