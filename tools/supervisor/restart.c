/* restart: `pmig restart`: a program goes on from a file that `pmig checkpoint` made, as the process that it was, or as a clone
 * of it. What could be wrong is asked before anything is touched; what was touched is put back where it fails. */
#include "restart.h"
#include "image_info.h"
#include "job.h"
#include "registry/policy.h"
#include "registry/store.h"
#include "runtime/base/io.h"
#include "terminal.h"
#include "runtime/base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_TRIES 1000
#define PIECE (1u << 30)
#define LEAVE_MS 5000
#define PAUSE_MS 50

struct restart {
	struct supervisor *supervisor;
	struct image_info info;
	char was[PMIG_UUID_LENGTH + 1];  /* the process in the image */
	struct pmig_process_row *before; /* its row; NULL: it is not known here */
	json_t *stopped;                 /* what belongs to the image and is not in it; NULL: nothing */
	int fd;
	char copy[PATH_MAX];
	struct job *job;
	bool entered; /* the row was changed */
};

void restart_destroy(struct restart *t)
{
	if (t == NULL)
		return;
	if (t->supervisor->stations[0].remote != NULL)
		remote_forget(t->supervisor->stations[0].remote, t);
	job_abandon(t->job);
	if (t->fd >= 0)
		(void)close(t->fd);
	json_decref(t->stopped);
	free(t->before);
	t->supervisor->restart = NULL;
	free(t);
}

void restart_stopped_path(const struct supervisor *s, const char *uuid, char ret_path[PATH_MAX])
{
	(void)snprintf(ret_path, PATH_MAX, "%s/image/%s.stopped", s->options->state, uuid);
}

/* --- before anything is touched --- */

/* A process whose number is free has ended, and with it its program: whoever watched it was killed, or the host was. Since then another
 * program may have got the number; but its agent lives as long as it does, and kills it when it ends itself. */
static bool is_dead(const struct restart *t)
{
	const struct pmig_process_row *row = t->before;
	char link[64], path[PATH_MAX];
	if (row->pid <= 0)
		return false;
	if (kill((pid_t)row->pid, 0) < 0 && errno == ESRCH)
		return true;
	if (attach_has_agent(t->supervisor, t->was))
		return false;
	(void)snprintf(link, sizeof link, "/proc/%lld/exe", (long long)row->pid);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return true; /* another user's, or the kernel's */
	path[n] = '\0';
	size_t same = strlen(row->program); /* " (deleted)" behind it: it was built again since */
	return strncmp(path, row->program, same) != 0 || (path[same] != '\0' && path[same] != ' ');
}

/* Whether it lives, or may live, anywhere that the registry knows of. */
static int check_life(const struct restart *t)
{
	const struct pmig_process_row *row = t->before;
	struct pmig_store *store = t->supervisor->store;
	struct pmig_handover_row *h = NULL;
	int r = store->handover_get(store, t->was, &h);
	bool open = r >= 0 &&
		(h->state == PMIG_HANDOVER_OPEN || h->state == PMIG_HANDOVER_DOUBT || h->state == PMIG_HANDOVER_WAITS);
	free(h);
	if (r < 0 && r != PMIG_ENOENT)
		return r;
	switch (row->state) {
	case PMIG_PROCESS_STORED:
	case PMIG_PROCESS_ENDED:
		break;
	case PMIG_PROCESS_AWAY:
	case PMIG_PROCESS_LEFT:
		return error_set(PMIG_EREFUSED,
			"%s runs elsewhere, or may: `pmig attach %s` finds out; --clone makes another program of it",
			row->name, row->name);
	default:
		if (!is_dead(t) && (row->state == PMIG_PROCESS_FROZEN || row->state == PMIG_PROCESS_DOUBT))
			return error_set(PMIG_EREFUSED, "%s is frozen and may go on: `pmig attach %s` finds out", row->name,
				row->name);
		if (!is_dead(t))
			return error_set(PMIG_EREFUSED, "%s runs already: --clone makes another program of its image",
				row->name);
	}
	if (open && row->state != PMIG_PROCESS_ENDED)
		return error_set(PMIG_EREFUSED, "%s was being moved, and may run elsewhere: `pmig recover %s` finds out",
			row->name, row->name);
	return 0;
}

/* A program that has just been stopped still has a supervisor, which shows the last of its output. */
static int wait_for_supervisor(const struct restart *t)
{
	for (int i = 0; i < LEAVE_MS / PAUSE_MS; i++) {
		if (!server_answers(t->supervisor, t->before->name))
			return 0;
		(void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000}, NULL);
	}
	return error_set(PMIG_EREFUSED, "%s still has a supervisor, whose output is not read", t->before->name);
}

/* The image goes on in the program that made it and in no other. */
static int check_program(const struct restart *t, const char *path)
{
	uint8_t build[sizeof t->info.build];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(PMIG_ENOENT, errno, "%s, which the image needs", path);
	int r = image_info_build(fd, path, build);
	(void)close(fd);
	if (r < 0 || memcmp(build, t->info.build, sizeof build) == 0)
		return r;
	return error_set(PMIG_EIDENTITY, "%s was made by another program, or another build of it, than %s",
		t->supervisor->options->image, path);
}

static int choose_identity(struct restart *t)
{
	struct supervisor *s = t->supervisor;
	struct pmig_owner owner;
	int r = s->store->owner_get(s->store, t->was, &owner);
	if (r < 0)
		return r;
	(void)snprintf(s->name, sizeof s->name, "%s", s->options->name != NULL ? s->options->name : t->info.name);
	if (s->options->clone) {
		s->epoch = 1;
		return supervisor_uuid(s->uuid);
	}
	(void)snprintf(s->uuid, sizeof s->uuid, "%s", t->was);
	s->epoch = t->info.epoch;
	if (owner.epoch > s->epoch)
		s->epoch = owner.epoch;
	if (owner.barred > s->epoch)
		s->epoch = owner.barred;
	if (t->before != NULL && t->before->epoch > s->epoch)
		s->epoch = t->before->epoch;
	s->epoch++;
	return 0;
}

/* What `checkpoint --stop` put aside, if it was this image. */
static void load_stopped(struct restart *t)
{
	char path[PATH_MAX];
	restart_stopped_path(t->supervisor, t->was, path);
	t->stopped = json_load_file(path, 0, NULL);
	if ((uint64_t)json_integer_value(json_object_get(t->stopped, "epoch")) == t->info.epoch &&
		(uint64_t)json_integer_value(json_object_get(t->stopped, "checkpoint")) == t->info.checkpoint)
		return;
	json_decref(t->stopped);
	t->stopped = NULL;
}

int restart_prepare(struct supervisor *s)
{
	struct restart *t = calloc(1, sizeof *t);
	if (t == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	*t = (struct restart){.supervisor = s};
	s->restart = t;
	t->fd = open(s->options->image, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0)
		return error_errno(errno == ENOENT ? PMIG_ENOENT : PMIG_EIO, errno, "%s", s->options->image);
	int r = image_info_get(t->fd, s->options->image, false, &t->info);
	if (r < 0)
		return r;
	image_info_uuid(&t->info, t->was);
	r = s->store->process_get(s->store, t->was, &t->before);
	if (r >= 0 && !s->options->clone)
		r = check_life(t);
	if (r >= 0 && t->before != NULL && !s->options->clone)
		r = wait_for_supervisor(t);
	if (r == PMIG_ENOENT)
		r = 0;
	const char *path = s->options->path != NULL ? s->options->path : t->before != NULL ? t->before->program : NULL;
	if (r >= 0 && path == NULL)
		r = error_set(PMIG_ENOENT, "%s was not started here: say where its program is, `pmig restart %s -- PROGRAM`",
			t->info.name, s->options->image);
	if (r >= 0)
		r = check_program(t, path);
	if (r < 0)
		return r;
	(void)snprintf(s->path, sizeof s->path, "%s", path);
	load_stopped(t);
	return choose_identity(t);
}

/* --- in place --- */

static int enter(struct restart *t)
{
	struct supervisor *s = t->supervisor;
	char build[2 * sizeof t->info.build + 1], base[PMIG_NAME_MAX + 1];
	hex_put(t->info.build, sizeof t->info.build, build);
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	struct pmig_process_row row = {.uuid = s->uuid,
		.name = s->name,
		.program = s->path,
		.build = build,
		.argv = t->before != NULL ? t->before->argv : "[]",
		.home = s->home,
		.epoch = s->epoch,
		.state = PMIG_PROCESS_STARTING,
		.started = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
		.exit_status = -1};
	(void)snprintf(base, sizeof base, "%s", s->name);
	int r = s->store->process_put(s->store, &row);
	for (int i = 2; r == PMIG_EEXIST && s->options->name == NULL && i < NAME_TRIES; i++) {
		(void)snprintf(s->name, sizeof s->name, "%.240s-%d", base, i);
		r = s->store->process_put(s->store, &row);
	}
	t->entered = r >= 0;
	if (r >= 0 && s->options->clone && t->before != NULL)
		r = policy_inherit(s->store, t->before->uuid, s->uuid);
	return r < 0 ? r : 0;
}

/* As if it had never been tried. */
static void put_back(struct restart *t)
{
	struct supervisor *s = t->supervisor;
	if (t->entered && t->before != NULL && !s->options->clone)
		(void)!s->store->process_put(s->store, t->before);
	else if (t->entered)
		(void)!s->store->process_drop(s->store, s->uuid);
	t->entered = false;
}

static void on_forgotten(void *context, int code, const json_t *answer)
{
	(void)code, (void)answer;
	struct restart *t = context;
	struct supervisor *s = t->supervisor;
	put_back(t);
	restart_destroy(t);
	supervisor_stop(s, error_exit_status(PMIG_EREFUSED));
}

static void on_unrestored(void *context, int code, const json_t *answer)
{
	(void)code, (void)answer;
	struct restart *t = context;
	remote_request(supervisor_here(t->supervisor)->remote, "forget",
		json_pack("{s:I}", "epoch", (json_int_t)t->supervisor->epoch), on_forgotten, t);
}

static void fail(struct restart *t)
{
	terminal_leave();
	supervisor_say(t->supervisor, "restart: %s", pmig_reason());
	(void)unlink(t->copy);
	if (t->entered)
		remote_request(supervisor_here(t->supervisor)->remote, "unrestore", NULL, on_unrestored, t);
	else
		on_forgotten(t, 0, NULL);
}

/* From the claim on it belongs to this host, and nobody takes that back. */
static void leave_to_recover(struct restart *t)
{
	struct supervisor *s = t->supervisor;
	terminal_leave();
	supervisor_say(s, "restart: %s; `pmig recover %s` goes on with it", pmig_reason(), s->name);
	supervisor_stop(s, SUPERVISOR_FAILED);
}

static void on_activated(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct restart *t = context;
	struct supervisor *s = t->supervisor;
	if (code < 0) {
		leave_to_recover(t);
		return;
	}
	if (!s->options->clone) {
		char path[PATH_MAX];
		restart_stopped_path(s, s->uuid, path);
		(void)unlink(path);
		(void)s->store->image_drop(s->store, s->options->image); /* it does not wait any more */
	}
	remote_request(supervisor_here(s)->remote, "settle", NULL, NULL, NULL);
	restart_destroy(t);
	supervisor_runs(s);
}

static void on_claimed(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct restart *t = context;
	if (code == PMIG_EUNREACHED)
		leave_to_recover(t);
	else if (code < 0)
		fail(t);
	else
		remote_request(supervisor_here(t->supervisor)->remote, "activate",
			json_pack("{s:I}", "epoch", (json_int_t)t->supervisor->epoch), on_activated, t);
}

static void on_restored(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct restart *t = context;
	if (code < 0)
		fail(t);
	else
		remote_request(supervisor_here(t->supervisor)->remote, "claim",
			json_pack("{s:I}", "epoch", (json_int_t)t->supervisor->epoch), on_claimed, t);
}

/* Streams begin anew; what had been typed ahead and not read comes first. */
static int write_request(struct restart *t)
{
	struct supervisor *s = t->supervisor;
	struct winsize size = terminal_size();
	char path[PATH_MAX + 8];
	const char *unread = json_string_value(json_object_get(t->stopped, "unread"));
	const char *modes = s->terminal[0] ? json_string_value(json_object_get(t->stopped, "modes")) : NULL;
	json_t *request = json_pack("{s:s, s:b, s:b, s:i, s:i, s:i, s:i, s:i, s:[b,b,b], s:s, s:s}", "path", s->path,
		"clone", (int)s->options->clone, "rewind", (int)s->options->rewind, "in", 0, "out", 0, "err", 0, "rows",
		(int)size.ws_row, "columns", (int)size.ws_col, "terminal", (int)s->terminal[0], (int)s->terminal[1],
		(int)s->terminal[2], "unread", unread != NULL ? unread : "", "modes", modes != NULL ? modes : "");
	if (request != NULL)
		(void)json_object_set_new(request, "kinds", json_string(s->kinds != NULL ? s->kinds : ""));
	(void)snprintf(path, sizeof path, "%s.json", t->copy);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	int r = text == NULL ? error_set(PMIG_EINVAL, "%s: the path is not valid UTF-8", s->path)
			     : io_replace_file(path, text, strlen(text), 0600);
	free(text);
	json_decref(request);
	return r;
}

/* --- in a thread --- */

/* A copy, because the file may change while the program has it mapped; checked as it lies there. */
static int copy_image(void *context)
{
	struct restart *t = context;
	int fd = open(t->copy, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "%s", t->copy);
	ssize_t n;
	loff_t from = 0;
	while ((n = copy_file_range(t->fd, &from, fd, NULL, PIECE, 0)) > 0)
		;
	struct image_info info;
	int r = n < 0 || fsync(fd) < 0 ? error_errno(errno == ENOSPC ? PMIG_ENOSPC : PMIG_EIO, errno, "%s", t->copy)
				       : image_info_get(fd, t->supervisor->options->image, true, &info);
	(void)close(fd);
	return r < 0 ? r : io_sync_directory_of(t->copy); /* the claim relies on it */
}

static void on_copied(void *context, int result)
{
	struct restart *t = context;
	struct supervisor *s = t->supervisor;
	t->job = NULL;
	if (result >= 0)
		result = enter(t);
	if (result >= 0)
		result = write_request(t);
	if (result < 0) {
		fail(t);
		return;
	}
	remote_request(supervisor_here(s)->remote, "restore",
		json_pack("{s:I, s:b}", "epoch", (json_int_t)s->epoch, "at_home", 1), on_restored, t);
}

int restart_begin(struct supervisor *s)
{
	struct restart *t = s->restart;
	if (t == NULL || t->job != NULL || t->entered)
		return 0;
	(void)snprintf(t->copy, sizeof t->copy, "%s/image/%s.%llu", s->options->state, s->uuid,
		(unsigned long long)s->epoch);
	return job_start(s->loop, copy_image, on_copied, t, &t->job);
}
