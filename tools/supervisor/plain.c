/* plain: direct ways for connections that stay behind, on a network that the user trusts: home has the target listen, gives each holder the
 * tokens, says when the program runs, and passes on what is said when it is frozen (transport/agent_plain.h). */
#include "channels_parts.h"

#include "move.h"
#include "runtime/reference/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A connection that the frozen program uses, at another host than the target. */
static struct known *used(const struct move *m, const json_t *reference)
{
	struct known *k = channels_known(m->supervisor, channels_number(reference, "reference"));
	bool far = k != NULL && k->kind == REFERENCE_CONNECTION && strcmp(k->holder, m->target_label) != 0;
	return far && remote_is_up(channels_remote(m->supervisor, k->holder)) ? k : NULL;
}

/* --- opening --- */

struct opening {
	struct supervisor *supervisor;
	uint64_t epoch;
	unsigned under_way;
	void (*then)(struct move *m);
};

static void finish(struct opening *o)
{
	struct move *m = o->supervisor->move;
	if (--o->under_way > 0)
		return;
	if (m != NULL && m->epoch == o->epoch && m->doing == HANDOVER_RESTORE)
		o->then(m);
	free(o);
}

static void on_opened(void *context, int code, const json_t *answer)
{
	(void)code; /* who has none is given a channel when the program asks */
	(void)answer;
	finish(context);
}

/* To each holder what is for it. */
static void give_out(struct move *m, struct opening *o, const json_t *answer)
{
	struct supervisor *s = m->supervisor;
	json_t *holders = json_object(), *way, *ways;
	size_t i;
	const char *label;
	json_array_foreach(json_object_get(answer, "ways"), i, way)
	{
		const struct known *k = used(m, way);
		if (k == NULL)
			continue;
		if (json_object_get(holders, k->holder) == NULL)
			(void)json_object_set_new(holders, k->holder, json_array());
		(void)json_array_append(json_object_get(holders, k->holder), way);
	}
	json_object_foreach(holders, label, ways)
	{
		o->under_way++;
		remote_request(channels_remote(s, label), "plain-open",
			json_pack("{s:I, s:O*, s:O*, s:O}", "epoch", (json_int_t)m->epoch, "address",
				json_object_get(answer, "address"), "port", json_object_get(answer, "port"), "ways", ways),
			on_opened, o);
	}
	json_decref(holders);
}

static void on_listening(void *context, int code, const json_t *answer)
{
	struct opening *o = context;
	struct move *m = o->supervisor->move;
	if (code >= 0 && m != NULL && m->epoch == o->epoch && m->doing == HANDOVER_RESTORE)
		give_out(m, o, answer);
	finish(o);
}

bool plain_open(struct move *m, void (*then)(struct move *m))
{
	json_t *references = json_array(), *one;
	size_t i;
	if (m->o.plain_tcp && !m->plain_asked && m->supervisor->channels != NULL)
		json_array_foreach(json_object_get(m->frozen, "references"), i, one)
		{
			if (used(m, one) != NULL)
				(void)json_array_append(references, json_object_get(one, "reference"));
		}
	struct opening *o = json_array_size(references) > 0 ? malloc(sizeof *o) : NULL;
	if (o == NULL) {
		json_decref(references);
		return false;
	}
	m->plain_asked = true;
	*o = (struct opening){.supervisor = m->supervisor, .epoch = m->epoch, .under_way = 1, .then = then};
	remote_request(m->target, "plain-listen",
		json_pack("{s:I, s:o}", "epoch", (json_int_t)m->epoch, "references", references), on_listening, o);
	return true;
}

/* --- the program runs there --- */

static bool is_new(const json_t *seen, const char *label)
{
	return json_object_get(seen, label) == NULL;
}

void plain_begin(struct move *m)
{
	struct supervisor *s = m->supervisor;
	json_t *told = json_object(), *one;
	size_t i;
	json_array_foreach(json_object_get(m->frozen, "references"), i, one)
	{
		struct known *k = channels_known(s, channels_number(one, "reference"));
		struct route *t = s->channels->routes;
		if (k == NULL || k->kind != REFERENCE_CONNECTION)
			continue;
		while (t != NULL &&
			!(t->reference == k->id &&
				(strcmp(t->fresh, m->target_label) == 0 || strcmp(t->opener, m->target_label) == 0)))
			t = t->next;
		k->plain = m->plain_asked && t == NULL && strcmp(k->holder, m->target_label) != 0;
		if (!k->plain)
			continue;
		for (t = s->channels->routes; t != NULL && t->reference != k->id; t = t->next)
			;
		if (t != NULL) /* its end at the holder becomes a way */
			channels_route_end(s, t);
		struct remote *r = channels_remote(s, k->holder);
		if (is_new(told, k->holder) && remote_is_up(r))
			remote_request(r, "plain-begin", json_pack("{s:I}", "epoch", (json_int_t)m->epoch), NULL, NULL);
		(void)json_object_set_new(told, k->holder, json_true());
	}
	json_decref(told);
}

static void begin_at(struct supervisor *s, struct remote *r)
{
	if (remote_is_up(r))
		remote_request(r, "plain-begin", json_pack("{s:I}", "epoch", (json_int_t)s->epoch), NULL, NULL);
}

void plain_up(struct supervisor *s, struct remote *r)
{
	const json_t *used = json_object_get(remote_facts(r), "plain"), *one;
	size_t i;
	bool holds = false;
	json_array_foreach(used, i, one)
	{
		const char *text = json_string_value(one);
		struct known *k = text != NULL ? channels_known(s, channel_id_parse(text)) : NULL;
		if (k == NULL)
			continue;
		k->plain = true;
		begin_at(s, channels_remote(s, k->holder));
	}
	for (const struct known *k = s->channels->known; k != NULL; k = k->next)
		holds |= k->plain && strcmp(k->holder, remote_label(r)) == 0;
	if (holds)
		begin_at(s, r);
}

/* --- what agents say --- */

struct drain {
	struct supervisor *supervisor;
	uint64_t reference, channel;
	char label[PMIG_NAME_MAX + 1]; /* where the program is */
};

static void tell_user(struct supervisor *s, const char *label, const char *request, uint64_t channel, int code)
{
	struct remote *r = channels_remote(s, label);
	char id[CHANNEL_ID_TEXT];
	channel_id_text(channel, id);
	json_t *d = json_pack("{s:s}", "channel", id);
	if (code < 0) {
		(void)json_object_set_new(d, "failure", json_integer(code));
		(void)json_object_set_new(d, "reason", json_string(pmig_reason()));
	}
	if (remote_is_up(r))
		remote_request(r, request, d, NULL, NULL);
	else
		json_decref(d);
}

static void on_stopping(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct drain d = *(struct drain *)context;
	free(context);
	if (code != PMIG_EUNREACHED) /* it may have come there; the program's agent asks again */
		tell_user(d.supervisor, d.label, "plain-stop", d.channel, code);
}

/* The program is frozen: its number becomes a channel's end, and so does the holder's. */
static void on_drain(struct supervisor *s, struct remote *r, const json_t *event)
{
	uint64_t reference = channels_number(event, "reference"), channel = channels_number(event, "channel");
	struct known *k = channels_known(s, reference);
	struct remote *holder = k != NULL ? channels_remote(s, k->holder) : NULL;
	struct drain *d = remote_is_up(holder) ? malloc(sizeof *d) : NULL;
	if (d == NULL) {
		if (k == NULL)
			tell_user(s, remote_label(r), "plain-stop", channel,
				error_set(PMIG_EGONE, "it is not held any more"));
		else if (json_is_true(json_object_get(event, "first")))
			tell_user(s, remote_label(r), "plain-stop", channel,
				error_set(PMIG_EUNREACHED, "%s is held at %s, which is not reached", k->locator, k->holder));
		return;
	}
	*d = (struct drain){.supervisor = s, .reference = reference, .channel = channel};
	channels_label(d->label, remote_label(r));
	channels_label(k->user, remote_label(r));
	remote_request(holder, "plain-drain",
		json_pack("{s:O, s:O}", "reference", json_object_get(event, "reference"), "channel",
			json_object_get(event, "channel")),
		on_stopping, d);
}

/* Both have an end now. */
static void on_made(struct supervisor *s, struct remote *r, struct known *k, uint64_t channel)
{
	struct route *t = channels_route_add(s, channel, k->id);
	k->plain = false;
	if (t == NULL)
		return;
	channels_label(t->opener, remote_label(r));
	channels_label(t->holder, k->holder);
	channels_resume(s, t);
}

static void on_over(struct supervisor *s, struct known *k, const char *reason)
{
	if (reason != NULL)
		supervisor_say(s, "%s, which %s used from %s, broke: %s", k->locator, s->name, k->to, reason);
	channels_forget(s, k);
	channels_consider(s); /* the program may have ended, and this have been the last */
}

void plain_event(struct supervisor *s, struct remote *r, const json_t *event)
{
	const char *what = json_string_value(json_object_get(event, "event"));
	struct known *k = channels_known(s, channels_number(event, "reference"));
	bool holds = k != NULL && strcmp(k->holder, remote_label(r)) == 0;
	if (strcmp(what, "plain-drain") == 0)
		on_drain(s, r, event);
	else if (strcmp(what, "plain-drained") == 0 && holds)
		tell_user(s, k->user, "plain-drained", channels_number(event, "channel"), 0);
	else if (strcmp(what, "plain-made") == 0 && k != NULL)
		on_made(s, r, k, channels_number(event, "channel"));
	else if (strcmp(what, "plain-count") == 0 && holds)
		channels_count(s, k, (size_t)json_integer_value(json_object_get(event, "bytes")));
	else if (strcmp(what, "plain-over") == 0 && holds)
		on_over(s, k, json_string_value(json_object_get(event, "reason")));
}
