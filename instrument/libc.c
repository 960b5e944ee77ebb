/* libc: the table, sorted once. */
#include "libc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN LIBC_PLAIN
#define REPLACED LIBC_REPLACED
#define REFUSED LIBC_REFUSED

static struct libc_function functions[] = {
#define LIBC(name, action, note) {#name, action, note},
#include "tbl/libc.h"
#include "tbl/libgcc.h"
#include "tbl/libraries.h"
#undef LIBC
};

#define FUNCTIONS_COUNT (sizeof functions / sizeof *functions)

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct libc_function *)a)->name, ((const struct libc_function *)b)->name);
}

const struct libc_function *libc_find(const char *name)
{
	static int sorted;
	if (!sorted)
		qsort(functions, FUNCTIONS_COUNT, sizeof *functions, compare);
	sorted = 1;
	struct libc_function key = {.name = name};
	return bsearch(&key, functions, FUNCTIONS_COUNT, sizeof *functions, compare);
}

void libc_replacement(const struct libc_function *f, char *out, size_t room)
{
	(void)snprintf(out, room, "%s%s", *f->note != '\0' ? "" : "pmig_", *f->note != '\0' ? f->note : f->name);
}
