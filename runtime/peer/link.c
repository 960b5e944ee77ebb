/* link: frames over a socket that does not wait; link.h tells. */
#include "peer/link.h"

#include <pmig/pmig.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 2 * FRAME_MOST };

int64_t pmig_peer_link_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int pmig_peer_link_init(struct link *l, int fd, bool connecting)
{
	uint8_t *both = malloc(2 * (size_t)ROOM);
	if (both == NULL)
		return PMIG_ENOMEM;
	int yes = 1; /* acknowledgements do not wait for bytes, nor bytes for those of TCP */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	*l = (struct link){
		.fd = fd, .connecting = connecting, .heard = pmig_peer_link_now(), .in = both, .out = both + ROOM};
	return 0;
}

static void set(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof value);
}

/* Half of the time it is left alone, then asked some times. TCP_USER_TIMEOUT would also end a connection whose other side answers that it takes
 * nothing more for now. */
void pmig_peer_link_watch(struct link *l, int silence)
{
	int idle = silence / 2000, interval = silence / 8000 > 0 ? silence / 8000 : 1;
	if (silence < 0)
		return;
	set(l->fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
	set(l->fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
	set(l->fd, IPPROTO_TCP, TCP_KEEPCNT, (silence / 1000 - idle) / interval);
	set(l->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* While nothing is under way, keepalive has it answer more often than that. */
bool pmig_peer_link_is_silent(const struct link *l, int silence)
{
	struct tcp_info i;
	socklen_t size = sizeof i;
	return l->fd >= 0 && getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &i, &size) == 0 && i.tcpi_unacked > 0 &&
		i.tcpi_last_ack_recv > (unsigned)silence;
}

void pmig_peer_link_close(struct link *l)
{
	if (l->fd < 0)
		return;
	close(l->fd);
	free(l->in);
	*l = (struct link){.fd = -1};
}

int pmig_peer_link_connected(struct link *l)
{
	struct pollfd p = {l->fd, POLLOUT, 0};
	int error = 0;
	socklen_t size = sizeof error;
	if (!l->connecting)
		return 1;
	if (poll(&p, 1, 0) <= 0)
		return 0;
	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0)
		return PMIG_EUNREACHED;
	l->connecting = false;
	l->heard = pmig_peer_link_now();
	return 1;
}

/* Puts what is left at the beginning. */
static void shift(uint8_t *buffer, size_t *start, size_t *end)
{
	if (*start > 0 && *end > *start)
		memmove(buffer, buffer + *start, *end - *start);
	*end -= *start;
	*start = 0;
}

int pmig_peer_link_read(struct link *l)
{
	shift(l->in, &l->in_start, &l->in_end);
	for (;;) {
		ssize_t n = recv(l->fd, l->in + l->in_end, ROOM - l->in_end, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n <= 0)
			return PMIG_EGONE;
		l->in_end += (size_t)n;
		l->heard = pmig_peer_link_now();
		return 0;
	}
}

int pmig_peer_link_next(struct link *l, struct frame *ret)
{
	int n = l->in_end > l->in_start ? pmig_peer_frame_look(l->in + l->in_start, l->in_end - l->in_start, ret) : 0;
	if (n > 0)
		l->in_start += (size_t)n;
	return n;
}

bool pmig_peer_link_has_room(const struct link *l, size_t size)
{
	return l->fd >= 0 && !l->connecting && ROOM - (l->out_end - l->out_start) >= FRAME_HEADER + size;
}

void pmig_peer_link_put(struct link *l, const struct frame *frame)
{
	if (ROOM - l->out_end < FRAME_HEADER + frame->size)
		shift(l->out, &l->out_start, &l->out_end);
	l->out_end += pmig_peer_frame_put(l->out + l->out_end, frame);
}

int pmig_peer_link_flush(struct link *l)
{
	while (l->out_end > l->out_start) {
		ssize_t n = send(l->fd, l->out + l->out_start, l->out_end - l->out_start, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : PMIG_EGONE;
		l->out_start += (size_t)n;
	}
	l->out_start = l->out_end = 0;
	return 0;
}

struct pollfd pmig_peer_link_poll(const struct link *l)
{
	short out = l->connecting || l->out_end > l->out_start ? POLLOUT : 0;
	return (struct pollfd){l->fd, (short)(out | (l->connecting ? 0 : POLLIN)), 0};
}
