/* agent: its life: the socket, the conversation with the supervisor, requests and answers. */
#include "agent_limits.h"
#include "channel.h"
#include "hex_text.h"
#include "runtime/base/io.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ALONE_MS 10000 /* an agent with nothing to keep waits so long for a supervisor */
#define INTRODUCE_MS 2000

static const struct request {
	const char *name;
	int (*function)(struct agent *a, const json_t *request, json_t **ret_answer);
} requests[] = {
#define AGENT_REQUEST(name, function, words) {name, agent_do_##function},
#include "tbl/agent.h"
#undef AGENT_REQUEST
};

const char *agent_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

int64_t agent_number(const json_t *object, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

void agent_state_name(enum agent_state state, char ret_name[16])
{
	static const char *const names[] = {"", "empty", "running", "running", "running", "freezing", "frozen", "restoring",
		"restored", "undoing", "releasing", "away", "ended"};
	(void)snprintf(ret_name, 16, "%s", names[state]);
}

/* --- answers --- */

static void send_object(struct agent *a, json_t *object)
{
	if (a->driver != NULL && object != NULL)
		(void)peer_put_json(a->driver, object);
	json_decref(object);
}

void agent_answer(struct agent *a, int64_t id, json_t *answer)
{
	if (answer == NULL)
		answer = json_object();
	(void)json_object_set_new(answer, "id", json_integer(id));
	send_object(a, answer);
}

void agent_refuse(struct agent *a, int64_t id, int code)
{
	json_t *reason = json_string(pmig_reason());
	if (reason == NULL)
		reason = json_string(pmig_strerror(code)); /* the reason was not UTF-8 */
	send_object(a, json_pack("{s:I, s:i, s:o}", "id", (json_int_t)id, "code", code, "reason", reason));
}

void agent_event(struct agent *a, json_t *event)
{
	send_object(a, event);
}

void agent_finish_later(struct agent *a, int code, json_t *answer)
{
	int64_t id = a->later;
	a->later = 0;
	if (id == 0)
		json_decref(answer);
	else if (code < 0)
		agent_refuse(a, id, code);
	else
		agent_answer(a, id, answer);
}

json_t *agent_describe(struct agent *a)
{
	char state[16];
	agent_state_name(a->state, state);
	struct pmig_owner owner = {0};
	(void)a->store->owner_get(a->store, a->options->uuid, &owner);
	char undone[PMIG_UUID_LENGTH + 1];
	agent_journal_undone(a, undone);
	json_t *d = json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:i, s:I, s:I, s:s, s:b, s:s}", "event", "hello",
		"version", AGENT_VERSION, "uuid", a->options->uuid, "name", a->name, "state", state, "epoch",
		(json_int_t)a->epoch, "heard", (json_int_t)a->heard, "pid", (json_int_t)a->pid, "exit", a->exit_status,
		"owner_epoch", (json_int_t)owner.epoch, "barred", (json_int_t)owner.barred, "owner", owner.host, "migrates",
		(int)a->speaks, "undone", undone);
	if (d != NULL && a->io != NULL) {
		(void)json_object_set_new(d, "in", json_integer((json_int_t)agent_stdio_taken(a->io)));
		(void)json_object_set_new(d, "in_ended", json_boolean(agent_stdio_ended(a->io)));
		static const char *const keys[] = {"out", "err"};
		for (unsigned i = 0; i < 2; i++)
			(void)json_object_set_new(d, keys[i],
				json_pack("[I, I]", (json_int_t)agent_stdio_begin(a->io, AGENT_STDOUT + i),
					(json_int_t)agent_stdio_end(a->io, AGENT_STDOUT + i)));
		(void)json_object_set_new(d, "terminal",
			json_pack("[b, b, b]", (int)agent_stdio_terminal(a->io, 0), (int)agent_stdio_terminal(a->io, 1),
				(int)agent_stdio_terminal(a->io, 2)));
	}
	if (d != NULL && a->image[0] != '\0' && access(a->image, R_OK) == 0)
		(void)json_object_set_new(d, "image", json_string(a->image)); /* it has this name when it is complete */
	if (d != NULL)
		(void)json_object_set_new(d, "became", hex_text_json(a->became));
	if (d != NULL && a->handover[0] != '\0')
		(void)json_object_set_new(d, "handover", json_string(a->handover));
	if (d != NULL && agent_limits_hashes(a))
		(void)json_object_set_new(d, "hashes", json_true());
	agent_reference_describe(a, d);
	return d;
}

int agent_set_state(struct agent *a, enum agent_state state, enum pmig_process_state stored)
{
	a->state = state;
	int64_t pid = stored == PMIG_PROCESS_ENDED || stored == PMIG_PROCESS_LEFT || stored == PMIG_PROCESS_AWAY ? 0
														 : a->pid;
	return a->store->process_set(a->store, a->options->uuid, stored, pid,
		stored == PMIG_PROCESS_ENDED ? a->exit_status : -1);
}

/* --- requests --- */

int agent_request(struct agent *a, const json_t *request)
{
	const char *name = agent_text(request, "do");
	int64_t id = agent_number(request, "id", 0);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		if (strcmp(name, requests[i].name) != 0)
			continue;
		int r = agent_heard(a, name, request);
		if (r < 0) {
			agent_refuse(a, id, r);
			return 0;
		}
		int64_t before = a->later;
		json_t *answer = NULL;
		a->later = before != 0 ? before : id;
		r = requests[i].function(a, request, &answer);
		if (r == AGENT_LATER)
			return 0;
		if (a->later == id)
			a->later = before;
		if (r < 0)
			agent_refuse(a, id, r);
		else
			agent_answer(a, id, answer);
		return 0;
	}
	agent_refuse(a, id, error_set(PMIG_ENOSUPPORT, "agent: request \"%.40s\" is not known here", name));
	return 0;
}

static int on_packet(void *context, const struct packet *p)
{
	struct agent *a = context;
	if (p->type == PACKET_PROBE)
		return peer_put(a->driver, &(struct packet){.type = PACKET_PROBE, .stream = p->stream, .offset = p->offset});
	if (p->stream >= AGENT_BULK)
		return agent_file_packet(a, p);
	if (p->stream == CHANNEL_STREAM)
		return agent_reference_packet(a, p);
	if (p->stream == PACKET_STREAM_CONTROL) {
		json_t *request;
		int r = packet_get_json(p, &request);
		if (r < 0)
			return r;
		r = agent_request(a, request);
		json_decref(request);
		return r;
	}
	if (a->io == NULL)
		return 0; /* late bytes for a program that is gone */
	if (p->type == PACKET_ACK) {
		int r = fault_meet("output:acknowledged");
		return r < 0 ? r : agent_stdio_acknowledge(a->io, p->stream, p->offset);
	}
	if (p->stream == AGENT_STDIN && p->type == PACKET_DATA)
		return agent_stdio_input(a->io, p->offset, p->data, p->size);
	if (p->stream == AGENT_STDIN && p->type == PACKET_END)
		return agent_stdio_input_end(a->io, p->offset);
	if (p->type == PACKET_END)
		return agent_stdio_unread(a->io, p->stream);
	return error_set(PMIG_EPROTOCOL, "agent: packet %d on stream %u", (int)p->type, p->stream);
}

static void on_room(void *context)
{
	struct agent *a = context;
	if (a->io != NULL && a->attached)
		agent_stdio_pump(a->io, a->driver);
	agent_reference_room(a);
	agent_file_room(a);
}

/* Something that nobody claimed and nobody asks for: it is given up. What was claimed waits for ever. */
static void on_lease(void *context)
{
	struct agent *a = context;
	if (a->claimed == a->epoch)
		return;
	agent_program_kill(a, SIGKILL);
}

static void drop_driver(struct agent *a)
{
	agent_file_drop(a);
	agent_marks_drop(a);
	peer_destroy(a->driver);
	a->driver = NULL;
	if (a->guard >= 0)
		(void)close(a->guard);
	a->guard = -1;
	agent_reference_lost(a);
	a->attached = a->late = false;
	a->later = 0;
}

static void on_closed(void *context, int code)
{
	(void)code;
	struct agent *a = context;
	drop_driver(a);
	if ((a->state == AGENT_RESTORED || a->state == AGENT_RESTORING) && a->lease_timer == NULL)
		(void)loop_after(a->loop, AGENT_LEASE_MS, on_lease, a, &a->lease_timer);
	agent_consider_end(a);
}

/* Home has all that the program wrote here. */
static bool has_said_all(const struct agent *a)
{
	bool all = true;
	for (unsigned i = AGENT_STDOUT; i <= AGENT_STDERR && a->io != NULL; i++)
		all &= agent_stdio_begin(a->io, i) == agent_stdio_end(a->io, i);
	return all;
}

void agent_consider_end(struct agent *a)
{
	if (a->driver == NULL && !agent_reference_busy(a) &&
		(a->state == AGENT_EMPTY || (a->state == AGENT_AWAY && has_said_all(a))))
		loop_stop(a->loop, 0);
}

/* --- the socket --- */

/* The first byte of `agent connect` (agent_connect.c): the connection is relayed, or the one that comes with it is to be used, and this
 * one is kept open as long as that. It is there by now, or will be at once. */
static bool introduced(int *fd, int *ret_guard, uint64_t *ret_knows)
{
	char words[1 + sizeof *ret_knows] = {0};
	int handed = -1;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct iovec part = {.iov_base = words, .iov_len = 1};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
	struct pollfd p = {.fd = *fd, .events = POLLIN};
	ssize_t n = poll(&p, 1, INTRODUCE_MS) == 1 ? recvmsg(*fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) : -1;
	struct cmsghdr *c = n == 1 ? CMSG_FIRSTHDR(&h) : NULL;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof handed))
		memcpy(&handed, CMSG_DATA(c), sizeof handed);
	bool knowing = n == 1 && (words[0] == AGENT_RELAYED_KNOWING || words[0] == AGENT_HANDED_KNOWING);
	if (knowing && recv(*fd, words + 1, sizeof *ret_knows, MSG_DONTWAIT) == (ssize_t)sizeof *ret_knows) {
		memcpy(ret_knows, words + 1, sizeof *ret_knows);
		*ret_knows = le64toh(*ret_knows);
		words[0] = words[0] == AGENT_HANDED_KNOWING ? AGENT_HANDED : AGENT_RELAYED;
	}
	if (n == 1 && words[0] == AGENT_RELAYED && handed < 0)
		return true;
	if (n == 1 && words[0] == AGENT_HANDED && handed >= 0) {
		if (knowing)
			(void)send(*fd, words, 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* understood: agent_connect.c */
		*ret_guard = *fd;
		*fd = handed;
		return true;
	}
	if (handed >= 0)
		(void)close(handed);
	(void)close(*fd);
	return false;
}

static void on_alone(void *context)
{
	agent_consider_end(context);
}

/* Whoever started this agent, or came to it, may have been cut off before there was a supervisor to lose. */
static void await_company(struct agent *a)
{
	if (a->alone_timer == NULL)
		(void)loop_after(a->loop, ALONE_MS, on_alone, a, &a->alone_timer);
}

/* It lost its connection, and another supervisor has moved the program on since; that one stays. */
static void turn_away(struct agent *a, struct peer *late, int guard)
{
	json_t *event = json_pack("{s:s, s:I}", "event", "late", "heard", (json_int_t)a->heard);
	if (event != NULL)
		(void)peer_put_json(late, event);
	json_decref(event);
	peer_drain(late, 100);
	peer_destroy(late);
	if (guard >= 0)
		(void)close(guard);
}

static void on_connection(void *context, short events)
{
	(void)events;
	struct agent *a = context;
	int fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC), guard = -1;
	uint64_t knows = 0;
	if (fd < 0)
		return;
	struct ucred who;
	socklen_t size = sizeof who;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || (who.uid != getuid() && who.uid != 0)) {
		(void)close(fd);
		return;
	}
	if (!introduced(&fd, &guard, &knows)) {
		await_company(a);
		return;
	}
	struct peer *fresh;
	if (peer_create(&(struct peer_options){.loop = a->loop,
				.fd = fd,
				.pack = PACKET_PACK,
				.packet = on_packet,
				.room = on_room,
				.closed = on_closed,
				.context = a},
		    &fresh) < 0) {
		if (guard >= 0)
			(void)close(guard);
		return;
	}
	if (a->driver != NULL && knows != 0 && knows < a->heard) {
		turn_away(a, fresh, guard);
		return;
	}
	if (a->driver != NULL) {
		agent_event(a, json_pack("{s:s}", "event", "replaced"));
		peer_drain(a->driver, 100);
		drop_driver(a);
	}
	loop_remove(&a->lease_timer);
	a->driver = fresh;
	a->guard = guard;
	agent_limits_origin(who.pid, a->from, a->at);
	agent_event(a, agent_describe(a));
}

static void on_signal(void *context, const struct signalfd_siginfo *info)
{
	(void)info; /* SIGCHLD */
	agent_program_reap(context);
}

/* The socket's name is relative to the state directory, which may have a long name (sun_path has 108 bytes). */
static int open_socket(struct agent *a)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "run/%s.sock", a->options->uuid);
	(void)unlink(address.sun_path);
	a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	int r = a->listener < 0 || bind(a->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
			listen(a->listener, 8) < 0
		? error_errno(PMIG_EIO, errno, "agent: %s/%s", a->options->state, address.sun_path)
		: 0;
	(void)umask(mask);
	if (r < 0)
		return r;
	struct loop_source *source;
	return loop_add(a->loop, a->listener, POLLIN, on_connection, a, &source);
}

static int take_lock(const struct agent *a, int *ret_fd)
{
	char path[PMIG_UUID_LENGTH + 32];
	(void)snprintf(path, sizeof path, "run/%s.lock", a->options->uuid);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "agent: %s/%s", a->options->state, path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		(void)close(fd);
		return error_set(PMIG_EBUSY, "agent: there is one for %s already", a->options->uuid);
	}
	*ret_fd = fd;
	return 0;
}

static int enter(struct agent *a)
{
	static const char *const folders[] = {".", "run", "image", "spool"};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		bool made = i == 0 && mkdir(a->options->state, 0700) == 0;
		if (i == 0 && !made && errno != EEXIST)
			return error_errno(PMIG_EIO, errno, "agent: %s", a->options->state);
		if (made && io_sync_directory_of(a->options->state) < 0)
			return error_prefix(PMIG_EIO, "agent");
		if (i == 0 && chdir(a->options->state) < 0)
			return error_errno(PMIG_EIO, errno, "agent: %s", a->options->state);
		if (i > 0 && mkdir(folders[i], 0700) < 0 && errno != EEXIST)
			return error_errno(PMIG_EIO, errno, "agent: %s/%s", a->options->state, folders[i]);
	}
	a->directory = open(".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	/* What is synced in image/ is found again only if image/ itself is. */
	return a->directory < 0 || fsync(a->directory) < 0 ? error_errno(PMIG_EIO, errno, "agent: %s", a->options->state)
							   : 0;
}

static void be_deaf(void)
{
	static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, CONTROL_SIGNAL};
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		(void)signal(ignored[i], SIG_IGN);
}

static int begin(struct agent *a, int *ret_lock)
{
	int r = enter(a);
	if (r >= 0)
		r = take_lock(a, ret_lock);
	if (r >= 0)
		r = loop_create(&a->loop);
	if (r >= 0)
		r = agent_remember(a);
	if (r >= 0)
		r = open_socket(a);
	if (r < 0)
		return r;
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	await_company(a);
	return loop_signals(a->loop, &set, on_signal, a);
}

int agent_serve(const struct agent_options *options)
{
	struct agent *a = calloc(1, sizeof *a);
	if (a == NULL)
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	*a = (struct agent){.options = options,
		.store = options->store,
		.state = AGENT_EMPTY,
		.control = -1,
		.listener = -1,
		.directory = -1,
		.guard = -1,
		.exit_status = -1};
	(void)snprintf(a->name, sizeof a->name, "%s", options->name);
	int lock = -1;
	(void)setsid();
	be_deaf();
	int r = begin(a, &lock);
	if (r >= 0 && options->ready_fd >= 0) {
		(void)!write(options->ready_fd, "+", 1);
		(void)close(options->ready_fd);
	}
	if (r >= 0)
		r = loop_run(a->loop);
	if (a->listener >= 0) {
		char path[PMIG_UUID_LENGTH + 32];
		(void)snprintf(path, sizeof path, "run/%s.sock", options->uuid);
		(void)unlink(path);
		(void)close(a->listener);
	}
	if (a->driver != NULL)
		peer_drain(a->driver, 1000);
	drop_driver(a);
	agent_reference_end(a);
	agent_stdio_destroy(a->io);
	json_decref(a->restore_request);
	agent_forget_decisions(a);
	json_decref(a->found);
	json_decref(a->planned);
	agent_declared_forget(a);
	json_decref(a->refers);
	agent_rates_forget(a);
	loop_destroy(a->loop);
	if (a->directory >= 0)
		(void)close(a->directory);
	if (lock >= 0)
		(void)close(lock); /* the lock's file stays: removing it would let two take it */
	free(a);
	return r;
}
