/* replaced: the stdio and directory functions that programs built with pmig-cc call in place of libc's. Each behaves
 * as the function without the prefix, and keeps its stream or directory in the arena. */
#ifndef PMIG_STREAM_REPLACED_H
#define PMIG_STREAM_REPLACED_H

#include <dirent.h>
#include <stdio.h>
#include <sys/types.h>
#include <wchar.h>

FILE *pmig_fopen(const char *path, const char *mode);
FILE *pmig_fdopen(int fd, const char *mode);
FILE *pmig_freopen(const char *path, const char *mode, FILE *f);
FILE *pmig_tmpfile(void);
FILE *pmig_fmemopen(void *data, size_t size, const char *mode);
FILE *pmig_open_memstream(char **ret_data, size_t *ret_size);
FILE *pmig_open_wmemstream(wchar_t **ret_data, size_t *ret_size);
FILE *pmig_fopencookie(void *context, const char *mode, cookie_io_functions_t io);
int pmig_fclose(FILE *f);
int pmig_fcloseall(void);
int pmig_setvbuf(FILE *f, char *buffer, int mode, size_t size);
void pmig_setbuf(FILE *f, char *buffer);
void pmig_setbuffer(FILE *f, char *buffer, size_t size);
void pmig_setlinebuf(FILE *f);

DIR *pmig_opendir(const char *path);
DIR *pmig_fdopendir(int fd);
int pmig_closedir(DIR *d);
struct dirent *pmig_readdir(DIR *d);
int pmig_readdir_r(DIR *d, struct dirent *entry, struct dirent **ret_entry);
void pmig_rewinddir(DIR *d);
void pmig_seekdir(DIR *d, long position);
long pmig_telldir(DIR *d);
int pmig_dirfd(DIR *d);

#endif
