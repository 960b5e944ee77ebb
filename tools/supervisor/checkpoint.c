/* checkpoint: an image of the program into a file here, wherever it runs; it goes on, or ends with the image as its heir. */
#include "checkpoint.h"
#include "image_info.h"
#include "registry/store.h"
#include "restart.h"
#include "transport/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAM (AGENT_BULK + 100)
#define LIMIT_MS 30000

struct checkpoint {
	struct supervisor *supervisor;
	struct remote *remote;
	struct checkpoint_options o;
	char path[PATH_MAX];
	int directory;
	json_t *made; /* what the agent said */
	struct bulk_receive *receive;
	struct loop_source *timer;
	bool frozen;
	bool coming; /* the image is on its way */
};

void checkpoint_destroy(struct checkpoint *c)
{
	if (c == NULL)
		return;
	remote_forget(c->remote, c);
	streams_await_not(c->supervisor, c);
	loop_remove(&c->timer);
	bulk_receive_destroy(c->receive);
	if (c->directory >= 0)
		(void)close(c->directory);
	json_decref(c->made);
	c->supervisor->checkpoint = NULL;
	free(c);
}

static void on_goes_on(void *context, int code, const json_t *answer)
{
	struct supervisor *s = context;
	uint64_t epoch = (uint64_t)json_integer_value(json_object_get(answer, "epoch"));
	if (code >= 0 && epoch > s->epoch)
		s->epoch = epoch;
}

void checkpoint_thaw(struct supervisor *s, struct remote *r, bool stored, const char *handover)
{
	remote_request(r, "go-on",
		json_pack("{s:s, s:I, s:s*}", "reason", "it could not be stopped", "barred",
			(json_int_t)(stored ? s->epoch + 1 : 0), "handover", handover),
		on_goes_on, s);
}

static void finish(struct checkpoint *c, int code)
{
	char reason[PMIG_REASON_MAX];
	(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
	json_t *line = json_pack("{s:b, s:i, s:s, s:I, s:I, s:I}", "done", 1, "exit", error_exit_status(code), "file",
		c->path, "bytes", (json_int_t)json_integer_value(json_object_get(c->made, "bytes")), "frames",
		(json_int_t)json_integer_value(json_object_get(c->made, "frames")), "ns",
		(json_int_t)json_integer_value(json_object_get(c->made, "ns")));
	if (code < 0) {
		(void)json_object_set_new(line, "code", json_integer(code));
		(void)json_object_set_new(line, "reason", json_string(reason));
	}
	if (!c->o.stop)
		remote_request(c->remote, "drop", NULL, NULL, NULL);
	else if (code < 0)
		(void)c->supervisor->store->image_drop(c->supervisor->store, c->path);
	if (code < 0 && c->frozen)
		checkpoint_thaw(c->supervisor, c->remote, true, NULL);
	if (c->o.progress != NULL)
		c->o.progress(c->o.context, line);
	json_decref(line);
	struct supervisor *s = c->supervisor;
	checkpoint_destroy(c);
	streams_resume_input(s);
}

/* Nothing of it runs any more. */
static void on_released(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct checkpoint *c = context;
	struct supervisor *s = c->supervisor;
	struct remote *r = c->remote;
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s", c->path);
	json_t *event = json_pack("{s:i, s:O, s:O}", "status", code < 0 ? SUPERVISOR_FAILED : SUPERVISOR_STOPPED, "out",
		json_object_get(c->made, "out"), "err", json_object_get(c->made, "err"));
	c->frozen = false;
	if (code >= 0)
		code = s->store->process_set(s->store, s->uuid, PMIG_PROCESS_STORED, 0, -1);
	finish(c, code);
	if (code >= 0)
		supervisor_say(s, "%s was stopped, and waits in %s: `pmig restart` continues it", s->name, path);
	supervisor_exit(s, r, event);
	json_decref(event);
}

static void on_promised(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct checkpoint *c = context;
	if (code < 0)
		finish(c, code);
	else
		remote_request(c->remote, "release", json_pack("{s:b}", "keep", 1), on_released, c);
}

/* What belongs to the image and is not in it. */
static int write_stopped(struct checkpoint *c, const struct image_info *info)
{
	char path[PATH_MAX];
	restart_stopped_path(c->supervisor, c->supervisor->uuid, path);
	json_t *object = json_pack("{s:I, s:I, s:O*, s:O*}", "epoch", (json_int_t)info->epoch, "checkpoint",
		(json_int_t)info->checkpoint, "unread", json_object_get(c->made, "unread"), "modes",
		json_object_get(c->made, "modes"));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = fd < 0 || json_dumpfd(object, fd, JSON_COMPACT) < 0 || fsync(fd) < 0
		? error_errno(PMIG_EIO, errno, "%s", path)
		: 0;
	if (fd >= 0)
		(void)close(fd);
	json_decref(object);
	return r;
}

/* The image is all that will be left: it can be read, and home knows where it is, before the program ends. */
static int enter_image(struct checkpoint *c)
{
	struct supervisor *s = c->supervisor;
	struct image_info info;
	int fd = open(c->path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? error_errno(PMIG_EIO, errno, "%s", c->path) : image_info_get(fd, c->path, false, &info);
	if (fd >= 0)
		(void)close(fd);
	if (r >= 0)
		r = write_stopped(c, &info);
	if (r >= 0)
		r = s->store->image_put(s->store,
			&(struct pmig_image_row){.path = c->path,
				.process = s->uuid,
				.epoch = info.epoch,
				.size = info.size,
				.complete = true});
	return r >= 0 ? s->store->owner_claim(s->store, s->uuid, s->epoch + 1, "image") : r;
}

static void on_output_here(void *context, int code)
{
	struct checkpoint *c = context;
	if (code >= 0)
		code = enter_image(c);
	if (code < 0)
		finish(c, code);
	else
		remote_request(c->remote, "promise",
			json_pack("{s:I, s:s}", "epoch", (json_int_t)c->supervisor->epoch + 1, "target", "image"),
			on_promised, c);
}

static void arrived(struct checkpoint *c)
{
	c->coming = false;
	int r = fault_meet("save:done");
	if (r < 0 || !c->o.stop)
		finish(c, r);
	else
		streams_await(c->supervisor, c->remote, c->made, on_output_here, c);
}

static void on_fetch(void *context, int code, const json_t *answer)
{
	(void)answer;
	if (code < 0)
		finish(context, code);
}

static void on_made(void *context, int code, const json_t *answer)
{
	struct checkpoint *c = context;
	loop_remove(&c->timer);
	if (code < 0) {
		finish(c, code);
		return;
	}
	c->frozen = c->o.stop;
	c->coming = true;
	c->made = json_deep_copy(answer);
	remote_request(c->remote, "fetch",
		json_pack("{s:O, s:s, s:i}", "file", json_object_get(answer, "file"), "kind", "image", "stream", STREAM),
		on_fetch, c);
}

bool checkpoint_packet(struct supervisor *s, struct remote *r, const struct packet *p)
{
	struct checkpoint *c = s->checkpoint;
	if (c == NULL || r != c->remote || p->stream != STREAM)
		return false;
	struct peer *peer = remote_peer(r);
	int rc = 0;
	if (p->type == PACKET_OFFER && c->receive == NULL) {
		struct bulk_offer offer;
		const char *slash = strrchr(c->path, '/');
		static const char *const faults[BULK_STAGES] = {
			"save:first", "save:last", "save:written", "save:synced", "save:renamed"};
		rc = bulk_offer_get(p, &offer);
		if (rc >= 0)
			rc = bulk_receive_create(&(struct bulk_receive_options){.directory = c->directory,
							 .name = slash + 1,
							 .faults = faults,
							 .writer = peer_writer(peer),
							 .stream = p->stream},
				&offer, &c->receive);
	} else if (c->receive != NULL) {
		rc = bulk_receive_packet(c->receive, p);
	}
	peer_kick(peer);
	if (rc < 0)
		finish(c, rc);
	else if (rc == 1)
		arrived(c);
	return true;
}

/* The agent drops what it sends when its supervisor is gone. Everything else that is waited for is answered, or comes when it is back. */
void checkpoint_down(struct supervisor *s, const struct remote *r)
{
	struct checkpoint *c = s->checkpoint;
	if (c != NULL && r == c->remote && c->coming)
		finish(c, PMIG_EUNREACHED);
}

static void on_too_long(void *context)
{
	struct checkpoint *c = context;
	remote_request(c->remote, "cancel", NULL, NULL, NULL); /* the answer to the request says where the program is */
}

int checkpoint_start(struct supervisor *s, const struct checkpoint_options *o)
{
	struct remote *r = supervisor_here(s)->remote;
	if (s->move != NULL || s->checkpoint != NULL)
		return error_set(PMIG_EBUSY, "%s is being saved or moved already", s->name);
	if (!remote_is_up(r))
		return error_set(PMIG_EUNREACHED, "%s is not connected", remote_label(r));
	if (o->path[0] != '/' || strlen(o->path) >= PATH_MAX || strrchr(o->path, '/')[1] == '\0')
		return error_set(PMIG_EINVAL, "\"%s\" is not the name of a file", o->path);
	struct checkpoint *c = calloc(1, sizeof *c);
	if (c == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	*c = (struct checkpoint){.supervisor = s, .remote = r, .o = *o, .directory = -1};
	s->checkpoint = c;
	(void)snprintf(c->path, sizeof c->path, "%s", o->path);
	char directory[PATH_MAX];
	(void)snprintf(directory, sizeof directory, "%s", o->path);
	strrchr(directory, '/')[1] = '\0';
	c->directory = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (c->directory < 0) {
		int rc = error_errno(errno == ENOENT ? PMIG_ENOENT : PMIG_EIO, errno, "%s", directory);
		checkpoint_destroy(c);
		return rc;
	}
	s->input_held = o->stop;
	remote_request(r, o->stop ? "freeze" : "checkpoint",
		json_pack("{s:I, s:b}", "epoch", (json_int_t)s->epoch + 1, "wait_children", (int)o->wait_children), on_made,
		c);
	return loop_after(s->loop, o->timeout_ms > 0 ? o->timeout_ms : LIMIT_MS, on_too_long, c, &c->timer);
}

void checkpoint_listener_gone(struct supervisor *s, void *context)
{
	if (s->checkpoint != NULL && s->checkpoint->o.context == context)
		s->checkpoint->o.progress = NULL;
}
