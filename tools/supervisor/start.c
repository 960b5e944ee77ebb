/* start: `pmig run`: starts the program, here or at another host, where it and the libraries that are missing are put in place first. */
#include "start.h"
#include "prepare.h"
#include "registry/store.h"
#include "terminal.h"
#include "transport/hex_text.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_TRIES 1000

extern char **environ;

static json_t *list_of(char *const *texts)
{
	json_t *array = json_array();
	for (size_t i = 0; texts[i] != NULL; i++) {
		json_t *text = hex_text_json(texts[i]);
		if (text == NULL || json_array_append_new(array, text) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *environment(void)
{
	json_t *array = json_array();
	for (size_t i = 0; environ[i] != NULL; i++)
		if (strncmp(environ[i], "PMIG_FAULT=", 11) != 0)
			(void)json_array_append_new(array, hex_text_json(environ[i]));
	return array;
}

static json_t *start_arguments(struct supervisor *s)
{
	char directory[PATH_MAX];
	if (getcwd(directory, sizeof directory) == NULL)
		directory[0] = '\0';
	mode_t mask = umask(0);
	(void)umask(mask);
	json_t *argv = list_of(s->options->argv);
	if (argv == NULL) {
		(void)error_set(PMIG_ENOMEM, "out of memory");
		return NULL;
	}
	struct winsize size = terminal_size();
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:i, s:I, s:[b,b,b], s:i, s:i}", "name", s->name, "path",
		s->prepare != NULL ? prepare_path(s->prepare) : s->options->path, "library_path",
		s->prepare != NULL ? prepare_library_path(s->prepare) : "", "kinds",
		s->prepare != NULL         ? prepare_kinds(s->prepare)
			: s->kinds != NULL ? s->kinds
					   : "",
		"program", s->options->path, "argv", argv, "environment", environment(), "directory", directory, "umask",
		(int)mask, "epoch", (json_int_t)1, "terminal", (int)s->terminal[0], (int)s->terminal[1], (int)s->terminal[2],
		"rows", (int)size.ws_row, "columns", (int)size.ws_col);
}

static bool is_away(struct supervisor *s)
{
	return strcmp(remote_label(supervisor_here(s)->remote), s->home) != 0;
}

/* Home knows of it before it runs, and where to look: `pmig attach` finds it, whatever becomes of this supervisor. */
static int enrol(struct supervisor *s)
{
	const char *where = remote_label(supervisor_here(s)->remote);
	char id[PMIG_UUID_LENGTH + 1];
	json_t *list = list_of(s->options->argv);
	char *argv = list != NULL ? json_dumps(list, JSON_COMPACT) : NULL;
	json_decref(list);
	if (argv == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	int r = s->store->process_put(s->store,
		&(struct pmig_process_row){.uuid = s->uuid,
			.name = s->name,
			.program = s->path,
			.build = "unknown", /* until it comes here */
			.argv = argv,
			.home = s->home,
			.epoch = 1,
			.state = PMIG_PROCESS_AWAY,
			.started = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
			.exit_status = -1});
	free(argv);
	if (r >= 0 && s->name_tries == 0)
		r = s->store->owner_claim(s->store, s->uuid, 1, where);
	if (r < 0 || s->enrolled)
		return r;
	s->enrolled = true;
	r = supervisor_uuid(id);
	if (r >= 0)
		r = s->store->handover_begin(s->store,
			&(struct pmig_handover_row){
				.id = id, .process = s->uuid, .epoch = 1, .source = s->home, .target = where});
	return r < 0 ? r : s->store->handover_finish(s->store, id, PMIG_HANDOVER_DONE, "it was started there");
}

void supervisor_ended(struct supervisor *s, struct remote *r, const json_t *event)
{
	if (strcmp(remote_label(r), s->home) != 0) /* home's registry is told by nobody else */
		(void)s->store->process_set(s->store, s->uuid, PMIG_PROCESS_ENDED, 0,
			json_integer_value(json_object_get(event, "status")));
	supervisor_exit(s, r, event);
}

static void give_up(struct supervisor *s, int code)
{
	char reason[PMIG_REASON_MAX];
	(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
	if (is_away(s))
		(void)s->store->process_drop(s->store, s->uuid);
	(void)error_set(code, "%s", reason);
	supervisor_fail(s, code == PMIG_ENOENT ? 127 : code == PMIG_EREFUSED ? 126 : SUPERVISOR_FAILED, "run");
}

static void start(struct supervisor *s);

static bool rename_program(struct supervisor *s, int code)
{
	if (code != PMIG_EEXIST || s->options->name != NULL || s->name_tries == NAME_TRIES)
		return false;
	char base[PATH_MAX];
	(void)snprintf(base, sizeof base, "%s", s->options->argv[0]);
	(void)snprintf(s->name, sizeof s->name, "%.240s-%d", basename(base), ++s->name_tries + 1);
	return true;
}

static void on_started(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct supervisor *s = context;
	if (rename_program(s, code)) {
		start(s);
		return;
	}
	if (code < 0) {
		give_up(s, code);
		return;
	}
	s->epoch = 1;
	start_destroy(s);
	supervisor_runs(s);
}

static void start(struct supervisor *s)
{
	int r = is_away(s) ? enrol(s) : 0;
	while (rename_program(s, r))
		r = enrol(s);
	json_t *arguments = r >= 0 ? start_arguments(s) : NULL;
	if (arguments == NULL)
		give_up(s, r < 0 ? r : PMIG_EINVAL);
	else
		remote_request(supervisor_here(s)->remote, "start", arguments, on_started, s);
}

static void on_prepared(void *context, int code)
{
	struct supervisor *s = context;
	if (code < 0)
		give_up(s, code == PMIG_ENOENT ? PMIG_EIO : code);
	else
		start(s);
}

int start_begin(struct supervisor *s)
{
	if (!is_away(s)) {
		start(s);
		return 0;
	}
	start_destroy(s);
	int r = prepare_create(&(struct prepare_options){.loop = s->loop,
				       .target = supervisor_here(s)->remote,
				       .name = s->name,
				       .path = s->path,
				       .program = s->program,
				       .kinds = s->kinds,
				       .done = on_prepared,
				       .context = s},
		&s->prepare);
	if (r >= 0)
		prepare_begin(s->prepare);
	return r;
}

bool start_packet(struct supervisor *s, const struct remote *r, const struct packet *p)
{
	return s->prepare != NULL && prepare_packet(s->prepare, r, p);
}

void start_room(struct supervisor *s)
{
	if (s->prepare != NULL)
		prepare_pump(s->prepare);
}

void start_destroy(struct supervisor *s)
{
	prepare_destroy(s->prepare);
	s->prepare = NULL;
}
