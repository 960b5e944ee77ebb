/* wait_open: opening, which waits for the other end of a named pipe, and for a lease to be given up. */
#include "wait.h"

#include "reference/replaced.h"

#include <stdarg.h>

static mode_t mode_of(int flags, va_list more)
{
	return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

WAIT_CALL static int open_at(int directory, const char *path, int flags, mode_t mode)
{
	if (pmig_remote_path(directory, path))
		return pmig_file_openat(directory, path, flags, mode);
	return (int)wait_result(wait_call(BLOCK_BREAKER, SYS_openat, directory, path, flags, mode));
}

int pmig_open(const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = mode_of(flags, more);
	va_end(more);
	return open_at(AT_FDCWD, path, flags, mode);
}

int pmig_openat(int directory, const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = mode_of(flags, more);
	va_end(more);
	return open_at(directory, path, flags, mode);
}

int pmig_open_checked(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int pmig_openat_checked(int directory, const char *path, int flags)
{
	return open_at(directory, path, flags, 0);
}

int pmig_creat(const char *path, mode_t mode)
{
	return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
