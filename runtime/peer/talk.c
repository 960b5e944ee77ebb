/* talk: a conversation over whatever connection it has; talk.h tells. */
#include "peer/talk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pmig_peer_talk_options(const struct pmig_peer_options *options, struct talk_numbers *ret)
{
	if (options == NULL || options->address == NULL || options->window > TALK_WINDOW_MOST || options->most < 0 ||
		(options->silence > 0 && options->silence < TALK_LOST_LEAST))
		return PMIG_EINVAL;
	ret->window = options->window != 0 ? options->window : TALK_WINDOW;
	ret->patience = options->patience != 0 ? options->patience : TALK_PATIENCE;
	ret->silence = options->silence != 0 ? options->silence : TALK_LOST;
	return 0;
}

struct pmig_peer *pmig_peer_talk_create(const struct talk_numbers *numbers)
{
	struct pmig_peer *p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	p->link.fd = -1;
	p->epoch = pmig_epoch();
	p->patience = numbers->patience;
	p->silence = numbers->silence;
	p->lost = pmig_peer_link_now();
	if (pmig_peer_flow_out_init(&p->out, numbers->window) < 0 || pmig_peer_flow_in_init(&p->in, numbers->window) < 0) {
		pmig_peer_talk_destroy(p);
		return NULL;
	}
	return p;
}

void pmig_peer_talk_destroy(struct pmig_peer *p)
{
	if (p == NULL)
		return;
	pmig_peer_link_close(&p->link);
	pmig_peer_flow_out_finish(&p->out);
	pmig_peer_flow_in_finish(&p->in);
	free(p);
}

int pmig_peer_talk_fail(struct pmig_peer *p, int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(p->reason, sizeof p->reason, format, arguments);
	va_end(arguments);
	p->error = error;
	pmig_peer_link_close(&p->link);
	return error;
}

int pmig_peer_talk_adopt(struct pmig_peer *p, struct link *link, uint64_t received, bool strict)
{
	int e = pmig_peer_flow_rewind(&p->out, received, strict);
	pmig_peer_link_close(&p->link);
	p->link = *link;
	*link = (struct link){.fd = -1};
	pmig_peer_link_watch(&p->link, p->silence);
	p->ack_told = p->in.read; /* what was received was told, what was read may have been */
	p->end_told = false;
	p->answer = true; /* what was read is told once more */
	p->move = NULL;
	p->connections++;
	if (e == PMIG_ESTALE)
		return pmig_peer_talk_fail(p, e, "the other side went back to an earlier state");
	if (e < 0)
		return pmig_peer_talk_fail(p, e, "the other side claims to have more than was sent");
	return 0;
}

void pmig_peer_talk_lost(struct pmig_peer *p)
{
	if (p->link.fd < 0)
		return;
	pmig_peer_link_close(&p->link);
	p->lost = pmig_peer_link_now();
}

bool pmig_peer_talk_is_over(const struct pmig_peer *p)
{
	return p->in.end_read && p->out.end_acked;
}

static int hear_bye(struct pmig_peer *p)
{
	p->bye = true;
	pmig_peer_talk_lost(p);
	return p->out.end_acked && p->in.ended
		? 0
		: pmig_peer_talk_fail(p, PMIG_EGONE, "the other side has closed the conversation");
}

/* The server, who has proved to be that, does not go on with this side. */
static int hear_refusal(struct pmig_peer *p, const struct frame *f)
{
	char words[FRAME_TEXT + 1];
	if (pmig_peer_frame_text_get(f->body, f->size, words) < 0)
		return PMIG_EPROTOCOL;
	return pmig_peer_talk_fail(p, f->number == -PMIG_ESTALE ? PMIG_ESTALE : PMIG_EREFUSED, "%s", words);
}

/* One frame; < 0: nobody who keeps to the rules says that. */
static int hear(struct pmig_peer *p, const struct frame *f, char *ret_moved)
{
	switch (f->type) {
	case FRAME_DATA:
		return pmig_peer_flow_came(&p->in, f->number, f->body, f->size);
	case FRAME_ACK:
		return pmig_peer_flow_acked(&p->out, f->number);
	case FRAME_END:
		return pmig_peer_flow_end_came(&p->in, f->number);
	case FRAME_PING:
		p->answer = true;
		return 0;
	case FRAME_MOVED:
		if (ret_moved == NULL || f->number < p->seen)
			return PMIG_EPROTOCOL;
		p->seen = f->number;
		return pmig_peer_frame_text_get(f->body, f->size, ret_moved);
	case FRAME_BYE:
		return hear_bye(p);
	case FRAME_REFUSE:
		return ret_moved != NULL ? hear_refusal(p, f) : PMIG_EPROTOCOL;
	default:
		return PMIG_EPROTOCOL;
	}
}

static void put(struct pmig_peer *p, enum frame_type type, uint64_t number)
{
	pmig_peer_link_put(&p->link, &(struct frame){.type = type, .number = number});
}

/* Worth a frame of its own? An end always, bytes once they are many, or all that there are. */
static bool ack_is_due(const struct pmig_peer *p)
{
	uint64_t ack = pmig_peer_flow_ack(&p->in);
	return p->answer ||
		(ack != p->ack_told &&
			(p->in.end_read || p->in.read == p->in.received || ack - p->ack_told >= p->in.room / 4));
}

/* Puts what is to be said now, the most urgent first. */
static void fill(struct pmig_peer *p)
{
	struct link *l = &p->link;
	if (p->move != NULL && pmig_peer_link_has_room(l, FRAME_TEXT)) {
		pmig_peer_link_put(l, &(struct frame){FRAME_MOVED, p->epoch, (const uint8_t *)p->move, strlen(p->move)});
		p->move = NULL;
	}
	if (ack_is_due(p) && pmig_peer_link_has_room(l, 0)) {
		p->ack_told = pmig_peer_flow_ack(&p->in);
		put(p, FRAME_ACK, p->ack_told);
		p->answer = false;
	}
	while (p->out.sent < p->out.end && pmig_peer_link_has_room(l, FRAME_DATA_MOST + FRAME_TEXT)) {
		struct frame f = {.type = FRAME_DATA};
		f.size = pmig_peer_flow_next(&p->out, FRAME_DATA_MOST, &f.number, &f.body);
		pmig_peer_link_put(l, &f);
	}
	if (p->out.ended && p->out.sent == p->out.end && !p->end_told && pmig_peer_link_has_room(l, 0)) {
		put(p, FRAME_END, p->out.end);
		p->end_told = true;
	}
}

/* Until the socket takes no more. */
void pmig_peer_talk_say(struct pmig_peer *p)
{
	while (p->link.fd >= 0) {
		fill(p);
		if (p->link.out_end == p->link.out_start)
			return;
		if (pmig_peer_link_flush(&p->link) < 0)
			pmig_peer_talk_lost(p);
		else if (p->link.out_end > p->link.out_start)
			return;
	}
}

void pmig_peer_talk_put(struct pmig_peer *p, enum frame_type type)
{
	if (pmig_peer_link_has_room(&p->link, 0))
		put(p, type, 0);
	pmig_peer_talk_say(p);
}

int64_t pmig_peer_talk_due(const struct pmig_peer *p)
{
	int64_t silent = p->link.heard + p->silence + 1, again = p->looked + p->silence / 4;
	if (p->link.fd < 0 || p->silence < 0)
		return INT64_MAX;
	return silent > again ? silent : again;
}

static bool is_silent(struct pmig_peer *p)
{
	int64_t now = pmig_peer_link_now();
	if (now < pmig_peer_talk_due(p))
		return false;
	p->looked = now;
	return pmig_peer_link_is_silent(&p->link, p->silence);
}

int pmig_peer_talk_work(struct pmig_peer *p, char *ret_moved)
{
	struct frame f;
	int n = 0;
	if (ret_moved != NULL)
		ret_moved[0] = '\0';
	if (p->error < 0)
		return p->error;
	/* What was sent before the other end closed still counts. */
	bool ended = p->link.fd >= 0 && pmig_peer_link_read(&p->link) < 0;
	while (p->error == 0 && p->link.fd >= 0 && (n = pmig_peer_link_next(&p->link, &f)) > 0)
		if ((n = hear(p, &f, ret_moved)) < 0 && p->error == 0)
			return pmig_peer_talk_fail(p, PMIG_EPROTOCOL, "the other side sent what does not belong there");
	if (n < 0 && p->error == 0)
		return pmig_peer_talk_fail(p, n, "the other side sent what is no frame");
	if (ended || is_silent(p))
		pmig_peer_talk_lost(p);
	pmig_peer_talk_say(p);
	return p->error;
}
