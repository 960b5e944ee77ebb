/* agent_plain_drain: direct ways that become channels again, because the program is being frozen: its side.
 *
 * Both ends of the way have to be read to their end, and an end by itself says nothing: peers end their directions whenever they like. So
 * nobody ends a direction for our sake before the other one knows why:
 *
 *   ASKED    home asks the holder, once a second. Nothing has changed: where it is refused, the way stays as it is
 *   STOPPED  the holder reads nothing more from its client and has ended its direction, or is about to: so do we, and both
 *            keep what comes. From here on there is no way back but the channel
 *   DRAINED  the holder has all that we sent, and an end of the channel; so far nobody has one of ours
 *   MADE     we have all as well, and an end; home has a route; the program is given its side when it asks
 *   FAILED   the program hears why; if it had been stopped, its number is reset
 *
 * All that home carries may come twice, or not at all: it is asked again. The program begins with all of its ways before it waits for the
 * first (runtime/reference/plain.c), so that a hundred take hardly longer than one. */
#include "agent_plain_parts.h"
#include "channel_plain.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGAIN_MS 1000
#define TRIES 20
#define OVER_MS 10 /* what ended there is on its way here */
#define OVER_TRIES 500

enum phase { ASKED, OVER, STOPPED, DRAINED, MADE, FAILED };

struct draining {
	struct draining *next;
	struct agent *agent;
	enum phase phase;
	uint64_t reference, channel;
	int64_t ticket; /* the program waits; 0: not yet */
	int fd, give;
	int in_line; /* what SO_OOBINLINE was: while it is drained, no byte is left out that the program has not had */
	bool urgent;
	size_t mark;
	bool out_ended, in_ended;
	int tries, code;
	char reason[PMIG_REASON_MAX];
	unsigned char *bytes;
	size_t size;
	struct loop_source *source, *timer;
};

static struct draining *find(struct agent *a, uint64_t reference)
{
	struct draining *d = agent_references(a)->drainings;
	while (d != NULL && d->reference != reference)
		d = d->next;
	return d;
}

static void drop(struct draining *d)
{
	struct draining **at = &agent_references(d->agent)->drainings;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	loop_remove(&d->source);
	loop_remove(&d->timer);
	(void)close(d->fd);
	if (d->give >= 0)
		(void)close(d->give);
	free(d->bytes);
	free(d);
}

/* The program is told, as soon as it asks. */
static void answer(struct draining *d)
{
	if (d->ticket == 0 || d->phase < MADE)
		return;
	if (d->phase == FAILED)
		(void)error_set(d->code, "%s", d->reason);
	agent_program_answer(d->agent, d->ticket, d->phase == FAILED ? d->code : 0, false, "", d->give);
	drop(d);
}

/* connect(2), "AF_UNSPEC": the program finds that it broke. */
static void fail(struct draining *d, int code)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	(void)snprintf(d->reason, sizeof d->reason, "%s", pmig_reason());
	loop_remove(&d->source);
	loop_remove(&d->timer);
	if (d->phase >= STOPPED) {
		plain_relay_reset(d->fd);
		(void)connect(d->fd, &nowhere, sizeof nowhere);
		code = PMIG_EGONE;
	}
	d->phase = FAILED;
	d->code = code;
	answer(d);
}

static int make_end(struct draining *d)
{
	struct agent *a = d->agent;
	struct end *e;
	const struct plain_front out = {.ended = d->out_ended},
				 in = {.bytes = d->bytes, .size = d->size, .urgent = d->urgent, .mark = d->mark};
	int r = agent_plain_end_make(a,
		(struct end_options){.id = d->channel, .reference = d->reference, .opener = true, .fd = -1}, &out, &in, &e);
	if (r < 0)
		return r;
	d->give = e->give;
	e->give = -1;
	return 0;
}

static void consider(struct draining *d)
{
	if (d->phase != DRAINED || !d->in_ended)
		return;
	(void)setsockopt(d->fd, SOL_SOCKET, SO_OOBINLINE, &d->in_line, sizeof d->in_line);
	int r = make_end(d);
	if (r < 0) {
		fail(d, r);
		return;
	}
	loop_remove(&d->timer);
	d->phase = MADE;
	agent_plain_tell(d->agent, "plain-made", d->reference, d->channel);
	answer(d);
}

/* One that the program has had already by MSG_OOB is left out by the kernel. tcp(7) */
static void note_urgent(struct draining *d)
{
	char byte;
	int at = 0, yes = 1;
	if (recv(d->fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) == 1)
		(void)setsockopt(d->fd, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes);
	int in_line = 0;
	(void)getsockopt(d->fd, SOL_SOCKET, SO_OOBINLINE, &in_line, &(socklen_t){sizeof in_line});
	if (in_line != 0 && ioctl(d->fd, SIOCATMARK, &at) == 0 && at != 0) {
		d->urgent = true;
		d->mark = d->size;
	}
}

static void on_bytes(void *context, short events)
{
	(void)events;
	struct draining *d = context;
	ssize_t n = 1;
	while (n > 0) {
		note_urgent(d);
		unsigned char *room = d->size <= PLAIN_KEPT_MAX ? realloc(d->bytes, d->size + 65536) : NULL;
		if (room == NULL) {
			fail(d, error_set(PMIG_ENOMEM, "plain TCP: what is under way cannot be kept"));
			return;
		}
		d->bytes = room;
		n = recv(d->fd, d->bytes + d->size, 65536, MSG_DONTWAIT);
		d->size += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(d, error_errno(PMIG_EGONE, errno, "plain TCP: the way to the holder"));
		return;
	}
	loop_remove(&d->source);
	d->in_ended = true;
	consider(d);
}

static void stop(struct draining *d)
{
	if (d->phase >= STOPPED)
		return;
	d->phase = STOPPED;
	agent_plain_forget(d->agent, d->reference);
	(void)shutdown(d->fd, SHUT_WR);
	if (loop_add(d->agent->loop, d->fd, POLLIN, on_bytes, d, &d->source) < 0)
		fail(d, PMIG_ENOMEM);
}

/* Of one that has ended at the holder: whether that has come here. */
static bool has_come_to_end(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
		(info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_FIN_WAIT1 && info.tcpi_state != TCP_FIN_WAIT2);
}

static void on_over(void *context)
{
	struct draining *d = context;
	if (has_come_to_end(d->fd))
		fail(d, error_set(PMIG_EGONE, "it has ended"));
	else if (++d->tries > OVER_TRIES)
		fail(d, error_set(PMIG_EBUSY, "the end of a connection is on its way; move again when it has come"));
	else if (loop_after(d->agent->loop, OVER_MS, on_over, d, &d->timer) < 0)
		fail(d, PMIG_ENOMEM);
}

static void ask(void *context)
{
	struct draining *d = context;
	char id[CHANNEL_ID_TEXT], other[CHANNEL_ID_TEXT];
	channel_id_text(d->reference, id);
	channel_id_text(d->channel, other);
	if (d->tries >= TRIES && d->phase != OVER) {
		d->phase = d->phase > STOPPED ? d->phase : STOPPED; /* the holder may have stopped: nobody can say */
		fail(d, error_set(PMIG_EUNREACHED, "plain TCP: the holder of a connection does not answer"));
		return;
	}
	agent_event(d->agent,
		json_pack("{s:s, s:s, s:s, s:b}", "event", "plain-drain", "reference", id, "channel", other, "first",
			d->tries == 0));
	d->tries++;
	if (loop_after(d->agent->loop, AGAIN_MS, ask, d, &d->timer) < 0)
		fail(d, PMIG_ENOMEM);
}

static int begin(struct agent *a, uint64_t reference, int fd, struct draining **ret)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	if ((a->state != AGENT_FREEZING && a->state != AGENT_SAVING) || fd < 0 || !agent_plain_uses(a, reference) ||
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return error_set(PMIG_EGONE, "it stays as it is");
	bool out_ended = info.tcpi_state == TCP_FIN_WAIT1 || info.tcpi_state == TCP_FIN_WAIT2;
	if (!out_ended && info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_CLOSE_WAIT)
		return error_set(PMIG_EGONE, "it has ended");
	struct draining *d = calloc(1, sizeof *d);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (d == NULL || copy < 0) {
		if (copy >= 0)
			(void)close(copy);
		free(d);
		return error_set(PMIG_ENOMEM, "plain TCP: out of memory");
	}
	*d = (struct draining){.next = agent_references(a)->drainings,
		.agent = a,
		.reference = reference,
		.fd = copy,
		.give = -1,
		.out_ended = out_ended};
	agent_references(a)->drainings = d;
	(void)getsockopt(copy, SOL_SOCKET, SO_OOBINLINE, &d->in_line, &(socklen_t){sizeof d->in_line});
	int r = agent_new_number(&d->channel);
	if (r < 0) {
		drop(d);
		return r;
	}
	ask(d);
	*ret = d;
	return 0;
}

int agent_plain_drain(struct agent *a, const struct control_message *m, int fd)
{
	uint64_t reference = (uint64_t)m->args[0];
	struct draining *d = find(a, reference);
	int r = d == NULL ? begin(a, reference, fd, &d) : 0;
	if (r < 0)
		return r;
	d->ticket = m->args[7];
	answer(d);
	return 0;
}

static struct draining *of_request(struct agent *a, const json_t *request)
{
	uint64_t channel = agent_reference_number(request, "channel");
	struct draining *d = agent_references(a)->drainings;
	while (d != NULL && d->channel != channel)
		d = d->next;
	return d;
}

int agent_do_plain_stop(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	struct draining *d = of_request(a, request);
	int code = (int)agent_number(request, "failure", 0);
	if (d == NULL || d->phase == OVER || d->phase >= DRAINED)
		return 0;
	if (code != 0 && d->phase == STOPPED) {
		fail(d, error_set(code, "%s", agent_text(request, "reason")));
	} else if (code == 0) {
		stop(d);
	} else if (code == PMIG_EGONE) {
		d->phase = OVER;
		d->tries = 0;
		loop_remove(&d->timer);
		on_over(d);
	} else {
		fail(d, error_set(code, "%s", agent_text(request, "reason")));
	}
	return 0;
}

int agent_do_plain_drained(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	struct draining *d = of_request(a, request);
	if (d == NULL || d->phase >= DRAINED)
		return 0;
	stop(d);
	if (d->phase == STOPPED) {
		d->phase = DRAINED;
		consider(d);
	}
	return 0;
}

void agent_plain_drain_end(struct agent *a)
{
	while (agent_references(a)->drainings != NULL)
		drop(agent_references(a)->drainings);
}
