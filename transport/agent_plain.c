/* agent_plain: the program's side of direct ways: who may connect to us, and what its numbers become. */
#include "agent_plain.h"

#include "address.h"

#include "agent_plain_parts.h"
#include "channel_plain.h"
#include "plain_hello.h"

#include "../runtime/base/io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_MS 10000 /* nobody else is waited for */
#define GUESTS_MAX 16   /* who has not shown a token yet */
#define GUEST_MS 2000
#define STATE_MS 2000 /* for the holder to take what is under way */
#define ENVIRONMENT_MAX (256u << 10)

/* A way that was asked for, or is in use. */
struct expected {
	struct expected *next;
	struct plain_hello hello;
	int fd;    /* it has come, and the program has not been given it; -1 */
	bool used; /* the program has it */
};

struct guest {
	struct agent *agent;
	int fd;
	size_t size;
	unsigned char bytes[PLAIN_HELLO];
	struct loop_source *source, *timer;
};

struct plain_target {
	int listener;
	struct loop_source *source, *close;
	struct guest guests[GUESTS_MAX];
	struct expected *expected;
};

static struct plain_target *target(struct agent *a)
{
	struct agent_references *r = agent_references(a);
	if (r->plain_target == NULL) {
		r->plain_target = calloc(1, sizeof *r->plain_target);
		if (r->plain_target == NULL)
			abort(); /* a few kilobytes: nothing can be told to anybody any more */
		r->plain_target->listener = -1;
		for (size_t i = 0; i < GUESTS_MAX; i++)
			r->plain_target->guests[i].fd = -1;
	}
	return r->plain_target;
}

static struct expected **place_of(struct plain_target *t, uint64_t reference)
{
	struct expected **at = &t->expected;
	while (*at != NULL && (*at)->hello.reference != reference)
		at = &(*at)->next;
	return at;
}

static void forget(struct expected **at)
{
	struct expected *e = *at;
	*at = e->next;
	if (e->fd >= 0)
		(void)close(e->fd);
	explicit_bzero(e, sizeof *e);
	free(e);
}

/* --- who connects --- */

static void turn_away(struct guest *g)
{
	struct plain_target *t = g->agent != NULL ? target(g->agent) : NULL;
	loop_remove(&g->source);
	loop_remove(&g->timer);
	if (t != NULL && t->source != NULL) /* there is a place again */
		loop_watch(t->source, POLLIN);
	if (g->fd >= 0)
		(void)close(g->fd);
	explicit_bzero(g->bytes, sizeof g->bytes);
	g->fd = -1;
}

static void on_slow(void *context)
{
	struct guest *g = context;
	plain_relay_reset(g->fd);
	turn_away(g);
}

/* One that is expected, and nobody has come for. */
static struct expected *welcome(struct plain_target *t, const unsigned char bytes[PLAIN_HELLO])
{
	struct plain_hello h;
	if (plain_hello_get(bytes, &h) < 0)
		return NULL;
	struct expected *e = *place_of(t, h.reference);
	return e != NULL && plain_hello_same(&e->hello, &h) && e->fd < 0 && !e->used ? e : NULL;
}

static void on_guest(void *context, short events)
{
	(void)events;
	struct guest *g = context;
	ssize_t n = recv(g->fd, g->bytes + g->size, sizeof g->bytes - g->size, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	g->size += n > 0 ? (size_t)n : 0;
	if (n > 0 && g->size < sizeof g->bytes)
		return;
	struct expected *e = n > 0 ? welcome(target(g->agent), g->bytes) : NULL;
	char word = PLAIN_WELCOME;
	if (e != NULL && send(g->fd, &word, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
		plain_relay_tune(g->fd);
		e->fd = g->fd;
		g->fd = -1;
	} else {
		plain_relay_reset(g->fd);
	}
	turn_away(g);
}

static void on_connection(void *context, short events)
{
	(void)events;
	struct agent *a = context;
	struct plain_target *t = target(a);
	struct guest *g = t->guests;
	while (g < t->guests + GUESTS_MAX && g->fd >= 0)
		g++;
	if (g == t->guests + GUESTS_MAX) { /* the others wait in the queue until one has shown its token, or is too slow */
		loop_watch(t->source, 0);
		return;
	}
	int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	*g = (struct guest){.agent = a, .fd = fd};
	if (loop_add(a->loop, fd, POLLIN, on_guest, g, &g->source) < 0 ||
		loop_after(a->loop, GUEST_MS, on_slow, g, &g->timer) < 0)
		turn_away(g);
	else
		on_guest(g, POLLIN); /* who is meant has said its words by now */
}

static void close_port(struct plain_target *t)
{
	loop_remove(&t->source);
	loop_remove(&t->close);
	if (t->listener >= 0)
		(void)close(t->listener);
	t->listener = -1;
	for (size_t i = 0; i < GUESTS_MAX; i++)
		turn_away(&t->guests[i]);
}

/* A token is not good for a later port. */
static void on_over(void *context)
{
	struct plain_target *t = target(context);
	close_port(t);
	for (struct expected **at = &t->expected; *at != NULL;)
		if ((*at)->fd < 0 && !(*at)->used)
			forget(at);
		else
			at = &(*at)->next;
}

/* At the address at which the supervisor's session came in. */
static int open_port(struct agent *a, int *ret_port)
{
	struct plain_target *t = target(a);
	struct sockaddr_storage at;
	socklen_t size = 0;
	int r = 0;
	if (!address_numeric(a->at, 0, &at, &size))
		return error_set(PMIG_ENOSUPPORT,
			"plain TCP: this host's address is not known: its session did not come by sshd");
	on_over(a);
	t->listener = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->listener >= 0) /* before the handshake, which tells how large windows will be */
		plain_relay_bound(t->listener);
	if (t->listener < 0 || bind(t->listener, (struct sockaddr *)&at, size) < 0 || listen(t->listener, SOMAXCONN) < 0 ||
		getsockname(t->listener, (struct sockaddr *)&at, &size) < 0)
		r = error_errno(PMIG_EIO, errno, "plain TCP: no port at %.60s", a->at);
	if (r >= 0)
		r = loop_add(a->loop, t->listener, POLLIN, on_connection, a, &t->source);
	if (r >= 0)
		r = loop_after(a->loop, LISTEN_MS, on_over, a, &t->close);
	if (r < 0) {
		close_port(t);
		return r;
	}
	*ret_port = ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
						  : ((struct sockaddr_in6 *)&at)->sin6_port);
	return 0;
}

static json_t *expect(struct agent *a, uint64_t reference, uint64_t epoch)
{
	struct plain_target *t = target(a);
	struct expected **old = place_of(t, reference), *e = calloc(1, sizeof *e);
	char text[PLAIN_TOKEN_TEXT], id[CHANNEL_ID_TEXT];
	if (*old != NULL)
		forget(old);
	if (e == NULL || getrandom(e->hello.token, PLAIN_TOKEN, 0) != PLAIN_TOKEN) {
		free(e);
		return NULL;
	}
	e->hello.reference = reference;
	e->hello.epoch = epoch;
	e->fd = -1;
	e->next = t->expected;
	t->expected = e;
	plain_token_text(e->hello.token, text);
	channel_id_text(reference, id);
	json_t *way = json_pack("{s:s, s:s}", "reference", id, "token", text);
	explicit_bzero(text, sizeof text);
	return way;
}

int agent_do_plain_listen(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const json_t *references = json_object_get(request, "references");
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	int port = 0;
	struct pmig_owner owner;
	if (json_array_size(references) > HELD_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: more than %d references", HELD_MAX);
	int r = a->store->owner_get(a->store, a->options->uuid, &owner);
	if (r >= 0 && (epoch <= owner.epoch || epoch <= owner.barred))
		r = error_set(PMIG_ESTALE, "%s: epoch %llu is over here", a->name, (unsigned long long)epoch);
	if (r >= 0)
		r = open_port(a, &port);
	if (r < 0)
		return r;
	json_t *ways = json_array();
	for (size_t i = 0; i < json_array_size(references); i++) {
		const char *text = json_string_value(json_array_get(references, i));
		uint64_t id = text != NULL ? channel_id_parse(text) : 0;
		json_t *way = id != 0 ? expect(a, id, epoch) : NULL;
		if (way != NULL)
			(void)json_array_append_new(ways, way);
	}
	*ret_answer = json_pack("{s:s, s:i, s:o}", "address", a->at, "port", port, "ways", ways);
	return 0;
}

/* --- the program asks for it --- */

/* To the holder, which reads. */
static bool send_all(int fd, const void *bytes, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	for (size_t done = 0; done < size;) {
		ssize_t n = send(fd, (const char *)bytes + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			done += (size_t)n;
		else if (errno != EAGAIN || poll(&p, 1, STATE_MS) != 1)
			return false;
	}
	return true;
}

static bool send_state(int fd, int state)
{
	struct stat st = {0};
	if (state >= 0 && (fstat(state, &st) < 0 || st.st_size > (off_t)PLAIN_WAITING_MAX))
		return false;
	size_t size = (size_t)st.st_size;
	unsigned char *all = malloc(size + PLAIN_STATE_HEAD);
	if (all == NULL)
		return false;
	for (size_t i = 0; i < PLAIN_STATE_HEAD; i++)
		all[i] = (unsigned char)(size >> 8 * i);
	bool sent = (size == 0 || pread(state, all + PLAIN_STATE_HEAD, size, 0) == (ssize_t)size) &&
		send_all(fd, all, size + PLAIN_STATE_HEAD);
	free(all);
	return sent;
}

bool agent_plain_connect(struct agent *a, const struct control_message *m, int state)
{
	if (agent_references(a)->plain_target == NULL)
		return false;
	struct expected **at = place_of(target(a), (uint64_t)m->args[0]), *e = *at;
	if (e == NULL)
		return false;
	bool good = e->fd >= 0 && e->hello.epoch == a->epoch && (state < 0 || channel_state_is_plain(a->loop, state)) &&
		send_state(e->fd, state);
	if (!good) { /* a channel, as ever */
		forget(at);
		return false;
	}
	agent_program_answer(a, m->args[7], 0, false, "", e->fd);
	(void)close(e->fd); /* its end is to be told when the program closes it */
	e->fd = -1;
	e->used = true;
	return true;
}

int agent_plain_end_make(struct agent *a, struct end_options o, const struct plain_front *out, const struct plain_front *in,
	struct end **ret)
{
	struct end *e;
	int r = channel_state_new(o.id, out, in, &o.state);
	if (r < 0) {
		if (o.fd >= 0)
			(void)close(o.fd);
		return r;
	}
	o.connection = true;
	r = agent_end_create(a, &o, &e);
	(void)close(o.state);
	if (r < 0)
		return r;
	e->waits = e->resumed = false;
	channel_hold(e->channel, false);
	*ret = e;
	return 0;
}

bool agent_plain_uses(const struct agent *a, uint64_t reference)
{
	struct plain_target *t = a->references != NULL ? a->references->plain_target : NULL;
	struct expected *e = t != NULL ? *place_of(t, reference) : NULL;
	return e != NULL && e->used;
}

json_t *agent_plain_describe(const struct agent *a)
{
	json_t *list = json_array();
	struct plain_target *t = a->references->plain_target;
	for (const struct expected *e = t != NULL ? t->expected : NULL; e != NULL; e = e->next) {
		char id[CHANNEL_ID_TEXT];
		channel_id_text(e->hello.reference, id);
		if (e->used)
			(void)json_array_append_new(list, json_string(id));
	}
	return list;
}

void agent_plain_forget(struct agent *a, uint64_t reference)
{
	struct expected **at = place_of(target(a), reference);
	if (*at != NULL)
		forget(at);
}

void agent_plain_lose(struct agent *a)
{
	struct plain_target *t = a->references != NULL ? a->references->plain_target : NULL;
	if (t == NULL)
		return;
	while (t->expected != NULL)
		forget(&t->expected);
	close_port(t);
}

void agent_plain_end(struct agent *a)
{
	agent_plain_drain_end(a);
	agent_plain_lose(a);
	free(a->references->plain_target);
	a->references->plain_target = NULL;
	agent_plain_hold_end(a);
}
