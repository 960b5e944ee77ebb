/* channels: passes packets between agents, and keeps those that hold something. */
#include "channels_parts.h"

#include "move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct channels *channels_of(struct supervisor *s)
{
	if (s->channels == NULL) {
		s->channels = calloc(1, sizeof *s->channels);
		if (s->channels == NULL)
			abort(); /* a few bytes: there is nobody left who could be told */
	}
	return s->channels;
}

struct known *channels_known(struct supervisor *s, uint64_t id)
{
	struct known *k = channels_of(s)->known;
	while (k != NULL && k->id != id)
		k = k->next;
	return k;
}

struct remote *channels_remote(struct supervisor *s, const char *label)
{
	for (size_t i = 0; i < s->station_count; i++)
		if (strcmp(remote_label(s->stations[i].remote), label) == 0)
			return s->stations[i].remote;
	if (s->move != NULL && s->move->target != NULL && strcmp(remote_label(s->move->target), label) == 0)
		return s->move->target;
	if (s->move != NULL && s->move->source != NULL && strcmp(remote_label(s->move->source), label) == 0)
		return s->move->source;
	for (struct kept *k = channels_of(s)->kept; k != NULL; k = k->next)
		if (strcmp(remote_label(k->remote), label) == 0)
			return k->remote;
	return NULL;
}

static struct remote *up_at(struct supervisor *s, const char *label)
{
	struct remote *r = *label != '\0' ? channels_remote(s, label) : NULL;
	return remote_is_up(r) ? r : NULL;
}

static json_t *about(uint64_t id)
{
	char text[CHANNEL_ID_TEXT];
	channel_id_text(id, text);
	return json_pack("{s:s}", "channel", text);
}

uint64_t channels_number(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? channel_id_parse(text) : 0;
}

/* --- routes --- */

struct route *channels_route(struct supervisor *s, uint64_t id)
{
	struct route *t = channels_of(s)->routes;
	while (t != NULL && t->id != id)
		t = t->next;
	return t;
}

struct route *channels_route_add(struct supervisor *s, uint64_t id, uint64_t reference)
{
	struct route *t = channels_route(s, id);
	if (t != NULL || id == 0)
		return t;
	t = calloc(1, sizeof *t);
	if (t == NULL)
		abort();
	*t = (struct route){.next = channels_of(s)->routes, .id = id, .reference = reference};
	channels_of(s)->routes = t;
	return t;
}

void channels_route_end(struct supervisor *s, struct route *t)
{
	struct route **at = &channels_of(s)->routes;
	while (*at != NULL && *at != t)
		at = &(*at)->next;
	if (*at != NULL)
		*at = t->next;
	free(t);
	channels_consider(s);
}

void channels_label(char to[PMIG_NAME_MAX + 1], const char *label)
{
	(void)snprintf(to, PMIG_NAME_MAX + 1, "%s", label);
}

/* One end is gone: the other hears why. */
void channels_over(struct supervisor *s, const struct route *t, const char *label, int code, const char *reason)
{
	struct remote *r = up_at(s, label);
	json_t *d = about(t->id);
	(void)json_object_set_new(d, "failure", json_integer(code));
	(void)json_object_set_new(d, "reason", json_string(reason));
	if (r != NULL)
		remote_request(r, "over", d, NULL, NULL);
	else
		json_decref(d);
}

static void tell_opened(struct supervisor *s, const struct route *t, int code, const char *reason)
{
	struct remote *r = up_at(s, t->fresh[0] != '\0' ? t->fresh : t->opener);
	json_t *d = about(t->id);
	if (code < 0) {
		(void)json_object_set_new(d, "failure", json_integer(code));
		(void)json_object_set_new(d, "reason", json_string(reason));
	}
	if (r != NULL)
		remote_request(r, "opened", d, NULL, NULL);
	else
		json_decref(d);
}

/* The way is new: both say what they have. */
void channels_resume(struct supervisor *s, struct route *t)
{
	struct remote *opener = up_at(s, t->opener), *holder = up_at(s, t->holder);
	t->missed[0] = t->missed[1] = false;
	if (opener == NULL || holder == NULL || t->asked)
		return;
	remote_request(opener, "resume", about(t->id), NULL, NULL);
	remote_request(holder, "resume", about(t->id), NULL, NULL);
}

struct asking {
	struct supervisor *supervisor;
	uint64_t id;
};

static void on_open(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct asking a = *(struct asking *)context;
	struct route *t = channels_route(a.supervisor, a.id);
	free(context);
	if (t == NULL || !t->asked || code == PMIG_EUNREACHED)
		return; /* asked again when the holder is back */
	t->asked = false;
	tell_opened(a.supervisor, t, code, code < 0 ? pmig_reason() : "");
	if (code < 0)
		channels_route_end(a.supervisor, t);
}

/* The holder is asked for its end, as soon as it is known and connected. */
static void ask(struct supervisor *s, struct route *t)
{
	struct known *k = channels_known(s, t->reference);
	if (k != NULL)
		channels_label(t->holder, k->holder);
	struct remote *r = up_at(s, t->holder);
	if (k == NULL && !channels_of(s)->searching) {
		tell_opened(s, t, PMIG_EREFUSED, "no host holds it any more");
		channels_route_end(s, t);
		return;
	}
	struct asking *a = r != NULL ? malloc(sizeof *a) : NULL;
	if (a == NULL)
		return;
	char reference[CHANNEL_ID_TEXT];
	channel_id_text(t->reference, reference);
	json_t *d = about(t->id);
	(void)json_object_set_new(d, "reference", json_string(reference));
	*a = (struct asking){s, t->id};
	remote_request(r, "open", d, on_open, a);
}

static void on_connect(struct supervisor *s, struct remote *r, const json_t *event)
{
	uint64_t id = channels_number(event, "channel");
	struct route *t = channels_route_add(s, id, channels_number(event, "reference"));
	if (t == NULL)
		return;
	if (!json_is_true(json_object_get(event, "resumed"))) {
		channels_label(t->opener, remote_label(r));
		t->epoch = s->epoch;
		t->asked = true;
		ask(s, t);
		return;
	}
	channels_label(t->fresh, remote_label(r)); /* until it runs there, the other one has it */
	struct known *k = channels_known(s, t->reference);
	if (k != NULL)
		channels_label(t->holder, k->holder);
	tell_opened(s, t, k != NULL ? 0 : PMIG_EREFUSED, "no host holds it any more");
}

void channels_ended(struct supervisor *s, struct remote *r, uint64_t channel, uint64_t reference, bool opener, int code,
	const char *reason)
{
	if (!opener)
		incoming_closed(s, r, channel, reference, code);
	struct route *t = channels_route(s, channel);
	if (t == NULL || strcmp(opener ? t->opener : t->holder, remote_label(r)) != 0)
		return;
	t->done[opener] = true;
	if (t->done[0] && t->done[1])
		channels_route_end(s, t);
	else if (code < 0)
		channels_over(s, t, opener ? t->holder : t->opener, code, reason != NULL ? reason : "it failed");
}

static void on_closed(struct supervisor *s, struct remote *r, const json_t *event)
{
	channels_ended(s, r, channels_number(event, "channel"), channels_number(event, "reference"),
		json_is_true(json_object_get(event, "opener")), (int)json_integer_value(json_object_get(event, "code")),
		json_string_value(json_object_get(event, "reason")));
}

void channels_packet(struct supervisor *s, struct remote *r, const struct packet *p)
{
	struct channel_packet k;
	if (channel_peek(p, &k) < 0)
		return;
	if (k.word >= CHANNEL_OPEN) {
		incoming_packet(s, r, &k);
		return;
	}
	struct route *t = channels_route(s, k.id);
	if (t == NULL)
		return;
	bool from_opener = strcmp(remote_label(r), t->opener) == 0;
	if (!from_opener && strcmp(remote_label(r), t->holder) != 0)
		return;
	if (from_opener && t->offered)
		incoming_taken(s, t);
	struct remote *to = up_at(s, from_opener ? t->holder : t->opener);
	struct known *known = channels_known(s, t->reference);
	if (known != NULL)
		channels_count(s, known, k.size);
	if (to == NULL)
		return; /* sent again when it is back */
	bool counts = k.word == CHANNEL_DATA || k.word == CHANNEL_END;
	if (counts && (t->missed[from_opener] || !peer_room(remote_peer(to)))) {
		/* What was sent before it went back may come after that, and lies behind. */
		if (!t->missed[from_opener] || k.offset < t->missed_at[from_opener])
			t->missed_at[from_opener] = k.offset;
		t->missed[from_opener] = true;
		return;
	}
	(void)peer_put(remote_peer(to), p);
}

void channels_room(struct supervisor *s, const struct remote *r)
{
	for (struct route *t = s->channels != NULL ? s->channels->routes : NULL; t != NULL; t = t->next)
		for (int from_opener = 0; from_opener < 2; from_opener++) {
			struct remote *from = up_at(s, from_opener ? t->opener : t->holder);
			if (!t->missed[from_opener] || from == NULL ||
				strcmp(remote_label(r), from_opener ? t->holder : t->opener) != 0)
				continue;
			unsigned char buffer[CHANNEL_NOTE_MAX];
			struct packet p = channel_note(t->id, CHANNEL_AGAIN, t->missed_at[from_opener], 0, NULL, buffer);
			t->missed[from_opener] = false;
			(void)peer_put(remote_peer(from), &p);
		}
}

void channels_switch(struct supervisor *s, const char *label)
{
	for (struct route *t = s->channels->routes, *next; t != NULL; t = next) {
		next = t->next;
		if (*label != '\0' && strcmp(t->holder, label) == 0 && !t->lingers) { /* it has come home */
			channels_route_end(s, t);
			continue;
		}
		bool goes_on = t->fresh[0] != '\0' && strcmp(t->fresh, label) == 0;
		t->fresh[0] = '\0';
		if (!goes_on)
			continue;
		channels_label(t->opener, label);
		t->epoch = s->epoch;
		t->done[1] = false;
		channels_resume(s, t);
	}
}

/* --- what an agent has, when it is connected --- */

static const json_t *find(const json_t *list, const char *key, uint64_t id)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
	{
		if (channels_number(one, key) == id)
			return one;
	}
	return NULL;
}

static void see_held(struct supervisor *s, const char *label, const json_t *holds)
{
	size_t i;
	json_t *one;
	json_array_foreach(holds, i, one)
	{
		struct known *k = channels_learn(s, channels_number(one, "reference"), label, one);
		if (k != NULL && json_is_true(json_object_get(one, "firm")))
			k->firm = true;
	}
	for (struct known *k = s->channels->known, *next; k != NULL; k = next) {
		next = k->next;
		if (strcmp(k->holder, label) != 0 || find(holds, "reference", k->id) != NULL)
			continue;
		for (struct route *t = s->channels->routes, *after; t != NULL; t = after) {
			after = t->next;
			if (t->reference != k->id)
				continue;
			char reason[PMIG_NAME_MAX + 64];
			(void)snprintf(reason, sizeof reason, "%.200s does not hold it any more", label);
			channels_over(s, t, t->opener, PMIG_EGONE, reason);
			channels_route_end(s, t);
			after = s->channels->routes;
		}
		supervisor_say(s, "%s, which %s used from %s, is lost: the agent at %s was ended", k->locator, s->name,
			k->to, label);
		channels_forget(s, k);
	}
}

/* `epoch`: of the program there. */
static void see_channel(struct supervisor *s, const char *label, uint64_t epoch, const json_t *one)
{
	struct route *t = channels_route_add(s, channels_number(one, "channel"), channels_number(one, "reference"));
	if (t == NULL)
		return;
	if (!json_is_true(json_object_get(one, "opener"))) {
		channels_label(t->holder, label);
		incoming_seen(s, t, json_object_get(one, "incoming"));
		return;
	}
	if (t->opener[0] != '\0' && strcmp(t->opener, label) != 0 && epoch < t->epoch)
		return; /* of a copy that is over: the way leads to a later one */
	incoming_taken(s, t);
	bool suspended = json_is_true(json_object_get(one, "suspended")),
	     waits = json_is_true(json_object_get(one, "waits"));
	if (waits && !suspended)
		channels_label(t->fresh, label);
	else if (!suspended || t->opener[0] == '\0') { /* it may go on somewhere else already */
		channels_label(t->opener, label);
		t->epoch = epoch;
	}
	t->asked = json_is_true(json_object_get(one, "asked")) && t->fresh[0] == '\0';
}

static void see_channels(struct supervisor *s, const char *label, uint64_t epoch, const json_t *list)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
	{
		see_channel(s, label, epoch, one);
	}
	for (struct route *t = s->channels->routes, *next; t != NULL; t = next) {
		next = t->next;
		bool opener = strcmp(t->opener, label) == 0;
		if (!opener && strcmp(t->holder, label) != 0)
			continue;
		if (find(list, "channel", t->id) == NULL && !(t->asked && !opener)) { /* it ended, or was killed */
			bool well = t->done[opener];
			channels_over(s, t, opener ? t->holder : t->opener, well ? 0 : PMIG_EGONE, "the other end is gone");
			channels_route_end(s, t);
			next = s->channels->routes;
		}
	}
	for (struct route *t = s->channels->routes, *next; t != NULL; t = next) {
		next = t->next;
		if (t->asked)
			ask(s, t);
		else if (strcmp(t->opener, label) == 0 || strcmp(t->holder, label) == 0)
			channels_resume(s, t);
	}
}

void channels_up(struct supervisor *s, struct remote *r)
{
	const json_t *facts = remote_facts(r), *holds = json_object_get(facts, "holds");
	if (s->channels == NULL && holds == NULL)
		return;
	struct channels *c = channels_of(s);
	c->searching = false;
	for (struct kept *k = c->kept; k != NULL; k = k->next)
		c->searching |= !remote_is_up(k->remote);
	see_held(s, remote_label(r), holds);
	incoming_lost(s, remote_label(r));
	see_channels(s, remote_label(r), (uint64_t)json_integer_value(json_object_get(facts, "epoch")),
		json_object_get(facts, "channels"));
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(facts, "dropped"), i, one)
	{
		const char *text = json_string_value(one);
		struct known *k = text != NULL ? channels_known(s, channel_id_parse(text)) : NULL;
		if (k != NULL)
			channels_let_go(s, k);
	}
	const char *state = json_string_value(json_object_get(facts, "state"));
	telling_up(s, r);
	plain_up(s, r);
	if (channels_keeps(s, r) && state != NULL && strcmp(state, "empty") != 0)
		remote_request(r, "end", NULL, NULL, NULL);
	incoming_pump(s);
	channels_consider(s);
}

bool channels_event(struct supervisor *s, struct remote *r, const json_t *event)
{
	const char *what = json_string_value(json_object_get(event, "event"));
	if (strcmp(what, "connect") == 0) {
		on_connect(s, r, event);
	} else if (strcmp(what, "tell") == 0) {
		telling_event(s, r, event);
	} else if (strcmp(what, "closed") == 0) {
		on_closed(s, r, event);
	} else if (strncmp(what, "plain-", 6) == 0) {
		plain_event(s, r, event);
	} else if (strcmp(what, "drop") == 0) {
		struct known *k = channels_known(s, channels_number(event, "reference"));
		if (k != NULL)
			channels_let_go(s, k);
		channels_consider(s);
	} else {
		return false;
	}
	return true;
}

/* --- agents that are kept --- */

static bool needed(const struct supervisor *s, const char *label)
{
	for (const struct known *k = s->channels != NULL ? s->channels->known : NULL; k != NULL; k = k->next)
		if (strcmp(k->holder, label) == 0)
			return true;
	for (const struct route *t = s->channels != NULL ? s->channels->routes : NULL; t != NULL; t = t->next)
		if (strcmp(t->holder, label) == 0 || strcmp(t->opener, label) == 0)
			return true;
	return false;
}

static void on_consider(void *context)
{
	struct supervisor *s = context;
	struct channels *c = channels_of(s);
	for (struct kept **at = &c->kept; *at != NULL;) {
		struct kept *k = *at;
		if (needed(s, remote_label(k->remote)) || (c->searching && !remote_is_up(k->remote))) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		supervisor_dismiss(s, k->remote);
		free(k);
	}
	if (c->ending && c->routes == NULL)
		streams_check(s);
}

void channels_consider(struct supervisor *s)
{
	struct channels *c = channels_of(s);
	if (c->consider == NULL)
		(void)loop_soon(s->loop, on_consider, s, &c->consider);
}

static void keep(struct supervisor *s, struct remote *r)
{
	struct kept *k = malloc(sizeof *k);
	if (k == NULL)
		abort();
	*k = (struct kept){.next = channels_of(s)->kept, .remote = r};
	channels_of(s)->kept = k;
}

bool channels_keep(struct supervisor *s, struct remote *r)
{
	if ((s->channels != NULL && s->channels->ending) || !needed(s, remote_label(r)))
		return false;
	keep(s, r);
	if (remote_is_up(r))
		remote_request(r, "end", NULL, NULL, NULL); /* it sheds all but what it holds */
	else
		remote_connect_later(r, s->epoch);
	return true;
}

struct remote *channels_take(struct supervisor *s, const char *label)
{
	for (struct kept **at = s->channels != NULL ? &s->channels->kept : NULL; at != NULL && *at != NULL;
		at = &(*at)->next) {
		struct kept *k = *at;
		if (strcmp(remote_label(k->remote), label) != 0)
			continue;
		struct remote *r = k->remote;
		*at = k->next;
		free(k);
		return r;
	}
	return NULL;
}

bool channels_keeps(const struct supervisor *s, const struct remote *r)
{
	const struct kept *k = s->channels != NULL ? s->channels->kept : NULL;
	while (k != NULL && k->remote != r)
		k = k->next;
	return k != NULL;
}

static int see_row(void *context, const struct pmig_reference_row *row)
{
	struct supervisor *s = context;
	char label[PMIG_NAME_MAX + 1];
	struct remote *r;
	if (!channels_row_host(row, label))
		return 0;
	(void)channels_of(s);
	channels_recall(s, row);
	if (channels_remote(s, label) != NULL)
		return 0;
	int rc = supervisor_remote(s, label, 0, &r);
	if (rc < 0)
		return rc;
	keep(s, r);
	channels_of(s)->searching = true;
	remote_connect(r, s->epoch);
	return 0;
}

int channels_open(struct supervisor *s)
{
	return s->store->reference_list(s->store, s->uuid, see_row, s);
}

void channels_close(struct supervisor *s)
{
	struct channels *c = s->channels;
	if (c == NULL)
		return;
	channels_write(s);
	while (c->kept != NULL) {
		struct kept *k = c->kept;
		c->kept = k->next;
		remote_destroy(k->remote);
		free(k);
	}
	while (c->routes != NULL) {
		struct route *t = c->routes;
		c->routes = t->next;
		free(t);
	}
	while (c->known != NULL) {
		struct known *k = c->known;
		c->known = k->next;
		free(k);
	}
	incoming_close(s);
	telling_close(s);
	loop_remove(&c->consider);
	loop_remove(&c->write);
	loop_remove(&c->renew);
	loop_remove(&c->late);
	free(c);
	s->channels = NULL;
}
