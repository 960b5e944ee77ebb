/* fence: what is to go at a host that could not be asked: it is asked until it answers. */
#include "fence.h"

#include "channels.h"
#include "doubts.h"
#include "registry/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fence {
	struct fence *next;
	struct supervisor *supervisor;
	struct remote *remote;
	char id[PMIG_UUID_LENGTH + 1];
	uint64_t epoch; /* that the target may have begun */
	bool image;     /* it cannot have: the image alone is to go */
};

static const char *step_of(const struct fence *f)
{
	return f->image ? "forget" : "fence";
}

static struct fence *of(const struct supervisor *s, const struct remote *r)
{
	struct fence *f = s->fences;
	while (f != NULL && f->remote != r)
		f = f->next;
	return f;
}

/* At most one for a host: open_one(), move.c. */
static struct fence *at(const struct supervisor *s, const char *label)
{
	struct fence *f = s->fences;
	while (f != NULL && strcmp(remote_label(f->remote), label) != 0)
		f = f->next;
	return f;
}

bool fence_waits(const struct supervisor *s, const char *label)
{
	const struct fence *f = at(s, label);
	return f != NULL && !f->image;
}

static void drop(struct fence *f)
{
	struct fence **place = &f->supervisor->fences;
	while (*place != f)
		place = &(*place)->next;
	*place = f->next;
	free(f);
}

static void ask(struct fence *f);

static void leave(struct fence *f)
{
	struct supervisor *s = f->supervisor;
	struct remote *r = f->remote;
	drop(f);
	if (s->only_fences && s->fences == NULL)
		s->said_end = true; /* over with the farewell */
	supervisor_dismiss(s, r);
	supervisor_over(s);
}

static void settle(struct fence *f, const char *words)
{
	struct supervisor *s = f->supervisor;
	struct remote *r = f->remote;
	if (!f->image)
		supervisor_say(s, "%s at %s: %s", s->name, remote_label(r), words);
	if (s->store->handover_step(s->store, f->id, step_of(f), PMIG_STEP_DONE, words) < 0)
		supervisor_say(s, "%s", pmig_reason());
	leave(f);
}

static void on_forgotten(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct fence *f = context;
	struct supervisor *s = f->supervisor;
	if (code == PMIG_EUNREACHED)
		return;
	if (code >= 0) {
		settle(f, "");
		return;
	}
	supervisor_say(s, "what was sent of %s to %s was not removed there: %s", s->name, remote_label(f->remote),
		pmig_reason());
	leave(f); /* the journal has it for who attaches next */
}

static void on_answer(void *context, int code, const json_t *answer)
{
	struct fence *f = context;
	struct supervisor *s = f->supervisor;
	if (code == PMIG_EUNREACHED)
		return; /* asked again when the connection is back */
	if (code == PMIG_ESTALE)
		settle(f, "a later epoch is known there, and nothing of the one that was given up can run");
	else if (code < 0) {
		supervisor_say(s, "what may run of %s at %s was not ended: %s", s->name, remote_label(f->remote),
			pmig_reason());
		if (s->only_fences)
			supervisor_stop(s, SUPERVISOR_FAILED);
	} else if (!json_is_true(json_object_get(answer, "fenced")))
		ask(f);
	else
		settle(f,
			json_is_true(json_object_get(answer, "ran"))
				? "it had run there as well since it was given up; that copy was ended, its output is not shown"
				: "it had not begun there, and never will");
}

static void ask(struct fence *f)
{
	struct supervisor *s = f->supervisor;
	if (f->image) {
		remote_request(f->remote, "forget",
			json_pack("{s:I, s:s}", "epoch", (json_int_t)f->epoch, "reason", "it went on where it was"),
			on_forgotten, f);
		return;
	}
	remote_request(f->remote, "fence",
		json_pack("{s:I, s:I, s:s, s:s}", "epoch", (json_int_t)(s->epoch > f->epoch ? s->epoch : f->epoch + 1),
			"given_up", (json_int_t)f->epoch, "host", remote_label(supervisor_here(s)->remote), "handover",
			f->id),
		on_answer, f);
}

static void take(struct supervisor *s, const char *id, uint64_t epoch, struct remote *target, bool image)
{
	struct fence *f = calloc(1, sizeof *f);
	if (f == NULL) {
		supervisor_bury(s, target); /* the journal has it for who attaches next */
		return;
	}
	*f = (struct fence){.next = s->fences, .supervisor = s, .remote = target, .epoch = epoch, .image = image};
	(void)snprintf(f->id, sizeof f->id, "%s", id);
	s->fences = f;
	if (remote_is_up(target))
		ask(f);
	else
		remote_connect_later(target, s->epoch);
}

void fence_take(struct supervisor *s, const char *id, uint64_t epoch, struct remote *target)
{
	take(s, id, epoch, target, false);
}

void fence_yield(struct supervisor *s, const char *label)
{
	struct fence *f = at(s, label);
	if (f == NULL || !f->image)
		return;
	remote_forget(f->remote, f);
	supervisor_bury(s, f->remote);
	drop(f);
}

void fence_up(struct supervisor *s, struct remote *r)
{
	struct fence *f = of(s, r);
	if (f != NULL)
		ask(f);
}

void fence_down(struct supervisor *s, struct remote *r)
{
	if (of(s, r) != NULL)
		remote_connect_later(r, s->epoch);
}

static bool has_state(const json_t *row, const char *word)
{
	const char *state = json_string_value(json_object_get(row, "state"));
	return state != NULL && strcmp(state, word) == 0;
}

bool fence_is_due(struct supervisor *s)
{
	json_t *rows = NULL;
	const json_t *row;
	size_t i;
	bool due = false;
	(void)!doubts_list(s->store, s->uuid, &rows);
	json_array_foreach(rows, i, row) due |= has_state(row, "given up") || has_state(row, "left behind");
	json_decref(rows);
	return due;
}

static int open_one(struct supervisor *s, const json_t *row)
{
	const char *target = json_string_value(json_object_get(row, "target")),
		   *id = json_string_value(json_object_get(row, "id"));
	bool image = has_state(row, "left behind");
	if (target == NULL || id == NULL || (!image && !has_state(row, "given up")) || at(s, target) != NULL)
		return 0;
	if (image && strcmp(target, remote_label(supervisor_here(s)->remote)) == 0)
		return 0; /* it has come there since */
	struct remote *remote = channels_take(s, target);
	int r = remote == NULL ? supervisor_remote(s, target, 0, &remote) : 0;
	if (r >= 0)
		take(s, id, (uint64_t)json_integer_value(json_object_get(row, "epoch")), remote, image);
	return r;
}

int fence_open(struct supervisor *s)
{
	json_t *rows = NULL;
	const json_t *row;
	size_t i;
	int r = 0;
	(void)!doubts_list(s->store, s->uuid, &rows);
	json_array_foreach(rows, i, row)
	{
		if (r >= 0)
			r = open_one(s, row);
	}
	json_decref(rows);
	return r;
}

void fence_close(struct supervisor *s)
{
	while (s->fences != NULL) {
		struct fence *f = s->fences;
		s->fences = f->next;
		if (!s->replaced && f->image)
			supervisor_say(s,
				"an image of %s that is out of date lies at %s: `pmig recover %s` asks until it is removed",
				s->name, remote_label(f->remote), s->name);
		else if (!s->replaced)
			supervisor_say(s,
				"a copy of %s that was given up may still run at %s: `pmig recover %s` asks until it is ended",
				s->name, remote_label(f->remote), s->name);
		remote_destroy(f->remote);
		free(f);
	}
}
