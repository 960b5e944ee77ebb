/* calls_data: reading and writing by descriptor, here or at another host. */
#include "descriptors.h"
#include "remote_file.h"
#include "replaced.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define PIECE (256u << 10) /* of what is copied through memory */

int pmig_remote(int fd)
{
	return descriptors_refers(fd);
}

ssize_t pmig_file_read(int fd, void *to, size_t size)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_read(f, to, size) : read(fd, to, size);
}

ssize_t pmig_file_write(int fd, const void *from, size_t size)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_write(f, from, size) : write(fd, from, size);
}

ssize_t pmig_pread_chk(int fd, void *to, size_t size, off_t offset, size_t room)
{
	if (size > room)
		abort();
	return pmig_pread(fd, to, size, offset);
}

ssize_t pmig_pread(int fd, void *to, size_t size, off_t offset)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_pread(f, to, size, offset) : pread(fd, to, size, offset);
}

ssize_t pmig_pwrite(int fd, const void *from, size_t size, off_t offset)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_pwrite(f, from, size, offset) : pwrite(fd, from, size, offset);
}

/* The sum of the parts; -1 and EINVAL as readv(2) has it. */
static ssize_t sum(const struct iovec *parts, int n)
{
	size_t all = 0;
	for (int i = 0; i < n && n <= IOV_MAX; i++)
		if (__builtin_add_overflow(all, parts[i].iov_len, &all) || all > SSIZE_MAX)
			n = -1;
	if (n < 0 || n > IOV_MAX) {
		errno = EINVAL;
		return -1;
	}
	return (ssize_t)all;
}

/* offset < 0: at the position. */
static ssize_t get_parts(struct remote_file *f, const struct iovec *parts, int n, off_t offset)
{
	ssize_t done = 0;
	if (sum(parts, n) < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		ssize_t k = offset < 0 ? remote_file_read(f, parts[i].iov_base, parts[i].iov_len)
				       : remote_file_pread(f, parts[i].iov_base, parts[i].iov_len, offset + done);
		if (k < 0)
			return done > 0 ? done : k;
		done += k;
		if ((size_t)k < parts[i].iov_len)
			break;
	}
	return done;
}

/* In one piece, so that nothing of another writer comes between two parts. */
static ssize_t put_parts(struct remote_file *f, const struct iovec *parts, int n, off_t offset)
{
	ssize_t all = sum(parts, n);
	if (all < 0)
		return -1;
	if (n == 1 || all == 0)
		return offset < 0 ? remote_file_write(f, n > 0 ? parts->iov_base : "", (size_t)all)
				  : remote_file_pwrite(f, n > 0 ? parts->iov_base : "", (size_t)all, offset);
	char *together = malloc((size_t)all), *at = together;
	if (together == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		if (parts[i].iov_len > 0)
			memcpy(at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	ssize_t r = offset < 0 ? remote_file_write(f, together, (size_t)all)
			       : remote_file_pwrite(f, together, (size_t)all, offset);
	int number = errno;
	free(together);
	errno = number;
	return r;
}

ssize_t pmig_file_readv(int fd, const struct iovec *parts, int n)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? get_parts(f, parts, n, -1) : readv(fd, parts, n);
}

ssize_t pmig_file_writev(int fd, const struct iovec *parts, int n)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? put_parts(f, parts, n, -1) : writev(fd, parts, n);
}

static int sound(off_t offset)
{
	if (offset >= 0)
		return 0;
	errno = EINVAL;
	return -1;
}

ssize_t pmig_preadv(int fd, const struct iovec *parts, int n, off_t offset)
{
	struct remote_file *f = descriptors_find(fd);
	if (f == NULL)
		return preadv(fd, parts, n, offset);
	return sound(offset) < 0 ? -1 : get_parts(f, parts, n, offset);
}

ssize_t pmig_pwritev(int fd, const struct iovec *parts, int n, off_t offset)
{
	struct remote_file *f = descriptors_find(fd);
	if (f == NULL)
		return pwritev(fd, parts, n, offset);
	return sound(offset) < 0 ? -1 : put_parts(f, parts, n, offset);
}

/* RWF_HIPRI and the like are advice; what changes the meaning is done or refused. */
ssize_t pmig_preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
	struct remote_file *f = descriptors_find(fd);
	if (f == NULL)
		return preadv2(fd, parts, n, offset, flags);
	return get_parts(f, parts, n, offset == -1 ? -1 : offset);
}

ssize_t pmig_pwritev2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
	struct remote_file *f = descriptors_find(fd);
	if (f == NULL)
		return pwritev2(fd, parts, n, offset, flags);
	if ((flags & RWF_APPEND) != 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	ssize_t r = put_parts(f, parts, n, offset == -1 ? -1 : offset);
	if (r >= 0 && (flags & (RWF_SYNC | RWF_DSYNC)) != 0 && remote_file_sync(f, (flags & RWF_SYNC) == 0) < 0)
		return -1;
	return r;
}

off_t pmig_lseek(int fd, off_t offset, int whence)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_seek(f, offset, whence) : lseek(fd, offset, whence);
}

/* Some bytes from one to the other through memory; NULL: at the position, which moves. */
static ssize_t carry(int in, off_t *from, int out, off_t *to, size_t size)
{
	char *buffer = malloc(PIECE);
	size_t done = 0;
	bool failed = buffer == NULL;
	while (done < size && !failed) {
		size_t want = size - done < PIECE ? size - done : PIECE;
		ssize_t n = from != NULL ? pmig_pread(in, buffer, want, *from) : pmig_file_read(in, buffer, want);
		if (n <= 0) {
			failed = n < 0;
			break;
		}
		ssize_t k = to != NULL ? pmig_pwrite(out, buffer, (size_t)n, *to) : pmig_file_write(out, buffer, (size_t)n);
		failed = k < 0;
		ssize_t good = k > 0 ? k : 0;
		if (from != NULL)
			*from += good;
		else if (good < n) /* what was read and not taken is read again */
			(void)pmig_lseek(in, good - n, SEEK_CUR);
		if (to != NULL)
			*to += good;
		done += (size_t)good;
		if (good < n)
			break;
	}
	int number = errno;
	free(buffer);
	errno = number;
	return failed && done == 0 ? -1 : (ssize_t)done;
}

ssize_t pmig_file_sendfile(int out, int in, off_t *offset, size_t size)
{
	if (!descriptors_refers(in) && !descriptors_refers(out))
		return sendfile(out, in, offset, size);
	return carry(in, offset, out, NULL, size);
}

ssize_t pmig_copy_file_range(int in, off_t *from, int out, off_t *to, size_t size, unsigned flags)
{
	if (!descriptors_refers(in) && !descriptors_refers(out))
		return copy_file_range(in, from, out, to, size, flags);
	return carry(in, from, out, to, size);
}

ssize_t pmig_file_splice(int in, off_t *from, int out, off_t *to, size_t size, unsigned flags)
{
	if (!descriptors_refers(in) && !descriptors_refers(out))
		return splice(in, from, out, to, size, flags);
	return carry(in, from, out, to, size);
}
