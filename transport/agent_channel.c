/* agent_channel: the ends of channels at this host, towards the supervisor, who knows where the other ends are, or to one another. */
#include "agent_datagram.h"
#include "agent_reference.h"

#include "agent_accept.h"
#include "agent_connection.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOCAL_MAX 32 /* packets on the way between two ends that are here */

/* Between two ends that are here: not delivered from within, since each answers at once. */
struct local_packet {
	struct local_packet *next;
	uint64_t id;
	bool to_opener;
	struct packet packet;
	unsigned char bytes[];
};

struct end *agent_end(struct agent *a, uint64_t id, bool opener)
{
	struct end *e = agent_references(a)->ends;
	while (e != NULL && (e->id != id || e->opener != opener))
		e = e->next;
	return e;
}

static void on_local(void *context)
{
	struct agent *a = context;
	struct agent_references *r = agent_references(a);
	for (int i = 0; i < LOCAL_MAX && r->local != NULL; i++) {
		struct local_packet *p = r->local;
		r->local = p->next;
		if (r->local == NULL)
			r->local_last = &r->local;
		struct end *e = agent_end(a, p->id, p->to_opener);
		if (e != NULL)
			(void)!channel_packet(e->channel, &p->packet);
		free(p);
	}
	for (struct end *e = r->ends; e != NULL; e = e->next) /* whoever was turned away meanwhile */
		if (e->local != NULL)
			channel_room(e->channel);
	if (r->local != NULL && r->local_timer == NULL)
		(void)loop_after(a->loop, 0, on_local, a, &r->local_timer);
}

static int put_local(struct end *e, const struct packet *p)
{
	struct agent_references *r = agent_references(e->agent);
	struct local_packet *copy = malloc(sizeof *copy + p->size);
	if (copy == NULL)
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	*copy = (struct local_packet){.id = e->id, .to_opener = !e->opener, .packet = *p};
	memcpy(copy->bytes, p->data, p->size);
	copy->packet.data = copy->bytes;
	*r->local_last = copy;
	r->local_last = &copy->next;
	return r->local_timer != NULL ? 0 : loop_after(e->agent->loop, 0, on_local, e->agent, &r->local_timer);
}

static int put(void *context, const struct packet *p)
{
	struct end *e = context;
	if (e->local != NULL)
		return put_local(e, p);
	return agent_way(e->agent) != NULL ? peer_put(agent_way(e->agent), p) : PMIG_EUNREACHED;
}

static bool room(void *context)
{
	struct end *e = context;
	if (e->local == NULL)
		return agent_way(e->agent) != NULL && peer_room(agent_way(e->agent));
	int n = 0;
	for (struct local_packet *p = agent_references(e->agent)->local; p != NULL && n < LOCAL_MAX; p = p->next)
		n++;
	return n < LOCAL_MAX;
}

static json_t *describe(const struct end *e, const char *event)
{
	char id[CHANNEL_ID_TEXT], reference[CHANNEL_ID_TEXT];
	channel_id_text(e->id, id);
	channel_id_text(e->reference, reference);
	json_t *d = json_pack("{s:s, s:s, s:b}", "channel", id, "reference", reference, "opener", (int)e->opener);
	if (event != NULL)
		(void)json_object_set_new(d, "event", json_string(event));
	if (e->asked)
		(void)json_object_set_new(d, "asked", json_true());
	if (e->waits)
		(void)json_object_set_new(d, "waits", json_true());
	if (e->suspended)
		(void)json_object_set_new(d, "suspended", json_true());
	if (e->resumed)
		(void)json_object_set_new(d, "resumed", json_true());
	if (e->accepted != NULL)
		(void)json_object_set_new(d, "incoming", agent_accept_describe(e));
	return d;
}

/* The program gets its side, or hears that it cannot. */
static void answer(struct end *e, int code)
{
	if (e->ticket == 0)
		return;
	agent_program_answer(e->agent, e->ticket, code, false, "", code < 0 ? -1 : e->give);
	e->ticket = 0;
	if (e->give >= 0)
		(void)close(e->give);
	e->give = -1;
}

/* A connection that ended well says so in a few bytes: there may be thousands of them in a second. */
static void tell_over(const struct end *e)
{
	unsigned char buffer[CHANNEL_NOTE_MAX];
	uint64_t reference = htole64(e->reference);
	struct packet p = channel_note(e->id, CHANNEL_OVER, channel_bytes(e->channel), e->opener, NULL, buffer);
	memcpy(buffer + CHANNEL_HEAD, &reference, sizeof reference);
	p.size += sizeof reference;
	if (agent_way(e->agent) != NULL)
		(void)peer_put(agent_way(e->agent), &p);
}

static void tell_closed(const struct end *e, int code)
{
	json_t *event = describe(e, "closed");
	(void)json_object_set_new(event, "code", json_integer(code));
	(void)json_object_set_new(event, "bytes", json_integer((json_int_t)channel_bytes(e->channel)));
	if (code < 0)
		(void)json_object_set_new(event, "reason", json_string(pmig_reason()));
	agent_event(e->agent, event);
}

static void on_ended(void *context, int code)
{
	struct end *e = context;
	struct agent *a = e->agent;
	if (e->local == NULL && e->connection && code >= 0)
		tell_over(e);
	else if (e->local == NULL)
		tell_closed(e, code);
	if (code < 0)
		answer(e, code);
	if (e->connection && (code < 0 || channel_broken(e->channel) != 0))
		agent_connection_break(e);
	struct held *h = e->opener ? NULL : agent_held(a, e->reference);
	bool came_in = e->opener && e->connection;
	agent_end_drop(e);
	bool closed = h != NULL && h->kind == REFERENCE_DATAGRAM && code == 0;
	if (closed || (h != NULL && h->kind == REFERENCE_CONNECTION)) /* there will be no other */
		agent_let_go(a, h);
	if (came_in)
		agent_door_takes(a); /* there may be room for it at last, or the program has accepted it unnoticed */
	agent_consider_end(a);
}

int agent_new_number(uint64_t *ret_id)
{
	do {
		if (getrandom(ret_id, sizeof *ret_id, 0) != (ssize_t)sizeof *ret_id)
			return error_errno(PMIG_EIO, errno, "agent: no random numbers");
	} while (*ret_id == 0);
	return 0;
}

int agent_end_create(struct agent *a, const struct end_options *o, struct end **ret_end)
{
	struct agent_references *refs = agent_references(a);
	struct end *e = calloc(1, sizeof *e);
	int ends[2] = {-1, o->fd}, r = 0;
	if (e == NULL || refs->end_count >= ENDS_MAX)
		r = error_set(PMIG_EREFUSED, "more than %d channels at once", ENDS_MAX);
	if (r >= 0 && o->fd < 0 && o->messages != NULL)
		r = agent_datagram_pair(ends);
	else if (r >= 0 && o->fd < 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		r = error_errno(PMIG_EIO, errno, "channel");
	if (r < 0) {
		if (o->fd >= 0)
			(void)close(o->fd);
		free(e);
		return r;
	}
	*e = (struct end){.agent = a,
		.id = o->id,
		.reference = o->reference,
		.opener = o->opener,
		.waits = o->state >= 0,
		.resumed = o->state >= 0,
		.connection = o->connection,
		.messages = o->messages != NULL,
		.give = o->fd < 0 ? ends[0] : -1};
	if (e->id == 0)
		r = agent_new_number(&e->id);
	struct channel_options options = {.loop = a->loop,
		.id = e->id,
		.fd = ends[1],
		.device = o->device,
		.messages = o->messages,
		.connection = o->connection,
		.side = agent_connection_side,
		.put = put,
		.room = room,
		.ended = on_ended,
		.context = e};
	if (r >= 0)
		r = o->state >= 0 ? channel_resume(&options, o->state, &e->channel) : channel_create(&options, &e->channel);
	else
		(void)close(ends[1]);
	if (r < 0) {
		if (e->give >= 0)
			(void)close(e->give);
		free(e);
		return r;
	}
	if (e->connection && e->opener)
		agent_connection_inline(channel_descriptor(e->channel));
	struct end **last = &refs->ends; /* in the order in which they came: who waited longest is the first everywhere */
	while (*last != NULL)
		last = &(*last)->next;
	*last = e;
	refs->end_count++;
	*ret_end = e;
	return 0;
}

void agent_end_drop(struct end *e)
{
	struct agent_references *refs = agent_references(e->agent);
	struct end **at = &refs->ends;
	while (*at != NULL && *at != e)
		at = &(*at)->next;
	if (*at != NULL)
		*at = e->next;
	refs->end_count--;
	if (e->local != NULL)
		e->local->local = NULL;
	if (e->give >= 0)
		(void)close(e->give);
	agent_accept_taken(e);
	agent_door_gone(e);
	channel_destroy(e->channel);
	free(e);
}

void agent_ends_end(struct agent *a)
{
	struct agent_references *r = agent_references(a);
	while (r->ends != NULL)
		agent_end_drop(r->ends);
	loop_remove(&r->local_timer);
	while (r->local != NULL) {
		struct local_packet *p = r->local;
		r->local = p->next;
		free(p);
	}
	r->local_last = &r->local;
}

void agent_end_ask(struct end *e)
{
	e->asked = true;
	agent_event(e->agent, describe(e, "connect"));
}

void agent_end_join(struct end *opener, struct end *holder)
{
	opener->local = holder;
	holder->local = opener;
	channel_close(holder->channel);
}

void agent_ends_gone(struct agent *a, uint64_t reference)
{
	char reason[PMIG_REASON_MAX];
	(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
	for (struct end *e = agent_references(a)->ends; e != NULL; e = e->next)
		if (!e->opener && e->reference == reference)
			channel_fail(e->channel, error_set(PMIG_EGONE, "%s", reason));
}

json_t *agent_ends_describe(struct agent *a)
{
	json_t *list = json_array();
	for (struct end *e = agent_references(a)->ends; e != NULL; e = e->next)
		if (e->local == NULL && !e->returning)
			(void)json_array_append_new(list, describe(e, NULL));
	return list;
}

/* --- from the supervisor --- */

int agent_reference_packet(struct agent *a, const struct packet *p)
{
	struct channel_packet k;
	int r = channel_peek(p, &k);
	if (r >= 0 && a->late) /* from a copy that is over, or for it */
		return 0;
	if (r >= 0 && k.word == CHANNEL_OPEN)
		return agent_door_open(a, &k);
	if (r < 0 || k.word > CHANNEL_OPEN) /* the rest is for home */
		return r;
	struct end *e = agent_references(a)->ends;
	while (e != NULL && (e->id != k.id || e->local != NULL))
		e = e->next;
	if (e != NULL && k.word != CHANNEL_AGAIN)
		agent_accept_taken(e);
	if (e != NULL)
		(void)!channel_packet(e->channel, p); /* what is wrong with it ends that channel, not the conversation */
	return 0;
}

void agent_reference_room(struct agent *a)
{
	for (struct end *e = a->references != NULL ? a->references->ends : NULL; e != NULL; e = e->next)
		channel_room(e->channel);
}

/* Both ends of a pair that is not at one host are never here. */
static struct end *end_of(struct agent *a, const json_t *request)
{
	uint64_t id = agent_reference_number(request, "channel");
	struct end *e = agent_end(a, id, true);
	return e != NULL ? e : agent_end(a, id, false);
}

int agent_do_opened(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	struct end *e = agent_end(a, agent_reference_number(request, "channel"), true);
	int code = (int)agent_number(request, "failure", 0);
	if (e == NULL)
		return error_set(PMIG_EGONE, "agent: that channel has ended");
	e->asked = false;
	if (code < 0) {
		(void)error_set(code, "%s", agent_text(request, "reason"));
		answer(e, code);
		if (e->connection)
			agent_connection_break(e);
		agent_end_drop(e);
		return 0;
	}
	answer(e, 0);
	if (!e->waits)
		channel_open(e->channel);
	return 0;
}

int agent_do_resume(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	struct end *e = end_of(a, request), *holder = e != NULL ? e->local : NULL;
	if (e == NULL)
		return error_set(PMIG_EGONE, "agent: that channel has ended");
	if (e->opener && e->suspended &&
		holder != NULL) { /* both were here; the program runs elsewhere by now, with its end */
		agent_end_drop(e);
		e = holder;
	}
	channel_close(e->channel);
	if (!(e->opener && e->waits) && !e->asked)
		channel_open(e->channel);
	return 0;
}

int agent_do_over(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	unsigned char buffer[CHANNEL_NOTE_MAX];
	struct end *e = end_of(a, request);
	if (e == NULL || e->local != NULL)
		return 0;
	struct packet p = channel_note(e->id, CHANNEL_FAILED, 0, (int)agent_number(request, "failure", 0),
		agent_text(request, "reason"), buffer);
	return channel_packet(e->channel, &p);
}
