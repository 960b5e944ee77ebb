/* incoming: connections that were accepted for the program at another host: each is offered to where the program runs, which may
 * be about to change, until its agent takes it. Their bytes need not wait: what comes before is dropped there and sent again. Who came first
 * is the first to be offered; where an agent takes no more, the rest waits for its word. */
#include "channels_parts.h"

#include "runtime/reference/reference.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 20       /* who runs the program does not agree with us on its epoch: one of both is about to hear of it */
#define INCOMING_MAX 1024 /* agents accept no more than a backlog ahead; this is for one that does not keep to it */

static struct incoming **place_of(struct supervisor *s, uint64_t channel)
{
	struct incoming **at = &channels_of(s)->incoming;
	while (*at != NULL && (*at)->opening.channel != channel)
		at = &(*at)->next;
	return at;
}

static void forget(struct supervisor *s, struct incoming **at)
{
	struct incoming *i = *at;
	*at = i->next;
	s->channels->incoming_count--;
	free(i);
}

bool incoming_waits(const struct supervisor *s, uint64_t reference)
{
	const struct incoming *i = s->channels != NULL ? s->channels->incoming : NULL;
	while (i != NULL && i->opening.label.id != reference)
		i = i->next;
	return i != NULL;
}

void incoming_close(struct supervisor *s)
{
	while (s->channels->incoming != NULL)
		forget(s, &s->channels->incoming);
	loop_remove(&s->channels->offer);
}

/* --- offers --- */

static void offer(struct supervisor *s, struct remote *r, struct incoming *i, struct route *t)
{
	unsigned char buffer[CHANNEL_OPEN_MAX];
	i->opening.epoch = s->epoch;
	struct packet p = channel_open_put(&i->opening, buffer);
	channels_label(t->opener, remote_label(r)); /* what it sends from now on comes after that */
	t->epoch = s->epoch;
	t->offered = true;
	(void)peer_put(remote_peer(r), &p);
}

/* It is not taken in there. */
static void withdraw(struct incoming *i, struct route *t)
{
	t->opener[0] = '\0';
	t->offered = false;
	i->again = true; /* what was said since has been dropped */
}

/* Whether one that came before `i` through the same listener waits. */
static bool is_behind(const struct supervisor *s, const struct incoming *i)
{
	const struct incoming *before = s->channels->incoming;
	while (before != i && !(before->waits && before->opening.listener == i->opening.listener))
		before = before->next;
	return before != i;
}

/* What waits for nothing is offered. */
static void offer_all(struct supervisor *s)
{
	struct remote *r = s->station_count > 0 ? supervisor_here(s)->remote : NULL;
	if (!remote_is_up(r))
		return;
	for (struct incoming **at = &s->channels->incoming; *at != NULL;) {
		struct incoming *i = *at;
		struct route *t = channels_route(s, i->opening.channel);
		bool home = t != NULL && strcmp(t->holder, remote_label(r)) == 0; /* the agent there sees to it */
		if (home)
			channels_route_end(s, t);
		if (t == NULL || home) {
			forget(s, at);
			continue;
		}
		i->waits |= !t->offered && is_behind(s, i);
		if (!t->offered && !i->waits)
			offer(s, r, i, t);
		at = &i->next;
	}
}

/* There is room for `n` more of that listener. One more than that is offered: that it is refused brings the next word. */
static void offer_some(struct supervisor *s, uint64_t listener, size_t n)
{
	for (struct incoming *i = s->channels->incoming; i != NULL && n > 0; i = i->next)
		if (i->waits && i->opening.listener == listener) {
			i->waits = false;
			n--;
		}
	offer_all(s);
}

void incoming_pump(struct supervisor *s)
{
	const char *here = s->station_count > 0 ? remote_label(supervisor_here(s)->remote) : "";
	for (struct incoming *i = s->channels != NULL ? s->channels->incoming : NULL; i != NULL; i = i->next) {
		struct route *t = channels_route(s, i->opening.channel);
		i->waits = false;
		if (t != NULL && t->offered && strcmp(t->opener, here) != 0)
			withdraw(i, t);
	}
	if (s->channels != NULL)
		offer_all(s);
}

static void on_again(void *context)
{
	incoming_pump(context);
}

void incoming_taken(struct supervisor *s, struct route *t)
{
	struct incoming **at = place_of(s, t->id);
	t->offered = false;
	if (*at == NULL)
		return;
	uint64_t listener = (*at)->opening.listener;
	bool renew = (*at)->again, others = (*at)->next != NULL;
	forget(s, at);
	if (renew)
		channels_resume(s, t);
	if (others)
		offer_some(s, listener, 1);
}

void incoming_lost(struct supervisor *s, const char *label)
{
	for (struct incoming *i = s->channels->incoming; i != NULL; i = i->next) {
		struct route *t = channels_route(s, i->opening.channel);
		if (t != NULL && t->offered && strcmp(t->opener, label) == 0)
			withdraw(i, t);
	}
}

static void on_refused(struct supervisor *s, const struct remote *r, const struct channel_packet *k)
{
	struct route *t = channels_route(s, k->id);
	struct incoming **at = place_of(s, k->id);
	if (t == NULL || *at == NULL || !t->offered || strcmp(t->opener, remote_label(r)) != 0 ||
		(*at)->opening.epoch != k->offset)
		return;
	withdraw(*at, t);
	if (k->code == PMIG_EBUSY) {
		(*at)->waits = true;
	} else if (k->code == PMIG_ESTALE) {
		(*at)->waits = true;
		if (s->channels->offer == NULL)
			(void)loop_after(s->loop, AGAIN_MS, on_again, s, &s->channels->offer);
	} else {
		char reason[PMIG_REASON_MAX];
		(void)snprintf(reason, sizeof reason, "%.*s", (int)k->size, (const char *)k->data);
		forget(s, at);
		channels_over(s, t, t->holder, k->code < 0 ? k->code : PMIG_EPROTOCOL, reason);
		channels_route_end(s, t);
	}
}

/* --- what holders say --- */

/* It waits now. */
static struct incoming *add(struct supervisor *s, const struct channel_opening *o)
{
	struct incoming **at = &channels_of(s)->incoming, *i = malloc(sizeof *i);
	if (i == NULL)
		abort(); /* some hundred bytes: there is nobody left who could be told */
	*i = (struct incoming){.opening = *o};
	while (*at != NULL)
		at = &(*at)->next;
	*at = i;
	s->channels->incoming_count++;
	return i;
}

static void learn(struct supervisor *s, const char *holder, const struct channel_opening *o)
{
	json_t *said = json_pack("{s:i, s:s}", "kind", (int)REFERENCE_CONNECTION, "locator", o->locator);
	struct known *k = channels_learn(s, o->label.id, holder, said);
	json_decref(said);
	if (k == NULL)
		return;
	k->firm = k->fresh = true;
	k->via = o->listener;
	if (s->station_count > 0)
		(void)snprintf(k->to, sizeof k->to, "%s", remote_label(supervisor_here(s)->remote));
	(void)snprintf(k->why, sizeof k->why, "it came in through a socket that listens at %.200s", holder);
	channels_count(s, k, 0);
}

static void on_open(struct supervisor *s, struct remote *r, const struct channel_packet *packet)
{
	struct channel_opening o;
	if (channel_open_get(packet, &o) < 0)
		return;
	const struct known *listener = channels_known(s, o.listener);
	bool sound = listener != NULL && listener->kind == REFERENCE_LISTENER &&
		strcmp(listener->holder, remote_label(r)) == 0 && channels_known(s, o.label.id) == NULL &&
		channels_route(s, o.channel) == NULL && channels_of(s)->incoming_count < INCOMING_MAX;
	struct route *t = sound ? channels_route_add(s, o.channel, o.label.id) : NULL;
	if (t == NULL)
		return; /* one that comes twice; or a holder that does not keep to what was agreed, which keeps it */
	channels_label(t->holder, remote_label(r));
	learn(s, remote_label(r), &o);
	struct incoming *i = add(s, &o);
	offer_all(s);
	i = *place_of(s, o.channel);
	if (i != NULL && (t = channels_route(s, o.channel)) != NULL && !t->offered)
		i->again = true; /* its bytes lead nowhere */
}

void incoming_packet(struct supervisor *s, struct remote *r, const struct channel_packet *k)
{
	uint64_t reference;
	if (k->word == CHANNEL_OPEN) {
		on_open(s, r, k);
	} else if (k->word == CHANNEL_REFUSED && s->channels != NULL) {
		on_refused(s, r, k);
	} else if (k->word == CHANNEL_TAKES && s->channels != NULL) {
		offer_some(s, k->id, 1 + (k->code > 0 ? (size_t)k->code : 0));
	} else if (k->word == CHANNEL_OVER && s->channels != NULL && k->size == sizeof reference) {
		memcpy(&reference, k->data, sizeof reference);
		channels_ended(s, r, k->id, le64toh(reference), k->code == 1, 0, "");
	}
}

void incoming_seen(struct supervisor *s, struct route *t, const json_t *said)
{
	const char *label = json_string_value(json_object_get(said, "label")),
		   *locator = json_string_value(json_object_get(said, "locator"));
	struct channel_opening o = {.channel = t->id, .listener = channels_number(said, "listener")};
	struct incoming *i = *place_of(s, t->id);
	if (!json_is_object(said) || (t->opener[0] != '\0' && i == NULL))
		return; /* the program has it, only the holder has not heard so */
	if (label == NULL || !socket_label_read(label, &o.label) || o.label.id != t->reference)
		return;
	(void)snprintf(o.locator, sizeof o.locator, "%s", locator != NULL ? locator : "");
	learn(s, t->holder, &o);
	if (i == NULL)
		i = add(s, &o);
	i->again = true;
}

void incoming_closed(struct supervisor *s, const struct remote *r, uint64_t channel, uint64_t reference, int code)
{
	struct known *k = channels_known(s, reference);
	struct route *t = channels_route(s, channel);
	struct incoming **at = place_of(s, channel);
	bool over = k != NULL && (k->kind == REFERENCE_CONNECTION || (k->kind == REFERENCE_DATAGRAM && code == 0));
	if (!over || strcmp(k->holder, remote_label(r)) != 0)
		return;
	if (t != NULL && *at != NULL) { /* its peer has given up waiting */
		forget(s, at);
		if (t->opener[0] == '\0')
			channels_route_end(s, t);
		else
			t->offered = false;
	}
	channels_forget(s, k);
}
