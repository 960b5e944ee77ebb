/* declare: pmig_declare_*(), pmig_add_hooks() and the list that they make. */
#include "declare.h"

#include "../arena/arena.h"
#include "../arena/heap.h"
#include "../arena/malloc.h"
#include "../guard.h"
#include "../kind/table.h"
#include "../reference/descriptors.h"
#include "../reference/referred.h"
#include "announce.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS_MIN 64

struct list {
	struct declared *first, *last;
	struct declared **buckets; /* of descriptors by number, memory by its block, handles by their variable */
	uint32_t buckets_count;    /* a power of two */
	uint32_t count;
	_Atomic uint32_t descriptors; /* how many of them are of descriptors: close() looks no further when there are none */
	uint32_t next_slot;
	uint32_t *gone; /* slots that the agent knows and nothing has any more; the first `gone_count` are to be told */
	uint32_t gone_count, gone_room;
	uint32_t *free; /* slots that can be used again */
	uint32_t free_count, free_room;
	uint32_t fresh; /* how many the agent does not know yet */
	uint32_t *scope; /* of each declaration at file scope: enum pmig_strategy at the last checkpoint, 0: nothing matched */
};

/* PMIG_RESOURCE() puts its structs there; the linker makes the symbols, if there are any. */
extern const struct pmig_match __start_pmig_match[] __attribute__((weak));
extern const struct pmig_match __stop_pmig_match[] __attribute__((weak));

static struct declared *held;

/* How many blocks of declared memory there are, by a part of their address: what is freed is looked for only where it may be found. */
static _Atomic uint32_t watched[1024];

static struct list *existing(void)
{
	return arena_exists() ? *arena_root(ARENA_ROOT_HOOKS) : NULL;
}

static struct list *list(void)
{
	void **root = arena_root(ARENA_ROOT_HOOKS);
	if (*root == NULL)
		*root = pmig_calloc(1, sizeof(struct list));
	return *root;
}

struct declared *declare_first(void)
{
	struct list *l = existing();
	return l != NULL ? l->first : NULL;
}

struct declared *declare_last(void)
{
	struct list *l = existing();
	return l != NULL ? l->last : NULL;
}

/* --- by key --- */

static struct declared **bucket(const struct list *l, const void *key)
{
	return &l->buckets[((uintptr_t)key * 0x9e3779b97f4a7c15u >> 32) & (l->buckets_count - 1)];
}

static _Atomic uint32_t *watch_of(const void *block)
{
	return &watched[((uintptr_t)block * 0x9e3779b97f4a7c15u >> 32) % (sizeof watched / sizeof *watched)];
}

static const void *key_of_descriptor(int fd)
{
	return (const void *)((uintptr_t)fd * 2 + 1); /* never the address of a block or variable */
}

static int grow(struct list *l)
{
	struct list bigger = {.buckets_count = l->buckets_count == 0 ? BUCKETS_MIN : 2 * l->buckets_count};
	bigger.buckets = pmig_calloc(bigger.buckets_count, sizeof *bigger.buckets);
	if (bigger.buckets == NULL)
		return error_set(PMIG_ENOMEM, "no memory for a declaration");
	for (struct declared *e = l->first; e != NULL; e = e->next) {
		struct declared **b = bucket(&bigger, e->key);
		e->next_of_key = *b;
		*b = e;
	}
	pmig_free(l->buckets);
	l->buckets = bigger.buckets;
	l->buckets_count = bigger.buckets_count;
	return 0;
}

static struct declared *first_of(const struct list *l, const void *key)
{
	struct declared *e = l != NULL && l->buckets_count != 0 ? *bucket(l, key) : NULL;
	while (e != NULL && e->key != key)
		e = e->next_of_key;
	return e;
}

static struct declared *next_of(const struct declared *e)
{
	const void *key = e->key;
	struct declared *n = e->next_of_key;
	while (n != NULL && n->key != key)
		n = n->next_of_key;
	return n;
}

/* --- slots --- */

static bool push(uint32_t **all, uint32_t *count, uint32_t *room, uint32_t slot)
{
	if (*count == *room) {
		uint32_t more = *room == 0 ? 16 : 2 * *room;
		uint32_t *bigger = pmig_realloc(*all, more * sizeof **all);
		if (bigger == NULL)
			return false;
		*all = bigger;
		*room = more;
	}
	(*all)[(*count)++] = slot;
	return true;
}

static void give_slot_back(struct list *l, const struct declared *e)
{
	if (!e->told)
		(void)push(&l->free, &l->free_count, &l->free_room, e->slot);
	else if (!push(&l->gone, &l->gone_count, &l->gone_room, e->slot)) {
		announce_withdrawn(e->slot);
		announce_flush();
	}
}

/* --- the list --- */

static void withdraw(struct list *l, struct declared *e)
{
	struct declared **b = bucket(l, e->key);
	while (*b != NULL && *b != e)
		b = &(*b)->next_of_key;
	if (*b != NULL)
		*b = e->next_of_key;
	*(e->previous != NULL ? &e->previous->next : &l->first) = e->next;
	*(e->next != NULL ? &e->next->previous : &l->last) = e->previous;
	l->count--;
	l->descriptors -= e->thing == DECLARE_DESCRIPTOR;
	l->fresh -= !e->told && e->thing != DECLARE_HOOKS;
	if (e->thing == DECLARE_MEMORY)
		(*watch_of(e->key))--;
	give_slot_back(l, e);
	if (e->told && e->thing != DECLARE_HOOKS)
		pmig_poll = 1;
	pmig_free(e->kind);
	pmig_free(e->locator);
	pmig_free(e->there);
	pmig_free((char *)e->d.name);
	pmig_free((char *)e->d.type);
	pmig_free(e);
}

static void freed(const void *p)
{
	if (*watch_of(p) == 0)
		return;
	GUARD(GUARD_DECLARATIONS);
	struct list *l = existing();
	struct declared *e = p != NULL ? first_of(l, p) : NULL;
	while (e != NULL) {
		struct declared *next = next_of(e);
		if (e->thing == DECLARE_MEMORY)
			withdraw(l, e);
		e = next;
	}
}

static void watch(const struct declared *e)
{
	(*watch_of(e->key))++;
	__atomic_store_n(&malloc_watch, freed, __ATOMIC_RELAXED);
}

static int copy(char **ret, const char *text)
{
	*ret = text != NULL ? pmig_strdup(text) : NULL;
	return text != NULL && *ret == NULL ? PMIG_ENOMEM : 0;
}

static void insert(struct list *l, struct declared *e)
{
	struct declared **b = bucket(l, e->key);
	e->next_of_key = *b;
	*b = e;
	e->previous = l->last;
	e->next = NULL;
	*(l->last != NULL ? &l->last->next : &l->first) = e;
	l->last = e;
	l->count++;
	l->descriptors += e->thing == DECLARE_DESCRIPTOR;
	l->fresh += e->thing != DECLARE_HOOKS;
	if (e->thing == DECLARE_MEMORY)
		watch(e);
	e->slot = l->free_count > 0 ? l->free[--l->free_count] : ++l->next_slot;
}

/* Adds a copy of `what`, whose strings are still the caller's. */
static int add(const struct declared *what)
{
	GUARD(GUARD_DECLARATIONS);
	struct list *l = list();
	if (l != NULL && l->count >= l->buckets_count && grow(l) < 0)
		return PMIG_ENOMEM;
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
	insert(l, e);
	if (r < 0) {
		withdraw(l, e);
		return error_set(PMIG_ENOMEM, "no memory for a declaration");
	}
	if (e->thing != DECLARE_HOOKS)
		pmig_poll = 1;
	return 0;
}

const char *declare_name(const struct declared *e)
{
	return e->d.name != NULL            ? e->d.name
		: e->locator != NULL        ? e->locator
		: e->thing == DECLARE_HOOKS ? "a hook"
					    : "a descriptor";
}

/* --- what the program calls --- */

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
	if ((d->consent & ~(PMIG_SNAPSHOT | PMIG_DIVERGENCE | PMIG_LOSS)) != 0)
		return error_set(PMIG_EINVAL, "declare: .consent is %#x, of which nothing is known", d->consent);
	if (d->secret && (d->strategy == PMIG_MOVE || d->strategy == PMIG_COPY))
		return error_set(PMIG_EINVAL, "declare: what is secret is neither moved nor copied");
	return 0;
}

int pmig_declare_fd(int fd, const struct pmig_declaration *d)
{
	struct stat st;
	int r = check(d);
	if (r < 0)
		return r;
	if (descriptors_stat(fd, &st) < 0)
		return error_errno(PMIG_EINVAL, errno, "declare: descriptor %d", fd);
	declare_closed(fd);
	return add(&(struct declared){.thing = DECLARE_DESCRIPTOR,
		.key = key_of_descriptor(fd),
		.fd = fd,
		.device = st.st_dev,
		.inode = st.st_ino,
		.d = *d});
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
	void *block = p;
	size_t block_size;
	if (!arena_contains(p) || !heap_block_of(arena_heap(), p, &block, &block_size))
		block = p;
	GUARD(GUARD_DECLARATIONS);
	for (struct declared *e = first_of(list(), block); e != NULL; e = next_of(e))
		if (e->thing == DECLARE_MEMORY && e->address == p) {
			withdraw(list(), e);
			break;
		}
	char locator[64];
	(void)snprintf(locator, sizeof locator, "%p+%zu", p, size);
	return add(&(struct declared){.thing = DECLARE_MEMORY,
		.key = block,
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
	struct pmig_resource resource = {.kind = k,
		.fd = -1,
		.locator = locator,
		.there = "",
		.content = "",
		.declaration = *d,
		.declared = true,
		.handle = *var};
	r = k->handle(&resource);
	if (r < 0)
		return error_prefix(r, "declare: %s", locator);
	GUARD(GUARD_DECLARATIONS);
	for (struct declared *e = first_of(list(), var); e != NULL; e = next_of(e))
		if (e->thing == DECLARE_HANDLE) {
			withdraw(list(), e);
			break;
		}
	return add(&(struct declared){.thing = DECLARE_HANDLE,
		.key = var,
		.fd = -1,
		.var = var,
		.d = *d,
		.kind = (char *)kind,
		.locator = (char *)resource.locator});
}

int pmig_add_hooks(const struct pmig_hooks *hooks, void *context)
{
	if (hooks == NULL)
		return error_set(PMIG_EINVAL, "hooks: none given");
	return add(&(struct declared){.thing = DECLARE_HOOKS, .fd = -1, .d = {.hooks = hooks, .context = context}});
}

/* --- file scope --- */

const struct pmig_match *declare_match_at(size_t index)
{
	size_t count = (size_t)(__stop_pmig_match - __start_pmig_match);
	return index < count ? &__start_pmig_match[index] : NULL;
}

const struct pmig_match *declare_match(const char *kind, const char *locator)
{
	const struct pmig_match *m;
	for (size_t i = 0; (m = declare_match_at(i)) != NULL; i++)
		if ((m->kind == NULL || strcmp(m->kind, kind) == 0) && fnmatch(m->pattern, locator, 0) == 0)
			return m;
	return NULL;
}

void declare_matched(const struct pmig_match *m, enum pmig_strategy strategy)
{
	struct list *l = list();
	if (l != NULL && l->scope == NULL)
		l->scope = pmig_calloc((size_t)(__stop_pmig_match - __start_pmig_match), sizeof *l->scope);
	if (l != NULL && l->scope != NULL)
		l->scope[m - __start_pmig_match] = strategy;
}

enum pmig_strategy declare_match_strategy(size_t index)
{
	struct list *l = existing();
	return l != NULL && l->scope != NULL ? (enum pmig_strategy)l->scope[index] : 0;
}

/* --- descriptors that come and go --- */

struct declared *declare_of(int fd, const struct stat *st)
{
	struct declared *e = first_of(existing(), key_of_descriptor(fd));
	return e != NULL && e->device == st->st_dev && e->inode == st->st_ino ? e : NULL;
}

void declare_closed(int fd)
{
	struct list *l = existing();
	if (l == NULL || l->descriptors == 0)
		return;
	GUARD(GUARD_DECLARATIONS);
	struct declared *e = first_of(l, key_of_descriptor(fd));
	if (e != NULL && e != held)
		withdraw(l, e);
}

void declare_closed_from(unsigned first, unsigned last)
{
	struct list *l = existing();
	GUARD(GUARD_DECLARATIONS);
	for (struct declared *e = l != NULL && l->descriptors > 0 ? l->first : NULL, *next; e != NULL; e = next) {
		next = e->next;
		if (e->thing == DECLARE_DESCRIPTOR && e != held && (unsigned)e->fd >= first && (unsigned)e->fd <= last)
			withdraw(l, e);
	}
}

void declare_unmapped(const void *address, size_t size)
{
	struct list *l = existing();
	GUARD(GUARD_DECLARATIONS);
	for (struct declared *e = l != NULL ? l->first : NULL, *next; e != NULL; e = next) {
		next = e->next;
		if (e->thing == DECLARE_MEMORY && (uintptr_t)e->address - (uintptr_t)address < size)
			withdraw(l, e);
	}
}

void declare_hold(struct declared *e)
{
	held = e;
}

void declare_begin(void)
{
	struct list *l = existing();
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		e->present = 0;
	if (l != NULL && l->scope != NULL)
		memset(l->scope, 0, (size_t)(__stop_pmig_match - __start_pmig_match) * sizeof *l->scope);
}

void declare_set_text(char **which, const char *text)
{
	char *copy = strcmp(text, *which != NULL ? *which : "") != 0 ? pmig_strdup(text) : NULL;
	if (copy == NULL)
		return;
	pmig_free(*which);
	*which = copy;
}

/* In which look() looks: a shorter way than from the root each time. */
static int look_begin(void)
{
	return open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* What the descriptor is called, and what kind of thing it is, here and now. */
static void look(struct declared *e, int folder)
{
	struct stat st;
	char link[16], path[4096];
	const char *remote = descriptors_locator(e->fd, &st);
	if (remote != NULL) {
		declare_set_text(&e->kind, S_ISDIR(st.st_mode) ? "directory" : "file");
		declare_set_text(&e->locator, remote);
		return;
	}
	(void)snprintf(link, sizeof link, "%d", e->fd);
	ssize_t n = readlinkat(folder, link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	if (fstat(e->fd, &st) < 0)
		return;
	const struct referred *relayed = referred_find(&st);
	declare_set_text(&e->kind, relayed != NULL ? relayed->kind : kind_table_name(e->fd, &st, path));
	declare_set_text(&e->locator, relayed != NULL ? relayed->locator : path);
}

void declare_arrived(void)
{
	struct stat st;
	int folder = look_begin();
	for (struct declared *e = declare_first(), *next; e != NULL; e = next) {
		next = e->next;
		if (e->thing != DECLARE_DESCRIPTOR)
			continue;
		if (!e->present || descriptors_stat(e->fd, &st) < 0) {
			withdraw(list(), e);
			continue;
		}
		e->device = st.st_dev;
		e->inode = st.st_ino;
		look(e, folder);
	}
	(void)close(folder);
}

/* --- the agent --- */

void declare_tell(void)
{
	struct list *l = existing();
	if (l == NULL ||
		(__atomic_load_n(&l->gone_count, __ATOMIC_RELAXED) | __atomic_load_n(&l->fresh, __ATOMIC_RELAXED)) == 0)
		return;
	GUARD(GUARD_DECLARATIONS);
	while (l->gone_count > 0) {
		uint32_t slot = l->gone[--l->gone_count];
		announce_withdrawn(slot);
		(void)push(&l->free, &l->free_count, &l->free_room, slot);
	}
	int folder = l->fresh > 0 ? look_begin() : -1;
	for (struct declared *e = l->last; e != NULL && l->fresh > 0; e = e->previous) {
		if (e->told || e->thing == DECLARE_HOOKS)
			continue;
		if (e->thing == DECLARE_DESCRIPTOR && e->locator == NULL)
			look(e, folder);
		announce_declared(e);
		e->told = 1;
		l->fresh--;
	}
	if (folder >= 0)
		(void)close(folder);
	announce_flush();
}

void declare_announce(void)
{
	struct list *l = existing();
	const struct pmig_match *m;
	for (struct declared *e = declare_first(); e != NULL; e = e->next) {
		l->fresh += e->told;
		e->told = 0;
		if (e->thing == DECLARE_MEMORY)
			watch(e); /* of this process */
	}
	declare_tell();
	for (const struct declared *e = declare_first(); e != NULL; e = e->next)
		if (e->thing == DECLARE_HANDLE)
			announce_reference(e);
	for (size_t i = 0; (m = declare_match_at(i)) != NULL; i++)
		announce_match(i, m);
	announce_flush();
}
