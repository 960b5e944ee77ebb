/* wide: half-read characters and named classes, in the arena. */
#include "wide.h"

#include "keep.h"

#include "../arena/malloc.h"

#include <stdlib.h>
#include <string.h>

/* Each function has a state of its own, as in libc. */
enum function {
	MBRTOWC,
	MBRLEN,
	WCRTOMB,
	MBSRTOWCS,
	WCSRTOMBS,
	MBSNRTOWCS,
	WCSNRTOMBS,
	MBRTOC16,
	C16RTOMB,
	MBRTOC32,
	C32RTOMB,
	MBTOWC,
	WCTOMB,
	FUNCTIONS
};

#define NAMES_MAX 64

struct wide {
	mbstate_t states[FUNCTIONS];
	const char *classes[NAMES_MAX], *maps[NAMES_MAX]; /* names beyond those that every locale has */
};

static struct wide *wide(void)
{
	struct kept *k = keep();
	if (k != NULL && k->wide == NULL)
		k->wide = pmig_calloc(1, sizeof(struct wide));
	return k != NULL ? k->wide : NULL;
}

/* No memory: the caller's NULL, with which libc uses its own. */
static mbstate_t *state_of(enum function f, mbstate_t *given)
{
	struct wide *w = given != NULL ? NULL : wide();
	return w != NULL ? &w->states[f] : given;
}

size_t pmig_mbrtowc(wchar_t *ret, const char *text, size_t size, mbstate_t *state)
{
	return mbrtowc(ret, text, size, state_of(MBRTOWC, state));
}

size_t pmig_mbrlen(const char *text, size_t size, mbstate_t *state)
{
	return mbrlen(text, size, state_of(MBRLEN, state));
}

size_t pmig_wcrtomb(char *text, wchar_t c, mbstate_t *state)
{
	return wcrtomb(text, c, state_of(WCRTOMB, state));
}

size_t pmig_mbsrtowcs(wchar_t *to, const char **from, size_t n, mbstate_t *state)
{
	return mbsrtowcs(to, from, n, state_of(MBSRTOWCS, state));
}

size_t pmig_mbsnrtowcs(wchar_t *to, const char **from, size_t size, size_t n, mbstate_t *state)
{
	return mbsnrtowcs(to, from, size, n, state_of(MBSNRTOWCS, state));
}

size_t pmig_wcsrtombs(char *to, const wchar_t **from, size_t n, mbstate_t *state)
{
	return wcsrtombs(to, from, n, state_of(WCSRTOMBS, state));
}

size_t pmig_wcsnrtombs(char *to, const wchar_t **from, size_t size, size_t n, mbstate_t *state)
{
	return wcsnrtombs(to, from, size, n, state_of(WCSNRTOMBS, state));
}

size_t pmig_mbrtoc16(char16_t *ret, const char *text, size_t size, mbstate_t *state)
{
	return mbrtoc16(ret, text, size, state_of(MBRTOC16, state));
}

size_t pmig_c16rtomb(char *text, char16_t c, mbstate_t *state)
{
	return c16rtomb(text, c, state_of(C16RTOMB, state));
}

size_t pmig_mbrtoc32(char32_t *ret, const char *text, size_t size, mbstate_t *state)
{
	return mbrtoc32(ret, text, size, state_of(MBRTOC32, state));
}

size_t pmig_c32rtomb(char *text, char32_t c, mbstate_t *state)
{
	return c32rtomb(text, c, state_of(C32RTOMB, state));
}

/* As glibc's: what was half read is remembered until a call without text. */
int pmig_mbtowc(wchar_t *ret, const char *text, size_t size)
{
	mbstate_t *own = state_of(MBTOWC, NULL);
	if (own == NULL)
		return mbtowc(ret, text, size);
	if (text == NULL) {
		memset(own, 0, sizeof *own);
		return 0; /* no encoding of a locale has states */
	}
	size_t n = mbrtowc(ret, text, size, own);
	return n > size ? -1 : (int)n;
}

int pmig_wctomb(char *text, wchar_t c)
{
	mbstate_t *own = state_of(WCTOMB, NULL);
	if (own == NULL)
		return wctomb(text, c);
	if (text == NULL) {
		memset(own, 0, sizeof *own);
		return 0;
	}
	return (int)wcrtomb(text, c, own);
}

/* The checked forms: what does not fit ends the program, as in libc. */
static void fits(size_t n, size_t room)
{
	if (n > room)
		abort();
}

size_t pmig_wcrtomb_chk(char *text, wchar_t c, mbstate_t *state, size_t room)
{
	fits(text != NULL ? MB_CUR_MAX : 0, room);
	return pmig_wcrtomb(text, c, state);
}

size_t pmig_mbsrtowcs_chk(wchar_t *to, const char **from, size_t n, mbstate_t *state, size_t room)
{
	fits(n, room);
	return pmig_mbsrtowcs(to, from, n, state);
}

size_t pmig_mbsnrtowcs_chk(wchar_t *to, const char **from, size_t size, size_t n, mbstate_t *state, size_t room)
{
	fits(n, room);
	return pmig_mbsnrtowcs(to, from, size, n, state);
}

size_t pmig_wcsrtombs_chk(char *to, const wchar_t **from, size_t n, mbstate_t *state, size_t room)
{
	fits(n, room);
	return pmig_wcsrtombs(to, from, n, state);
}

size_t pmig_wcsnrtombs_chk(char *to, const wchar_t **from, size_t size, size_t n, mbstate_t *state, size_t room)
{
	fits(n, room);
	return pmig_wcsnrtombs(to, from, size, n, state);
}

int pmig_wctomb_chk(char *text, wchar_t c, size_t room)
{
	fits(text != NULL ? MB_CUR_MAX : 0, room);
	return pmig_wctomb(text, c);
}

/* A class or a mapping is the number of its name: first those that every locale has. */
static const char *const class_names[] = {
	NULL, "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"};
static const char *const map_names[] = {NULL, "tolower", "toupper"};
#define CLASSES (sizeof class_names / sizeof *class_names)
#define MAPS (sizeof map_names / sizeof *map_names)

static unsigned long number_of(const char *const *common, size_t n, const char **others, const char *name)
{
	for (size_t i = 1; i < n; i++)
		if (strcmp(common[i], name) == 0)
			return i;
	for (size_t i = 0; others != NULL && i < NAMES_MAX; i++) {
		others[i] = others[i] == NULL ? keep_text(name) : others[i];
		if (others[i] == NULL || strcmp(others[i], name) == 0)
			return others[i] != NULL ? n + i : 0;
	}
	return 0;
}

/* NULL: there is none of that number. */
static const char *name_of(const char *const *common, size_t n, const char *const *others, unsigned long number)
{
	if (number < n)
		return common[number];
	return others != NULL && number - n < NAMES_MAX ? others[number - n] : NULL;
}

static unsigned long class_number(const char *name)
{
	struct wide *w = wide();
	return number_of(class_names, CLASSES, w != NULL ? w->classes : NULL, name);
}

static const char *class_name(wctype_t class)
{
	const struct wide *w = wide();
	return name_of(class_names, CLASSES, w != NULL ? w->classes : NULL, class);
}

static unsigned long map_number(const char *name)
{
	struct wide *w = wide();
	return number_of(map_names, MAPS, w != NULL ? w->maps : NULL, name);
}

static const char *map_name(wctrans_t map)
{
	const struct wide *w = wide();
	return name_of(map_names, MAPS, w != NULL ? w->maps : NULL, (unsigned long)map);
}

wctype_t pmig_wctype(const char *name)
{
	return wctype(name) != 0 ? class_number(name) : 0;
}

wctype_t pmig_wctype_l(const char *name, locale_t l)
{
	return wctype_l(name, l) != 0 ? class_number(name) : 0;
}

int pmig_iswctype(wint_t c, wctype_t class)
{
	static int (*const quick[CLASSES])(wint_t) = {NULL, iswalnum, iswalpha, iswblank, iswcntrl, iswdigit, iswgraph,
		iswlower, iswprint, iswpunct, iswspace, iswupper, iswxdigit};
	if (class > 0 && class < CLASSES)
		return quick[class](c);
	const char *name = class_name(class);
	return name != NULL ? iswctype(c, wctype(name)) : 0;
}

int pmig_iswctype_l(wint_t c, wctype_t class, locale_t l)
{
	const char *name = class_name(class);
	return name != NULL ? iswctype_l(c, wctype_l(name, l), l) : 0;
}

/* wctrans_t is a pointer. */
wctrans_t pmig_wctrans(const char *name)
{
	return wctrans(name) != NULL ? (wctrans_t)map_number(name) : NULL; /* NOLINT: a number */
}

wctrans_t pmig_wctrans_l(const char *name, locale_t l)
{
	return wctrans_l(name, l) != NULL ? (wctrans_t)map_number(name) : NULL; /* NOLINT: a number */
}

wint_t pmig_towctrans(wint_t c, wctrans_t map)
{
	static wint_t (*const quick[MAPS])(wint_t) = {NULL, towlower, towupper};
	if (map != NULL && (unsigned long)map < MAPS)
		return quick[(unsigned long)map](c);
	const char *name = map_name(map);
	return name != NULL ? towctrans(c, wctrans(name)) : c;
}

wint_t pmig_towctrans_l(wint_t c, wctrans_t map, locale_t l)
{
	const char *name = map_name(map);
	return name != NULL ? towctrans_l(c, wctrans_l(name, l), l) : c;
}
