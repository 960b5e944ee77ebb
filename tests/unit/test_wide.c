/* What a function on multibyte characters has half read survives a restore, where the caller gives it no state of its own; so do classes by name. */
#include "restore_case.h"

#include "resource/wide.h"
#include "resource/words.h"

#include <signal.h>

struct state {
	wctype_t class;
	wctrans_t map;
};

static const char first[] = "\xc3", second[] = "\xa4"; /* an a with two dots, half by half */
static const wchar_t wide = L'\u00e4';

#define HALF ((size_t)-2)

static void *half_read(void)
{
	wchar_t c, line[4];
	char16_t c16;
	char32_t c32;
	char text[16];
	const char *at = first;
	CHECK(pmig_setlocale(LC_ALL, "C.UTF-8") != NULL);
	CHECK(pmig_mbrtowc(&c, first, 1, NULL) == HALF);
	CHECK(pmig_mbrlen(first, 1, NULL) == HALF);
	CHECK(pmig_mbrtoc16(&c16, first, 1, NULL) == HALF);
	CHECK(pmig_mbrtoc32(&c32, first, 1, NULL) == HALF);
	CHECK(pmig_mbtowc(&c, first, 1) == -1);
	CHECK(pmig_mbsnrtowcs(line, &at, 1, 4, NULL) == 0);
	CHECK(pmig_c16rtomb(text, 0xd83d, NULL) == 0); /* the first of two */
	struct state *s = pmig_calloc(1, sizeof *s);
	s->class = pmig_wctype("alpha");
	s->map = pmig_wctrans("toupper");
	CHECK(s->class != 0 && s->map != NULL && pmig_wctype("no such class") == 0);
	return s;
}

static void half_read_after(void *state)
{
	const struct state *s = state;
	wchar_t c = 0, line[4] = {0};
	char16_t c16 = 0;
	char32_t c32 = 0;
	char text[16];
	const char *at = second;
	CHECK(pmig_mbrtowc(&c, second, 1, NULL) == 1 && c == wide);
	CHECK(pmig_mbrlen(second, 1, NULL) == 1);
	CHECK(pmig_mbrtoc16(&c16, second, 1, NULL) == 1 && c16 == (char16_t)wide);
	CHECK(pmig_mbrtoc32(&c32, second, 1, NULL) == 1 && c32 == (char32_t)wide);
	CHECK(pmig_mbtowc(&c, second, 1) == 1 && c == wide);
	CHECK(pmig_mbsnrtowcs(line, &at, 1, 4, NULL) == 1 && line[0] == wide);
	CHECK(pmig_c16rtomb(text, 0xde00, NULL) == 4 && memcmp(text, "\xf0\x9f\x98\x80", 4) == 0);
	CHECK(pmig_iswctype(L'a', s->class) && !pmig_iswctype(L'1', s->class) && pmig_towctrans(L'a', s->map) == L'A');
}

static void *forgotten(void)
{
	wchar_t c;
	char text[8];
	CHECK(pmig_setlocale(LC_ALL, "C.UTF-8") != NULL);
	CHECK(pmig_mbtowc(&c, first, 1) == -1 && pmig_mbtowc(NULL, NULL, 0) == 0); /* a call without text */
	CHECK(pmig_wctomb(text, wide) == 2 && pmig_wctomb(NULL, 0) == 0);
	return pmig_calloc(1, sizeof(struct state));
}

static void forgotten_after(void *state)
{
	wchar_t c;
	(void)state;
	CHECK(pmig_mbtowc(&c, "a", 1) == 1 && c == L'a');
}

/* Whole texts: as libc, whose checked forms end the program when something does not fit. */
static void *whole(void)
{
	char text[16];
	wchar_t line[8];
	const char *narrow = "a\xc3\xa4";
	const wchar_t *from = L"a\u00e4";
	CHECK(pmig_setlocale(LC_ALL, "C.UTF-8") != NULL);
	CHECK(pmig_wcrtomb(text, wide, NULL) == 2 && pmig_c32rtomb(text, U'\u00e4', NULL) == 2 &&
		memcmp(text, "\xc3\xa4", 2) == 0);
	CHECK(pmig_mbsrtowcs(line, &narrow, 8, NULL) == 2 && narrow == NULL && line[1] == wide);
	CHECK(pmig_wcsrtombs(text, &from, sizeof text, NULL) == 3 && from == NULL && strcmp(text, "a\xc3\xa4") == 0);
	from = L"a\u00e4";
	CHECK(pmig_wcsnrtombs(text, &from, 1, sizeof text, NULL) == 1);
	narrow = "a\xc3\xa4", from = L"a\u00e4";
	CHECK(pmig_wcrtomb_chk(text, wide, NULL, sizeof text) == 2 && pmig_wctomb_chk(text, wide, sizeof text) == 2);
	CHECK(pmig_mbsrtowcs_chk(line, &narrow, 8, NULL, 8) == 2);
	CHECK(pmig_wcsrtombs_chk(text, &from, sizeof text, NULL, sizeof text) == 3);
	narrow = "a\xc3\xa4", from = L"a\u00e4";
	CHECK(pmig_mbsnrtowcs_chk(line, &narrow, 3, 8, NULL, 8) == 2);
	CHECK(pmig_wcsnrtombs_chk(text, &from, 2, sizeof text, NULL, sizeof text) == 3);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)pmig_wctomb_chk(text, wide, 1);
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	return pmig_calloc(1, sizeof(struct state));
}

static void whole_after(void *state)
{
	(void)state;
}

static const struct restore_case cases[] = {
	{.name = "a character half read", .before = half_read, .after = half_read_after},
	{.name = "a character that was given up", .before = forgotten, .after = forgotten_after},
	{.name = "whole texts", .before = whole, .after = whole_after},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
