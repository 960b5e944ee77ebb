/* wait_send: send() and its family. What a request interrupts in the middle goes on with the rest. */
#include "wait.h"

#include "reference/replaced.h"

ssize_t pmig_send(int fd, const void *from, size_t size, int flags);
ssize_t pmig_sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *address,
	socklen_t address_size);
ssize_t pmig_sendmsg(int fd, const struct msghdr *message, int flags);
int pmig_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags);

WAIT_CALL ssize_t pmig_sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *address,
	socklen_t address_size)
{
	long r = wait_descriptor(SO_SNDTIMEO, SYS_sendto, fd, from, size, flags, address, address_size);
	if (wait_stopped_short(r, size)) {
		struct iovec part = {(void *)from, size};
		r = pmig_wait_rest(SYS_sendmsg, fd, &part, 1, (size_t)r, flags);
	}
	return wait_result(r);
}

ssize_t pmig_send(int fd, const void *from, size_t size, int flags)
{
	return pmig_sendto(fd, from, size, flags, NULL, 0);
}

/* A descriptor may be among what is sent. */
static void note_shared(const struct msghdr *message)
{
	if (message->msg_controllen > 0)
		pmig_note_shared();
}

WAIT_CALL ssize_t pmig_sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (message->msg_controllen > 0 && pmig_connected_elsewhere(fd))
		return wait_result(-EOPNOTSUPP);
	note_shared(message);
	long r = wait_descriptor(SO_SNDTIMEO, SYS_sendmsg, fd, message, flags);
	if (r > 0 && pmig_asked != 0)
		r = pmig_wait_rest(SYS_sendmsg, fd, message->msg_iov, message->msg_iovlen, (size_t)r, flags);
	return wait_result(r);
}

WAIT_CALL int pmig_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
	unsigned done = 0, first = 0;
	while (first < n && messages[first].msg_hdr.msg_controllen == 0)
		first++;
	if (first < n && pmig_connected_elsewhere(fd)) {
		if (first == 0)
			return (int)wait_result(-EOPNOTSUPP);
		n = first; /* those before it are sent: sendmmsg(2) */
	}
	for (unsigned i = first; i < n; i++)
		note_shared(&messages[i].msg_hdr);
	for (;;) {
		long r = wait_descriptor(SO_SNDTIMEO, SYS_sendmmsg, fd, messages + done, n - done, flags);
		if (r < 0)
			return done > 0 ? (int)done : (int)wait_result(r);
		done += (unsigned)r;
		if (done == n || pmig_asked == 0)
			return (int)done;
	}
}
