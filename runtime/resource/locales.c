/* locales: newlocale() and its kind. */
#include "locales.h"

#include "conversion.h"
#include "keep.h"
#include "local.h"

#include "../arena/malloc.h"
#include "../control_channel.h"
#include "../guard.h"
#include "../thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CATEGORIES 13 /* with LC_ALL, which has no name of its own */
#define NAMES_MAX 64  /* that the agent is told */
#define SETS_MAX 16   /* character sets of them */

static const int masks[CATEGORIES] = {[LC_CTYPE] = LC_CTYPE_MASK,
	[LC_NUMERIC] = LC_NUMERIC_MASK,
	[LC_TIME] = LC_TIME_MASK,
	[LC_COLLATE] = LC_COLLATE_MASK,
	[LC_MONETARY] = LC_MONETARY_MASK,
	[LC_MESSAGES] = LC_MESSAGES_MASK,
	[LC_PAPER] = LC_PAPER_MASK,
	[LC_NAME] = LC_NAME_MASK,
	[LC_ADDRESS] = LC_ADDRESS_MASK,
	[LC_TELEPHONE] = LC_TELEPHONE_MASK,
	[LC_MEASUREMENT] = LC_MEASUREMENT_MASK,
	[LC_IDENTIFICATION] = LC_IDENTIFICATION_MASK};

struct locale_object {
	struct __locale_struct copy; /* first: its address is the program's locale_t */
	struct locale_object *next;
	struct local made; /* libc's */
	char *names[CATEGORIES];
};

static struct locale_object *object_of(locale_t l)
{
	return (struct locale_object *)l;
}

static locale_t made_of(locale_t l)
{
	return l == LC_GLOBAL_LOCALE || l == NULL ? l : local_get(&object_of(l)->made);
}

/* Takes over libc's object `made`; on failure it is freed. */
static int fill(struct locale_object *o, locale_t made)
{
	if (local_set(&o->made, made) == NULL) {
		freelocale(made);
		return -1;
	}
	o->copy = *made;
	for (int i = 0; i < CATEGORIES; i++)
		if (i != LC_ALL)
			o->names[i] = keep_text(nl_langinfo_l(NL_LOCALE_NAME(i), made));
	return 0;
}

/* --- what the agent knows --- */

struct used {
	const char *names[NAMES_MAX];
	int masks[NAMES_MAX];
	size_t n;
	const char *sets[SETS_MAX]; /* that libc has to load something for */
	size_t sets_n;
};

static bool is_built_in(const char *set)
{
	return set == NULL || *set == '\0' || strcmp(set, "UTF-8") == 0 || strcmp(set, "ANSI_X3.4-1968") == 0;
}

static void use_set(struct used *u, const char *set)
{
	size_t i = 0;
	if (is_built_in(set))
		return;
	while (i < u->sets_n && strcmp(u->sets[i], set) != 0)
		i++;
	if (i == u->sets_n && i < SETS_MAX)
		u->sets[u->sets_n++] = set;
}

static void use(struct used *u, int category, const char *name)
{
	size_t i = 0;
	if (name == NULL || strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0)
		return;
	while (i < u->n && strcmp(u->names[i], name) != 0)
		i++;
	if (i == NAMES_MAX)
		return;
	u->names[i] = name;
	u->masks[i] |= masks[category];
	u->n = i < u->n ? u->n : i + 1;
}

static void use_all(struct used *u)
{
	const struct kept *k = keep();
	for (int i = 0; i < CATEGORIES; i++)
		if (masks[i] != 0)
			use(u, i, keep_text(setlocale(i, NULL))); /* which the next call may change */
	use_set(u, keep_text(nl_langinfo(CODESET)));
	for (const struct locale_object *o = k != NULL ? k->locales : NULL; o != NULL; o = o->next) {
		for (int i = 0; i < CATEGORIES; i++)
			use(u, i, o->names[i]);
		if (local_get(&o->made) != NULL)
			use_set(u, keep_text(nl_langinfo_l(CODESET, local_get(&o->made))));
	}
}

/* Each a line; empty if there is nothing to ask for. */
static void list_all(const struct used *u, char text[CONTROL_TEXT_MAX])
{
	const char *path = getenv("LOCPATH"), *modules = getenv("GCONV_PATH");
	size_t room = CONTROL_TEXT_MAX;
	size_t head = (size_t)snprintf(text, room, "%.768s\n%.768s\n", path != NULL ? path : "",
		modules != NULL ? modules : "");
	size_t n = head;
	for (size_t i = 0; i < u->n && n + strlen(u->names[i]) + 16 < room; i++)
		n += (size_t)snprintf(text + n, room - n, "%x %s\n", (unsigned)u->masks[i], u->names[i]);
	for (size_t i = 0; i < u->sets_n && n + strlen(u->sets[i]) + 16 < room; i++)
		n += (size_t)snprintf(text + n, room - n, "=%s\tUTF-8\n", u->sets[i]);
	n += conversion_list(text + n, room - n);
	if (n == head)
		text[0] = '\0';
}

void locales_announce(void)
{
	static char said[CONTROL_TEXT_MAX];
	char text[CONTROL_TEXT_MAX];
	struct used u = {.n = 0};
	int before = errno;
	GUARD(GUARD_TEXTS);
	use_all(&u);
	list_all(&u, text);
	if (strcmp(text, said) != 0) {
		(void)snprintf(said, sizeof said, "%s", text);
		(void)!control_send(CONTROL_LOCALES, NULL, text);
	}
	errno = before;
}

static void remember(struct kept *k, struct locale_object *o)
{
	GUARD(GUARD_TEXTS);
	o->next = k->locales;
	k->locales = o;
}

/* NULL: it is none of them. */
static struct locale_object *forget(locale_t l)
{
	GUARD(GUARD_TEXTS);
	struct locale_object **at = &keep()->locales;
	while (*at != NULL && &(*at)->copy != l)
		at = &(*at)->next;
	struct locale_object *o = *at;
	if (o != NULL)
		*at = o->next;
	return o;
}

static locale_t new_object(locale_t made)
{
	struct kept *k = keep();
	struct locale_object *o = k != NULL && made != NULL ? pmig_calloc(1, sizeof *o) : NULL;
	if (o == NULL || fill(o, made) < 0) {
		if (o == NULL && made != NULL)
			freelocale(made);
		pmig_free(o);
		return NULL;
	}
	remember(k, o);
	locales_announce();
	return &o->copy;
}

locale_t pmig_newlocale(int mask, const char *name, locale_t base)
{
	locale_t was = base != NULL ? duplocale(made_of(base)) : NULL;
	locale_t made = base != NULL && was == NULL ? NULL : newlocale(mask, name, was);
	if (made == NULL) {
		if (was != NULL)
			freelocale(was);
		return NULL;
	}
	if (base == NULL)
		return new_object(made);
	locale_t before = local_take(&object_of(base)->made);
	if (fill(object_of(base), made) < 0)
		return NULL;
	freelocale(before);
	locales_announce();
	return base;
}

locale_t pmig_duplocale(locale_t l)
{
	return new_object(duplocale(made_of(l)));
}

void pmig_freelocale(locale_t l)
{
	struct locale_object *o = forget(l);
	if (o == NULL)
		return;
	freelocale(local_take(&o->made));
	pmig_free(o);
	locales_announce();
}

locale_t pmig_uselocale(locale_t l)
{
	locale_t before = uselocale(l);
	if (l != NULL && before != NULL && pmig_thread != NULL)
		pmig_thread->roots[THREAD_ROOT_LOCALE] = l == LC_GLOBAL_LOCALE ? NULL : l;
	return before;
}

char *pmig_nl_langinfo_l(nl_item item, locale_t l)
{
	return keep_text(nl_langinfo_l(item, l));
}

char *pmig_strerror_l(int number, locale_t l)
{
	return keep_text(strerror_l(number, l));
}

char *pmig_strptime_l(const char *text, const char *format, struct tm *ret, locale_t l)
{
	const char *before = ret->tm_zone;
	ret->tm_zone = NULL;
	char *rest = strptime_l(text, format, ret, l);
	ret->tm_zone = ret->tm_zone != NULL ? keep_text(ret->tm_zone) : before;
	return rest;
}

bool locales_own(const void *word)
{
	const struct kept *k = keep();
	for (const struct locale_object *o = k != NULL ? k->locales : NULL; o != NULL; o = o->next)
		if ((uintptr_t)word - (uintptr_t)&o->copy < sizeof o->copy)
			return true;
	return false;
}

/* A locale whose character set libc has nothing for is accepted, and converts nothing but ASCII. */
static int check_set(const char *set)
{
	iconv_t conversion = is_built_in(set) ? (iconv_t)-1 : iconv_open("UTF-8", set);
	if (conversion == (iconv_t)-1 && !is_built_in(set))
		return error_set(PMIG_EREFUSED, "the character set of its locale, %s, is not installed here", set);
	if (conversion != (iconv_t)-1)
		(void)iconv_close(conversion);
	return 0;
}

static int make_anew(struct locale_object *o)
{
	locale_t made = NULL;
	for (int i = 0; i < CATEGORIES; i++) {
		locale_t more = masks[i] != 0 ? newlocale(masks[i], o->names[i], made) : made;
		if (masks[i] != 0 && more == NULL) {
			if (made != NULL)
				freelocale(made);
			return error_set(PMIG_EREFUSED, "its locale %s is not installed here", o->names[i]);
		}
		made = more;
	}
	int r = check_set(nl_langinfo_l(CODESET, made));
	if (r < 0) {
		freelocale(made);
		return r;
	}
	return fill(o, made) < 0 ? error_set(PMIG_ENOMEM, "no memory for a locale object") : 0;
}

int locales_restore(void)
{
	const struct kept *k = keep();
	int r = check_set(nl_langinfo(CODESET));
	for (struct locale_object *o = k != NULL ? k->locales : NULL; o != NULL && r >= 0; o = o->next)
		r = make_anew(o);
	return r;
}

void locales_use(void)
{
	if (pmig_thread != NULL && pmig_thread->roots[THREAD_ROOT_LOCALE] != NULL)
		(void)uselocale(pmig_thread->roots[THREAD_ROOT_LOCALE]);
}
