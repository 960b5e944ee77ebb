/* channels_held: what is held for the program and where: from the freeze on, through hand-overs, in the registry. */
#include "channels_parts.h"

#include "move.h"
#include "registry/plan.h"
#include "runtime/reference/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WRITE_MS 1000
#define FINISH_MS 5000 /* for the last bytes of a program that has ended */
#define RENEW_MS (6 * 60 * 60 * 1000)

static const char *const kinds[] = {"?", "file", "stream", "address", "connection", "listener", "datagram"};

/* What the row is found by: "HOST LOCATOR #NUMBER". */
static void row_from(const struct known *k, char *ret_from, size_t size)
{
	char id[CHANNEL_ID_TEXT];
	channel_id_text(k->id, id);
	(void)snprintf(ret_from, size, "%s %s #%s", k->holder, k->locator, id);
}

bool channels_row_host(const struct pmig_reference_row *row, char ret_label[PMIG_NAME_MAX + 1])
{
	const char *space = strchr(row->from, ' '), *hash = strrchr(row->from, '#');
	if (space == NULL || space - row->from > PMIG_NAME_MAX || hash == NULL || channel_id_parse(hash + 1) == 0)
		return false;
	(void)snprintf(ret_label, PMIG_NAME_MAX + 1, "%.*s", (int)(space - row->from), row->from);
	return true;
}

static void on_renew(void *context);

static void add(struct supervisor *s, struct known *k)
{
	k->next = s->channels->known;
	s->channels->known = k;
	if (s->channels->renew == NULL)
		(void)loop_after(s->loop, RENEW_MS, on_renew, s, &s->channels->renew);
}

static int kind_of(const char *name)
{
	for (int i = REFERENCE_FILE; i <= REFERENCE_LAST; i++)
		if (strcmp(kinds[i], name) == 0)
			return i;
	return 0;
}

void channels_recall(struct supervisor *s, const struct pmig_reference_row *row)
{
	const char *space = strchr(row->from, ' '), *hash = strrchr(row->from, '#');
	struct known *k = calloc(1, sizeof *k);
	if (k == NULL)
		return;
	*k = (struct known){.id = channel_id_parse(hash + 1),
		.kind = kind_of(row->kind),
		.firm = true,
		.listed = true,
		.traffic = row->traffic,
		.hops = row->hops,
		.slot = row->slot};
	(void)channels_row_host(row, k->holder);
	(void)snprintf(k->locator, sizeof k->locator, "%.*s", hash > space + 2 ? (int)(hash - space - 2) : 0, space + 1);
	(void)snprintf(k->to, sizeof k->to, "%s", row->to);
	(void)snprintf(k->why, sizeof k->why, "%s", row->why);
	add(s, k);
}

static int64_t lease(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return ((int64_t)now.tv_sec + REFERENCE_LEASE_MS / 1000) * 1000000000;
}

static void write_row(struct supervisor *s, struct known *k)
{
	char from[sizeof k->holder + sizeof k->locator + 32];
	row_from(k, from, sizeof from);
	char why[sizeof k->why + 64];
	(void)snprintf(why, sizeof why, "%s%s", k->why, k->plain ? "; its bytes go directly, by plain TCP" : "");
	k->counted = false;
	k->listed = s->store->reference_put(s->store,
			    &(struct pmig_reference_row){.process = s->uuid,
				    .slot = k->slot,
				    .kind = kinds[k->kind],
				    .from = from,
				    .to = k->to,
				    .why = why,
				    .lease = lease(),
				    .traffic = k->traffic,
				    .hops = k->hops}) >= 0;
}

void channels_write(struct supervisor *s)
{
	for (struct known *k = s->channels->known; k != NULL; k = k->next)
		if ((k->listed || k->via != 0) && k->counted && !k->fresh)
			write_row(s, k);
}

/* Whose holder is there has it for the whole time again. */
static void on_renew(void *context)
{
	struct supervisor *s = context;
	for (struct known *k = s->channels->known; k != NULL; k = k->next)
		if (k->listed && remote_is_up(channels_remote(s, k->holder)))
			write_row(s, k);
	(void)loop_after(s->loop, RENEW_MS, on_renew, s, &s->channels->renew);
}

/* A connection has a row as soon as it has lived for a second: there may be thousands in one. */
static void on_write(void *context)
{
	struct supervisor *s = context;
	channels_write(s);
	bool fresh = false;
	for (struct known *k = s->channels->known; k != NULL; k = k->next) {
		fresh |= k->fresh;
		k->fresh = false;
	}
	if (fresh)
		(void)loop_after(s->loop, WRITE_MS, on_write, s, &s->channels->write);
}

void channels_count(struct supervisor *s, struct known *k, size_t bytes)
{
	k->traffic += bytes;
	k->counted = true;
	if (k->via != 0 && bytes > 0) {
		struct known *listener = channels_known(s, k->via);
		if (listener != NULL)
			channels_count(s, listener, bytes);
	}
	if (s->channels->write == NULL)
		(void)loop_after(s->loop, WRITE_MS, on_write, s, &s->channels->write);
}

struct known *channels_learn(struct supervisor *s, uint64_t id, const char *label, const json_t *said)
{
	struct known *k = channels_known(s, id);
	const char *locator = json_string_value(json_object_get(said, "locator"));
	json_int_t kind = json_integer_value(json_object_get(said, "kind"));
	if (id == 0 || kind < REFERENCE_FILE || kind > REFERENCE_LAST)
		return NULL;
	if (k == NULL) {
		k = calloc(1, sizeof *k);
		if (k == NULL)
			abort(); /* a few bytes: there is nobody left who could be told */
		*k = (struct known){.id = id, .kind = (int)kind};
		(void)snprintf(k->locator, sizeof k->locator, "%s", locator != NULL ? locator : "");
		add(s, k);
	}
	(void)snprintf(k->holder, sizeof k->holder, "%s", label);
	return k;
}

void channels_forget(struct supervisor *s, struct known *k)
{
	struct known **at = &s->channels->known;
	char from[sizeof k->holder + sizeof k->locator + 32];
	while (*at != NULL && *at != k)
		at = &(*at)->next;
	if (*at != NULL)
		*at = k->next;
	row_from(k, from, sizeof from);
	if (k->listed)
		(void)s->store->reference_drop(s->store, s->uuid, kinds[k->kind], from);
	free(k);
}

void channels_let_go(struct supervisor *s, struct known *k)
{
	char id[CHANNEL_ID_TEXT];
	channel_id_text(k->id, id);
	struct remote *r = channels_remote(s, k->holder);
	if (remote_is_up(r))
		remote_request(r, "let-go", json_pack("{s:[s]}", "references", id), NULL, NULL);
	channels_forget(s, k);
}

/* --- a hand-over --- */

static const json_t *list_of(const json_t *frozen)
{
	return json_object_get(frozen, "references");
}

static uint64_t number(const json_t *one)
{
	const char *text = json_string_value(json_object_get(one, "reference"));
	return text != NULL ? channel_id_parse(text) : 0;
}

static int out_of_reach(const struct known *k)
{
	return error_set(PMIG_EUNREACHED, "%s is held at %s, which is not reached", k->locator, k->holder);
}

int channels_plan(struct move *m)
{
	struct supervisor *s = m->supervisor;
	for (struct known *k = s->channels != NULL ? s->channels->known : NULL; k != NULL; k = k->next)
		if (k->firm && !remote_is_up(channels_remote(s, k->holder)))
			return out_of_reach(k);
	return 0;
}

static void on_quiet(void *context, int code, const json_t *answer)
{
	struct move *m = context;
	(void)code; /* where it is not quiet, some bytes come through a channel first */
	(void)answer;
	m->quiet(m);
}

bool channels_quiet(struct move *m, void (*then)(struct move *m))
{
	struct known *k = m->supervisor->channels != NULL ? m->supervisor->channels->known : NULL;
	while (k != NULL &&
		!((k->kind == REFERENCE_CONNECTION || k->kind == REFERENCE_DATAGRAM) &&
			strcmp(k->holder, m->target_label) == 0))
		k = k->next;
	if (k == NULL || m->quiet != NULL || !remote_is_up(m->target))
		return false;
	m->quiet = then;
	remote_request(m->target, "quiet", NULL, on_quiet, m);
	return true;
}

int channels_check(struct move *m, const json_t *frozen)
{
	struct supervisor *s = m->supervisor;
	size_t i;
	json_t *one;
	json_array_foreach(list_of(frozen), i, one)
	{
		if (json_is_true(json_object_get(one, "kept"))) {
			if (channels_learn(s, number(one), m->source_label, one) == NULL)
				return error_set(PMIG_EPROTOCOL, "%s holds what has no number", m->source_label);
			continue;
		}
		struct known *k = channels_known(s, number(one));
		if (k == NULL)
			return error_set(PMIG_EGONE, "something that %s uses from another host is not held there any more",
				s->name);
		if (!remote_is_up(channels_remote(s, k->holder)))
			return out_of_reach(k);
	}
	return 0;
}

/* A socket is called by its address in both, "listener on 0.0.0.0:80" and "tcp 0.0.0.0:80". */
static bool is_about(const struct plan_decision *d, const struct known *k)
{
	const char *address = strchr(k->locator, ' ');
	size_t n = strlen(d->name), m = address != NULL ? strlen(address) : 0;
	bool named = m > 1 && n > m && strcmp(d->name + n - m, address) == 0;
	return strncmp(d->locator, k->locator, strlen(k->locator)) == 0 ||
		(strncmp(d->locator, "socket:[", 8) == 0 && named);
}

/* The planner's words, where it had any. */
static void find_reason(const struct move *m, struct known *k)
{
	for (size_t i = 0; m->plan != NULL && i < m->plan->count; i++) {
		const struct plan_decision *d = &m->plan->decisions[i];
		if (d->strategy == PMIG_REFER && is_about(d, k)) {
			(void)snprintf(k->why, sizeof k->why, "%s: %.300s", d->cell, d->reason);
			k->slot = d->slot;
			return;
		}
	}
	if (k->why[0] == '\0')
		(void)snprintf(k->why, sizeof k->why, "it stays at %.200s", k->holder);
}

static bool uses(const json_t *frozen, const struct known *k)
{
	size_t i;
	json_t *one;
	json_array_foreach(list_of(frozen), i, one)
	{
		if (number(one) == k->id)
			return true;
	}
	return false;
}

/* A connection ends when both ends have said so, whatever became of the program's. */
static bool is_under_way(const struct supervisor *s, const struct known *k)
{
	const struct route *t = s->channels->routes;
	while (t != NULL && t->reference != k->id)
		t = t->next;
	return t != NULL && (k->kind == REFERENCE_CONNECTION || k->kind == REFERENCE_DATAGRAM);
}

void channels_arrived(struct move *m)
{
	struct supervisor *s = m->supervisor;
	if (s->channels == NULL)
		return;
	for (struct route *t = s->channels->routes; t != NULL; t = t->next) {
		const struct known *k = channels_known(s, t->reference);
		t->lingers = k != NULL && is_under_way(s, k) && !uses(m->frozen, k) && !incoming_waits(s, k->id);
	}
	plain_begin(m);
	for (struct known *k = s->channels->known; k != NULL; k = k->next) {
		if (!uses(m->frozen, k) || strcmp(k->holder, m->target_label) == 0)
			continue;
		k->firm = true;
		k->hops++;
		(void)snprintf(k->to, sizeof k->to, "%s", m->target_label);
		find_reason(m, k);
		write_row(s, k);
	}
	channels_switch(s, m->target_label);
	incoming_pump(s);
}

void channels_settled(struct move *m)
{
	struct supervisor *s = m->supervisor;
	for (struct known *k = s->channels != NULL ? s->channels->known : NULL, *next; k != NULL; k = next) {
		next = k->next;
		if (is_under_way(s, k))
			continue; /* it came in meanwhile, or the program has closed it and is being heard to the end */
		if (!uses(m->frozen, k) || strcmp(k->holder, m->target_label) == 0)
			channels_let_go(s, k);
	}
	if (s->channels != NULL)
		channels_consider(s);
}

void channels_undone(struct move *m)
{
	struct supervisor *s = m->supervisor;
	if (s->channels == NULL || m->arrived)
		return;
	for (struct known *k = s->channels->known, *next; k != NULL; k = next) {
		next = k->next;
		if (!k->firm)
			channels_forget(s, k); /* its agent has let it go when the program went on */
	}
	channels_switch(s, "");
	for (struct route *t = s->channels->routes; t != NULL; t = t->next)
		channels_resume(s,
			t); /* what waited to be accepted has an end anew, and the holder may have joined it with one there */
	incoming_pump(s);
	channels_consider(s);
}

json_t *channels_addresses(const struct supervisor *s)
{
	json_t *all = json_array();
	for (const struct known *k = s->channels != NULL ? s->channels->known : NULL; k != NULL; k = k->next) {
		bool found = k->kind == REFERENCE_LISTENER || k->kind == REFERENCE_DATAGRAM;
		json_t *one = found && k->firm ? json_pack("{s:s, s:s}", "at", k->holder, "address", k->locator) : NULL;
		if (one != NULL)
			(void)json_array_append_new(all, one);
	}
	return all;
}

/* --- the end of the program --- */

static void on_late(void *context)
{
	struct supervisor *s = context;
	for (struct known *k = s->channels->known; k != NULL; k = k->next)
		k->plain = false;
	while (s->channels->routes != NULL)
		channels_route_end(s, s->channels->routes);
	streams_check(s);
}

static bool has_ways(const struct channels *c)
{
	const struct known *k = c->known;
	while (k != NULL && !k->plain)
		k = k->next;
	return k != NULL;
}

bool channels_finish(struct supervisor *s)
{
	struct channels *c = s->channels;
	if (c == NULL)
		return true;
	c->ending = true;
	if (c->routes != NULL || has_ways(c)) { /* what the program wrote last is on its way */
		if (c->late == NULL)
			(void)loop_after(s->loop, FINISH_MS, on_late, s, &c->late);
		return false;
	}
	for (struct known *k = c->known, *next; k != NULL; k = next) {
		next = k->next;
		if (remote_is_up(channels_remote(s, k->holder)))
			channels_forget(s, k); /* "end" lets go of everything there */
	}
	while (c->kept != NULL) {
		struct kept *k = c->kept;
		c->kept = k->next;
		supervisor_dismiss(s, k->remote);
		free(k);
	}
	return true;
}
