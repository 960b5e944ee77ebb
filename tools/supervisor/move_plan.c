/* move_plan: what is decided before anything is touched: the source tells what the program uses, the target what it has, and
 * the planner (registry/plan.h) says what happens to each resource, or that the move is refused. */
#include "planning.h"
#include "channels_parts.h"

#include "registry/plan_show.h"
#include "transport/hex_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK_MAX 500    /* questions in one request */
#define TREE_ENTRY 160   /* bytes, about, of what is asked about one thing in a directory */
#define CHILDREN_MS 50   /* between looks at whether they still run */
#define KNOWN_SECONDS 60 /* of what was measured */

static int64_t now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void plan_abandon(struct move *m)
{
	struct planning *p = m->planning;
	if (p == NULL)
		return;
	const json_t *held = json_array_get(p->held, p->held_first);
	struct remote *holder = held == NULL
		? NULL
		: channels_remote(m->supervisor, json_string_value(json_object_get(held, "holder")));
	if (holder != NULL)
		remote_forget(holder, m);
	m->planning = NULL;
	m->plan = NULL;
	plan_destroy(p->plan);
	policy_destroy(p->policy);
	loop_remove(&p->children_timer);
	probe_destroy(p->ways[0]);
	probe_destroy(p->ways[1]);
	json_decref(p->source);
	json_decref(p->target);
	json_decref(p->files);
	json_decref(p->types);
	json_decref(p->reach);
	json_decref(p->places);
	json_decref(p->held);
	json_decref(p->beside);
	json_decref(p->marks);
	json_decref(p->paths);
	json_decref(p->hashes);
	for (size_t i = 0; p->shipped != NULL && p->input != NULL && i < p->input->count; i++)
		free(p->shipped[i].path);
	free(p->shipped);
	plan_input_destroy(p->input);
	free(p->asked);
	free(p->texts);
	free(p);
}

static void fail(struct planning *p, int code)
{
	struct move *m = p->move;
	plan_abandon(m);
	move_blame(m, code);
	move_next(m, HANDOVER_FAILED);
}

/* --- the end --- */

static json_t *plan_object(const struct planning *p)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r = out == NULL            ? PMIG_ENOMEM
		: p->move->o.plan_json ? plan_show_json(p->plan, out)
				       : plan_show_text(p->plan, &(struct plan_show_options){p->move->o.columns, true}, out);
	if (out != NULL && fclose(out) != 0)
		r = PMIG_ENOMEM;
	json_t *object = r < 0 ? NULL : p->move->o.plan_json ? json_loads(text, 0, NULL) : json_string(text);
	free(text);
	if (json_is_object(object))
		(void)json_object_set_new(object, "milliseconds", json_real(p->took_ms));
	return object;
}

/* It was only thought through. */
static void show(struct planning *p)
{
	struct move *m = p->move;
	int r = plan_check(p->plan);
	json_t *line = json_pack("{s:b, s:s, s:s, s:s, s:i, s:f, s:o*}", "done", 1, "outcome", "planned", "name",
		m->supervisor->name, "to", m->target_label, "exit", error_exit_status(r), "plan_ms", p->took_ms, "plan",
		plan_object(p));
	if (line != NULL && r < 0) {
		(void)json_object_set_new(line, "code", json_integer(r));
		(void)json_object_set_new(line, "reason", json_string(pmig_reason()));
	}
	m->reported = true;
	move_tell(m, line);
	m->o.progress = NULL;
	plan_abandon(m);
	move_next(m, HANDOVER_CANCEL);
}

static void conclude(struct planning *p)
{
	struct move *m = p->move;
	p->took_ms = (double)(now_us() - p->began) / 1000;
	m->plan_ms = p->took_ms;
	m->plan = p->plan;
	if (m->o.plan_only) {
		show(p);
		return;
	}
	int r = plan_check(p->plan);
	if (r < 0)
		fail(p, r);
	else
		move_next(m, HANDOVER_DONE); /* agree_record() follows, when the journal has the hand-over */
}

static bool measures(const struct planning *p)
{
	return (p->ways[0] != NULL && !probe_is_done(p->ways[0])) || (p->ways[1] != NULL && !probe_is_done(p->ways[1]));
}

static void decide(struct planning *p)
{
	struct move *m = p->move;
	if (measures(p)) {
		p->waits = true;
		return;
	}
	struct plan_facts facts;
	facts_asked(p, &facts);
	int r = plan_make(p->input->resources, p->input->count, &facts, &m->o.limits, &p->plan);
	if (r < 0)
		fail(p, r);
	else
		conclude(p);
}

/* --- the questions: as many in one request as its answer surely has room for --- */

/* The next ones of `all`. */
static json_t *chunk(const json_t *all, size_t *next)
{
	json_t *some = json_array();
	size_t bytes = 0;
	while (*next < json_array_size(all) && json_array_size(some) < CHUNK_MAX && bytes < PACKET_JSON_MAX / 4) {
		json_t *one = json_array_get(all, (*next)++);
		const json_t *path = json_is_object(one) ? json_object_get(one, "path") : one;
		bytes += 64 + 2 * json_string_length(json_is_object(path) ? json_object_get(path, "hex") : path);
		bytes += TREE_ENTRY * json_array_size(json_object_get(one, "tree"));
		(void)json_array_append(some, one);
	}
	return some;
}

static void ask_hashes(struct planning *p);

static void on_hashes(void *context, int code, const json_t *answer)
{
	struct planning *p = ((struct move *)context)->planning;
	if (code < 0) {
		fail(p, code);
		return;
	}
	(void)json_array_extend(p->hashes, json_object_get(answer, "hashes"));
	ask_hashes(p);
}

static void ask_hashes(struct planning *p)
{
	if (p->paths_next == json_array_size(p->paths))
		decide(p);
	else
		remote_request(p->move->source, "hashes", json_pack("{s:o}", "paths", chunk(p->paths, &p->paths_next)),
			on_hashes, p->move);
}

static void ask_facts(struct planning *p);

static void on_facts(void *context, int code, const json_t *answer)
{
	struct planning *p = ((struct move *)context)->planning;
	if (code < 0) {
		fail(p, code);
		return;
	}
	if (p->target == NULL)
		p->target = json_deep_copy(answer);
	else
		(void)json_array_extend(json_object_get(p->target, "files"), json_object_get(answer, "files"));
	if (p->files_next < json_array_size(p->files)) {
		ask_facts(p);
		return;
	}
	if (json_array_size(p->marks) > 0)
		remote_request(p->move->source, "unmark", NULL, NULL, NULL);
	facts_compare(p);
	ask_hashes(p);
}

static void ask_facts(struct planning *p)
{
	json_t *request = json_pack("{s:o, s:O}", "files", chunk(p->files, &p->files_next), "places", p->places);
	if (p->target == NULL) { /* the first one */
		(void)json_object_set(request, "types", p->types);
		(void)json_object_set(request, "reach", p->reach);
		if (json_object_get(p->source, "image") != NULL)
			(void)json_object_set(request, "image", json_object_get(p->source, "image"));
		if (json_object_get(p->source, "directory") != NULL)
			(void)json_object_set(request, "directory", json_object_get(p->source, "directory"));
		if (json_object_get(p->source, "grants") != NULL)
			(void)json_object_set(request, "grants", json_object_get(p->source, "grants"));
		if (json_object_get(p->source, "locales") != NULL)
			(void)json_object_set(request, "locales", json_object_get(p->source, "locales"));
		json_t *marks = json_deep_copy(p->marks), *mark;
		size_t i;
		json_array_foreach(marks, i, mark)
		{
			(void)json_object_del(mark, "nonce"); /* that is what it is to find */
		}
		(void)json_object_set_new(request, "marks", marks);
	}
	remote_request(p->move->target, "facts", request, on_facts, p->move);
}

static void ask_marks(struct planning *p);

/* Without marks the plan is more careful, not wrong. */
static void on_marks(void *context, int code, const json_t *answer)
{
	struct planning *p = ((struct move *)context)->planning;
	if (code >= 0)
		p->marks = json_deep_copy(json_object_get(answer, "marks"));
	ask_facts(p);
}

/* --- the ways, measured meanwhile --- */

static void on_measured(void *context)
{
	struct planning *p = context;
	if (p->waits && !measures(p))
		decide(p);
}

/* What connections carry goes by the same session, and would wait behind a train: a way that was measured a moment ago is what it was. */
static bool is_known(struct supervisor *s, const struct remote *to)
{
	struct pmig_host_row *row;
	struct timespec now;
	if (s->channels == NULL || s->channels->routes == NULL || s->store->host_get(s->store, remote_label(to), &row) < 0)
		return false;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	bool fresh = (int64_t)now.tv_sec - row->seen / 1000000000 < KNOWN_SECONDS;
	bool known = fresh && row->bandwidth != 0;
	free(row);
	return known;
}

static void measure(struct planning *p, struct remote *to, struct probe **ret_way)
{
	int r = probe_create(&(struct probe_options){.loop = p->move->supervisor->loop,
				     .remote = to,
				     .no_train = is_known(p->move->supervisor, to),
				     .done = on_measured,
				     .context = p},
		ret_way);
	if (r < 0)
		*ret_way = NULL; /* then what was measured the last time counts */
}

void plan_packet(struct move *m, const struct remote *r, const struct packet *k)
{
	struct planning *p = m != NULL ? m->planning : NULL;
	for (size_t i = 0; p != NULL && m->planning == p && i < sizeof p->ways / sizeof *p->ways; i++)
		if (probe_packet(p->ways[i], r, k))
			return;
}

/* --- what is held elsewhere: each holder is asked about the next ones of its own --- */

static void ask_held(struct planning *p);

static void on_held(void *context, int code, const json_t *answer)
{
	struct planning *p = ((struct move *)context)->planning;
	if (code >= 0) /* else the plan is made without knowing */
		facts_held(p, p->held_first, json_object_get(answer, "held"));
	ask_held(p);
}

static void ask_held(struct planning *p)
{
	struct supervisor *s = p->move->supervisor;
	while (p->held_next < json_array_size(p->held)) {
		const char *holder = json_string_value(json_object_get(json_array_get(p->held, p->held_next), "holder"));
		struct remote *remote = channels_remote(s, holder);
		json_t *references = json_array(), *one;
		p->held_first = p->held_next;
		while ((one = json_array_get(p->held, p->held_next)) != NULL &&
			strcmp(json_string_value(json_object_get(one, "holder")), holder) == 0) {
			(void)json_array_append(references, one);
			p->held_next++;
		}
		if (remote != NULL && remote_is_up(remote)) {
			remote_request(remote, "held", json_pack("{s:o}", "references", references), on_held, p->move);
			return;
		}
		json_decref(references);
	}
	ask_marks(p);
}

static void take_all(struct planning *p)
{
	int r = facts_take(p);
	if (r < 0)
		fail(p, r);
	else
		ask_held(p);
}

static void ask_marks(struct planning *p)
{
	if (json_array_size(p->beside) > 0)
		remote_request(p->move->source, "mark", json_pack("{s:O}", "paths", p->beside), on_marks, p->move);
	else
		ask_facts(p);
}

static void on_resources(void *context, int code, const json_t *answer);

static void on_children(void *context)
{
	struct move *m = context;
	remote_request(m->source, "resources", NULL, on_resources, m);
}

/* What they share with the program would be planned for as such. True: they are waited for, or that took too long. */
static bool wait_for_children(struct planning *p, const json_t *answer)
{
	struct move *m = p->move;
	char names[256];
	if (!m->o.wait_children || !hex_text_get(json_object_get(answer, "children"), names, sizeof names))
		return false;
	int r = 0;
	if ((now_us() - p->began) / 1000 > m->o.timeout_ms)
		r = error_set(PMIG_ETIMEOUT, "child processes of %s still run: %s", m->supervisor->name, names);
	else
		r = loop_after(m->supervisor->loop, CHILDREN_MS, on_children, m, &p->children_timer);
	if (r < 0)
		fail(p, r);
	return true;
}

static void on_resources(void *context, int code, const json_t *answer)
{
	struct move *m = context;
	struct planning *p = m->planning;
	if (code < 0) {
		fail(p, code);
		return;
	}
	if (p->source == NULL && wait_for_children(p, answer))
		return;
	if (p->source == NULL)
		p->source = json_deep_copy(answer);
	else
		(void)json_array_extend(json_object_get(p->source, "resources"), json_object_get(answer, "resources"));
	const json_t *next = json_object_get(answer, "next");
	if (json_array_size(json_object_get(p->source, "resources")) > PLAN_INPUT_MAX)
		fail(p, error_set(PMIG_EREFUSED, "%s uses more than %d resources", m->supervisor->name, PLAN_INPUT_MAX));
	else if (json_is_integer(next))
		remote_request(m->source, "resources", json_pack("{s:I}", "from", json_integer_value(next)), on_resources,
			m);
	else
		take_all(p);
}

/* --- the beginning --- */

static int enter(struct move *m)
{
	const json_t *facts = remote_facts(m->target);
	const char *state = json_string_value(json_object_get(facts, "state"));
	if (strcmp(state, "empty") != 0 && strcmp(state, "away") != 0 && strcmp(state, "ended") != 0)
		return error_set(PMIG_EREFUSED, "a copy of %s is at %s already (%s)", m->supervisor->name, m->target_label,
			state);
	uint64_t seen = (uint64_t)json_integer_value(json_object_get(facts, "owner_epoch"));
	uint64_t barred = (uint64_t)json_integer_value(json_object_get(facts, "barred"));
	if (seen >= m->epoch)
		m->epoch = seen + 1;
	if (barred >= m->epoch)
		m->epoch = barred + 1;
	plan_abandon(m);
	m->planning = calloc(1, sizeof *m->planning);
	if (m->planning == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	*m->planning = (struct planning){.move = m, .began = now_us()};
	return 0;
}

void plan_start(struct move *m)
{
	int r = enter(m);
	if (r < 0) {
		move_blame(m, r);
		move_next(m, HANDOVER_FAILED);
		return;
	}
	remote_request(m->source, "resources", NULL, on_resources, m);
	measure(m->planning, m->target, &m->planning->ways[0]);
	if (!remote_is_local(m->source))
		measure(m->planning, m->source, &m->planning->ways[1]);
}
