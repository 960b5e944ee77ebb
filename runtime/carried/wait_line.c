/* wait_line: lines of streams. */
#include "wait_stream.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

char *pmig_fgets(char *to, int size, FILE *f);
char *pmig_fgets_chk(char *to, size_t room, int size, FILE *f);
ssize_t pmig_stream_getdelim(char **line, size_t *size, int delimiter, FILE *f);
ssize_t pmig_stream_getline(char **line, size_t *size, FILE *f);
ssize_t pmig_getdelim(char **line, size_t *size, int delimiter, FILE *f); /* arena/alloc_wrappers.h */

/* A part of a line, up to `room` bytes, without waiting for more than the first. *ret_end: it is the last one. 0: nothing
 * more comes. */
static size_t take_part(char *to, size_t room, int delimiter, FILE *f, bool *ret_end)
{
	size_t n = stream_buffered(f);
	if (n == 0) {
		int c = pmig_stream_wait(f) < 0 ? EOF : pmig_plain_getc(f);
		if (c == EOF)
			return 0;
		*to = (char)c;
		*ret_end = c == delimiter;
		return 1;
	}
	n = n < room ? n : room;
	const char *end = memchr(f->_IO_read_ptr, delimiter, n);
	*ret_end = end != NULL;
	return pmig_plain_fread(to, 1, end != NULL ? (size_t)(end + 1 - f->_IO_read_ptr) : n, f);
}

/* Has libc all that it needs, or will it not wait? */
static bool is_there(FILE *f, size_t enough, int delimiter)
{
	size_t n = stream_buffered(f);
	return n >= enough || (n > 0 && memchr(f->_IO_read_ptr, delimiter, n) != NULL) || !pmig_stream_waits(f);
}

/* What was read before an error does not count, except that the descriptor does not wait: as libc has it. */
WAIT_CALL char *pmig_fgets(char *to, int size, FILE *f)
{
	if (size <= 1 || is_there(f, (size_t)size - 1, '\n'))
		return pmig_plain_fgets(to, size, f);
	size_t room = (size_t)size - 1, have = 0, n = 1;
	int before = f->_flags & _IO_ERR_SEEN;
	f->_flags &= ~_IO_ERR_SEEN;
	for (bool end = false; have < room && n > 0 && !end; have += n)
		n = take_part(to + have, room - have, '\n', f, &end);
	bool failed = (f->_flags & _IO_ERR_SEEN) != 0 && errno != EAGAIN;
	f->_flags |= before;
	if (have == 0 || failed)
		return NULL;
	to[have] = '\0';
	return to;
}

char *pmig_fgets_chk(char *to, size_t room, int size, FILE *f)
{
	if (size > 0 && (size_t)size > room)
		abort();
	return pmig_fgets(to, size, f);
}

WAIT_CALL ssize_t pmig_stream_getdelim(char **line, size_t *size, int delimiter, FILE *f)
{
	if (line == NULL || size == NULL || is_there(f, SIZE_MAX, delimiter))
		return pmig_getdelim(line, size, delimiter, f);
	size_t have = 0, n = 1;
	if (*line == NULL)
		*size = 0;
	for (bool end = false; n > 0 && !end; have += n) {
		if (*size < have + 2) {
			size_t more = *size < 120 ? 120 : 2 * *size;
			char *larger = realloc(*line, more);
			if (larger == NULL)
				return -1;
			*line = larger;
			*size = more;
		}
		n = take_part(*line + have, *size - have - 1, delimiter, f, &end);
	}
	if (have == 0)
		return -1;
	(*line)[have] = '\0';
	return (ssize_t)have;
}

ssize_t pmig_stream_getline(char **line, size_t *size, FILE *f)
{
	return pmig_stream_getdelim(line, size, '\n', f);
}
