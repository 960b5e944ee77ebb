/* policy: what resources mean, for programs whose source nobody touches: which section matches, and what it changes. */
#include "policy.h"
#include "policy_parse.h"
#include "runtime/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct policy {
	struct pool pool;
	size_t count, room;
	struct policy_section *sections;
};

struct policy *policy_create(void)
{
	return calloc(1, sizeof(struct policy));
}

void policy_destroy(struct policy *p)
{
	if (p == NULL)
		return;
	pool_finish(&p->pool);
	free(p->sections);
	free(p);
}

static int append(void *context, const struct policy_section *section)
{
	struct policy *p = context;
	if (p->count == POLICY_SECTIONS_MAX)
		return error_set(PMIG_EINVAL, "%s: more than %d sections", section->place, POLICY_SECTIONS_MAX);
	if (p->count == p->room) {
		size_t room = p->room > 0 ? 2 * p->room : 16;
		struct policy_section *sections = reallocarray(p->sections, room, sizeof *sections);
		if (sections == NULL)
			return error_set(PMIG_ENOMEM, "policy: not enough memory");
		p->sections = sections;
		p->room = room;
	}
	p->sections[p->count++] = *section;
	return 0;
}

int policy_add(struct policy *p, const char *name, const char *text, size_t size)
{
	size_t before = p->count;
	int r = policy_parse(&p->pool, name, text, size, append, p);
	if (r >= 0 && p->pool.failed)
		r = error_set(PMIG_ENOMEM, "policy: not enough memory");
	if (r < 0) {
		p->count = before;
		return r;
	}
	return (int)(p->count - before);
}

int policy_read(const char *path, char **ret_text, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = fd >= 0 ? malloc(PMIG_POLICY_MAX + 1) : NULL;
	ssize_t n = 0;
	size_t size = 0;
	while (text != NULL && size <= PMIG_POLICY_MAX && (n = read(fd, text + size, PMIG_POLICY_MAX + 1 - size)) > 0)
		size += (size_t)n;
	int r = fd < 0 || n < 0          ? error_errno(PMIG_EIO, errno, "%s", path)
		: text == NULL           ? error_set(PMIG_ENOMEM, "%s: not enough memory", path)
		: size > PMIG_POLICY_MAX ? error_set(PMIG_EINVAL, "%s: a policy has at most %u bytes", path, PMIG_POLICY_MAX)
					 : 0;
	if (fd >= 0)
		(void)close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	text[size] = '\0';
	*ret_text = text;
	*ret_size = size;
	return 0;
}

static int load(void *context, const struct pmig_policy_row *row)
{
	int r = policy_add(context, row->name, row->text, strlen(row->text));
	return r < 0 ? error_prefix(r, "policy") : 0;
}

int policy_load(struct pmig_store *store, const char *process, struct policy **ret_policy)
{
	struct policy *p = policy_create();
	if (p == NULL)
		return error_set(PMIG_ENOMEM, "policy: not enough memory");
	int r = process != NULL && *process != '\0' ? store->policy_list(store, process, load, p) : 0;
	if (r >= 0)
		r = store->policy_list(store, NULL, load, p);
	if (r < 0) {
		policy_destroy(p);
		return r;
	}
	*ret_policy = p;
	return 0;
}

struct heir {
	struct pool pool;
	size_t count;
	struct pmig_policy_row *rows; /* the pool has their texts; a store is not called while it lists */
};

static int gather(void *context, const struct pmig_policy_row *row)
{
	struct heir *h = context;
	struct pmig_policy_row *rows = reallocarray(h->rows, h->count + 1, sizeof *rows);
	if (rows == NULL)
		return error_set(PMIG_ENOMEM, "policy: not enough memory");
	h->rows = rows;
	rows[h->count++] = (struct pmig_policy_row){
		.name = pool_copy(&h->pool, row->name), .added = row->added, .text = pool_copy(&h->pool, row->text)};
	return h->pool.failed ? error_set(PMIG_ENOMEM, "policy: not enough memory") : 0;
}

int policy_inherit(struct pmig_store *store, const char *from, const char *to)
{
	struct heir h = {0};
	int r = store->policy_list(store, from, gather, &h);
	for (size_t i = 0; r >= 0 && i < h.count; i++) {
		h.rows[i].process = to;
		r = store->policy_put(store, &h.rows[i]);
	}
	free(h.rows);
	pool_finish(&h.pool);
	return r;
}

/* --- one resource --- */

static bool matches(const struct policy_section *s, const struct plan_resource *r)
{
	bool kind = *s->kind == '\0' || (r->row.kind != NULL && strcmp(s->kind, r->row.kind) == 0);
	return kind && fnmatch(s->pattern, r->row.locator != NULL ? r->row.locator : "", 0) == 0;
}

static void declare(const struct policy_section *s, struct plan_resource *r)
{
	const struct pmig_resource_row *d = &s->row;
	struct pmig_resource_row *row = &r->row;
	row->binding = d->binding;
	row->attachment = d->attachment;
	row->strategy = d->strategy;
	row->consent = d->consent;
	row->shared = d->shared;
	row->secret = d->secret;
	row->rate = d->rate;
	row->size = d->size;
	row->type = d->type;
	row->origin = PMIG_BY_POLICY;
	if (*d->name != '\0')
		row->name = d->name;
	if (row->opened == NULL || *row->opened == '\0')
		row->opened = s->place;
	r->given = false;
	if (d->rate != 0) /* what it will need, whatever was measured so far */
		r->rate = (struct plan_fact){d->rate, PLAN_DECLARED};
}

int policy_apply(const struct policy *p, struct plan_resource *r)
{
	bool open = r->row.origin == PMIG_UNDECLARED && !r->part && r->refused == NULL, spoke = false;
	bool free_order = r->order[0] == 0;
	for (size_t i = 0; i < p->count && (open || free_order); i++) {
		const struct policy_section *s = &p->sections[i];
		if (!matches(s, r))
			continue;
		if (open && s->row.binding != 0) {
			declare(s, r);
			open = false;
			spoke = true;
		}
		if (free_order && s->order[0] != 0) {
			memcpy(r->order, s->order, sizeof r->order);
			free_order = false;
			spoke = true;
		}
	}
	return spoke;
}
