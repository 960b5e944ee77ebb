/* table: the kinds of this build. */
#include "table.h"

#include "load.h"

#include <fcntl.h>
#include <string.h>

#define KIND(name) extern const struct pmig_kind kind_##name;
#include "../tbl/kind.h"
#undef KIND

static const struct pmig_kind *const kinds[] = {
#define KIND(name) &kind_##name,
#include "../tbl/kind.h"
#undef KIND
};

const struct pmig_kind *kind_table_at(size_t index)
{
	return index < sizeof kinds / sizeof *kinds ? kinds[index] : NULL;
}

const struct pmig_kind *kind_table_find(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	const struct pmig_kind *k;
	for (size_t i = 0; (k = load_at(i)) != NULL; i++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

const struct pmig_kind *kind_table_match_declared(const struct pmig_resource *r)
{
	const struct pmig_kind *k;
	for (size_t i = 0; (k = load_at(i)) != NULL; i++)
		if (k->match != NULL && k->match(r) == 1)
			return k;
	return kind_table_match(r);
}

const struct pmig_kind *kind_table_match(const struct pmig_resource *r)
{
	size_t last = sizeof kinds / sizeof *kinds - 1;
	for (size_t i = 0; i < last; i++)
		if (kinds[i]->match(r) == 1)
			return kinds[i];
	return kinds[last]; /* "other" */
}

const char *kind_table_name(int fd, const struct stat *st, const char *locator)
{
	struct pmig_resource r = {.fd = fd, .flags = fcntl(fd, F_GETFL), .st = *st, .locator = locator};
	return kind_table_match_declared(&r)->name;
}
