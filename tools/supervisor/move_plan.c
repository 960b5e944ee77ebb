/* move_plan: what is decided before anything is touched: the source tells what the program uses, the target what it has, and
 * the planner (registry/plan.h) says what happens to each resource, or that the move is refused. */
#include "move.h"
#include "probe.h"

#include "registry/plan_input.h"
#include "registry/plan_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK_MAX 500 /* questions in one request */

struct planning {
	struct move *move;
	int64_t began;  /* microseconds */
	json_t *source; /* the answers */
	json_t *target;
	size_t *asked; /* for each of the target's files: which resource it belongs to */
	size_t asked_count;
	struct probe *ways[2]; /* from here to the target, and to a source that is not here */
	bool waits;            /* for them only */
	json_t *files;         /* what the target is asked about, */
	size_t files_next;
	json_t *paths; /* and what the source hashes; answers are in the same order */
	size_t paths_next;
	json_t *hashes;
	struct plan_input *input;
	char (*texts)[160]; /* of obstacles, one for each resource */
	struct plan *plan;
	double took_ms;
};

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
	m->planning = NULL;
	m->plan = NULL;
	plan_destroy(p->plan);
	plan_input_destroy(p->input);
	probe_destroy(p->ways[0]);
	probe_destroy(p->ways[1]);
	json_decref(p->source);
	json_decref(p->target);
	json_decref(p->files);
	json_decref(p->paths);
	json_decref(p->hashes);
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

static json_t *row_of(const struct planning *p, size_t i)
{
	return json_array_get(json_object_get(p->source, "resources"), i);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

/* A fact that is there; what is missing is not known. */
static struct plan_fact fact_of(const json_t *object, const char *key, enum plan_source source)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return (struct plan_fact){0};
	return (struct plan_fact){(uint64_t)json_integer_value(value), source};
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

/* --- facts of each resource --- */

#define RATE_SECONDS 5.0 /* a program must have run so long for its rates to count */

static enum plan_situation situation_of(const char *name)
{
	static const struct {
		const char *name;
		enum plan_situation situation;
	} all[] = {
#define DEFAULT(s, ...) {#s, PLAN_##s},
#include "registry/tbl/default.h"
#undef DEFAULT
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].situation;
	return PLAN_DEVICE; /* exactly this one, fixed: the most careful that there is */
}

static void set_found(const struct planning *p, struct plan_resource *r, const json_t *row)
{
	const char *situation = text_of(row, "situation");
	if (*situation != '\0')
		plan_undeclared(r, situation_of(situation));
	r->size = fact_of(row, "found_size", PLAN_MEASURED);
	r->sharers = fact_of(row, "sharers", PLAN_MEASURED);
	r->shared_by = text_of(row, "shared_by");
	double seconds = (double)json_integer_value(json_object_get(p->source, "age")) / 1e9;
	if (strcmp(r->row.kind, "standard") == 0) {
		/* the agent counts both outputs together: they need the link once; a first burst says nothing of the rest */
		bool out = strcmp(r->row.name, "standard output") == 0 && seconds >= RATE_SECONDS;
		double bytes = out ? (double)json_integer_value(json_object_get(p->source, "output")) : 0;
		r->rate = (struct plan_fact){out ? (uint64_t)(bytes / seconds) : 0, PLAN_MEASURED};
		r->trips = (struct plan_fact){0, PLAN_MEASURED}; /* the streams wait for nobody */
	}
}

/* What lies where the file would go. A program that was there before may find a version of its own, which it may replace: only
 * it can tell. */
static void set_file(struct planning *p, size_t i, const json_t *there, const char *hash)
{
	struct plan_resource *r = &p->input->resources[i];
	const char *is = text_of(there, "is"), *other = text_of(there, "hash");
	char *text = p->texts[i];
	bool exactly = r->row.binding == PMIG_BY_IDENTIFIER;
	if (strcmp(is, "absent") == 0 && exactly && !json_is_true(json_object_get(there, "creatable"))) {
		(void)snprintf(text, sizeof *p->texts, "no folder for it in which it could be made");
	} else if (strcmp(is, "hidden") == 0 && exactly) {
		(void)snprintf(text, sizeof *p->texts, "a folder that may not be looked into");
	} else if (strcmp(is, "link") == 0 || strcmp(is, "directory") == 0 || strcmp(is, "other") == 0) {
		(void)snprintf(text, sizeof *p->texts, "%s",
			is[0] == 'l'           ? "a symbolic link"
				: is[0] == 'd' ? "a directory"
					       : "no regular file");
	} else if (strcmp(is, "file") == 0) {
		uint64_t size = (uint64_t)json_integer_value(json_object_get(there, "size"));
		bool same_size = size == r->size.value, compared = *other != '\0' && hash != NULL;
		if (same_size && compared && strcmp(hash, other) == 0) {
			r->same_content = (struct plan_fact){1, PLAN_ASKED};
		} else if ((!same_size || compared) && !json_is_true(json_object_get(p->target, "known"))) {
			time_t modified = (time_t)json_integer_value(json_object_get(there, "modified"));
			struct tm tm;
			char date[32] = "?";
			if (localtime_r(&modified, &tm) != NULL)
				(void)strftime(date, sizeof date, "%F %T", &tm);
			(void)snprintf(text, sizeof *p->texts,
				"another file (%" PRIu64 " bytes, of %s), which is never overwritten", size, date);
		}
	}
	r->obstacle = text;
}

/* Equal content is bound to; one of the same name is another build, which will do if its symbols do (the libraries of the
 * program are tried before it is frozen); what is missing is sent. */
static void set_library(struct planning *p, size_t i, const json_t *there, const char *hash)
{
	struct plan_resource *r = &p->input->resources[i];
	const char *other = text_of(there, "hash");
	if (strcmp(text_of(there, "is"), "file") != 0)
		return;
	r->there = text_of(there, "path");
	if (*other != '\0' && hash != NULL && strcmp(hash, other) == 0) {
		r->same_content = (struct plan_fact){1, PLAN_ASKED};
		return;
	}
	const char *slash = strrchr(r->row.locator, '/');
	r->row.binding = PMIG_BY_TYPE;
	r->row.type = slash != NULL ? slash + 1 : r->row.locator;
	r->providers = (struct plan_fact){1, PLAN_ASKED};
}

static void set_asked(struct planning *p, const json_t *hashes)
{
	const json_t *files = json_object_get(p->target, "files");
	size_t next = 0;
	for (size_t k = 0; k < p->asked_count; k++) {
		size_t i = p->asked[k];
		const json_t *there = json_array_get(files, k);
		const char *kind = p->input->resources[i].row.kind, *hash = NULL;
		if (*text_of(there, "hash") != '\0')
			hash = json_string_value(json_array_get(hashes, next++));
		if (strcmp(kind, "library") == 0)
			set_library(p, i, there, hash);
		else if (strcmp(kind, "file") == 0)
			set_file(p, i, there, hash);
		else if (strcmp(text_of(there, "is"), "directory") != 0) {
			(void)snprintf(p->texts[i], sizeof *p->texts, "no such directory");
			p->input->resources[i].obstacle = p->texts[i];
		}
	}
}

/* --- facts of the whole --- */

/* One of the ways from here: remembered from the last time, measured now. */
static void see_way(struct planning *p, const struct probe *way, struct remote *to, const char *label, const char *arch,
	struct pmig_host_row *ret_way)
{
	struct pmig_store *store = p->move->supervisor->store;
	struct pmig_host_row *old = NULL;
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	*ret_way = (struct pmig_host_row){.name = label,
		.address = remote_where(to),
		.arch = arch,
		.seen = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
		.bandwidth = way != NULL ? probe_bandwidth(way) : 0,
		.rtt = way != NULL ? probe_rtt(way) : 0};
	if (store->host_get(store, label, &old) >= 0 && ret_way->bandwidth == 0)
		ret_way->bandwidth = old->bandwidth;
	struct pmig_host_row row = *ret_way;
	row.machine = old != NULL ? old->machine : NULL;
	(void)store->host_put(store, &row);
	free(old);
}

/* Everything goes through here: from source to target the worse of the two ways counts, and both take their time. */
static void see_ways(struct planning *p, struct plan_facts *facts)
{
	struct move *m = p->move;
	struct pmig_host_row target, source;
	see_way(p, p->ways[0], m->target, m->target_label, text_of(p->target, "arch"), &target);
	if (p->ways[1] != NULL) {
		see_way(p, p->ways[1], m->source, m->source_label, text_of(p->source, "arch"), &source);
		target.rtt += source.rtt;
		if (target.bandwidth == 0 || (source.bandwidth != 0 && source.bandwidth < target.bandwidth))
			target.bandwidth = source.bandwidth;
	}
	if (target.rtt != 0)
		facts->rtt = (struct plan_fact){target.rtt, PLAN_MEASURED};
	if (target.bandwidth != 0)
		facts->bandwidth = (struct plan_fact){target.bandwidth, PLAN_MEASURED};
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
	char lacks[32] = "";
	json_int_t needed = json_integer_value(json_object_get(p->source, "level"));
	json_int_t level = json_integer_value(json_object_get(p->target, "level"));
	if (needed > level)
		(void)snprintf(lacks, sizeof lacks, "x86-64-v%d", (int)needed);
	struct plan_facts facts = {.process = m->supervisor->name,
		.source = m->source_label,
		.target = m->target_label,
		.source_arch = text_of(p->source, "arch"),
		.target_arch = text_of(p->target, "arch"),
		.cpu_lacks = lacks,
		.image = fact_of(p->source, "image", PLAN_MEASURED),
		.space = fact_of(p->target, "space", PLAN_ASKED),
		.remaining = fact_of(p->source, "age", PLAN_MEASURED)};
	see_ways(p, &facts);
	set_asked(p, p->hashes);
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
		bytes += 64 + 2 * json_string_length(path);
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

/* The source hashes only what could be equal. */
static void compare_contents(struct planning *p)
{
	const json_t *files = json_object_get(p->target, "files");
	p->paths = json_array();
	p->hashes = json_array();
	for (size_t k = 0; k < p->asked_count; k++) {
		const json_t *row = row_of(p, p->asked[k]), *fd = json_object_get(row, "fd");
		if (*text_of(json_array_get(files, k), "hash") != '\0')
			(void)json_array_append(p->paths,
				json_is_integer(fd) ? (json_t *)fd : json_object_get(row, "locator"));
	}
	ask_hashes(p);
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
	if (p->files_next == json_array_size(p->files))
		compare_contents(p);
	else
		ask_facts(p);
}

static void ask_facts(struct planning *p)
{
	remote_request(p->move->target, "facts", json_pack("{s:o}", "files", chunk(p->files, &p->files_next)), on_facts,
		p->move);
}

/* --- the ways, measured meanwhile --- */

static void on_measured(void *context)
{
	struct planning *p = context;
	if (p->waits && !measures(p))
		decide(p);
}

static void measure(struct planning *p, struct remote *to, struct probe **ret_way)
{
	int r = probe_create(&(struct probe_options){.loop = p->move->supervisor->loop,
				     .remote = to,
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

/* Files that would get a name there, folders that must be there, libraries that may be there. */
static bool concerns_target(const struct plan_resource *r, const json_t *row)
{
	if (r->row.locator[0] != '/' || !json_is_string(json_object_get(row, "locator")))
		return false;
	if (strcmp(r->row.kind, "library") == 0 || strcmp(r->row.kind, "directory") == 0)
		return true;
	return strcmp(r->row.kind, "file") == 0 && json_is_true(json_object_get(row, "named"));
}

static int take_resources(struct planning *p)
{
	json_t *rows = json_object_get(p->source, "resources"), *row;
	size_t i;
	json_array_foreach(rows, i, row) if (*text_of(row, "situation") != '\0')
	{ /* what plan_undeclared() sets, and rows cannot be without */
		(void)json_object_set_new(row, "binding", json_integer(PMIG_BY_IDENTIFIER));
		(void)json_object_set_new(row, "attachment", json_integer(PMIG_FIXED));
	}
	int r = plan_input_create(rows, p->move->supervisor->uuid, &p->input);
	if (r < 0)
		return error_prefix(r, "%s", p->move->source_label);
	p->asked = calloc(p->input->count + 1, sizeof *p->asked);
	p->texts = calloc(p->input->count + 1, sizeof *p->texts);
	return p->asked == NULL || p->texts == NULL ? error_set(PMIG_ENOMEM, "out of memory") : 0;
}

static void take_all(struct planning *p)
{
	int r = take_resources(p);
	if (r < 0) {
		fail(p, r);
		return;
	}
	p->files = json_array();
	for (size_t i = 0; i < p->input->count; i++) {
		struct plan_resource *resource = &p->input->resources[i];
		const json_t *row = row_of(p, i);
		set_found(p, resource, row);
		if (!concerns_target(resource, row))
			continue;
		p->asked[p->asked_count++] = i;
		(void)json_array_append_new(p->files,
			json_pack("{s:s, s:s, s:I}", "path", resource->row.locator, "kind", resource->row.kind, "size",
				(json_int_t)resource->size.value));
	}
	ask_facts(p);
}

static void on_resources(void *context, int code, const json_t *answer)
{
	struct move *m = context;
	struct planning *p = m->planning;
	if (code < 0) {
		fail(p, code);
		return;
	}
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
