/* io: whole reads and writes; atomic, durable replacement of files. */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(int number, const char *what)
{
	bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
	return error_errno(full ? PMIG_ENOSPC : number == ENOENT ? PMIG_ENOENT : PMIG_EIO, number, "%s", what);
}

/* After a read or write that failed: 0 if it is to be tried again. */
static int wait_if(int fd, short events, const char *what)
{
	int number = errno;
	if (number == EAGAIN)
		(void)poll(&(struct pollfd){.fd = fd, .events = events}, 1, -1);
	return number == EAGAIN || number == EINTR ? 0 : fail(number, what);
}

int io_write_all(int fd, const void *data, size_t size)
{
	for (const char *p = data; size > 0;) {
		ssize_t n = write(fd, p, size);
		int r = n < 0 ? wait_if(fd, POLLOUT, "write") : 0;
		if (r < 0)
			return r;
		p += n < 0 ? 0 : n;
		size -= n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

int io_read_all(int fd, void *data, size_t size, size_t *ret_size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = read(fd, (char *)data + done, size - done);
		int r = n < 0 ? wait_if(fd, POLLIN, "read") : 0;
		if (r < 0)
			return r;
		if (n == 0)
			break;
		done += n < 0 ? 0 : (size_t)n;
	}
	*ret_size = done;
	return 0;
}

static int read_open_file(int fd, const char *path, size_t max, char **ret_data, size_t *ret_size)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fail(errno, path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
		return error_set(PMIG_EINVAL, "%s: not a regular file of at most %zu bytes", path, max);
	size_t size = (size_t)st.st_size;
	char *data = malloc(size + 1);
	if (data == NULL)
		return error_set(PMIG_ENOMEM, "%s: no memory for %zu bytes", path, size);
	int r = io_read_all(fd, data, size, &size); /* it may have become shorter */
	if (r < 0) {
		free(data);
		return error_prefix(r, "%s", path);
	}
	data[size] = '\0';
	*ret_data = data;
	*ret_size = size;
	return 0;
}

int io_read_file(const char *path, size_t max, char **ret_data, size_t *ret_size)
{
	/* not blocking: opening a FIFO must not wait for a writer */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail(errno, path);
	int r = read_open_file(fd, path, max, ret_data, ret_size);
	(void)close(fd);
	return r;
}

int io_sync_directory_of(const char *path)
{
	char directory[PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');
	size_t size = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
	if (size >= sizeof directory)
		return fail(ENAMETOOLONG, path);
	if (slash != NULL)
		memcpy(directory, path, size);
	directory[size] = '\0';
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? fail(errno, directory) : 0;
	if (fd >= 0)
		(void)close(fd);
	return r;
}

static int fill_file(int fd, const void *data, size_t size, unsigned mode)
{
	int r = io_write_all(fd, data, size);
	if (r >= 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = fail(errno, "fsync");
	return r;
}

int io_replace_file(const char *path, const void *data, size_t size, unsigned mode)
{
	char temporary[PATH_MAX];
	int n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof temporary)
		return error_set(PMIG_EINVAL, "%s: the path is too long", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail(errno, path);
	int r = fill_file(fd, data, size, mode);
	if (close(fd) < 0 && r >= 0)
		r = fail(errno, "close");
	if (r >= 0 && rename(temporary, path) < 0)
		r = fail(errno, "rename");
	if (r < 0) {
		(void)unlink(temporary);
		return error_prefix(r, "%s", path);
	}
	return io_sync_directory_of(path);
}

int io_move_high(int fd, unsigned more)
{
	struct rlimit limit;
	rlim_t top = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 4096 ? limit.rlim_cur : 4096;
	for (rlim_t from = top > more ? top - more : 3; from >= 3; from /= 2) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, (int)from);
		if (high >= 0) {
			(void)close(fd);
			return high;
		}
	}
	return error_errno(PMIG_EIO, errno, "a descriptor cannot be moved");
}
