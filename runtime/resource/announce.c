/* announce: tells the agent what was declared and withdrawn, as many as a message has room for. */
#include "announce.h"

#include "../control_channel.h"

#include <inttypes.h>
#include <stdio.h>

#define FILE_SCOPE_SLOT (1 << 20) /* from here on, what is declared at file scope: more than a program declares as it runs */
#define NUMBERS_MAX 200           /* bytes of the numbers of one declaration */

static char text[CONTROL_TEXT_MAX];
static size_t used;

void announce_flush(void)
{
	text[used] = '\0';
	if (used > 0)
		(void)!control_send(CONTROL_RESOURCE, NULL, text);
	used = 0;
}

/* A line is a field: a backslash stands before itself and, as \n, for the end of a line. Returns its length, or 0: there is no room. */
static size_t put_field(char *to, size_t room, const char *field)
{
	size_t n = 0;
	for (const char *p = field != NULL ? field : ""; *p != '\0'; p++) {
		if (n + 3 > room)
			return 0;
		if (*p == '\n' || *p == '\\')
			to[n++] = '\\';
		to[n++] = *p == '\n' ? 'n' : *p;
	}
	if (n + 1 > room)
		return 0;
	to[n++] = '\n';
	return n;
}

static bool put(int64_t slot, const char *const fields[4], const struct pmig_declaration *d, int64_t flags)
{
	size_t n = used, room = sizeof text - 1;
	if (room - n < NUMBERS_MAX)
		return false;
	n += (size_t)snprintf(text + n, NUMBERS_MAX, "+%" PRId64 " %d %d %d %u %" PRId64 " %" PRIu64 " %" PRIu64 "\n", slot,
		(int)d->binding, (int)d->attachment, (int)d->strategy, d->consent, flags, d->rate, d->size);
	for (size_t i = 0; i < 4; i++) {
		size_t length = put_field(text + n, room - n, fields[i]);
		if (length == 0)
			return false;
		n += length;
	}
	used = n;
	return true;
}

static void announce(int64_t slot, int fd, const char *kind, const char *locator, const struct pmig_declaration *d,
	int64_t flags)
{
	const char *const fields[4] = {kind, d->name, locator, d->type};
	flags |= d->shared | d->secret << 1 | (int64_t)(fd + 1) << 8;
	if (put(slot, fields, d, flags))
		return;
	announce_flush();
	if (put(slot, fields, d, flags))
		return;
	/* a name or a path that is longer than a message: the registry knows that there is something, the image has all of it */
	const char *const shorter[4] = {kind, "of a very long name", "", ""};
	(void)put(slot, shorter, d, flags);
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
	if (sizeof text - 1 - used < NUMBERS_MAX)
		announce_flush();
	used += (size_t)snprintf(text + used, NUMBERS_MAX, "-%" PRIu32 "\n", slot);
}

void announce_reference(const struct declared *e)
{
	char where[CONTROL_TEXT_MAX];
	(void)snprintf(where, sizeof where, "%s\n%s", e->kind, e->there != NULL ? e->there : "");
	(void)!control_send(CONTROL_REFERS, (int64_t[8]){0, e->slot, (int64_t)e->reference}, where);
}
