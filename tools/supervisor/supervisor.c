/* supervisor: the life of `pmig run` and `pmig attach`. */
#include "channels.h"
#include "checkpoint.h"
#include "fence.h"
#include "kinds.h"
#include "move.h"
#include "registry/store.h"
#include "periodic.h"
#include "restart.h"
#include "start.h"
#include "terminal.h"
#include "transport/agent.h"
#include "transport/channel.h"
#include "transport/hex_text.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGINS_MS 5000 /* until a program that was built with pmig-cc has said so; a script may come first */

void supervisor_say(struct supervisor *s, const char *format, ...)
{
	char text[PMIG_REASON_MAX + 256];
	va_list ap;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	(void)dprintf(2, "pmig: %s%s\n", text, s->terminal[0] ? "\r" : "");
}

void supervisor_stop(struct supervisor *s, int exit_status)
{
	s->exit_status = exit_status;
	loop_stop(s->loop, 0);
}

/* It does not run, and never did: `pmig run` fails. */
void supervisor_fail(struct supervisor *s, int exit_status, const char *what)
{
	terminal_leave();
	supervisor_say(s, "%s: %s", what, pmig_reason());
	supervisor_stop(s, exit_status);
}

/* It takes over what runs already, or may. */
static bool is_attached(const struct supervisor *s)
{
	return s->options->path == NULL && s->options->image == NULL;
}

static const char *verb(const struct supervisor *s)
{
	return s->options->image != NULL ? "restart" : !is_attached(s) ? "run" : s->options->recover ? "recover" : "attach";
}

static int failed_status(const struct supervisor *s)
{
	return s->options->image != NULL ? error_exit_status(PMIG_EREFUSED) : SUPERVISOR_FAILED;
}

struct station *supervisor_here(struct supervisor *s)
{
	return &s->stations[s->station_count - 1];
}

struct station *supervisor_station(struct supervisor *s, const struct remote *r)
{
	for (size_t i = 0; i < s->station_count; i++)
		if (s->stations[i].remote == r)
			return &s->stations[i];
	return NULL;
}

static void on_bury(void *context)
{
	struct supervisor *s = context;
	while (s->dead_count > 0)
		remote_destroy(s->dead[--s->dead_count]);
}

void supervisor_bury(struct supervisor *s, struct remote *r)
{
	if (s->dead_count == SUPERVISOR_STATIONS)
		return; /* destroyed with the process */
	s->dead[s->dead_count++] = r;
	if (s->bury == NULL)
		(void)loop_after(s->loop, 0, on_bury, s, &s->bury);
}

static void on_begun(void *context)
{
	(void)context;
}

void supervisor_runs(struct supervisor *s)
{
	s->started = s->placed = true;
	if (!s->migrates)
		(void)loop_after(s->loop, BEGINS_MS, on_begun, s, &s->begins);
	int r = server_open(s);
	if (r < 0)
		supervisor_say(s, "%s", pmig_reason()); /* it runs, but the other verbs do not reach us */
	const struct pmig_policy_row policy = {
		.process = s->uuid, .name = s->options->policy, .text = s->options->policy_text};
	if (policy.name != NULL && s->store->policy_put(s->store, &policy) < 0)
		supervisor_say(s, "%s: %s", policy.name, pmig_reason());
	if (s->options->ready_fd >= 0) {
		(void)dprintf(s->options->ready_fd, "%s\n", s->name);
		(void)close(s->options->ready_fd);
	}
	periodic_begin(s);
	terminal_enter();
	streams_attach(s);
	streams_pump_input(s);
}

/* --- what agents say --- */

void supervisor_exit(struct supervisor *s, struct remote *r, const json_t *event)
{
	struct station *t = supervisor_station(s, r);
	if (t == NULL)
		return;
	s->exit_status = (int)json_integer_value(json_object_get(event, "status"));
	const json_t *out = json_object_get(event, "out"), *err = json_object_get(event, "err");
	t->end[0] = json_is_integer(out) ? (uint64_t)json_integer_value(out) : output_taken(s->output[0]);
	t->end[1] = json_is_integer(err) ? (uint64_t)json_integer_value(err) : output_taken(s->output[1]);
	t->ended = true;
	ship_forget(s);
	server_announce_exit(s, s->exit_status);
	periodic_ended(s, s->exit_status);
	streams_check(s);
}

/* env(1), or a script that ends with exec: what goes along is what runs. */
static void become(struct supervisor *s, struct remote *r, const json_t *said)
{
	char path[PATH_MAX];
	if (!hex_text_get(json_object_get(said, "became"), path, sizeof path) || path[0] == '\0' ||
		strcmp(path, s->path) == 0)
		return;
	int fd = remote_is_local(r) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0) {
		(void)snprintf(s->became, sizeof s->became, "%s", path);
		return;
	}
	if (s->program >= 0)
		(void)close(s->program);
	s->program = fd;
	(void)snprintf(s->path, sizeof s->path, "%s", path);
}

static void on_event(void *context, struct remote *r, const json_t *event)
{
	struct supervisor *s = context;
	const char *what = json_string_value(json_object_get(event, "event"));
	struct station *t = supervisor_station(s, r);
	if (strcmp(what, "replaced") == 0) {
		terminal_leave();
		s->replaced = true;
		supervisor_say(s, "another `pmig attach` has taken over %s", s->name);
		supervisor_stop(s, SUPERVISOR_FAILED);
		return;
	}
	if (strcmp(what, "late") == 0) {
		late_event(s, r, event);
		return;
	}
	if (strcmp(what, "fault") == 0) {
		(void)raise(SIGKILL);
		return;
	}
	if (channels_event(s, r, event) || move_event(s, r, event) || t == NULL)
		return;
	if (strcmp(what, "exit") == 0) {
		supervisor_ended(s, r, event);
	} else if (strcmp(what, "migrates") == 0) {
		s->migrates = true;
		loop_remove(&s->begins);
		become(s, r, event);
	} else if (strcmp(what, "stopped") == 0)
		signals_stopped(s);
}

static void on_activated(void *context, int code, const json_t *answer)
{
	struct supervisor *s = context;
	if (code == PMIG_EUNREACHED)
		return; /* found again when the connection is back */
	if (code < 0) {
		supervisor_fail(s, SUPERVISOR_FAILED, "activate");
		return;
	}
	if (!s->placed)
		supervisor_place(s, json_object_get(answer, "request"));
	streams_attach(s);
	streams_pump_input(s);
}

/* `pmig recover`: it was killed before the hand-over was settled, and its image is still there: on from it, for a new epoch. */
static void on_revive_claimed(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct supervisor *s = context;
	if (code < 0)
		supervisor_fail(s, SUPERVISOR_FAILED, "recover");
	else
		remote_request(supervisor_here(s)->remote, "activate", json_pack("{s:I}", "epoch", (json_int_t)s->epoch),
			on_activated, s);
}

static void on_revive_restored(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct supervisor *s = context;
	if (code < 0)
		supervisor_fail(s, SUPERVISOR_FAILED, "recover");
	else
		remote_request(supervisor_here(s)->remote, "claim", json_pack("{s:I}", "epoch", (json_int_t)s->epoch),
			on_revive_claimed, s);
}

static bool revive(struct supervisor *s, struct remote *r, const char *state)
{
	const json_t *facts = remote_facts(r);
	const char *owner = json_string_value(json_object_get(facts, "owner"));
	json_int_t epoch = json_integer_value(json_object_get(facts, "owner_epoch"));
	bool killed = strcmp(state, "ended") == 0 && json_integer_value(json_object_get(facts, "exit")) > 128;
	if (!s->options->recover || !killed || json_object_get(facts, "image") == NULL || owner == NULL ||
		strcmp(owner, remote_label(r)) != 0 || (uint64_t)epoch < s->epoch)
		return false;
	s->epoch = (uint64_t)epoch + 1;
	remote_request(r, "restore", json_pack("{s:I, s:I}", "epoch", epoch + 1, "image_epoch", epoch), on_revive_restored,
		s);
	return true;
}

/* It belongs to this host and has not begun there: the hand-over broke off between the claim and the first instruction. */
static bool waits_to_begin(const struct remote *r, const char *state)
{
	const json_t *facts = remote_facts(r);
	const char *owner = json_string_value(json_object_get(facts, "owner"));
	return owner != NULL && strcmp(owner, remote_label(r)) == 0 &&
		(strcmp(state, "restored") == 0 || (strcmp(state, "empty") == 0 && json_object_get(facts, "image") != NULL));
}

/* The agent was killed, and the program with it or after its end: nobody else says how it ended. */
bool supervisor_unheard(struct supervisor *s, struct remote *r)
{
	const json_t *facts = remote_facts(r);
	const char *state = json_string_value(json_object_get(facts, "state"));
	bool ended = state != NULL && strcmp(state, "ended") == 0, empty = state != NULL && strcmp(state, "empty") == 0;
	if ((!ended && !empty) || json_object_get(facts, "out") != NULL)
		return false;
	json_t *event = json_pack("{s:s, s:i, s:O*}", "event", "exit", "status",
		ended ? (int)json_integer_value(json_object_get(facts, "exit")) : 128 + SIGKILL, "undone",
		json_object_get(facts, "undone"));
	on_event(s, r, event);
	json_decref(event);
	return true;
}

/* Connected again, or to a program that another supervisor started. */
static void on_found(struct supervisor *s, struct station *t)
{
	const json_t *facts = remote_facts(t->remote);
	const char *state = json_string_value(json_object_get(facts, "state"));
	if (t == supervisor_here(s) && late_found(s, t->remote))
		return;
	if (t == supervisor_here(s) && s->move == NULL && waits_to_begin(t->remote, state)) {
		remote_request(t->remote, "activate", json_pack("{s:O}", "epoch", json_object_get(facts, "owner_epoch")),
			on_activated, s);
		return;
	}
	if (t == supervisor_here(s) && s->move == NULL && s->checkpoint == NULL && strcmp(state, "frozen") == 0) {
		const char *owner = json_string_value(json_object_get(facts,
			"owner")); /* whoever froze it was killed, or cut off */
		checkpoint_thaw(s, t->remote, owner != NULL && strcmp(owner, "image") == 0,
			json_string_value(json_object_get(facts, "handover")));
	}
	if (t == supervisor_here(s) && s->move == NULL && revive(s, t->remote, state))
		return;
	if (t == supervisor_here(s) && supervisor_unheard(s, t->remote))
		return;
	if (t->left && json_object_get(facts, "out") == NULL) {
		t->end[0] = t->end[1] = 0; /* what it still had is lost */
		streams_check(s);
		return;
	}
	if (t == supervisor_here(s)) {
		s->input_sent = (uint64_t)json_integer_value(json_object_get(facts, "in"));
		if (s->input_sent < spool_begin(s->input))
			s->input_sent = spool_begin(s->input);
		s->input_end_sent = false;
	}
	streams_attach(s);
	streams_pump_input(s);
}

void supervisor_place(struct supervisor *s, const json_t *frozen)
{
	if (streams_place(s, (uint64_t)json_integer_value(json_object_get(frozen, "in")),
		    (uint64_t)json_integer_value(json_object_get(frozen, "out")),
		    (uint64_t)json_integer_value(json_object_get(frozen, "err"))) < 0)
		supervisor_fail(s, SUPERVISOR_FAILED, "attach");
	else
		supervisor_runs(s);
}

/* Attached: what was acknowledged has been shown already. */
static void take_up(struct supervisor *s, const json_t *facts)
{
	uint64_t in = (uint64_t)json_integer_value(json_object_get(facts, "in"));
	uint64_t out = (uint64_t)json_integer_value(json_array_get(json_object_get(facts, "out"), 0));
	uint64_t err = (uint64_t)json_integer_value(json_array_get(json_object_get(facts, "err"), 0));
	uint64_t epoch = (uint64_t)json_integer_value(json_object_get(facts, "epoch"));
	if (epoch > s->epoch)
		s->epoch = epoch;
	if (streams_place(s, in, out, err) < 0)
		supervisor_fail(s, SUPERVISOR_FAILED, "attach");
	else
		supervisor_runs(s);
}

static void on_up(void *context, struct remote *r)
{
	struct supervisor *s = context;
	struct station *t = supervisor_station(s, r);
	if (t != NULL && t->asked_end) {
		streams_end(s);
		return;
	}
	if (t != NULL && t == supervisor_here(s) && s->started)
		become(s, r, remote_facts(r));
	if (t != NULL && s->started && !s->placed && json_object_get(remote_facts(r), "out") != NULL)
		take_up(s, remote_facts(r));
	if (t != NULL && s->started)
		on_found(s, t);
	else if (t != NULL && (s->options->image != NULL ? restart_begin(s) : start_begin(s)) < 0)
		supervisor_fail(s, failed_status(s), verb(s));
	channels_up(s, r);
	move_up(s, r);
	late_check(s);
}

static void on_down(void *context, struct remote *r, int code)
{
	struct supervisor *s = context;
	struct station *t = supervisor_station(s, r);
	if (t != NULL && (!s->started || (s->options->path == NULL && !s->placed && s->move == NULL))) {
		supervisor_fail(s, failed_status(s), verb(s));
		return;
	}
	checkpoint_down(s, r);
	move_down(s, r, code);
	if ((t != NULL && !s->said_end) || channels_keeps(s, r))
		remote_connect_later(r, s->epoch);
}

static int on_packet(void *context, struct remote *r, const struct packet *p)
{
	struct supervisor *s = context;
	if (p->type == PACKET_PROBE)
		return plan_packet(s->move, r, p), 0;
	if (p->stream >= AGENT_BULK) {
		if (!start_packet(s, r, p) && !checkpoint_packet(s, r, p))
			(void)move_packet(s, r, p);
		return 0;
	}
	if (p->stream == CHANNEL_STREAM) {
		channels_packet(s, r, p);
		return 0;
	}
	return supervisor_station(s, r) != NULL ? streams_packet(s, r, p) : 0;
}

static void on_room(void *context, struct remote *r)
{
	start_room(context);
	move_room(context, r);
	channels_room(context, r);
	streams_pump_input(context);
}

int supervisor_label(struct supervisor *s, const char *where, char ret_label[PMIG_NAME_MAX + 1])
{
	struct link_target t;
	if (strcmp(where, "home") == 0 || strcmp(where, s->home) == 0) {
		(void)snprintf(ret_label, PMIG_NAME_MAX + 1, "%s", s->home);
		return 0;
	}
	if (strncmp(where, "local:/", 7) == 0) {
		(void)snprintf(ret_label, PMIG_NAME_MAX + 1, "%s", where);
		return 0;
	}
	int r = link_parse_target(where, &t);
	if (r >= 0)
		(void)snprintf(ret_label, PMIG_NAME_MAX + 1, "%s", where);
	return r;
}

int supervisor_remote(struct supervisor *s, const char *where, enum link_method method, struct remote **ret_remote)
{
	char label[PMIG_NAME_MAX + 1];
	int r = supervisor_label(s, where, label);
	if (r < 0)
		return r;
	return remote_create(&(struct remote_options){.loop = s->loop,
				     .where = strcmp(label, s->home) == 0 ? "home" : where,
				     .label = label,
				     .home = s->home,
				     .state = s->options->state,
				     .method = method,
				     .uuid = s->uuid,
				     .name = s->name,
				     .fault = getenv("PMIG_FAULT"),
				     .up = on_up,
				     .down = on_down,
				     .event = on_event,
				     .packet = on_packet,
				     .room = on_room,
				     .insists = late_insists,
				     .knows = late_knows,
				     .context = s},
		ret_remote);
}

/* --- life --- */

int supervisor_uuid(char ret_uuid[PMIG_UUID_LENGTH + 1])
{
	unsigned char b[16];
	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
		return error_errno(PMIG_EIO, errno, "no random numbers");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	(void)snprintf(ret_uuid, PMIG_UUID_LENGTH + 1,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5],
		b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return 0;
}

static int open_store(struct supervisor *s)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/registry.db", s->options->state);
	return registry_store_open(path, &s->store);
}

static int choose_name(struct supervisor *s)
{
	const struct supervisor_options *o = s->options;
	char base[PATH_MAX];
	(void)snprintf(base, sizeof base, "%s", o->argv[0]);
	(void)snprintf(s->name, sizeof s->name, "%s", o->name != NULL ? o->name : basename(base));
	(void)snprintf(s->path, sizeof s->path, "%s", o->path);
	return supervisor_uuid(s->uuid);
}

static int check_name(const struct supervisor *s)
{
	if (strchr(s->name, '/') != NULL || s->name[0] == '.' || s->name[0] == '\0' || strlen(s->name) > 64)
		return error_set(PMIG_EINVAL, "\"%s\" cannot be a name: at most 64 bytes, no slash, no dot in front",
			s->name);
	return 0;
}

static int prepare(struct supervisor *s)
{
	const struct supervisor_options *o = s->options;
	if (gethostname(s->home, sizeof s->home - 1) < 0)
		return error_errno(PMIG_EIO, errno, "host name");
	terminal_open(!o->detached, s->terminal);
	int r = mishap_setup(s);
	if (r >= 0)
		r = open_store(s);
	if (r >= 0)
		r = loop_create(&s->loop);
	if (r >= 0)
		r = signals_open(s);
	if (r >= 0)
		r = o->image != NULL ? restart_prepare(s) : o->path != NULL ? choose_name(s) : attach_prepare(s);
	if (r >= 0)
		r = check_name(s);
	if (r >= 0)
		r = kinds_open(s);
	if (r >= 0)
		r = streams_open(s);
	if (r >= 0 && !is_attached(s))
		r = supervisor_remote(s, o->on != NULL ? o->on : "home", 0, &s->stations[0].remote);
	if (r < 0)
		return r;
	s->station_count = 1;
	if (is_attached(s))
		r = channels_open(s);
	if (r < 0)
		return r;
	s->program = open(s->path, O_RDONLY | O_CLOEXEC);
	if (s->program < 0 && !is_attached(s))
		return error_errno(PMIG_EIO, errno, "%s", s->path);
	return 0;
}

int supervisor_run(const struct supervisor_options *options)
{
	struct supervisor *s = calloc(1, sizeof *s);
	if (s == NULL)
		return SUPERVISOR_FAILED;
	*s = (struct supervisor){.options = options, .exit_status = SUPERVISOR_FAILED, .program = -1, .log_fd = {-1, -1}};
	int r = prepare(s);
	if (r >= 0) {
		if (!s->only_fences)
			remote_connect(s->stations[0].remote, is_attached(s) ? s->epoch : 0);
		r = attach_begin(s);
	}
	if (r >= 0)
		r = loop_run(s->loop);
	terminal_leave();
	if (r < 0)
		supervisor_say(s, "%s: %s", verb(s), pmig_reason());
	int exit_status = r < 0 ? failed_status(s) : s->exit_status;
	free(s->open);
	free(s->kinds);
	server_close(s);
	restart_destroy(s->restart);
	start_destroy(s);
	move_destroy(s->move);
	fence_close(s);
	checkpoint_destroy(s->checkpoint);
	periodic_close(s);
	for (size_t i = 0; i < s->station_count; i++)
		remote_destroy(s->stations[i].remote);
	channels_close(s);
	farewell_close(s);
	if (s->loop != NULL) {
		on_bury(s);
		streams_close(s);
	}
	loop_destroy(s->loop);
	registry_store_close(s->store);
	if (s->program >= 0)
		(void)close(s->program);
	free(s);
	return exit_status;
}
