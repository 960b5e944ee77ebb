/* words: texts of libc, kept where they travel. */
#include "words.h"

#include "keep.h"
#include "locales.h"

#include "../arena/malloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <langinfo.h>
#include <libintl.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* libintl.h's macros would hide the functions. */
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext

char *pmig_error_words(int number)
{
	char buffer[128];
	return keep_text(strerror_r(number, buffer, sizeof buffer));
}

/* libc may answer with a text of its own instead of using the buffer. */
char *pmig_error_words_r(int number, char *buffer, size_t size)
{
	return keep_text(strerror_r(number, buffer, size));
}

const char *pmig_strerrorname_np(int number)
{
	return keep_text(strerrorname_np(number));
}

const char *pmig_strerrordesc_np(int number)
{
	return keep_text(strerrordesc_np(number));
}

char *pmig_strsignal(int number)
{
	return keep_text(strsignal(number));
}

const char *pmig_sigabbrev_np(int number)
{
	return keep_text(sigabbrev_np(number));
}

const char *pmig_sigdescr_np(int number)
{
	return keep_text(sigdescr_np(number));
}

const char *pmig_gai_strerror(int number)
{
	return keep_text(gai_strerror(number));
}

const char *pmig_hstrerror(int number)
{
	return keep_text(hstrerror(number));
}

char *pmig_setlocale(int category, const char *locale)
{
	return keep_text(setlocale(category, locale)); /* locale_process.c */
}

struct lconv *pmig_localeconv(void)
{
	struct kept *k = keep();
	if (k == NULL)
		return NULL;
	k->conventions = *localeconv();
	char **const texts[] = {&k->conventions.decimal_point, &k->conventions.thousands_sep, &k->conventions.grouping,
		&k->conventions.int_curr_symbol, &k->conventions.currency_symbol, &k->conventions.mon_decimal_point,
		&k->conventions.mon_thousands_sep, &k->conventions.mon_grouping, &k->conventions.positive_sign,
		&k->conventions.negative_sign};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = keep_text(*texts[i]);
	return &k->conventions;
}

char *pmig_nl_langinfo(nl_item item)
{
	return keep_text(nl_langinfo(item));
}

char *pmig_gettext(const char *id)
{
	return keep_text(gettext(id));
}

char *pmig_dgettext(const char *domain, const char *id)
{
	return keep_text(dgettext(domain, id));
}

char *pmig_dcgettext(const char *domain, const char *id, int category)
{
	return keep_text(dcgettext(domain, id, category));
}

char *pmig_ngettext(const char *one, const char *many, unsigned long n)
{
	return keep_text(ngettext(one, many, n));
}

char *pmig_dngettext(const char *domain, const char *one, const char *many, unsigned long n)
{
	return keep_text(dngettext(domain, one, many, n));
}

char *pmig_dcngettext(const char *domain, const char *one, const char *many, unsigned long n, int category)
{
	return keep_text(dcngettext(domain, one, many, n, category));
}

char *pmig_l64a(long n)
{
	struct kept *k = keep();
	return k != NULL ? strncpy(k->base64, l64a(n), sizeof k->base64 - 1) : NULL;
}

char *pmig_ecvt(double value, int digits, int *ret_point, int *ret_sign)
{
	struct kept *k = keep();
	return k != NULL && ecvt_r(value, digits, ret_point, ret_sign, k->digits, sizeof k->digits) == 0 ? k->digits : NULL;
}

char *pmig_fcvt(double value, int digits, int *ret_point, int *ret_sign)
{
	struct kept *k = keep();
	return k != NULL && fcvt_r(value, digits, ret_point, ret_sign, k->digits, sizeof k->digits) == 0 ? k->digits : NULL;
}

char *pmig_qecvt(long double value, int digits, int *ret_point, int *ret_sign)
{
	struct kept *k = keep();
	return k != NULL && qecvt_r(value, digits, ret_point, ret_sign, k->digits, sizeof k->digits) == 0 ? k->digits : NULL;
}

char *pmig_qfcvt(long double value, int digits, int *ret_point, int *ret_sign)
{
	struct kept *k = keep();
	return k != NULL && qfcvt_r(value, digits, ret_point, ret_sign, k->digits, sizeof k->digits) == 0 ? k->digits : NULL;
}

char *pmig_inet_nsap_ntoa(int size, const unsigned char *address, char *buffer)
{
	char own[256 * 3];
	return buffer != NULL ? inet_nsap_ntoa(size, address, buffer) : keep_text(inet_nsap_ntoa(size, address, own));
}

char *pmig_getpass(const char *prompt)
{
	struct kept *k = keep();
	char *word = k != NULL ? getpass(prompt) : NULL;
	if (word == NULL)
		return NULL;
	(void)snprintf(k->path, sizeof k->path, "%s", word);
	explicit_bzero(word, strlen(word));
	return k->path;
}

char *pmig_inet_ntoa(struct in_addr in)
{
	struct kept *k = keep();
	return k != NULL ? (char *)inet_ntop(AF_INET, &in, k->address, sizeof k->address) : NULL;
}

char *pmig_getlogin(void)
{
	char name[256];
	int number = getlogin_r(name, sizeof name);
	errno = number != 0 ? number : errno;
	return number == 0 ? keep_text(name) : NULL;
}

char *pmig_ttyname(int fd)
{
	char path[256];
	int number = ttyname_r(fd, path, sizeof path);
	errno = number != 0 ? number : errno;
	return number == 0 ? keep_text(path) : NULL;
}

char *pmig_ptsname(int fd)
{
	char path[256];
	return ptsname_r(fd, path, sizeof path) == 0 ? keep_text(path) : NULL;
}

char *pmig_ctermid(char *buffer)
{
	char path[L_ctermid];
	return buffer != NULL ? ctermid(buffer) : keep_text(ctermid(path));
}

/* A name below `directory` that nothing has now. (libc's own functions would have every link of a program warn.) */
static char *free_name(char *path, size_t size, const char *directory, const char *prefix)
{
	struct stat st;
	for (int i = 0; i < 1000; i++) {
		uint64_t number = 0;
		(void)!getrandom(&number, sizeof number, 0);
		(void)snprintf(path, size, "%s/%.5s%06llx", directory, prefix, (unsigned long long)number & 0xffffff);
		if (lstat(path, &st) < 0 && errno == ENOENT)
			return path;
	}
	errno = EEXIST;
	return NULL;
}

char *pmig_tmpnam(char *buffer)
{
	struct kept *k = keep();
	return k == NULL ? NULL : free_name(buffer != NULL ? buffer : k->path, L_tmpnam, P_tmpdir, "file");
}

char *pmig_tempnam(const char *directory, const char *prefix)
{
	const char *wanted = getenv("TMPDIR");
	char path[PATH_MAX];
	wanted = wanted != NULL && access(wanted, W_OK) == 0 ? wanted : directory;
	wanted = wanted != NULL && access(wanted, W_OK) == 0 ? wanted : P_tmpdir;
	char *name = free_name(path, sizeof path, wanted, prefix != NULL ? prefix : "file");
	return name != NULL ? pmig_strdup(name) : NULL;
}
