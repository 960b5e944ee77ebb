/* telling: options that the program sets of sockets that listen at other hosts (transport/agent_tell.h): each is brought to who holds the
 * socket, and its agent hears when it is there, and sends the next. */
#include "channels_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_MAX 200 /* digits; who holds it knows how many there may be */

struct telling {
	struct telling *next;
	char from[PMIG_NAME_MAX + 1]; /* where the program is */
	uint64_t reference;
	char note[NOTE_MAX + 1];
	bool asked;
};

static struct telling *of(struct supervisor *s, const char *from)
{
	struct telling *t = channels_of(s)->tellings;
	while (t != NULL && strcmp(t->from, from) != 0)
		t = t->next;
	return t;
}

static void forget(struct supervisor *s, struct telling *t)
{
	struct telling **at = &channels_of(s)->tellings;
	while (*at != NULL && *at != t)
		at = &(*at)->next;
	if (*at != NULL)
		*at = t->next;
	free(t);
}

static json_t *about(const struct telling *t)
{
	char reference[CHANNEL_ID_TEXT];
	channel_id_text(t->reference, reference);
	return json_pack("{s:s, s:s}", "reference", reference, "note", t->note);
}

/* It is there, or never will be. */
static void done(struct supervisor *s, struct telling *t)
{
	struct remote *r = channels_remote(s, t->from);
	json_t *d = about(t);
	forget(s, t);
	if (remote_is_up(r))
		remote_request(r, "told", d, NULL, NULL);
	else
		json_decref(d);
}

struct asking {
	struct supervisor *supervisor;
	char from[PMIG_NAME_MAX + 1];
};

static void on_told(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct asking a = *(struct asking *)context;
	struct telling *t = of(a.supervisor, a.from);
	free(context);
	if (t == NULL || !t->asked)
		return;
	t->asked = false;
	if (code != PMIG_EUNREACHED) /* else once more when it is back */
		done(a.supervisor, t);
}

static void ask(struct supervisor *s, struct telling *t)
{
	const struct known *k = channels_known(s, t->reference);
	struct remote *r = k != NULL ? channels_remote(s, k->holder) : NULL;
	if (t->asked)
		return;
	if (k == NULL && !channels_of(s)->searching) {
		done(s, t);
		return;
	}
	struct asking *a = remote_is_up(r) ? malloc(sizeof *a) : NULL;
	if (a == NULL)
		return;
	a->supervisor = s;
	(void)snprintf(a->from, sizeof a->from, "%s", t->from);
	t->asked = true;
	remote_request(r, "tell", about(t), on_told, a);
}

static void begin(struct supervisor *s, const char *from, const json_t *said)
{
	const char *reference = json_string_value(json_object_get(said, "reference")),
		   *note = json_string_value(json_object_get(said, "note"));
	uint64_t id = reference != NULL ? channel_id_parse(reference) : 0;
	if (id == 0 || note == NULL || strlen(note) > NOTE_MAX)
		return;
	struct telling *t = calloc(1, sizeof *t);
	if (t == NULL)
		abort(); /* a few bytes: there is nobody left who could be told */
	t->next = channels_of(s)->tellings;
	t->reference = id;
	(void)snprintf(t->from, sizeof t->from, "%s", from);
	(void)snprintf(t->note, sizeof t->note, "%s", note);
	channels_of(s)->tellings = t;
	ask(s, t);
}

void telling_event(struct supervisor *s, struct remote *r, const json_t *event)
{
	struct telling *t = of(s, remote_label(r));
	if (t != NULL)
		forget(s, t);
	begin(s, remote_label(r), event);
}

void telling_up(struct supervisor *s, struct remote *r)
{
	const json_t *said = json_object_get(remote_facts(r), "telling");
	struct telling *t = of(s, remote_label(r));
	if (t != NULL)
		forget(s, t);
	if (json_is_object(said))
		begin(s, remote_label(r), said);
	for (t = channels_of(s)->tellings; t != NULL;) {
		struct telling *next = t->next;
		ask(s, t);
		t = next;
	}
}

void telling_close(struct supervisor *s)
{
	while (s->channels->tellings != NULL)
		forget(s, s->channels->tellings);
}
