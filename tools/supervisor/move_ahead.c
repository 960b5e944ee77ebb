/* move_ahead: what goes to the target before the freeze: the program, its libraries, and data. Data that only counts by its value, and
 * that nobody changes, is sent to the target's cache while the program still runs; the image then says only which content it was. Whether it
 * still is that content is looked at when the program is frozen. */
#include "planning.h"
#include "prepare.h"
#include "transport/agent.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AHEAD_MIN (256u << 10) /* bytes: what is smaller costs less in the image than a question */

bool ahead_possible(const struct planning *p, size_t i)
{
	const struct plan_resource *r = &p->input->resources[i];
	const json_t *row = facts_row(p, i);
	const struct move *m = p->move;
	return strcmp(r->row.kind, "file") == 0 && r->row.binding == PMIG_BY_VALUE && r->size.value >= AHEAD_MIN &&
		!r->row.secret && !r->row.shared && r->sharers.source != 0 && r->sharers.value == 0 &&
		json_is_true(json_object_get(row, "named")) && json_is_false(json_object_get(row, "writes")) &&
		!(remote_is_local(m->source) && remote_is_local(m->target)) && r->same_content.value == 0;
}

void ahead_equal(struct planning *p, size_t i, const char *hash, const char *path)
{
	free(p->shipped[i].path);
	p->shipped[i].path = strdup(path);
	(void)snprintf(p->shipped[i].hash, sizeof p->shipped[i].hash, "%s", p->shipped[i].path != NULL ? hash : "");
}

static size_t data_count(const struct move *m)
{
	return m->planning != NULL && m->planning->shipped != NULL && m->plan != NULL ? m->plan->count : 0;
}

/* --- from a far source: through a file here --- */

#define FETCH_STREAM (AGENT_BULK + 8) /* below those of prepare.c */

struct fetch {
	struct move *move;
	int directory;
	char name[PMIG_UUID_LENGTH + 8];
	struct bulk_receive *receive;
};

static void fetch_destroy(struct fetch *f)
{
	if (f == NULL)
		return;
	bulk_receive_destroy(f->receive);
	if (f->directory >= 0) {
		char part[sizeof f->name + 8];
		(void)snprintf(part, sizeof part, "%s.part", f->name);
		(void)unlinkat(f->directory, part, 0);
		(void)unlinkat(f->directory, f->name, 0);
		(void)close(f->directory);
	}
	free(f);
}

/* What cannot be fetched now travels at the freeze. */
static void fetch_over(struct move *m, int fd)
{
	struct fetch *f = m->fetch;
	m->fetch = NULL;
	fetch_destroy(f);
	prepare_data(m->prepare, fd);
}

static void on_fetch(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct move *m = context;
	if (code < 0 && m->fetch != NULL)
		fetch_over(m, PREPARE_NOT);
}

static int fetch(struct move *m, const json_t *fd)
{
	char path[PATH_MAX];
	struct fetch *f = calloc(1, sizeof *f);
	if (f == NULL)
		return PREPARE_NOT;
	(void)snprintf(path, sizeof path, "%s/transit", m->supervisor->options->state);
	(void)mkdir(path, 0700);
	*f = (struct fetch){.move = m, .directory = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC)};
	(void)snprintf(f->name, sizeof f->name, "%s.data", m->supervisor->uuid);
	if (f->directory < 0) {
		fetch_destroy(f);
		return PREPARE_NOT;
	}
	m->fetch = f;
	remote_request(m->source, "fetch", json_pack("{s:O, s:s, s:i}", "fd", fd, "kind", "data", "stream", FETCH_STREAM),
		on_fetch, m);
	return PREPARE_LATER;
}

static int begin_fetch(struct fetch *f, struct peer *source, const struct packet *p)
{
	struct bulk_offer offer;
	int r = f->receive != NULL ? error_set(PMIG_EPROTOCOL, "offered twice") : bulk_offer_get(p, &offer);
	if (r >= 0 && strcmp(offer.name, f->name) != 0)
		r = error_set(PMIG_EPROTOCOL, "%s is not what was asked for", offer.name);
	return r < 0 ? r
		     : bulk_receive_create(&(struct bulk_receive_options){.directory = f->directory,
						   .name = f->name,
						   .writer = peer_writer(source),
						   .stream = p->stream},
			       &offer, &f->receive);
}

bool ahead_packet(struct move *m, const struct remote *r, const struct packet *p)
{
	struct fetch *f = m->fetch;
	if (r != m->source || p->stream != FETCH_STREAM)
		return false;
	struct peer *source = remote_peer(m->source);
	if (f == NULL || source == NULL)
		return true; /* of one that was given up */
	int rc = p->type == PACKET_OFFER ? begin_fetch(f, source, p)
		: f->receive != NULL     ? bulk_receive_packet(f->receive, p)
					 : 0;
	peer_kick(source);
	if (rc < 0)
		fetch_over(m, PREPARE_NOT);
	else if (rc == 1)
		fetch_over(m, openat(f->directory, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)); /* nameless from then on */
	return true;
}

void ahead_lost(struct move *m)
{
	if (m->fetch != NULL)
		fetch_over(m, PREPARE_NOT);
}

void ahead_drop(struct move *m)
{
	fetch_destroy(m->fetch);
	m->fetch = NULL;
	prepare_destroy(m->prepare);
	m->prepare = NULL;
}

static int open_data(void *context, size_t i)
{
	struct move *m = context;
	const struct planning *p = m->planning;
	const struct plan_decision *d = &m->plan->decisions[i];
	if (d->strategy != PMIG_COPY || !p->input->resources[i].ahead || !ahead_possible(p, i))
		return PREPARE_NOT;
	if (!remote_is_local(m->source))
		return fetch(m, json_object_get(facts_row(p, i), "fd"));
	return open(p->input->resources[i].row.locator, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static void on_data(void *context, size_t i, const char *hash, const char *path)
{
	struct move *m = context;
	ahead_equal(m->planning, i, hash, path);
}

const char *ahead_hash(const struct move *m, size_t i)
{
	const struct planning *p = m->planning;
	return p != NULL && p->shipped != NULL ? p->shipped[i].hash : "";
}

const char *ahead_path(const struct move *m, size_t i)
{
	const struct planning *p = m->planning;
	return p != NULL && p->shipped != NULL && p->shipped[i].path != NULL ? p->shipped[i].path : "";
}

/* --- the step: program, libraries, data --- */

static void on_file(void *context, json_t *line)
{
	move_tell(context, line);
}

static void on_prepared(void *context, int code)
{
	struct move *m = context;
	if (code >= 0 && move_fault("prepare:done"))
		code = PMIG_EIO;
	if (code < 0) {
		move_blame(m, code);
		move_next(m, HANDOVER_FAILED);
		return;
	}
	(void)snprintf(m->path, sizeof m->path, "%s", prepare_path(m->prepare));
	(void)snprintf(m->library_path, sizeof m->library_path, "%s", prepare_library_path(m->prepare));
	free(m->kinds);
	m->kinds = strdup(prepare_kinds(m->prepare));
	move_next(m, HANDOVER_DONE);
}

void ahead_prepare(struct move *m)
{
	struct supervisor *s = m->supervisor;
	int r = prepare_create(&(struct prepare_options){.loop = s->loop,
				       .target = m->target,
				       .name = s->name,
				       .path = s->path,
				       .program = s->program,
				       .kinds = s->kinds,
				       .data_count = data_count(m),
				       .data_open = open_data,
				       .data_done = on_data,
				       .tell = on_file,
				       .done = on_prepared,
				       .context = m},
		&m->prepare);
	if (r < 0)
		on_prepared(m, r);
	else
		prepare_begin(m->prepare);
}
