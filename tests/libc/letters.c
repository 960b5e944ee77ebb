/* letters: what libc remembers between two calls on texts: locale objects, half-read characters, classes, tokens, conversions,
 * expressions, options, messages, static results. */
#include "step.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <iconv.h>
#include <langinfo.h>
#include <libintl.h>
#include <locale.h>
#include <math.h>
#include <regex.h>
#include <string.h>
#include <time.h>
#include <uchar.h>
#include <wchar.h>
#include <wctype.h>

static void tokens(void)
{
	char text[] = "one two,three  four", other[] = "a:b";
	char *rest;
	HOLDS(strcmp(strtok(text, " ,"), "one") == 0);
	step();
	HOLDS(strcmp(strtok(NULL, " ,"), "two") == 0);
	HOLDS(strcmp(strtok_r(other, ":", &rest), "a") == 0);
	step();
	HOLDS(strcmp(strtok(NULL, " ,"), "three") == 0 && strcmp(strtok_r(NULL, ":", &rest), "b") == 0);
	step();
	HOLDS(strcmp(strtok(NULL, " ,"), "four") == 0 && strtok(NULL, " ,") == NULL);
}

static void options(void)
{
	char *words[] = {"program", "-abvalue", "file", "--long=3", "-c", "--", "-d", NULL};
	static const struct option longs[] = {{"long", required_argument, NULL, 'l'}, {0}};
	char got[64] = "";
	int c;
	optind = 1;
	while ((c = getopt_long(7, words, "ab:cd", longs, NULL)) != -1) {
		size_t n = strlen(got);
		snprintf(got + n, sizeof got - n, "%c", c);
		if (optarg != NULL && (c == 'b' || c == 'l'))
			strncat(got, optarg, 10);
		step();
	}
	HOLDS(strcmp(got, "abvaluel3c") == 0);
	HOLDS(optind == 5 && strcmp(words[optind], "file") == 0 && strcmp(words[optind + 1], "-d") == 0);
}

static void half_characters(void)
{
	static const char euro[] = "\xe2\x82\xac";
	wchar_t w = 0;
	char16_t half = 0;
	HOLDS(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
	HOLDS(mbrtowc(&w, euro, 1, NULL) == (size_t)-2);
	step();
	HOLDS(mbrtowc(&w, euro + 1, 1, NULL) == (size_t)-2);
	step();
	HOLDS(mbrtowc(&w, euro + 2, 1, NULL) == 1 && w == 0x20ac);
	HOLDS(mbrlen(euro, 2, NULL) == (size_t)-2);
	step();
	HOLDS(mbrlen(euro + 2, 1, NULL) == 1);
	HOLDS(mbrtoc16(&half, "\xf0\x9f\x98\x80", 4, NULL) == 4 && half == 0xd83d);
	step();
	HOLDS(mbrtoc16(&half, "", 1, NULL) == (size_t)-3 && half == 0xde00);
	HOLDS(mbtowc(&w, euro, 3) == 3 && w == 0x20ac);
	step();
	HOLDS(setlocale(LC_CTYPE, "C") != NULL);
}

static void classes(void)
{
	wctype_t upper = wctype("upper"), digit = wctype("digit");
	wctrans_t down = wctrans("tolower");
	HOLDS(wctype("nonsense") == 0);
	step();
	HOLDS(iswctype(L'A', upper) && !iswctype(L'a', upper) && iswctype(L'7', digit) && towctrans(L'Q', down) == L'q');
}

static void locales(void)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL), c = newlocale(LC_ALL_MASK, "C", NULL);
	HOLDS(utf8 != NULL && c != NULL);
	step();
	HOLDS(strcmp(nl_langinfo_l(CODESET, utf8), "UTF-8") == 0 && iswalpha_l(0xe4, utf8) && !iswalpha_l(0xe4, c));
	HOLDS(isalpha_l('x', c) && !isalpha_l('5', c) && toupper_l('x', c) == 'X' && strtod_l("1.5", NULL, c) == 1.5);
	locale_t before = uselocale(utf8);
	HOLDS(before == LC_GLOBAL_LOCALE && uselocale(NULL) == utf8 && MB_CUR_MAX == 6);
	step();
	HOLDS(uselocale(NULL) == utf8 && MB_CUR_MAX == 6 && strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
	locale_t twin = duplocale(utf8);
	step();
	HOLDS(uselocale(twin) == utf8);
	freelocale(utf8);
	step();
	HOLDS(uselocale(NULL) == twin && iswupper(0xc4));
	HOLDS(uselocale(LC_GLOBAL_LOCALE) == twin);
	step();
	HOLDS(uselocale(NULL) == LC_GLOBAL_LOCALE && MB_CUR_MAX == 1);
	twin = newlocale(LC_CTYPE_MASK, "C", twin);
	HOLDS(twin != NULL && !iswupper_l(0xc4, twin));
	HOLDS(strcmp(strerror_l(ENOENT, twin), "No such file or directory") == 0);
	step();
	freelocale(twin);
	freelocale(c);
	HOLDS(strcmp(setlocale(LC_ALL, NULL), "C") == 0);
	const char *name = setlocale(LC_ALL, "C.UTF-8");
	struct lconv *conventions = localeconv();
	step();
	HOLDS(strcmp(setlocale(LC_ALL, NULL), "C.UTF-8") == 0 && strcmp(name, "C.UTF-8") == 0);
	HOLDS(strcmp(conventions->decimal_point, ".") == 0);
	setlocale(LC_ALL, "C");
}

/* The same text converted in parts, with a step between them, and at once. */
static void convert(const char *to, const char *from, const char *text, size_t size)
{
	char parts[256], whole[256], *out = parts, *in = (char *)text;
	size_t room = sizeof parts, left = 0;
	iconv_t c = iconv_open(to, from);
	HOLDS(c != (iconv_t)-1);
	for (size_t given = 0; given < size;) {
		size_t n = size - given < 3 ? size - given : 3;
		left += n;
		given += n;
		size_t r = iconv(c, &in, &left, &out, &room);
		HOLDS(r != (size_t)-1 || errno == EINVAL);
		step();
	}
	HOLDS(left == 0 && iconv(c, NULL, NULL, &out, &room) != (size_t)-1 && iconv_close(c) == 0);
	size_t got = sizeof parts - room;
	c = iconv_open(to, from);
	in = (char *)text;
	out = whole;
	left = size;
	room = sizeof whole;
	HOLDS(iconv(c, &in, &left, &out, &room) != (size_t)-1 && iconv(c, NULL, NULL, &out, &room) != (size_t)-1);
	HOLDS(iconv_close(c) == 0 && got == sizeof whole - room && memcmp(parts, whole, got) == 0);
}

static void conversions(void)
{
	static const char german[] = "gr\xc3\xbc\xc3\x9f Gott",
			  japanese[] = "a\xe6\x97\xa5\xe6\x9c\xac"
				       "b\xe8\xaa\x9e c";
	char other[256], *in = (char *)japanese, *out = other;
	size_t left = sizeof japanese - 1, room = sizeof other;
	convert("ISO-8859-1", "UTF-8", german, sizeof german - 1);
	convert("UTF-16", "UTF-8", german, sizeof german - 1);
	convert("UTF-32", "UTF-8", japanese, sizeof japanese - 1);
	convert("UTF-7", "UTF-8", japanese, sizeof japanese - 1);
	convert("ISO-2022-JP", "UTF-8", japanese, sizeof japanese - 1);
	iconv_t c = iconv_open("UTF-16BE", "UTF-8");
	memcpy(out, "\xfe\xff", 2);
	out += 2;
	room -= 2;
	HOLDS(iconv(c, &in, &left, &out, &room) != (size_t)-1 && iconv_close(c) == 0);
	convert("UTF-8", "UTF-16", other, sizeof other - room); /* the mark at the beginning says which order */
	in = (char *)japanese;
	left = sizeof japanese - 1;
	out = other;
	room = sizeof other;
	c = iconv_open("ISO-2022-JP", "UTF-8");
	HOLDS(iconv(c, &in, &left, &out, &room) != (size_t)-1 && iconv(c, NULL, NULL, &out, &room) != (size_t)-1);
	HOLDS(iconv_close(c) == 0);
	convert("UTF-8", "ISO-2022-JP", other, sizeof other - room);
}

static void expressions(void)
{
	regex_t e;
	regmatch_t m[3];
	HOLDS(regcomp(&e, "([a-z]+)=([0-9]+)", REG_EXTENDED) == 0 && e.re_nsub == 2);
	step();
	HOLDS(regexec(&e, "  key=42;", 3, m, 0) == 0 && m[1].rm_so == 2 && m[2].rm_so == 6 && m[2].rm_eo == 8);
	step();
	HOLDS(regexec(&e, "nothing", 3, m, 0) == REG_NOMATCH);
	regfree(&e);
}

static void results(void)
{
	int point, sign;
	char *words = strerror(ENOENT), *signal = strsignal(11), *digits = ecvt(3.14159, 4, &point, &sign);
	char *more = qecvt(2.71828L, 4, &point, &sign), *base64 = l64a(123456789);
	time_t when = 1000000000;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	struct tm *tm = localtime(&when);
	char *date = asctime(tm);
	double big = lgamma(-0.5);
	step();
	HOLDS(strcmp(words, "No such file or directory") == 0 && strcmp(signal, "Segmentation fault") == 0);
	HOLDS(strcmp(digits, "2718") == 0 || strcmp(digits, "3142") == 0);
	HOLDS(strcmp(more, "2718") == 0 && a64l(base64) == 123456789);
	HOLDS(strcmp(date, "Sun Sep  9 03:46:40 2001\n") == 0 && strcmp(tm->tm_zone, "CEST") == 0);
	HOLDS(strcmp(tzname[0], "CET") == 0 && timezone == -3600 && daylight == 1 && signgam == -1 && big > 1.2);
	step();
	HOLDS(mktime(tm) == when);
	struct tm *universal = gmtime(&when);
	step();
	HOLDS(universal->tm_hour == 1);
	char *translated = gettext("a message");
	HOLDS(strcmp(textdomain("letters"), "letters") == 0);
	step();
	HOLDS(strcmp(textdomain(NULL), "letters") == 0 && strcmp(translated, "a message") == 0);
}

int main(int argc, char **argv)
{
	step_start(argc, argv);
	tokens();
	options();
	half_characters();
	classes();
	locales();
	conversions();
	expressions();
	results();
	puts("done");
	return 0;
}
