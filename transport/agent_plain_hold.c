/* agent_plain_hold: the holder's side of direct ways. */
#include "address.h"
#include "agent_accept.h"
#include "agent_connection.h"
#include "agent_plain_parts.h"
#include "channel_plain.h"
#include "plain_hello.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000 /* for all of a hand-over together: the program is frozen meanwhile */
#define COUNT_MS 1000

struct way {
	struct way *next;
	struct agent *agent;
	struct plain_hello hello;
	int fd;    /* until it has a relay */
	int state; /* what is under way, as it has come so far; a file */
	unsigned char head[PLAIN_STATE_HEAD];
	size_t head_size;
	uint64_t size, have;
	bool whole, begins;
	uint64_t channel; /* that it becomes */
	uint64_t counted;
	struct plain_relay *relay;
	struct loop_source *source;
};

void agent_plain_tell(struct agent *a, const char *event, uint64_t reference, uint64_t channel)
{
	char id[CHANNEL_ID_TEXT], other[CHANNEL_ID_TEXT];
	channel_id_text(reference, id);
	channel_id_text(channel, other);
	agent_event(a, json_pack("{s:s, s:s, s:s}", "event", event, "reference", id, "channel", other));
}

/* `reason`: of ours; NULL: as its peers wanted it. */
static void tell_over(struct agent *a, uint64_t reference, const char *reason)
{
	char id[CHANNEL_ID_TEXT];
	channel_id_text(reference, id);
	agent_event(a, json_pack("{s:s, s:s, s:s*}", "event", "plain-over", "reference", id, "reason", reason));
}

static void drop(struct way *w)
{
	struct way **at = &agent_references(w->agent)->ways;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	loop_remove(&w->source);
	plain_relay_destroy(w->relay);
	if (w->fd >= 0)
		(void)close(w->fd);
	if (w->state >= 0)
		(void)close(w->state);
	explicit_bzero(&w->hello, sizeof w->hello);
	free(w);
}

static struct way *way_of(struct agent *a, uint64_t reference)
{
	struct way *w = agent_references(a)->ways;
	while (w != NULL && w->hello.reference != reference)
		w = w->next;
	return w;
}

/* --- bytes --- */

static void count(struct way *w, bool last)
{
	uint64_t now = w->relay != NULL ? plain_relay_bytes(w->relay) : w->counted;
	char id[CHANNEL_ID_TEXT];
	channel_id_text(w->hello.reference, id);
	if (now != w->counted && (w->agent->driver != NULL || last))
		agent_event(w->agent,
			json_pack("{s:s, s:s, s:I}", "event", "plain-count", "reference", id, "bytes",
				(json_int_t)(now - w->counted)));
	w->counted = now;
}

static void on_count(void *context)
{
	struct agent *a = context;
	struct agent_references *r = agent_references(a);
	for (struct way *w = r->ways; w != NULL; w = w->next)
		count(w, false);
	if (r->ways != NULL)
		(void)loop_after(a->loop, COUNT_MS, on_count, a, &r->count);
}

static void on_ended(void *context, int code)
{
	struct way *w = context;
	struct agent *a = w->agent;
	uint64_t reference = w->hello.reference;
	struct held *h = agent_held(a, reference);
	char reason[PMIG_REASON_MAX] = "";
	if (code < 0)
		(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
	count(w, true);
	drop(w);
	if (h != NULL)
		agent_let_go(a, h);
	tell_over(a, reference, code < 0 ? reason : NULL);
	agent_consider_end(a);
}

/* It is a channel's end from now on. */
static int become_channel(struct way *w, const struct plain_front *to_program, const struct plain_front *to_client)
{
	struct agent *a = w->agent;
	struct held *h = agent_held(a, w->hello.reference);
	struct end *e;
	int fd = h != NULL ? fcntl(h->fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (fd < 0)
		return error_set(PMIG_EGONE, "it is not held here any more");
	return agent_plain_end_make(a, (struct end_options){.id = w->channel, .reference = h->id, .fd = fd}, to_program,
		to_client, &e);
}

static void on_drained(void *context, int code, const struct plain_front *to_program, const struct plain_front *to_client)
{
	struct way *w = context;
	struct agent *a = w->agent;
	uint64_t reference = w->hello.reference, channel = w->channel;
	int r = code < 0 ? code : become_channel(w, to_program, to_client);
	count(w, true);
	if (r < 0) {
		plain_relay_abort(w->relay);
		on_ended(w, r);
		return;
	}
	drop(w);
	agent_plain_tell(a, "plain-drained", reference, channel);
}

int agent_do_plain_drain(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t reference = agent_reference_number(request, "reference"),
		 channel = agent_reference_number(request, "channel");
	struct way *w = way_of(a, reference);
	if (channel != 0 && agent_end(a, channel, false) != NULL) { /* asked again */
		agent_plain_tell(a, "plain-drained", reference, channel);
		return 0;
	}
	if (w == NULL || w->relay == NULL)
		return error_set(PMIG_EGONE, "it is not held there any more");
	w->channel = channel;
	if (!plain_relay_drain(w->relay)) /* w may be gone by now */
		return error_set(PMIG_EGONE, "it has ended");
	return 0;
}

/* --- the beginning --- */

static int relay(struct way *w, struct held *h)
{
	struct agent *a = w->agent;
	struct plain_relay_options o = {.loop = a->loop,
		.way = w->fd,
		.client = fcntl(h->fd, F_DUPFD_CLOEXEC, 3),
		.ended = on_ended,
		.drained = on_drained,
		.context = w};
	struct end *e = w->size > 0 ? agent_end(a, channel_state_id(w->state), false) : NULL;
	int r = o.client < 0 ? error_errno(PMIG_EIO, errno, "%.200s", h->locator) : 0;
	if (r >= 0 && w->size > 0 && e == NULL)
		r = error_set(PMIG_EGONE, "%.200s: the other end of its bytes is lost", h->locator);
	if (r >= 0 && e != NULL) {
		agent_accept_taken(e);
		r = channel_merge(a->loop, w->state, e->channel, &o.to_program, &o.to_client);
	}
	if (r < 0) {
		if (o.client >= 0)
			(void)close(o.client);
		return r;
	}
	if (e != NULL)
		agent_end_drop(e);
	agent_connection_firm(h);
	loop_remove(&w->source);
	w->fd = -1;
	r = plain_relay_create(&o, &w->relay);
	if (r >= 0 && agent_references(a)->count == NULL)
		(void)loop_after(a->loop, COUNT_MS, on_count, a, &agent_references(a)->count);
	return r;
}

static void consider(struct way *w)
{
	struct held *h = agent_held(w->agent, w->hello.reference);
	if (!w->whole || !w->begins || w->relay != NULL || (h != NULL && !h->firm))
		return;
	if (h != NULL && relay(w, h) >= 0)
		return;
	uint64_t reference = w->hello.reference; /* the program has a number that leads nowhere: it is told so by a reset */
	if (w->fd >= 0)
		plain_relay_reset(w->fd);
	struct agent *a = w->agent;
	char reason[PMIG_REASON_MAX];
	(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
	drop(w);
	if (h != NULL)
		agent_let_go(a, h);
	tell_over(a, reference, reason);
}

static void on_state(void *context, short events)
{
	(void)events;
	struct way *w = context;
	unsigned char buffer[65536];
	ssize_t n;
	if (w->head_size < sizeof w->head) {
		n = recv(w->fd, w->head + w->head_size, sizeof w->head - w->head_size, MSG_DONTWAIT);
		w->head_size += n > 0 ? (size_t)n : 0;
		w->size = 0;
		for (size_t i = 0; i < sizeof w->head; i++)
			w->size |= (uint64_t)w->head[i] << 8 * i;
	} else {
		uint64_t left = w->size - w->have;
		n = recv(w->fd, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer, MSG_DONTWAIT);
		if (n > 0 && write(w->state, buffer, (size_t)n) != n)
			n = 0;
		w->have += n > 0 ? (uint64_t)n : 0;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	bool known = w->head_size == sizeof w->head;
	if (n <= 0 || (known && w->size > REFERENCE_STATE_MAX)) { /* the copy there does not run, or is no agent's */
		drop(w);
		return;
	}
	if (known && w->have == w->size) {
		w->whole = true;
		loop_watch(w->source, 0);
		consider(w);
	}
}

int agent_do_plain_begin(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	for (struct way *w = agent_references(a)->ways, *next; w != NULL; w = next) {
		next = w->next;
		if (w->relay == NULL && w->hello.epoch < epoch) { /* of a hand-over that came to nothing */
			drop(w);
		} else if (w->relay == NULL && w->hello.epoch == epoch) {
			w->begins = true;
			consider(w);
		}
	}
	return 0;
}

void agent_plain_firm(struct agent *a)
{
	for (struct way *w = a->references->ways, *next; w != NULL; w = next) {
		next = w->next;
		consider(w);
	}
}

void agent_plain_undo(struct agent *a)
{
	for (struct way *w = a->references->ways, *next; w != NULL; w = next) {
		next = w->next;
		if (w->relay == NULL)
			drop(w);
	}
}

/* --- connecting --- */

static int start_connecting(const struct sockaddr_storage *at, socklen_t size)
{
	int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	plain_relay_bound(fd);
	plain_relay_tune(fd);
	if (connect(fd, (const struct sockaddr *)at, size) < 0 && errno != EINPROGRESS) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Of one that is being made: 1: it is welcome, -1: it is not. */
static int greet(struct pollfd *p, const struct plain_hello *hello)
{
	unsigned char bytes[PLAIN_HELLO];
	char word;
	if ((p->revents & POLLOUT) != 0) {
		plain_hello_put(hello, bytes);
		p->events = POLLIN;
		return send(p->fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof bytes ? 0 : -1;
	}
	if (p->revents == 0)
		return 0;
	return recv(p->fd, &word, 1, MSG_DONTWAIT) == 1 && word == PLAIN_WELCOME ? 1 : -1;
}

static bool add(struct agent *a, const struct plain_hello *hello, int fd)
{
	struct way *w = calloc(1, sizeof *w);
	if (w == NULL)
		return false;
	*w = (struct way){.agent = a, .hello = *hello, .fd = fd, .state = memfd_create("pmig-way", MFD_CLOEXEC)};
	w->next = agent_references(a)->ways;
	agent_references(a)->ways = w;
	if (w->state < 0 || loop_add(a->loop, fd, POLLIN, on_state, w, &w->source) < 0) {
		w->fd = -1;
		drop(w);
		return false;
	}
	return true;
}

/* All at once, and the agent does nothing else meanwhile: what it holds is of the frozen program. */
static int connect_all(struct agent *a, const struct plain_hello *hellos, struct pollfd *polls, size_t n)
{
	int64_t until = now_ms() + PATIENCE_MS;
	int opened = 0;
	size_t open = n;
	while (open > 0 && now_ms() < until) {
		(void)poll(polls, (nfds_t)n, (int)(until - now_ms()));
		open = 0;
		for (size_t i = 0; i < n; i++) {
			int r = polls[i].fd >= 0 ? greet(&polls[i], &hellos[i]) : 0;
			bool added = r > 0 && add(a, &hellos[i], polls[i].fd);
			opened += added;
			if (r != 0 && !added)
				(void)close(polls[i].fd);
			if (r != 0)
				polls[i].fd = -1;
			open += polls[i].fd >= 0;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (polls[i].fd >= 0)
			(void)close(polls[i].fd);
	return opened;
}

/* A unix socket tells its peer more than TCP can, whether it is closed or shut down. Where the peer does not read, a channel, whose window
 * bounds what more is sent, stays one. */
static bool fits(struct agent *a, const struct held *h)
{
	int domain = AF_UNIX;
	if (h == NULL || h->kind != REFERENCE_CONNECTION ||
		getsockopt(h->fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain}) < 0 || domain == AF_UNIX)
		return false;
	for (const struct end *e = agent_references(a)->ends; e != NULL; e = e->next)
		if (!e->opener && e->reference == h->id && channel_waiting(e->channel) > PLAIN_WAITING_MAX)
			return false;
	return true;
}

int agent_do_plain_open(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const json_t *ways = json_object_get(request, "ways");
	size_t count = json_array_size(ways), n = 0;
	struct sockaddr_storage at;
	socklen_t size = 0;
	if (count > HELD_MAX ||
		!address_numeric(agent_text(request, "address"), (uint16_t)agent_number(request, "port", 0), &at, &size))
		return error_set(PMIG_EPROTOCOL, "agent: no address for plain TCP");
	struct plain_hello *hellos = calloc(count + 1, sizeof *hellos);
	struct pollfd *polls = calloc(count + 1, sizeof *polls);
	for (size_t i = 0; i < count && hellos != NULL && polls != NULL; i++) {
		const json_t *one = json_array_get(ways, i);
		uint64_t reference = agent_reference_number(one, "reference");
		const struct held *h = agent_held(a, reference);
		struct way *old = way_of(a, reference);
		hellos[n] = (struct plain_hello){
			.epoch = (uint64_t)agent_number(request, "epoch", 0), .reference = reference};
		if (!fits(a, h) || !plain_token_parse(agent_text(one, "token"), hellos[n].token))
			continue;
		if (old != NULL && old->relay == NULL)
			drop(old);
		polls[n] = (struct pollfd){.fd = start_connecting(&at, size), .events = POLLOUT};
		n += polls[n].fd >= 0;
	}
	*ret_answer = json_pack("{s:i}", "opened", connect_all(a, hellos, polls, n));
	if (hellos != NULL)
		explicit_bzero(hellos, (count + 1) * sizeof *hellos);
	free(hellos);
	free(polls);
	return 0;
}

bool agent_plain_busy(const struct agent *a)
{
	return a->references != NULL && a->references->ways != NULL;
}

void agent_plain_hold_end(struct agent *a)
{
	for (struct way *w = a->references->ways, *next; w != NULL; w = next) {
		next = w->next;
		drop(w);
	}
	loop_remove(&a->references->count);
}
