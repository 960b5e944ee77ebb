/* bound: a list, oldest first. */
#include "bound.h"

#include "../control_channel.h"
#include "../guard.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct bond {
	struct bond *next;
	const void *key;
	char *text;
};

static struct bond *bonds;

/* Under the guard, so that the last word is the last one. Before a freeze the agent knows it too. */
static void announce(void)
{
	int before = errno;
	(void)!control_send(CONTROL_BOUND, NULL, bonds != NULL ? bonds->text : "");
	errno = before;
}

void bound_to(const void *key, const char *format, ...)
{
	struct bond *b = malloc(sizeof *b);
	va_list ap;
	va_start(ap, format);
	if (b == NULL || vasprintf(&b->text, format, ap) < 0)
		abort(); /* a bond that nobody remembers would be lost with the next move */
	va_end(ap);
	b->key = key;
	b->next = NULL;
	GUARD(GUARD_BONDS);
	struct bond **end = &bonds;
	while (*end != NULL)
		end = &(*end)->next;
	*end = b;
	if (b == bonds)
		announce();
}

static struct bond *take_out(const void *key)
{
	GUARD(GUARD_BONDS);
	struct bond **at = &bonds;
	while (*at != NULL && (*at)->key != key)
		at = &(*at)->next;
	struct bond *b = *at;
	bool first = b != NULL && b == bonds;
	if (b != NULL)
		*at = b->next;
	if (first)
		announce();
	return b;
}

void bound_release(const void *key)
{
	struct bond *b = take_out(key);
	if (b == NULL)
		return;
	free(b->text);
	free(b);
}

int bound_check(void)
{
	GUARD(GUARD_BONDS);
	return bonds != NULL ? error_set(PMIG_EREFUSED, "%s", bonds->text) : 0;
}
