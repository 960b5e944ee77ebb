/* open: the functions by which a program opens and closes streams and chooses their buffers. */
#include "cookie.h"
#include "replaced.h"
#include "stream.h"

#include "../arena/malloc.h"
#include "../reference/descriptors.h"
#include "../reference/referred.h"
#include "../reference/replaced.h"
#include "../resource/bound.h"
#include "../resource/declare.h"
#include "../resource/replaced.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What fopen's mode says; see fopen(3). */
struct mode {
	int flags;     /* for open() */
	char plain[4]; /* for fdopen() */
	bool charset;  /* ",ccs=": libc converts */
};

static int parse(const char *text, struct mode *ret)
{
	static const struct {
		char letter;
		int flags;
	} kinds[] = {{'r', 0}, {'w', O_CREAT | O_TRUNC}, {'a', O_CREAT | O_APPEND}};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (text[0] != kinds[i].letter)
			continue;
		struct mode m = {.flags = kinds[i].flags, .plain = {text[0]}};
		bool plus = false;
		const char *p = text + 1;
		for (; *p != 0 && *p != ','; p++) {
			plus |= *p == '+';
			m.flags |= *p == 'x' ? O_EXCL : *p == 'e' ? O_CLOEXEC : 0;
		}
		m.charset = strncmp(p, ",ccs=", 5) == 0;
		m.flags |= plus ? O_RDWR : text[0] == 'r' ? O_RDONLY : O_WRONLY;
		if (plus)
			m.plain[1] = '+';
		*ret = m;
		return 0;
	}
	errno = EINVAL;
	return -1;
}

/* A stream on `fd` in a new slot; closes nothing on failure. */
static FILE *on_descriptor(int fd, const char *mode)
{
	struct stream *s = stream_slot_take();
	if (s == NULL)
		return NULL;
	s->fd = fd;
	(void)snprintf(s->mode, sizeof s->mode, "%s", mode);
	FILE *f = stream_place_descriptor(s);
	if (f == NULL)
		stream_slot_give(s);
	return f;
}

/* libc's own, where it does something that cannot be made anew: it works, and refuses the checkpoint by name. `wide`: of
 * open_wmemstream(). */
static FILE *unsupported(FILE *f, const char *what, const char *note, wchar_t **wide)
{
	struct stream *s = f != NULL ? stream_slot_take() : NULL;
	if (s == NULL)
		return f;
	s->kind = STREAM_UNSUPPORTED;
	s->note = note;
	s->fd = fileno(f);
	s->buffer = wide;
	s->handle = f;
	bound_to(f, "%s: %s; close it before the safe point", what, note);
	return f;
}

FILE *pmig_fopen(const char *path, const char *mode)
{
	struct mode m;
	if (parse(mode, &m) < 0)
		return NULL;
	if (m.charset)
		return unsupported(fopen(path, mode), path, "it converts characters (\",ccs=\")", NULL);
	int fd = pmig_file_openat(AT_FDCWD, path, m.flags, 0666);
	if (fd < 0)
		return NULL;
	FILE *f = on_descriptor(fd, m.plain);
	if (f == NULL) {
		int number = errno;
		(void)pmig_close(fd);
		errno = number;
	}
	return f;
}

FILE *pmig_fdopen(int fd, const char *mode)
{
	struct mode m;
	if (parse(mode, &m) < 0)
		return NULL;
	FILE *f = on_descriptor(fd, m.plain);
	if (f != NULL && (m.flags & O_CLOEXEC) != 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	/* As libc's fdopen(), which does not know of files at other hosts. */
	int flags = f != NULL && m.plain[0] == 'a' && descriptors_refers(fd) ? pmig_file_fcntl(fd, F_GETFL, NULL) : -1;
	if (flags >= 0 && (flags & O_APPEND) == 0)
		(void)pmig_file_fcntl(fd, F_SETFL, (void *)(intptr_t)(flags | O_APPEND));
	return f;
}

/* From a file at another host to one here: libc's freopen() keeps the functions. The new FILE lies where the old one lay. */
static FILE *reopen_here(struct stream *s, const char *path, const char *mode)
{
	struct mode m;
	int to = s->fd, number = EBADF;
	int fd = path != NULL && parse(mode, &m) == 0 ? open(path, m.flags, 0666) : -1;
	if (fd < 0)
		number = path != NULL ? errno : number;
	declare_closed(to);
	(void)fclose(s->handle);
	s->buffering = 0;
	if (fd >= 0 && fd != to && dup3(fd, to, m.flags & O_CLOEXEC) < 0)
		number = errno;
	else if (fd >= 0)
		memcpy(s->mode, m.plain, sizeof s->mode);
	if (fd >= 0 && fd != to)
		close(fd);
	FILE *f = fd >= 0 ? stream_place_descriptor(s) : NULL;
	if (f == NULL) {
		stream_slot_give(s);
		errno = number;
	}
	return f;
}

FILE *pmig_freopen(const char *path, const char *mode, FILE *f)
{
	struct stream *s = stream_find(f);
	struct mode m;
	if (s != NULL && s->kind == STREAM_DESCRIPTOR && s->cookie != NULL)
		return reopen_here(s, path, mode);
	FILE *g = freopen(path, mode, f);
	if (s == NULL)
		return g;
	/* libc's freopen keeps the FILE where it is, and keeps it allocated when it fails. */
	s->fd = g != NULL ? fileno(g) : -1;
	if (s->kind == STREAM_COOKIE)
		s->kind = STREAM_DESCRIPTOR;
	s->buffering = 0;
	if (g != NULL && parse(mode, &m) == 0) {
		memcpy(s->mode, m.plain, sizeof s->mode);
		if (m.charset) {
			s->kind = STREAM_UNSUPPORTED;
			s->note = "it converts characters (\",ccs=\")";
		}
	}
	return g;
}

FILE *pmig_tmpfile(void)
{
	int fd = open(P_tmpdir, O_RDWR | O_TMPFILE | O_EXCL, 0600);
	if (fd < 0) { /* a file system without nameless files */
		char path[] = P_tmpdir "/tmpfXXXXXX";
		fd = mkstemp(path);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return NULL;
	FILE *f = on_descriptor(fd, "w+");
	if (f == NULL)
		close(fd);
	return f;
}

/* A stream over a copy of `what`, which is in the arena from then on. */
static FILE *on_cookie(const struct cookie *what, const char *mode)
{
	struct cookie *c = pmig_malloc(sizeof *c);
	struct stream *s = c != NULL ? stream_slot_take() : NULL;
	if (s == NULL) {
		pmig_free(c);
		return NULL;
	}
	*c = *what;
	s->cookie = c;
	(void)snprintf(s->mode, sizeof s->mode, "%s", mode);
	FILE *f = stream_place_cookie(s);
	if (f == NULL) {
		stream_slot_give(s);
		pmig_free(c);
	}
	return f;
}

FILE *pmig_fopencookie(void *context, const char *mode, cookie_io_functions_t io)
{
	struct mode m;
	if (parse(mode, &m) < 0)
		return NULL;
	return on_cookie(&(struct cookie){.kind = COOKIE_PROGRAM, .context = context, .io = io}, m.plain);
}

FILE *pmig_fmemopen(void *data, size_t size, const char *mode)
{
	struct mode m;
	if (parse(mode, &m) < 0)
		return NULL;
	struct cookie c = {.kind = COOKIE_MEMORY, .data = data, .room = size, .append = m.plain[0] == 'a'};
	if (data == NULL) {
		c.data = pmig_calloc(1, size + 1);
		if (c.data == NULL)
			return NULL;
		c.owned = 1;
	} else if (m.plain[0] == 'w' && size > 0) {
		c.data[0] = 0;
	}
	c.end = m.plain[0] == 'r' ? size : strnlen(c.data, size);
	c.position = c.append ? c.end : 0;
	FILE *f = on_cookie(&c, m.plain);
	if (f == NULL && c.owned)
		pmig_free(c.data);
	return f;
}

FILE *pmig_open_memstream(char **ret_data, size_t *ret_size)
{
	struct cookie c = {
		.kind = COOKIE_GROWING, .data = pmig_calloc(1, 64), .room = 64, .ret_data = ret_data, .ret_size = ret_size};
	if (c.data == NULL)
		return NULL;
	FILE *f = on_cookie(&c, "w");
	if (f == NULL) {
		pmig_free(c.data);
		return NULL;
	}
	*ret_data = c.data;
	*ret_size = 0;
	return f;
}

/* glibc's streams over functions cannot be wide, so this one is libc's own. */
FILE *pmig_open_wmemstream(wchar_t **ret_data, size_t *ret_size)
{
	return unsupported(open_wmemstream(ret_data, ret_size), "a stream", "it is a wide one over memory (open_wmemstream)",
		ret_data);
}

/* What such a stream leaves behind comes into the arena. */
static void keep_wide(wchar_t **data)
{
	wchar_t *mine = *data != NULL ? pmig_wcsdup(*data) : NULL;
	if (mine == NULL)
		return;
	pmig_free(*data);
	*data = mine;
}

int pmig_fclose(FILE *f)
{
	struct stream *s = stream_find(f);
	wchar_t **wide = s != NULL && s->kind == STREAM_UNSUPPORTED ? s->buffer : NULL;
	if (s != NULL && s->kind == STREAM_UNSUPPORTED)
		bound_release(f);
	int fd = s != NULL ? s->fd : fileno(f);
	declare_closed(fd);
	referred_closed(fd);
	int r = fclose(f);
	if (s != NULL)
		stream_slot_give(s);
	if (wide != NULL)
		keep_wide(wide);
	return r;
}

int pmig_fcloseall(void)
{
	int r = 0;
	for (struct stream *s = stream_next(NULL); s != NULL; s = stream_next(s))
		if (pmig_fclose(s->handle) == EOF)
			r = EOF;
	return r;
}

int pmig_setvbuf(FILE *f, char *buffer, int mode, size_t size)
{
	int r = setvbuf(f, buffer, mode, size);
	struct stream *s = stream_find(f);
	if (r == 0 && s != NULL) {
		s->buffering = mode + 1;
		s->buffer = mode == _IONBF || size == 0 ? NULL : buffer;
		s->buffer_size = s->buffer != NULL ? size : 0;
	}
	return r;
}

void pmig_setbuffer(FILE *f, char *buffer, size_t size)
{
	(void)pmig_setvbuf(f, buffer, buffer != NULL ? _IOFBF : _IONBF, size);
}

void pmig_setbuf(FILE *f, char *buffer)
{
	pmig_setbuffer(f, buffer, BUFSIZ);
}

void pmig_setlinebuf(FILE *f)
{
	(void)pmig_setvbuf(f, NULL, _IOLBF, 0);
}
