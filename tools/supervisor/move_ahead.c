/* move_ahead: what goes to the target before the freeze: the program, its libraries, and data. Data that only its value matters of, and that nobody changes, is sent to the target's cache while the program still runs;
 * the image then says only which content it was. Whether it still is that content is looked at when the program is frozen. */
#include "planning.h"
#include "prepare.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MIN (256u << 10) /* bytes: what is smaller costs less in the image than a question */

bool ahead_possible(const struct planning *p, size_t i)
{
	const struct plan_resource *r = &p->input->resources[i];
	const json_t *row = facts_row(p, i);
	const struct move *m = p->move;
	return strcmp(r->row.kind, "file") == 0 && r->row.binding == PMIG_BY_VALUE && r->size.value >= AHEAD_MIN &&
		!r->row.secret && !r->row.shared && r->sharers.source != 0 && r->sharers.value == 0 &&
		json_is_true(json_object_get(row, "named")) && json_is_false(json_object_get(row, "writes")) &&
		remote_is_local(m->source) && !remote_is_local(m->target) && r->same_content.value == 0;
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

static int open_data(void *context, size_t i)
{
	struct move *m = context;
	const struct planning *p = m->planning;
	const struct plan_decision *d = &m->plan->decisions[i];
	if (d->strategy != PMIG_COPY || !p->input->resources[i].ahead || !ahead_possible(p, i))
		return -1;
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
	if (code >= 0 && move_fault(m, "prepare:done"))
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
