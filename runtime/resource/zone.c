/* zone: the rules of a time zone, from its file and into TZ. */
#include "zone.h"

#include "replaced.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILES "/usr/share/zoneinfo"
#define RULES_MAX 128 /* bytes: "CET-1CEST,M3.5.0,M10.5.0/3" */

/* The file that libc reads; "" where TZ says rules itself, or universal time. */
static void file_of(const char *tz, char *path, size_t size)
{
	const char *folder = getenv("TZDIR");
	path[0] = 0;
	if (tz == NULL)
		(void)snprintf(path, size, "/etc/localtime");
	else if (*tz == ':')
		tz++;
	if (tz != NULL && *tz == '/')
		(void)snprintf(path, size, "%s", tz);
	else if (tz != NULL && *tz != 0)
		(void)snprintf(path, size, "%s/%s", folder != NULL && *folder != 0 ? folder : FILES, tz);
}

/* The last line of the file; "" without one. */
static void rules_of(const char *path, char rules[RULES_MAX])
{
	char end[RULES_MAX];
	int fd = path[0] != 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0, from = size > (off_t)sizeof end ? size - (off_t)sizeof end : 0;
	ssize_t n = fd >= 0 ? pread(fd, end, sizeof end, from) : 0;
	rules[0] = 0;
	if (fd >= 0)
		(void)close(fd);
	if (n < 2 || end[n - 1] != '\n')
		return;
	ssize_t begin = n - 1;
	while (begin > 0 && end[begin - 1] != '\n')
		begin--;
	if (begin > 0)
		(void)snprintf(rules, RULES_MAX, "%.*s", (int)(n - 1 - begin), end + begin);
}

static void rules_here(char rules[RULES_MAX])
{
	char path[PATH_MAX];
	file_of(getenv("TZ"), path, sizeof path);
	rules_of(path, rules);
}

int zone_save(struct record_writer *w)
{
	char rules[RULES_MAX];
	rules_here(rules);
	record_put_text(w, rules);
	return record_check(w);
}

int zone_restore(struct record_reader *r)
{
	char here[RULES_MAX];
	const char *then = record_get_text(r);
	if (r->failed || then[0] == 0)
		return 0;
	rules_here(here);
	if (strcmp(here, then) != 0 && pmig_setenv("TZ", then, 1) < 0)
		return error_set(PMIG_ENOMEM, "no memory for the time zone");
	tzset();
	return 0;
}
