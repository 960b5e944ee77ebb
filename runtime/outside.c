/* outside: the window test of arena/escape.h over all that travels, and names for what it finds. */
#include "outside.h"

#include "arena/arena.h"
#include "arena/escape.h"
#include "arena/heap.h"
#include "arena/mapping.h"
#include "frame/program.h"
#include "handler.h"
#include "kind/table.h"
#include "resource/bound.h"
#include "resource/declare.h"
#include "resource/locales.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PARTS_MAX 512

/* Where libraries lie: they lie elsewhere after a restore. */
struct libraries {
	struct escape_target target;
	size_t count;
	struct escape_range parts[PARTS_MAX];
};

struct search {
	const struct walk_buffer *frames;
	const struct escape_target *target;  /* NULL: the foreign heap */
	const struct program_global *global; /* being looked through; NULL: the arena or frames */
	bool in_frames;
};

/* "allocated by regcomp in libc.so.6" */
static void name_owner(const void *site, char *out, size_t size)
{
	Dl_info info;
	if (site == NULL || dladdr(site, &info) == 0 || info.dli_fname == NULL) {
		(void)snprintf(out, size, "a library");
		return;
	}
	const char *slash = strrchr(info.dli_fname, '/');
	const char *file = slash != NULL ? slash + 1 : info.dli_fname;
	if (info.dli_sname != NULL)
		(void)snprintf(out, size, "%s in %s", info.dli_sname, file);
	else
		(void)snprintf(out, size, "%s", file);
}

/* The function whose captured frame holds the word at `word`. */
static const char *frame_of(const struct walk_buffer *frames, const char *word)
{
	size_t at = 0;
	while (at < frames->size) {
		struct walk_frame f;
		memcpy(&f, frames->bytes + at, sizeof f);
		at += sizeof f + f.size;
		if (word < frames->bytes + at)
			return pmig_program.functions[pmig_program.sites[f.site].function].name;
	}
	return "?";
}

static void name_place(const struct search *s, const struct escape *e, char *out, size_t size)
{
	void *base;
	size_t block;
	if (s->global != NULL)
		(void)snprintf(out, size, "the variable %s", s->global->name);
	else if (s->in_frames)
		(void)snprintf(out, size, "a local value of %s()", frame_of(s->frames, e->word));
	else if (mapping_contains(e->word))
		(void)snprintf(out, size, "mapped memory at %p", e->word);
	else if (heap_block_of(arena_heap(), e->word, &base, &block))
		(void)snprintf(out, size, "the heap block of %zu bytes at %p, offset %zu", block, base,
			(size_t)((const char *)e->word - (char *)base));
	else
		(void)snprintf(out, size, "a local variable at %p", e->word);
}

/* Freed blocks keep old bytes, streams are made anew: neither counts. */
static bool counts(const struct search *s, const struct escape *e)
{
	uintptr_t offset = (uintptr_t)e->word - ARENA_BASE;
	void *base;
	size_t size;
	if (s->global != NULL || s->in_frames || mapping_contains(e->word))
		return true;
	if (offset >= ARENA_HEAP)
		return heap_block_of(arena_heap(), e->word, &base, &size);
	return offset >= ARENA_STACKS;
}

/* A word that is set anew by a kind: the variable of a declared handle, or memory that the handle keeps for itself. */
static bool is_of_handle(const void *word)
{
	for (const struct declared *e = declare_first(); e != NULL; e = e->next) {
		const struct pmig_kind *k = e->thing == DECLARE_HANDLE ? kind_table_find(e->kind) : NULL;
		if (e->thing == DECLARE_HANDLE && word == (const void *)e->var)
			return true;
		if (k == NULL || k->memory == NULL)
			continue;
		const struct pmig_resource r = {.kind = k,
			.fd = -1,
			.locator = e->locator,
			.there = e->there != NULL ? e->there : "",
			.content = "",
			.declaration = e->d,
			.declared = true,
			.reference = e->reference,
			.handle = *e->var};
		const void *address;
		size_t size;
		for (size_t i = 0; k->memory(&r, i, &address, &size) == 1; i++)
			if ((uintptr_t)word - (uintptr_t)address < size)
				return true;
	}
	return false;
}

/* The variable or function of a library that a pointer leads to. */
static int refuse_library(const char *place, const void *pointer)
{
	Dl_info info = {0};
	const char *slash, *file = "a library";
	if (dladdr(pointer, &info) != 0 && info.dli_fname != NULL)
		file = (slash = strrchr(info.dli_fname, '/')) != NULL ? slash + 1 : info.dli_fname;
	return error_set(PMIG_EPOINTER,
		"%s points to %s%s%s, which lies elsewhere after a move; ask for it again when it is needed", place,
		info.dli_sname != NULL ? info.dli_sname : "memory", " in ", file);
}

static int found(void *context, const struct escape *e)
{
	const struct search *s = context;
	char place[160], owner[160];
	if (!counts(s, e) || is_of_handle(e->word) || locales_own(e->word) || handler_stack_has(e->word))
		return 0;
	name_place(s, e, place, sizeof place);
	if (s->target != NULL)
		return refuse_library(place, e->pointer);
	name_owner(e->site, owner, sizeof owner);
	return error_set(PMIG_EPOINTER,
		"%s points to %zu bytes allocated by %s, which do not travel; release them before the safe point, or declare the "
		"handle",
		place, e->size, owner);
}

static int look(struct search *s, const void *address, size_t size)
{
	int r = escape_find(&(struct escape_range){address, size}, 1,
		&(struct escape_options){.target = s->target, .max = SIZE_MAX}, found, s);
	return r < 0 ? r : 0;
}

static bool covers(const struct escape_target *t, const void *p, void **ret_base, size_t *ret_size)
{
	const struct libraries *l = (const struct libraries *)t;
	for (size_t i = 0; i < l->count; i++)
		if ((uintptr_t)p - (uintptr_t)l->parts[i].address < l->parts[i].size) {
			*ret_base = (void *)(uintptr_t)l->parts[i].address;
			*ret_size = l->parts[i].size;
			return true;
		}
	return false;
}

/* The executable itself comes first and has no address to add. */
static int add_library(struct dl_phdr_info *info, size_t size, void *context)
{
	struct libraries *l = context;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum && info->dlpi_addr != 0 && l->count < PARTS_MAX; i++) {
		uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		l->parts[l->count++] = (struct escape_range){(const void *)at, info->dlpi_phdr[i].p_memsz};
		if (at < l->target.low)
			l->target.low = at;
		if (at + info->dlpi_phdr[i].p_memsz > l->target.high)
			l->target.high = at + info->dlpi_phdr[i].p_memsz;
	}
	return 0;
}

/* What the program mapped and can have written to. */
static int look_at_mappings(struct search *s)
{
	struct mapping_range *all;
	size_t n, bytes;
	int r = 0;
	(void)mapping_table(&n);
	bytes = n * sizeof *all;
	all = n > 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
	if (all == MAP_FAILED)
		return error_set(PMIG_ENOMEM, "no memory for the list of mappings");
	mapping_uncover();
	n = n > 0 ? mapping_ranges(all, n) : 0;
	for (size_t i = 0; i < n && r >= 0; i++)
		r = all[i].data ? 0 : look(s, all[i].address, all[i].size);
	mapping_cover();
	if (all != NULL)
		(void)munmap(all, bytes);
	return r;
}

/* The captured values of all threads. */
static int look_at_frames(struct search *s, struct walk_buffer *const *frames)
{
	int r = 0;
	s->in_frames = true;
	for (unsigned i = 0; i < ARENA_THREADS_MAX && r >= 0; i++) {
		s->frames = frames[i];
		r = frames[i] != NULL && frames[i]->size != 0 ? look(s, frames[i]->bytes, frames[i]->size) : 0;
	}
	s->in_frames = false;
	return r;
}

static int look_everywhere(struct walk_buffer *const *frames, const struct escape_target *target)
{
	struct search s = {.target = target};
	struct arena_range ranges[ARENA_RANGES_MAX];
	int r = 0;
	for (uint32_t i = 0; i < pmig_program.globals_count && r >= 0; i++) {
		s.global = &pmig_program.globals[i];
		r = look(&s, s.global->address, s.global->size);
	}
	s.global = NULL;
	if (r >= 0)
		r = look_at_frames(&s, frames);
	size_t n = arena_ranges(ranges, ARENA_RANGES_MAX);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = look(&s, ranges[i].address, ranges[i].size);
	return r < 0 ? r : look_at_mappings(&s);
}

int outside_check(struct walk_buffer *const *frames)
{
	struct libraries libraries = {.target = {.low = UINTPTR_MAX, .covers = covers}};
	int r = bound_check();
	if (r >= 0)
		r = look_everywhere(frames, NULL);
	(void)dl_iterate_phdr(add_library, &libraries);
	return r < 0 || libraries.count == 0 ? r : look_everywhere(frames, &libraries.target);
}
