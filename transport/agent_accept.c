/* agent_accept: accepts for a program that runs elsewhere. */
#include "agent_accept.h"
#include "channel_open.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AHEAD_MAX 128 /* connections that the program has not been given yet, of one listener */
#define AT_ONCE 32    /* of them, then others get their turn */
#define PAUSE_MS 100  /* when there are no more descriptors */

/* Of a listener that is held here. */
struct acceptor {
	struct acceptor *next;
	struct agent *agent;
	uint64_t id;
	unsigned ahead, most;
	struct loop_source *source, *again;
};

static struct acceptor *acceptor_of(struct agent *a, uint64_t id)
{
	struct acceptor *c = agent_references(a)->acceptors;
	while (c != NULL && c->id != id)
		c = c->next;
	return c;
}

json_t *agent_accept_describe(const struct end *e)
{
	char id[CHANNEL_ID_TEXT];
	if (e->accepted == NULL)
		return NULL;
	channel_id_text(e->accepted->listener, id);
	return json_pack("{s:s, s:s, s:o, s:i}", "listener", id, "label", e->accepted->label, "locator",
		agent_readable(e->accepted->peer), "kind", (int)REFERENCE_CONNECTION);
}

static void watch(struct acceptor *c)
{
	loop_watch(c->source, c->ahead < c->most && c->again == NULL ? POLLIN : 0);
}

void agent_accept_taken(struct end *e)
{
	struct acceptor *c = e->accepted != NULL ? acceptor_of(e->agent, e->accepted->listener) : NULL;
	free(e->accepted);
	e->accepted = NULL;
	if (c == NULL)
		return;
	c->ahead--;
	watch(c);
}

static void tell(struct end *e, const struct socket_label *label)
{
	unsigned char buffer[CHANNEL_OPEN_MAX];
	struct channel_opening o = {.channel = e->id, .listener = e->accepted->listener, .label = *label};
	json_t *readable = agent_readable(e->accepted->peer);
	(void)snprintf(o.locator, sizeof o.locator, "%s", json_string_value(readable));
	json_decref(readable);
	struct packet p = channel_open_put(&o, buffer);
	(void)peer_put(e->agent->driver, &p);
}

/* Who it is. */
static void look(int fd, struct socket_label *l, char ret_peer[SOCKET_TEXT_MAX])
{
	struct socket_place p = {.type = SOCK_STREAM};
	struct ucred who;
	socklen_t size = sizeof who;
	l->peer_size = sizeof l->peer;
	l->local_size = sizeof l->local;
	if (getpeername(fd, (struct sockaddr *)&l->peer, &l->peer_size) < 0) /* it has gone already */
		l->peer_size = 0;
	if (getsockname(fd, (struct sockaddr *)&l->local, &l->local_size) < 0)
		l->local_size = 0;
	if (l->peer_size == 0) {
		l->peer = l->local;
		l->peer_size = l->local_size;
	}
	if (l->peer.ss_family == AF_UNIX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
		l->pid = (uint32_t)who.pid;
		l->user = who.uid;
		l->group = who.gid;
	}
	p.family = l->peer.ss_family;
	p.protocol = p.family == AF_UNIX ? 0 : IPPROTO_TCP;
	p.address = l->peer;
	p.size = l->peer_size;
	socket_place_text(&p, ret_peer);
}

/* Both are taken. */
static int take_in(struct acceptor *c, int fd, int copy)
{
	struct agent *a = c->agent;
	struct socket_label label = {0};
	struct accepted *accepted = calloc(1, sizeof *accepted);
	struct end *e;
	struct held *h = accepted != NULL && copy >= 0 ? agent_hold(a, REFERENCE_CONNECTION, fd) : NULL;
	if (h == NULL || agent_new_number(&label.salt) < 0) {
		free(accepted);
		if (copy >= 0)
			(void)close(copy);
		if (h != NULL)
			agent_let_go(a, h);
		else
			(void)close(fd);
		return PMIG_ENOMEM;
	}
	label.id = h->id;
	accepted->listener = c->id;
	look(fd, &label, accepted->peer);
	socket_label_write(&label, accepted->label);
	(void)snprintf(h->locator, sizeof h->locator, "%s", accepted->peer);
	int r = agent_end_create(a, &(struct end_options){.reference = h->id, .fd = copy, .state = -1, .connection = true},
		&e);
	if (r < 0) {
		free(accepted);
		agent_let_go(a, h);
		return r;
	}
	e->accepted = accepted;
	c->ahead++;
	if (agent_way(a) != NULL) { /* else hello says so */
		tell(e, &label);
		channel_begin(e->channel, false);
	}
	return 0;
}

static void on_again(void *context)
{
	struct acceptor *c = context;
	watch(c);
}

static void on_connection(void *context, short events)
{
	(void)events;
	struct acceptor *c = context;
	struct held *h = agent_held(c->agent, c->id);
	bool full = false;
	for (int i = 0; h != NULL && i < AT_ONCE && !full && c->ahead < c->most; i++) {
		full = !agent_has_room(c->agent);
		int fd = full ? -1 : accept4(h->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 && !full && errno != EMFILE && errno != ENFILE)
			break;
		full |= fd < 0;
		if (fd >= 0)
			full = take_in(c, fd, fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0;
	}
	if (full) /* it would be told without a pause */
		(void)loop_after(c->agent->loop, PAUSE_MS, on_again, c, &c->again);
	watch(c);
}

/* As many as the program wanted to wait for it. */
static unsigned backlog_of(int fd)
{
	struct socket_unix u;
	struct stat st;
	struct tcp_info info;
	socklen_t size = sizeof info;
	unsigned n = AHEAD_MAX;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
		n = info.tcpi_sacked;
	else if (fstat(fd, &st) == 0 && socket_unix_look(st.st_ino, &u))
		n = u.backlog;
	return n < 1 ? 1 : n > AHEAD_MAX ? AHEAD_MAX : n;
}

static void accept_for(struct agent *a, struct held *h)
{
	struct acceptor *c = acceptor_of(a, h->id);
	int flags = fcntl(h->fd, F_GETFL);
	if (c != NULL || flags < 0 || fcntl(h->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		abort(); /* some hundred bytes: nothing can be told to anybody any more */
	*c = (struct acceptor){.next = agent_references(a)->acceptors, .agent = a, .id = h->id, .most = backlog_of(h->fd)};
	for (const struct end *e = agent_references(a)->ends; e != NULL; e = e->next)
		c->ahead += e->accepted != NULL && e->accepted->listener == h->id;
	if (loop_add(a->loop, h->fd, POLLIN, on_connection, c, &c->source) < 0) {
		free(c);
		return;
	}
	agent_references(a)->acceptors = c;
}

void agent_accept_stop(struct agent *a, uint64_t id)
{
	struct acceptor **at = &agent_references(a)->acceptors;
	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	struct acceptor *c = *at;
	if (c == NULL)
		return;
	*at = c->next;
	loop_remove(&c->source);
	loop_remove(&c->again);
	free(c);
}

void agent_accept_all(struct agent *a)
{
	for (struct held *h = agent_references(a)->held; h != NULL; h = h->next)
		if (h->kind == REFERENCE_LISTENER && h->firm && !h->returned)
			accept_for(a, h);
}

void agent_accept_end(struct agent *a)
{
	while (agent_references(a)->acceptors != NULL)
		agent_accept_stop(a, agent_references(a)->acceptors->id);
}
