/* outside_place: a heap block has no name; it is told by the way to it from a variable. */
#include "outside_place.h"

#include "arena/arena.h"
#include "arena/escape.h"
#include "arena/heap.h"
#include "arena/mapping.h"
#include "frame/program.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WAY_MAX 32 /* blocks between a variable and the one that is meant */

/* One block of the program's heap, as what escape_find() looks for. */
struct block {
	struct escape_target target;
	void *base;
	size_t size;
	const void *from; /* where the first pointer to it lies */
};

static bool covers(const struct escape_target *t, const void *p, void **ret_base, size_t *ret_size)
{
	const struct block *b = (const struct block *)t;
	*ret_base = b->base;
	*ret_size = b->size;
	return (uintptr_t)p - (uintptr_t)b->base < b->size;
}

static int keep_first(void *context, const struct escape *e)
{
	struct block *b = context;
	if ((uintptr_t)e->word - (uintptr_t)b->base < b->size)
		return 0; /* a block that points to itself */
	b->from = e->word;
	return PMIG_EEXIST;
}

static bool leads_there(const void *address, size_t size, struct block *b)
{
	b->from = NULL;
	(void)escape_find(&(struct escape_range){address, size}, 1,
		&(struct escape_options){.target = &b->target, .max = SIZE_MAX}, keep_first, b);
	return b->from != NULL;
}

/* The function whose captured frame holds the word. */
static const struct program_site *site_of(const struct walk_buffer *frames, const char *word)
{
	for (size_t at = 0; at < frames->size;) {
		struct walk_frame f;
		memcpy(&f, frames->bytes + at, sizeof f);
		at += sizeof f + f.size;
		if (word < frames->bytes + at)
			return &pmig_program.sites[f.site];
	}
	return NULL;
}

static void name_local(const struct program_site *s, char *out, size_t size)
{
	const struct program_function *f = s != NULL ? &pmig_program.functions[s->function] : NULL;
	const char *slash = f != NULL ? strrchr(f->file, '/') : NULL;
	if (f == NULL)
		(void)snprintf(out, size, "a local value");
	else if (f->file[0] == 0 || s->line == 0)
		(void)snprintf(out, size, "a local value of %s()", f->name);
	else
		(void)snprintf(out, size, "a local value of %s() (%s:%u)", f->name, slash != NULL ? slash + 1 : f->file,
			s->line);
}

static bool from_global(struct block *b, char *out, size_t size)
{
	for (uint32_t i = 0; i < pmig_program.globals_count; i++) {
		const struct program_global *g = &pmig_program.globals[i];
		if (leads_there(g->address, g->size, b)) {
			(void)snprintf(out, size, "the variable %s", g->name);
			return true;
		}
	}
	return false;
}

static bool from_frame(const struct outside_place *p, struct block *b, char *out, size_t size)
{
	struct arena_range ranges[ARENA_RANGES_MAX];
	for (unsigned i = 0; p->frames != NULL && i < ARENA_THREADS_MAX; i++)
		if (p->frames[i] != NULL && leads_there(p->frames[i]->bytes, p->frames[i]->size, b)) {
			name_local(site_of(p->frames[i], b->from), out, size);
			return true;
		}
	size_t n = arena_ranges(ranges, ARENA_RANGES_MAX);
	for (size_t i = 0; i < n; i++) {
		uintptr_t offset = (uintptr_t)ranges[i].address - ARENA_BASE;
		if (offset >= ARENA_STACKS && offset < ARENA_HEAP && leads_there(ranges[i].address, ranges[i].size, b)) {
			(void)snprintf(out, size, "a local variable");
			return true;
		}
	}
	return false;
}

/* A live block of the heap that leads to `b` takes its place. */
static bool from_heap(struct block *b)
{
	struct arena_range ranges[ARENA_RANGES_MAX];
	size_t n = arena_ranges(ranges, ARENA_RANGES_MAX);
	for (size_t i = 0; i < n; i++) {
		if ((uintptr_t)ranges[i].address - ARENA_BASE < ARENA_HEAP ||
			!leads_there(ranges[i].address, ranges[i].size, b))
			continue;
		void *base;
		size_t size;
		if (!heap_block_of(arena_heap(), b->from, &base, &size))
			continue; /* a block that was freed keeps old bytes */
		b->base = base;
		b->size = size;
		b->target.low = (uintptr_t)base;
		b->target.high = (uintptr_t)base + size;
		return true;
	}
	return false;
}

static void name_block(const struct outside_place *p, const void *word, void *base, size_t block, char *out, size_t size)
{
	struct block b = {.target = {(uintptr_t)base, (uintptr_t)base + block, covers}, .base = base, .size = block};
	char from[200];
	int n = snprintf(out, size, "the heap block of %zu bytes at %p, offset %zu", block, base,
		(size_t)((const char *)word - (char *)base));
	for (int way = 0; way < WAY_MAX && n >= 0 && (size_t)n < size; way++) {
		if (from_global(&b, from, sizeof from) || from_frame(p, &b, from, sizeof from)) {
			if (way == 0)
				(void)snprintf(out + n, size - (size_t)n, ", to which %s leads,", from);
			else
				(void)snprintf(out + n, size - (size_t)n, ", to which %s leads over %d other%s,", from, way,
					way == 1 ? "" : "s");
			return;
		}
		if (!from_heap(&b))
			return;
	}
}

void outside_place_name(const struct outside_place *p, const void *word, char *out, size_t size)
{
	void *base;
	size_t block;
	if (p->global != NULL) {
		size_t offset = (size_t)((const char *)word - (const char *)p->global->address);
		(void)snprintf(out, size, offset == 0 ? "the variable %s" : "the variable %s, offset %zu,", p->global->name,
			offset);
	} else if (p->in != NULL)
		name_local(site_of(p->in, word), out, size);
	else if (mapping_contains(word))
		(void)snprintf(out, size, "mapped memory at %p", word);
	else if (heap_block_of(arena_heap(), word, &base, &block))
		name_block(p, word, base, block, out, size);
	else
		(void)snprintf(out, size, "a local variable at %p", word);
}
