/* wait_getc: one character of a stream. */
#include "wait_stream.h"

#include <sys/single_threaded.h>

int pmig_getc(FILE *f);
int pmig_getchar(void);
int pmig_getc_unlocked(FILE *f);
int pmig_getchar_unlocked(void);
int pmig_uflow(FILE *f);
int pmig_getw(FILE *f);

WAIT_CALL static int refill(FILE *f)
{
	return pmig_stream_wait(f) < 0 ? EOF : pmig_plain_getc(f);
}

int pmig_getc(FILE *f)
{
	if (__builtin_expect(stream_buffered(f) == 0, 0))
		return refill(f);
	return __libc_single_threaded ? (unsigned char)*f->_IO_read_ptr++ : pmig_plain_getc(f);
}

int pmig_getchar(void)
{
	return pmig_getc(stdin);
}

int pmig_getc_unlocked(FILE *f)
{
	return __builtin_expect(stream_buffered(f) > 0, 1) ? (unsigned char)*f->_IO_read_ptr++ : refill(f);
}

int pmig_getchar_unlocked(void)
{
	return pmig_getc_unlocked(stdin);
}

/* What libc's headers call for an empty buffer. */
WAIT_CALL int pmig_uflow(FILE *f)
{
	return pmig_stream_wait(f) < 0 ? EOF : pmig_plain_uflow(f);
}

int pmig_getw(FILE *f)
{
	int word;
	return fread(&word, sizeof word, 1, f) == 1 ? word : EOF;
}
