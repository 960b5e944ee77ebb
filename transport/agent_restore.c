/* agent_restore: requests to a target: restore, unrestore, claim, bar, activate, forget. */
#include "agent_limits.h"
#include "runtime/base/io.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

#define LAST_WORDS 400

/* The names of the files of an epoch, all relative to the state directory. */
void agent_image_path(const struct agent *a, uint64_t epoch, const char *suffix, char ret_path[PATH_MAX])
{
	(void)snprintf(ret_path, PATH_MAX, "image/%s.%llu%s", a->options->uuid, (unsigned long long)epoch, suffix);
}

static int import_rows(struct agent *a, uint64_t epoch)
{
	char path[PATH_MAX];
	agent_image_path(a, epoch, ".rows", path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > (off_t)AGENT_ROWS_MAX) {
		int r = error_errno(PMIG_EIO, errno, "%s/%s", a->options->state, path);
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	size_t size = (size_t)st.st_size, done = 0;
	char *text = malloc(size + 1);
	ssize_t n = 1;
	while (text != NULL && done < size && (n = read(fd, text + done, size - done)) > 0)
		done += (size_t)n;
	(void)close(fd);
	int r = text == NULL || done < size ? error_set(PMIG_EIO, "%s/%s: cannot be read", a->options->state, path)
					    : a->store->rows_import(a->store, a->options->uuid, text, size);
	free(text);
	return r;
}

static int preload(struct agent *a, const json_t *request)
{
	const char *hex = agent_text(request, "unread");
	size_t size = strlen(hex) / 2;
	unsigned char bytes[AGENT_INPUT_UNREAD];
	if (size > sizeof bytes)
		return error_set(PMIG_EPROTOCOL, "agent: too much unread input");
	for (size_t i = 0; i < size; i++) {
		unsigned value;
		if (!isxdigit((unsigned char)hex[2 * i]) || sscanf(hex + 2 * i, "%2x", &value) != 1)
			return error_set(PMIG_EPROTOCOL, "agent: \"unread\" is not hexadecimal");
		bytes[i] = (unsigned char)value;
	}
	int r = agent_stdio_preload(a->io, bytes, size);
	if (r >= 0 && json_is_true(json_object_get(request, "in_ended")))
		r = agent_stdio_input_end(a->io, (uint64_t)agent_number(request, "in", 0));
	return r;
}

static int spawn_copy(struct agent *a, const json_t *request)
{
	int fd = open(a->image, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(PMIG_ENOENT, errno, "%s/%s", a->options->state, a->image);
	const char *libraries = agent_text(request, "library_path");
	if (*libraries != '\0')
		(void)setenv("LD_LIBRARY_PATH", libraries, 1);
	char *argv[] = {(char *)agent_text(request, "path"), NULL};
	struct agent_spawn s = {
		.path = argv[0], .argv = argv, .environment = environ, .kinds = agent_text(request, "kinds"), .image = fd};
	/* Written a moment ago at the source, and every byte compared on arrival. One that lay somewhere is read once more. */
	s.verified = json_is_true(json_object_get(request, "fresh")) && strcmp(a->image, a->arrived) == 0;
	a->arrived[0] = '\0'; /* once */
	s.clone = json_is_true(json_object_get(request, "clone"));
	s.rewind = json_is_true(json_object_get(request, "rewind"));
	int r = agent_open_stdio(a, request);
	if (r >= 0)
		r = preload(a, request);
	if (r >= 0)
		r = agent_program_spawn(a, &s);
	if (*libraries != '\0')
		(void)unsetenv("LD_LIBRARY_PATH");
	(void)close(fd);
	return r;
}

/* How to restore, as it came with the image: what the source said when it froze, and where the program is here. */
static int load_request(struct agent *a, uint64_t epoch, json_t **ret_request)
{
	char path[PATH_MAX];
	json_error_t error;
	agent_image_path(a, epoch, ".json", path);
	*ret_request = json_load_file(path, 0, &error);
	if (!json_is_object(*ret_request)) {
		json_decref(*ret_request);
		return error_set(PMIG_ECORRUPT, "%s/%s: %s", a->options->state, path, error.text);
	}
	return 0;
}

static int begin_restore(struct agent *a, uint64_t epoch)
{
	json_t *kept;
	a->epoch = epoch;
	agent_image_path(a, epoch, "", a->image);
	int r = load_request(a, epoch, &kept);
	if (r >= 0) {
		r = agent_limits_restore(a, kept);
		if (r >= 0)
			r = agent_journal(a, "restore", PMIG_STEP_BEGIN, NULL);
		if (r >= 0)
			r = spawn_copy(a, kept);
		json_decref(a->restore_request);
		a->restore_request = kept;
	}
	if (r < 0)
		return r;
	a->state = AGENT_RESTORING;
	return a->store->process_set(a->store, a->options->uuid, PMIG_PROCESS_STARTING, a->pid, -1);
}

/* The files of an image that was shipped for an epoch that never began; the image last, so that it can be done again. */
static int adopt_image(struct agent *a, uint64_t from, uint64_t to)
{
	static const char *const suffixes[] = {".rows", ".json", ""};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char old[PATH_MAX], fresh[PATH_MAX];
		agent_image_path(a, from, suffixes[i], old);
		agent_image_path(a, to, suffixes[i], fresh);
		if (rename(old, fresh) < 0 && access(fresh, R_OK) < 0)
			return error_errno(PMIG_ENOENT, errno, "%s/%s", a->options->state, old);
		if (*suffixes[i] == '\0')
			(void)a->store->image_drop(a->store, old);
	}
	return io_sync_directory_of("image/"); /* what is claimed next relies on it */
}

static int enter_image(struct agent *a, uint64_t epoch)
{
	char image[PATH_MAX];
	struct stat st;
	agent_image_path(a, epoch, "", image);
	if (stat(image, &st) < 0)
		return error_errno(PMIG_ENOENT, errno, "%s/%s", a->options->state, image);
	return a->store->image_put(a->store,
		&(struct pmig_image_row){.path = image,
			.process = a->options->uuid,
			.epoch = epoch,
			.size = (uint64_t)st.st_size,
			.complete = true});
}

int agent_do_restore(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	uint64_t image_epoch = (uint64_t)agent_number(request, "image_epoch", (int64_t)epoch);
	bool again = a->pid > 0 && a->epoch == epoch && agent_handover_is(a, request); /* because the answer was lost */
	if (again && a->state == AGENT_RESTORED)
		return 0;
	if (again && a->state == AGENT_RESTORING)
		return AGENT_LATER;
	if (a->pid > 0 || (a->io != NULL && a->state == AGENT_AWAY))
		return error_set(PMIG_EBUSY, "a copy of %s is here already", a->name);
	struct pmig_owner owner;
	int r = a->store->owner_get(a->store, a->options->uuid, &owner);
	if (r >= 0 && (epoch <= owner.epoch || epoch <= owner.barred))
		r = error_set(PMIG_ESTALE, "%s: epoch %llu is over here", a->name, (unsigned long long)epoch);
	if (r >= 0)
		r = fault_meet("restore:row");
	if (r >= 0 && image_epoch != epoch)
		r = adopt_image(a, image_epoch, epoch);
	bool came = r >= 0 && !json_is_true(json_object_get(request, "at_home")); /* there the rows never left */
	if (came)
		r = import_rows(a, epoch);
	if (came && r == PMIG_ESTALE && image_epoch != epoch)
		r = 0;                                          /* they were taken in when it was restored before */
	if (r >= 0 && *agent_text(request, "handover") == '\0') /* what was left open has no more to say about it */
		agent_journal_end(a, PMIG_HANDOVER_UNDONE, "it goes on from its image");
	if (r >= 0)
		r = agent_journal_begin(a, request);
	if (r >= 0)
		r = enter_image(a, epoch);
	if (r >= 0)
		r = fault_meet("restore:rows");
	if (r >= 0)
		r = begin_restore(a, epoch);
	return r < 0 ? r : AGENT_LATER;
}

static int set_running(struct agent *a)
{
	int r = fault_meet("activate:row");
	if (r >= 0)
		r = agent_journal(a, "activate", PMIG_STEP_BEGIN, NULL);
	if (r >= 0)
		r = fault_meet("activate:journal");
	if (r < 0)
		return r;
	agent_reference_prepare(a);
	r = agent_program_send(a, CONTROL_ACTIVATE, 0, "", -1);
	if (r < 0)
		return r;
	agent_reference_begin(a);
	r = agent_set_state(a, AGENT_RUNNING, PMIG_PROCESS_RUNNING);
	agent_journal_end(a, PMIG_HANDOVER_DONE, NULL);
	return r < 0 ? r : fault_meet("activate:sent");
}

void agent_on_restored(struct agent *a, const struct control_message *m)
{
	if (a->state != AGENT_RESTORING)
		return;
	a->state = AGENT_RESTORED;
	int r = agent_limits_restored(a);
	if (r >= 0)
		r = agent_journal(a, "restore", PMIG_STEP_DONE, m->args[2] != 0 ? "libraries moved" : "libraries stayed");
	if (r >= 0)
		r = fault_meet("restore:restored");
	if (r >= 0 && a->claimed == a->epoch)
		r = set_running(a); /* the second time: it was asked to activate */
	if (r < 0) {
		agent_finish_later(a, r, NULL);
		agent_program_kill(a, SIGKILL);
		return;
	}
	agent_finish_later(a, 0,
		json_pack("{s:I, s:I, s:b, s:I, s:O*}", "ns", (json_int_t)m->args[0], "frames", (json_int_t)m->args[1],
			"libraries_moved", (int)(m->args[2] != 0), "pid", (json_int_t)a->pid, "request",
			a->restore_request));
}

/* What it wrote to its standard error, on one line. */
static void last_words(struct agent *a, char ret_words[LAST_WORDS])
{
	ret_words[0] = '\0';
	if (a->io == NULL)
		return;
	for (unsigned stream = AGENT_STDERR; stream >= AGENT_STDOUT && ret_words[0] == '\0'; stream--) {
		ssize_t n = agent_stdio_peek(a->io, stream, ret_words, LAST_WORDS - 1);
		ret_words[n > 0 ? n : 0] = '\0';
	}
	for (char *c = ret_words; *c != '\0'; c++)
		if (!isprint((unsigned char)*c))
			*c = ' ';
}

void agent_on_copy_lost(struct agent *a)
{
	char words[LAST_WORDS];
	enum agent_state before = a->state;
	last_words(a, words);
	agent_stdio_destroy(a->io);
	a->io = NULL;
	agent_reference_lose(a);
	a->state = AGENT_EMPTY;
	if (a->claimed == a->epoch)
		(void)a->store->process_set(a->store, a->options->uuid, PMIG_PROCESS_STORED, 0, -1);
	if (before == AGENT_RESTORING || a->later != 0)
		agent_finish_later(a,
			error_set(a->why[0] != '\0' ? PMIG_EREFUSED : PMIG_EGONE,
				"%s could not be restored: %.300s%s%.300s (status %d)", a->name, a->why,
				a->why[0] != '\0' && words[0] != '\0' ? "; " : "", words, a->exit_status),
			NULL);
	agent_event(a, json_pack("{s:s, s:i}", "event", "copy-lost", "status", a->exit_status));
	a->exit_status = -1;
	agent_consider_end(a);
}

int agent_do_unrestore(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	if (a->claimed == a->epoch && a->claimed != 0)
		return error_set(PMIG_EREFUSED, "%s was claimed for %s", a->name, a->host);
	if (a->pid <= 0 || (a->state != AGENT_RESTORED && a->state != AGENT_RESTORING))
		return 0;
	if (!agent_handover_is(a, request))
		return error_set(PMIG_ESTALE, "%s is restored for another hand-over than this one", a->name);
	agent_program_kill(a, SIGKILL);
	a->state = AGENT_UNDOING;
	return AGENT_LATER;
}

int agent_do_claim(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	if (epoch == a->claimed)
		return 0; /* asked again, because the answer was lost */
	if (epoch != a->epoch || a->state != AGENT_RESTORED)
		return error_set(PMIG_EREFUSED, "%s is not restored here for epoch %llu", a->name,
			(unsigned long long)epoch);
	if (!agent_handover_is(a, request))
		return error_set(PMIG_ESTALE, "%s is restored for another hand-over than this one", a->name);
	int r = fault_meet("commit:claim");
	if (r >= 0)
		r = agent_journal(a, "commit", PMIG_STEP_BEGIN, a->host);
	if (r >= 0)
		r = fault_meet("commit:claimed");
	if (r >= 0)
		r = a->store->owner_claim(a->store, a->options->uuid, epoch, a->host);
	if (r < 0)
		return r;
	a->claimed = epoch;
	a->promised = 0; /* of an epoch before this one */
	r = agent_enter(a, "");
	return r < 0 ? r : fault_meet("commit:journal");
}

/* The epoch of the whole image here that `epoch` goes on from: its own, or, where a recovery broke off, that of the last owner. 0: none.
 * Asked of the disk, since an agent that was started anew knows of no image that was never restored. */
static uint64_t waiting_image(const struct agent *a, uint64_t epoch)
{
	char path[PATH_MAX];
	struct pmig_owner owner;
	agent_image_path(a, epoch, "", path);
	if (access(path, R_OK) == 0)
		return epoch;
	if (a->store->owner_get(a->store, a->options->uuid, &owner) < 0 || owner.epoch == 0 || owner.epoch >= epoch ||
		strcmp(owner.host, a->host) != 0)
		return 0;
	agent_image_path(a, owner.epoch, "", path);
	return access(path, R_OK) == 0 ? owner.epoch : 0;
}

int agent_do_bar(struct agent *a, const json_t *request, json_t **ret_answer)
{
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	struct pmig_owner owner;
	int r = fault_meet("bar:row");
	if (r < 0)
		return r;
	r = a->store->owner_bar(a->store, a->options->uuid, epoch);
	bool owned = r == PMIG_EEXIST;
	if (owned) {
		r = a->store->owner_get(a->store, a->options->uuid, &owner);
		owned = r >= 0 && strcmp(owner.host, a->host) == 0;
	}
	if (r < 0)
		return r;
	if (!owned)
		agent_file_bar(a, epoch);
	r = fault_meet("bar");
	*ret_answer = json_pack("{s:b, s:I}", "owned", (int)owned, "image", (json_int_t)waiting_image(a, epoch));
	return r;
}

int agent_do_activate(struct agent *a, const json_t *request, json_t **ret_answer)
{
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	if (epoch != a->claimed)
		return error_set(PMIG_EREFUSED, "%s: epoch %llu does not belong to %s", a->name, (unsigned long long)epoch,
			a->host);
	if (a->state == AGENT_RESTORED) {
		int r = set_running(a);
		*ret_answer = json_pack("{s:I, s:O*}", "pid", (json_int_t)a->pid, "request", a->restore_request);
		return r;
	}
	if (a->state == AGENT_ENDED &&
		a->exit_status >= 128) /* it may have run: begun again only if `pmig recover` says so */
		return error_set(PMIG_EGONE, "%s was killed on %s", a->name, a->host);
	if (a->state == AGENT_RESTORING)
		return error_set(PMIG_EBUSY, "%s is being restored on %s", a->name, a->host);
	if (a->state != AGENT_EMPTY) { /* it runs, or has come to its end */
		*ret_answer = json_pack("{s:I, s:O*}", "pid", (json_int_t)a->pid, "request", a->restore_request);
		return 0;
	}
	int r = begin_restore(a, epoch);
	return r < 0 ? r : AGENT_LATER;
}

void agent_remove_files(struct agent *a, uint64_t epoch)
{
	static const char *const suffixes[] = {"", ".rows", ".json", ".part", ".rows.part"};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char path[PATH_MAX];
		agent_image_path(a, epoch, suffixes[i], path);
		(void)unlink(path);
		if (i == 0)
			(void)a->store->image_drop(a->store, path);
	}
	a->image[0] = '\0';
}

void agent_settle(struct agent *a)
{
	/* By itself, or as its user wanted; who was killed otherwise may be recovered. */
	bool ended = a->state == AGENT_ENDED && (a->exit_status < 128 || a->exit_status == 128 + a->signal_sent);
	if ((a->state == AGENT_RUNNING || ended) && a->claimed == a->epoch) /* what it maps of the image stays mapped */
		agent_remove_files(a, a->epoch);
}

int agent_do_settle(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)request;
	(void)ret_answer;
	int r = fault_meet("settle");
	if (r >= 0)
		agent_settle(a);
	return r;
}

int agent_do_forget(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	if (a->claimed != 0 && a->claimed == epoch)
		return error_set(PMIG_EREFUSED, "%s was claimed for %s", a->name, a->host);
	if (a->pid > 0)
		return error_set(PMIG_EBUSY, "%s is still here", a->name);
	agent_remove_files(a, epoch);
	agent_journal_end(a, PMIG_HANDOVER_UNDONE, agent_text(request, "reason"));
	struct pmig_process_row *row;
	if (a->store->process_get(a->store, a->options->uuid, &row) >= 0) { /* rows that arrived with the image */
		if (strcmp(a->home, a->host) == 0)
			(void)a->store->process_set(a->store, a->options->uuid, PMIG_PROCESS_AWAY, 0, -1);
		else
			(void)a->store->process_drop(a->store, a->options->uuid);
		free(row);
	}
	return 0;
}
