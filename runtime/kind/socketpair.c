/* socketpair: a unix socket with its peer in the same process, socketpair(2), is a part of the process, with the bytes and datagrams that
 * wait in both directions. Each end is a resource of its own; the first that is made anew makes the pair, and keeps the other
 * end until its turn comes. An end whose peer has been closed has what was sent before, and then the end. */
#include "../base/error.h"
#include "../base/socket_sort.h"
#include "../reference/referred.h"
#include "../resource/inventory.h"
#include "../resource/sharing.h"
#include "socket_options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define WAITING_MAX (64u << 20) /* bytes, of one end */

/* During a restore: an end that waits for the one it belongs to. */
static struct kept {
	struct kept *next;
	uint64_t inode; /* there */
	int fd;
} *kept;

/* A descriptor of this process with that inode; -1: none. */
static int find(uint64_t inode)
{
	DIR *d = inode != 0 ? opendir("/proc/self/fd") : NULL;
	int found = -1;
	for (struct dirent *e; d != NULL && found < 0 && (e = readdir(d)) != NULL;) {
		struct stat st;
		int fd = e->d_name[0] == '.' ? -1 : atoi(e->d_name);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode)
			found = fd;
	}
	if (d != NULL)
		(void)closedir(d);
	return found;
}

static int match(const struct pmig_resource *r)
{
	struct socket_unix u;
	if (!S_ISSOCK(r->st.st_mode) || referred_find(&r->st) != NULL || (r->flags & O_PATH) != 0 ||
		socket_sort_of(r->fd) != SOCKET_PAIRED || !socket_unix_look(r->st.st_ino, &u) || u.bound)
		return 0;
	return u.peer == 0 ? !socket_peer_has_name(r->fd) : find(u.peer) >= 0;
}

static int describe(struct pmig_resource *r)
{
	int waiting = 0;
	sharing_describe(r, false);
	if (r->declaration.binding == 0) {
		r->declaration.binding = r->shared ? PMIG_BY_IDENTIFIER : PMIG_BY_VALUE;
		r->declaration.attachment = r->shared ? PMIG_FIXED : PMIG_UNATTACHED;
	}
	if (ioctl(r->fd, FIONREAD, &waiting) == 0 && waiting > 0)
		r->size = (uint64_t)waiting;
	return 0;
}

static int type_of(int fd)
{
	int type = SOCK_STREAM;
	socklen_t size = sizeof type;
	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	return type;
}

/* A message with its length before it. */
static int put_message(int file, const void *bytes, uint64_t n)
{
	if (write(file, &n, sizeof n) != sizeof n || (n > 0 && write(file, bytes, n) != (ssize_t)n))
		return error_errno(PMIG_EIO, errno, "its bytes cannot be kept in memory");
	return 0;
}

/* Looks at all that waits, without taking it: SO_PEEK_OFF in socket(7). */
static int peek_all(int fd, int file, void *room, uint64_t *ret_size, bool *ret_shut)
{
	union {
		struct cmsghdr head;
		char room[256];
	} ancillary;
	*ret_size = 0;
	for (;;) {
		struct iovec part = {room, WAITING_MAX};
		struct msghdr m = {
			.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
		ssize_t n = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		const struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : error_errno(PMIG_EIO, errno, "its bytes cannot be read");
		if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			const int *fds = (const int *)CMSG_DATA(c);
			for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds; i++)
				(void)close(fds[i]);
			return error_set(PMIG_EREFUSED,
				"descriptors wait in it to be received; receive them before the safe point");
		}
		if (n == 0 && type_of(fd) != SOCK_DGRAM) {
			*ret_shut = true; /* the end */
			return 0;
		}
		int e = put_message(file, room, (uint64_t)n);
		if (e < 0)
			return e;
		*ret_size += sizeof(uint64_t) + (uint64_t)n;
		if (*ret_size > WAITING_MAX)
			return error_set(PMIG_EREFUSED, "more than %u bytes wait in it", WAITING_MAX);
	}
}

static int waiting_of(int fd, int *ret_file, uint64_t *ret_size, bool *ret_shut)
{
	int begin = 0, nowhere = -1, file = memfd_create("socketpair", MFD_CLOEXEC), e;
	void *room = mmap(NULL, WAITING_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (file < 0 || room == MAP_FAILED || setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &begin, sizeof begin) < 0)
		e = error_errno(PMIG_EIO, errno, "no memory for its bytes");
	else
		e = peek_all(fd, file, room, ret_size, ret_shut);
	(void)setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &nowhere, sizeof nowhere);
	if (room != MAP_FAILED)
		(void)munmap(room, WAITING_MAX);
	if (e < 0 && file >= 0)
		(void)close(file);
	if (e >= 0)
		*ret_file = file;
	return e;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	struct socket_unix u = {0};
	uint64_t n = 0;
	int file = -1;
	bool shut = false;
	if (!socket_unix_look(r->st.st_ino, &u))
		return error_set(PMIG_EIO, "its other end cannot be found");
	pmig_write_number(w, r->st.st_ino);
	pmig_write_number(w, u.peer);
	pmig_write_number(w, (uint64_t)type_of(r->fd));
	int e = waiting_of(r->fd, &file, &n, &shut);
	if (e < 0)
		return e;
	pmig_write_number(w, shut);
	e = pmig_write_content(w, n > 0 ? file : -1, n);
	(void)close(file);
	return e < 0 ? e : socket_options_save(r->fd, w);
}

static int take_kept(uint64_t inode)
{
	for (struct kept **at = &kept; *at != NULL; at = &(*at)->next) {
		struct kept *k = *at;
		if (k->inode != inode)
			continue;
		int fd = k->fd;
		*at = k->next;
		free(k);
		return fd;
	}
	return -1;
}

static int make(uint64_t peer, int type, int *ret_fd, int *ret_other)
{
	int ends[2];
	struct kept *k = malloc(sizeof *k);
	if (k == NULL)
		return error_set(PMIG_ENOMEM, "no memory for a pair of sockets");
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0) {
		free(k);
		return error_errno(PMIG_EIO, errno, "no pair of sockets can be made");
	}
	int other = arrive_away(ends[1]); /* its own number comes later, and others before it */
	if (other < 0) {
		(void)close(ends[0]);
		free(k);
		return other;
	}
	*k = (struct kept){.next = kept, .inode = peer, .fd = other};
	kept = k;
	*ret_fd = ends[0];
	*ret_other = other;
	return 0;
}

/* What waited at `fd` is sent again from its other end. */
static int send_all(int other, const char *bytes, uint64_t size)
{
	while (size >= sizeof(uint64_t)) {
		uint64_t n;
		memcpy(&n, bytes, sizeof n);
		if (n > size - sizeof n)
			return error_set(PMIG_ECORRUPT, "a message in it is damaged");
		ssize_t sent = send(other, bytes + sizeof n, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent != (ssize_t)n)
			return error_errno(PMIG_EIO, errno, "its %llu bytes cannot be sent again here",
				(unsigned long long)n);
		bytes += sizeof n + n;
		size -= sizeof n + n;
	}
	return 0;
}

/* The end that this one's bytes come from: kept, or under way to its number. */
static int other_end(int fd)
{
	struct stat st;
	struct socket_unix u;
	return fstat(fd, &st) == 0 && socket_unix_look(st.st_ino, &u) ? find(u.peer) : -1;
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t own = pmig_read_number(in), peer = pmig_read_number(in), n;
	int type = (int)pmig_read_number(in), other = -1;
	bool shut = pmig_read_number(in) != 0;
	const void *bytes = pmig_read_content(in, &n);
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	r->fd = take_kept(own);
	if (r->fd < 0)
		e = make(peer, type, &r->fd, &other);
	else
		other = other_end(r->fd);
	if (e >= 0)
		e = socket_options_restore(r->fd, in);
	if (e >= 0)
		e = send_all(other, bytes, n);
	if (e >= 0 && shut)
		(void)shutdown(other, SHUT_WR);
	if (e >= 0 && peer == 0)
		(void)close(take_kept(0));
	return e;
}

const struct pmig_kind kind_socketpair = {
	.version = PMIG_KIND_VERSION,
	.name = "socketpair",
	.about = "a pair of sockets within the process, with what waits in it",
	.match = match,
	.describe = describe,
	.save = save,
	.copy = copy,
};
