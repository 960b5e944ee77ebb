/* agent_start: requests about a program that runs here: start, streams, signals, end. */
#include "agent_limits.h"
#include "hex_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIST_MAX 65536 /* arguments, variables */

int agent_do_hello(struct agent *a, const json_t *request, json_t **ret_answer)
{
	uint64_t seen = (uint64_t)agent_number(request, "seen", 0);
	(void)snprintf(a->host, sizeof a->host, "%s", agent_text(request, "host"));
	(void)snprintf(a->home, sizeof a->home, "%s", agent_text(request, "home"));
	(void)snprintf(a->sender, sizeof a->sender, "%.*s@%s", PMIG_NAME_MAX, agent_text(request, "user"), a->home);
	agent_fault_setup(a, agent_text(request, "fault"));
	/* A late loser finds out at its next contact: a copy of an older epoch must not run. */
	if (a->pid > 0 && seen > a->epoch && a->state != AGENT_RESTORED && a->state != AGENT_FROZEN)
		agent_program_kill(a, SIGKILL);
	if (seen < a->epoch && a->claimed == a->epoch)
		(void)json_object_set_new(*ret_answer = json_object(), "seen", json_integer((json_int_t)a->epoch));
	return 0;
}

static void free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static int take_list(const json_t *request, const char *key, char ***ret_list)
{
	const json_t *array = json_object_get(request, key);
	size_t count = json_array_size(array);
	if (!json_is_array(array) || count > LIST_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: \"%s\" is not a list", key);
	char **list = calloc(count + 1, sizeof *list);
	for (size_t i = 0; list != NULL && i < count; i++) {
		list[i] = hex_text_take(json_array_get(array, i));
		if (list[i] == NULL) {
			free_list(list);
			return error_set(PMIG_EPROTOCOL, "agent: \"%s\"", key);
		}
	}
	if (list == NULL)
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	*ret_list = list;
	return 0;
}

static void on_stdio(void *context)
{
	struct agent *a = context;
	if (a->driver == NULL || a->io == NULL)
		return;
	(void)peer_put(a->driver,
		&(struct packet){.type = PACKET_ACK, .stream = AGENT_STDIN, .offset = agent_stdio_taken(a->io)});
	if (a->attached)
		agent_stdio_pump(a->io, a->driver);
}

int agent_open_stdio(struct agent *a, const json_t *request)
{
	const json_t *terminal = json_object_get(request, "terminal");
	const char *modes = agent_text(request, "modes");
	struct agent_stdio_options o = {.loop = a->loop,
		.size = {.ws_row = (unsigned short)agent_number(request, "rows", 24),
			.ws_col = (unsigned short)agent_number(request, "columns", 80)},
		.modes = *modes != '\0' ? modes : NULL,
		.directory = a->directory,
		.changed = on_stdio,
		.context = a};
	static const char *const offsets[] = {"in", "out", "err"};
	for (size_t i = 0; i < 3; i++) {
		o.terminal[i] = json_is_true(json_array_get(terminal, i));
		o.offset[i] = (uint64_t)agent_number(request, offsets[i], 0);
	}
	char name[PMIG_UUID_LENGTH + 16];
	(void)snprintf(name, sizeof name, "spool-%s", a->options->uuid);
	o.name = name;
	agent_stdio_destroy(a->io);
	a->io = NULL;
	return agent_stdio_create(&o, &a->io);
}

static int64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The row and the claim of the first epoch, before anything runs. */
static int enrol(struct agent *a, const json_t *request)
{
	char *argv = json_dumps(json_object_get(request, "argv"), JSON_COMPACT);
	if (argv == NULL)
		return error_set(PMIG_EPROTOCOL, "agent: \"argv\" is missing");
	int r = a->store->process_put(a->store,
		&(struct pmig_process_row){.uuid = a->options->uuid,
			.name = a->name,
			.program = agent_text(request, "program"),
			.build = "unknown", /* until it says HELLO */
			.argv = argv,
			.home = a->home,
			.epoch = a->epoch,
			.state = PMIG_PROCESS_STARTING,
			.started = now_ns(),
			.exit_status = -1});
	free(argv);
	if (r >= 0)
		r = a->store->owner_claim(a->store, a->options->uuid, a->epoch, a->host);
	return r;
}

/* Libraries that were sent along are found by the program, before those that its environment names. */
static int add_libraries(char ***list, const char *libraries)
{
	static const char variable[] = "LD_LIBRARY_PATH=";
	size_t count = 0, at;
	if (*libraries == '\0')
		return 0;
	while ((*list)[count] != NULL)
		count++;
	for (at = 0; at < count && strncmp((*list)[at], variable, sizeof variable - 1) != 0; at++)
		;
	const char *old = at < count ? (*list)[at] + sizeof variable - 1 : "";
	char *text, **longer = reallocarray(*list, count + 2, sizeof **list);
	if (longer != NULL)
		*list = longer;
	if (longer == NULL || asprintf(&text, "%s%s%s%s", variable, libraries, *old != '\0' ? ":" : "", old) < 0)
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	if (at == count)
		longer[count + 1] = NULL;
	else
		free(longer[at]);
	longer[at] = text;
	return 0;
}

/* Where it was started is where it runs, as far as another host has that directory; else it begins at home. */
static const char *directory_of(const json_t *request)
{
	const char *directory = agent_text(request, "directory"), *home = getenv("HOME");
	if (*directory == '\0' || access(directory, X_OK) == 0)
		return *directory != '\0' ? directory : NULL;
	return home != NULL && access(home, X_OK) == 0 ? home : "/";
}

int agent_do_start(struct agent *a, const json_t *request, json_t **ret_answer)
{
	if (a->state != AGENT_EMPTY)
		return error_set(PMIG_EBUSY, "agent: %s is here already", a->name);
	struct agent_spawn s = {.path = agent_text(request, "path"),
		.directory = directory_of(request),
		.mask = (mode_t)agent_number(request, "umask", 022),
		.set_mask = true,
		.kinds = agent_text(request, "kinds"),
		.image = -1};
	a->epoch = (uint64_t)agent_number(request, "epoch", 1);
	if (*agent_text(request, "name") != '\0')
		(void)snprintf(a->name, sizeof a->name, "%s", agent_text(request, "name"));
	char **argv = NULL, **environment = NULL;
	int r = agent_limits_start(a, request);
	if (r >= 0)
		r = take_list(request, "argv", &argv);
	if (r >= 0)
		r = take_list(request, "environment", &environment);
	if (r >= 0)
		r = add_libraries(&environment, agent_text(request, "library_path"));
	s.argv = argv;
	s.environment = environment;
	if (r >= 0)
		r = enrol(a, request);
	if (r >= 0)
		r = agent_open_stdio(a, request);
	if (r >= 0)
		r = agent_program_spawn(a, &s);
	free_list(argv);
	free_list(environment);
	if (r < 0) {
		char reason[PMIG_REASON_MAX];
		(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
		agent_stdio_destroy(a->io);
		a->io = NULL;
		(void)a->store->process_drop(a->store, a->options->uuid);
		return error_set(r, "%s", reason);
	}
	a->claimed = a->epoch;
	r = agent_set_state(a, AGENT_STARTING, PMIG_PROCESS_RUNNING);
	*ret_answer = json_pack("{s:I}", "pid", (json_int_t)a->pid);
	return r;
}

int agent_do_attach(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	if (a->io == NULL)
		return error_set(PMIG_EGONE, "agent: %s is not here", a->name);
	static const char *const keys[] = {"out", "err"};
	for (unsigned i = 0; i < 2; i++) {
		unsigned stream = AGENT_STDOUT + i;
		int64_t from = agent_number(request, keys[i], (int64_t)agent_stdio_begin(a->io, stream));
		int r = agent_stdio_seek(a->io, stream, (uint64_t)from);
		if (r >= 0)
			r = agent_stdio_acknowledge(a->io, stream, (uint64_t)from);
		if (r < 0)
			return r;
	}
	a->attached = true;
	on_stdio(a);
	if (a->state == AGENT_ENDED)
		agent_tell_exit(a);
	return 0;
}

int agent_do_signal(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	int number = (int)agent_number(request, "number", 0);
	if (number < 0 || number >= NSIG)
		return error_set(PMIG_EINVAL, "agent: there is no signal %d", number);
	if (a->pid <= 0)
		return error_set(PMIG_EGONE, "%s has ended", a->name);
	agent_program_kill(a, number);
	if (number > 0)
		a->signal_sent = number;
	return 0;
}

int agent_do_window(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	if (a->io != NULL)
		agent_stdio_resize(a->io,
			&(struct winsize){.ws_row = (unsigned short)agent_number(request, "rows", 24),
				.ws_col = (unsigned short)agent_number(request, "columns", 80)});
	return 0;
}

int agent_do_end(struct agent *a, const json_t *request, json_t **ret_answer)
{
	if (a->pid > 0)
		return error_set(PMIG_EBUSY, "%s runs", a->name);
	int64_t status = agent_number(request, "status", -1);
	bool empty = a->state == AGENT_EMPTY && a->claimed != 0 && a->claimed == a->epoch;
	if (a->io == NULL && (a->state == AGENT_ENDED || empty) && status >= 0 && status < 128) {
		/* An agent before this one saw it, and was not left the time to write it down. */
		a->exit_status = (int)status;
		(void)agent_set_state(a, AGENT_ENDED, PMIG_PROCESS_ENDED);
	}
	agent_settle(a); /* it may have ended before the hand-over did */
	agent_stdio_destroy(a->io);
	a->io = NULL;
	if (json_is_true(json_object_get(request, "all")))
		agent_reference_end(a);
	if (!agent_reference_busy(a)) {
		loop_stop(a->loop, 0);
		return 0;
	}
	/* It stays for what it holds, and is as one that has just been started. */
	a->state = AGENT_EMPTY;
	a->promised = a->claimed = 0;
	a->handover[0] = a->image[0] = a->arrived[0] = '\0';
	json_decref(a->restore_request);
	a->restore_request = NULL;
	*ret_answer = json_pack("{s:b}", "stays", 1);
	return 0;
}

void agent_tell_exit(struct agent *a)
{
	char undone[PMIG_UUID_LENGTH + 1];
	(void)!fault_meet("end:exit");
	agent_journal_undone(a, undone);
	agent_event(a,
		json_pack("{s:s, s:i, s:s, s:I, s:I}", "event", "exit", "status", a->exit_status, "undone", undone, "out",
			(json_int_t)(a->io != NULL ? agent_stdio_end(a->io, AGENT_STDOUT) : 0), "err",
			(json_int_t)(a->io != NULL ? agent_stdio_end(a->io, AGENT_STDERR) : 0)));
}

int agent_enter(struct agent *a, const char *build)
{
	struct pmig_process_row *row;
	int r = a->store->process_get(a->store, a->options->uuid, &row);
	if (r < 0)
		return r;
	struct pmig_process_row changed = *row;
	if (*build != '\0')
		changed.build = build;
	if (a->became[0] != '\0')
		changed.program = a->became;
	changed.epoch = a->epoch;
	r = a->store->process_put(a->store, &changed);
	free(row);
	return r;
}

void agent_on_message(struct agent *a, const struct control_message *m)
{
	if (agent_declared_message(a, m))
		return;
	switch (m->type) {
	case CONTROL_HELLO:
		if (m->args[0] != a->pid)
			break; /* a child of what was started: a script that does not end with exec */
		agent_note_program(a);
		a->speaks = true;
		a->opened = (uint64_t)m->args[2];
		(void)agent_enter(a, m->text);
		if (a->state == AGENT_STARTING)
			a->state = AGENT_RUNNING;
		agent_event(a,
			json_pack("{s:s, s:s, s:o}", "event", "migrates", "build", m->text, "became",
				hex_text_json(a->became)));
		break;
	case CONTROL_REFERS:
		agent_note_reference(a, m);
		break;
	default:
		agent_on_answer(a, m);
	}
}

void agent_on_exit(struct agent *a)
{
	enum agent_state before = a->state;
	if (a->io != NULL)
		(void)agent_stdio_settle(a->io);
	if (agent_on_exit_of_copy(a))
		return;
	agent_reference_lose(a);
	(void)agent_set_state(a, AGENT_ENDED, PMIG_PROCESS_ENDED);
	if (before == AGENT_SAVING || before == AGENT_FREEZING) {
		loop_remove(&a->where_timer);
		loop_remove(&a->again_timer);
		(void)unlink(a->image);
		agent_finish_later(a,
			error_set(PMIG_EGONE, "%s ended with status %d before it reached a safe point", a->name,
				a->exit_status),
			NULL);
	}
	agent_tell_exit(a);
}
