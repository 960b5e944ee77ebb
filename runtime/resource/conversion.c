/* conversion: iconv_open(), iconv(), iconv_close() behind a handle. Where a character set has states (shifts, a byte order mark), what
 * was converted since the conversion began is remembered, and converted once more by libc's new handle after a restore. */
#include "conversion.h"

#include "bound.h"
#include "keep.h"
#include "local.h"
#include "locales.h"

#include "../arena/malloc.h"
#include "../guard.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REMEMBERED_MAX (1u << 20)
#define BEGINNING 64 /* bytes: more than any mark */

enum states { NONE = 1, MARK, SHIFTS };

struct conversion {
	struct conversion *next; /* of those that are open */
	struct local local;      /* libc's iconv_t */
	char *seen;              /* input since the conversion began; MARK: its beginning */
	size_t seen_n, seen_room;
	enum states states;
	bool too_long;
	size_t from;  /* where its name begins */
	char names[]; /* to, from */
};

static enum states states_of(const char *set)
{
	static const char *const marked[] = {"UTF-16", "UTF16", "UTF-32", "UTF32", "UNICODE", "CSUNICODE"};
	/* Names that begin so, of sets without states. */
	static const char *const plain[] = {"UTF-8", "UTF8", "ISO-8859", "ISO8859", "ISO_8859", "LATIN", "ASCII", "US-ASCII",
		"ANSI_X3", "UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE", "UTF16LE", "UTF16BE", "UTF32LE", "UTF32BE",
		"UCS-2", "UCS2", "UCS-4", "UCS4", "UNICODELITTLE", "UNICODEBIG", "INTERNAL", "WCHAR_T", "CP125",
		"WINDOWS-125", "CP437", "CP85", "CP86", "IBM437", "IBM85", "IBM86", "KOI8", "EUC-JP", "EUCJP", "EUC-KR",
		"EUCKR", "EUC-CN", "EUCCN", "SJIS", "SHIFT_JIS", "SHIFT-JIS", "GBK", "GB2312", "GB18030", "MACINTOSH"};
	static const char *const composed[] = {"CP1255", "CP1258", "WINDOWS-1255", "WINDOWS-1258", "EUC-JISX0213"};
	size_t n = strcspn(set, "/");
	for (size_t i = 0; i < sizeof marked / sizeof *marked; i++)
		if (strlen(marked[i]) == n && strncasecmp(set, marked[i], n) == 0)
			return MARK;
	for (size_t i = 0; i < sizeof composed / sizeof *composed; i++)
		if (strncasecmp(set, composed[i], strlen(composed[i])) == 0)
			return SHIFTS;
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (n == 0 || strncasecmp(set, plain[i], strlen(plain[i])) == 0)
			return NONE; /* no encoding of a locale ("") has states */
	return SHIFTS;
}

static void forget(struct conversion *x)
{
	if (x->too_long)
		bound_release(x);
	x->too_long = false;
	x->seen_n = 0;
}

/* `size` bytes were converted. */
static void remember(struct conversion *x, const char *bytes, size_t size)
{
	size_t most = x->states == MARK ? BEGINNING : REMEMBERED_MAX;
	if (x->states == MARK && size > most - x->seen_n)
		size = most - x->seen_n;
	if (size == 0 || x->too_long)
		return;
	if (x->seen_n + size > x->seen_room) {
		size_t room = x->seen_n + size < most / 2 ? 2 * (x->seen_n + size) : most;
		char *seen = x->seen_n + size <= most ? pmig_realloc(x->seen, room) : NULL;
		if (seen == NULL) {
			x->too_long = true;
			bound_to(x,
				"a conversion from %s to %s has states and goes on for more than %u bytes; end it with "
				"iconv(c, NULL, ...) before the safe point",
				x->names + x->from, x->names, REMEMBERED_MAX);
			return;
		}
		x->seen = seen;
		x->seen_room = room;
	}
	memcpy(x->seen + x->seen_n, bytes, size);
	x->seen_n += size;
}

/* What `made` would be after that. */
static void catch_up(const struct conversion *x, iconv_t made)
{
	char *in = x->seen, nowhere[1024];
	size_t left = x->seen_n, before;
	do {
		char *out = nowhere;
		size_t room = sizeof nowhere;
		before = left;
		if (iconv(made, &in, &left, &out, &room) == (size_t)-1 && errno != E2BIG)
			return;
	} while (left > 0 && left < before);
}

static int open_again(struct conversion *x)
{
	iconv_t made = iconv_open(x->names, x->names + x->from);
	if (made == (iconv_t)-1)
		return -1;
	catch_up(x, made);
	if (local_set(&x->local, made) != NULL)
		return 0;
	(void)iconv_close(made);
	errno = ENOMEM;
	return -1;
}

static void enlist(struct conversion *x)
{
	struct kept *k = keep();
	GUARD(GUARD_TEXTS);
	if (k == NULL)
		return; /* then it is opened again when it is first used, and no target is asked for it */
	x->next = k->conversions;
	k->conversions = x;
}

static void delist(const struct conversion *x)
{
	struct kept *k = keep();
	GUARD(GUARD_TEXTS);
	struct conversion **at = k != NULL ? &k->conversions : NULL;
	while (at != NULL && *at != NULL && *at != x)
		at = &(*at)->next;
	if (at != NULL && *at != NULL)
		*at = x->next;
}

size_t conversion_list(char *text, size_t room)
{
	const struct kept *k = keep();
	size_t n = 0;
	GUARD(GUARD_TEXTS);
	for (const struct conversion *x = k != NULL ? k->conversions : NULL; x != NULL; x = x->next) {
		const char *from = x->names + x->from, *to = x->names;
		size_t length = strlen(from) + strlen(to) + 4;
		/* "" is the character set of the locale, which is asked for with the locale */
		if (strcspn(from, "/") == 0 || strcspn(to, "/") == 0 || n + length >= room ||
			strpbrk(from, "\t\n") != NULL || strpbrk(to, "\t\n") != NULL)
			continue;
		n += (size_t)snprintf(text + n, room - n, "=%s\t%s\n", from, to);
	}
	return n;
}

int conversion_restore(void)
{
	const struct kept *k = keep();
	for (struct conversion *x = k != NULL ? k->conversions : NULL; x != NULL; x = x->next)
		if (local_get(&x->local) == NULL && open_again(x) < 0)
			return error_set(errno == ENOMEM ? PMIG_ENOMEM : PMIG_EREFUSED,
				"its conversion from %s to %s is not installed here", x->names + x->from, x->names);
	return 0;
}

iconv_t pmig_iconv_open(const char *to, const char *from)
{
	size_t a = strlen(to) + 1, b = strlen(from) + 1;
	struct conversion *x = pmig_calloc(1, sizeof *x + a + b);
	if (x == NULL)
		return (iconv_t)-1;
	enum states out = states_of(to), in = states_of(from);
	x->states = out > in ? out : in;
	x->from = a;
	memcpy(x->names, to, a);
	memcpy(x->names + a, from, b);
	if (open_again(x) == 0) {
		enlist(x);
		locales_announce();
		return (iconv_t)x;
	}
	int number = errno;
	pmig_free(x);
	errno = number;
	return (iconv_t)-1;
}

size_t pmig_iconv(iconv_t c, char **in, size_t *in_left, char **out, size_t *out_left)
{
	struct conversion *x = (struct conversion *)c;
	if (local_get(&x->local) == NULL && open_again(x) < 0)
		return (size_t)-1;
	const char *begin = in != NULL ? *in : NULL;
	size_t r = iconv(local_get(&x->local), in, in_left, out, out_left);
	if (begin == NULL)
		forget(x);
	else if (x->states != NONE) {
		int number = errno;
		remember(x, begin, (size_t)(*in - begin));
		errno = number;
	}
	return r;
}

int pmig_iconv_close(iconv_t c)
{
	struct conversion *x = (struct conversion *)c;
	void *made = local_take(&x->local);
	int r = made != NULL ? iconv_close(made) : 0;
	delist(x);
	locales_announce();
	forget(x);
	pmig_free(x->seen);
	pmig_free(x);
	return r;
}
