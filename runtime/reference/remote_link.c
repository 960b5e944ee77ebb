/* remote_link: one connection. Never waits to send without taking what has come, so that two sides that both have much to say
 * do not wait for each other for ever. */
#include "remote_link.h"

#include "../control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ROOM (1u << 20) /* for what has come */
#define UNDER_WAY 512   /* requests, at most */
#define LOOK 200        /* ms after which a wait looks whether the process is to end */

struct under_way {
	struct protocol_request q;
	remote_link_done *done;
	void *context;
};

struct remote_link {
	int socket;
	unsigned users;
	bool up; /* the other side has greeted: that it is lost is news */
	bool lost;
	char *name;
	uint64_t last_id;
	size_t unanswered; /* bytes that were sent with what is under way */
	struct under_way queue[UNDER_WAY];
	unsigned first, n;
	size_t at, have; /* in `in` */
	unsigned char in[ROOM];
};

/* Calls `judge` for each signal that waits and was not blocked by the program itself. */
static bool any_pending(const sigset_t *before, bool (*judge)(int, const struct sigaction *))
{
	sigset_t pending;
	struct sigaction action;
	if (sigpending(&pending) < 0)
		return false;
	for (int i = 1; i < NSIG; i++)
		if (sigismember(&pending, i) == 1 && (before == NULL || sigismember(before, i) == 0) &&
			sigaction(i, NULL, &action) == 0 && judge(i, &action))
			return true;
	return false;
}

static bool interrupts(int number, const struct sigaction *a)
{
	return number != CONTROL_SIGNAL && a->sa_handler != SIG_DFL && a->sa_handler != SIG_IGN &&
		(a->sa_flags & SA_RESTART) == 0;
}

bool remote_link_interrupted(const sigset_t *before)
{
	return any_pending(before, interrupts);
}

static bool ends(int number, const struct sigaction *a)
{
	return a->sa_handler == SIG_DFL && (number == SIGINT || number == SIGTERM || number == SIGQUIT || number == SIGHUP);
}

/* A process that waits for a host that does not answer can be ended, as one that waits for a server of NFS (nfs(5)). */
static void end_if_told(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
	sigset_t some;
	if (!any_pending(NULL, ends))
		return;
	(void)sigemptyset(&some);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		(void)sigaddset(&some, numbers[i]);
	(void)pthread_sigmask(SIG_UNBLOCK, &some, NULL);
	(void)pthread_sigmask(SIG_BLOCK, &some, NULL);
}

int remote_link_create(int socket, const char *name, struct remote_link **ret)
{
	struct remote_link *l = calloc(1, sizeof *l);
	int flags = fcntl(socket, F_GETFL);
	if (l != NULL)
		l->name = strdup(name);
	if (l == NULL || l->name == NULL) {
		free(l);
		return error_set(PMIG_ENOMEM, "no memory for a connection");
	}
	if (flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0) {
		free(l->name);
		free(l);
		return error_errno(PMIG_EIO, errno, "its connection");
	}
	l->socket = socket;
	l->users = 1;
	*ret = l;
	return 0;
}

struct remote_link *remote_link_share(struct remote_link *l)
{
	l->users++;
	return l;
}

void remote_link_drop(struct remote_link *l)
{
	if (l == NULL || --l->users > 0)
		return;
	if (l->socket >= 0)
		close(l->socket);
	free(l->name);
	free(l);
}

void remote_link_up(struct remote_link *l)
{
	l->up = true;
}

bool remote_link_lost(const struct remote_link *l)
{
	return l->lost;
}

int remote_link_socket(const struct remote_link *l)
{
	return l->socket;
}

void remote_link_forget(struct remote_link *l)
{
	if (l->socket >= 0)
		close(l->socket);
	l->socket = -1;
	l->lost = true;
	l->n = 0;
}

static struct under_way take_first(struct remote_link *l)
{
	struct under_way u = l->queue[l->first];
	l->first = (l->first + 1) % UNDER_WAY;
	l->n--;
	l->unanswered -= PROTOCOL_REQUEST + u.q.size;
	return u;
}

/* Nothing comes any more: all that is under way has failed. */
static void lose(struct remote_link *l, const char *why)
{
	if (l->lost)
		return;
	l->lost = true;
	(void)shutdown(l->socket, SHUT_RDWR);
	if (l->up)
		(void)dprintf(STDERR_FILENO, "pmig: %s: %s; it cannot be used any more\n", l->name, why);
	while (l->n > 0) {
		struct under_way u = take_first(l);
		u.done(u.context, &u.q, &(struct protocol_answer){.id = u.q.id, .error = EIO}, NULL);
	}
}

/* One whole answer from what has come; false: more must come first. */
static bool handle(struct remote_link *l)
{
	if (l->have - l->at < PROTOCOL_ANSWER || l->lost)
		return false;
	struct protocol_answer r = protocol_get_answer(l->in + l->at);
	if (l->n == 0 || r.id != l->queue[l->first].q.id || r.size > REMOTE_LINK_PIECE) {
		lose(l, "what serves it answers what was not asked");
		return false;
	}
	if (l->have - l->at < PROTOCOL_ANSWER + r.size)
		return false;
	const unsigned char *data = l->in + l->at + PROTOCOL_ANSWER;
	l->at += PROTOCOL_ANSWER + r.size;
	struct under_way u = take_first(l);
	u.done(u.context, &u.q, &r, data);
	return true;
}

/* Takes what is there without waiting. */
static void take(struct remote_link *l)
{
	memmove(l->in, l->in + l->at, l->have - l->at);
	l->have -= l->at;
	l->at = 0;
	ssize_t n = recv(l->socket, l->in + l->have, ROOM - l->have, MSG_DONTWAIT);
	if (n > 0)
		l->have += (size_t)n;
	else if (n == 0)
		lose(l, "the connection to where it lies is lost");
	else if (errno != EAGAIN && errno != EINTR)
		lose(l, strerror(errno));
	while (handle(l))
		;
}

/* Waits until something has come or, `sending`, can go, `ms` at most. */
static void await(struct remote_link *l, bool sending, int ms)
{
	struct pollfd p = {.fd = l->socket, .events = (short)(POLLIN | (sending ? POLLOUT : 0))};
	int n = poll(&p, 1, ms);
	if (n == 0)
		end_if_told();
	if (n > 0 && (p.revents & ~POLLOUT) != 0)
		take(l);
}

static int send_all(struct remote_link *l, struct iovec parts[2])
{
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	while (!l->lost && parts[0].iov_len + parts[1].iov_len > 0) {
		ssize_t n = sendmsg(l->socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			await(l, true, LOOK);
		} else if (n < 0 && errno != EINTR) {
			take(l); /* what came before the end counts */
			lose(l, "the connection to where it lies is lost");
		}
		for (int i = 0; i < 2 && n > 0; i++) {
			size_t k = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;
			parts[i].iov_base = (char *)parts[i].iov_base + k;
			parts[i].iov_len -= k;
			n -= (ssize_t)k;
		}
	}
	return l->lost ? -1 : 0;
}

int remote_link_send(struct remote_link *l, struct protocol_request *q, const void *data, remote_link_done *done,
	void *context)
{
	unsigned char head[PROTOCOL_REQUEST];
	while (l->n == UNDER_WAY)
		await(l, false, LOOK);
	if (l->lost) {
		errno = EIO;
		return -1;
	}
	q->id = ++l->last_id;
	protocol_put_request(head, q);
	/* Known before it is sent: the answer may come while a part of it still goes. */
	l->queue[(l->first + l->n++) % UNDER_WAY] = (struct under_way){*q, done, context};
	l->unanswered += sizeof head + q->size;
	(void)send_all(l, (struct iovec[2]){{head, sizeof head}, {(void *)data, q->size}});
	return 0;
}

static bool is_under_way(const struct remote_link *l, uint64_t id)
{
	return l->n > 0 && id >= l->queue[l->first].q.id;
}

void remote_link_wait(struct remote_link *l, uint64_t id)
{
	while (is_under_way(l, id))
		await(l, false, LOOK);
}

uint64_t remote_link_next(const struct remote_link *l)
{
	return l->last_id + 1;
}

void remote_link_step(struct remote_link *l)
{
	if (l->n > 0)
		await(l, false, LOOK);
}

void remote_link_drain(struct remote_link *l)
{
	while (l->n > 0)
		await(l, false, LOOK);
}

bool remote_link_drain_for(struct remote_link *l, int64_t ms)
{
	struct timespec t;
	int64_t now = 0, until = -1;
	while (l->n > 0) {
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
		until = until < 0 ? now + ms : until;
		if (now >= until)
			return false;
		await(l, false, until - now < LOOK ? (int)(until - now) : LOOK);
	}
	return true;
}

void remote_link_drain_to(struct remote_link *l, size_t bytes)
{
	while (l->unanswered > bytes)
		await(l, false, LOOK);
}

struct call {
	struct protocol_answer r;
	void *to;
	size_t most;
};

static void call_done(void *context, const struct protocol_request *q, const struct protocol_answer *r, const void *data)
{
	struct call *c = context;
	(void)q;
	c->r = *r;
	if (r->size > c->most)
		c->r.error = EIO;
	else if (r->size > 0)
		memcpy(c->to, data, r->size);
}

int remote_link_call(struct remote_link *l, struct protocol_request *q, const void *data, struct protocol_answer *r,
	void *to, size_t most)
{
	struct call c = {.to = to, .most = most};
	if (remote_link_send(l, q, data, call_done, &c) < 0)
		return -1;
	remote_link_wait(l, q->id);
	if (r != NULL)
		*r = c.r;
	if (c.r.error == 0)
		return 0;
	errno = c.r.error < 4096 ? (int)c.r.error : EIO;
	return -1;
}
