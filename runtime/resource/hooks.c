/* hooks: calls what declarations want to be called before and after a checkpoint. */
#include "hooks.h"

#include "declare.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* One that can be called: of a declaration in the list, or of one at file scope. */
struct hook {
	const struct pmig_hooks *hooks; /* NULL: it has none */
	void *context;
	const char *name;
	enum pmig_strategy strategy;
	const char *locator;
};

static struct hook of_declared(const struct declared *e)
{
	return (struct hook){.hooks = e->has_hooks ? &e->hooks : NULL,
		.context = e->d.context,
		.name = declare_name(e),
		.strategy = (enum pmig_strategy)e->strategy,
		.locator = e->there != NULL && e->there[0] != 0            ? e->there
			: e->locator != NULL && e->thing != DECLARE_MEMORY ? e->locator
									   : ""};
}

static struct hook of_match(size_t index)
{
	const struct pmig_match *m = declare_match_at(index);
	return (struct hook){.hooks = m->d.hooks,
		.context = m->d.context,
		.name = m->d.name != NULL ? m->d.name : m->pattern,
		.strategy = declare_match_strategy(index),
		.locator = ""};
}

static bool refuses(const struct hook *h)
{
	return h->hooks != NULL && h->hooks->before != NULL && h->hooks->before(h->context) < 0;
}

static void tell(const struct hook *h, const struct pmig_news *news)
{
	struct pmig_news one = *news;
	one.strategy = h->strategy;
	one.locator = h->locator;
	if (h->hooks != NULL && h->hooks->after != NULL && h->hooks->after(h->context, &one) < 0)
		(void)dprintf(STDERR_FILENO, "pmig: the hook of %s failed\n", h->name);
}

/* Those in the list before `end` (NULL: all), then the first `matches` at file scope. */
static void tell_all(const struct declared *end, size_t matches, const struct pmig_news *news)
{
	for (struct declared *e = end != NULL ? end->previous : declare_last(), *previous; e != NULL; e = previous) {
		previous = e->previous; /* the hook may withdraw its own declaration */
		struct hook h = of_declared(e);
		tell(&h, news);
	}
	while (matches-- > 0) {
		struct hook h = of_match(matches);
		tell(&h, news);
	}
}

static size_t matches_count(void)
{
	size_t n = 0;
	while (declare_match_at(n) != NULL)
		n++;
	return n;
}

/* `name` said no: the others hear of it. */
static int refused(const char *name, const struct declared *end, size_t matches)
{
	char host[65] = "", reason[PMIG_REASON_MAX];
	(void)gethostname(host, sizeof host - 1);
	(void)snprintf(reason, sizeof reason, "%s: its hook says: not now", name);
	const struct pmig_news news = {.outcome = PMIG_FAILED, .from = host, .to = host, .reason = reason, .locator = ""};
	if (end == NULL) /* it was one at file scope: nobody in the list was asked */
		for (; matches > 0; matches--) {
			struct hook h = of_match(matches - 1);
			tell(&h, &news);
		}
	else
		tell_all(end, matches, &news);
	return error_set(PMIG_EBUSY, "%s", reason);
}

int hooks_before(void)
{
	size_t matches = matches_count();
	for (size_t i = 0; i < matches; i++) {
		struct hook h = of_match(i);
		if (refuses(&h))
			return refused(h.name, NULL, i);
	}
	for (struct declared *e = declare_first(); e != NULL; e = e->next) {
		struct hook h = of_declared(e);
		if (refuses(&h))
			return refused(h.name, e, matches);
	}
	return 0;
}

void hooks_after(const struct pmig_news *news)
{
	tell_all(NULL, matches_count(), news);
}

/* A descriptor that still leads nowhere. */
static bool is_empty(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || (flags & O_PATH) != 0;
}

static void fetch(struct declared *e)
{
	if (!e->d.secret || !e->has_hooks || e->hooks.secret == NULL || e->strategy == PMIG_REFER)
		return;
	declare_hold(e);
	int r = e->hooks.secret(e->d.context);
	declare_hold(NULL);
	if (r < 0 || (e->thing == DECLARE_DESCRIPTOR && is_empty(e->fd)))
		(void)dprintf(STDERR_FILENO, "pmig: the secret %s could not be obtained anew\n", declare_name(e));
}

void hooks_secrets(void)
{
	for (size_t i = 0; declare_match_at(i) != NULL; i++) {
		struct hook h = of_match(i);
		if (declare_match_at(i)->d.secret && h.strategy == PMIG_REBIND && h.hooks != NULL &&
			h.hooks->secret != NULL && h.hooks->secret(h.context) < 0)
			(void)dprintf(STDERR_FILENO, "pmig: the secret %s could not be obtained anew\n", h.name);
	}
	for (struct declared *e = declare_first(), *next; e != NULL; e = next) {
		next = e->next;
		fetch(e);
	}
}
