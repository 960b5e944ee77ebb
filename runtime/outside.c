/* outside: one search of all that travels for words that point into what does not, and names for what it finds. */
#include "outside.h"

#include "arena/arena.h"
#include "arena/escape.h"
#include "arena/heap.h"
#include "arena/mapping.h"
#include "errno_place.h"
#include "frame/program.h"
#include "handler.h"
#include "kind/table.h"
#include "outside_memory.h"
#include "outside_place.h"
#include "resource/bound.h"
#include "resource/declare.h"
#include "resource/locales.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct search {
	struct outside_place place;
	const struct outside_memory *memory;
};

/* Freed blocks keep old bytes, streams are made anew, and of signals signals.c says what it is: they do not count. */
static bool counts(const struct search *s, const struct escape *e)
{
	uintptr_t offset = (uintptr_t)e->word - ARENA_BASE;
	void *base;
	size_t size;
	if (s->place.global != NULL || s->place.in != NULL || mapping_contains(e->word))
		return true;
	if (offset >= ARENA_HEAP)
		return heap_block_of(arena_heap(), e->word, &base, &size) && base != *arena_root(ARENA_ROOT_SIGNALS);
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

static bool is_declared_memory(const void *p)
{
	for (const struct declared *e = declare_first(); e != NULL; e = e->next)
		if (e->thing == DECLARE_MEMORY && (uintptr_t)p - (uintptr_t)e->address < e->size)
			return true;
	return false;
}

static int found(void *context, const struct escape *e)
{
	const struct search *s = context;
	char place[400], there[400];
	if (!counts(s, e) || is_of_handle(e->word) || is_declared_memory(e->pointer) || locales_own(e->word) ||
		handler_stack_has(e->word))
		return 0;
	if (s->place.in == NULL && errno_place_note(e->word, e->pointer))
		return 0;
	outside_memory_name(s->memory, e, there, sizeof there);
	outside_place_name(&s->place, e->word, place, sizeof place);
	return error_set(PMIG_EPOINTER, "%s points to %s", place, there);
}

static int look(struct search *s, const void *address, size_t size)
{
	int r = escape_find(&(struct escape_range){address, size}, 1,
		&(struct escape_options){.target = &s->memory->target, .max = SIZE_MAX}, found, s);
	return r < 0 ? r : 0;
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
	for (unsigned i = 0; i < ARENA_THREADS_MAX && r >= 0; i++) {
		s->place.in = frames[i];
		r = frames[i] != NULL && frames[i]->size != 0 ? look(s, frames[i]->bytes, frames[i]->size) : 0;
	}
	s->place.in = NULL;
	return r;
}

static int look_everywhere(struct walk_buffer *const *frames, const struct outside_memory *memory)
{
	struct search s = {.place = {.frames = frames}, .memory = memory};
	struct arena_range ranges[ARENA_RANGES_MAX];
	int r = 0;
	for (uint32_t i = 0; i < pmig_program.globals_count && r >= 0; i++) {
		s.place.global = &pmig_program.globals[i];
		r = look(&s, s.place.global->address, s.place.global->size);
	}
	s.place.global = NULL;
	if (r >= 0)
		r = look_at_frames(&s, frames);
	size_t n = arena_ranges(ranges, ARENA_RANGES_MAX);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = look(&s, ranges[i].address, ranges[i].size);
	return r < 0 ? r : look_at_mappings(&s);
}

int outside_check(struct walk_buffer *const *frames)
{
	struct outside_memory memory;
	int r = bound_check();
	if (r >= 0)
		r = outside_memory_read(&memory);
	if (r < 0)
		return r;
	errno_place_forget();
	r = look_everywhere(frames, &memory);
	outside_memory_finish(&memory);
	return r;
}
