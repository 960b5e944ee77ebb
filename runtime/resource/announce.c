/* announce: tells the agent what was declared and withdrawn. */
#include "announce.h"

#include "../control_channel.h"

#include <stdio.h>

#define FILE_SCOPE_SLOT (1 << 20) /* from here on, what is declared at file scope: more than a program declares as it runs */

/* A line is a field: a backslash stands before itself and, as \n, for the end of a line. */
static size_t put_field(char *text, size_t n, size_t size, const char *field)
{
	for (const char *p = field != NULL ? field : ""; *p != '\0' && n + 3 < size; p++) {
		if (*p == '\n' || *p == '\\')
			text[n++] = '\\';
		text[n++] = *p == '\n' ? 'n' : *p;
	}
	text[n++] = '\n';
	return n;
}

static void announce(int64_t slot, int fd, const char *kind, const char *locator, const struct pmig_declaration *d,
	int64_t flags)
{
	int64_t args[8] = {slot, d->binding, d->attachment, d->strategy, d->consent,
		d->shared | d->secret << 1 | flags | (int64_t)(fd + 1) << 8, (int64_t)d->rate, (int64_t)d->size};
	const char *fields[] = {kind, d->name, locator, d->type};
	char text[CONTROL_TEXT_MAX];
	size_t n = 0;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		n = put_field(text, n, sizeof text - (sizeof fields / sizeof *fields - i), fields[i]);
	text[n - 1] = '\0';
	(void)!control_send(CONTROL_RESOURCE, args, text);
}

void announce_declared(const struct declared *e)
{
	bool hook = e->has_hooks && e->hooks.secret != NULL;
	announce(e->slot, e->fd, e->kind, e->locator, &e->d, hook ? CONTROL_SECRET_HOOK : 0);
}

void announce_match(size_t index, const struct pmig_match *m)
{
	bool hook = m->d.hooks != NULL && m->d.hooks->secret != NULL;
	announce(FILE_SCOPE_SLOT + (int64_t)index, -1, m->kind != NULL ? m->kind : "any", m->pattern, &m->d,
		CONTROL_FILE_SCOPE | (hook ? CONTROL_SECRET_HOOK : 0));
}

void announce_withdrawn(uint32_t slot)
{
	(void)!control_send(CONTROL_WITHDRAW, (int64_t[8]){slot}, NULL);
}

void announce_reference(const struct declared *e)
{
	char text[CONTROL_TEXT_MAX];
	(void)snprintf(text, sizeof text, "%s\n%s", e->kind, e->there != NULL ? e->there : "");
	(void)!control_send(CONTROL_REFERS, (int64_t[8]){0, e->slot, (int64_t)e->reference}, text);
}
