/* agent_door: what was accepted for the program elsewhere comes in where it runs. */
#include "agent_accept.h"
#include "channel_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOK_MS 20 /* for room in a queue that was full: a child of the program, or a library, accepts and says nothing */

/* What was in a door when the program was frozen. */
struct waiting {
	struct waiting *next;
	struct end *end; /* NULL: it was lost meanwhile */
	int fd;          /* the program's side of it */
	int state;
	struct socket_label label;
	bool told; /* to the program, which writes it into the image */
};

struct door {
	struct door *next;
	uint64_t id;
	int fd;
	bool closed;  /* the program is frozen, and `waiting` is all that there is */
	bool refused; /* somebody is to hear when it takes again */
	struct waiting *waiting;
	char path[64]; /* relative to the state directory, where the agent is */
};

static struct door *door_of(struct agent *a, uint64_t id)
{
	struct door *d = agent_references(a)->doors;
	while (d != NULL && d->id != id)
		d = d->next;
	return d;
}

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

/* How many came in here for it that nobody has been given. */
static int count_waiting(struct agent *a, uint64_t id)
{
	int n = 0;
	for (const struct end *e = agent_references(a)->ends; e != NULL; e = e->next)
		n += e->accepted != NULL && e->accepted->listener == id;
	return n;
}

static int door(struct agent *a, const struct control_message *m)
{
	uint64_t id = (uint64_t)m->args[0];
	struct held *h = agent_held(a, id);
	struct door *d = door_of(a, id);
	int fd = -1, r = 0;
	if (id == 0 || (h != NULL && h->kind != REFERENCE_LISTENER))
		return error_set(PMIG_EPROTOCOL, "that is no socket that listens");
	if (h != NULL)
		agent_accept_stop(a, id);
	int backlog = (int)m->args[1], waiting = count_waiting(a, id);
	if (h != NULL && m->args[2] == 0 && waiting == 0) {
		h->returned = true;
		agent_program_answer(a, m->args[7], 0, true, "", h->fd);
		return 0;
	}
	if (d != NULL)
		drop_door(a, d);
	if (h != NULL && backlog < (int)m->args[2] + waiting)
		backlog = (int)m->args[2] + waiting; /* all of them come in before the program runs */
	r = make_door(a, id, backlog, &fd);
	const int64_t args[8] = {0, h != NULL, [7] = m->args[7]};
	if (r >= 0)
		(void)agent_program_send_args(a, CONTROL_REFERENCE, args, "", fd);
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

static bool program_runs(const struct agent *a)
{
	return a->state == AGENT_RUNNING || a->state == AGENT_SAVING || a->state == AGENT_FREEZING;
}

static int come_in(struct agent *a, const struct channel_opening *o)
{
	struct door *d = door_of(a, o->listener);
	struct end *e;
	int fd, r;
	if (agent_end(a, o->channel, true) != NULL)
		return 0; /* offered again: whoever asks has missed what it said, and asks for that */
	if (agent_end(a, o->channel, false) != NULL || agent_held(a, o->label.id) != NULL)
		return error_set(PMIG_EPROTOCOL, "%s: a connection that is held here comes from elsewhere", a->name);
	if (o->epoch != a->epoch)
		return error_set(PMIG_ESTALE, "%s: a connection for epoch %llu, and this is %llu", a->name,
			(unsigned long long)o->epoch, (unsigned long long)a->epoch);
	if (d == NULL)
		return error_set(PMIG_EGONE, "%s does not listen any more", a->name);
	if (!program_runs(a) || d->closed)
		r = error_set(PMIG_EBUSY, "%s is about to go on elsewhere", a->name);
	else
		r = connect_door(d, &o->label, &fd);
	d->refused |= r == PMIG_EBUSY;
	if (r >= 0)
		r = agent_end_create(a,
			&(struct end_options){.id = o->channel,
				.reference = o->label.id,
				.opener = true,
				.fd = fd,
				.state = -1,
				.connection = true},
			&e);
	if (r >= 0)
		channel_begin(e->channel, true);
	return r;
}

static bool has_refused(const struct agent *a)
{
	const struct door *d = a->references != NULL ? a->references->doors : NULL;
	while (d != NULL && !d->refused)
		d = d->next;
	return d != NULL;
}

static void look_later(struct agent *a);

static void on_look(void *context)
{
	agent_door_takes(context);
	look_later(context);
}

/* After a lost connection home asks again by itself. */
static void look_later(struct agent *a)
{
	struct agent_references *r = a->references;
	if (has_refused(a) && r->looks == NULL && a->driver != NULL)
		(void)loop_after(a->loop, LOOK_MS, on_look, a, &r->looks);
}

int agent_door_open(struct agent *a, const struct channel_packet *k)
{
	unsigned char buffer[CHANNEL_NOTE_MAX];
	struct channel_opening o;
	int r = channel_open_get(k, &o);
	if (r >= 0)
		r = come_in(a, &o);
	look_later(a);
	struct packet p = channel_note(k->id, CHANNEL_REFUSED, k->offset, r, pmig_reason(), buffer);
	return r >= 0 || a->driver == NULL ? 0 : peer_put(a->driver, &p);
}

/* How many more its queue has room for: listen(2) lets one more in than it was told. */
static int places(const struct door *d)
{
	struct socket_unix u;
	struct stat st;
	if (fstat(d->fd, &st) < 0 || !socket_unix_look(st.st_ino, &u))
		return 1; /* nobody knows: it is tried */
	return u.waiting <= u.backlog ? (int)(u.backlog - u.waiting) + 1 : 0;
}

static void on_takes(void *context)
{
	struct agent *a = context;
	unsigned char buffer[CHANNEL_NOTE_MAX];
	for (struct door *d = agent_references(a)->doors; d != NULL; d = d->next) {
		int n = d->refused && !d->closed && program_runs(a) && a->driver != NULL ? places(d) : 0;
		if (n == 0)
			continue;
		d->refused = false;
		struct packet p = channel_note(d->id, CHANNEL_TAKES, 0, n, NULL, buffer);
		(void)peer_put(a->driver, &p);
	}
}

void agent_door_takes(struct agent *a)
{
	if (has_refused(a) && a->references->takes == NULL)
		(void)loop_soon(a->loop, on_takes, a,
			&a->references->takes); /* whatever changes the state of the program has done so by then */
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
		if (w->end != NULL && channel_has_ended(w->end->channel))
			w->end = NULL; /* its peer has given up: as one that the kernel drops from a queue */
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
	struct end *holder = agent_end(a, channel_state_id(state), false);
	if (agent_held(a, label.id) != NULL && holder == NULL)
		return error_set(PMIG_EGONE, "the other end of its bytes is lost");
	int r = put_back(a, d, label, state, &e);
	if (r < 0)
		return r;
	if (holder != NULL) {
		agent_accept_taken(holder);
		agent_end_join(e, holder);
	} else {
		agent_end_ask(e);
	}
	agent_program_answer(a, m->args[7], 0, false, "", -1);
	return 0;
}

bool agent_door_message(struct agent *a, const struct control_message *m, int fd, int *ret_code)
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

void agent_door_firm(struct agent *a)
{
	while (agent_references(a)->doors != NULL)
		drop_door(a, agent_references(a)->doors);
	for (struct held *h = agent_references(a)->held; h != NULL; h = h->next)
		if (h->kind == REFERENCE_LISTENER)
			h->returned = false;
	agent_accept_all(a);
}

void agent_door_gone(const struct end *e)
{
	for (struct door *d = agent_references(e->agent)->doors; d != NULL; d = d->next)
		for (struct waiting *w = d->waiting; w != NULL; w = w->next)
			if (w->end == e)
				w->end = NULL;
}

/* It goes on in another end, since its socket has been accepted. */
static void reopen(struct agent *a, struct door *d, const struct waiting *w)
{
	struct end *e, *holder = w->end->local;
	agent_end_drop(w->end);
	if (put_back(a, d, w->label, w->state, &e) < 0)
		return;
	e->waits = e->resumed = false;
	if (holder != NULL)
		agent_end_join(e, holder);
	channel_hold(e->channel, false);
	if (holder != NULL || a->driver != NULL)
		channel_open(e->channel);
	if (holder != NULL)
		channel_open(holder->channel);
}

void agent_door_undo(struct agent *a)
{
	for (struct door *d = agent_references(a)->doors; d != NULL; d = d->next) {
		for (struct waiting *w = d->waiting; w != NULL; w = w->next)
			if (w->end != NULL)
				reopen(a, d, w);
		forget_waiting(d);
		d->closed = false;
	}
	agent_door_takes(a);
}

/* Its bytes go on through a channel that does not leave this host. */
static int give_here(struct agent *a, struct door *d, struct end *holder)
{
	struct socket_label label;
	struct end *e;
	int fd, r = socket_label_read(holder->accepted->label, &label) ? connect_door(d, &label, &fd) : PMIG_EPROTOCOL;
	if (r < 0)
		return r;
	struct end_options o = {
		.id = holder->id, .reference = holder->reference, .opener = true, .fd = fd, .state = -1, .connection = true};
	r = agent_end_create(a, &o, &e);
	if (r < 0)
		return r;
	e->waits = true; /* until the program runs: agent_reference_begin(), which also knows it as taken from then on */
	agent_end_join(e, holder);
	return 0;
}

void agent_door_begin(struct agent *a)
{
	struct agent_references *r = agent_references(a);
	for (struct end *e = r->ends; e != NULL; e = e->next) {
		struct door *d = e->accepted != NULL && e->local == NULL ? door_of(a, e->accepted->listener) : NULL;
		int given = d != NULL ? give_here(a, d, e) : 0;
		if (given < 0)
			channel_fail(e->channel, given); /* who connected is not to wait for ever */
	}
}

bool agent_door_drains(struct agent *a, uint64_t id)
{
	return door_of(a, id) != NULL;
}

void agent_door_lose(struct agent *a)
{
	while (agent_references(a)->doors != NULL)
		drop_door(a, agent_references(a)->doors);
	agent_accept_all(a);
}

void agent_door_drop(struct agent *a, uint64_t id)
{
	struct door *d = door_of(a, id);
	if (d != NULL)
		drop_door(a, d);
	agent_accept_stop(a, id);
}

void agent_door_end(struct agent *a)
{
	loop_remove(&agent_references(a)->takes);
	loop_remove(&agent_references(a)->looks);
	while (agent_references(a)->doors != NULL)
		drop_door(a, agent_references(a)->doors);
}
