/* libc: the tables, sorted once. */
#include "libc.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN LIBC_PLAIN
#define CARRIED LIBC_CARRIED
#define REPLACED LIBC_REPLACED
#define REFUSED LIBC_REFUSED

#define LIBC(name, action, note) {#name, action, note},

static struct libc_function functions[] = {
#include "tbl/libc.h"
#include "tbl/libgcc.h"
#include "tbl/libraries.h"
};

static struct libc_function variables[] = {
#include "tbl/libc_variables.h"
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct libc_function *)a)->name, ((const struct libc_function *)b)->name);
}

static const struct libc_function *find(struct libc_function *rows, size_t n, bool *sorted, const char *name)
{
	if (!*sorted)
		qsort(rows, n, sizeof *rows, compare);
	*sorted = true;
	struct libc_function key = {.name = name};
	return bsearch(&key, rows, n, sizeof *rows, compare);
}

const struct libc_function *libc_find(const char *name)
{
	static bool sorted;
	return find(functions, sizeof functions / sizeof *functions, &sorted, name);
}

const struct libc_function *libc_variable(const char *name)
{
	static bool sorted;
	return find(variables, sizeof variables / sizeof *variables, &sorted, name);
}

void libc_replacement(const struct libc_function *f, char *out, size_t room)
{
	(void)snprintf(out, room, "%s%s", *f->note != '\0' ? "" : "pmig_", *f->note != '\0' ? f->note : f->name);
}
