/* move_facts: facts for the planner, made of what the two agents said: what the source found about each thing, what the target has for
 * it, and the ways between them. Nothing is decided here. */
#include "planning.h"
#include "channels_parts.h"

#include "transport/hex_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MARKED_MAX 64 /* folders */

static const struct {
	const char *kind;
	unsigned what;
} asks[] = {
#define ASK(kind, what) {kind, what},
#include "tbl/ask.h"
#undef ASK
};

const json_t *facts_row(const struct planning *p, size_t i)
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

/* What is in the way, in words. */
__attribute__((format(printf, 3, 4))) static void obstruct(struct planning *p, size_t i, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	(void)vsnprintf(p->texts[i], sizeof *p->texts, format, list);
	va_end(list);
	p->input->resources[i].obstacle = p->texts[i];
}

/* --- what the source found --- */

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

static void set_standard(const struct planning *p, struct plan_resource *r)
{
	/* the agent counts both outputs together: they need the link once; a first burst says nothing of the rest */
	double seconds = (double)json_integer_value(json_object_get(p->source, "age")) / 1e9;
	bool out = strcmp(r->row.name, "standard output") == 0 && seconds >= RATE_SECONDS;
	double bytes = out ? (double)json_integer_value(json_object_get(p->source, "output")) : 0;
	r->rate = (struct plan_fact){out ? (uint64_t)(bytes / seconds) : 0, PLAN_MEASURED};
	r->trips = (struct plan_fact){0, PLAN_MEASURED}; /* the streams wait for nobody */
	r->at = p->move->supervisor->home;
}

static void set_found(const struct planning *p, size_t i)
{
	struct plan_resource *r = &p->input->resources[i];
	const json_t *row = facts_row(p, i);
	const char *situation = text_of(row, "situation");
	if (*situation != '\0')
		plan_undeclared(r, situation_of(situation));
	r->size = fact_of(row, "found_size", PLAN_MEASURED);
	r->sharers = fact_of(row, "sharers", PLAN_MEASURED);
	r->shared_by = text_of(row, "shared_by");
	uint64_t reference = (uint64_t)json_integer_value(json_object_get(row, "reference"));
	const struct known *held = reference != 0 ? channels_known(p->move->supervisor, reference) : NULL;
	if (held != NULL) { /* it lies at another host: who has it there is asked there */
		char id[17];
		(void)snprintf(id, sizeof id, "%016" PRIx64, reference);
		r->at = held->holder;
		(void)json_array_append_new(p->held,
			json_pack("{s:s, s:I, s:s}", "holder", held->holder, "index", (json_int_t)i, "reference", id));
	} else if (reference != 0 && strcmp(r->row.kind, "listener") == 0) {
		r->no_reference =
			"who listened for it at its address is lost; by type, as a policy can say, it would listen there";
	}
	if (r->row.rate == 0) { /* what is declared is what it will need; what was seen, only what it needed */
		r->rate = fact_of(row, "rate_seen", PLAN_MEASURED);
		r->trips = fact_of(row, "trips_seen", PLAN_MEASURED);
	}
	if (strcmp(r->row.kind, "standard") == 0)
		set_standard(p, r);
	if (json_is_true(json_object_get(row, "gone")))
		r->refused = "it does not exist any more";
	bool goes = r->row.attachment == PMIG_UNATTACHED &&
		r->row.binding != PMIG_BY_TYPE; /* else another choice comes first */
	if (goes && hex_text_get(json_object_get(row, "stuck"), p->texts[i], sizeof *p->texts))
		r->refused = p->texts[i];
}

/* --- what the target is asked --- */

static unsigned asked_of(const struct plan_resource *r, const json_t *row)
{
	unsigned what = 0;
	const json_t *named = json_object_get(row, "named");
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
		if (strcmp(asks[i].kind, r->row.kind) == 0)
			what = asks[i].what;
	if (r->row.locator[0] != '/' || (named != NULL && !json_is_true(named)) || (r->at != NULL && *r->at != '\0'))
		what &= ASK_REACH; /* it has no name here, which could be one there */
	return what;
}

/* What was declared here of the target (`pmig registry provide --host`); it will say what of it is there. */
struct declared {
	const char *type;
	json_t *all;
};

static int on_provider(void *context, const struct pmig_provider_row *row)
{
	const struct declared *d = context;
	json_t *one = strcmp(row->type, d->type) == 0
		? json_pack("{s:s, s:s}", "locator", row->locator, "about", row->about != NULL ? row->about : "")
		: NULL;
	if (one != NULL)
		(void)json_array_append_new(d->all, one);
	return 0;
}

static json_t *declared_of(const struct planning *p, const char *type)
{
	struct declared d = {.type = type, .all = json_array()};
	struct pmig_store *store = p->move->supervisor->store;
	(void)store->provider_list(store, p->move->target_label, on_provider, &d);
	return d.all;
}

static int add_type(struct planning *p, const struct plan_resource *r)
{
	const char *type = r->row.type != NULL && *r->row.type != '\0' ? r->row.type : r->row.kind;
	size_t k;
	const json_t *other;
	json_array_foreach(p->types, k, other)
	{
		if (strcmp(text_of(other, "type"), type) == 0)
			return (int)k;
	}
	json_t *one = json_pack("{s:s, s:o, s:I}", "type", type, "declared", declared_of(p, type), "size",
		(json_int_t)(r->size.source != 0 ? r->size.value : r->row.size));
	return json_array_append_new(p->types, one) == 0 ? (int)k : -1;
}

static int add_address(struct planning *p, struct plan_resource *r)
{
	char address[PMIG_NAME_MAX + 1];
	facts_address_of(r->row.locator, address);
	if (address[0] == '\0')
		return -1;
	if (facts_address_is_own(address)) {
		r->reached = (struct plan_fact){0, PLAN_ASKED};
		return -1;
	}
	json_t *text = json_string(address);
	return text != NULL && json_array_append_new(p->reach, text) == 0 ? (int)json_array_size(p->reach) - 1 : -1;
}

/* One mark a folder; asked[i].mark is the folder's number. */
static int add_mark(struct planning *p, const char *locator)
{
	size_t k, n = (size_t)(strrchr(locator, '/') - locator) + 1;
	const json_t *other;
	json_array_foreach(p->beside, k, other)
	{
		const char *path = json_string_value(other);
		if (strncmp(path, locator, n) == 0 && strchr(path + n, '/') == NULL)
			return (int)k;
	}
	json_t *path = k < MARKED_MAX ? json_string(locator) : NULL; /* one that is not UTF-8 gets none */
	return path != NULL && json_array_append_new(p->beside, path) == 0 ? (int)k : -1;
}

static void ask_about(struct planning *p, size_t i)
{
	struct plan_resource *r = &p->input->resources[i];
	const json_t *row = facts_row(p, i);
	struct asked *asked = &p->asked[i];
	unsigned what = asked_of(r, row);
	*asked = (struct asked){-1, -1, -1, -1, -1};
	if (hex_text_get(json_object_get(row, "listens"), p->texts[i] + 7, sizeof *p->texts - 7) &&
		r->row.binding == PMIG_BY_TYPE) {
		memcpy(p->texts[i], "listen ", 7); /* any address of its sort will do, that one first */
		r->row.type = p->texts[i];
	}
	if (r->row.binding == PMIG_BY_TYPE && r->providers.source == 0)
		asked->type = add_type(p, r);
	if (what & ASK_REACH)
		asked->reach = add_address(p, r);
	if (what & ASK_SAME)
		asked->mark = add_mark(p, r->row.locator);
	if ((what & ASK_PATH) == 0)
		return;
	asked->file = (int)json_array_size(p->files);
	json_t *file = json_pack("{s:O, s:s, s:I, s:s}", "path", json_object_get(row, "locator"), "kind", r->row.kind,
		"size", (json_int_t)r->size.value, "build_id", text_of(row, "build_id"));
	if (json_object_get(row, "tree") != NULL)
		(void)json_object_set(file, "tree", json_object_get(row, "tree"));
	if ((what & ASK_CONTENT) && r->row.binding == PMIG_BY_VALUE && r->size.value > 0)
		(void)json_object_set_new(file, "content", json_true());
	(void)json_array_append_new(p->files, file);
}

int facts_take(struct planning *p)
{
	json_t *rows = json_object_get(p->source, "resources"), *row;
	size_t i;
	json_array_foreach(rows, i, row)
	{
		if (*text_of(row, "situation") == '\0')
			continue; /* what plan_undeclared() sets, and rows cannot be without */
		(void)json_object_set_new(row, "binding", json_integer(PMIG_BY_IDENTIFIER));
		(void)json_object_set_new(row, "attachment", json_integer(PMIG_FIXED));
	}
	int r = plan_input_create(rows, p->move->supervisor->uuid, &p->input);
	if (r < 0)
		return error_prefix(r, "%s", p->move->source_label);
	r = policy_load(p->move->supervisor->store, p->move->supervisor->uuid, &p->policy);
	if (r < 0)
		return r;
	p->asked = calloc(p->input->count + 1, sizeof *p->asked);
	p->texts = calloc(p->input->count + 1, sizeof *p->texts);
	p->shipped = calloc(p->input->count + 1, sizeof *p->shipped);
	p->files = json_array();
	p->types = json_array();
	p->reach = json_array();
	p->beside = json_array();
	p->places = declared_of(p, "content");
	p->held = json_array();
	if (p->asked == NULL || p->texts == NULL || p->shipped == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	for (i = 0; i < p->input->count; i++) {
		set_found(p, i);
		(void)policy_apply(p->policy, &p->input->resources[i]);
		ask_about(p, i);
	}
	return 0;
}

void facts_held(struct planning *p, size_t first, const json_t *answers)
{
	const json_t *one;
	size_t k;
	json_array_foreach(answers, k, one)
	{
		const json_t *held = json_array_get(p->held, first + k);
		size_t i = (size_t)json_integer_value(json_object_get(held, "index"));
		if (held == NULL || i >= p->input->count || !json_is_object(one))
			continue;
		struct plan_resource *r = &p->input->resources[i];
		(void)json_object_update((json_t *)held, (json_t *)one); /* texts are borrowed from there */
		r->size = fact_of(held, "size", PLAN_ASKED);
		r->sharers = fact_of(held, "sharers", PLAN_ASKED);
		r->shared_by = text_of(held, "shared_by");
	}
}

static const json_t *there_of(const struct planning *p, size_t i)
{
	return p->asked[i].file < 0 ? NULL : json_array_get(json_object_get(p->target, "files"), (size_t)p->asked[i].file);
}

void facts_compare(struct planning *p)
{
	p->paths = json_array();
	p->hashes = json_array();
	for (size_t i = 0; i < p->input->count; i++) {
		const json_t *row = facts_row(p, i), *there = there_of(p, i), *fd = json_object_get(row, "fd");
		if (*text_of(there, "hash") == '\0' && json_array_size(json_object_get(there, "others")) == 0)
			continue; /* it cannot be equal */
		p->asked[i].hash = (int)json_array_size(p->paths);
		(void)json_array_append(p->paths, json_is_integer(fd) ? (json_t *)fd : json_object_get(row, "locator"));
	}
}

/* --- what the target answered --- */

/* What lies where the file would go. A program that was there before may find a version of its own, which it may replace: only
 * it can tell. */
static void set_file(struct planning *p, size_t i, const json_t *there, const char *hash)
{
	struct plan_resource *r = &p->input->resources[i];
	const char *is = text_of(there, "is"), *other = text_of(there, "hash");
	bool exactly = r->row.binding == PMIG_BY_IDENTIFIER;
	if (strcmp(is, "absent") == 0 && exactly && !json_is_true(json_object_get(there, "creatable"))) {
		obstruct(p, i, "no folder for it in which it could be made");
	} else if (strcmp(is, "hidden") == 0 && exactly) {
		obstruct(p, i, "a folder that may not be looked into");
	} else if (strcmp(is, "link") == 0 || strcmp(is, "directory") == 0 || strcmp(is, "other") == 0) {
		obstruct(p, i, "%s", is[0] == 'l' ? "a symbolic link" : is[0] == 'd' ? "a directory" : "no regular file");
	} else if (strcmp(is, "file") == 0) {
		uint64_t size = (uint64_t)json_integer_value(json_object_get(there, "size"));
		bool same_size = size == r->size.value, compared = *other != '\0' && hash != NULL;
		if (same_size && compared && strcmp(hash, other) == 0) {
			r->same_content = (struct plan_fact){1, PLAN_ASKED};
			r->there = r->row.locator;
		} else if ((!same_size || compared) && !json_is_true(json_object_get(p->target, "known"))) {
			time_t modified = (time_t)json_integer_value(json_object_get(there, "modified"));
			struct tm tm;
			char date[32] = "?";
			if (localtime_r(&modified, &tm) != NULL)
				(void)strftime(date, sizeof date, "%F %T", &tm);
			obstruct(p, i, "another file (%" PRIu64 " bytes, of %s), which is never overwritten", size, date);
		}
	}
}

/* Equal content under another path; what is by value may be read there. */
static void set_others(struct planning *p, size_t i, const json_t *there, const char *hash)
{
	struct plan_resource *r = &p->input->resources[i];
	const json_t *other;
	size_t k;
	json_array_foreach(json_object_get(there, "others"), k, other)
	{
		if (r->same_content.value != 0 || hash == NULL || strcmp(text_of(other, "hash"), hash) != 0)
			continue;
		r->same_content = (struct plan_fact){1, PLAN_ASKED};
		r->there = text_of(other, "path");
	}
	if (r->row.binding == PMIG_BY_VALUE && r->same_content.source == 0)
		r->same_content = (struct plan_fact){0, PLAN_ASKED};
}

/* Equal content is bound to; one of the same name is another build, which will do if its symbols do (the libraries of the
 * program are tried before it is frozen); what is missing is sent. */
static void set_library(struct planning *p, size_t i, const json_t *there, const char *hash)
{
	struct plan_resource *r = &p->input->resources[i];
	const char *other = text_of(there, "hash"), *id = text_of(there, "build_id");
	if (strcmp(text_of(there, "is"), "file") != 0)
		return;
	r->there = text_of(there, "path");
	if ((*other != '\0' && hash != NULL && strcmp(hash, other) == 0) ||
		(*id != '\0' && strcmp(id, text_of(facts_row(p, i), "build_id")) == 0)) {
		r->same_content = (struct plan_fact){1, PLAN_ASKED};
		return;
	}
	const char *slash = strrchr(r->row.locator, '/');
	r->row.binding = PMIG_BY_TYPE;
	r->row.type = slash != NULL ? slash + 1 : r->row.locator;
	r->providers = (struct plan_fact){1, PLAN_ASKED};
}

static void set_directory(struct planning *p, size_t i, const json_t *there)
{
	const char *is = text_of(there, "is");
	const struct pmig_resource_row *row = &p->input->resources[i].row;
	bool tree = row->origin != PMIG_UNDECLARED; /* goes along with all that is in it */
	if (strcmp(row->kind, "directory") == 0 && strcmp(is, "directory") != 0 && (!tree || strcmp(is, "absent") != 0))
		obstruct(p, i, "no such directory");
	char below[PATH_MAX];
	if (tree && hex_text_get(json_object_get(there, "differs"), below, sizeof below))
		obstruct(p, i, "something else under the name %.300s, which is never overwritten", below);
}

/* The target read the nonce, so both see the same folder; and the thing is in it. */
static void set_reached(struct planning *p, size_t i, const json_t *there)
{
	struct plan_resource *r = &p->input->resources[i];
	const char *beside = json_string_value(json_array_get(p->beside, (size_t)p->asked[i].mark)),
		   *slash = strrchr(beside, '/');
	const json_t *mark;
	size_t k, n = slash == beside ? 1 : (size_t)(slash - beside);
	json_array_foreach(p->marks, k, mark)
	{
		const char *directory = text_of(mark, "directory");
		if (strlen(directory) != n || strncmp(directory, beside, n) != 0)
			continue;
		const char *nonce = json_string_value(json_array_get(json_object_get(p->target, "nonces"), k));
		bool same = nonce != NULL && strcmp(nonce, text_of(mark, "nonce")) == 0;
		if (!same)
			return; /* the usual case, and not worth a word in each plan */
		const char *is = text_of(there, "is");
		bool there_too = strcmp(is, "file") == 0
			? (uint64_t)json_integer_value(json_object_get(there, "size")) == r->size.value ||
				r->row.binding != PMIG_BY_VALUE
			: strcmp(is, "directory") == 0;
		r->reached = (struct plan_fact){there_too, PLAN_ASKED};
		if (r->reached.value != 0)
			r->obstacle = r->refused = NULL; /* it is not in its own way, and nothing of it must be read */
	}
}

static void set_providers(struct planning *p, size_t i)
{
	struct plan_resource *r = &p->input->resources[i];
	const json_t *of = json_array_get(json_object_get(p->target, "providers"), (size_t)p->asked[i].type);
	const json_t *all = json_object_get(of, "all");
	if (!json_is_array(all))
		return;
	r->providers = (struct plan_fact){json_array_size(all), PLAN_ASKED};
	if (json_array_size(all) > 0)
		r->there = text_of(json_array_get(all, 0), "locator");
}

static void set_address(struct planning *p, size_t i)
{
	const json_t *way = json_array_get(json_object_get(p->target, "reach"), (size_t)p->asked[i].reach);
	bool reached = json_is_true(json_object_get(way, "reached")) && !json_is_true(json_object_get(way, "loopback"));
	if (json_is_object(way))
		p->input->resources[i].reached = (struct plan_fact){reached, PLAN_ASKED};
}

static void set_one(struct planning *p, size_t i)
{
	const struct asked *asked = &p->asked[i];
	const char *kind = p->input->resources[i].row.kind;
	const char *hash = asked->hash < 0 ? NULL : json_string_value(json_array_get(p->hashes, (size_t)asked->hash));
	const json_t *there = there_of(p, i);
	if (there != NULL) {
		if (strcmp(kind, "library") == 0)
			set_library(p, i, there, hash);
		else if (strcmp(kind, "file") == 0)
			set_file(p, i, there, hash);
		else
			set_directory(p, i, there);
		set_others(p, i, there, hash);
	}
	if (p->input->resources[i].same_content.value != 0 && hash != NULL)
		ahead_equal(p, i, hash, p->input->resources[i].there);
	if (asked->type >= 0)
		set_providers(p, i);
	if (asked->reach >= 0)
		set_address(p, i);
	if (asked->mark >= 0)
		set_reached(p, i, there);
}

/* --- the ways --- */

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
	p->home_rtt = target.rtt != 0 ? (struct plan_fact){target.rtt, PLAN_MEASURED} : (struct plan_fact){0};
	p->home_bandwidth = target.bandwidth != 0 ? (struct plan_fact){target.bandwidth, PLAN_MEASURED}
						  : (struct plan_fact){0};
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

/* A reference that leads elsewhere than to the source: to home, or through it to a third host, of which we know what was measured when
 * it was connected. The worse of the two ways counts. */
static void set_way(struct planning *p, struct plan_resource *r)
{
	struct move *m = p->move;
	const char *at = r->at != NULL ? r->at : "";
	struct pmig_host_row *row = NULL;
	if (*at == '\0' || strcmp(at, m->source_label) == 0)
		return;
	if (strcmp(at, m->target_label) == 0)
		return; /* it comes back to where the thing is */
	r->bandwidth = p->home_bandwidth;
	r->rtt = p->home_rtt;
	struct pmig_store *store = m->supervisor->store;
	if (strcmp(at, m->supervisor->home) == 0 || store->host_get(store, at, &row) < 0)
		return;
	if (row->bandwidth != 0 && (r->bandwidth.source == 0 || row->bandwidth < r->bandwidth.value))
		r->bandwidth = (struct plan_fact){row->bandwidth, PLAN_MEASURED};
	if (r->rtt.source != 0)
		r->rtt.value += row->rtt;
	free(row);
}

void facts_asked(struct planning *p, struct plan_facts *facts)
{
	struct move *m = p->move;
	json_int_t needed = json_integer_value(json_object_get(p->source, "level"));
	json_int_t level = json_integer_value(json_object_get(p->target, "level"));
	if (needed > level)
		(void)snprintf(p->lacks, sizeof p->lacks, "x86-64-v%d", (int)needed);
	if (!json_is_false(json_object_get(p->target, "directory")) ||
		!hex_text_get(json_object_get(p->source, "directory"), p->directory, sizeof p->directory))
		p->directory[0] = '\0';
	if (m->o.wait_children || !hex_text_get(json_object_get(p->source, "children"), p->children, sizeof p->children))
		p->children[0] = '\0';
	if (!hex_text_get(json_object_get(p->target, "not_installed"), p->not_installed, sizeof p->not_installed))
		p->not_installed[0] = '\0';
	if (!hex_text_get(json_object_get(p->target, "not_allowed"), p->not_allowed, sizeof p->not_allowed))
		p->not_allowed[0] = '\0';
	if (!hex_text_get(json_object_get(p->source, "obstacle"), p->obstacle, sizeof p->obstacle))
		p->obstacle[0] = '\0';
	*facts = (struct plan_facts){.process = m->supervisor->name,
		.obstacle = p->obstacle,
		.source = m->source_label,
		.target = m->target_label,
		.source_arch = text_of(p->source, "arch"),
		.target_arch = text_of(p->target, "arch"),
		.cpu_lacks = p->lacks,
		.directory = p->directory,
		.children = p->children,
		.not_installed = p->not_installed,
		.not_allowed = p->not_allowed,
		.less = text_of(p->target, "less"),
		.image = fact_of(p->source, "image", PLAN_MEASURED),
		.space = fact_of(p->target, "space", PLAN_ASKED),
		.remaining = fact_of(p->source, "age", PLAN_MEASURED)};
	see_ways(p, facts);
	for (size_t i = 0; i < p->input->count; i++) {
		set_one(p, i);
		set_way(p, &p->input->resources[i]);
		p->input->resources[i].ahead |= ahead_possible(p, i);
	}
}
