/* words: functions of libc that return a text of libc's own. Programs built with pmig-cc call these; each behaves as
 * the function without the prefix (pmig_error_words: strerror), and its text travels. */
#ifndef PMIG_RESOURCE_WORDS_H
#define PMIG_RESOURCE_WORDS_H

#include <locale.h>
#include <netinet/in.h>
#include <nl_types.h>
#include <stddef.h>

char *pmig_error_words(int number);
char *pmig_error_words_r(int number, char *buffer, size_t size);
const char *pmig_strerrorname_np(int number);
const char *pmig_strerrordesc_np(int number);
char *pmig_strsignal(int number);
const char *pmig_sigabbrev_np(int number);
const char *pmig_sigdescr_np(int number);
const char *pmig_gai_strerror(int number);
const char *pmig_hstrerror(int number);

char *pmig_setlocale(int category, const char *locale);
struct lconv *pmig_localeconv(void);
char *pmig_nl_langinfo(nl_item item);
char *pmig_gettext(const char *id);
char *pmig_dgettext(const char *domain, const char *id);
char *pmig_dcgettext(const char *domain, const char *id, int category);
char *pmig_ngettext(const char *one, const char *many, unsigned long n);
char *pmig_dngettext(const char *domain, const char *one, const char *many, unsigned long n);
char *pmig_dcngettext(const char *domain, const char *one, const char *many, unsigned long n, int category);
char *pmig_textdomain(const char *domain);
char *pmig_bindtextdomain(const char *domain, const char *directory);
char *pmig_bind_textdomain_codeset(const char *domain, const char *codeset);

char *pmig_l64a(long n);
char *pmig_ecvt(double value, int digits, int *ret_point, int *ret_sign);
char *pmig_fcvt(double value, int digits, int *ret_point, int *ret_sign);
char *pmig_qecvt(long double value, int digits, int *ret_point, int *ret_sign);
char *pmig_qfcvt(long double value, int digits, int *ret_point, int *ret_sign);
char *pmig_inet_nsap_ntoa(int size, const unsigned char *address, char *buffer);
char *pmig_getpass(const char *prompt);
char *pmig_inet_ntoa(struct in_addr in);
char *pmig_getlogin(void);
char *pmig_ttyname(int fd);
char *pmig_ptsname(int fd);
char *pmig_ctermid(char *buffer);
char *pmig_tmpnam(char *buffer);
char *pmig_tempnam(const char *directory, const char *prefix);
void pmig_openlog(const char *name, int options, int facility);
void pmig_closelog(void);

#endif
