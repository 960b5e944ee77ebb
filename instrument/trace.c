/* trace: reads symbol tables and relocations. */
#include "trace.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct trace {
	const char *file;
	size_t size;
	Elf64_Ehdr header;
	void (*visit)(void *context, const char *name);
	void *context;
};

static int damaged(void)
{
	return error_set(PMIG_ECORRUPT, "the linker's output is damaged");
}

/* Reads section header `i`; false when it or what it describes does not lie in the file. */
static bool section(const struct trace *t, uint64_t i, Elf64_Shdr *s)
{
	if (i >= t->header.e_shnum)
		return false;
	memcpy(s, t->file + t->header.e_shoff + i * sizeof *s, sizeof *s);
	return s->sh_type == SHT_NOBITS || (s->sh_offset <= t->size && s->sh_size <= t->size - s->sh_offset);
}

/* The name of symbol `i`, if it is one that units of their own can share; NULL otherwise. */
static const char *name_of(const struct trace *t, const Elf64_Shdr *symbols, const Elf64_Shdr *strings, uint64_t i)
{
	Elf64_Sym s;
	if (i == 0 || i >= symbols->sh_size / sizeof s)
		return NULL;
	memcpy(&s, t->file + symbols->sh_offset + i * sizeof s, sizeof s);
	if (ELF64_ST_BIND(s.st_info) == STB_LOCAL || s.st_name >= strings->sh_size)
		return NULL;
	const char *name = t->file + strings->sh_offset + s.st_name;
	return memchr(name, 0, strings->sh_size - s.st_name) != NULL ? name : NULL;
}

static void visit_dynamic(const struct trace *t, const Elf64_Shdr *symbols, const Elf64_Shdr *strings)
{
	for (uint64_t i = 1; i < symbols->sh_size / sizeof(Elf64_Sym); i++) {
		const char *name = name_of(t, symbols, strings, i);
		if (name != NULL)
			t->visit(t->context, name);
	}
}

static void visit_relocations(const struct trace *t, const Elf64_Shdr *s, const Elf64_Shdr *symbols,
	const Elf64_Shdr *strings)
{
	for (uint64_t i = 0; i < s->sh_size / sizeof(Elf64_Rela); i++) {
		Elf64_Rela r;
		memcpy(&r, t->file + s->sh_offset + i * sizeof r, sizeof r);
		const char *name = name_of(t, symbols, strings, ELF64_R_SYM(r.r_info));
		if (name != NULL)
			t->visit(t->context, name);
	}
}

/* Returns 1 for a static symbol table, else 0. */
static int visit_section(const struct trace *t, const Elf64_Shdr *s)
{
	Elf64_Shdr symbols, strings;
	if (s->sh_type == SHT_SYMTAB)
		return 1;
	if (s->sh_type == SHT_DYNSYM) {
		if (!section(t, s->sh_link, &strings))
			return damaged();
		visit_dynamic(t, s, &strings);
	}
	if (s->sh_type == SHT_RELA && s->sh_link != 0) {
		if (!section(t, s->sh_link, &symbols) || !section(t, symbols.sh_link, &strings))
			return damaged();
		visit_relocations(t, s, &symbols, &strings);
	}
	return 0;
}

int trace_visit(const void *file, size_t size, void (*visit)(void *context, const char *name), void *context)
{
	struct trace t = {.file = file, .size = size, .visit = visit, .context = context};
	int found = 0;
	if (size < sizeof t.header)
		return damaged();
	memcpy(&t.header, file, sizeof t.header);
	if (t.header.e_shoff > size || t.header.e_shnum > (size - t.header.e_shoff) / sizeof(Elf64_Shdr))
		return damaged();
	for (uint64_t i = 1; i < t.header.e_shnum; i++) {
		Elf64_Shdr s;
		int e = section(&t, i, &s) ? visit_section(&t, &s) : damaged();
		if (e < 0)
			return e;
		found |= e;
	}
	return found;
}
