/* remote: one agent, seen from the supervisor. */
#include "remote.h"

#include "install.h"
#include "job.h"
#include "transport/agent.h"

#include <errno.h>
#include <pwd.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READY_MS 20000
#define NOISE_MAX 65536 /* what a login shell may say before the agent is there */

struct question {
	struct question *next;
	int64_t id;
	remote_answer *answer;
	void *context;
	bool unsent;
};

struct remote {
	struct remote_options o;
	char *strings[7]; /* copies */
	struct link *link;
	struct job *job;
	struct link_process process; /* of the connection on the way */
	struct peer *peer;
	int error_fd;
	struct loop_source *error_source;
	char errors[512]; /* the last that came on standard error */
	json_t *facts;
	struct question *questions;
	int64_t last_id;
	uint64_t seen, insists; /* when it was connected last */
	struct loop_source *unsent_timer, *retry_timer;
	int tries;   /* connections that failed in a row */
	int stop[2]; /* a pipe: readable when connecting shall be given up */
};

static void on_closed(void *context, int code);

bool remote_is_local(const struct remote *r)
{
	return strcmp(r->o.where, "home") == 0 || strncmp(r->o.where, "local:", 6) == 0;
}

int remote_create(const struct remote_options *options, struct remote **ret_remote)
{
	struct remote *r = calloc(1, sizeof *r);
	if (r == NULL)
		return error_set(PMIG_ENOMEM, "%s: out of memory", options->where);
	r->o = *options;
	r->process = LINK_PROCESS_NONE;
	r->error_fd = r->stop[0] = r->stop[1] = -1;
	const char **texts[] = {&r->o.where, &r->o.label, &r->o.home, &r->o.state, &r->o.uuid, &r->o.name, &r->o.fault};
	bool complete = pipe2(r->stop, O_CLOEXEC) == 0;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		r->strings[i] = strdup(*texts[i] != NULL ? *texts[i] : "");
		complete = complete && r->strings[i] != NULL;
		*texts[i] = r->strings[i];
	}
	if (!complete) {
		remote_destroy(r);
		return error_set(PMIG_ENOMEM, "%s: out of memory", options->where);
	}
	*ret_remote = r;
	return 0;
}

static void close_errors(struct remote *r)
{
	loop_remove(&r->error_source);
	if (r->error_fd >= 0)
		(void)close(r->error_fd);
	r->error_fd = -1;
}

void remote_destroy(struct remote *r)
{
	if (r == NULL)
		return;
	if (r->stop[1] >= 0)
		(void)!write(r->stop[1], "", 1);
	job_abandon(r->job);
	if (r->process.fd >= 0)
		(void)close(r->process.fd);
	if (r->process.error_fd >= 0)
		(void)close(r->process.error_fd);
	close_errors(r);
	loop_remove(&r->unsent_timer);
	loop_remove(&r->retry_timer);
	peer_destroy(r->peer);
	link_close(r->link);
	json_decref(r->facts);
	while (r->questions != NULL) {
		struct question *q = r->questions;
		r->questions = q->next;
		free(q);
	}
	for (size_t i = 0; i < sizeof r->strings / sizeof *r->strings; i++)
		free(r->strings[i]);
	for (int i = 0; i < 2; i++)
		if (r->stop[i] >= 0)
			(void)close(r->stop[i]);
	free(r);
}

/* --- connecting, in a thread of its own --- */

/* Its last words. One that was there and could not work ends with the status of PMIG_EIO; anything else may be the way. */
static int not_started(struct remote *r)
{
	int status = -1;
	ssize_t size = read(r->process.error_fd, r->errors, sizeof r->errors - 1);
	r->errors[size > 0 ? size : 0] = '\0';
	r->errors[strcspn(r->errors, "\n")] = '\0';
	bool own = link_wait(r->link, r->process.number, &status) >= 0 && status == error_exit_status(PMIG_EIO);
	return error_set(own ? PMIG_EIO : PMIG_EUNREACHED, "%s: the agent could not be started: %s", r->o.label,
		r->errors[0] != '\0' ? r->errors : "it ended at once");
}

/* Reads up to the line that the agent begins with, byte by byte: what follows is packets. */
static int await_ready(struct remote *r)
{
	const char *const ready = AGENT_READY;
	size_t matched = 0;
	for (size_t total = 0; ready[matched] != '\0'; total++) {
		struct pollfd p[2] = {{.fd = r->process.fd, .events = POLLIN}, {.fd = r->stop[0], .events = POLLIN}};
		char c;
		int n = poll(p, 2, READY_MS);
		if (n > 0 && p[1].revents != 0)
			return error_set(PMIG_ECANCELLED, "%s: given up", r->o.where);
		if (n == 0 || total == NOISE_MAX)
			return error_set(PMIG_ETIMEOUT, "%s: the agent does not answer", r->o.where);
		if (n < 0 || read(r->process.fd, &c, 1) != 1) {
			return not_started(r);
		}
		matched = c == ready[matched] ? matched + 1 : c == ready[0] ? 1 : 0;
	}
	return 0;
}

static int exec_agent(struct remote *r)
{
	char command[INSTALL_COMMAND_MAX];
	int rc = install_agent_command(r->link,
		&(struct install_agent){.local = remote_is_local(r),
			.state = strcmp(r->o.where, "home") == 0        ? r->o.state
				: strncmp(r->o.where, "local:", 6) == 0 ? r->o.where + 6
									: "",
			.uuid = r->o.uuid,
			.name = r->o.name,
			.knows = r->insists},
		command);
	if (rc >= 0)
		rc = link_exec(r->link, command, &r->process);
	return rc;
}

static int work(void *context)
{
	struct remote *r = context;
	int rc = PMIG_EUNREACHED;
	if (r->link != NULL)
		rc = exec_agent(r); /* the session may still be good */
	if (rc < 0 && rc != PMIG_EBUSY) {
		link_close(r->link);
		r->link = NULL;
		struct link_options o = {.target = remote_is_local(r) ? NULL : r->o.where,
			.method = remote_is_local(r) ? LINK_LOCAL : r->o.method,
			.stop_fd = r->stop[0]};
		rc = link_open(&o, &r->link);
		if (rc >= 0)
			rc = exec_agent(r);
	}
	if (rc >= 0)
		rc = await_ready(r);
	return rc == PMIG_ETIMEOUT ? PMIG_EUNREACHED : rc; /* a silent host is not reached, whichever part of it is silent */
}

/* --- connected --- */

static void on_errors(void *context, short events)
{
	(void)events;
	struct remote *r = context;
	ssize_t n = read(r->error_fd, r->errors, sizeof r->errors - 1);
	if (n <= 0)
		close_errors(r);
}

static void answer(struct remote *r, const json_t *object)
{
	int64_t id = json_integer_value(json_object_get(object, "id"));
	for (struct question **at = &r->questions; *at != NULL; at = &(*at)->next) {
		struct question q = **at;
		if (q.id != id)
			continue;
		free(*at);
		*at = q.next;
		int code = (int)json_integer_value(json_object_get(object, "code"));
		const char *reason = json_string_value(json_object_get(object, "reason"));
		if (code < 0)
			(void)error_set(code, "%s: %s", r->o.label, reason != NULL ? reason : pmig_strerror(code));
		if (q.answer != NULL)
			q.answer(q.context, code < 0 ? code : 0, object);
		return;
	}
}

/* Who runs this, for the limits of the other host. */
static const char *user_name(void)
{
	const struct passwd *p = getpwuid(getuid());
	return p != NULL && p->pw_name[0] != '\0' ? p->pw_name : "?";
}

static int on_control(struct remote *r, const struct packet *p)
{
	json_t *object;
	int rc = packet_get_json(p, &object);
	if (rc < 0)
		return rc;
	const char *event = json_string_value(json_object_get(object, "event"));
	if (event == NULL) {
		answer(r, object);
	} else if (strcmp(event, "hello") == 0 && r->facts == NULL) {
		r->facts = json_incref(object);
		r->tries = 0;
		remote_request(r, "hello",
			json_pack("{s:I, s:s, s:s, s:s, s:s}", "seen", (json_int_t)r->seen, "host", r->o.label, "home",
				r->o.home, "user", user_name(), "fault", r->o.fault),
			NULL, NULL);
		r->o.fault = ""; /* once: an agent that was killed for it comes back without */
		r->o.up(r->o.context, r);
	} else {
		r->o.event(r->o.context, r, object);
	}
	json_decref(object);
	return 0;
}

static int on_packet(void *context, const struct packet *p)
{
	struct remote *r = context;
	if (p->stream == PACKET_STREAM_CONTROL)
		return on_control(r, p);
	return r->o.packet(r->o.context, r, p);
}

static void on_room(void *context)
{
	struct remote *r = context;
	r->o.room(r->o.context, r);
}

/* Nobody knows what became of the questions; or they were never sent. */
static void answer_all(struct remote *r, bool only_unsent, const char *reason)
{
	for (struct question **at = &r->questions; *at != NULL;) {
		struct question *q = *at;
		if (only_unsent && !q->unsent) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		(void)error_set(PMIG_EUNREACHED, "%s: %s", r->o.where, reason);
		if (q->answer != NULL)
			q->answer(q->context, PMIG_EUNREACHED, NULL);
		free(q);
		at = &r->questions; /* the answer may have asked something new */
	}
}

static void on_unsent(void *context)
{
	answer_all(context, true, "not connected");
}

static void lose(struct remote *r, int code)
{
	char reason[PMIG_REASON_MAX];
	(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
	close_errors(r);
	peer_destroy(r->peer);
	r->peer = NULL;
	json_decref(r->facts);
	r->facts = NULL;
	answer_all(r, false, reason);
	(void)error_set(code, "%s", reason);
	r->o.down(r->o.context, r, code);
}

static void on_closed(void *context, int code)
{
	struct remote *r = context;
	lose(r,
		code == PMIG_EGONE              ? error_set(PMIG_EUNREACHED, "the connection was closed")
			: code == PMIG_EVERSION ? error_prefix(code, "%s", r->o.label)
						: code);
}

static void on_connected(void *context, int result)
{
	struct remote *r = context;
	r->job = NULL;
	struct link_process p = r->process;
	r->process = LINK_PROCESS_NONE;
	if (result < 0) {
		if (p.fd >= 0)
			(void)close(p.fd);
		if (p.error_fd >= 0)
			(void)close(p.error_fd);
		lose(r, result);
		return;
	}
	json_decref(r->facts);
	r->facts = NULL;
	r->error_fd = p.error_fd;
	int rc = loop_add(r->o.loop, r->error_fd, POLLIN, on_errors, r, &r->error_source);
	if (rc < 0) {
		(void)close(p.fd);
	} else {
		rc = peer_create(&(struct peer_options){.loop = r->o.loop,
					 .fd = p.fd,
					 .pack = remote_is_local(r) ? PACKET_PLAIN : PACKET_PACK,
					 .packet = on_packet,
					 .room = on_room,
					 .closed = on_closed,
					 .context = r},
			&r->peer);
	}
	if (rc < 0)
		lose(r, rc);
}

void remote_connect(struct remote *r, uint64_t seen)
{
	r->seen = seen;
	if (r->peer != NULL || r->job != NULL)
		return;
	r->insists = r->o.insists(r->o.context);
	int rc = job_start(r->o.loop, work, on_connected, r, &r->job);
	if (rc < 0)
		lose(r, rc);
}

static void on_retry(void *context)
{
	struct remote *r = context;
	remote_connect(r, r->seen);
}

void remote_connect_later(struct remote *r, uint64_t seen)
{
	r->seen = seen;
	int ms = 100 << (r->tries < 6 ? r->tries : 6);
	r->tries++;
	if (r->retry_timer == NULL)
		(void)loop_after(r->o.loop, ms, on_retry, r, &r->retry_timer);
}

void remote_cut(struct remote *r)
{
	if (r->peer != NULL)
		(void)shutdown(peer_descriptor(r->peer), SHUT_RDWR);
}

bool remote_is_up(const struct remote *r)
{
	return r != NULL && r->peer != NULL && r->facts != NULL;
}

/* --- requests --- */

void remote_request(struct remote *r, const char *verb, json_t *arguments, remote_answer *answer, void *context)
{
	struct question *q = malloc(sizeof *q);
	if (arguments == NULL)
		arguments = json_object();
	if (q == NULL || arguments == NULL)
		abort(); /* a few bytes: there is nobody left who could be told */
	*q = (struct question){
		.next = r->questions, .id = ++r->last_id, .answer = answer, .context = context, .unsent = r->peer == NULL};
	r->questions = q;
	(void)json_object_set_new(arguments, "do", json_string(verb));
	(void)json_object_set_new(arguments, "id", json_integer(q->id));
	(void)json_object_set_new(arguments, "knows", json_integer((json_int_t)r->o.knows(r->o.context)));
	if (r->peer != NULL)
		(void)peer_put_json(r->peer, arguments);
	else if (r->unsent_timer == NULL)
		(void)loop_after(r->o.loop, 0, on_unsent, r, &r->unsent_timer);
	json_decref(arguments);
}

void remote_forget(struct remote *r, void *context)
{
	for (struct question *q = r->questions; q != NULL; q = q->next)
		if (q->context == context)
			q->answer = NULL;
}

struct peer *remote_peer(struct remote *r)
{
	return r->peer;
}

const json_t *remote_facts(const struct remote *r)
{
	return r->facts;
}

const char *remote_label(const struct remote *r)
{
	return r->o.label;
}

const char *remote_where(const struct remote *r)
{
	return r->o.where;
}

struct link *remote_link(struct remote *r)
{
	return r->link;
}
