/* alloc_wrappers: functions of libc whose result the caller frees, with that result in the arena. The instrumenter
 * turns the program's calls of getline into calls of pmig_getline and so on. Each behaves as the function without the
 * prefix. */
#ifndef PMIG_ARENA_ALLOC_WRAPPERS_H
#define PMIG_ARENA_ALLOC_WRAPPERS_H

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>

ssize_t pmig_getline(char **line, size_t *size, FILE *f);
ssize_t pmig_getdelim(char **line, size_t *size, int delimiter, FILE *f);
int pmig_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int pmig_vasprintf(char **ret_text, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
int pmig_vasprintf_chk(char **ret_text, int flag, const char *format, va_list ap);
int pmig_asprintf_chk(char **ret_text, int flag, const char *format, ...);
char *pmig_realpath_chk(const char *path, char *resolved, size_t size);
char *pmig_realpath(const char *path, char *resolved);
char *pmig_canonicalize_file_name(const char *path);
char *pmig_getcwd(char *buffer, size_t size);
char *pmig_get_current_dir_name(void);

#endif
