/* load: kinds from outside the tree. */
#include "load.h"

#include "../control_channel.h"
#include "../resource/decide.h"
#include "table.h"

#include <dlfcn.h>
#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SYMBOL "pmig_kind"
#define NAME_LONGEST 31

/* Copies: one that was built before an operation was added to the end of the struct does not have it. */
static struct pmig_kind kinds[LOAD_MAX];
static size_t kinds_n;

const struct pmig_kind *load_at(size_t index)
{
	return index < kinds_n ? &kinds[index] : NULL;
}

static int check(const char *path, const struct pmig_kind *k)
{
	if (k->version != PMIG_KIND_VERSION)
		return error_set(PMIG_EVERSION, "%s: its kind is of version %d, this program knows %d", path, k->version,
			PMIG_KIND_VERSION);
	if (k->name == NULL || k->about == NULL || k->describe == NULL || k->name[0] == '\0' ||
		strlen(k->name) > NAME_LONGEST || strpbrk(k->name, "\n\\ ") != NULL)
		return error_set(PMIG_EINVAL, "%s: its kind lacks a name of at most %d bytes, about, or describe()", path,
			NAME_LONGEST);
	if (kind_table_find(k->name) != NULL)
		return error_set(PMIG_EEXIST, "%s: there is a kind %s already", path, k->name);
	return 0;
}

static int load_one(const char *path)
{
	Dl_info info;
	const ElfW(Sym) *symbol = NULL;
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const void *at = object != NULL ? dlsym(object, SYMBOL) : NULL;
	if (object == NULL)
		return error_set(PMIG_ENOENT, "%s", dlerror());
	if (at == NULL || dladdr1(at, &info, (void **)&symbol, RTLD_DL_SYMENT) == 0 || symbol == NULL ||
		symbol->st_size < offsetof(struct pmig_kind, match))
		return error_set(PMIG_EINVAL, "%s: it has no struct " SYMBOL, path);
	if (kinds_n == LOAD_MAX)
		return error_set(PMIG_EINVAL, "%s: more than %d kinds", path, LOAD_MAX);
	struct pmig_kind k = {0};
	memcpy(&k, at, symbol->st_size < sizeof k ? symbol->st_size : sizeof k);
	int r = check(path, &k);
	if (r >= 0)
		kinds[kinds_n++] = k;
	return r;
}

int load_kinds(const char *paths)
{
	char path[PATH_MAX];
	int r = 0;
	for (const char *at = paths; *at != '\0' && r >= 0; at += strcspn(at, "\n"), at += *at == '\n') {
		(void)snprintf(path, sizeof path, "%.*s", (int)strcspn(at, "\n"), at);
		if (*path != '\0')
			r = load_one(path);
	}
	return r < 0 ? error_prefix(r, "kind") : 0;
}

void load_announce(void)
{
	char text[CONTROL_TEXT_MAX];
	for (size_t i = 0; i < kinds_n; i++) {
		int64_t operations = 0;
		for (enum pmig_strategy s = PMIG_MOVE; s <= PMIG_REBIND; s++)
			operations |= (int64_t)decide_can(&kinds[i], s) << s;
		(void)snprintf(text, sizeof text, "%s\n%s", kinds[i].name, kinds[i].about);
		(void)!control_send(CONTROL_KIND, (int64_t[8]){operations}, text);
	}
}

int pmig_fail(int code, const char *format, ...)
{
	char text[PMIG_REASON_MAX];
	va_list list;
	va_start(list, format);
	(void)vsnprintf(text, sizeof text, format, list);
	va_end(list);
	return error_set(code, "%s", text);
}
