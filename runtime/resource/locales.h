/* locales: locale objects at addresses that stay. The program's locale_t is a copy of libc's object in the arena, so that libc's
 * functions and the macros of <ctype.h> take it as it is; after a restore it is filled again from the names of its
 * categories. */
#ifndef PMIG_RESOURCE_LOCALES_H
#define PMIG_RESOURCE_LOCALES_H

#include "../base/error.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <time.h>

locale_t pmig_newlocale(int mask, const char *name, locale_t base);
locale_t pmig_duplocale(locale_t l);
void pmig_freelocale(locale_t l);
locale_t pmig_uselocale(locale_t l);
char *pmig_nl_langinfo_l(nl_item item, locale_t l);
char *pmig_strerror_l(int number, locale_t l);
char *pmig_strptime_l(const char *text, const char *format, struct tm *ret, locale_t l);

/* True for a word that locales_restore() sets anew: it points into libc, and may. */
bool locales_own(const void *word);

/* Makes all objects anew, when the process has its locale. Errors: PMIG_EREFUSED (a locale, or the character set of one, that is not
 * installed here; the reason names it), PMIG_ENOMEM. */
PMIG_MUST_CHECK int locales_restore(void);

/* Tells the agent which locales other than "C", character sets and conversions are used, if that has changed, so that a target is asked
 * for them before a freeze. */
void locales_announce(void);

/* libc's own setlocale(); the agent is not told. */
char *locale_process_set(int category, const char *name);

/* The calling thread uses the locale that it had chosen with uselocale(). After locales_restore(), in each thread before it runs. */
void locales_use(void);

#endif
