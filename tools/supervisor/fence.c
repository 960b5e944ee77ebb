/* fence: copies that a person gave up while their host could not be reached: that host is asked until it has ended them. */
#include "fence.h"

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
};

static struct fence *of(const struct supervisor *s, const struct remote *r)
{
	struct fence *f = s->fences;
	while (f != NULL && f->remote != r)
		f = f->next;
	return f;
}

bool fence_waits(const struct supervisor *s, const char *label)
{
	for (const struct fence *f = s->fences; f != NULL; f = f->next)
		if (strcmp(remote_label(f->remote), label) == 0)
			return true;
	return false;
}

static void drop(struct fence *f)
{
	struct fence **at = &f->supervisor->fences;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	free(f);
}

static void ask(struct fence *f);

static void settle(struct fence *f, const char *words)
{
	struct supervisor *s = f->supervisor;
	struct remote *r = f->remote;
	supervisor_say(s, "%s at %s: %s", s->name, remote_label(r), words);
	if (s->store->handover_step(s->store, f->id, "fence", PMIG_STEP_DONE, words) < 0)
		supervisor_say(s, "%s", pmig_reason());
	drop(f);
	if (s->only_fences && s->fences == NULL)
		s->said_end = true; /* over with the farewell */
	supervisor_dismiss(s, r);
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
	remote_request(f->remote, "fence",
		json_pack("{s:I, s:I, s:s, s:s}", "epoch", (json_int_t)(s->epoch > f->epoch ? s->epoch : f->epoch + 1),
			"given_up", (json_int_t)f->epoch, "host", remote_label(supervisor_here(s)->remote), "handover",
			f->id),
		on_answer, f);
}

void fence_take(struct supervisor *s, const char *id, uint64_t epoch, struct remote *target)
{
	struct fence *f = calloc(1, sizeof *f);
	if (f == NULL) {
		supervisor_bury(s, target); /* the journal has it for who attaches next */
		return;
	}
	*f = (struct fence){.next = s->fences, .supervisor = s, .remote = target, .epoch = epoch};
	(void)snprintf(f->id, sizeof f->id, "%s", id);
	s->fences = f;
	if (remote_is_up(target))
		ask(f);
	else
		remote_connect_later(target, s->epoch);
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

static bool is_given_up(const json_t *row)
{
	const char *state = json_string_value(json_object_get(row, "state"));
	return state != NULL && strcmp(state, "given up") == 0;
}

bool fence_is_due(struct supervisor *s)
{
	json_t *rows = NULL;
	const json_t *row;
	size_t i;
	bool due = false;
	(void)!doubts_list(s->store, s->uuid, &rows);
	json_array_foreach(rows, i, row) due |= is_given_up(row);
	json_decref(rows);
	return due;
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
		const char *target = json_string_value(json_object_get(row, "target")),
			   *id = json_string_value(json_object_get(row, "id"));
		struct remote *remote;
		if (target == NULL || id == NULL || !is_given_up(row) || fence_waits(s, target))
			continue;
		r = supervisor_remote(s, target, 0, &remote);
		if (r < 0)
			break;
		fence_take(s, id, (uint64_t)json_integer_value(json_object_get(row, "epoch")), remote);
	}
	json_decref(rows);
	return r;
}

void fence_close(struct supervisor *s)
{
	while (s->fences != NULL) {
		struct fence *f = s->fences;
		s->fences = f->next;
		if (!s->replaced)
			supervisor_say(s,
				"a copy of %s that was given up may still run at %s: `pmig recover %s` asks until it is ended",
				s->name, remote_label(f->remote), s->name);
		remote_destroy(f->remote);
		free(f);
	}
}
