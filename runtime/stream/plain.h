/* plain: libc's own reading of streams, for what waits in carried/: a function there cannot name what it stands for. Each is the function
 * without the prefix, and reads the descriptor where nothing is buffered: see that this does not wait. */
#ifndef PMIG_STREAM_PLAIN_H
#define PMIG_STREAM_PLAIN_H

#include <stdarg.h>
#include <stdio.h>

int pmig_plain_getc(FILE *f);
int pmig_plain_uflow(FILE *f);
char *pmig_plain_fgets(char *to, int size, FILE *f);
size_t pmig_plain_fread(void *to, size_t size, size_t n, FILE *f);

int pmig_plain_vfscanf(FILE *f, const char *format, va_list arguments) __attribute__((format(scanf, 2, 0)));

/* The descriptor of `f` on this machine; -1: it has none, and reading it does not wait. errno stays. */
int pmig_plain_descriptor(FILE *f);

#endif
