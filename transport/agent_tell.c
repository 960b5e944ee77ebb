/* agent_tell: options on their way to a socket that is elsewhere, and what is set of one that is here. */
#include "agent_tell.h"

#include "agent_accept.h"
#include "agent_option.h"
#include "agent_plain.h"

#include "../runtime/base/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX 256 /* that home has not answered yet */
#define WAIT_MS 2000  /* for that, by the program: who connects from then on has it; but the way may be cut */

struct telling {
	struct telling *next;
	uint64_t id;
	int64_t ticket;                        /* of the program, which waits; 0: it does not */
	char note[2 * REFERENCE_NOTE_MAX + 1]; /* in hexadecimal digits */
};

/* *ret_size: its bytes. */
static int get_digits(const char *text, size_t length, unsigned char note[REFERENCE_NOTE_MAX], size_t *ret_size)
{
	if (length % 2 != 0 || length / 2 > REFERENCE_NOTE_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: a note of %zu digits", length);
	if (!hex_get(text, note, length / 2))
		return error_set(PMIG_EPROTOCOL, "agent: a note that has no digits");
	*ret_size = length / 2;
	return 0;
}

/* --- where the socket is --- */

int agent_do_tell(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	const char *text = agent_text(request, "note");
	const struct held *h = agent_held(a, agent_reference_number(request, "reference"));
	unsigned char note[REFERENCE_NOTE_MAX];
	size_t size = 0;
	int r = get_digits(text, strlen(text), note, &size);
	if (r < 0)
		return r;
	if (h == NULL || h->fd < 0 || (h->kind != REFERENCE_LISTENER && h->kind != REFERENCE_CONNECTION))
		return error_set(PMIG_EGONE, "it is not held there any more");
	agent_option_set(h->fd, note, size);
	return 0;
}

/* --- where the program runs --- */

static void tell_first(struct agent *a)
{
	json_t *first = agent_tell_describe(a);
	if (first == NULL)
		return;
	(void)json_object_set_new(first, "event", json_string("tell"));
	agent_event(a, first);
}

static void answer(struct agent *a, struct telling *t)
{
	if (t->ticket != 0)
		agent_program_answer(a, t->ticket, 0, false, "", -1);
	t->ticket = 0;
}

static void on_late(void *context)
{
	struct agent *a = context;
	for (struct telling *t = agent_references(a)->tellings; t != NULL; t = t->next)
		answer(a, t);
}

static int add(struct agent *a, uint64_t id, const void *note, size_t size, int64_t ticket)
{
	struct telling **last = &agent_references(a)->tellings, *t = malloc(sizeof *t);
	size_t n = 0;
	for (; *last != NULL; last = &(*last)->next)
		n++;
	if (t == NULL || n >= NOTES_MAX) {
		free(t);
		return error_set(PMIG_EBUSY, "more than %d options are on their way", NOTES_MAX);
	}
	*t = (struct telling){.id = id, .ticket = ticket};
	hex_put(note, size, t->note);
	*last = t;
	if (n == 0)
		tell_first(a);
	if (ticket != 0 && agent_references(a)->telling_timer == NULL)
		(void)loop_after(a->loop, WAIT_MS, on_late, a, &agent_references(a)->telling_timer);
	return 0;
}

int agent_do_told(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	struct telling *t = agent_references(a)->tellings;
	if (t == NULL || t->id != agent_reference_number(request, "reference") ||
		strcmp(t->note, agent_text(request, "note")) != 0)
		return 0; /* it was answered before */
	agent_references(a)->tellings = t->next;
	answer(a, t);
	free(t);
	if (agent_references(a)->tellings == NULL)
		loop_remove(&agent_references(a)->telling_timer);
	tell_first(a);
	return 0;
}

json_t *agent_tell_describe(const struct agent *a)
{
	const struct telling *t = a->references != NULL ? a->references->tellings : NULL;
	char id[CHANNEL_ID_TEXT];
	if (t == NULL)
		return NULL;
	channel_id_text(t->id, id);
	return json_pack("{s:s, s:s}", "reference", id, "note", t->note);
}

/* < 0; 1: the program's question will be answered; 0: it may be answered now. */
static int pass_on(struct agent *a, uint64_t id, const void *note, size_t size, int64_t ticket)
{
	const struct held *h = agent_held(a, id);
	struct end *e = agent_references(a)->ends;
	if (size > REFERENCE_NOTE_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: a note of %zu bytes", size);
	while (e != NULL && !(e->opener && e->reference == id && !e->suspended))
		e = e->next;
	if (e != NULL)
		return channel_tell(e->channel, note, size);
	if (!agent_door_drains(a, id) && !agent_plain_uses(a, id))
		return error_set(PMIG_EGONE, "the way to it has been lost");
	if (h != NULL) {
		agent_option_set(h->fd, note, size);
		return 0;
	}
	int r = add(a, id, note, size, ticket);
	return r < 0 ? r : ticket != 0;
}

/* --- from children of the program, which have no channel of their own: runtime/reference/note_line.h --- */

static void on_line(void *context, short events)
{
	(void)events;
	struct agent *a = context;
	struct agent_references *r = agent_references(a);
	unsigned char bytes[sizeof(uint64_t) + REFERENCE_NOTE_MAX];
	uint64_t id;
	ssize_t n = recv(r->line, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* nobody has the other side any more */
		loop_remove(&r->line_source);
		(void)close(r->line);
		return;
	}
	memcpy(&id, bytes, sizeof id);
	if ((size_t)n > sizeof id)
		(void)!pass_on(a, id, bytes + sizeof id, (size_t)n - sizeof id,
			0); /* the socket has ended: nobody is left to hear so */
}

static int open_line(struct agent *a, const struct control_message *m)
{
	struct agent_references *r = agent_references(a);
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(PMIG_EIO, errno, "agent: notes");
	if (r->line_source != NULL) {
		loop_remove(&r->line_source);
		(void)close(r->line);
	}
	int code = loop_add(a->loop, ends[0], POLLIN, on_line, a, &r->line_source);
	if (code >= 0) {
		r->line = ends[0];
		agent_program_answer(a, m->args[7], 0, false, "", ends[1]);
	} else {
		(void)close(ends[0]);
	}
	(void)close(ends[1]);
	return code;
}

static int tell_now(struct agent *a, const struct control_message *m)
{
	unsigned char note[REFERENCE_NOTE_MAX];
	size_t size = 0;
	int r = get_digits(m->text, m->size, note, &size);
	if (r >= 0)
		r = pass_on(a, (uint64_t)m->args[0], note, size, m->args[7]);
	if (r == 0 && m->args[7] != 0)
		agent_program_answer(a, m->args[7], 0, false, "", -1);
	return r;
}

bool agent_tell_message(struct agent *a, const struct control_message *m, int *ret_code)
{
	switch (m->type) {
	case CONTROL_TELL:
		*ret_code = tell_now(a, m);
		return true;
	case CONTROL_NOTES:
		*ret_code = open_line(a, m);
		return true;
	default:
		return false;
	}
}

void agent_tell_end(struct agent *a)
{
	struct agent_references *r = agent_references(a);
	while (r->tellings != NULL) {
		struct telling *t = r->tellings;
		r->tellings = t->next;
		free(t);
	}
	loop_remove(&r->telling_timer);
	if (r->line_source != NULL) {
		loop_remove(&r->line_source);
		(void)close(r->line);
	}
}
