/* stream: the standard streams at the start, all streams at a checkpoint and after a restore. */
#include "stream.h"

#include "cookie.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../reference/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* The three variables of libc, which the linker puts into the executable. */
static FILE **const standard[3] = {&stdin, &stdout, &stderr};

static int replace_standard(int fd)
{
	static const char *const modes[3] = {"r", "w", "w"};
	if (fcntl(fd, F_GETFD) < 0)
		return 0; /* started without it: libc's stays, and fails as it should */
	struct stream *s = stream_slot_take();
	if (s == NULL)
		return error_set(PMIG_ENOMEM, "no slot for a standard stream");
	s->fd = fd;
	memcpy(s->mode, modes[fd], 2);
	FILE *f = stream_place_descriptor(s);
	if (f == NULL) { /* for example, opened for the other direction */
		stream_slot_give(s);
		return 0;
	}
	if (fd == 2) {
		setvbuf(f, NULL, _IONBF, 0);
		s->buffering = _IONBF + 1;
	}
	*standard[fd] = f;
	return 0;
}

int stream_start(void)
{
	int r = stream_calibrate();
	for (int fd = 0; fd < 3 && r >= 0; fd++)
		r = replace_standard(fd);
	return r;
}

static void name(const struct stream *s, char *text, size_t size)
{
	char link[64], path[512] = "";
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", s->fd);
	ssize_t n = s->fd >= 0 ? readlink(link, path, sizeof path - 1) : -1;
	if (n >= 0)
		path[n] = 0;
	(void)snprintf(text, size, "the stream on %s",
		n > 0                              ? path
			: s->kind == STREAM_COOKIE ? "functions or memory"
						   : "nothing");
}

static int save_one(struct record_writer *w, struct stream *s)
{
	FILE *f = s->handle;
	if (s->kind == STREAM_UNSUPPORTED)
		return error_set(PMIG_EREFUSED, "%s; close it before the safe point", s->note);
	s->locking = __fsetlocking(f, FSETLOCKING_BYCALLER); /* a thread that stands still may have it locked */
	if (__fwriting(f) && fflush(f) != 0)
		return error_errno(PMIG_EIO, errno, "its output cannot be written");
	int r = stream_take_unread(s);
	if (r < 0)
		return r;
	size_t part = record_part_begin(w);
	record_put_u32(w, stream_slot_index(s));
	record_put_u32(w, s->kind);
	record_put_u32(w, (uint32_t)s->fd);
	record_put_text(w, s->mode);
	record_put_u32(w, (uint32_t)s->buffering);
	record_put_u64(w, (uintptr_t)s->buffer);
	record_put_u64(w, s->buffer_size);
	record_put_u64(w, __fbufsize(f));
	record_put_u32(w, __flbf(f) != 0);
	record_put_u64(w, s->kind == STREAM_COOKIE ? (uintptr_t)s->cookie : 0);
	record_put_u32(w, (uint32_t)(fwide(f, 0) > 0 ? 2 : fwide(f, 0) < 0 ? 1 : 0));
	record_put_u32(w, (uint32_t)s->locking);
	record_put_u32(w, s->flags);
	record_put_u32(w, s->taken);
	record_put_u32(w, s->owner.thread);
	record_put_u32(w, s->owner.waiting);
	record_put_u32(w, s->owner.count);
	record_put_bytes(w, s->unread, s->unread_size);
	record_part_end(w, part);
	return record_check(w);
}

int stream_save(struct record_writer *w)
{
	for (int i = 0; i < 3; i++)
		record_put_u64(w, stream_find(*standard[i]) != NULL ? (uintptr_t)*standard[i] : 0);
	for (struct stream *s = stream_next(NULL); s != NULL; s = stream_next(s)) {
		int r = save_one(w, s);
		if (r < 0) {
			char text[600];
			name(s, text, sizeof text);
			return error_prefix(r, "%s", text);
		}
	}
	return record_check(w);
}

void stream_continue(void)
{
	for (struct stream *s = stream_next(NULL); s != NULL; s = stream_next(s)) {
		if (s->taken && stream_put_unread(s) < 0)
			s->handle->_flags |= _IO_ERR_SEEN; /* input was lost: the program is to notice */
		if (s->locking != 0)
			(void)__fsetlocking(s->handle, s->locking);
		s->locking = 0;
	}
}

/* What one record says, checked as far as it can be without acting on it. */
struct saved {
	unsigned index;
	uint64_t buffer, buffer_size, automatic_size;
	bool line_buffered;
	unsigned orientation;
	int locking;
	struct stream s;
};

static int read_one(struct record_reader *part, struct saved *ret)
{
	*ret = (struct saved){0};
	struct stream *s = &ret->s;
	ret->index = record_get_u32(part);
	s->kind = record_get_u32(part);
	s->fd = (int32_t)record_get_u32(part);
	const char *mode = record_get_text(part);
	s->buffering = (int32_t)record_get_u32(part);
	ret->buffer = record_get_u64(part);
	ret->buffer_size = record_get_u64(part);
	ret->automatic_size = record_get_u64(part);
	ret->line_buffered = record_get_u32(part) != 0;
	s->cookie = (struct cookie *)(uintptr_t)record_get_u64(part);
	ret->orientation = record_get_u32(part);
	ret->locking = (int)record_get_u32(part);
	s->flags = record_get_u32(part);
	s->taken = record_get_u32(part);
	s->owner.thread = record_get_u32(part);
	s->owner.waiting = record_get_u32(part);
	s->owner.count = record_get_u32(part);
	size_t n;
	const void *unread = record_get_bytes(part, STREAM_UNREAD_MAX, &n);
	int r = record_reader_check(part);
	if (r < 0)
		return r;
	bool sound = ret->index < STREAM_SLOTS && (s->kind == STREAM_DESCRIPTOR || s->kind == STREAM_COOKIE) &&
		strchr("rwa", mode[0]) != NULL && (mode[1] == 0 || strcmp(mode + 1, "+") == 0) &&
		(s->kind != STREAM_COOKIE || arena_contains(s->cookie)) && s->buffering >= 0 && s->buffering <= _IONBF + 1;
	if (!sound || mode[0] == 0)
		return error_set(PMIG_ECORRUPT, "%s: stream %u is not one that is ever written", part->what, ret->index);
	memcpy(s->mode, mode, strlen(mode) + 1);
	s->unread = n > 0 ? malloc(n) : NULL;
	if (n > 0 && s->unread == NULL)
		return error_set(PMIG_ENOMEM, "no memory for unread input");
	if (n > 0)
		memcpy(s->unread, unread, n);
	s->unread_size = n;
	return 0;
}

static void restore_buffer(const struct saved *saved, FILE *f)
{
	int mode = saved->s.buffering - 1;
	if (saved->buffer != 0)
		setvbuf(f, (char *)(uintptr_t)saved->buffer, mode, saved->buffer_size);
	else if (mode >= 0)
		setvbuf(f, NULL, mode, 0);
	else if (saved->automatic_size > 0) /* libc had chosen already: a terminal that is a pipe now stays line buffered */
		setvbuf(f, NULL, saved->line_buffered ? _IOLBF : _IOFBF, 0);
}

/* As freopen(3) leaves one that could not be opened: closed, and where it was, so that the program may try again. */
static FILE *place_closed(struct stream *s)
{
	s->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	FILE *f = s->fd >= 0 ? stream_place_descriptor(s) : NULL;
	if (f != NULL && freopen("/dev/null/none", s->mode, f) == NULL)
		s->fd = -1;
	return f;
}

static int restore_one(struct saved *saved)
{
	struct stream *s = stream_slot_at(saved->index);
	memset(s, 0, sizeof *s);
	memcpy((char *)s + STREAM_FILE_MAX, (char *)&saved->s + STREAM_FILE_MAX, sizeof *s - STREAM_FILE_MAX);
	saved->s.unread = NULL; /* now the slot's */
	s->buffer = (void *)(uintptr_t)saved->buffer;
	s->buffer_size = saved->buffer_size;
	if (s->kind == STREAM_DESCRIPTOR && s->fd < 0)
		return place_closed(s) != NULL ? 0
					       : error_errno(PMIG_EIO, errno, "stream %u cannot be made anew", saved->index);
	/* fdopen in append mode seeks to the end. */
	bool seeks = s->kind == STREAM_DESCRIPTOR && !descriptors_refers(s->fd);
	off_t offset = seeks ? lseek(s->fd, 0, SEEK_CUR) : -1;
	FILE *f = s->kind == STREAM_DESCRIPTOR ? stream_place_descriptor(s) : stream_place_cookie(s);
	if (f == NULL)
		return error_errno(PMIG_EIO, errno, "stream %u on descriptor %d cannot be made anew", saved->index, s->fd);
	if (offset >= 0)
		(void)lseek(s->fd, offset, SEEK_SET);
	restore_buffer(saved, f);
	if (saved->orientation != 0)
		(void)fwide(f, saved->orientation == 2 ? 1 : -1);
	(void)__fsetlocking(f, saved->locking);
	return stream_put_unread(s);
}

int stream_restore(struct record_reader *r)
{
	FILE *now[3];
	for (int i = 0; i < 3; i++)
		now[i] = (FILE *)(uintptr_t)record_get_u64(r);
	int e = stream_calibrate();
	unsigned last = 0;
	for (bool first = true; e >= 0 && !record_at_end(r); first = false) {
		struct record_reader part;
		struct saved saved;
		record_get_part(r, &part);
		e = read_one(&part, &saved);
		if (e >= 0 && !first && saved.index <= last)
			e = error_set(PMIG_ECORRUPT, "%s: stream %u comes twice", r->what, saved.index);
		last = saved.index;
		if (e >= 0)
			e = restore_one(&saved);
		free(saved.s.unread);
	}
	if (e >= 0)
		e = record_reader_check(r);
	for (int i = 0; e >= 0 && i < 3; i++)
		if (stream_find(now[i]) != NULL)
			*standard[i] = now[i];
	if (e >= 0)
		owner_lock_again();
	return e;
}
