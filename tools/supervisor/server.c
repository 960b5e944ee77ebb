/* server: the control socket of a supervisor: one JSON object a line, for the other verbs of the same user. */
#include "channels.h"
#include "checkpoint.h"
#include "periodic.h"

#include "registry/plan_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES 65536
#define CLIENTS_MAX 16
#define AGAIN_MS 10
#define REST_MS 1000
#define ADDRESSES_MS 500

struct client {
	struct supervisor *supervisor;
	int fd;
	struct loop_source *source;
	char line[LINE_BYTES];
	size_t size;
	bool waits;    /* for the exit status */
	json_t *again; /* a request that waits: until the source of the last move is released, or the program has begun */
	struct loop_source *again_timer, *late;
};

struct server {
	int fd;
	int directory; /* the state directory: the socket's name stays short */
	char path[PMIG_NAME_MAX + 16];
	struct loop_source *source;
	struct client *clients[CLIENTS_MAX];
};

/* What was asked of a host for it. */
static void forget(struct client *c)
{
	for (size_t i = 0; i < c->supervisor->station_count; i++)
		remote_forget(c->supervisor->stations[i].remote, c);
}

static void drop(struct client *c)
{
	struct server *v = c->supervisor->server;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (v->clients[i] == c)
			v->clients[i] = NULL;
	move_listener_gone(c->supervisor, c);
	checkpoint_listener_gone(c->supervisor, c);
	loop_remove(&c->source);
	loop_remove(&c->again_timer);
	json_decref(c->again);
	forget(c);
	loop_remove(&c->late);
	(void)close(c->fd);
	free(c);
}

/* A client that does not read loses lines, and us nothing. */
static void say(struct client *c, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	if (text == NULL)
		return;
	size_t size = strlen(text) + 1;
	text[size - 1] = '\n';
	for (size_t done = 0; done < size;) {
		ssize_t n = send(c->fd, text + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			done += (size_t)n;
		else if (done == 0 || poll(&(struct pollfd){.fd = c->fd, .events = POLLOUT}, 1, REST_MS) != 1)
			break; /* the rest of a long line, a plan, is waited for a little */
	}
	free(text);
}

static void finish(struct client *c, int code)
{
	json_t *object = json_pack("{s:b}", "done", 1);
	if (code < 0) {
		(void)json_object_set_new(object, "code", json_integer(code));
		(void)json_object_set_new(object, "reason", json_string(pmig_reason()));
	}
	say(c, object);
	json_decref(object);
}

static void on_line_of_move(void *context, const json_t *line)
{
	say(context, line);
}

static json_t *status_of(struct supervisor *s)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:b, s:o, s:o*, s:b}", "name", s->name, "uuid", s->uuid, "host",
		remote_label(supervisor_here(s)->remote), "epoch", (json_int_t)s->epoch, "moving",
		(int)(s->move != NULL && !move_has_arrived(s)), "connected", (int)remote_is_up(supervisor_here(s)->remote),
		"addresses", channels_addresses(s), "doubt", move_doubt(s), "done", 1);
}

/* Where it listens itself, after where others listen for it. */
static void on_addresses(void *context, int code, const json_t *answer)
{
	struct client *c = context;
	json_t *d = status_of(c->supervisor);
	size_t i;
	const json_t *text;
	json_array_foreach(code >= 0 ? json_object_get(answer, "addresses") : NULL, i, text)
	{
		(void)json_array_append_new(json_object_get(d, "addresses"),
			json_pack("{s:O, s:O}", "at", json_object_get(d, "host"), "address", (json_t *)text));
	}
	loop_remove(&c->late);
	say(c, d);
	json_decref(d);
}

/* The host does not answer: what is known here is said. */
static void on_late(void *context)
{
	struct client *c = context;
	forget(c);
	on_addresses(c, PMIG_ETIMEOUT, NULL);
}

static void on_signal_sent(void *context, int code, const json_t *answer)
{
	(void)answer;
	finish(context, code);
}

static void request(struct client *c, json_t *object);

static void on_again(void *context)
{
	struct client *c = context;
	json_t *object = c->again;
	c->again = NULL;
	request(c, object);
	json_decref(object);
}

static int ask_again(struct client *c, json_t *object)
{
	c->again = json_incref(object);
	return loop_after(c->supervisor->loop, AGAIN_MS, on_again, c, &c->again_timer);
}

/* --- orders: 0: whoever was asked answers; else it is refused --- */

static int order_status(struct client *c, json_t *object)
{
	struct supervisor *s = c->supervisor;
	(void)object;
	if (remote_is_up(supervisor_here(s)->remote) && c->late == NULL) {
		remote_request(supervisor_here(s)->remote, "addresses", NULL, on_addresses, c);
		(void)loop_after(s->loop, ADDRESSES_MS, on_late, c, &c->late);
		return 0;
	}
	json_t *d = status_of(s);
	say(c, d);
	json_decref(d);
	return 0;
}

static int order_kill(struct client *c, json_t *object)
{
	struct supervisor *s = c->supervisor;
	struct remote *r = supervisor_here(s)->remote;
	if (!remote_is_up(r))
		return error_set(PMIG_EUNREACHED, "%s runs on %s, which is not connected now", s->name, remote_label(r));
	remote_request(r, "signal", json_pack("{s:O}", "number", json_object_get(object, "number")), on_signal_sent, c);
	return 0;
}

static int order_wait(struct client *c, json_t *object)
{
	(void)object;
	c->waits = true;
	return 0;
}

static int order_cancel(struct client *c, json_t *object)
{
	(void)object;
	if (c->again != NULL) {
		loop_remove(&c->again_timer);
		json_decref(c->again);
		c->again = NULL;
		return error_set(PMIG_ECANCELLED, "it was cancelled");
	}
	if (c->waits)
		drop(c);
	else
		move_cancel(c->supervisor);
	return 0;
}

static int order_checkpoint(struct client *c, json_t *object)
{
	struct supervisor *s = c->supervisor;
	const char *path = json_string_value(json_object_get(object, "path"));
	int r = checkpoint_start(s,
		&(struct checkpoint_options){.path = path != NULL ? path : "",
			.stop = json_is_true(json_object_get(object, "stop")),
			.wait_children = json_is_true(json_object_get(object, "wait_children")),
			.timeout_ms = (int)json_integer_value(json_object_get(object, "timeout_ms")),
			.progress = on_line_of_move,
			.context = c});
	return r == PMIG_EBUSY && periodic_saves(s) && c->again == NULL ? ask_again(c, object) : r;
}

static int order_move(struct client *c, json_t *object)
{
	struct supervisor *s = c->supervisor;
	const char *target = json_string_value(json_object_get(object, "target"));
	struct plan_limits limits;
	int r = plan_limits_from_json(json_object_get(object, "limits"), &limits);
	if (r < 0)
		return r;
	r = move_start(s,
		&(struct move_options){.target = target != NULL ? target : "",
			.method = (enum link_method)json_integer_value(json_object_get(object, "method")),
			.timeout_ms = (int)json_integer_value(json_object_get(object, "timeout_ms")),
			.wait_children = json_is_true(json_object_get(object, "wait_children")),
			.plain_tcp = json_is_true(json_object_get(object, "plain_tcp")),
			.plan_only = json_is_true(json_object_get(object, "plan")),
			.plan_json = json_is_true(json_object_get(object, "json")),
			.columns = (int)json_integer_value(json_object_get(object, "columns")),
			.limits = limits,
			.progress = on_line_of_move,
			.context = c});
	bool soon = move_has_arrived(s) || periodic_saves(s);
	return r == PMIG_EBUSY && soon && c->again == NULL ? ask_again(c, object) : r;
}

static void request(struct client *c, json_t *object)
{
	static const struct {
		const char *verb;
		int (*order)(struct client *c, json_t *object);
		bool begun; /* of a program that has begun */
	} orders[] = {{"status", order_status, false}, {"kill", order_kill, false}, {"wait", order_wait, false},
		{"cancel", order_cancel, false}, {"checkpoint", order_checkpoint, true}, {"move", order_move, true}};
	struct supervisor *s = c->supervisor;
	const char *verb = json_string_value(json_object_get(object, "do"));
	size_t i = 0;
	verb = verb != NULL ? verb : "";
	while (i < sizeof orders / sizeof *orders && strcmp(orders[i].verb, verb) != 0)
		i++;
	int r;
	if (i == sizeof orders / sizeof *orders)
		r = error_set(PMIG_ENOSUPPORT, "the supervisor of %s does not know \"%.40s\"", s->name, verb);
	else if (orders[i].begun && s->begins != NULL && c->again == NULL && !supervisor_here(s)->ended)
		r = ask_again(c, object);
	else
		r = orders[i].order(c, object);
	if (r < 0)
		finish(c, r);
}

static void on_client(void *context, short events)
{
	(void)events;
	struct client *c = context;
	ssize_t n = recv(c->fd, c->line + c->size, sizeof c->line - c->size, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->size += (size_t)n;
	char *end = memchr(c->line, '\n', c->size);
	if (end == NULL) {
		if (c->size == sizeof c->line)
			drop(c);
		return;
	}
	json_t *object = json_loadb(c->line, (size_t)(end - c->line), 0, NULL);
	c->size -= (size_t)(end + 1 - c->line); /* one request a turn; the next bytes bring the rest */
	memmove(c->line, end + 1, c->size);
	if (json_is_object(object))
		request(c, object);
	json_decref(object);
}

static void on_connection(void *context, short events)
{
	(void)events;
	struct supervisor *s = context;
	int fd = accept4(s->server->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	struct ucred who;
	socklen_t size = sizeof who;
	size_t free_slot = 0;
	while (free_slot < CLIENTS_MAX && s->server->clients[free_slot] != NULL)
		free_slot++;
	struct client *c = calloc(1, sizeof *c);
	if (c == NULL || free_slot == CLIENTS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 ||
		(who.uid != getuid() && who.uid != 0)) {
		free(c);
		(void)close(fd);
		return;
	}
	c->supervisor = s;
	c->fd = fd;
	s->server->clients[free_slot] = c;
	if (loop_add(s->loop, fd, POLLIN, on_client, c, &c->source) < 0)
		drop(c);
}

/* run/NAME.sock by way of its directory, since the path may be too long for an address. */
static int name_socket(int directory, const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "/proc/self/fd/%d/%.*s", directory,
		(int)sizeof ret_address->sun_path - 32, path);
	return n < (int)sizeof ret_address->sun_path ? 0 : error_set(PMIG_EINVAL, "%s: the name is too long", path);
}

bool server_answers(const struct supervisor *s, const char *name)
{
	char path[PMIG_NAME_MAX + 16];
	struct sockaddr_un address;
	(void)snprintf(path, sizeof path, "run/%.*s.sock", PMIG_NAME_MAX, name);
	int directory = open(s->options->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers = directory >= 0 && fd >= 0 && name_socket(directory, path, &address) >= 0 &&
		connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	if (fd >= 0)
		(void)close(fd);
	if (directory >= 0)
		(void)close(directory);
	return answers;
}

int server_open(struct supervisor *s)
{
	if (s->server != NULL)
		return 0;
	struct server *v = calloc(1, sizeof *v);
	if (v == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	s->server = v;
	(void)snprintf(v->path, sizeof v->path, "run/%s.sock", s->name);
	v->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	v->directory = open(s->options->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->fd < 0 || v->directory < 0)
		return error_errno(PMIG_EIO, errno, "%s", s->options->state);
	(void)mkdirat(v->directory, "run", 0700);
	(void)unlinkat(v->directory, v->path, 0);
	struct sockaddr_un address;
	if (name_socket(v->directory, v->path, &address) < 0)
		return PMIG_EINVAL;
	mode_t mask = umask(0177);
	int r = bind(v->fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(v->fd, 8) < 0
		? error_errno(PMIG_EIO, errno, "%s/%s", s->options->state, v->path)
		: 0;
	(void)umask(mask);
	return r < 0 ? r : loop_add(s->loop, v->fd, POLLIN, on_connection, s, &v->source);
}

void server_close(struct supervisor *s)
{
	struct server *v = s->server;
	if (v == NULL)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (v->clients[i] != NULL)
			drop(v->clients[i]);
	if (v->source != NULL && !s->replaced)
		(void)unlinkat(v->directory, v->path, 0);
	loop_remove(&v->source);
	if (v->fd >= 0)
		(void)close(v->fd);
	if (v->directory >= 0)
		(void)close(v->directory);
	free(v);
	s->server = NULL;
}

void server_announce_exit(struct supervisor *s, int status)
{
	for (size_t i = 0; s->server != NULL && i < CLIENTS_MAX; i++) {
		struct client *c = s->server->clients[i];
		if (c == NULL || !c->waits)
			continue;
		json_t *d = json_pack("{s:b, s:i}", "done", 1, "status", status);
		say(c, d);
		json_decref(d);
	}
}
