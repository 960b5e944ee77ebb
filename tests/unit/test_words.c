/* Texts, dates, accounts, expressions and conversions, which libc keeps in memory of its own, survive a restore in a
 * fresh process. */
#include "restore_case.h"

#include "resource/accounts.h"
#include "resource/allocating.h"
#include "resource/conversion.h"
#include "resource/dates.h"
#include "resource/expression.h"
#include "resource/words.h"

#include <arpa/inet.h>
#include <langinfo.h>
#include <libintl.h>
#include <netdb.h>
#include <signal.h>

struct state {
	const char *texts[8];
	const char *copies[8];
	struct tm tm, *shared;
	char *date;
	struct passwd *account;
	char *name;
	regex_t plain, groups, broken;
	iconv_t conversion;
	char *argz;
	size_t argz_size;
	struct addrinfo *addresses;
};

static void keep_copy(struct state *s, int i, const char *text)
{
	CHECK(text != NULL);
	s->texts[i] = text;
	s->copies[i] = pmig_strdup(text);
}

/* The same words as libc's, in the arena. */
#define AGREE(ours, libcs) \
	do { \
		const char *own_ = (ours); \
		CHECK(own_ != NULL && arena_contains(own_) && strcmp(own_, (libcs)) == 0); \
	} while (0)

static void names(void)
{
	char buffer[64], its[64];
	AGREE(pmig_strerrorname_np(ENOENT), strerrorname_np(ENOENT));
	AGREE(pmig_strerrordesc_np(ENOENT), strerrordesc_np(ENOENT));
	AGREE(pmig_error_words_r(ENOENT, buffer, sizeof buffer), strerror_r(ENOENT, its, sizeof its));
	AGREE(pmig_sigabbrev_np(SIGTERM), sigabbrev_np(SIGTERM));
	AGREE(pmig_sigdescr_np(SIGTERM), sigdescr_np(SIGTERM));
	CHECK(pmig_strerrorname_np(99999) == NULL && pmig_sigabbrev_np(9999) == NULL);
	AGREE(pmig_gai_strerror(EAI_NONAME), gai_strerror(EAI_NONAME));
	AGREE(pmig_hstrerror(HOST_NOT_FOUND), hstrerror(HOST_NOT_FOUND));
}

static void translations(void)
{
	char *id = pmig_strdup("one thing"),
	     *many = pmig_strdup("many things"); /* no catalogue has these: what was given comes back */
	AGREE(pmig_dgettext("sample", id), id);
	AGREE(pmig_dcgettext("sample", id, LC_MESSAGES), id);
	AGREE(pmig_ngettext(id, many, 1), id);
	AGREE(pmig_dngettext("sample", id, many, 2), many);
	AGREE(pmig_dcngettext("sample", id, many, 2, LC_MESSAGES), many);
}

static char *numbers(void)
{
	static const unsigned char nsap[] = {0x49, 0, 1};
	char its[64], *number;
	int point, sign, its_point, its_sign;
	AGREE(pmig_l64a(123456), l64a(123456));
	number = pmig_fcvt(-12.345, 2, &point, &sign);
	AGREE(number, fcvt(-12.345, 2, &its_point, &its_sign));
	CHECK(point == its_point && sign == its_sign);
	number = pmig_ecvt(0.00123, 3, &point, &sign);
	AGREE(number, ecvt(0.00123, 3, &its_point, &its_sign));
	CHECK(point == its_point && sign == its_sign);
	number = pmig_qecvt(1.5L, 3, &point, &sign);
	AGREE(number, qecvt(1.5L, 3, &its_point, &its_sign));
	number = pmig_qfcvt(1.5L, 3, &point, &sign);
	AGREE(number, qfcvt(1.5L, 3, &its_point, &its_sign));
	AGREE(pmig_inet_nsap_ntoa(sizeof nsap, nsap, NULL), inet_nsap_ntoa(sizeof nsap, nsap, its));
	AGREE(pmig_inet_ntoa((struct in_addr){htonl(INADDR_LOOPBACK)}), "127.0.0.1");
	CHECK(pmig_ttyname(-1) == NULL && errno == EBADF);
	return number;
}

static void *as_libc(void)
{
	names();
	translations();
	return pmig_strdup(numbers());
}

static void as_libc_after(void *state)
{
	CHECK(strcmp(state, "1500") == 0);
}

static void *texts(void)
{
	struct state *s = pmig_calloc(1, sizeof *s);
	keep_copy(s, 0, pmig_error_words(ENOENT));
	keep_copy(s, 1, pmig_error_words(99999));
	keep_copy(s, 2, pmig_strsignal(SIGSEGV));
	keep_copy(s, 3, pmig_setlocale(LC_ALL, "C.UTF-8"));
	keep_copy(s, 4, pmig_nl_langinfo(CODESET));
	keep_copy(s, 5, pmig_localeconv()->decimal_point);
	keep_copy(s, 6, pmig_bindtextdomain("sample", "/nowhere"));
	keep_copy(s, 7, pmig_textdomain("sample"));
	for (int i = 0; i < 8; i++)
		CHECK(arena_contains(s->texts[i]));
	CHECK(pmig_error_words(ENOENT) == s->texts[0]); /* one copy for each text */
	static const char constant[] = "a constant of the program";
	CHECK(pmig_gettext(constant) == constant);
	return s;
}

static void texts_after(void *state)
{
	struct state *s = state;
	for (int i = 0; i < 8; i++)
		CHECK(strcmp(s->texts[i], s->copies[i]) == 0);
	CHECK(strcmp(s->texts[0], strerror(ENOENT)) == 0);
	CHECK(strcmp(setlocale(LC_CTYPE, NULL), "C.UTF-8") == 0);
	CHECK(strcmp(bindtextdomain("sample", NULL), "/nowhere") == 0 && strcmp(textdomain(NULL), "sample") == 0);
}

static void *dates(void)
{
	struct state *s = pmig_calloc(1, sizeof *s);
	time_t t = 86400 * 365;
	CHECK(setenv("TZ", "ABC-3", 1) == 0);
	s->shared = pmig_localtime(&t);
	CHECK(s->shared != NULL && s->shared->tm_hour == 3 && arena_contains(s->shared->tm_zone));
	s->date = pmig_asctime(s->shared);
	s->tm.tm_year = 100;
	s->tm.tm_mday = 1;
	s->tm.tm_zone = (const char *)1; /* whatever lay there */
	CHECK(pmig_mktime(&s->tm) != (time_t)-1 && arena_contains(s->tm.tm_zone));
	s->account = pmig_getpwuid(0);
	CHECK(s->account != NULL && arena_contains(s->account) && arena_contains(s->account->pw_name));
	s->name = pmig_strdup(s->account->pw_name);
	return s;
}

static void dates_after(void *state)
{
	struct state *s = state;
	CHECK(strcmp(s->shared->tm_zone, "ABC") == 0 && strcmp(s->tm.tm_zone, "ABC") == 0);
	CHECK(strcmp(s->date, "Fri Jan  1 03:00:00 1971\n") == 0);
	CHECK(strcmp(s->account->pw_name, s->name) == 0);
}

static void *expressions(void)
{
	struct state *s = pmig_calloc(1, sizeof *s);
	CHECK(pmig_regcomp(&s->plain, "^a.c$", 0) == 0 &&
		pmig_regcomp(&s->groups, "(x+)(y*)", REG_EXTENDED | REG_ICASE) == 0);
	CHECK(pmig_regcomp(&s->broken, "(", REG_EXTENDED) == REG_EPAREN);
	CHECK(s->groups.re_nsub == 2 && pmig_regexec(&s->plain, "abc", 0, NULL, 0) == 0);
	s->conversion = pmig_iconv_open("UTF-16LE", "UTF-8");
	CHECK(s->conversion != (iconv_t)-1 && pmig_iconv_open("nonsense", "UTF-8") == (iconv_t)-1);
	return s;
}

static void expressions_after(void *state)
{
	struct state *s = state;
	regmatch_t m[3];
	regex_t copy = s->groups; /* a program may copy it */
	CHECK(pmig_regexec(&s->plain, "abc", 0, NULL, 0) == 0 && pmig_regexec(&s->plain, "abd", 0, NULL, 0) == REG_NOMATCH);
	CHECK(pmig_regexec(&copy, "..XxY", 3, m, 0) == 0 && m[1].rm_so == 2 && m[1].rm_eo == 4 && m[2].rm_eo == 5);
	pmig_regfree(&s->plain);
	pmig_regfree(&s->groups);
	char in[] = "\u00e4", out[8] = "", *from = in, *to = out;
	size_t left = 2, room = sizeof out;
	CHECK(pmig_iconv(s->conversion, &from, &left, &to, &room) == 0 && room == 6 && (unsigned char)out[0] == 0xe4);
	CHECK(pmig_iconv_close(s->conversion) == 0);
}

static void *allocated(void)
{
	struct state *s = pmig_calloc(1, sizeof *s);
	CHECK(pmig_argz_create_sep("one:two:three", ':', &s->argz, &s->argz_size) == 0);
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	CHECK(pmig_getaddrinfo("127.0.0.1", "80", &hints, &s->addresses) == 0 && arena_contains(s->addresses));
	return s;
}

static void allocated_after(void *state)
{
	struct state *s = state;
	CHECK(pmig_argz_add(&s->argz, &s->argz_size, "four") == 0 && argz_count(s->argz, s->argz_size) == 4);
	CHECK(((struct sockaddr_in *)s->addresses->ai_addr)->sin_port == htons(80));
	pmig_free(s->argz);
	freeaddrinfo(s->addresses);
}

static const struct restore_case cases[] = {
	{.name = "the words of libc", .before = as_libc, .after = as_libc_after},
	{.name = "texts of libc", .before = texts, .after = texts_after},
	{.name = "dates and accounts", .before = dates, .after = dates_after},
	{.name = "expressions and conversions", .before = expressions, .after = expressions_after},
	{.name = "what libc allocates", .before = allocated, .after = allocated_after},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
