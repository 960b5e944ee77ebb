/* leave: describes, chooses and writes what the process has open. */
#include "inventory.h"

#include "../arena/arena.h"
#include "../control_channel.h"
#include "../kind/table.h"
#include "choose.h"
#include "declare.h"
#include "descriptor.h"
#include "mapped.h"
#include "sharing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASON_PART 400 /* of each further resource that refuses */

/* What is neither descriptor nor memory: a variable instead. */
struct handle {
	struct pmig_resource r;
	struct declared *declared;
};

static struct description *found;
static size_t found_n;
static struct handle *handles;
static size_t handles_n;

/* Who said what it means. */
struct said {
	struct declared *at_run_time;
	const struct pmig_match *at_file_scope;
};

/* Declarations: at run time, then at file scope, then by a policy; describe() adds the default of the kind. */
static struct said declaration_of(const struct description *d, struct pmig_resource *r)
{
	struct said s = {0};
	for (size_t i = 0; i < d->n; i++) {
		struct declared *e = declare_of(d->numbers[i].fd, &r->st);
		if (e != NULL)
			e->present = 1;
		s.at_run_time = s.at_run_time != NULL ? s.at_run_time : e;
	}
	if (s.at_run_time == NULL)
		s.at_run_time = mapped_declared(&r->st);
	if (s.at_run_time == NULL)
		s.at_file_scope = declare_match(r->kind->name, r->locator);
	if (s.at_run_time != NULL)
		r->declaration = s.at_run_time->d;
	else if (s.at_file_scope != NULL)
		r->declaration = s.at_file_scope->d;
	r->declared = s.at_run_time != NULL || s.at_file_scope != NULL;
	return s;
}

static bool has_secret_hook(const struct said *s)
{
	if (s->at_run_time != NULL)
		return s->at_run_time->has_hooks && s->at_run_time->hooks.secret != NULL;
	return s->at_file_scope != NULL && s->at_file_scope->d.hooks != NULL && s->at_file_scope->d.hooks->secret != NULL;
}

static int complete(struct pmig_resource *r, const struct said *s, const struct decision_record *p, bool other)
{
	choose_policy(r, p);
	int error = r->kind->describe(r);
	if (error < 0)
		return error;
	r->shared |= r->declaration.shared;
	error = choose_strategy(r, p, other, has_secret_hook(s));
	if (s->at_run_time != NULL)
		s->at_run_time->strategy = r->strategy;
	else if (s->at_file_scope != NULL)
		declare_matched(s->at_file_scope, r->strategy);
	return error;
}

static const char *called(const struct pmig_resource *r)
{
	return r->declaration.name != NULL ? r->declaration.name : r->locator;
}

/* The sentence names the first that refuses, and as many others as fit. */
static int refused(int r, const struct pmig_resource *what, char *text, size_t size)
{
	size_t n = strlen(text);
	const char *between = n > 0 ? "; " : "";
	if (what->fd < 0)
		(void)snprintf(text + n, size - n, "%s%s: %.*s", between, called(what), REASON_PART, pmig_reason());
	else
		(void)snprintf(text + n, size - n, "%s%s (descriptor %d%s): %.*s", between, called(what), what->fd,
			sharing_inherited(&what->st) ? ", passed on by who started the program" : "", REASON_PART,
			pmig_reason());
	return r;
}

/* What the planner said beforehand is compared with this. */
static void tell_decision(const struct pmig_resource *r, int64_t slot)
{
	char text[CONTROL_TEXT_MAX];
	(void)snprintf(text, sizeof text, "%s\n%s", r->kind->name, r->locator);
	(void)!control_send(CONTROL_DECIDED, (int64_t[8]){r->fd, r->strategy, r->kept | r->dropped << 1, slot}, text);
}

/* The decision for an open file description: by any of its numbers. */
static const struct decision_record *planned_for(const struct description *d, bool *ret_other)
{
	bool other = false;
	const struct decision_record *p = NULL;
	for (size_t i = 0; i < d->n && p == NULL; i++) {
		bool one;
		p = planned_descriptor(d->numbers[i].fd, &d->r.st, &one);
		other |= one;
	}
	*ret_other = other;
	return p;
}

/* It belongs to a handle, whose kind sees to it. */
static bool is_owned(const struct pmig_resource *r)
{
	for (size_t i = 0; i < handles_n; i++)
		if (handles[i].r.kind->owns != NULL && handles[i].r.kind->owns(&handles[i].r, r) == 1)
			return true;
	return false;
}

/* A file of a site that stays, opened after the plan was made: it stays with the others. */
static void follow_site(struct pmig_resource *r)
{
	bool plain = !r->declared && !r->unlinked && (S_ISREG(r->st.st_mode) || S_ISDIR(r->st.st_mode));
	for (size_t i = 0; plain && i < handles_n; i++) {
		const struct pmig_resource *site = &handles[i].r;
		size_t n = strlen(site->locator);
		if (strcmp(site->kind->name, "site") != 0 || site->strategy != PMIG_REFER || site->kept ||
			site->reference != 0 || strncmp(r->locator, site->locator, n) != 0 || r->locator[n] != '/')
			continue;
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
		return;
	}
}

static int describe_descriptors(char *text, size_t size)
{
	int r = 0;
	size_t kept = 0;
	for (size_t i = 0; i < found_n; i++) {
		struct description d = found[i];
		bool other;
		if (is_owned(&d.r)) {
			descriptor_drop(&d);
			continue;
		}
		const struct decision_record *p = planned_for(&d, &other);
		d.r.kind = kind_table_match(&d.r);
		struct said said = declaration_of(&d, &d.r);
		if (said.at_run_time != NULL)
			d.r.kind = kind_table_match_declared(&d.r);
		if (p == NULL && planned_exists())
			follow_site(&d.r);
		int one = complete(&d.r, &said, p, other);
		if (one < 0) {
			int result = refused(one, &d.r, text, size);
			r = r < 0 ? r : result;
		} else {
			tell_decision(&d.r, p != NULL ? p->slot : 0);
		}
		found[kept++] = d;
	}
	found_n = kept;
	return r;
}

static int describe_handle(struct declared *e, struct handle *ret)
{
	struct said said = {.at_run_time = e};
	*ret = (struct handle){.r = {.kind = kind_table_find(e->kind),
				       .fd = -1,
				       .locator = e->locator,
				       .there = e->there != NULL ? e->there : "",
				       .reference = e->reference,
				       .declaration = e->d,
				       .declared = true,
				       .handle = *e->var},
		.declared = e};
	ret->r.declaration.hooks = e->has_hooks ? &e->hooks : NULL;
	if (ret->r.kind == NULL)
		return error_set(PMIG_ENOENT, "there is no kind %s here; was it given to pmig run with --kind?", e->kind);
	int r = complete(&ret->r, &said, planned_slot(e->slot), false);
	if (r >= 0)
		tell_decision(&ret->r, e->slot);
	return r;
}

static int describe_handles(char *text, size_t size)
{
	size_t n = 0;
	int r = 0;
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		n += e->thing == DECLARE_HANDLE;
	handles = n > 0 ? calloc(n, sizeof *handles) : NULL;
	if (n > 0 && handles == NULL)
		return error_set(PMIG_ENOMEM, "no memory for handles");
	for (struct declared *e = declare_first(); e != NULL; e = e->next) {
		struct handle h;
		if (e->thing != DECLARE_HANDLE)
			continue;
		int one = describe_handle(e, &h);
		if (one < 0) {
			int result = refused(one, &h.r, text, size);
			r = r < 0 ? r : result;
		}
		if (h.r.kind != NULL)
			handles[handles_n++] = h;
	}
	return r;
}

/* Memory travels in the image whatever else; what was decided is told to its hooks. */
static void note_memory(void)
{
	for (struct declared *e = declare_first(); e != NULL; e = e->next) {
		const struct decision_record *p = e->thing == DECLARE_MEMORY ? planned_slot(e->slot) : NULL;
		if (e->thing == DECLARE_MEMORY)
			e->strategy = p != NULL ? p->strategy : e->d.secret ? PMIG_REBIND : PMIG_MOVE;
	}
}

static void write_decision(struct record_writer *o, const struct pmig_resource *r)
{
	record_put_u32(o, (uint32_t)r->declaration.binding);
	record_put_u32(o, (uint32_t)r->declaration.attachment);
	record_put_text(o, r->declaration.type);
	record_put_u32(o, r->declaration.consent);
	record_put_u32(o, r->declared | r->kept << 1 | choose_empty(r) << 2 | r->declaration.secret << 3);
	record_put_u32(o, (uint32_t)r->strategy);
	record_put_u64(o, r->size);
	record_put_text(o, r->there);
	record_put_text(o, r->content);
}

static void write_head(struct pmig_writer *w, const struct description *d)
{
	struct record_writer *o = &w->record;
	record_put_text(o, d->r.kind->name);
	record_put_text(o, called(&d->r));
	record_put_text(o, d->r.locator);
	write_decision(o, &d->r);
	record_put_u32(o, (uint32_t)d->r.flags);
	record_put_u64(o, (uint64_t)d->offset);
	record_put_u32(o, d->r.unlinked);
	record_put_u32(o, (uint32_t)d->n);
	for (size_t i = 0; i < d->n; i++) {
		record_put_u32(o, (uint32_t)d->numbers[i].fd);
		record_put_u32(o, d->numbers[i].close_on_exec);
	}
}

/* What the kind writes is a part of its own: nothing, where nothing of it travels. */
static int save(struct pmig_writer *w, struct pmig_resource *r)
{
	size_t own = record_part_begin(&w->record);
	int error = r->kind->save != NULL && !choose_empty(r) ? r->kind->save(r, w) : 0;
	record_part_end(&w->record, own);
	return error;
}

static int write_one(struct pmig_writer *w, struct description *d)
{
	size_t part = record_part_begin(&w->record);
	write_head(w, d);
	int r = save(w, &d->r);
	record_part_end(&w->record, part);
	return r < 0 ? error_prefix(r, "%s (descriptor %d)", called(&d->r), d->r.fd) : 0;
}

static int write_handle(struct pmig_writer *w, struct handle *h)
{
	size_t part = record_part_begin(&w->record);
	record_put_u32(&w->record, h->declared->slot);
	write_decision(&w->record, &h->r);
	record_put_u64(&w->record, h->r.reference);
	int r = save(w, &h->r);
	record_part_end(&w->record, part);
	return r < 0 ? error_prefix(r, "%s", called(&h->r)) : 0;
}

/* Whether the thing behind a descriptor stays where it is. */
static bool stays(int fd)
{
	for (size_t i = 0; i < found_n; i++)
		for (size_t k = 0; k < found[i].n; k++)
			if (found[i].numbers[k].fd == fd)
				return found[i].r.strategy == PMIG_REFER && !found[i].r.kept;
	return false;
}

int leave_ready(void)
{
	for (struct declared *e = declare_first(); e != NULL; e = e->next) {
		const struct pmig_kind *k = e->thing == DECLARE_HANDLE ? kind_table_find(e->kind) : NULL;
		if (k == NULL || k->ready == NULL)
			continue;
		int r = k->ready(&(struct pmig_resource){.kind = k,
			.fd = -1,
			.locator = e->locator,
			.there = e->there != NULL ? e->there : "",
			.reference = e->reference,
			.declaration = e->d,
			.declared = true,
			.handle = *e->var});
		if (r < 0)
			return error_prefix(r, "%s", declare_name(e));
	}
	return 0;
}

int leave_write(struct pmig_writer *w, bool (*skip)(int fd))
{
	char text[PMIG_REASON_MAX] = "";
	declare_begin();
	int r = descriptor_scan(skip, &found, &found_n);
	if (r >= 0) {
		int first = describe_handles(text, sizeof text); /* they may own descriptors */
		r = describe_descriptors(text, sizeof text);
		r = first < 0 ? first : r;
		if (r < 0 && *text != '\0')
			(void)error_set(r, "%s", text);
	}
	note_memory();
	if (r >= 0)
		r = mapped_check(stays);
	record_put_u64(&w->record, found_n);
	for (size_t i = 0; i < found_n && r >= 0; i++)
		r = write_one(w, &found[i]);
	for (size_t i = 0; i < handles_n && r >= 0; i++)
		r = write_handle(w, &handles[i]);
	return r < 0 ? r : record_check(&w->record);
}

int leave_release(void)
{
	int left = 0;
	for (size_t i = 0; i < handles_n; i++) /* before the files that they have open */
		if (handles[i].r.kind->release != NULL && !choose_empty(&handles[i].r))
			left += handles[i].r.kind->release(&handles[i].r);
	for (size_t i = 0; i < found_n; i++)
		if (found[i].r.kind->release != NULL && !choose_empty(&found[i].r))
			left += found[i].r.kind->release(&found[i].r);
	leave_finish();
	return left;
}

void leave_finish(void)
{
	descriptor_free(found, found_n);
	free(handles);
	found = NULL;
	handles = NULL;
	found_n = handles_n = 0;
	planned_forget();
}
