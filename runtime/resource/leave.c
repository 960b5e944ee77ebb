/* leave: describes, decides and writes what the process has open. */
#include "inventory.h"

#include "../arena/arena.h"
#include "../control_channel.h"
#include "../kind/table.h"
#include "decide.h"
#include "declare.h"
#include "descriptor.h"
#include "sharing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASON_PART 400 /* of each further resource that refuses */

static struct description *found;
static size_t found_n;

/* Declarations: at run time, then at file scope; describe() adds the default of the kind. */
static struct declared *declaration_of(const struct description *d, struct pmig_resource *r)
{
	for (size_t i = 0; i < d->n; i++) {
		struct declared *e = declare_of(d->numbers[i].fd, &r->st);
		if (e != NULL) {
			r->declaration = e->d;
			r->declared = true;
			return e;
		}
	}
	const struct pmig_match *m = declare_match(r->kind->name, r->locator);
	if (m != NULL) {
		r->declaration = m->d;
		r->declared = true;
	}
	return NULL;
}

static int complete(struct pmig_resource *r, struct declared *e)
{
	char why[300];
	int error = r->kind->describe(r);
	if (error < 0)
		return error;
	r->shared |= r->declaration.shared;
	r->strategy = decide_strategy(r, why, sizeof why);
	if (e != NULL)
		e->strategy = r->strategy;
	return r->strategy == PMIG_REFUSE ? error_set(PMIG_EREFUSED, "%s", why) : 0;
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
static void tell_decision(const struct pmig_resource *r)
{
	char text[CONTROL_TEXT_MAX];
	(void)snprintf(text, sizeof text, "%s\n%s", r->kind->name, r->locator);
	(void)!control_send(CONTROL_DECIDED, (int64_t[8]){r->fd, r->strategy}, text);
}

static int describe_all(void)
{
	char text[PMIG_REASON_MAX] = "";
	int r = 0;
	for (size_t i = 0; i < found_n; i++) {
		struct description *d = &found[i];
		d->r.kind = kind_table_match(&d->r);
		struct declared *e = declaration_of(d, &d->r);
		int one = complete(&d->r, e);
		if (one < 0) {
			int result = refused(one, &d->r, text, sizeof text);
			r = r < 0 ? r : result;
		} else {
			tell_decision(&d->r);
		}
	}
	return r < 0 ? error_set(r, "%s", text) : 0;
}

static void write_head(struct pmig_writer *w, const struct description *d)
{
	struct record_writer *o = &w->record;
	record_put_text(o, d->r.kind->name);
	record_put_text(o, called(&d->r));
	record_put_text(o, d->r.locator);
	record_put_u32(o, (uint32_t)d->r.declaration.binding);
	record_put_u32(o, (uint32_t)d->r.declaration.attachment);
	record_put_u32(o, d->r.declared);
	record_put_u32(o, (uint32_t)d->r.strategy);
	record_put_u64(o, d->r.size);
	record_put_u32(o, (uint32_t)d->r.flags);
	record_put_u64(o, (uint64_t)d->offset);
	record_put_u32(o, d->r.unlinked);
	record_put_u32(o, (uint32_t)d->n);
	for (size_t i = 0; i < d->n; i++) {
		record_put_u32(o, (uint32_t)d->numbers[i].fd);
		record_put_u32(o, d->numbers[i].close_on_exec);
	}
}

static int write_one(struct pmig_writer *w, struct description *d)
{
	size_t part = record_part_begin(&w->record);
	write_head(w, d);
	size_t own = record_part_begin(&w->record);
	int r = d->r.kind->save != NULL ? d->r.kind->save(&d->r, w) : 0;
	record_part_end(&w->record, own);
	record_part_end(&w->record, part);
	return r;
}

/* Handles: no descriptor, a variable instead. Written as one part each: slot, kind, then what the kind writes. */
static int write_handle(struct pmig_writer *w, struct declared *e)
{
	struct pmig_resource r = {.kind = kind_table_find(e->kind),
		.fd = -1,
		.locator = e->locator,
		.declaration = e->d,
		.declared = true,
		.handle = *e->var};
	int error = r.kind == NULL ? error_set(PMIG_ENOENT, "there is no kind %s", e->kind) : complete(&r, e);
	if (error >= 0) {
		size_t part = record_part_begin(&w->record);
		record_put_u32(&w->record, e->slot);
		record_put_u32(&w->record, (uint32_t)r.strategy);
		size_t own = record_part_begin(&w->record);
		error = r.kind->save != NULL ? r.kind->save(&r, w) : 0;
		record_part_end(&w->record, own);
		record_part_end(&w->record, part);
	}
	return error < 0 ? error_prefix(error, "%s", called(&r)) : 0;
}

int leave_write(struct pmig_writer *w, bool (*skip)(int fd))
{
	int r = descriptor_scan(skip, &found, &found_n);
	if (r >= 0)
		r = describe_all();
	record_put_u64(&w->record, found_n);
	for (size_t i = 0; i < found_n && r >= 0; i++) {
		r = write_one(w, &found[i]);
		if (r < 0)
			r = error_prefix(r, "%s (descriptor %d)", called(&found[i].r), found[i].r.fd);
	}
	for (struct declared *e = declare_first(); e != NULL && r >= 0; e = e->next)
		if (e->thing == DECLARE_HANDLE)
			r = write_handle(w, e);
	return r < 0 ? r : record_check(&w->record);
}

int leave_release(void)
{
	int left = 0;
	for (size_t i = 0; i < found_n; i++)
		if (found[i].r.kind->release != NULL)
			left += found[i].r.kind->release(&found[i].r);
	leave_finish();
	return left;
}

void leave_finish(void)
{
	descriptor_free(found, found_n);
	found = NULL;
	found_n = 0;
}
