/* agent_datagram: datagrams between a socket that stayed here, a channel, and a program. */
#include "agent_datagram.h"
#include "agent_option.h"

#include "runtime/reference/datagram_frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(DATAGRAM_PACKED_MAX + DATAGRAM_PAYLOAD_MAX <= CHANNEL_MESSAGE_MAX, "the longest datagram is a message");
_Static_assert(DATAGRAM_PACKED_MAX <= CHANNEL_ANSWER_MAX, "what goes back at once is one");

#define SEND_FLAGS (MSG_MORE | MSG_DONTROUTE | MSG_CONFIRM | MSG_EOR)

static int number(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof value;
	(void)getsockopt(fd, SOL_SOCKET, name, &value, &size);
	return value;
}

int agent_datagram_pair(int ret_ends[2])
{
	int size =
		512 << 10; /* doubled by the kernel, if wmem_max of socket(7) allows: all of it fits where an end is moved */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) < 0)
		return error_errno(PMIG_EIO, errno, "channel");
	for (int i = 0; i < 2; i++)
		(void)setsockopt(ret_ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return 0;
}

/* No bytes are an end only if no more can come: a datagram may be empty. */
static bool has_ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP)) != 0;
}

/* --- towards the program --- */

static ssize_t wait_not(int fd, struct msghdr *m, bool peek)
{
	ssize_t n;
	do
		n = recvmsg(fd, m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (peek ? MSG_PEEK : 0));
	while (n < 0 && errno == EINTR);
	return n;
}

/* The payload, which was put behind the longest head, follows this one. */
static ssize_t packed(unsigned char *to, const struct datagram_frame *f, size_t payload)
{
	size_t head = datagram_frame_pack(to, f);
	memmove(to + head, to + DATAGRAM_PACKED_MAX, payload);
	return (ssize_t)(head + payload);
}

/* A library has written to the number, which knows nothing of frames: it means the peer. */
static ssize_t bare(unsigned char *to, const struct datagram_frame *begin, size_t n)
{
	const struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA};
	size_t first = n < sizeof *begin ? n : sizeof *begin;
	memmove(to + DATAGRAM_HEAD + first, to + DATAGRAM_PACKED_MAX, n - first);
	(void)datagram_frame_pack(to, &f);
	memcpy(to + DATAGRAM_HEAD, begin, first);
	return (ssize_t)(DATAGRAM_HEAD + n);
}

static ssize_t from_program(int fd, void *to, size_t size, bool peek)
{
	struct datagram_frame f;
	(void)size; /* CHANNEL_MESSAGE_MAX */
	struct iovec parts[] = {{&f, sizeof f}, {(unsigned char *)to + DATAGRAM_PACKED_MAX, DATAGRAM_PAYLOAD_MAX}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n = wait_not(fd, &m, peek);
	if (n < 0 || (n == 0 && has_ended(fd)))
		return n;
	return (size_t)n >= sizeof f && datagram_frame_sound(&f) ? packed(to, &f, (size_t)n - sizeof f)
								 : bare(to, &f, (size_t)n);
}

static int to_program(int fd, const void *from, size_t size, void *answer, size_t *ret_size)
{
	struct datagram_frame f;
	size_t at;
	(void)answer;
	(void)ret_size;
	if (!datagram_frame_unpack(from, size, &f, &at))
		return 0;
	struct iovec parts[] = {{&f, sizeof f}, {(unsigned char *)(uintptr_t)from + at, size - at}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;
	do
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 && errno != EMSGSIZE ? -1 : 0; /* what is longer than any socket here may send is lost, as on any way */
}

const struct channel_messages agent_datagram_program = {from_program, to_program, NULL, true};

/* --- the socket --- */

/* What an earlier datagram met with, as the network or the other end's kernel said; the socket is as good as before. */
static bool is_news(int error)
{
	static const int news[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, ENONET, EMSGSIZE, EPROTO,
		ENOPROTOOPT, EOPNOTSUPP, EACCES, EPERM, ETIMEDOUT};
	for (size_t i = 0; i < sizeof news / sizeof *news; i++)
		if (error == news[i])
			return true;
	return false;
}

static void close_all(const struct cmsghdr *c)
{
	const int *fds = (const int *)(const void *)CMSG_DATA(c);
	for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds; i++)
		(void)close(fds[i]);
}

/* Descriptors cannot go to another host. */
static void drop_descriptors(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m), *next; c != NULL; c = next) {
		next = CMSG_NXTHDR(m, c);
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		close_all(c);
		c->cmsg_type = 0; /* which is nobody's */
	}
}

/* The peer has not only ended, it is gone: whoever sends more is to know. */
static size_t last_of_socket(int fd, void *to)
{
	struct pollfd p = {.fd = fd};
	const struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_ERROR, .error = EPIPE};
	return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) != 0 ? datagram_frame_pack(to, &f) : 0;
}

/* With IP_RECVERR the same news waits here too, and poll(2) tells of it until it is taken. */
static void drop_error_queue(int fd)
{
	char some[64];
	int error = errno;
	for (int i = 0; i < 64 && recv(fd, some, sizeof some, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0; i++)
		;
	errno = error;
}

static ssize_t from_socket(int fd, void *to, size_t size, bool peek)
{
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA};
	struct iovec part = {(unsigned char *)to + DATAGRAM_PACKED_MAX, size - DATAGRAM_PACKED_MAX};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_name = f.address,
		.msg_namelen = sizeof f.address,
		.msg_control = f.control,
		.msg_controllen = sizeof f.control};
	ssize_t n = wait_not(fd, &m, peek);
	if (n == 0 && has_ended(fd))
		return 0;
	if (n >= 0) {
		drop_descriptors(&m);
		f.address_size = m.msg_namelen < sizeof f.address ? m.msg_namelen : sizeof f.address;
		f.control_size = (uint32_t)m.msg_controllen;
		return packed(to, &f, (size_t)n);
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		drop_error_queue(fd);
	if (!is_news(errno))
		return -1;
	f = (struct datagram_frame){.magic = DATAGRAM_MAGIC, .word = DATAGRAM_ERROR, .error = errno};
	return packed(to, &f, 0);
}

/* --- what the program sends --- */

static void answer_with(const struct datagram_frame *f, void *answer, size_t *ret_size)
{
	*ret_size = datagram_frame_pack(answer, f);
}

static void answer_error(int error, void *answer, size_t *ret_size)
{
	answer_with(&(struct datagram_frame){.magic = DATAGRAM_MAGIC, .word = DATAGRAM_ERROR, .error = error}, answer,
		ret_size);
}

static ssize_t send_once(int fd, const struct msghdr *m, uint32_t flags)
{
	ssize_t n;
	do
		n = sendmsg(fd, m, MSG_DONTWAIT | MSG_NOSIGNAL | (int)(flags & SEND_FLAGS));
	while (n < 0 && errno == EINTR);
	return n;
}

static bool is_later(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS;
}

/* The number of a descriptor would be one of ours, and credentials our own: neither comes from a program that is elsewhere. */
static bool is_harmless(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && (c->cmsg_type == SCM_RIGHTS || c->cmsg_type == SCM_CREDENTIALS))
			return false;
	return true;
}

/* An error that waits in the socket is told by the next call, and that is then not done: it is told to the program, and the datagram
 * sent after all. */
static int pass_on(int fd, struct datagram_frame *f, const unsigned char *payload, size_t size, void *answer,
	size_t *ret_size)
{
	struct iovec part = {(unsigned char *)(uintptr_t)payload, size};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_name = f->address_size > 0 ? f->address : NULL,
		.msg_namelen = f->address_size,
		.msg_control = f->control_size > 0 ? f->control : NULL,
		.msg_controllen = f->control_size};
	if (!is_harmless(&m)) {
		answer_error(EOPNOTSUPP, answer, ret_size);
		return 0;
	}
	ssize_t n = send_once(fd, &m, f->flags);
	int error = n < 0 ? errno : 0;
	if (error != 0 && is_news(error) && number(fd, SO_DOMAIN) != AF_UNIX)
		n = send_once(fd, &m, f->flags);
	if (n < 0 && is_later(errno))
		return -1;
	if (error != 0)
		answer_error(error, answer, ret_size);
	return 0;
}

static int connect_to(int fd, const struct datagram_frame *f, void *answer, size_t *ret_size)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct datagram_frame local = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_LOCAL};
	socklen_t size = sizeof local.address;
	int r = f->address_size > 0 ? connect(fd, (const struct sockaddr *)(const void *)f->address, f->address_size)
				    : connect(fd, &none, sizeof none);
	if (r < 0) {
		answer_error(errno, answer, ret_size);
	} else if (getsockname(fd, (struct sockaddr *)(void *)local.address, &size) == 0) {
		local.address_size = size;
		answer_with(&local, answer, ret_size);
	}
	return 0;
}

static int to_socket(int fd, const void *from, size_t size, void *answer, size_t *ret_size)
{
	struct datagram_frame f;
	size_t at;
	if (!datagram_frame_unpack(from, size, &f, &at))
		return 0;
	if (f.word == DATAGRAM_CONNECT)
		return connect_to(fd, &f, answer, ret_size);
	if (f.word == DATAGRAM_SHUT)
		(void)shutdown(fd, f.error);
	if (f.word == DATAGRAM_NOTE)
		agent_option_set(fd, f.control, f.control_size);
	if (f.word == DATAGRAM_DATA)
		return pass_on(fd, &f, (const unsigned char *)from + at, size - at, answer, ret_size);
	return 0;
}

/* To another's unix socket that is full: no poll(2) tells when it is not. */
const struct channel_messages agent_datagram_socket = {from_socket, to_socket, last_of_socket, false};
