/* agent_accept: accepts for a program that runs elsewhere, and hands it, where it runs, what was accepted for it elsewhere. */
#include "agent_accept.h"

#include "../runtime/base/socket_label.h"
#include "../runtime/base/socket_sort.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* Where an accepted connection is to go. */
struct accepted {
	uint64_t listener;
	char label[SOCKET_LABEL_TEXT], peer[SOCKET_TEXT_MAX];
};

/* What was in a door when the program was frozen. */
struct waiting {
	struct waiting *next;
	struct end *end;
	int fd; /* the program's side of it */
	int state;
	struct socket_label label;
	bool told; /* to the program, which writes it into the image */
};

struct door {
	struct door *next;
	uint64_t id;
	int fd;
	bool closed; /* the program is frozen, and `waiting` is all that there is */
	struct waiting *waiting;
	char path[64]; /* relative to the state directory, where the agent is */
};

static struct acceptor *acceptor_of(struct agent *a, uint64_t id)
{
	struct acceptor *c = agent_references(a)->acceptors;
	while (c != NULL && c->id != id)
		c = c->next;
	return c;
}

static struct door *door_of(struct agent *a, uint64_t id)
{
	struct door *d = agent_references(a)->doors;
	while (d != NULL && d->id != id)
		d = d->next;
	return d;
}

/* --- at the holder --- */

json_t *agent_accept_describe(const struct end *e)
{
	char id[CHANNEL_ID_TEXT];
	if (e->accepted == NULL)
		return NULL;
	channel_id_text(e->accepted->listener, id);
	return json_pack("{s:s, s:s, s:s, s:i}", "listener", id, "label", e->accepted->label, "locator", e->accepted->peer,
		"kind", (int)REFERENCE_CONNECTION);
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

static void tell(struct end *e)
{
	char channel[CHANNEL_ID_TEXT], reference[CHANNEL_ID_TEXT];
	json_t *event = agent_accept_describe(e);
	channel_id_text(e->id, channel);
	channel_id_text(e->reference, reference);
	(void)json_object_set_new(event, "event", json_string("incoming"));
	(void)json_object_set_new(event, "channel", json_string(channel));
	(void)json_object_set_new(event, "reference", json_string(reference));
	agent_event(e->agent, event);
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
	tell(e); /* first: the supervisor knows of no such channel */
	if (a->driver != NULL)
		channel_open(e->channel);
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
	if (loop_add(a->loop, h->fd, POLLIN, on_connection, c, &c->source) < 0) {
		free(c);
		return;
	}
	agent_references(a)->acceptors = c;
}

static void stop_accepting(struct agent *a, uint64_t id)
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

static void accept_all(struct agent *a)
{
	for (struct held *h = agent_references(a)->held; h != NULL; h = h->next)
		if (h->kind == REFERENCE_LISTENER && h->firm && !h->returned)
			accept_for(a, h);
}

/* --- where the program runs --- */

static void forget_waiting(struct door *d)
{
	while (d->waiting != NULL) {
		struct waiting *w = d->waiting;
		d->waiting = w->next;
		(void)close(w->fd);
		(void)close(w->state);
		free(w);
	}
}

static void drop_door(struct agent *a, struct door *d)
{
	struct door **at = &agent_references(a)->doors;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	forget_waiting(d);
	(void)unlink(d->path);
	(void)close(d->fd);
	free(d);
}

static int make_door(struct agent *a, uint64_t id, int backlog, int *ret_fd)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char text[CHANNEL_ID_TEXT];
	struct door *d = calloc(1, sizeof *d);
	if (d == NULL)
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	*d = (struct door){.id = id, .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	channel_id_text(id, text);
	(void)snprintf(d->path, sizeof d->path, "run/%s.door", text);
	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s", d->path);
	(void)unlink(d->path); /* of an agent that was killed: nobody else has such a name */
	if (d->fd >= 0)
		(void)fchmod(d->fd, 0600); /* before bind(), which makes it so */
	if (d->fd < 0 || bind(d->fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(d->fd, backlog) < 0) {
		int r = error_errno(PMIG_EIO, errno, "%s/%s", a->options->state, d->path);
		if (d->fd >= 0)
			(void)close(d->fd);
		free(d);
		return r;
	}
	d->next = agent_references(a)->doors;
	agent_references(a)->doors = d;
	*ret_fd = d->fd;
	return 0;
}

static int door(struct agent *a, const struct control_message *m)
{
	uint64_t id = (uint64_t)m->args[0];
	struct held *h = agent_held(a, id);
	struct door *d = door_of(a, id);
	int fd = -1, r = 0;
	if (id == 0 || (h != NULL && h->kind != REFERENCE_LISTENER))
		return error_set(PMIG_EPROTOCOL, "that is no socket that listens");
	if (h != NULL) {
		stop_accepting(a, id);
		h->returned = true;
		agent_program_answer(a, m->args[7], 0, true, "", h->fd);
		return 0;
	}
	if (d != NULL)
		drop_door(a, d);
	r = make_door(a, id, (int)m->args[1], &fd);
	if (r >= 0)
		agent_program_answer(a, m->args[7], 0, false, "", fd);
	return r;
}

/* A connection to the door, as if its peer had made it. */
static int connect_door(const struct door *d, const struct socket_label *label, int *ret_fd)
{
	struct sockaddr_un own, name = {.sun_family = AF_UNIX};
	socklen_t size = socket_label_put(label, &own);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s", d->path);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "a connection");
	if (bind(fd, (struct sockaddr *)&own, size) < 0 || connect(fd, (struct sockaddr *)&name, sizeof name) < 0) {
		int r = errno == EAGAIN ? PMIG_EBUSY : PMIG_EGONE;
		r = error_errno(r, errno, "the program does not accept it");
		(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int agent_do_incoming(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t channel = agent_reference_number(request, "channel");
	struct door *d = door_of(a, agent_reference_number(request, "listener"));
	struct socket_label label;
	struct end *e;
	int fd, r;
	if (channel == 0 || !socket_label_read(agent_text(request, "label"), &label))
		return error_set(PMIG_EPROTOCOL, "agent: an incoming connection without a number or a label");
	if (agent_end(a, channel, true) != NULL)
		return 0; /* offered again, because the answer was lost */
	if ((uint64_t)agent_number(request, "epoch", 0) != a->epoch)
		return error_set(PMIG_ESTALE, "%s: a connection for epoch %lld, and this is %llu", a->name,
			(long long)agent_number(request, "epoch", 0), (unsigned long long)a->epoch);
	bool runs = a->state == AGENT_RUNNING || a->state == AGENT_SAVING || a->state == AGENT_FREEZING;
	if (d == NULL)
		return error_set(PMIG_EGONE, "%s does not listen any more", a->name);
	if (!runs || d->closed)
		return error_set(PMIG_EBUSY, "%s is about to go on elsewhere", a->name);
	r = connect_door(d, &label, &fd);
	if (r >= 0)
		r = agent_end_create(a,
			&(struct end_options){.id = channel,
				.reference = label.id,
				.opener = true,
				.fd = fd,
				.state = -1,
				.connection = true},
			&e);
	if (r >= 0)
		channel_open(e->channel);
	return r;
}

/* --- from host to host --- */

/* The end of what waits in a door. */
static struct end *end_of(struct agent *a, int fd, struct socket_label *ret_label)
{
	struct sockaddr_un name;
	socklen_t size = sizeof name;
	if (getpeername(fd, (struct sockaddr *)&name, &size) < 0 || !socket_label_get(&name, size, ret_label))
		return NULL;
	struct end *e = agent_references(a)->ends;
	while (e != NULL && !(e->opener && e->reference == ret_label->id && !e->suspended))
		e = e->next;
	return e;
}

/* All that came in and was not accepted, in its order. Who is none of ours is sent away. */
static int close_door(struct agent *a, struct door *d)
{
	struct waiting **last = &d->waiting;
	struct pollfd p = {.fd = d->fd, .events = POLLIN};
	int r = 0;
	d->closed = true;
	while (r >= 0 && poll(&p, 1, 0) > 0) {
		struct waiting *w = calloc(1, sizeof *w);
		int fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC);
		if (w == NULL || fd < 0) {
			free(w);
			return error_errno(PMIG_EIO, errno, "a connection that waits to be accepted");
		}
		w->fd = fd;
		w->end = end_of(a, fd, &w->label);
		if (w->end != NULL)
			r = channel_suspend(w->end->channel, fd, &w->state);
		if (w->end == NULL || r < 0) {
			if (w->end != NULL)
				channel_hold(w->end->channel, false);
			(void)close(fd);
			free(w);
			continue;
		}
		w->end->suspended = w->end->waits = true;
		*last = w;
		last = &w->next;
	}
	return r;
}

static int pending(struct agent *a, const struct control_message *m)
{
	struct door *d = door_of(a, (uint64_t)m->args[0]);
	char text[SOCKET_LABEL_TEXT] = "";
	int r = 0;
	if (d != NULL && !d->closed)
		r = close_door(a, d);
	struct waiting *w = d != NULL ? d->waiting : NULL;
	while (w != NULL && w->told)
		w = w->next;
	if (r < 0)
		return r;
	if (w != NULL) {
		socket_label_write(&w->label, text);
		w->told = true;
		agent_carry(a, w->label.id);
	}
	agent_program_answer(a, m->args[7], 0, false, text, w != NULL ? w->state : -1);
	return 0;
}

/* `state`, which is borrowed, goes on as a connection in the door. */
static int put_back(struct agent *a, struct door *d, struct socket_label label, int state, struct end **ret_end)
{
	int fd, r = agent_new_number(&label.salt);
	if (r >= 0)
		r = connect_door(d, &label, &fd);
	if (r < 0)
		return r;
	return agent_end_create(a,
		&(struct end_options){.id = channel_state_id(state),
			.reference = label.id,
			.opener = true,
			.fd = fd,
			.state = state,
			.connection = true},
		ret_end);
}

static int offer(struct agent *a, const struct control_message *m, int state)
{
	struct door *d = door_of(a, (uint64_t)m->args[0]);
	struct socket_label label;
	struct end *e;
	if (d == NULL || state < 0 || channel_state_id(state) == 0 || !socket_label_read(m->text, &label))
		return error_set(PMIG_EPROTOCOL, "that is no connection that waits to be accepted");
	int r = put_back(a, d, label, state, &e);
	if (r < 0)
		return r;
	agent_end_ask(e);
	agent_program_answer(a, m->args[7], 0, false, "", -1);
	return 0;
}

bool agent_accept_message(struct agent *a, const struct control_message *m, int fd, int *ret_code)
{
	switch (m->type) {
	case CONTROL_DOOR:
		*ret_code = door(a, m);
		return true;
	case CONTROL_PENDING:
		*ret_code = pending(a, m);
		return true;
	case CONTROL_OFFER:
		*ret_code = offer(a, m, fd);
		return true;
	default:
		return false;
	}
}

/* --- the life of the program --- */

void agent_accept_firm(struct agent *a)
{
	while (agent_references(a)->doors != NULL)
		drop_door(a, agent_references(a)->doors);
	accept_all(a);
}

void agent_accept_undo(struct agent *a)
{
	for (struct door *d = agent_references(a)->doors; d != NULL; d = d->next) {
		for (struct waiting *w = d->waiting; w != NULL; w = w->next) {
			struct end *e;
			agent_end_drop(w->end); /* and goes on in another one, since its socket has been accepted */
			if (put_back(a, d, w->label, w->state, &e) < 0)
				continue;
			e->waits = e->resumed = false;
			channel_hold(e->channel, false);
			if (a->driver != NULL)
				channel_open(e->channel);
		}
		forget_waiting(d);
		d->closed = false;
	}
}

void agent_accept_begin(struct agent *a)
{
	(void)a;
}

void agent_accept_lose(struct agent *a)
{
	while (agent_references(a)->doors != NULL)
		drop_door(a, agent_references(a)->doors);
	accept_all(a);
}

void agent_accept_drop(struct agent *a, uint64_t id)
{
	struct door *d = door_of(a, id);
	if (d != NULL)
		drop_door(a, d);
	stop_accepting(a, id);
}

void agent_accept_end(struct agent *a)
{
	while (agent_references(a)->doors != NULL)
		drop_door(a, agent_references(a)->doors);
	while (agent_references(a)->acceptors != NULL)
		stop_accepting(a, agent_references(a)->acceptors->id);
}
