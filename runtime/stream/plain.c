/* plain: libc's own reading of streams. */
#include "plain.h"

#include <errno.h>

int __uflow(FILE *f);

int pmig_plain_getc(FILE *f)
{
	return getc(f);
}

int pmig_plain_uflow(FILE *f)
{
	return __uflow(f);
}

char *pmig_plain_fgets(char *to, int size, FILE *f)
{
	return fgets(to, size, f);
}

size_t pmig_plain_fread(void *to, size_t size, size_t n, FILE *f)
{
	return fread(to, size, n, f);
}

int pmig_plain_vfscanf(FILE *f, const char *format, va_list arguments)
{
	return vfscanf(f, format, arguments);
}

int pmig_plain_descriptor(FILE *f)
{
	int number = errno, fd = fileno(f);
	errno = number;
	return fd;
}
