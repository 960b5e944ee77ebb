/* peer: what programs do with a conversation, on whichever side; <pmig/pmig_peer.h> is the manual. */
#include "peer/call.h"
#include "peer/server.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char reason[FRAME_TEXT + 80]; /* of what never became a conversation */

int pmig_peer_talk_reason(int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reason, sizeof reason, format, arguments);
	va_end(arguments);
	return error;
}

const char *pmig_peer_reason(const struct pmig_peer *peer)
{
	return peer != NULL ? peer->reason : reason;
}

/* A server's hook is to leave its conversations alone meanwhile: 1, and -1 at the end. */
static void enter(struct pmig_peer *p, int change)
{
	if (p->inside != NULL)
		*p->inside += change;
}

static int work(struct pmig_peer *p)
{
	return p->call != NULL ? pmig_peer_call_work(p) : pmig_peer_server_work(p);
}

static ssize_t write_some(struct pmig_peer *p, const void *bytes, size_t size)
{
	if (p->out.ended || size == 0)
		return PMIG_EINVAL;
	for (;;) {
		int e = work(p);
		if (e < 0)
			return e;
		size_t n = pmig_peer_flow_put(&p->out, bytes, size);
		if (n > 0) {
			pmig_peer_talk_say(p);
			return (ssize_t)n;
		}
		if (p->call == NULL) {
			p->wants_room = true;
			return PMIG_EBUSY;
		}
		(void)pmig_peer_call_wait(p, -1);
	}
}

static ssize_t read_some(struct pmig_peer *p, void *bytes, size_t size)
{
	if (size == 0)
		return PMIG_EINVAL;
	for (;;) {
		size_t n = pmig_peer_flow_read(&p->in, bytes, size);
		if (n > 0 || p->in.end_read) {
			pmig_peer_talk_say(p); /* that it was read */
			return (ssize_t)n;
		}
		uint64_t received = p->in.received;
		bool ended = p->in.ended;
		int e = work(p);
		if (p->in.received > received || p->in.ended != ended)
			continue; /* what came before it failed is read first */
		if (e < 0)
			return e;
		if (p->call == NULL)
			return PMIG_EBUSY;
		(void)pmig_peer_call_wait(p, -1);
	}
}

ssize_t pmig_peer_write(struct pmig_peer *p, const void *bytes, size_t size)
{
	enter(p, 1);
	ssize_t n = write_some(p, bytes, size);
	enter(p, -1);
	return n;
}

ssize_t pmig_peer_read(struct pmig_peer *p, void *bytes, size_t size)
{
	enter(p, 1);
	ssize_t n = read_some(p, bytes, size);
	enter(p, -1);
	return n;
}

int pmig_peer_poll(struct pmig_peer *p, short events, int timeout)
{
	int64_t until = timeout < 0 ? INT64_MAX : pmig_peer_link_now() + timeout;
	if (p->call == NULL)
		return PMIG_EINVAL;
	for (;;) {
		int e = work(p), left = -1;
		int ready = (p->in.received > p->in.read || p->in.ended ? POLLIN : 0) |
			(pmig_peer_flow_room(&p->out) > 0 ? POLLOUT : 0);
		if ((ready & events) != 0)
			return ready & events;
		if (e < 0)
			return e;
		if (until != INT64_MAX) {
			int64_t now = pmig_peer_link_now();
			left = until > now ? (int)(until - now) : 0;
		}
		if (pmig_peer_call_wait(p, left) == 0)
			return 0;
	}
}

int pmig_peer_end(struct pmig_peer *p)
{
	if (p->out.ended)
		return PMIG_EINVAL;
	enter(p, 1);
	p->out.ended = true;
	pmig_peer_talk_say(p);
	enter(p, -1);
	return 0;
}

bool pmig_peer_all_read(const struct pmig_peer *p)
{
	return p->out.end_acked;
}

/* Who calls stays until the other has read all, and then says good-bye. */
static int close_call(struct pmig_peer *p)
{
	while (p->error == 0 && !p->bye && !p->out.end_acked && work(p) == 0)
		if (!p->out.end_acked)
			(void)pmig_peer_call_wait(p, -1);
	int e = p->out.end_acked ? 0 : p->error;
	pmig_peer_talk_put(p, FRAME_BYE);
	pmig_peer_call_destroy(p->call);
	pmig_peer_talk_destroy(p);
	return e;
}

int pmig_peer_close(struct pmig_peer *p)
{
	if (p == NULL)
		return 0;
	if (!p->out.ended)
		(void)pmig_peer_end(p);
	if (p->call != NULL)
		return close_call(p);
	p->closed = true;
	return p->out.end_acked ? 0 : p->error;
}

void pmig_peer_set_context(struct pmig_peer *p, void *context)
{
	p->context = context;
}

void *pmig_peer_context(const struct pmig_peer *p)
{
	return p->context;
}

uint64_t pmig_peer_epoch(const struct pmig_peer *p)
{
	return p->seen;
}

unsigned pmig_peer_connections(const struct pmig_peer *p)
{
	return p->connections;
}

const char *pmig_peer_address(struct pmig_peer *p)
{
	pmig_peer_address_other(p->link.fd, p->address, sizeof p->address);
	return p->address;
}
