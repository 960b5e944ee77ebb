/* cc_args: a list of words. A compiler that cannot get a few bytes of memory has no better answer than to end. */
#include "cc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take(struct cc_args *a, char *word)
{
	if (a->count + 1 >= a->room) {
		a->room = a->room ? a->room * 2 : 32;
		a->items = realloc(a->items, a->room * sizeof *a->items);
	}
	if (a->items == NULL || word == NULL) {
		(void)fputs("pmig-cc: not enough memory\n", stderr);
		abort();
	}
	a->items[a->count++] = word;
	a->items[a->count] = NULL;
}

void cc_args_add(struct cc_args *a, const char *word)
{
	take(a, strdup(word));
}

void cc_args_format(struct cc_args *a, const char *format, ...)
{
	char *word;
	va_list ap;
	va_start(ap, format);
	int n = vasprintf(&word, format, ap);
	va_end(ap);
	take(a, n < 0 ? NULL : word);
}

void cc_args_append(struct cc_args *a, const struct cc_args *more)
{
	for (size_t i = 0; i < more->count; i++)
		cc_args_add(a, more->items[i]);
}

void cc_args_finish(struct cc_args *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->items[i]);
	free(a->items);
	*a = (struct cc_args){0};
}
