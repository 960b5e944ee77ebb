/* cookie: what libc calls to read, write, seek and close a stream over functions or memory. */
#include "cookie.h"

#include "../arena/malloc.h"
#include "../reference/replaced.h"
#include "../resource/replaced.h"

#include <errno.h>
#include <string.h>

static ssize_t memory_read(struct cookie *c, char *to, size_t size)
{
	size_t n = c->position < c->end ? c->end - c->position : 0;
	n = n < size ? n : size;
	memcpy(to, c->data + c->position, n);
	c->position += n;
	return (ssize_t)n;
}

/* As glibc's fmemopen: text is followed by a NUL as long as there is room, what does not fit is not written. */
static ssize_t memory_write(struct cookie *c, const char *from, size_t size)
{
	size_t at = c->append ? c->end : c->position;
	bool nul = size == 0 || from[size - 1] != 0;
	if (at + size > c->room) {
		if (c->position + nul >= c->room) {
			errno = ENOSPC;
			return 0;
		}
		size = c->room - at;
	}
	memcpy(c->data + at, from, size);
	c->position = at + size;
	if (c->position > c->end) {
		c->end = c->position;
		if (c->end < c->room && nul)
			c->data[c->end] = 0;
		else if (!c->append && nul)
			c->data[c->room - 1] = 0;
	}
	return (ssize_t)size;
}

static ssize_t growing_write(struct cookie *c, const char *from, size_t size)
{
	size_t need = c->position + size + 1;
	if (need > c->room) {
		size_t room = c->room < 64 ? 64 : c->room;
		while (room < need)
			room *= 2;
		char *data = pmig_realloc(c->data, room);
		if (data == NULL)
			return 0;
		c->data = data;
		c->room = room;
	}
	if (c->position > c->end)
		memset(c->data + c->end, 0, c->position - c->end);
	memcpy(c->data + c->position, from, size);
	c->position += size;
	if (c->position > c->end) {
		c->end = c->position;
		c->data[c->end] = 0;
	}
	*c->ret_data = c->data;
	*c->ret_size = c->position < c->end ? c->position : c->end;
	return (ssize_t)size;
}

static ssize_t cookie_read(void *cookie, char *to, size_t size)
{
	struct cookie *c = cookie;
	if (c->diverted) {
		size_t n = c->divert_size < size ? c->divert_size : size;
		if (n > 0)
			memcpy(to, c->divert, n);
		c->divert += n;
		c->divert_size -= n;
		return (ssize_t)n;
	}
	if (c->kind == COOKIE_PROGRAM)
		return c->io.read(c->context, to, size);
	if (c->kind == COOKIE_REMOTE)
		return pmig_file_read(c->fd, to, size);
	return memory_read(c, to, size);
}

static ssize_t cookie_write(void *cookie, const char *from, size_t size)
{
	struct cookie *c = cookie;
	if (c->kind == COOKIE_PROGRAM)
		return c->io.write(c->context, from, size);
	if (c->kind == COOKIE_REMOTE) { /* libc takes 0, never less, for a failure */
		ssize_t n = pmig_file_write(c->fd, from, size);
		return n > 0 ? n : 0;
	}
	return c->kind == COOKIE_MEMORY ? memory_write(c, from, size) : growing_write(c, from, size);
}

static int cookie_seek(void *cookie, off64_t *offset, int whence)
{
	struct cookie *c = cookie;
	if (c->kind == COOKIE_PROGRAM)
		return c->io.seek(c->context, offset, whence);
	if (c->kind == COOKIE_REMOTE) {
		off64_t at = pmig_lseek(c->fd, *offset, whence);
		*offset = at < 0 ? *offset : at;
		return at < 0 ? -1 : 0;
	}
	off64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (off64_t)c->position : (off64_t)c->end;
	off64_t to;
	if (__builtin_add_overflow(base, *offset, &to) || to < 0 || (c->kind == COOKIE_MEMORY && (size_t)to > c->room)) {
		errno = EINVAL;
		return -1;
	}
	c->position = (size_t)to;
	if (c->kind == COOKIE_GROWING)
		*c->ret_size = c->position < c->end ? c->position : c->end;
	*offset = to;
	return 0;
}

/* As glibc: what lies behind the position is gone. */
static void growing_end(struct cookie *c)
{
	c->data[c->position < c->end ? c->position : c->end] = 0;
}

static int cookie_close(void *cookie)
{
	struct cookie *c = cookie;
	int r = 0;
	if (c->kind == COOKIE_GROWING)
		growing_end(c);
	if (c->kind == COOKIE_PROGRAM && c->io.close != NULL)
		r = c->io.close(c->context);
	else if (c->kind == COOKIE_REMOTE)
		r = pmig_close(c->fd);
	if (c->owned)
		pmig_free(c->data);
	pmig_free(c);
	return r;
}

cookie_io_functions_t cookie_functions(const struct cookie *c)
{
	bool program = c->kind == COOKIE_PROGRAM;
	return (cookie_io_functions_t){
		/* A missing function means something to libc: nothing to read, writes vanish, no seeking. */
		.read = program && c->io.read == NULL ? NULL : cookie_read,
		.write = program && c->io.write == NULL ? NULL : cookie_write,
		.seek = program && c->io.seek == NULL ? NULL : cookie_seek,
		.close = cookie_close,
	};
}
