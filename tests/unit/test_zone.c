/* Local time stays what it was on a host that has another zone, or no file of that name. */
#include "resource/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

/* TZ after being saved with `tz` here, and restored where the files of zones lie in `folder`. */
static const char *moved(const char *tz, const char *folder)
{
	static char text[256];
	struct record_writer w = {0};
	struct record_reader r;
	(void)unsetenv("TZDIR");
	if (tz != NULL)
		(void)setenv("TZ", tz, 1);
	else
		(void)unsetenv("TZ");
	assert_int_equal(zone_save(&w), 0);
	(void)setenv("TZDIR", folder, 1);
	record_reader_init(&r, "zone", w.data, w.size);
	assert_int_equal(zone_restore(&r), 0);
	assert_int_equal(record_reader_check(&r), 0);
	record_finish(&w);
	(void)snprintf(text, sizeof text, "%s", getenv("TZ") != NULL ? getenv("TZ") : "not set");
	return text;
}

static void test_where_the_file_is_the_same_nothing_changes(void **state)
{
	(void)state;
	assert_string_equal(moved("Europe/Berlin", "/usr/share/zoneinfo"), "Europe/Berlin");
	assert_string_equal(moved(NULL, "/usr/share/zoneinfo"), "not set");
	assert_string_equal(moved("", "/nowhere"), "");
}

static void test_rules_need_no_file(void **state)
{
	(void)state;
	assert_string_equal(moved(BERLIN, "/nowhere"), BERLIN);
}

static void test_without_the_file_the_rules_stay(void **state)
{
	(void)state;
	time_t summer = 1750000000;
	struct tm tm;
	if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
		skip();
	assert_string_equal(moved("Europe/Berlin", "/nowhere"), BERLIN);
	assert_non_null(localtime_r(&summer, &tm));
	assert_int_equal(tm.tm_gmtoff, 7200);
	assert_string_equal(moved(":Europe/Berlin", "/nowhere"), BERLIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where_the_file_is_the_same_nothing_changes),
		cmocka_unit_test(test_rules_need_no_file),
		cmocka_unit_test(test_without_the_file_the_rules_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
