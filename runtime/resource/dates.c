/* dates: the functions of <time.h> whose results point into libc. */
#include "dates.h"

#include "keep.h"

#include <stddef.h>

static struct tm *named(struct tm *tm)
{
	if (tm != NULL)
		tm->tm_zone = keep_text(tm->tm_zone);
	return tm;
}

struct tm *pmig_localtime_r(const time_t *t, struct tm *ret)
{
	return named(localtime_r(t, ret));
}

struct tm *pmig_gmtime_r(const time_t *t, struct tm *ret)
{
	return named(gmtime_r(t, ret));
}

struct tm *pmig_localtime(const time_t *t)
{
	struct kept *k = keep();
	tzset(); /* localtime_r() need not */
	return k != NULL ? pmig_localtime_r(t, &k->tm) : NULL;
}

struct tm *pmig_gmtime(const time_t *t)
{
	struct kept *k = keep();
	return k != NULL ? pmig_gmtime_r(t, &k->tm) : NULL;
}

/* The caller's zone may be anything, set or not; only what libc puts there is looked at. */
static const char *zone_taken(struct tm *tm)
{
	const char *before = tm->tm_zone;
	tm->tm_zone = NULL;
	return before;
}

static void zone_given(struct tm *tm, const char *before)
{
	tm->tm_zone = tm->tm_zone != NULL ? keep_text(tm->tm_zone) : before;
}

time_t pmig_mktime(struct tm *tm)
{
	const char *before = zone_taken(tm);
	time_t t = mktime(tm);
	zone_given(tm, before);
	return t;
}

time_t pmig_timegm(struct tm *tm)
{
	const char *before = zone_taken(tm);
	time_t t = timegm(tm);
	zone_given(tm, before);
	return t;
}

char *pmig_asctime(const struct tm *tm)
{
	struct kept *k = keep();
	return k != NULL ? asctime_r(tm, k->date) : NULL;
}

char *pmig_ctime(const time_t *t)
{
	struct tm *tm = pmig_localtime(t);
	return tm != NULL ? pmig_asctime(tm) : NULL;
}

char *pmig_strptime(const char *text, const char *format, struct tm *ret)
{
	const char *before = zone_taken(ret);
	char *rest = strptime(text, format, ret);
	zone_given(ret, before);
	return rest;
}

struct tm *pmig_getdate(const char *text)
{
	struct kept *k = keep();
	if (k == NULL)
		return NULL;
	k->tm.tm_zone = NULL;
	int number = getdate_r(text, &k->tm);
	getdate_err = number;
	return number == 0 ? named(&k->tm) : NULL;
}
