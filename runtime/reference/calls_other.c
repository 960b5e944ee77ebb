/* calls_other: a file at another host is always ready, is no terminal and takes no ioctl, as any file. */
#include "calls_datagram.h"
#include "descriptors.h"
#include "referred.h"
#include "remote_file.h"
#include "replaced.h"

#include "../kind/relay.h"
#include "../kind/epoll.h"
#include "../stream/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int pmig_dup(int fd)
{
	referred_doubles(fd);
	int to = dup(fd);
	if (to >= 0 && descriptors_any && descriptors_duplicated(fd, to) < 0) {
		close(to);
		errno = ENOMEM;
		return -1;
	}
	return to;
}

int pmig_isatty(int fd)
{
	if (relay_terminal(fd))
		return 1;
	if (!descriptors_refers(fd))
		return isatty(fd);
	errno = ENOTTY;
	return 0;
}

int pmig_ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	int result;
	if (relay_ioctl(fd, request, argument) || datagram_ioctl(fd, request, argument))
		return 0;
	if (calls_socket_ioctl(fd, request, argument, &result))
		return result;
	if (!descriptors_refers(fd))
		return ioctl(fd, request, argument);
	if (request == FIOCLEX || request == FIONCLEX)
		return fcntl(fd, F_SETFD, request == FIOCLEX ? FD_CLOEXEC : 0);
	errno = ENOTTY;
	return -1;
}

int pmig_remote_any(void)
{
	return descriptors_any;
}

int pmig_remote_polled(const struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; descriptors_any && i < n; i++)
		if (descriptors_refers(fds[i].fd))
			return 1;
	return 0;
}

/* Takes ours out of the list before the call, and puts them in again after it. */
int pmig_file_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	static const struct timespec at_once;
	struct pollfd *others = malloc(n * sizeof *others);
	int ready = 0;
	if (others == NULL)
		return -1;
	memcpy(others, fds, n * sizeof *others);
	for (nfds_t i = 0; i < n; i++) {
		if (!descriptors_refers(fds[i].fd))
			continue;
		others[i].fd = -1;
		fds[i].revents = fds[i].events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
		ready += fds[i].revents != 0;
	}
	int r = ppoll(others, n, ready > 0 ? &at_once : timeout, mask);
	for (nfds_t i = 0; i < n && r >= 0; i++)
		if (others[i].fd == fds[i].fd)
			fds[i].revents = others[i].revents;
	int number = errno;
	free(others);
	errno = number;
	return r < 0 ? r : r + ready;
}

/* Takes ours out of a set; the number that it had. `ret` has them and no others. */
static int take_out(int n, fd_set *set, fd_set *ret)
{
	int count = 0;
	FD_ZERO(ret);
	for (int fd = 0; set != NULL && fd < n; fd++)
		if (FD_ISSET(fd, set) && descriptors_refers(fd)) {
			FD_CLR(fd, set);
			FD_SET(fd, ret);
			count++;
		}
	return count;
}

static void put_in(int n, fd_set *set, const fd_set *ours)
{
	for (int fd = 0; set != NULL && fd < n; fd++)
		if (FD_ISSET(fd, ours))
			FD_SET(fd, set);
}

int pmig_file_pselect(int n, fd_set *in, fd_set *out, fd_set *special, const struct timespec *timeout, const sigset_t *mask)
{
	static const struct timespec at_once;
	fd_set ours[3];
	if (!descriptors_any || n > FD_SETSIZE)
		return pselect(n, in, out, special, timeout, mask);
	int ready = take_out(n, in, &ours[0]) + take_out(n, out, &ours[1]);
	(void)take_out(n, special, &ours[2]);
	int r = pselect(n, in, out, special, ready > 0 ? &at_once : timeout, mask);
	if (r < 0)
		return r;
	put_in(n, in, &ours[0]);
	put_in(n, out, &ours[1]);
	return r + ready;
}

/* Files are never waited for: epoll_ctl(2), EPERM. */
int pmig_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	if (!descriptors_refers(fd))
		return epoll_control(epoll, operation, fd, event);
	errno = EPERM;
	return -1;
}

/* A stream over a file at another host is one over functions for libc, and has a number for the program. */
int pmig_fileno(FILE *f)
{
	const struct stream *s = descriptors_any ? stream_find(f) : NULL;
	return s != NULL && s->kind == STREAM_DESCRIPTOR && descriptors_refers(s->fd) ? s->fd : fileno(f);
}
