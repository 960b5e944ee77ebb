/* peer: a descriptor, a packet reader and a packet writer in an event loop. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PACKETS_AT_ONCE 64 /* then others get their turn */
#define GATHER \
	(32u << 10) /* small packets of one round of the loop go out together: each write wakes somebody, who writes on */

struct peer {
	struct peer_options options;
	struct packet_reader *reader;
	struct packet_writer *writer;
	struct loop_source *source;
	struct loop_source *timer; /* to go on reading, to report the end, or that there is room */
	struct loop_source *gathers;
	bool room_due; /* it was made by who queued something, and not by on_ready() */
	int code;      /* < 0: the conversation has ended */
	char reason[PMIG_REASON_MAX];
};

static void on_ready(void *context, short events);
static void on_timer(void *context);

int peer_create(const struct peer_options *options, struct peer **ret_peer)
{
	struct peer *p = calloc(1, sizeof *p);
	if (p == NULL) {
		(void)close(options->fd);
		return error_set(PMIG_ENOMEM, "conversation: out of memory");
	}
	p->options = *options;
	int flags = fcntl(options->fd, F_GETFL);
	int r = flags < 0 || fcntl(options->fd, F_SETFL, flags | O_NONBLOCK) < 0
		? error_errno(PMIG_EIO, errno, "conversation")
		: 0;
	if (r >= 0)
		r = packet_reader_create(&p->reader);
	if (r >= 0)
		r = packet_writer_create(options->pack, &p->writer);
	if (r >= 0)
		r = loop_add(options->loop, options->fd, POLLIN, on_ready, p, &p->source);
	if (r < 0) {
		peer_destroy(p);
		return r;
	}
	*ret_peer = p;
	return 0;
}

void peer_destroy(struct peer *p)
{
	if (p == NULL)
		return;
	loop_remove(&p->source);
	loop_remove(&p->timer);
	loop_remove(&p->gathers);
	packet_reader_destroy(p->reader);
	packet_writer_destroy(p->writer);
	(void)close(p->options.fd);
	free(p);
}

static void again(struct peer *p)
{
	if (p->timer == NULL && loop_after(p->options.loop, 0, on_timer, p, &p->timer) < 0)
		abort(); /* forty bytes: nothing can be told to anybody any more */
}

static int fail(struct peer *p, int code)
{
	if (p->code < 0)
		return p->code;
	p->code = code;
	(void)snprintf(p->reason, sizeof p->reason, "%s", pmig_reason());
	loop_watch(p->source, 0);
	again(p);
	return code;
}

void peer_kick(struct peer *p)
{
	if (p->code < 0)
		return;
	bool full = !packet_writer_room(p->writer);
	int r = packet_writer_flush(p->writer, p->options.fd);
	if (r >= 0 && full && packet_writer_room(p->writer)) {
		p->room_due = true;
		again(p);
	}
	if (r < 0)
		(void)fail(p, r);
	else
		loop_watch(p->source, r == 1 ? POLLIN : POLLIN | POLLOUT);
}

static void receive(struct peer *p)
{
	bool all_read = false;
	for (int i = 0; i < PACKETS_AT_ONCE && p->code == 0; i++) {
		struct packet k;
		int r = packet_reader_next(p->reader, &k);
		if (r == 0) {
			r = all_read ? 0 : packet_reader_fill(p->reader, p->options.fd);
			if (r == 0)
				return;
			if (r < 0)
				(void)fail(p, r);
			all_read = r == PACKET_READER_ALL;
			continue;
		}
		if (r > 0)
			r = p->options.packet(p->options.context, &k);
		if (r < 0)
			(void)fail(p, r);
	}
	if (p->code == 0)
		again(p); /* whole packets may wait in the reader, which poll() does not know */
}

static void on_timer(void *context)
{
	struct peer *p = context;
	if (p->code < 0) {
		(void)error_set(p->code, "%s", p->reason);
		p->options.closed(p->options.context, p->code);
		return;
	}
	if (p->room_due) {
		p->room_due = false;
		if (p->options.room != NULL && packet_writer_room(p->writer))
			p->options.room(p->options.context);
	}
	receive(p);
}

static void on_ready(void *context, short events)
{
	struct peer *p = context;
	if (events & POLLOUT) {
		peer_kick(p);
		if (p->code == 0 && p->options.room != NULL && packet_writer_room(p->writer))
			p->options.room(p->options.context);
	}
	if (p->code == 0 && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
		receive(p);
}

static void on_gathered(void *context)
{
	peer_kick(context);
}

int peer_put(struct peer *p, const struct packet *k)
{
	if (p->code < 0)
		return p->code;
	int r = packet_writer_put(p->writer, k);
	if (r < 0)
		return fail(p, r);
	if (k->type == PACKET_PROBE || packet_writer_pending(p->writer) >= GATHER ||
		(p->gathers == NULL && loop_last(p->options.loop, on_gathered, p, &p->gathers) < 0))
		peer_kick(p);
	return 0;
}

int peer_put_json(struct peer *p, const json_t *object)
{
	if (p->code < 0)
		return p->code;
	int r = packet_writer_put_json(p->writer, PACKET_CONTROL, PACKET_STREAM_CONTROL, object);
	if (r < 0)
		return fail(p, r);
	peer_kick(p);
	return 0;
}

struct packet_writer *peer_writer(struct peer *p)
{
	return p->writer;
}

bool peer_room(const struct peer *p)
{
	return p->code == 0 && packet_writer_room(p->writer);
}

int peer_descriptor(const struct peer *p)
{
	return p->options.fd;
}

void peer_drain(struct peer *p, int ms)
{
	struct pollfd f = {.fd = p->options.fd, .events = POLLOUT};
	while (p->code == 0 && packet_writer_pending(p->writer) > 0 && poll(&f, 1, ms) > 0)
		peer_kick(p);
}
