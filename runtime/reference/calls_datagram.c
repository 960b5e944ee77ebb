/* calls_datagram: receiving and sending where the socket is not. */
#include "calls_datagram.h"

#include "../block.h"
#include "../guard.h"
#include "datagram_frame.h"
#include "socket_record.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define UDP_MOST 65507u  /* bytes of a payload: 65535 less the headers of IPv4 */
#define UDP_MOST6 65527u /* that of IPv6 does not count */
#define PROMISE 1        /* seconds that a call which waits for nothing waits for what was there before the move */
#define SEND_FLAGS (MSG_MORE | MSG_DONTROUTE | MSG_CONFIRM | MSG_EOR)

bool pmig_datagram_any;

/* What such a number stands for; NULL: it is an ordinary one. A stream or a listener has a record too. */
static struct socket_record *datagram_of(int fd)
{
	struct socket_record *r = socket_record_of(fd);
	return r != NULL && (r->type == SOCK_DGRAM || r->type == SOCK_SEQPACKET) && r->backlog < 0 ? r : NULL;
}

/* --- receiving --- */

struct taking {
	struct datagram_frame frame;
	struct msghdr message;
};

/* One frame, its payload into `parts`; what the kernel says, at once. Under GUARD_DATAGRAMS: between a look at a frame and its being taken
 * away no other thread takes one. */
static long take(int fd, struct taking *t, const struct iovec *parts, size_t n, int flags)
{
	struct iovec all[n + 1];
	all[0] = (struct iovec){&t->frame, sizeof t->frame};
	for (size_t i = 0; i < n; i++)
		all[i + 1] = parts[i];
	t->message = (struct msghdr){.msg_iov = all, .msg_iovlen = n + 1};
	ssize_t size = recvmsg(fd, &t->message, flags | MSG_DONTWAIT);
	return size < 0 ? -errno : size;
}

/* The frame that was looked at is done with. */
static void consume(int fd)
{
	struct taking t;
	(void)!take(fd, &t, NULL, 0, 0);
}

/* Until there is a frame, or the end; nothing is taken. */
static long await(int fd)
{
	char first;
	struct iovec part = {&first, sizeof first};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	return pmig_block(SYS_recvmsg, fd, (long)&m, MSG_PEEK, 0, 0, 0);
}

/* The same for what poll(2) may have told of where the program was before: a call that waits for nothing was right to expect it. */
static long await_promised(int fd, struct socket_record *r)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec limit = {.tv_sec = PROMISE};
	long n = pmig_block(SYS_ppoll, (long)&p, 1, (long)&limit, 0, 0, 0);
	if (n != 0)
		return n;
	r->state &= ~(uint32_t)SOCKET_PROMISED;
	return -EAGAIN;
}

/* What a frame that is no datagram says; 0: nothing that a call would fail with. */
static int heed(struct socket_record *r, const struct datagram_frame *f)
{
	if (f->word == DATAGRAM_LOCAL && f->address_size <= sizeof r->local.at) {
		memcpy(&r->local.at, f->address, f->address_size);
		r->local.size = f->address_size;
	}
	if (f->word != DATAGRAM_ERROR)
		return 0;
	if (r->type == SOCK_SEQPACKET && f->error == EPIPE) { /* who receives gets the end */
		r->state |= SOCKET_SHUT_WRITE;
		return 0;
	}
	return f->error;
}

static void give_address(const struct datagram_frame *f, struct msghdr *to)
{
	struct socket_address a = {.size = f->address_size};
	if (to->msg_name == NULL) {
		to->msg_namelen = 0;
		return;
	}
	memcpy(&a.at, f->address, f->address_size < sizeof a.at ? f->address_size : sizeof a.at);
	socket_address_give(&a, to->msg_name, &to->msg_namelen);
}

/* The last of the messages in the first `n` bytes is cut off there, and says so of itself; their bytes. As the kernel does it. */
static size_t cut_control(unsigned char *control, size_t n)
{
	struct cmsghdr head = {.cmsg_len = sizeof head};
	size_t at = 0;
	while (at + sizeof head <= n && head.cmsg_len >= sizeof head) {
		memcpy(&head, control + at, sizeof head);
		if (head.cmsg_len > n - at) {
			head.cmsg_len = n - at;
			memcpy(control + at, &head, sizeof head);
			return n;
		}
		at += CMSG_ALIGN(head.cmsg_len);
	}
	return at < n ? at : n;
}

static void give_control(const struct datagram_frame *f, struct msghdr *to)
{
	size_t n = f->control_size;
	if (to->msg_control == NULL || to->msg_controllen < n) {
		to->msg_flags |= n > 0 ? MSG_CTRUNC : 0;
		n = to->msg_control == NULL ? 0 : to->msg_controllen;
	}
	if (n > 0)
		memcpy(to->msg_control, f->control, n);
	to->msg_controllen = n < f->control_size ? cut_control(to->msg_control, n) : n;
}

/* The frame that comes first: its bytes, and *ret_error what it says if it is no datagram. */
static long take_first(int fd, struct socket_record *r, struct taking *t, const struct msghdr *to, int flags, int *ret_error)
{
	GUARD(GUARD_DATAGRAMS);
	long n = take(fd, t, to->msg_iov, to->msg_iovlen, flags & ~MSG_WAITALL);
	*ret_error = 0;
	if (n != -EAGAIN && (flags & MSG_PEEK) == 0)
		r->state &= ~(uint32_t)SOCKET_PROMISED;
	if (n < (long)sizeof t->frame || !datagram_frame_sound(&t->frame) || t->frame.word == DATAGRAM_DATA)
		return n;
	if ((flags & MSG_PEEK) != 0)
		consume(fd);
	*ret_error = heed(r, &t->frame);
	return n;
}

/* As recvmsg(2). */
static long receive(int fd, struct socket_record *r, struct msghdr *to, int flags)
{
	struct taking t;
	if ((flags & MSG_OOB) != 0)
		return -EOPNOTSUPP;
	if ((flags & MSG_ERRQUEUE) != 0)
		return -EAGAIN;
	if (to->msg_iovlen >= IOV_MAX)
		return -EMSGSIZE;
	int waits = __atomic_exchange_n(&r->error, 0, __ATOMIC_RELAXED);
	if (waits != 0)
		return -waits;
	for (;;) {
		int error;
		long n = pmig_asked ? BLOCK_STOPPED : take_first(fd, r, &t, to, flags, &error);
		if (n == -EAGAIN && (flags & MSG_DONTWAIT) == 0) {
			n = await(fd);
			if (n >= 0)
				continue;
		}
		if (n == -EAGAIN && (r->state & SOCKET_PROMISED) != 0) {
			n = await_promised(fd, r);
			if (n != -EAGAIN && n != BLOCK_STOPPED)
				continue;
		}
		if (n == 0 && r->type == SOCK_DGRAM)
			return (r->state & SOCKET_SHUT_READ) != 0 ? 0 : -ENETDOWN; /* the way there is lost for good */
		if (n <= 0)
			return n;
		if ((size_t)n < sizeof t.frame || !datagram_frame_sound(&t.frame))
			return -EIO;
		if (t.frame.word == DATAGRAM_DATA) {
			to->msg_flags = t.message.msg_flags & (MSG_TRUNC | MSG_EOR);
			give_address(&t.frame, to);
			give_control(&t.frame, to);
			return n - (long)sizeof t.frame;
		}
		if (error != 0)
			return -error;
	}
}

static long receive_from(int fd, struct socket_record *r, void *to, size_t size, int flags, struct sockaddr *address,
	socklen_t *room)
{
	struct iovec part = {to, size};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = address, .msg_namelen = room != NULL ? *room : 0};
	long n = receive(fd, r, &m, flags);
	if (n >= 0 && address != NULL && room != NULL)
		*room = m.msg_namelen;
	return n;
}

static long receive_parts(int fd, struct socket_record *r, const struct iovec *parts, size_t n)
{
	struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = n};
	return receive(fd, r, &m, 0);
}

/* An error behind messages that have come is told by the next call: recvmmsg(2). */
static void keep_error(struct socket_record *r, long size)
{
	if (size != BLOCK_STOPPED && size != -EAGAIN && size != -EINTR)
		__atomic_store_n(&r->error, (int32_t)-size, __ATOMIC_RELAXED);
}

/* The time limit is looked at when a message has come, and only then: recvmmsg(2). */
static long receive_many(int fd, struct socket_record *r, struct mmsghdr *to, unsigned n, int flags,
	const struct timespec *limit)
{
	struct timespec now, end = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += limit != NULL ? limit->tv_sec : 0;
	for (unsigned i = 0; i < n; i++) {
		bool at_once = i > 0 && (flags & MSG_WAITFORONE) != 0;
		long size = receive(fd, r, &to[i].msg_hdr, (flags & ~MSG_WAITFORONE) | (at_once ? MSG_DONTWAIT : 0));
		if (size < 0 && i > 0)
			keep_error(r, size);
		if (size < 0)
			return i > 0 ? (long)i : size;
		to[i].msg_len = (unsigned)size;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if (limit != NULL &&
			(now.tv_sec > end.tv_sec ||
				(now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec + limit->tv_nsec)))
			return (long)i + 1;
	}
	return (long)n;
}

/* --- sending --- */

/* An error that waits is told by the call that would send, as by the socket itself. Of a socket without a peer only who receives hears
 * of it. */
static int waiting_error(int fd, struct socket_record *r)
{
	struct datagram_frame f;
	struct iovec part = {&f, sizeof f};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	int saved = errno, error = 0;
	GUARD(GUARD_DATAGRAMS);
	if (r->type == SOCK_SEQPACKET || r->peer.size > 0 || r->family == AF_UNIX)
		while (error == 0 && recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT) >= (ssize_t)sizeof f &&
			f.word != DATAGRAM_DATA) {
			consume(fd);
			error = heed(r, &f);
		}
	errno = saved;
	return error;
}

/* A name in the file system is meant as the program sees it. */
static void make_absolute(struct datagram_frame *f)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	const struct sockaddr_un *given = (const void *)f->address;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char directory[sizeof a.sun_path];
	size_t most = f->address_size > head ? f->address_size - head : 0;
	if (most == 0 || most > sizeof a.sun_path || given->sun_path[0] == '\0' || given->sun_path[0] == '/' ||
		getcwd(directory, sizeof directory) == NULL)
		return;
	int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/%.*s", directory, (int)most, given->sun_path);
	if (n <= 0 || (size_t)n >= sizeof a.sun_path)
		return;
	f->address_size = (uint32_t)(head + (size_t)n + 1);
	memcpy(f->address, &a, f->address_size);
}

static int put_address(const struct socket_record *r, const void *address, size_t size, struct datagram_frame *f)
{
	const struct sockaddr *a = address;
	if (size < sizeof a->sa_family || size > sizeof f->address || size > sizeof(struct sockaddr_storage))
		return EINVAL;
	if (a->sa_family != r->family && !(a->sa_family == AF_INET && r->family == AF_INET6) && a->sa_family != AF_UNSPEC)
		return r->family == AF_UNIX ? EINVAL : EAFNOSUPPORT;
	memcpy(f->address, address, size);
	f->address_size = (uint32_t)size;
	if (r->family == AF_UNIX)
		make_absolute(f);
	return 0;
}

/* Credentials are those of whoever sends it there. */
static int put_control(const struct msghdr *m, struct datagram_frame *f)
{
	struct msghdr kept = {.msg_control = f->control, .msg_controllen = sizeof f->control};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
		size_t size = CMSG_ALIGN(c->cmsg_len);
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			return EOPNOTSUPP;
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
			continue;
		if (f->control_size + size > kept.msg_controllen)
			return ENOBUFS;
		memset(f->control + f->control_size, 0, size);
		memcpy(f->control + f->control_size, c, c->cmsg_len);
		f->control_size += (uint32_t)size;
	}
	return 0;
}

static int check_size(const struct socket_record *r, const struct msghdr *m)
{
	size_t size = 0, most = r->family == AF_INET ? UDP_MOST : r->family == AF_INET6 ? UDP_MOST6 : DATAGRAM_PAYLOAD_MAX;
	for (size_t i = 0; i < m->msg_iovlen; i++) {
		if (m->msg_iov[i].iov_len > most)
			return EMSGSIZE;
		size += m->msg_iov[i].iov_len;
	}
	return size > most ? EMSGSIZE : 0;
}

static int frame_for(int fd, struct socket_record *r, const struct msghdr *m, int flags, struct datagram_frame *f)
{
	int error = m->msg_iovlen >= IOV_MAX ? EMSGSIZE : check_size(r, m);
	*f = (struct datagram_frame){
		.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA, .flags = (uint32_t)(flags & SEND_FLAGS)};
	if (error == 0 && (flags & MSG_OOB) != 0)
		error = EOPNOTSUPP;
	if (error == 0)
		error = waiting_error(fd, r);
	if (error == 0)
		error = __atomic_exchange_n(&r->error, 0, __ATOMIC_RELAXED);
	if (error == 0 && (r->state & SOCKET_SHUT_WRITE) != 0)
		error = EPIPE;
	if (error == 0 && m->msg_name != NULL && m->msg_namelen > 0 && r->type == SOCK_DGRAM)
		error = put_address(r, m->msg_name, m->msg_namelen, f);
	else if (error == 0 && r->peer.size == 0 && r->type == SOCK_DGRAM)
		error = r->family == AF_UNIX ? ENOTCONN : EDESTADDRREQ;
	return error != 0 ? error : put_control(m, f);
}

/* As sendmsg(2). */
static long send_message(int fd, struct socket_record *r, const struct msghdr *from, int flags)
{
	struct datagram_frame f;
	int error = frame_for(fd, r, from, flags, &f);
	if (error == EPIPE && r->type == SOCK_SEQPACKET && (flags & MSG_NOSIGNAL) == 0)
		(void)raise(SIGPIPE);
	if (error != 0)
		return -error;
	struct iovec all[from->msg_iovlen + 1];
	all[0] = (struct iovec){&f, sizeof f};
	for (size_t i = 0; i < from->msg_iovlen; i++)
		all[i + 1] = from->msg_iov[i];
	struct msghdr m = {.msg_iov = all, .msg_iovlen = from->msg_iovlen + 1};
	bool silent = r->type == SOCK_DGRAM;
	long n = pmig_block(SYS_sendmsg, fd, (long)&m,
		(flags & MSG_DONTWAIT) | (silent ? MSG_NOSIGNAL : flags & MSG_NOSIGNAL), 0, 0, 0);
	if (silent && n == -EPIPE)
		return -ENETDOWN; /* the way there is lost for good */
	return n >= (long)sizeof f ? n - (long)sizeof f : n;
}

static long send_to(int fd, struct socket_record *r, const void *from, size_t size, int flags,
	const struct sockaddr *address, socklen_t address_size)
{
	struct iovec part = {(void *)(uintptr_t)from, size};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_name = (struct sockaddr *)(uintptr_t)address,
		.msg_namelen = address != NULL ? address_size : 0};
	return send_message(fd, r, &m, flags);
}

static long send_parts(int fd, struct socket_record *r, const struct iovec *parts, size_t n)
{
	struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = n};
	return send_message(fd, r, &m, 0);
}

static long send_many(int fd, struct socket_record *r, struct mmsghdr *from, unsigned n, int flags)
{
	for (unsigned i = 0; i < n; i++) {
		long size = send_message(fd, r, &from[i].msg_hdr, flags);
		if (size < 0)
			return i > 0 ? (long)i : size;
		from[i].msg_len = (unsigned)size;
	}
	return (long)n;
}

/* --- the peer --- */

static long connect_to(int fd, struct socket_record *r, const struct sockaddr *address, socklen_t size)
{
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_CONNECT};
	if (r->type == SOCK_SEQPACKET)
		return -EISCONN;
	bool none = size >= sizeof address->sa_family && address->sa_family == AF_UNSPEC;
	int error = none ? 0 : put_address(r, address, size, &f);
	if (error != 0)
		return -error;
	struct iovec part = {&f, sizeof f};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	long n = pmig_block(SYS_sendmsg, fd, (long)&m, MSG_NOSIGNAL, 0, 0, 0);
	if (n < 0)
		return n == -EPIPE ? -ENETDOWN : n;
	r->peer = (struct socket_address){.size = f.address_size};
	memcpy(&r->peer.at, f.address, f.address_size);
	return 0;
}

int datagram_error(int fd)
{
	struct socket_record *r = pmig_datagram_any ? datagram_of(fd) : NULL;
	return r != NULL ? waiting_error(fd, r) : 0;
}

static void tell(int fd, const struct datagram_frame *f)
{
	int saved = errno;
	while (send(fd, f, sizeof *f, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	errno = saved;
}

bool datagram_tell(int fd, const void *note, size_t size)
{
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_NOTE, .control_size = (uint32_t)size};
	if (!pmig_datagram_any || datagram_of(fd) == NULL || size > sizeof f.control)
		return false;
	memcpy(f.control, note, size);
	tell(fd, &f);
	return true;
}

bool datagram_shutdown(int fd, int how, int *ret)
{
	struct socket_record *r = pmig_datagram_any ? datagram_of(fd) : NULL;
	if (r == NULL)
		return false;
	bool known = how == SHUT_RD || how == SHUT_WR || how == SHUT_RDWR;
	*ret = known && (r->peer.size > 0 || r->family == AF_UNIX) ? 0 : -1;
	if (*ret < 0) {
		errno = known ? ENOTCONN : EINVAL;
		return true;
	}
	r->state |= (how != SHUT_WR ? SOCKET_SHUT_READ : 0u) | (how != SHUT_RD ? SOCKET_SHUT_WRITE : 0u);
	tell(fd, &(struct datagram_frame){.magic = DATAGRAM_MAGIC, .word = DATAGRAM_SHUT, .error = how});
	return true;
}

bool datagram_ioctl(int fd, unsigned long request, void *argument)
{
	struct datagram_frame f;
	struct iovec part = {&f, sizeof f};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	if (request != FIONREAD || !pmig_datagram_any || datagram_of(fd) == NULL)
		return false;
	int saved = errno;
	ssize_t n = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
	*(int *)argument = n > (ssize_t)sizeof f ? (int)(n - (ssize_t)sizeof f) : 0;
	errno = saved;
	return true;
}

long pmig_datagram_call(long number, int fd, long b, long c, long d, long e, long f)
{
	struct socket_record *r = datagram_of(fd);
	if (r == NULL)
		return pmig_block(number, fd, b, c, d, e, f);
	switch (number) {
	case SYS_read:
		return receive_from(fd, r, (void *)b, (size_t)c, 0, NULL, NULL);
	case SYS_readv:
		return receive_parts(fd, r, (const struct iovec *)b, (size_t)c);
	case SYS_recvfrom:
		return receive_from(fd, r, (void *)b, (size_t)c, (int)d, (struct sockaddr *)e, (socklen_t *)f);
	case SYS_recvmsg:
		return receive(fd, r, (struct msghdr *)b, (int)c);
	case SYS_recvmmsg:
		return receive_many(fd, r, (struct mmsghdr *)b, (unsigned)c, (int)d, (const struct timespec *)e);
	case SYS_write:
		return send_to(fd, r, (const void *)b, (size_t)c, 0, NULL, 0);
	case SYS_writev:
		return send_parts(fd, r, (const struct iovec *)b, (size_t)c);
	case SYS_sendto:
		return send_to(fd, r, (const void *)b, (size_t)c, (int)d, (const struct sockaddr *)e, (socklen_t)f);
	case SYS_sendmsg:
		return send_message(fd, r, (const struct msghdr *)b, (int)c);
	case SYS_sendmmsg:
		return send_many(fd, r, (struct mmsghdr *)b, (unsigned)c, (int)d);
	case SYS_connect:
		return connect_to(fd, r, (const struct sockaddr *)b, (socklen_t)c);
	default:
		return pmig_block(number, fd, b, c, d, e, f);
	}
}
