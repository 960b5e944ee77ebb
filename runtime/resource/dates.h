/* dates: broken-down time. libc's struct tm points to the name of its zone inside libc, and some results lie there;
 * programs built with pmig-cc call these, each as the function without the prefix. */
#ifndef PMIG_RESOURCE_DATES_H
#define PMIG_RESOURCE_DATES_H

#include <time.h>

struct tm *pmig_localtime(const time_t *t);
struct tm *pmig_localtime_r(const time_t *t, struct tm *ret);
struct tm *pmig_gmtime(const time_t *t);
struct tm *pmig_gmtime_r(const time_t *t, struct tm *ret);
time_t pmig_mktime(struct tm *tm);
time_t pmig_timegm(struct tm *tm);
char *pmig_asctime(const struct tm *tm);
char *pmig_ctime(const time_t *t);
char *pmig_strptime(const char *text, const char *format, struct tm *ret);
struct tm *pmig_getdate(const char *text);

#endif
