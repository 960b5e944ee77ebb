/* plain_relay: splices, by pipes that are lent to a direction for as long as it has bytes in one. */
#include "plain_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIPE_SIZE (256 << 10)
#define ROUNDS 16                /* splices of one direction at once, then others get their turn */
#define PATIENCE_MS (120 * 1000) /* a network that is gone for longer breaks the connection */
#define RECEIVED (6 << 20)       /* bytes: what kernels allow by default; half of it is the window */
#define UNSENT (128 << 10)

struct direction {
	int from, to;
	int pipe[2]; /* -1: none is lent */
	size_t in_pipe;
	struct plain_front front;
	size_t front_done;
	bool ended, passed; /* its end has been read, and passed on */
	bool marked;        /* an urgent byte is next */
};

struct plain_relay {
	struct plain_relay_options options;
	struct direction up, down; /* from the client, from the program */
	struct loop_source *client, *way, *done;
	int client_flags;
	int broken; /* errno */
	bool draining, finished;
	uint64_t bytes;
	struct plain_front kept_up, kept_down;
};

static struct {
	int ends[2];
} spare[8]; /* empty pipes, so that a connection that is idle has none */
static size_t spare_count;

static bool lend(struct direction *d)
{
	if (d->pipe[0] >= 0)
		return true;
	if (spare_count > 0) {
		spare_count--;
		d->pipe[0] = spare[spare_count].ends[0];
		d->pipe[1] = spare[spare_count].ends[1];
		return true;
	}
	if (pipe2(d->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		d->pipe[0] = d->pipe[1] = -1;
		return false;
	}
	(void)fcntl(d->pipe[0], F_SETPIPE_SZ, PIPE_SIZE);
	return true;
}

static void give_back(struct direction *d)
{
	if (d->pipe[0] < 0)
		return;
	if (d->in_pipe == 0 && spare_count < sizeof spare / sizeof *spare) {
		memcpy(spare[spare_count++].ends, d->pipe, sizeof d->pipe);
	} else {
		(void)close(d->pipe[0]);
		(void)close(d->pipe[1]);
	}
	d->pipe[0] = d->pipe[1] = -1;
	d->in_pipe = 0;
}

static bool is_later(int number)
{
	return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

/* Nobody is at `d->to` any more; what its peer has sent is still read. */
static void lose(struct plain_relay *r, struct direction *d, int number)
{
	d->ended = d->passed = true;
	d->front_done = d->front.size;
	if (d->pipe[0] >= 0) {
		(void)close(d->pipe[0]);
		(void)close(d->pipe[1]);
		d->pipe[0] = d->pipe[1] = -1;
	}
	d->in_pipe = 0;
	if (r->broken == 0)
		r->broken = number;
}

static bool has_front(const struct direction *d)
{
	return d->front_done < d->front.size;
}

/* What has been read goes on. False: not all of it can now. */
static bool push(struct plain_relay *r, struct direction *d)
{
	while (has_front(d)) {
		bool before = d->front.urgent && d->front_done < d->front.mark,
		     at = d->front.urgent && d->front_done == d->front.mark;
		size_t size = at ? 1 : (before ? d->front.mark : d->front.size) - d->front_done;
		ssize_t n = send(d->to, d->front.bytes + d->front_done, size,
			MSG_DONTWAIT | MSG_NOSIGNAL | (at ? MSG_OOB : 0));
		if (n < 0 && is_later(errno))
			return false;
		if (n < 0)
			lose(r, d, errno);
		else
			d->front_done += (size_t)n;
	}
	while (d->in_pipe > 0) {
		ssize_t n = splice(d->pipe[0], NULL, d->to, NULL, d->in_pipe, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0 && is_later(errno))
			return false;
		if (n <= 0)
			lose(r, d, n < 0 ? errno : EPIPE);
		else
			d->in_pipe -= (size_t)n;
	}
	return true;
}

/* The byte at the mark; tcp(7). Everything before it has been passed on. */
static bool pass_urgent(struct plain_relay *r, struct direction *d)
{
	char byte;
	if (recv(d->from, &byte, 1, MSG_DONTWAIT) != 1)
		return false;
	d->marked = false;
	r->bytes++;
	if (send(d->to, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB) == 1)
		return true;
	if (!is_later(errno)) {
		lose(r, d, errno);
		return true;
	}
	unsigned char *kept = malloc(1); /* there is no room: it goes when there is */
	free(d->front.bytes);
	d->front = (struct plain_front){
		.bytes = kept, .size = kept != NULL ? 1 : 0, .ended = d->front.ended, .urgent = true};
	d->front_done = 0;
	if (kept != NULL)
		*kept = (unsigned char)byte;
	else
		lose(r, d, ENOMEM);
	return false;
}

static bool at_mark(int fd)
{
	int at = 0;
	return ioctl(fd, SIOCATMARK, &at) == 0 && at != 0;
}

/* True: something moved, and more may. */
static bool pull(struct plain_relay *r, struct direction *d)
{
	if (d->ended || has_front(d) || d->in_pipe >= PIPE_SIZE / 2 || (r->draining && d == &r->up) || d->marked)
		return d->marked && d->in_pipe == 0 && !has_front(d) && !d->ended && pass_urgent(r, d);
	if (!lend(d))
		return false;
	ssize_t n = splice(d->from, NULL, d->pipe[1], NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n > 0) {
		d->in_pipe += (size_t)n;
		r->bytes += (uint64_t)n;
		return true;
	}
	if (n < 0 && is_later(errno)) {
		d->marked = d->in_pipe == 0 && at_mark(d->from);
		return d->marked && pass_urgent(r, d);
	}
	d->ended = true;
	if (n < 0 && r->broken == 0)
		r->broken = errno;
	return false;
}

static void transfer(struct plain_relay *r, struct direction *d)
{
	for (int i = 0; i < ROUNDS; i++) {
		bool more = pull(r, d);
		if (!push(r, d) || !more)
			break;
	}
	if (d->in_pipe == 0)
		give_back(d);
	if (d->ended && !d->passed && d->in_pipe == 0 && !has_front(d)) {
		d->passed = true;
		if (r->broken == 0)
			(void)shutdown(d->to, SHUT_WR);
	}
}

void plain_relay_reset(int fd)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
}

/* --- draining --- */

static int keep(struct plain_front *f, const void *bytes, size_t size)
{
	if (size > PLAIN_KEPT_MAX - f->size)
		return error_set(PMIG_EREFUSED, "plain TCP: more than %u bytes are under way", PLAIN_KEPT_MAX);
	unsigned char *grown = realloc(f->bytes, f->size + size + 1);
	if (grown == NULL)
		return error_set(PMIG_ENOMEM, "plain TCP: out of memory");
	f->bytes = grown;
	if (size > 0)
		memcpy(f->bytes + f->size, bytes, size);
	f->size += size;
	return 0;
}

static int keep_pipe(struct plain_front *f, struct direction *d)
{
	unsigned char buffer[16384];
	f->urgent = d->front.urgent && d->front_done <= d->front.mark && has_front(d);
	f->mark = d->front.mark - d->front_done;
	int code = has_front(d) ? keep(f, d->front.bytes + d->front_done, d->front.size - d->front_done) : 0;
	d->front_done = d->front.size;
	while (code >= 0 && d->in_pipe > 0) {
		ssize_t n = read(d->pipe[0], buffer, sizeof buffer);
		if (n <= 0)
			return error_set(PMIG_EIO, "plain TCP: a pipe lost its bytes");
		d->in_pipe -= (size_t)n;
		code = keep(f, buffer, (size_t)n);
	}
	return code;
}

/* 1: all is here. */
static int drain_down(struct plain_relay *r)
{
	unsigned char buffer[65536];
	int code = 0;
	while (code >= 0 && !r->down.ended) {
		if (at_mark(r->down.from)) {
			r->kept_down.urgent = true;
			r->kept_down.mark = r->kept_down.size;
		}
		ssize_t n = recv(r->down.from, buffer, sizeof buffer, MSG_DONTWAIT);
		if (n < 0 && is_later(errno))
			return 0;
		if (n < 0)
			return error_errno(PMIG_EIO, errno, "plain TCP: the way to the program");
		r->down.ended = n == 0;
		code = keep(&r->kept_down, buffer, (size_t)n);
	}
	return code < 0 ? code : 1;
}

static void settle(struct plain_relay *r, int code)
{
	r->finished = true;
	loop_remove(&r->client);
	loop_remove(&r->way);
	if (r->client_flags >= 0)
		(void)fcntl(r->options.client, F_SETFL, r->client_flags);
	r->kept_up.ended = r->up.ended;
	r->options.drained(r->options.context, code, &r->kept_up, &r->kept_down);
}

/* Returns true when it is over; r is gone then. */
static bool drain(struct plain_relay *r)
{
	int code = drain_down(r);
	if (code == 0)
		return false;
	settle(r, code);
	return true;
}

/* --- both --- */

static void watch(struct plain_relay *r)
{
	const struct direction *u = &r->up, *d = &r->down;
	bool up_waits = u->in_pipe > 0 || has_front(u), down_waits = d->in_pipe > 0 || has_front(d);
	short client = (short)(!u->ended && !up_waits && !r->draining ? POLLIN | POLLPRI : 0);
	short way = (short)(!d->ended && !down_waits ? POLLIN | POLLPRI : 0);
	client = (short)(client | (down_waits ? POLLOUT : 0));
	way = (short)(way | (up_waits ? POLLOUT : 0));
	if (client == 0 && u->ended && !d->passed) /* it may be reset yet */
		client = POLLERR;
	if (way == 0 && d->ended && !u->passed)
		way = POLLERR;
	loop_watch(r->client, client);
	loop_watch(r->way, way);
}

static void on_done(void *context)
{
	struct plain_relay *r = context;
	r->options.ended(r->options.context, r->broken);
}

static void move_on(struct plain_relay *r)
{
	if (r->finished || (r->draining && drain(r)))
		return;
	if (!r->draining) {
		transfer(r, &r->up);
		transfer(r, &r->down);
	}
	/* One side is gone: what it has said before is passed on, then the other hears how it went. */
	bool over = (r->up.passed && r->down.passed) ||
		(r->broken != 0 && (r->up.passed || r->up.ended) && !has_front(&r->down) && r->down.in_pipe == 0) ||
		(r->broken != 0 && (r->down.passed || r->down.ended) && !has_front(&r->up) && r->up.in_pipe == 0);
	if (!r->draining && over) {
		r->finished = true;
		loop_watch(r->client, 0);
		loop_watch(r->way, 0);
		if (r->broken != 0)
			plain_relay_abort(r);
		if (loop_soon(r->options.loop, on_done, r, &r->done) < 0)
			abort(); /* forty bytes: nothing can be told to anybody any more */
		return;
	}
	watch(r);
}

static void note_error(struct plain_relay *r, int fd, short events)
{
	int number = 0;
	socklen_t size = sizeof number;
	struct direction *from = fd == r->options.client ? &r->up : &r->down;
	if ((events & POLLERR) == 0 || !from->ended)
		return; /* reading tells it, behind what came before */
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 && number != 0)
		lose(r, fd == r->options.client ? &r->down : &r->up, number);
}

static void on_client(void *context, short events)
{
	struct plain_relay *r = context;
	note_error(r, r->options.client, events);
	move_on(r);
}

static void on_way(void *context, short events)
{
	struct plain_relay *r = context;
	note_error(r, r->options.way, events);
	move_on(r);
}

static int be_nonblocking(int fd, int *ret_flags)
{
	int flags = fcntl(fd, F_GETFL), in_line = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &in_line, sizeof in_line);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_errno(PMIG_EIO, errno, "plain TCP: a connection");
	*ret_flags = flags;
	return 0;
}

int plain_relay_create(const struct plain_relay_options *o, struct plain_relay **ret)
{
	struct plain_relay *r = calloc(1, sizeof *r);
	int ignored;
	if (r == NULL)
		abort(); /* some hundred bytes: nothing can be told to anybody any more */
	*r = (struct plain_relay){.options = *o,
		.client_flags = -1,
		.up = {.from = o->client,
			.to = o->way,
			.pipe = {-1, -1},
			.front = o->to_program,
			.ended = o->to_program.ended},
		.down = {.from = o->way,
			.to = o->client,
			.pipe = {-1, -1},
			.front = o->to_client,
			.ended = o->to_client.ended}};
	int code = be_nonblocking(o->client, &r->client_flags);
	if (code >= 0)
		code = be_nonblocking(o->way, &ignored);
	if (code >= 0)
		code = loop_add(o->loop, o->client, 0, on_client, r, &r->client);
	if (code >= 0)
		code = loop_add(o->loop, o->way, 0, on_way, r, &r->way);
	if (code < 0) {
		plain_relay_destroy(r);
		return code;
	}
	*ret = r;
	move_on(r);
	return 0;
}

void plain_relay_destroy(struct plain_relay *r)
{
	if (r == NULL)
		return;
	loop_remove(&r->client);
	loop_remove(&r->way);
	loop_remove(&r->done);
	give_back(&r->up);
	give_back(&r->down);
	free(r->up.front.bytes);
	free(r->down.front.bytes);
	free(r->kept_up.bytes);
	free(r->kept_down.bytes);
	(void)close(r->options.client);
	(void)close(r->options.way);
	free(r);
}

bool plain_relay_drain(struct plain_relay *r)
{
	if (r->finished || r->draining)
		return r->draining;
	r->draining = true;
	r->down.ended = r->down.passed; /* what the program had ended before is known already */
	int code = keep_pipe(&r->kept_down, &r->down);
	if (code >= 0)
		code = keep_pipe(&r->kept_up, &r->up);
	if (!r->up.passed)
		(void)shutdown(r->up.to, SHUT_WR);
	r->up.passed = true;
	if (code < 0)
		settle(r, code);
	else
		move_on(r);
	return true;
}

void plain_relay_abort(struct plain_relay *r)
{
	plain_relay_reset(r->options.client);
	plain_relay_reset(r->options.way);
}

uint64_t plain_relay_bytes(const struct plain_relay *r)
{
	return r->bytes;
}

static void set(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof value);
}

void plain_relay_tune(int way)
{
	set(way, IPPROTO_TCP, TCP_NODELAY, 1);
	set(way, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(way, IPPROTO_TCP, TCP_KEEPIDLE, 30);
	set(way, IPPROTO_TCP, TCP_KEEPINTVL, 10);
	set(way, IPPROTO_TCP, TCP_USER_TIMEOUT, PATIENCE_MS);
	set(way, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT);
}

void plain_relay_bound(int way)
{
	long most = LONG_MAX;
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_rmem", "re");
	if (f != NULL && fscanf(f, "%*d %*d %ld", &most) != 1)
		most = LONG_MAX;
	if (f != NULL)
		(void)fclose(f);
	if (most > RECEIVED) /* a size that was set is not grown by the kernel */
		set(way, SOL_SOCKET, SO_RCVBUF, RECEIVED / 2);
}
