/* incoming: connections that were accepted for the program at another host: each is offered to where the program runs, which may
 * be about to change, until its agent takes it. Their bytes need not wait: what comes before is dropped there and sent again. */
#include "channels_parts.h"

#include "runtime/reference/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 20 /* the program's queue is full, or it is about to go on elsewhere */

static uint64_t number(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? channel_id_parse(text) : 0;
}

static struct incoming **place_of(struct supervisor *s, uint64_t channel)
{
	struct incoming **at = &channels_of(s)->incoming;
	while (*at != NULL && (*at)->channel != channel)
		at = &(*at)->next;
	return at;
}

static void forget(struct incoming **at)
{
	struct incoming *i = *at;
	*at = i->next;
	free(i->label);
	free(i);
}

void incoming_taken(struct supervisor *s, uint64_t channel)
{
	struct incoming **at = place_of(s, channel);
	if (*at != NULL)
		forget(at);
}

bool incoming_waits(const struct supervisor *s, uint64_t reference)
{
	const struct incoming *i = s->channels != NULL ? s->channels->incoming : NULL;
	for (; i != NULL; i = i->next)
		for (const struct route *t = s->channels->routes; t != NULL; t = t->next)
			if (t->id == i->channel && t->reference == reference)
				return true;
	return false;
}

void incoming_close(struct supervisor *s)
{
	while (s->channels->incoming != NULL)
		forget(&s->channels->incoming);
	loop_remove(&s->channels->offer);
}

static void on_again(void *context)
{
	incoming_pump(context);
}

static void again(struct supervisor *s)
{
	if (s->channels->offer == NULL)
		(void)loop_after(s->loop, AGAIN_MS, on_again, s, &s->channels->offer);
}

struct asking {
	struct supervisor *supervisor;
	uint64_t channel;
};

static void on_offered(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct asking a = *(struct asking *)context;
	struct supervisor *s = a.supervisor;
	struct route *t = channels_route(s, a.channel);
	struct incoming **at = place_of(s, a.channel);
	free(context);
	if (t == NULL || *at == NULL || !(*at)->offered)
		return;
	(*at)->offered = false;
	if (code >= 0) {
		bool renew = (*at)->again;
		forget(at);
		if (renew)
			channels_resume(s, t);
		return;
	}
	t->opener[0] = '\0';
	(*at)->again = true; /* what it said has been dropped */
	if (code == PMIG_EUNREACHED)
		return; /* offered again when it is back */
	if (code == PMIG_EBUSY || code == PMIG_ESTALE) {
		again(s);
		return;
	}
	forget(at);
	channels_over(s, t, t->holder, code, pmig_reason());
	channels_route_end(s, t);
}

static void offer(struct supervisor *s, struct remote *r, struct incoming *i, struct route *t)
{
	char channel[CHANNEL_ID_TEXT], listener[CHANNEL_ID_TEXT];
	struct asking *a = malloc(sizeof *a);
	if (a == NULL)
		return;
	*a = (struct asking){s, i->channel};
	channel_id_text(i->channel, channel);
	channel_id_text(i->listener, listener);
	channels_label(t->opener, remote_label(r)); /* what it sends from now on comes after the request */
	i->offered = true;
	remote_request(r, "incoming",
		json_pack("{s:s, s:s, s:s, s:I}", "channel", channel, "listener", listener, "label", i->label, "epoch",
			(json_int_t)s->epoch),
		on_offered, a);
}

void incoming_pump(struct supervisor *s)
{
	struct remote *r = s->station_count > 0 ? supervisor_here(s)->remote : NULL;
	if (s->channels == NULL || !remote_is_up(r))
		return;
	for (struct incoming **at = &s->channels->incoming; *at != NULL;) {
		struct route *t = channels_route(s, (*at)->channel);
		bool home = t != NULL && strcmp(t->holder, remote_label(r)) == 0; /* the agent there sees to it */
		if (home)
			channels_route_end(s, t);
		if (t == NULL || home) {
			forget(at);
			continue;
		}
		if (!(*at)->offered)
			offer(s, r, *at, t);
		at = &(*at)->next;
	}
}

/* It waits now, if it did not before. */
static void add(struct supervisor *s, const struct route *t, const json_t *said, bool renew)
{
	const char *label = json_string_value(json_object_get(said, "label"));
	struct incoming **at = place_of(s, t->id);
	if (*at != NULL) {
		(*at)->again |= renew;
		return;
	}
	struct incoming *i = malloc(sizeof *i);
	char *copy = label != NULL ? strdup(label) : NULL;
	if (i == NULL || copy == NULL) {
		free(i);
		free(copy);
		return;
	}
	*i = (struct incoming){.channel = t->id, .listener = number(said, "listener"), .label = copy, .again = renew};
	while (*at != NULL)
		at = &(*at)->next;
	*at = i;
}

static void learn(struct supervisor *s, uint64_t reference, const char *holder, const json_t *said)
{
	struct known *k = channels_learn(s, reference, holder, said);
	if (k == NULL)
		return;
	k->firm = k->fresh = true;
	k->via = number(said, "listener");
	if (s->station_count > 0)
		(void)snprintf(k->to, sizeof k->to, "%s", remote_label(supervisor_here(s)->remote));
	(void)snprintf(k->why, sizeof k->why, "it came in through a socket that listens at %.200s", holder);
	channels_count(s, k, 0);
}

void incoming_event(struct supervisor *s, struct remote *r, const json_t *event)
{
	uint64_t reference = number(event, "reference");
	struct route *t = channels_route_add(s, number(event, "channel"), reference);
	if (t == NULL || t->opener[0] != '\0')
		return;
	channels_label(t->holder, remote_label(r));
	learn(s, reference, remote_label(r), event);
	add(s, t, event, s->station_count == 0 || !remote_is_up(supervisor_here(s)->remote));
	incoming_pump(s);
}

void incoming_seen(struct supervisor *s, const struct route *t, const json_t *said)
{
	if (!json_is_object(said) || (t->opener[0] != '\0' && *place_of(s, t->id) == NULL))
		return; /* the program has it, only the holder has not heard so */
	learn(s, t->reference, t->holder, said);
	add(s, t, said, true);
}

void incoming_closed(struct supervisor *s, const struct remote *r, const json_t *event)
{
	struct known *k = channels_known(s, number(event, "reference"));
	struct route *t = channels_route(s, number(event, "channel"));
	bool over = k != NULL &&
		(k->kind == REFERENCE_CONNECTION ||
			(k->kind == REFERENCE_DATAGRAM && json_integer_value(json_object_get(event, "code")) == 0));
	if (!over || strcmp(k->holder, remote_label(r)) != 0)
		return;
	if (t != NULL && *place_of(s, t->id) != NULL) { /* its peer has given up waiting */
		incoming_taken(s, t->id);
		if (t->opener[0] == '\0')
			channels_route_end(s, t);
	}
	channels_forget(s, k);
}
