/* wait_print: printing to a descriptor. */
#include "wait.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int pmig_vdprintf(int fd, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
int pmig_dprintf(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
int pmig_vdprintf_chk(int fd, int level, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));
int pmig_dprintf_chk(int fd, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

int pmig_vdprintf(int fd, const char *format, va_list arguments)
{
	char *text = NULL;
	size_t done = 0;
	int n = vasprintf(&text, format, arguments);
	for (long r = 1; n > 0 && r > 0 && done < (size_t)n; done += r > 0 ? (size_t)r : 0) {
		r = write(fd, text + done, (size_t)n - done);
		if (r < 0)
			n = -1;
	}
	int number = errno;
	free(text);
	errno = number;
	return n;
}

int pmig_dprintf(int fd, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int r = pmig_vdprintf(fd, format, arguments);
	va_end(arguments);
	return r;
}

int pmig_vdprintf_chk(int fd, int level, const char *format, va_list arguments)
{
	(void)level;
	return pmig_vdprintf(fd, format, arguments);
}

int pmig_dprintf_chk(int fd, int level, const char *format, ...)
{
	va_list arguments;
	(void)level;
	va_start(arguments, format);
	int r = pmig_vdprintf(fd, format, arguments);
	va_end(arguments);
	return r;
}
