/* calls_file: attributes, size, durability and locks by descriptor, here or at another host. */
#include "descriptors.h"
#include "path_map.h"
#include "referred.h"
#include "remote_file.h"
#include "replaced.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int pmig_fstat(int fd, struct stat *ret)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_stat(f, ret) : fstat(fd, ret);
}

int pmig_fxstat(int version, int fd, struct stat *ret)
{
	(void)version;
	return pmig_fstat(fd, ret);
}

/* What a path relative to a remote directory, or an empty one, leads to; NULL: nothing of ours. */
static struct remote_file *relative(int directory, const char *path, int flags)
{
	bool empty = (flags & AT_EMPTY_PATH) != 0 && (path == NULL || path[0] == 0);
	return path == NULL || path[0] != '/' || empty ? descriptors_find(directory) : NULL;
}

int pmig_fstatat(int directory, const char *path, struct stat *ret, int flags)
{
	const char *rest;
	struct remote_file *f = path_map_find(path, &rest);
	if (f != NULL)
		return remote_file_look(f, rest, (flags & AT_SYMLINK_NOFOLLOW) == 0, ret);
	f = relative(directory, path, flags);
	if (f == NULL)
		return fstatat(directory, path, ret, flags);
	if (path != NULL && path[0] != 0)
		return remote_file_look(f, path, (flags & AT_SYMLINK_NOFOLLOW) == 0, ret);
	return remote_file_stat(f, ret);
}

int pmig_fxstatat(int version, int directory, const char *path, struct stat *ret, int flags)
{
	(void)version;
	return pmig_fstatat(directory, path, ret, flags);
}

static struct statx_timestamp stamp(struct timespec t)
{
	return (struct statx_timestamp){.tv_sec = t.tv_sec, .tv_nsec = (unsigned)t.tv_nsec};
}

int pmig_statx(int directory, const char *path, int flags, unsigned mask, struct statx *ret)
{
	struct stat st;
	const char *rest;
	if (path_map_find(path, &rest) == NULL && relative(directory, path, flags) == NULL)
		return statx(directory, path, flags, mask, ret);
	if (pmig_fstatat(directory, path, &st, flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) < 0)
		return -1;
	*ret = (struct statx){.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = (unsigned)st.st_blksize,
		.stx_nlink = (unsigned)st.st_nlink,
		.stx_uid = st.st_uid,
		.stx_gid = st.st_gid,
		.stx_mode = (unsigned short)st.st_mode,
		.stx_ino = st.st_ino,
		.stx_size = (uint64_t)st.st_size,
		.stx_blocks = (uint64_t)st.st_blocks,
		.stx_atime = stamp(st.st_atim),
		.stx_mtime = stamp(st.st_mtim),
		.stx_ctime = stamp(st.st_ctim),
		.stx_dev_major = major(st.st_dev),
		.stx_dev_minor = minor(st.st_dev)};
	return 0;
}

int pmig_ftruncate(int fd, off_t size)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_truncate(f, size) : ftruncate(fd, size);
}

int pmig_fallocate(int fd, int mode, off_t offset, off_t size)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_allocate(f, mode, offset, size) : fallocate(fd, mode, offset, size);
}

/* The error is the result, and errno stays: posix_fallocate(3). */
int pmig_posix_fallocate(int fd, off_t offset, off_t size)
{
	struct remote_file *f = descriptors_find(fd);
	int before = errno;
	if (f == NULL)
		return posix_fallocate(fd, offset, size);
	int r = remote_file_allocate(f, 0, offset, size) < 0 ? errno : 0;
	errno = before;
	return r;
}

int pmig_fsync(int fd)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_sync(f, false) : fsync(fd);
}

int pmig_fdatasync(int fd)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_sync(f, true) : fdatasync(fd);
}

int pmig_sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_flush(f) : sync_file_range(fd, offset, size, flags);
}

/* The reading itself shows what is worth fetching ahead; what is not wanted any more is forgotten, all of it. */
int pmig_posix_fadvise(int fd, off_t offset, off_t size, int advice)
{
	struct remote_file *f = descriptors_find(fd);
	if (f == NULL)
		return posix_fadvise(fd, offset, size, advice);
	if (advice == POSIX_FADV_DONTNEED)
		(void)remote_file_settle(f);
	return 0;
}

ssize_t pmig_readahead(int fd, off_t offset, size_t size)
{
	return descriptors_refers(fd) ? 0 : readahead(fd, offset, size);
}

int pmig_file_flock(int fd, int operation)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_flock(f, operation) : flock(fd, operation);
}

/* The range as offset from the beginning and a length that is not negative: fcntl(2). */
static int absolute(struct remote_file *f, const struct flock *l, off_t *ret_start, off_t *ret_length)
{
	off_t base = l->l_whence == SEEK_SET ? 0
		: l->l_whence == SEEK_CUR    ? remote_file_seek(f, 0, SEEK_CUR)
		: l->l_whence == SEEK_END    ? (off_t)remote_file_size(f)
					     : -1;
	off_t start = 0, length = l->l_len;
	bool bad = base < 0 || __builtin_add_overflow(base, l->l_start, &start);
	if (!bad && length < 0) {
		start += length;
		length = -length;
	}
	if (bad || start < 0) {
		errno = EINVAL;
		return -1;
	}
	*ret_start = start;
	*ret_length = length;
	return 0;
}

/* A lock of the process and one of the description are the same there; only when they end differs. */
static int lock(int fd, struct remote_file *f, int command, struct flock *l)
{
	off_t start, length;
	if (absolute(f, l, &start, &length) < 0)
		return -1;
	if (command == F_GETLK || command == F_OFD_GETLK) {
		struct flock other = {.l_type = l->l_type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
		if (remote_file_lock_test(f, &other) < 0)
			return -1;
		if (other.l_type == F_UNLCK)
			l->l_type = F_UNLCK;
		else
			*l = other;
		return 0;
	}
	bool wait = command == F_SETLKW || command == F_OFD_SETLKW;
	if (remote_file_lock(f, l->l_type, start, length, wait) < 0)
		return -1;
	if (l->l_type != F_UNLCK && (command == F_SETLK || command == F_SETLKW))
		descriptors_note_process_lock(fd);
	return 0;
}

int pmig_file_lockf(int fd, int command, off_t size)
{
	struct remote_file *f = descriptors_find(fd);
	struct flock l = {.l_type = command == F_ULOCK ? F_UNLCK : F_WRLCK, .l_whence = SEEK_CUR, .l_len = size};
	if (f == NULL)
		return lockf(fd, command, size);
	if (command == F_TEST) {
		if (lock(fd, f, F_GETLK, &l) < 0)
			return -1;
		errno = EACCES;
		return l.l_type == F_UNLCK ? 0 : -1;
	}
	if (command != F_LOCK && command != F_TLOCK && command != F_ULOCK) {
		errno = EINVAL;
		return -1;
	}
	return lock(fd, f, command == F_LOCK ? F_SETLKW : F_SETLK, &l);
}

static int remote_fcntl(int fd, struct remote_file *f, int command, void *argument)
{
	switch (command) {
	case F_GETFD:
	case F_SETFD:
		return fcntl(fd, command, argument); /* of the number, not of the file */
	case F_GETFL:
		return remote_file_flags(f);
	case F_SETFL:
		return remote_file_set_flags(f, (int)(intptr_t)argument);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock(fd, f, command, argument);
	default:
		errno = EINVAL;
		return -1;
	}
}

int pmig_file_fcntl(int fd, int command, void *argument)
{
	struct remote_file *f = descriptors_find(fd);
	bool doubles = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
	if (doubles)
		referred_doubles(fd);
	if (f == NULL)
		return fcntl(fd, command, argument);
	if (!doubles)
		return remote_fcntl(fd, f, command, argument);
	int to = fcntl(fd, command, argument);
	if (to >= 0 && descriptors_duplicated(fd, to) < 0) {
		close(to);
		errno = ENOMEM;
		return -1;
	}
	return to;
}

int pmig_fchmod(int fd, mode_t mode)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_mode(f, mode) : fchmod(fd, mode);
}

int pmig_fchown(int fd, uid_t user, gid_t group)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_owner(f, user, group) : fchown(fd, user, group);
}

int pmig_futimens(int fd, const struct timespec times[2])
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_times(f, times) : futimens(fd, times);
}

ssize_t pmig_getdents64(int fd, void *to, size_t size)
{
	struct remote_file *f = descriptors_find(fd);
	return f != NULL ? remote_file_entries(f, to, size) : getdents64(fd, to, size);
}
