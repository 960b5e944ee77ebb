/* declare: pmig_declare_*(), pmig_add_hooks() and the list that they make. */
#include "declare.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../control_channel.h"
#include "../kind/table.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_SCOPE_SLOT (1 << 20) /* from here on, what is declared at file scope: more than a program declares as it runs */

struct list {
	struct declared *first, *last;
	uint32_t next_slot;
	uint32_t descriptors; /* how many of them are of descriptors: close() looks no further when there are none */
};

/* PMIG_RESOURCE() puts its structs there; the linker makes the symbols, if there are any. */
extern const struct pmig_match __start_pmig_match[] __attribute__((weak));
extern const struct pmig_match __stop_pmig_match[] __attribute__((weak));

static struct list *list(void)
{
	void **root = arena_root(ARENA_ROOT_HOOKS);
	if (*root == NULL)
		*root = pmig_calloc(1, sizeof(struct list));
	return *root;
}

struct declared *declare_first(void)
{
	struct list *l = *arena_root(ARENA_ROOT_HOOKS);
	return l != NULL ? l->first : NULL;
}

struct declared *declare_last(void)
{
	struct list *l = *arena_root(ARENA_ROOT_HOOKS);
	return l != NULL ? l->last : NULL;
}

static void announce(int64_t slot, const char *kind, const char *locator, const struct pmig_declaration *d,
	bool at_file_scope)
{
	int64_t args[8] = {slot, d->binding, d->attachment, d->strategy, d->consent,
		d->shared | d->secret << 1 | at_file_scope << 2, (int64_t)d->rate, (int64_t)d->size};
	const char *fields[] = {kind, d->name, locator, d->type};
	char text[CONTROL_TEXT_MAX];
	size_t n = 0;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		for (const char *p = fields[i] != NULL ? fields[i] : ""; *p != 0 && n < sizeof text - 8; p++)
			text[n++] = *p == '\n' ? '?' : *p; /* a line is a field */
		text[n++] = '\n';
	}
	text[n - 1] = 0;
	(void)!control_send(CONTROL_RESOURCE, args, text);
}

static void withdraw(struct list *l, struct declared *e)
{
	*(e->previous != NULL ? &e->previous->next : &l->first) = e->next;
	*(e->next != NULL ? &e->next->previous : &l->last) = e->previous;
	l->descriptors -= e->thing == DECLARE_DESCRIPTOR;
	if (e->thing != DECLARE_HOOKS)
		(void)!control_send(CONTROL_WITHDRAW, (int64_t[8]){e->slot}, NULL);
	pmig_free(e->kind);
	pmig_free(e->locator);
	pmig_free((char *)e->d.name);
	pmig_free((char *)e->d.type);
	pmig_free(e);
}

static int copy(char **ret, const char *text)
{
	*ret = text != NULL ? pmig_strdup(text) : NULL;
	return text != NULL && *ret == NULL ? PMIG_ENOMEM : 0;
}

/* Adds a copy of `what`, whose strings are still the caller's. */
static int add(const struct declared *what)
{
	struct list *l = list();
	struct declared *e = l != NULL ? pmig_calloc(1, sizeof *e) : NULL;
	if (e == NULL)
		return error_set(PMIG_ENOMEM, "no memory for a declaration");
	*e = *what;
	char *name, *type;
	int r = copy(&e->kind, what->kind);
	r |= copy(&e->locator, what->locator);
	r |= copy(&name, what->d.name);
	r |= copy(&type, what->d.type);
	e->d.name = name;
	e->d.type = type;
	e->d.hooks = NULL;
	if (what->d.hooks != NULL) {
		e->hooks = *what->d.hooks;
		e->has_hooks = 1;
	}
	e->slot = ++l->next_slot;
	e->previous = l->last;
	e->next = NULL;
	*(l->last != NULL ? &l->last->next : &l->first) = e;
	l->last = e;
	l->descriptors += e->thing == DECLARE_DESCRIPTOR;
	if (r < 0) {
		withdraw(l, e);
		return error_set(PMIG_ENOMEM, "no memory for a declaration");
	}
	if (e->thing != DECLARE_HOOKS)
		announce(e->slot, e->kind, e->locator, &e->d, false);
	return 0;
}

static int check(const struct pmig_declaration *d)
{
	if (d == NULL || d->binding < PMIG_BY_IDENTIFIER || d->binding > PMIG_BY_TYPE)
		return error_set(PMIG_EINVAL,
			"declare: .binding must be set: PMIG_BY_IDENTIFIER, PMIG_BY_VALUE or PMIG_BY_TYPE");
	if (d->attachment < PMIG_UNATTACHED || d->attachment > PMIG_FIXED)
		return error_set(PMIG_EINVAL,
			"declare: .attachment must be set: PMIG_UNATTACHED, PMIG_FASTENED or PMIG_FIXED");
	if ((unsigned)d->strategy > PMIG_REFUSE)
		return error_set(PMIG_EINVAL, "declare: .strategy is %d, which is none", (int)d->strategy);
	return 0;
}

int pmig_declare_fd(int fd, const struct pmig_declaration *d)
{
	struct stat st;
	int r = check(d);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return error_errno(PMIG_EINVAL, errno, "declare: descriptor %d", fd);
	char link[64], path[4096];
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = 0;
	declare_closed(fd);
	return add(&(struct declared){.thing = DECLARE_DESCRIPTOR,
		.fd = fd,
		.device = st.st_dev,
		.inode = st.st_ino,
		.d = *d,
		.kind = (char *)kind_table_name(fd, &st, path),
		.locator = path});
}

int pmig_declare_stream(FILE *f, const struct pmig_declaration *d)
{
	if (f == NULL)
		return error_set(PMIG_EINVAL, "declare: no stream");
	int fd = fileno(f);
	return fd < 0 ? error_set(PMIG_EINVAL, "declare: this stream has no descriptor; its memory is part of the program")
		      : pmig_declare_fd(fd, d);
}

int pmig_declare_memory(void *p, size_t size, const struct pmig_declaration *d)
{
	int r = check(d);
	if (r < 0)
		return r;
	if (p == NULL || size == 0 || (uintptr_t)p + size < (uintptr_t)p)
		return error_set(PMIG_EINVAL, "declare: %zu bytes at %p are no memory", size, p);
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		if (e->thing == DECLARE_MEMORY && e->address == p) {
			withdraw(list(), e);
			break;
		}
	char locator[64];
	(void)snprintf(locator, sizeof locator, "%p+%zu", p, size);
	return add(&(struct declared){.thing = DECLARE_MEMORY,
		.fd = -1,
		.address = p,
		.size = size,
		.d = *d,
		.kind = (char *)"memory",
		.locator = locator});
}

int pmig_declare_handle(void **var, const char *kind, const char *locator, const struct pmig_declaration *d)
{
	int r = check(d);
	if (r < 0)
		return r;
	if (var == NULL || kind == NULL || locator == NULL)
		return error_set(PMIG_EINVAL, "declare: a handle needs a variable, a kind and a locator");
	const struct pmig_kind *k = kind_table_find(kind);
	if (k == NULL || k->handle == NULL)
		return error_set(PMIG_ENOENT, "declare: %s: there is no kind of handles with that name", kind);
	r = k->handle(&(struct pmig_resource){
		.kind = k, .fd = -1, .locator = locator, .declaration = *d, .declared = true, .handle = *var});
	if (r < 0)
		return error_prefix(r, "declare: %s", locator);
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		if (e->thing == DECLARE_HANDLE && e->var == var) {
			withdraw(list(), e);
			break;
		}
	return add(&(struct declared){
		.thing = DECLARE_HANDLE, .fd = -1, .var = var, .d = *d, .kind = (char *)kind, .locator = (char *)locator});
}

int pmig_add_hooks(const struct pmig_hooks *hooks, void *context)
{
	if (hooks == NULL)
		return error_set(PMIG_EINVAL, "hooks: none given");
	return add(&(struct declared){.thing = DECLARE_HOOKS, .fd = -1, .d = {.hooks = hooks, .context = context}});
}

struct declared *declare_of(int fd, const struct stat *st)
{
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		if (e->thing == DECLARE_DESCRIPTOR && e->fd == fd && e->device == st->st_dev && e->inode == st->st_ino)
			return e;
	return NULL;
}

const struct pmig_match *declare_match(const char *kind, const char *locator)
{
	for (const struct pmig_match *m = __start_pmig_match; m != NULL && m < __stop_pmig_match; m++)
		if ((m->kind == NULL || strcmp(m->kind, kind) == 0) && fnmatch(m->pattern, locator, 0) == 0)
			return m;
	return NULL;
}

void declare_closed_from(unsigned first, unsigned last)
{
	struct list *l = arena_exists() ? *arena_root(ARENA_ROOT_HOOKS) : NULL;
	if (l == NULL || l->descriptors == 0)
		return;
	for (struct declared *e = l->first, *next; e != NULL; e = next) {
		next = e->next;
		if (e->thing == DECLARE_DESCRIPTOR && (unsigned)e->fd >= first && (unsigned)e->fd <= last)
			withdraw(l, e);
	}
}

void declare_closed(int fd)
{
	if (fd >= 0)
		declare_closed_from((unsigned)fd, (unsigned)fd);
}

void declare_announce(void)
{
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		if (e->thing != DECLARE_HOOKS)
			announce(e->slot, e->kind, e->locator, &e->d, false);
	int64_t slot = FILE_SCOPE_SLOT;
	for (const struct pmig_match *m = __start_pmig_match; m != NULL && m < __stop_pmig_match; m++)
		announce(slot++, m->kind != NULL ? m->kind : "any", m->pattern, &m->d, true);
}
