/* agent_reference: what is held here for a program elsewhere, and what the program here asks of others. */
#include "agent_reference.h"

#include "agent_accept.h"
#include "agent_connection.h"
#include "agent_datagram.h"
#include "agent_plain.h"
#include "agent_reference_file.h"
#include "agent_tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOCATOR_TOLD 96 /* bytes of it, in lists for people, which go in one packet */

struct agent_references *agent_references(struct agent *a)
{
	if (a->references == NULL) {
		a->references = calloc(1, sizeof *a->references);
		if (a->references == NULL)
			abort(); /* some hundred bytes: nothing can be told to anybody any more */
		a->references->carried = json_array();
		a->references->dropped = json_array();
		a->references->local_last = &a->references->local;
	}
	return a->references;
}

struct held *agent_held(struct agent *a, uint64_t id)
{
	struct held *h = agent_references(a)->held;
	while (h != NULL && h->id != id)
		h = h->next;
	return h;
}

uint64_t agent_reference_number(const json_t *object, const char *key)
{
	return channel_id_parse(agent_text(object, key));
}

static json_t *number(uint64_t id)
{
	char text[CHANNEL_ID_TEXT];
	channel_id_text(id, text);
	return json_string(text);
}

json_t *agent_readable(const char *locator)
{
	char text[LOCATOR_TOLD];
	size_t length = (size_t)snprintf(text, sizeof text, "%s", locator);
	if (length >= sizeof text) /* not in the middle of a character */
		for (char *end = text + sizeof text - 2; end > text && (unsigned char)*end >= 0x80; end--)
			*end = '\0';
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20)
			*c = '?';
	json_t *object = json_string(text);
	for (char *c = text; object == NULL && *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return object != NULL ? object : json_string(text);
}

void agent_program_answer(struct agent *a, int64_t ticket, int code, bool itself, const char *text, int fd)
{
	const int64_t args[8] = {code, (int64_t)a->epoch, itself, [7] = ticket};
	(void)agent_program_send_args(a, CONTROL_REFERENCE, args, code < 0 ? pmig_reason() : text, fd);
}

/* --- holding --- */

void agent_let_go(struct agent *a, struct held *h)
{
	struct agent_references *r = agent_references(a);
	struct held **at = &r->held;
	while (*at != NULL && *at != h)
		at = &(*at)->next;
	if (*at != NULL)
		*at = h->next;
	r->held_count--;
	uint64_t id = h->id;
	agent_door_drop(a, id);
	if (h->fd >= 0)
		(void)close(h->fd);
	free(h);
	(void)error_set(PMIG_EGONE, "it is not held any more");
	agent_ends_gone(a, id);
}

bool agent_has_room(struct agent *a)
{
	return agent_references(a)->held_count < HELD_MAX && agent_references(a)->end_count < ENDS_MAX;
}

struct held *agent_hold(struct agent *a, enum reference_kind kind, int fd)
{
	struct agent_references *r = agent_references(a);
	struct held *h = agent_has_room(a) ? calloc(1, sizeof *h) : NULL;
	if (h == NULL)
		return NULL;
	*h = (struct held){.next = r->held, .kind = kind, .fd = fd, .firm = true, .slot = -1};
	if (agent_new_number(&h->id) < 0) {
		free(h);
		return NULL;
	}
	r->held = h;
	r->held_count++;
	return h;
}

/* The program came back to it, and bytes were under way: they come through a channel until it moves on. */
static bool is_used_here(struct agent *a, const struct held *h)
{
	struct end *e = agent_references(a)->ends;
	while (e != NULL && (e->reference != h->id || e->local == NULL))
		e = e->next;
	return e != NULL || agent_door_drains(a, h->id);
}

static int hold(struct agent *a, const struct control_message *m, int fd)
{
	struct agent_references *r = agent_references(a);
	if (a->state != AGENT_FREEZING)
		return error_set(PMIG_EREFUSED,
			"%.200s would stay behind: that is for a move, an image in a file has nobody to ask for it",
			m->text);
	if (r->held_count >= HELD_MAX)
		return error_set(PMIG_EREFUSED, "more than %d things would stay behind", HELD_MAX);
	if (m->args[1] < REFERENCE_FILE || m->args[1] > REFERENCE_LAST || m->args[0] == 0 ||
		agent_held(a, (uint64_t)m->args[0]) != NULL || (fd < 0) != (m->args[1] == REFERENCE_ADDRESS))
		return error_set(PMIG_EPROTOCOL, "%.200s: the program asks to hold what cannot be held", m->text);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct held *h = calloc(1, sizeof *h);
	if (h == NULL || (fd >= 0 && copy < 0)) {
		free(h);
		return error_errno(PMIG_EREFUSED, errno, "%.200s cannot be held", m->text);
	}
	*h = (struct held){.next = r->held,
		.id = (uint64_t)m->args[0],
		.kind = (enum reference_kind)m->args[1],
		.fd = copy,
		.slot = m->args[2]};
	(void)snprintf(h->locator, sizeof h->locator, "%s", m->text);
	r->held = h;
	r->held_count++;
	return 0;
}

/* --- what the program here asks for --- */

void agent_carry(struct agent *a, uint64_t id)
{
	struct agent_references *r = agent_references(a);
	if (json_array_size(r->carried) < HELD_MAX)
		(void)json_array_append_new(r->carried, number(id));
}

static void drop(struct agent *a, uint64_t id)
{
	struct held *h = agent_held(a, id);
	agent_door_drop(a, id);
	if (h != NULL)
		agent_let_go(a, h);
	if (a->driver != NULL)
		agent_event(a, json_pack("{s:s, s:o}", "event", "drop", "reference", number(id)));
	else if (json_array_size(agent_references(a)->dropped) < HELD_MAX)
		(void)json_array_append_new(agent_references(a)->dropped, number(id));
}

static int suspend(struct agent *a, const struct control_message *m, int fd)
{
	int state, r = 0;
	struct end *e = agent_references(a)->ends;
	while (e != NULL && !(e->opener && e->reference == (uint64_t)m->args[0] && !e->suspended))
		e = e->next;
	if (e == NULL || fd < 0)
		return error_set(PMIG_EGONE, "the way to it has been lost");
	r = channel_suspend(e->channel, fd, &state);
	if (r < 0) {
		channel_hold(e->channel, false);
		return r;
	}
	e->suspended = e->waits = true;
	agent_carry(a, (uint64_t)m->args[0]);
	agent_program_answer(a, m->args[7], 0, false, "", state);
	(void)close(state);
	return 0;
}

/* It is here. *ret_itself: 1: `ret_fd` is the thing, which is not to be closed; 2: it is to be closed; 0: an end was made. */
static int connect_here(const struct held *h, int *ret_fd, int *ret_itself)
{
	if (h->kind != REFERENCE_ADDRESS) {
		*ret_fd = h->fd;
		*ret_itself = 1;
		return 0;
	}
	*ret_itself = 2;
	return agent_serve_address(h->locator, ret_fd);
}

static const struct channel_messages *messages_of(const struct control_message *m)
{
	return strcmp(m->text, REFERENCE_DATAGRAMS) == 0 ? &agent_datagram_program : NULL;
}

static bool is_connection(const struct control_message *m)
{
	return strcmp(m->text, REFERENCE_CONNECTED) == 0;
}

/* A stream that comes home: the thing itself, unless bytes are under way, which come first. */
static int resume_here(struct agent *a, struct held *h, const struct control_message *m, int state)
{
	uint64_t id = channel_state_id(state);
	struct end *holder = agent_end(a, id, false), *e;
	int r = agent_end_create(a,
		&(struct end_options){.id = id,
			.reference = h->id,
			.opener = true,
			.fd = -1,
			.state = state,
			.messages = messages_of(m),
			.connection = is_connection(m)},
		&e);
	if (r < 0)
		return r;
	if (holder != NULL)
		agent_accept_taken(holder);
	size_t rest = holder != NULL && (e->connection || e->messages) ? channel_rest(e->channel, holder->channel)
								       : SIZE_MAX;
	if (rest != SIZE_MAX && agent_connection_takes(h, rest)) {
		e->returning = true;
		channel_hold(holder->channel, true); /* what comes now is the program's */
		holder->waits = h->returned = true;
		agent_program_answer(a, m->args[7], 0, true, "", h->fd);
		return 0;
	}
	if (holder != NULL && (e->connection || !channel_meets(e->channel, holder->channel))) {
		agent_end_join(e, holder);
		agent_program_answer(a, m->args[7], 0, false, "", e->give);
		(void)close(e->give);
		e->give = -1;
		return 0;
	}
	bool lost = holder == NULL && !channel_idle(e->channel);
	agent_end_drop(e);
	if (lost)
		return error_set(PMIG_EGONE, "%.200s: the other end of its bytes is lost", h->locator);
	if (holder != NULL) {
		channel_hold(holder->channel, true); /* what comes now is the program's */
		holder->waits = true;
	}
	h->returned = true;
	agent_program_answer(a, m->args[7], 0, true, "", h->fd);
	return 0;
}

static int connect_to(struct agent *a, const struct control_message *m, int state)
{
	uint64_t reference = (uint64_t)m->args[0];
	struct held *h = agent_held(a, reference);
	struct end *e;
	if (h != NULL && state >= 0)
		return resume_here(a, h, m, state);
	if (h != NULL) {
		int fd, itself, r = connect_here(h, &fd, &itself);
		if (r >= 0)
			agent_program_answer(a, m->args[7], 0, true, "", fd);
		if (r >= 0 && itself == 2)
			(void)close(fd);
		return r;
	}
	if (is_connection(m) && agent_plain_connect(a, m, state))
		return 0;
	int r = agent_end_create(a,
		&(struct end_options){.id = state >= 0 ? channel_state_id(state) : 0,
			.reference = reference,
			.opener = true,
			.fd = -1,
			.state = state,
			.messages = messages_of(m),
			.connection = is_connection(m)},
		&e);
	if (r < 0)
		return r;
	if (is_connection(m)) { /* it is held, as the hand-over knows: hundreds of them do not wait for a round trip each */
		agent_program_answer(a, m->args[7], 0, false, "", e->give);
		(void)close(e->give);
		e->give = -1;
	} else {
		e->ticket = m->args[7];
	}
	agent_end_ask(e);
	return 0;
}

static int listen_for(struct agent *a, const struct control_message *m)
{
	struct held *h = agent_held(a, (uint64_t)m->args[0]);
	char address[CONTROL_TEXT_MAX];
	int r = 0;
	if (h != NULL)
		(void)snprintf(address, sizeof address, "%s", h->locator);
	else
		r = agent_listen(a, (uint64_t)m->args[0], m->text, address, sizeof address);
	if (r >= 0)
		agent_program_answer(a, m->args[7], 0, h != NULL, address, -1);
	return r;
}

bool agent_reference_message(struct agent *a, const struct control_message *m, int fd)
{
	struct agent_references *refs = agent_references(a);
	int r = 0;
	switch (m->type) {
	case CONTROL_HOLD:
		r = hold(a, m, fd);
		if (r < 0 && refs->failed >= 0) {
			refs->failed = r;
			(void)snprintf(refs->why, sizeof refs->why, "%s", pmig_reason());
		}
		return true;
	case CONTROL_CARRY:
		agent_carry(a, (uint64_t)m->args[0]);
		return true;
	case CONTROL_DROP:
		drop(a, (uint64_t)m->args[0]);
		return true;
	case CONTROL_SUSPEND:
		r = suspend(a, m, fd);
		break;
	case CONTROL_UNPLAIN:
		r = agent_plain_drain(a, m, fd);
		break;
	case CONTROL_CONNECT:
		r = connect_to(a, m, fd);
		break;
	case CONTROL_LISTEN:
		r = listen_for(a, m);
		break;
	default:
		if (!agent_tell_message(a, m, &r) && !agent_door_message(a, m, fd, &r))
			return false;
	}
	bool waits = (m->type != CONTROL_TELL && m->type != CONTROL_UNPLAIN) || m->args[7] != 0;
	if (r < 0 && waits)
		agent_program_answer(a, m->args[7], r, false, "", -1);
	return true;
}

/* --- requests --- */

int agent_do_open(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t id = agent_reference_number(request, "channel");
	struct held *h = agent_held(a, agent_reference_number(request, "reference"));
	struct end *e = agent_end(a, id, false);
	if (id == 0)
		return error_set(PMIG_EPROTOCOL, "agent: \"channel\" is not a number");
	if (e != NULL) { /* asked again */
		channel_close(e->channel);
		channel_open(e->channel);
		return 0;
	}
	if (h == NULL)
		return error_set(PMIG_EREFUSED, "it is not held there any more");
	struct end_options o = {.id = id, .reference = h->id, .state = -1, .fd = -1};
	int r = 0, ends[2];
	if (h->kind == REFERENCE_FILE) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
			return error_errno(PMIG_EIO, errno, "%.200s", h->locator);
		o.fd = ends[0];
		r = agent_reference_file_serve(fcntl(h->fd, F_DUPFD_CLOEXEC, 3), ends[1]);
		if (r < 0)
			(void)close(ends[0]);
	} else if (h->kind == REFERENCE_CONNECTION) {
		o.connection = true;
		r = agent_connection_serve(h, &o.fd);
	} else {
		r = agent_serve_open(h, &o.fd, &o.device);
	}
	if (r >= 0 && h->kind == REFERENCE_DATAGRAM) {
		o.messages = &agent_datagram_socket;
		o.device = true; /* shutdown(2) has a frame of its own: the end is that it is closed */
	}
	if (r >= 0)
		r = agent_end_create(a, &o, &e);
	if (r < 0)
		return error_prefix(r, "%.200s", h->locator);
	if (!h->firm && h->kind != REFERENCE_FILE && h->kind != REFERENCE_ADDRESS)
		channel_hold(e->channel, true); /* what was read would be missed if the program went on here */
	channel_open(e->channel);
	return 0;
}

int agent_do_let_go(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	size_t i;
	json_t *text;
	json_array_foreach(json_object_get(request, "references"), i, text)
	{
		const char *digits = json_string_value(text);
		struct held *h = agent_held(a, digits != NULL ? channel_id_parse(digits) : 0);
		if (h != NULL && !is_used_here(a, h))
			agent_let_go(a, h);
	}
	return 0;
}

/* --- the life of the program --- */

static void on_lease(void *context)
{
	struct agent *a = context;
	agent_reference_end(a);
	agent_consider_end(a);
}

void agent_reference_describe(struct agent *a, json_t *hello)
{
	struct agent_references *r = a->references;
	if (r == NULL || hello == NULL)
		return;
	loop_remove(&r->lease);
	json_t *holds = json_array();
	for (struct held *h = r->held; h != NULL; h = h->next)
		(void)json_array_append_new(holds,
			json_pack("{s:o, s:i, s:o, s:b}", "reference", number(h->id), "kind", (int)h->kind, "locator",
				agent_readable(h->locator), "firm", (int)h->firm));
	(void)json_object_set_new(hello, "holds", holds);
	(void)json_object_set_new(hello, "channels", agent_ends_describe(a));
	(void)json_object_set_new(hello, "plain", agent_plain_describe(a));
	(void)json_object_set_new(hello, "dropped", r->dropped);
	r->dropped = json_array();
	(void)json_object_set_new(hello, "telling", r->tellings != NULL ? agent_tell_describe(a) : json_null());
}

bool agent_reference_busy(const struct agent *a)
{
	return a->references != NULL && (a->references->held != NULL || a->references->ends != NULL || agent_plain_busy(a));
}

void agent_reference_lost(struct agent *a)
{
	struct agent_references *r = a->references;
	if (r == NULL)
		return;
	for (struct end *e = r->ends; e != NULL; e = e->next)
		if (e->local == NULL)
			channel_close(e->channel);
	if (r->held != NULL && r->lease == NULL)
		(void)loop_after(a->loop, REFERENCE_LEASE_MS, on_lease, a, &r->lease);
}

int agent_reference_refused(struct agent *a)
{
	struct agent_references *r = a->references;
	int code = r != NULL ? r->failed : 0;
	if (code >= 0)
		return 0;
	r->failed = 0;
	return error_set(PMIG_EREFUSED, "%s", r->why);
}

int agent_reference_frozen(struct agent *a, json_t *answer)
{
	struct agent_references *r = agent_references(a);
	if (agent_reference_refused(a) < 0)
		return PMIG_EREFUSED;
	json_t *list = json_array();
	for (struct held *h = r->held; h != NULL; h = h->next)
		if (!h->firm || is_used_here(a, h))
			(void)json_array_append_new(list,
				json_pack("{s:o, s:i, s:o, s:I, s:b}", "reference", number(h->id), "kind", (int)h->kind,
					"locator", agent_readable(h->locator), "slot", (json_int_t)h->slot, "kept", 1));
	size_t i;
	json_t *carried;
	json_array_foreach(r->carried, i, carried)
	{
		if (agent_held(a, channel_id_parse(json_string_value(carried))) == NULL)
			(void)json_array_append_new(list, json_pack("{s:O, s:b}", "reference", carried, "kept", 0));
	}
	(void)json_object_set_new(answer, "references", list);
	return 0;
}
