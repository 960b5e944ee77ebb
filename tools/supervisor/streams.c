/* streams: the program's standard streams at home. Output comes from one station after the other, without gap or repetition;
 * input goes to where the program is. */
#include "channels.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (16u << 10)
#define AWAIT_MS 15000
#define END_MS 2000        /* for the agent to say good-bye */
#define END_AGAIN_MS 10000 /* for its host to come back, if it does not answer: there may be an image */

/* What the user's pipe says to us, the program's pipe says to it: it gets SIGPIPE, as without us. */
static void tell_unread(struct supervisor *s, struct peer *p)
{
	for (unsigned i = 0; i < 2; i++)
		if (output_broken(s->output[i]))
			(void)peer_put(p,
				&(struct packet){.type = PACKET_END,
					.stream = (uint16_t)(AGENT_STDOUT + i),
					.offset = output_done(s->output[i])});
}

static void on_written(void *context)
{
	struct supervisor *s = context;
	struct peer *p = s->station_count > 0 ? remote_peer(s->stations[0].remote) : NULL;
	if (fault_meet("output:shown") < 0)
		p = NULL; /* what is not acknowledged now is with the next */
	if (p != NULL)
		tell_unread(s, p);
	for (unsigned i = 0; i < 2 && p != NULL; i++)
		(void)peer_put(p,
			&(struct packet){.type = PACKET_ACK,
				.stream = (uint16_t)(AGENT_STDOUT + i),
				.offset = output_done(s->output[i])});
	streams_check(s);
}

static void on_input(void *context, short events)
{
	(void)events;
	struct supervisor *s = context;
	char buffer[PIECE];
	if (s->terminal[0] && !terminal_foreground()) {
		loop_watch(s->input_source, 0); /* until SIGCONT: reading would stop us */
		return;
	}
	ssize_t n = read(0, buffer, sizeof buffer);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0 || spool_append(s->input, buffer, (size_t)n) < 0) {
		s->input_end = true;
		loop_remove(&s->input_source);
	}
	streams_pump_input(s);
}

static int open_log(struct supervisor *s, int i)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/log", s->options->state);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(PMIG_EIO, errno, "%s", path);
	(void)snprintf(path, sizeof path, "%s/log/%s.%s", s->options->state, s->uuid, i == 0 ? "out" : "err");
	s->log_fd[i] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return s->log_fd[i] < 0 ? error_errno(PMIG_EIO, errno, "%s", path) : 0;
}

int streams_open(struct supervisor *s)
{
	int r = spool_create(&(struct spool_options){.memory = 4 * INPUT_WINDOW}, &s->input);
	for (int i = 0; i < 2 && r >= 0; i++) {
		if (s->options->detached)
			r = open_log(s, i);
		if (r >= 0)
			r = output_create(s->loop, s->options->detached ? s->log_fd[i] : i + 1, 0, on_written, s,
				&s->output[i]);
	}
	if (r >= 0 && !s->options->detached)
		r = loop_add(s->loop, 0, POLLIN, on_input, s, &s->input_source);
	s->input_end = s->options->detached;
	return r;
}

int streams_place(struct supervisor *s, uint64_t in, uint64_t out, uint64_t err)
{
	const uint64_t from[2] = {out, err};
	struct spool *early = s->input; /* what was read before it was known where it goes */
	s->input = NULL;
	int r = spool_create(&(struct spool_options){.start = in, .memory = 4 * INPUT_WINDOW}, &s->input);
	for (uint64_t at = spool_begin(early); r >= 0 && at < spool_end(early);) {
		char buffer[PIECE];
		ssize_t n = spool_read(early, at, buffer, sizeof buffer);
		r = n <= 0 ? PMIG_EIO : spool_append(s->input, buffer, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
	}
	spool_destroy(early);
	for (int i = 0; i < 2 && r >= 0; i++) {
		output_destroy(s->output[i]);
		s->output[i] = NULL;
		r = output_create(s->loop, s->options->detached ? s->log_fd[i] : i + 1, from[i], on_written, s,
			&s->output[i]);
	}
	s->input_sent = in;
	return r;
}

void streams_close(struct supervisor *s)
{
	loop_remove(&s->input_source);
	spool_destroy(s->input);
	for (int i = 0; i < 2; i++) {
		output_destroy(s->output[i]);
		if (s->log_fd[i] >= 0)
			(void)close(s->log_fd[i]);
	}
}

void streams_pump_input(struct supervisor *s)
{
	struct peer *p = s->started && !s->input_held ? remote_peer(supervisor_here(s)->remote) : NULL;
	while (p != NULL && s->input_sent < spool_end(s->input) && s->input_sent - spool_begin(s->input) < INPUT_WINDOW) {
		char buffer[PIECE];
		ssize_t n = spool_read(s->input, s->input_sent, buffer, sizeof buffer);
		if (n <= 0 ||
			peer_put(p,
				&(struct packet){.type = PACKET_DATA,
					.stream = AGENT_STDIN,
					.offset = s->input_sent,
					.data = buffer,
					.size = (size_t)n}) < 0)
			break;
		s->input_sent += (uint64_t)n;
	}
	if (p != NULL && s->input_end && !s->input_end_sent && s->input_sent == spool_end(s->input)) {
		s->input_end_sent = true;
		(void)peer_put(p, &(struct packet){.type = PACKET_END, .stream = AGENT_STDIN, .offset = s->input_sent});
	}
	if (s->input_source != NULL)
		loop_watch(s->input_source, spool_end(s->input) - spool_begin(s->input) < INPUT_WINDOW ? POLLIN : 0);
}

void streams_resume_input(struct supervisor *s)
{
	s->input_held = false;
	streams_pump_input(s);
}

/* --- output that must be here before its host may be left --- */

static void await_end(struct supervisor *s, int code)
{
	struct awaited a = s->awaited;
	loop_remove(&s->awaited.timer);
	s->awaited = (struct awaited){0};
	a.done(a.context, code);
}

static void on_await_late(void *context)
{
	struct supervisor *s = context;
	await_end(s,
		error_set(PMIG_ETIMEOUT, "the output of %s up to here did not arrive in %d s: what it goes to is not read",
			s->name, AWAIT_MS / 1000));
}

static bool is_here(const struct supervisor *s)
{
	const struct awaited *a = &s->awaited;
	return s->stations[0].remote == a->from && output_taken(s->output[0]) >= a->end[0] &&
		output_taken(s->output[1]) >= a->end[1];
}

void streams_await(struct supervisor *s, const struct remote *r, const json_t *frozen, void (*done)(void *context, int code),
	void *context)
{
	loop_remove(&s->awaited.timer);
	s->awaited = (struct awaited){.from = r,
		.end = {(uint64_t)json_integer_value(json_object_get(frozen, "out")),
			(uint64_t)json_integer_value(json_object_get(frozen, "err"))},
		.done = done,
		.context = context};
	if (!s->placed || is_here(s)) /* not placed: the streams begin there */
		await_end(s, 0);
	else if (loop_after(s->loop, AWAIT_MS, on_await_late, s, &s->awaited.timer) < 0)
		await_end(s, PMIG_ENOMEM);
}

void streams_await_not(struct supervisor *s, void *context)
{
	if (s->awaited.done == NULL || s->awaited.context != context)
		return;
	loop_remove(&s->awaited.timer);
	s->awaited = (struct awaited){0};
}

int streams_packet(struct supervisor *s, struct remote *r, const struct packet *p)
{
	if (p->stream == AGENT_STDIN && p->type == PACKET_ACK) {
		int rc = r == supervisor_here(s)->remote ? spool_acknowledge(s->input, p->offset) : 0;
		streams_pump_input(s);
		return rc;
	}
	if (p->type != PACKET_DATA || (p->stream != AGENT_STDOUT && p->stream != AGENT_STDERR))
		return error_set(PMIG_EPROTOCOL, "%s: packet %d on stream %u", remote_where(r), (int)p->type, p->stream);
	if (r != s->stations[0].remote)
		return 0; /* it will be asked again when its turn comes */
	int rc = output_put(s->output[p->stream - AGENT_STDOUT], p->offset, p->data, p->size);
	if (rc >= 0 && s->awaited.done != NULL && is_here(s))
		await_end(s, 0);
	return rc < 0 ? rc : 0;
}

/* What the supervisor before this one had acknowledged is not there any more; it has shown it. */
static void skip_shown(struct supervisor *s, struct remote *speaker)
{
	static const char *const keys[] = {"out", "err"};
	for (size_t i = 0; i < 2; i++) {
		const json_t *kept = json_object_get(remote_facts(speaker), keys[i]);
		output_skip(s->output[i], (uint64_t)json_integer_value(json_array_get(kept, 0)));
	}
}

void streams_attach(struct supervisor *s)
{
	struct remote *speaker = s->stations[0].remote;
	if (!s->started || !remote_is_up(speaker))
		return;
	skip_shown(s, speaker);
	remote_request(speaker, "attach",
		json_pack("{s:I, s:I}", "out", (json_int_t)output_taken(s->output[0]), "err",
			(json_int_t)output_taken(s->output[1])),
		NULL, NULL);
	tell_unread(s, remote_peer(speaker));
}

static void on_end_late(void *context)
{
	struct supervisor *s = context;
	supervisor_stop(s, s->exit_status);
}

static void on_end_unreached(void *context)
{
	struct supervisor *s = context;
	supervisor_say(s, "%s ended at %s, which does not answer any more: what lies there of it is left", s->name,
		remote_label(s->stations[0].remote));
	on_end_late(context);
}

static void on_end(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct supervisor *s = context;
	if (code == PMIG_EUNREACHED) {
		loop_remove(&s->end_timer);
		(void)loop_after(s->loop, END_AGAIN_MS, on_end_unreached, s, &s->end_timer);
		return;
	}
	s->said_end = true;
	supervisor_over(s);
}

/* An agent that was started anew does not know how it ended. */
void streams_end(struct supervisor *s)
{
	remote_request(s->stations[0].remote, "end", json_pack("{s:b, s:i}", "all", 1, "status", s->exit_status), on_end, s);
}

/* A speaker that has left and said everything makes room for the next. */
void streams_check(struct supervisor *s)
{
	if (s->station_count == 0)
		return;
	struct station *t = &s->stations[0];
	if ((!t->left && !t->ended) || t->asked_end || output_done(s->output[0]) < t->end[0] ||
		output_done(s->output[1]) < t->end[1])
		return;
	if (s->station_count == 1 && s->move != NULL)
		return; /* it has the last word */
	if (s->station_count == 1 && !channels_finish(s))
		return;
	t->asked_end = true;
	if (s->station_count == 1) {
		(void)loop_after(s->loop, END_MS, on_end_late, s, &s->end_timer);
		streams_end(s);
		return;
	}
	if (!move_uses(s, t->remote))
		supervisor_dismiss(s, t->remote);
	for (size_t i = 1; i < s->station_count; i++)
		s->stations[i - 1] = s->stations[i];
	s->station_count--;
	streams_attach(s);
	if (s->awaited.done != NULL && is_here(s))
		await_end(s, 0);
}
