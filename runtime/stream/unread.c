/* unread: what a stream has read ahead, taken out and put back with public functions only, so that the descriptor's
 * own position is what it is in a process that was never stopped. Taking out: the descriptor leads to /dev/null for a
 * moment, and the stream is read to its end. Putting back: it leads to a memory file with the bytes, and one
 * character is read and pushed back. */
#include "cookie.h"
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

/* Lets s->fd lead to `to` for a while; `*ret_kept` holds what it was. */
static int divert(int fd, int to, int *ret_kept)
{
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, 512);
	if (kept < 0)
		kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (kept < 0 || dup2(to, fd) < 0) {
		int number = errno;
		if (kept >= 0)
			close(kept);
		return error_errno(PMIG_EIO, number, "descriptor %d: cannot be put aside", fd);
	}
	*ret_kept = kept;
	return 0;
}

static void undivert(int fd, int kept, int flags)
{
	(void)dup3(kept, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
	close(kept);
}

/* Runs `work` while reading s gives `size` bytes at `data` and then its end. */
static int with_input(struct stream *s, const void *data, size_t size, int (*work)(struct stream *))
{
	if (s->cookie != NULL) {
		struct cookie *c = s->cookie;
		c->diverted = 1;
		c->divert = data;
		c->divert_size = size;
		int r = work(s);
		c->diverted = 0;
		c->divert = NULL;
		return r;
	}
	int flags = fcntl(s->fd, F_GETFD), kept = -1, r = 0;
	if (flags < 0) { /* closed behind the stream's back: it has what it has, and reading more fails as it would */
		return work(s);
	}
	int from = size == 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : memfd_create("unread", MFD_CLOEXEC);
	if (from < 0)
		return error_errno(PMIG_EIO, errno, "no descriptor is free");
	if (size > 0 && (write(from, data, size) != (ssize_t)size || lseek(from, 0, SEEK_SET) != 0))
		r = error_errno(PMIG_EIO, errno, "%zu bytes cannot be kept in memory", size);
	if (r >= 0)
		r = divert(s->fd, from, &kept);
	if (r >= 0) {
		r = work(s);
		undivert(s->fd, kept, flags);
	}
	close(from);
	return r;
}

/* One more character of `s` as bytes: their number, 0 at the end. */
static size_t next(struct stream *s, char bytes[MB_LEN_MAX], mbstate_t *state)
{
	if (fwide(s->handle, 0) <= 0) {
		int c = getc(s->handle);
		bytes[0] = (char)c;
		return c != EOF;
	}
	wint_t c = getwc(s->handle);
	size_t n = c == WEOF ? 0 : wcrtomb(bytes, (wchar_t)c, state);
	return n == (size_t)-1 ? 0 : n;
}

static int drain(struct stream *s)
{
	size_t room = 0;
	char bytes[MB_LEN_MAX];
	mbstate_t state = {0};
	for (size_t n; (n = next(s, bytes, &state)) > 0; s->unread_size += n) {
		if (s->unread_size + n > STREAM_UNREAD_MAX)
			return error_set(PMIG_EREFUSED, "more than %u bytes were read ahead", STREAM_UNREAD_MAX);
		if (s->unread_size + n > room) {
			room = room < 4096 ? 4096 : 2 * room;
			unsigned char *more = realloc(s->unread, room);
			if (more == NULL)
				return error_set(PMIG_ENOMEM, "no memory for unread input");
			s->unread = more;
		}
		memcpy(s->unread + s->unread_size, bytes, n);
	}
	return 0;
}

int stream_take_unread(struct stream *s)
{
	s->flags = (feof(s->handle) ? STREAM_EOF : 0) | (ferror(s->handle) ? STREAM_ERROR : 0);
	s->unread = NULL;
	s->unread_size = 0;
	s->taken = 0;
	if (!__freadable(s->handle) || __fwriting(s->handle))
		return 0;
	clearerr(s->handle);
	s->taken = 1;
	int r = with_input(s, NULL, 0, drain);
	clearerr(s->handle);
	return r;
}

/* Fills the stream's buffer from where it leads now. */
static int fill(struct stream *s)
{
	if (fwide(s->handle, 0) > 0) {
		wint_t w = getwc(s->handle);
		return w == WEOF || ungetwc(w, s->handle) == WEOF ? error_set(PMIG_EIO, "unread input cannot be put back")
								  : 0;
	}
	int c = getc(s->handle);
	return c == EOF || ungetc(c, s->handle) == EOF ? error_set(PMIG_EIO, "unread input cannot be put back") : 0;
}

static int skip(struct stream *s)
{
	char bytes[MB_LEN_MAX];
	mbstate_t state = {0};
	while (next(s, bytes, &state) > 0)
		;
	clearerr(s->handle);
	return 0;
}

/* Characters that were pushed back beyond what a buffer holds are pushed back again, last first. */
static int push(struct stream *s, size_t n)
{
	while (n > 0)
		if (ungetc(s->unread[--n], s->handle) == EOF)
			return error_set(PMIG_EIO, "unread input cannot be pushed back");
	return 0;
}

static int put_back(struct stream *s)
{
	size_t n = s->unread_size;
	if (n == 0)
		return 0;
	int r = with_input(s, s->unread, n, fill);
	size_t room = __fbufsize(s->handle);
	if (r < 0 || n <= room)
		return r;
	if (fwide(s->handle, 0) > 0)
		return error_set(PMIG_EIO, "more wide characters were pushed back than a buffer holds");
	r = with_input(s, NULL, 0, skip);
	if (r >= 0 && room > 0)
		r = with_input(s, s->unread + (n - room), room, fill);
	return r < 0 ? r : push(s, n - room);
}

int stream_put_unread(struct stream *s)
{
	int r = s->taken ? put_back(s) : 0;
	/* bits/types/struct_FILE.h: these two are part of libc's interface, through getc_unlocked() and its kind. */
	s->handle->_flags |= (s->flags & STREAM_EOF ? _IO_EOF_SEEN : 0) | (s->flags & STREAM_ERROR ? _IO_ERR_SEEN : 0);
	free(s->unread);
	s->unread = NULL;
	s->unread_size = 0;
	s->taken = 0;
	return r;
}
