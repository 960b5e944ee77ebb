/* wait_fread: many bytes of a stream. */
#include "wait_stream.h"

#include <stdlib.h>
#include <unistd.h>

size_t pmig_fread(void *to, size_t size, size_t n, FILE *f);
size_t pmig_fread_chk(void *to, size_t room, size_t size, size_t n, FILE *f);

/* Does libc read past the buffer where so much is wanted? */
static bool past_buffer(const FILE *f, size_t wanted)
{
	return f->_IO_buf_base != NULL && wanted >= (size_t)(f->_IO_buf_end - f->_IO_buf_base) &&
		(f->_flags & (STREAM_IN_BACKUP | STREAM_PUTTING | STREAM_NO_READS | _IO_EOF_SEEN)) == 0;
}

static size_t read_past_buffer(void *to, size_t size, FILE *f)
{
	pmig_stream_prompt(f);
	ssize_t n = read(pmig_plain_descriptor(f), to, size);
	if (n > 0 && f->_offset >= 0)
		f->_offset += n;
	if (n <= 0)
		f->_flags |= n == 0 ? _IO_EOF_SEEN : _IO_ERR_SEEN;
	return n > 0 ? (size_t)n : 0;
}

/* Some of it, without waiting for more than the first byte; 0: nothing more comes. */
static size_t take_some(char *to, size_t size, FILE *f)
{
	size_t n = stream_buffered(f);
	if (n > 0)
		return pmig_plain_fread(to, 1, n < size ? n : size, f);
	if (past_buffer(f, size))
		return read_past_buffer(to, size, f);
	int c = pmig_stream_wait(f) < 0 ? EOF : pmig_plain_getc(f);
	if (c == EOF)
		return 0;
	*to = (char)c;
	return 1;
}

WAIT_CALL size_t pmig_fread(void *to, size_t size, size_t n, FILE *f)
{
	size_t all, have = 0, got = 1;
	if (__builtin_mul_overflow(size, n, &all) || all == 0 || stream_buffered(f) >= all || !pmig_stream_waits(f))
		return pmig_plain_fread(to, size, n, f);
	for (; have < all && got > 0; have += got)
		got = take_some((char *)to + have, all - have, f);
	return have == all ? n : have / size;
}

size_t pmig_fread_chk(void *to, size_t room, size_t size, size_t n, FILE *f)
{
	size_t all;
	if (__builtin_mul_overflow(size, n, &all) || all > room)
		abort();
	return pmig_fread(to, size, n, f);
}
