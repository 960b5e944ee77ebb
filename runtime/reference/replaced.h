/* replaced: the calls on descriptors that programs built with pmig-cc make in place of libc's. On an ordinary descriptor each is
 * libc's, after one look at a variable; on one that leads to a file at another host (descriptors.h) it does there what the function
 * without the prefix does here, or fails with EINVAL, ENOTTY or EOPNOTSUPP where that makes no sense. */
#ifndef PMIG_REFERENCE_REPLACED_H
#define PMIG_REFERENCE_REPLACED_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <stdbool.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What programs call is compiled into them where it waits (carried/wait_*.c). pmig_file_*: the same without a safe point, for these and for
 * the runtime itself; pmig_remote*(): whether it leads to another host. */

/* calls_data.c: what moves bytes */
int pmig_remote(int fd);
ssize_t pmig_file_read(int fd, void *to, size_t size);
ssize_t pmig_file_write(int fd, const void *from, size_t size);
ssize_t pmig_pread_chk(int fd, void *to, size_t size, off_t offset, size_t room);
ssize_t pmig_file_readv(int fd, const struct iovec *parts, int n);
ssize_t pmig_file_writev(int fd, const struct iovec *parts, int n);
ssize_t pmig_pread(int fd, void *to, size_t size, off_t offset);
ssize_t pmig_pwrite(int fd, const void *from, size_t size, off_t offset);
ssize_t pmig_preadv(int fd, const struct iovec *parts, int n, off_t offset);
ssize_t pmig_pwritev(int fd, const struct iovec *parts, int n, off_t offset);
ssize_t pmig_preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags);
ssize_t pmig_pwritev2(int fd, const struct iovec *parts, int n, off_t offset, int flags);
off_t pmig_lseek(int fd, off_t offset, int whence);
ssize_t pmig_file_sendfile(int out, int in, off_t *offset, size_t size);
ssize_t pmig_copy_file_range(int in, off_t *from, int out, off_t *to, size_t size, unsigned flags);
ssize_t pmig_file_splice(int in, off_t *from, int out, off_t *to, size_t size, unsigned flags);

/* calls_file.c: what is said of a file, and locks */
int pmig_fstat(int fd, struct stat *ret);
int pmig_fxstat(int version, int fd, struct stat *ret);
int pmig_fstatat(int directory, const char *path, struct stat *ret, int flags);
int pmig_fxstatat(int version, int directory, const char *path, struct stat *ret, int flags);
int pmig_statx(int directory, const char *path, int flags, unsigned mask, struct statx *ret);
int pmig_ftruncate(int fd, off_t size);
int pmig_fallocate(int fd, int mode, off_t offset, off_t size);
int pmig_posix_fallocate(int fd, off_t offset, off_t size);
int pmig_fsync(int fd);
int pmig_fdatasync(int fd);
int pmig_sync_file_range(int fd, off_t offset, off_t size, unsigned flags);
int pmig_posix_fadvise(int fd, off_t offset, off_t size, int advice);
ssize_t pmig_readahead(int fd, off_t offset, size_t size);
int pmig_file_flock(int fd, int operation);
int pmig_file_lockf(int fd, int command, off_t size);
int pmig_file_fcntl(int fd, int command, void *argument);
int pmig_fchmod(int fd, mode_t mode);
int pmig_fchown(int fd, uid_t user, gid_t group);
int pmig_futimens(int fd, const struct timespec times[2]);
ssize_t pmig_getdents64(int fd, void *to, size_t size);

/* calls_path.c: by a path, or relative to a directory */
int pmig_remote_path(int directory, const char *path);
int pmig_file_openat(int directory, const char *path, int flags, mode_t mode);
int pmig_stat(const char *path, struct stat *ret);
int pmig_lstat(const char *path, struct stat *ret);
int pmig_xstat(int version, const char *path, struct stat *ret);
int pmig_lxstat(int version, const char *path, struct stat *ret);
int pmig_access(const char *path, int how);

/* calls_socket.c: what is asked and set of a socket; the calls_socket_*(): true: it lies at another host, and *ret is the answer */
int pmig_getsockname(int fd, struct sockaddr *ret, socklen_t *size);
int pmig_getpeername(int fd, struct sockaddr *ret, socklen_t *size);
int pmig_getsockopt(int fd, int level, int name, void *ret, socklen_t *size);
int pmig_shutdown(int fd, int how);
int pmig_connected_elsewhere(int fd); /* it is a connection at another host: descriptors cannot be sent there */
bool calls_socket_set(int fd, int level, int name, const void *value, socklen_t size, int *ret);
bool calls_socket_ioctl(int fd, unsigned long request, void *argument, int *ret);

/* calls_other.c: what a file answers at once, and what only other things can do */
int pmig_dup(int fd);
int pmig_remote_any(void);
int pmig_remote_polled(const struct pollfd *fds, nfds_t n);
int pmig_isatty(int fd);
int pmig_ioctl(int fd, unsigned long request, ...);
int pmig_file_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);
int pmig_file_pselect(int n, fd_set *in, fd_set *out, fd_set *special, const struct timespec *timeout, const sigset_t *mask);
int pmig_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int pmig_fileno(FILE *f);

/* door.c: accept(2) of `listener` gave `fd` (or an errno below 0) and, where the program asked for it, an address, for which there was `room`. What is said of it
 * is put right if the socket that listens is at another host. Returns fd, or, when it is closed, an errno below 0; -ERESTART: it was
 * nobody who has to come in here. */
int pmig_accepted(int listener, int fd, struct sockaddr *ret_address, socklen_t *size, socklen_t room);

#endif
