/* arrive: makes what the process had open anew: each open file description once, then its numbers, flags and position. */
#include "inventory.h"

#include "../kind/nothing.h"
#include "../kind/standard.h"
#include "../kind/table.h"
#include "../reference/descriptors.h"
#include "declare.h"
#include "descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLAGS_SET (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME) /* what F_SETFL can set */
#define NUMBER_MAX (1 << 20)

static int number_limit; /* one past the highest number that is to come */

/* What was made, in order; undone in reverse. */
static struct made {
	struct pmig_resource r;
	char *texts[4]; /* of `r`: the image is not there any more when it is settled or undone */
} *made;
static size_t made_n;

/* One record, as it stands in the image. */
struct arriving {
	struct pmig_resource r;
	const char *kind, *name;
	int64_t offset;
	struct record_reader numbers; /* pairs */
	uint32_t n;
	struct record_reader own; /* what the kind wrote */
	bool empty;               /* nothing: something that stands for it takes its numbers */
};

/* What leave.c's write_decision() wrote. True: nothing of it travelled. */
static bool read_decision(struct record_reader *in, struct pmig_resource *r)
{
	struct pmig_declaration *d = &r->declaration;
	d->binding = (enum pmig_binding)record_get_u32(in);
	d->attachment = (enum pmig_attachment)record_get_u32(in);
	d->type = record_get_text(in);
	d->consent = record_get_u32(in);
	uint32_t flags = record_get_u32(in);
	r->declared = (flags & 1) != 0;
	r->kept = (flags & 2) != 0;
	d->secret = (flags & 8) != 0;
	r->dropped = (flags & 4) != 0 && !d->secret;
	r->strategy = (enum pmig_strategy)record_get_u32(in);
	r->size = record_get_u64(in);
	r->there = record_get_text(in);
	r->content = record_get_text(in);
	return (flags & 4) != 0;
}

static int read_head(struct record_reader *in, struct arriving *ret)
{
	*ret = (struct arriving){.r = {.fd = -1}};
	ret->kind = record_get_text(in);
	ret->name = record_get_text(in);
	ret->r.locator = record_get_text(in);
	ret->empty = read_decision(in, &ret->r);
	ret->r.flags = (int)record_get_u32(in);
	ret->offset = (int64_t)record_get_u64(in);
	ret->r.unlinked = record_get_u32(in) != 0;
	ret->n = record_get_u32(in);
	ret->numbers = *in;
	for (uint32_t i = 0; i < ret->n && !in->failed; i++) {
		uint32_t fd = record_get_u32(in);
		(void)record_get_u32(in);
		if (fd >= NUMBER_MAX)
			return error_set(PMIG_ECORRUPT, "%s: descriptor %u is out of bounds", in->what, fd);
	}
	record_get_part(in, &ret->own);
	int r = record_reader_check(in);
	if (r < 0)
		return r;
	ret->r.kind = kind_table_find(ret->kind);
	return ret->r.kind == NULL
		? error_set(PMIG_EVERSION, "%s: the kind %s is not known here; give it with --kind", ret->name, ret->kind)
		: 0;
}

static int (*operation(const struct pmig_resource *r))(struct pmig_resource *, struct pmig_reader *)
{
	switch (r->strategy) {
	case PMIG_MOVE:
		return r->kind->move;
	case PMIG_COPY:
		return r->kind->copy;
	case PMIG_REFER:
		return r->kind->refer;
	case PMIG_REBIND:
		return r->kind->rebind;
	default:
		return NULL;
	}
}

static void forget(struct made *m)
{
	for (size_t i = 0; i < sizeof m->texts / sizeof *m->texts; i++)
		free(m->texts[i]);
}

/* The texts of `r` as copies that stay as long as it does. */
static int keep_texts(struct pmig_resource *r, struct made *ret)
{
	const char **const texts[] = {&r->locator, &r->there, &r->content, &r->declaration.type};
	*ret = (struct made){0};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		ret->texts[i] = strdup(*texts[i] != NULL ? *texts[i] : "");
		if (ret->texts[i] == NULL) {
			forget(ret);
			return error_set(PMIG_ENOMEM, "no memory for a resource");
		}
		*texts[i] = ret->texts[i];
	}
	return 0;
}

static int make(struct pmig_resource *r, struct record_reader own, const struct pmig_reader *all)
{
	struct pmig_reader in = {.record = own, .contents = all->contents, .size = all->size};
	int (*work)(struct pmig_resource *, struct pmig_reader *) = operation(r);
	struct made one, *more = realloc(made, (made_n + 1) * sizeof *made);
	if (more == NULL)
		return error_set(PMIG_ENOMEM, "no memory for a resource");
	made = more;
	int e = keep_texts(r, &one);
	if (e < 0)
		return e;
	e = work == NULL ? error_set(PMIG_ECORRUPT, "a strategy that its kind has not") : work(r, &in);
	one.r = *r;
	made[made_n++] = one; /* also after a failure: undo() takes half-made ones */
	return e;
}

/* What was dropped, or is to be obtained anew, keeps its numbers. */
static int make_empty(struct pmig_resource *r)
{
	r->flags = O_PATH;
	r->fd = nothing_open();
	return r->fd < 0 ? r->fd : 0;
}

static int give_number(struct arriving *a, int fd, bool close_on_exec, bool (*skip)(int))
{
	if (skip(fd))
		return error_set(PMIG_EREFUSED, "the program uses descriptor %d, which the runtime has here", fd);
	int own = standard_number(&a->r, fd);
	int from = fcntl(own >= 0 ? own : a->r.fd, F_DUPFD_CLOEXEC, 0);
	if (from < 0)
		return error_errno(PMIG_EIO, errno, "descriptor %d cannot be had", fd);
	int r = descriptor_renumber(from, fd, close_on_exec);
	if (r >= 0 && descriptors_duplicated(a->r.fd, fd) < 0)
		r = error_set(PMIG_ENOMEM, "no memory for descriptor %d", fd);
	return r;
}

/* Away from the numbers that are still to come. */
static int above(int fd, int limit)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, limit);
	if (r < 0)
		return error_errno(PMIG_EREFUSED, errno, "no descriptor above %d is free; raise the limit (ulimit -n)",
			limit);
	if (descriptors_duplicated(fd, r) < 0)
		return error_set(PMIG_ENOMEM, "no memory for descriptor %d", fd);
	descriptors_renumbered(fd);
	close(fd);
	return r;
}

int arrive_away(int fd)
{
	int r = above(fd, number_limit);
	if (r < 0)
		close(fd);
	return r;
}

/* `a->r.fd` gets all its numbers instead of the one that it has. */
static int give_numbers(struct arriving *a, bool (*skip)(int))
{
	int r = 0, first = -1;
	for (uint32_t i = 0; i < a->n && r >= 0; i++) {
		int fd = (int)record_get_u32(&a->numbers);
		first = first < 0 ? fd : first;
		r = give_number(a, fd, record_get_u32(&a->numbers) != 0, skip);
	}
	descriptors_renumbered(a->r.fd);
	close(a->r.fd);
	if (!a->empty)
		made[made_n - 1].r.fd = first;
	return r;
}

static int make_one(struct arriving *a, const struct pmig_reader *all, int limit, bool (*skip)(int))
{
	int r = a->empty ? make_empty(&a->r) : make(&a->r, a->own, all);
	if (r < 0)
		return r;
	r = above(a->r.fd, limit);
	if (r < 0)
		return r;
	a->r.fd = r;
	if (descriptors_resume(r, a->r.flags, a->offset)) /* the placeholder has neither */
		return give_numbers(a, skip);
	/* The launcher shares the descriptions of the standard streams: only what the program can have changed there
	 * is set. */
	int now = fcntl(a->r.fd, F_GETFL), want = (now & ~FLAGS_SET) | (a->r.flags & FLAGS_SET);
	r = (a->r.flags & O_PATH) == 0 && now != want && fcntl(a->r.fd, F_SETFL, want) < 0
		? error_errno(PMIG_EIO, errno, "its flags")
		: 0;
	if (r >= 0 && !a->empty && a->offset >= 0 && strcmp(a->kind, "standard") != 0 && strcmp(a->kind, "directory") != 0 &&
		lseek(a->r.fd, (off_t)a->offset, SEEK_SET) < 0)
		r = error_errno(PMIG_EIO, errno, "its position");
	return r < 0 ? r : give_numbers(a, skip);
}

/* What the launcher passed on beyond the standard three is not the program's. */
static int close_others(bool (*skip)(int))
{
	DIR *d = opendir("/proc/self/fd");
	if (d == NULL)
		return error_errno(PMIG_EIO, errno, "/proc/self/fd");
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		int fd = e->d_name[0] == '.' ? -1 : atoi(e->d_name);
		if (fd > 2 && fd != dirfd(d) && !skip(fd))
			close(fd);
	}
	closedir(d);
	return 0;
}

/* One past the highest number that is to come; bit n of *ret_standard: number n <= 2 is among them. */
static int survey(struct record_reader in, uint64_t n, int *ret_limit, unsigned *ret_standard)
{
	int limit = 3;
	unsigned standard = 0;
	while (n-- > 0) {
		struct record_reader part;
		struct arriving a;
		record_get_part(&in, &part);
		int r = read_head(&part, &a);
		if (r < 0)
			return r;
		for (uint32_t i = 0; i < a.n; i++) {
			int fd = (int)record_get_u32(&a.numbers);
			(void)record_get_u32(&a.numbers);
			limit = fd >= limit ? fd + 1 : limit;
			standard |= fd <= 2 ? 1u << fd : 0;
		}
	}
	*ret_limit = limit;
	*ret_standard = standard;
	return 0;
}

static int make_handle(struct record_reader *part, const struct pmig_reader *all, bool rewind)
{
	struct pmig_resource h = {.fd = -1, .rewind = rewind};
	struct record_reader own;
	uint32_t slot = record_get_u32(part);
	bool empty = read_decision(part, &h);
	h.reference = record_get_u64(part);
	record_get_part(part, &own);
	struct declared *e = declare_first();
	while (e != NULL && (e->slot != slot || e->thing != DECLARE_HANDLE))
		e = e->next;
	int r = record_reader_check(part);
	if (r < 0)
		return r;
	if (e == NULL)
		return error_set(PMIG_ECORRUPT, "%s: handle %u was never declared", part->what, slot);
	h.kind = kind_table_find(e->kind);
	h.locator = e->locator;
	h.declaration = e->d;
	h.declaration.hooks = e->has_hooks ? &e->hooks : NULL;
	h.handle = empty ? NULL : *e->var;
	if (h.kind == NULL)
		r = error_set(PMIG_EVERSION, "the kind %s is not known here; give it with --kind", e->kind);
	else if (!empty)
		r = make(&h, own, all);
	if (r < 0)
		return error_prefix(r, "%s", e->locator);
	*e->var = h.handle;
	e->reference = h.reference;
	declare_set_text(&e->locator, h.locator);
	declare_set_text(&e->there, h.there);
	return 0;
}

static int make_all(struct pmig_reader *in, uint64_t n, bool rewind, int limit, bool (*skip)(int))
{
	int r = 0;
	while (n-- > 0 && r >= 0) {
		struct record_reader part;
		struct arriving a;
		record_get_part(&in->record, &part);
		r = read_head(&part, &a);
		if (r < 0)
			return r;
		a.r.rewind = rewind;
		r = make_one(&a, in, limit, skip);
		if (r < 0)
			return error_prefix(r, "%s", a.name);
	}
	while (r >= 0 && !record_at_end(&in->record)) {
		struct record_reader part;
		record_get_part(&in->record, &part);
		r = make_handle(&part, in, rewind);
	}
	for (size_t i = 0; i < made_n && r >= 0; i++)
		if (made[i].r.kind->resolve != NULL)
			r = made[i].r.kind->resolve(&made[i].r);
	return r < 0 ? r : record_reader_check(&in->record);
}

/* The launcher's three lie where they lay. */
static void give_back(void)
{
	for (int i = 0; i < 3; i++)
		if (standard_kept(i) >= 0)
			(void)dup2(standard_kept(i), i);
}

int arrive_read(struct pmig_reader *in, bool rewind, bool (*skip)(int fd))
{
	uint64_t n = record_get_within(&in->record, 0, DESCRIPTOR_MAX);
	int limit = 0;
	unsigned standard = 0;
	int r = record_reader_check(&in->record);
	if (r >= 0)
		r = survey(in->record, n, &limit, &standard);
	number_limit = limit;
	if (r >= 0)
		r = close_others(skip);
	if (r >= 0)
		r = standard_keep(limit);
	if (r < 0)
		return r;
	r = make_all(in, n, rewind, limit, skip);
	if (r < 0) {
		give_back();
		standard_drop();
		arrive_undo();
		return r;
	}
	for (int i = 0; i < 3; i++)
		if ((standard & 1u << i) == 0)
			close(i);
	r = standard_remember();
	standard_drop();
	return r;
}

void arrive_undo(void)
{
	while (made_n > 0) {
		struct made *m = &made[--made_n];
		if (m->r.kind->undo != NULL)
			(void)m->r.kind->undo(&m->r);
		forget(m);
	}
}

void arrive_finish(void)
{
	for (size_t i = 0; i < made_n; i++) {
		if (made[i].r.kind->settle != NULL)
			made[i].r.kind->settle(&made[i].r);
		forget(&made[i]);
	}
	free(made);
	made = NULL;
	made_n = 0;
}
