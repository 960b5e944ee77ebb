/* messages: what libc remembers of message catalogues and of the system log is remembered in the arena too, and told
 * to libc again after a restore. */
#include "messages.h"

#include "keep.h"
#include "words.h"

#include "../arena/malloc.h"
#include "../guard.h"

#include <libintl.h>
#include <string.h>
#include <syslog.h>

#undef textdomain
#undef bindtextdomain
#undef bind_textdomain_codeset

struct domain {
	struct domain *next;
	char *name, *directory, *codeset;
};

struct messages {
	struct domain *domains;
	char *current;
	char *log_name;
	int log_options, log_facility, log_open;
	int log_mask; /* of setlogmask(), at the last checkpoint */
};

static struct messages *messages(void)
{
	struct kept *k = keep();
	GUARD(GUARD_TEXTS);
	if (k != NULL && k->messages == NULL)
		k->messages = pmig_calloc(1, sizeof(struct messages));
	return k != NULL ? k->messages : NULL;
}

static struct domain *domain(const char *name)
{
	struct messages *m = messages();
	if (m == NULL || name == NULL)
		return NULL;
	GUARD(GUARD_TEXTS);
	for (struct domain *d = m->domains; d != NULL; d = d->next)
		if (strcmp(d->name, name) == 0)
			return d;
	struct domain *d = pmig_calloc(1, sizeof *d);
	if (d != NULL) {
		d->name = keep_text(name);
		d->next = m->domains;
		m->domains = d;
	}
	return d;
}

char *pmig_textdomain(const char *name)
{
	char *r = keep_text(textdomain(name));
	struct messages *m = messages();
	if (m != NULL)
		m->current = r;
	return r;
}

char *pmig_bindtextdomain(const char *name, const char *directory)
{
	char *r = keep_text(bindtextdomain(name, directory));
	struct domain *d = directory != NULL ? domain(name) : NULL;
	if (d != NULL)
		d->directory = r;
	return r;
}

char *pmig_bind_textdomain_codeset(const char *name, const char *codeset)
{
	char *r = keep_text(bind_textdomain_codeset(name, codeset));
	struct domain *d = codeset != NULL ? domain(name) : NULL;
	if (d != NULL)
		d->codeset = r;
	return r;
}

/* libc keeps the pointer. */
void pmig_openlog(const char *name, int options, int facility)
{
	struct messages *m = messages();
	if (m != NULL) {
		m->log_name = (char *)name;
		m->log_options = options;
		m->log_facility = facility;
		m->log_open = 1;
	}
	openlog(name, options, facility);
}

void pmig_closelog(void)
{
	struct messages *m = messages();
	if (m != NULL)
		m->log_open = 0;
	closelog();
}

/* The log's own socket is no part of the program: libc opens it again with the next message. */
void messages_save(void)
{
	struct messages *m = messages();
	closelog();
	if (m != NULL)
		m->log_mask = setlogmask(0);
	if (m != NULL && m->log_open)
		openlog(m->log_name, m->log_options & ~LOG_NDELAY, m->log_facility);
}

void messages_restore(void)
{
	struct messages *m = messages();
	if (m == NULL)
		return;
	for (struct domain *d = m->domains; d != NULL; d = d->next) {
		(void)bindtextdomain(d->name, d->directory);
		(void)bind_textdomain_codeset(d->name, d->codeset);
	}
	if (m->current != NULL)
		(void)textdomain(m->current);
	(void)setlogmask(m->log_mask);
	if (m->log_open)
		openlog(m->log_name, m->log_options & ~LOG_NDELAY, m->log_facility);
}
