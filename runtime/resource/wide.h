/* wide: functions on wide and multibyte characters that keep something between two calls: a half-read character where the caller gives
 * no state of its own, and classes by name, which are addresses in libc. Each as the function without the prefix (pmig_*_chk: its checked
 * form). */
#ifndef PMIG_RESOURCE_WIDE_H
#define PMIG_RESOURCE_WIDE_H

#include <stddef.h>
#include <uchar.h>
#include <wchar.h>
#include <wctype.h>

size_t pmig_mbrtowc(wchar_t *ret, const char *text, size_t size, mbstate_t *state);
size_t pmig_mbrlen(const char *text, size_t size, mbstate_t *state);
size_t pmig_wcrtomb(char *text, wchar_t c, mbstate_t *state);
size_t pmig_mbsrtowcs(wchar_t *to, const char **from, size_t n, mbstate_t *state);
size_t pmig_mbsnrtowcs(wchar_t *to, const char **from, size_t size, size_t n, mbstate_t *state);
size_t pmig_wcsrtombs(char *to, const wchar_t **from, size_t n, mbstate_t *state);
size_t pmig_wcsnrtombs(char *to, const wchar_t **from, size_t size, size_t n, mbstate_t *state);
size_t pmig_mbrtoc16(char16_t *ret, const char *text, size_t size, mbstate_t *state);
size_t pmig_c16rtomb(char *text, char16_t c, mbstate_t *state);
size_t pmig_mbrtoc32(char32_t *ret, const char *text, size_t size, mbstate_t *state);
size_t pmig_c32rtomb(char *text, char32_t c, mbstate_t *state);
int pmig_mbtowc(wchar_t *ret, const char *text, size_t size);
int pmig_wctomb(char *text, wchar_t c);
size_t pmig_wcrtomb_chk(char *text, wchar_t c, mbstate_t *state, size_t room);
size_t pmig_mbsrtowcs_chk(wchar_t *to, const char **from, size_t n, mbstate_t *state, size_t room);
size_t pmig_mbsnrtowcs_chk(wchar_t *to, const char **from, size_t size, size_t n, mbstate_t *state, size_t room);
size_t pmig_wcsrtombs_chk(char *to, const wchar_t **from, size_t n, mbstate_t *state, size_t room);
size_t pmig_wcsnrtombs_chk(char *to, const wchar_t **from, size_t size, size_t n, mbstate_t *state, size_t room);
int pmig_wctomb_chk(char *text, wchar_t c, size_t room);
wctype_t pmig_wctype(const char *name);
wctype_t pmig_wctype_l(const char *name, locale_t l);
int pmig_iswctype(wint_t c, wctype_t class);
int pmig_iswctype_l(wint_t c, wctype_t class, locale_t l);
wctrans_t pmig_wctrans(const char *name);
wctrans_t pmig_wctrans_l(const char *name, locale_t l);
wint_t pmig_towctrans(wint_t c, wctrans_t map);
wint_t pmig_towctrans_l(wint_t c, wctrans_t map, locale_t l);

#endif
