/* alloc_wrappers: libc's allocating functions in arena mode. */
#include "alloc_wrappers.h"

#include "interpose.h"
#include "malloc.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t pmig_getdelim(char **line, size_t *size, int delimiter, FILE *f)
{
	interpose_arena_begin();
	ssize_t n = getdelim(line, size, delimiter, f);
	interpose_arena_end();
	return n;
}

ssize_t pmig_getline(char **line, size_t *size, FILE *f)
{
	return pmig_getdelim(line, size, '\n', f);
}

int pmig_vasprintf(char **ret_text, const char *format, va_list ap)
{
	interpose_arena_begin();
	int n = vasprintf(ret_text, format, ap);
	interpose_arena_end();
	return n;
}

int pmig_asprintf(char **ret_text, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = pmig_vasprintf(ret_text, format, ap);
	va_end(ap);
	return n;
}

/* What the checked forms of _FORTIFY_SOURCE check, libc's own checked forms check as well. */
int __vasprintf_chk(char **ret_text, int flag, const char *format, va_list ap); /* NOLINT: libc's name */

int pmig_vasprintf_chk(char **ret_text, int flag, const char *format, va_list ap)
{
	interpose_arena_begin();
	int n = __vasprintf_chk(ret_text, flag, format, ap);
	interpose_arena_end();
	return n;
}

int pmig_asprintf_chk(char **ret_text, int flag, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = pmig_vasprintf_chk(ret_text, flag, format, ap);
	va_end(ap);
	return n;
}

char *pmig_realpath_chk(const char *path, char *resolved, size_t size)
{
	if (size < PATH_MAX)
		abort(); /* as libc: the buffer could overflow */
	return pmig_realpath(path, resolved);
}

char *pmig_realpath(const char *path, char *resolved)
{
	char buffer[PATH_MAX];
	if (resolved != NULL)
		return realpath(path, resolved);
	return realpath(path, buffer) != NULL ? pmig_strdup(buffer) : NULL;
}

char *pmig_canonicalize_file_name(const char *path)
{
	return pmig_realpath(path, NULL);
}

char *pmig_getcwd(char *buffer, size_t size)
{
	interpose_arena_begin();
	char *p = getcwd(buffer, size);
	interpose_arena_end();
	return p;
}

char *pmig_get_current_dir_name(void)
{
	interpose_arena_begin();
	char *p = get_current_dir_name();
	interpose_arena_end();
	return p;
}
