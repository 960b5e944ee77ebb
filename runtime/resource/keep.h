/* keep: results that libc leaves in memory of its own, kept in the arena instead. */
#ifndef PMIG_RESOURCE_KEEP_H
#define PMIG_RESOURCE_KEEP_H

#include <pwd.h>
#include <grp.h>
#include <locale.h>
#include <stddef.h>
#include <time.h>

/* One for each function whose result is overwritten by its next call. Lies in the arena, zero at first. */
struct kept {
	struct tm tm;
	char date[64];
	char base64[8];
	char digits[2048];
	char address[32];
	char path[4096];
	struct lconv conventions;
	struct passwd account;
	char *account_text;
	struct group group;
	char *group_text;
	struct keep_entry *texts;
	size_t texts_room, texts_n;
	struct messages *messages;   /* messages.c */
	struct databases *databases; /* databases.c */
	struct locked *locked;       /* kernel.c */
	int lock_flags;
	struct wide *wide;                         /* wide.c */
	struct walks *walks;                       /* walks.c */
	struct locale_object *locales;             /* locales.c */
	struct conversion *conversions;            /* conversion.c */
	struct registration *printf_registrations; /* conversions.c */
};

/* NULL with ENOMEM. */
struct kept *keep(void);

/* A copy of `text` that stays, always the same one for the same text; the text itself where it travels anyway (heap,
 * constants and globals of the program); NULL for NULL, and with ENOMEM. */
char *keep_text(const char *text);

/* Calls `ask` with ever larger buffers, the last of which stays in *buffer. Returns what it found; NULL with errno as it says. */
void *keep_larger(char **buffer, int (*ask)(void *what, char *text, size_t size, void **ret), void *what);

#endif
