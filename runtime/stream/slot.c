/* slot: the slots of the arena's stream part, and libc's FILE put into one. */
#include "cookie.h"
#include "stream.h"

#include "../arena/arena.h"
#include "../arena/interpose.h"
#include "../reference/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef PMIG_SANITIZE_ADDRESS
#include <sanitizer/lsan_interface.h>
#endif

_Static_assert(STREAM_SLOTS *STREAM_SLOT_SIZE <= ARENA_STREAMS_SIZE, "the slots fit into the arena's stream part");

/* How this process's libc allocates; found out at start, not part of an image. */
static struct interpose_call descriptor_call, cookie_call;

struct stream *stream_slot_at(unsigned index)
{
	return index < STREAM_SLOTS ? (struct stream *)((char *)arena_streams() + (size_t)index * STREAM_SLOT_SIZE) : NULL;
}

unsigned stream_slot_index(const struct stream *s)
{
	return (unsigned)(((const char *)s - (const char *)arena_streams()) / STREAM_SLOT_SIZE);
}

/* How many slots from the front were ever in use: what lies behind is never looked at, so that its pages stay
 * untouched. */
static unsigned used(void)
{
	return (unsigned)(uintptr_t)__atomic_load_n(arena_root(ARENA_ROOT_STREAMS), __ATOMIC_ACQUIRE);
}

static void note_used(unsigned n)
{
	void **root = arena_root(ARENA_ROOT_STREAMS), *now = __atomic_load_n(root, __ATOMIC_RELAXED);
	while ((uintptr_t)now < n &&
		!__atomic_compare_exchange_n(root, &now, (void *)(uintptr_t)n, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

struct stream *stream_slot_take(void)
{
	for (unsigned i = 0; i < STREAM_SLOTS; i++) {
		struct stream *s = stream_slot_at(i);
		uint32_t nobody = 0;
		if (!atomic_compare_exchange_strong(&s->kind, &nobody, STREAM_UNSUPPORTED))
			continue;
		memset((char *)(&s->kind + 1), 0, sizeof *s - offsetof(struct stream, kind) - sizeof s->kind);
		s->fd = -1;
		s->note = "it is being opened";
		note_used(i + 1);
		return s;
	}
	errno = EMFILE;
	return NULL;
}

void stream_slot_give(struct stream *s)
{
	s->handle = NULL;
	s->kind = 0;
}

struct stream *stream_next(const struct stream *after)
{
	for (unsigned i = after == NULL ? 0 : stream_slot_index(after) + 1; i < used(); i++) {
		struct stream *s = stream_slot_at(i);
		if (s->kind != 0 && s->handle != NULL)
			return s;
	}
	return NULL;
}

struct stream *stream_find(const FILE *f)
{
	size_t offset = (size_t)((const char *)f - (const char *)arena_streams());
	if (offset < STREAM_SLOTS * (size_t)STREAM_SLOT_SIZE) {
		struct stream *s = stream_slot_at((unsigned)(offset / STREAM_SLOT_SIZE));
		return s->kind != 0 && s->handle == f ? s : NULL;
	}
	struct stream *s = stream_next(NULL);
	while (s != NULL && (s->handle != f || s->kind != STREAM_UNSUPPORTED))
		s = stream_next(s);
	return s;
}

static FILE *placed(struct stream *s, FILE *f)
{
	bool taken = interpose_place_end();
	if (f == NULL)
		return NULL;
	if (!taken || (void *)f != s->file) {
		/* Not what calibration found: better no stream than one that dangles after a move. */
		int flags = s->kind == STREAM_DESCRIPTOR ? fcntl(s->fd, F_GETFD) : -1;
		int fd = flags >= 0 ? fcntl(s->fd, F_DUPFD_CLOEXEC, 0) : -1;
		fclose(f);
		if (fd >= 0) {
			dup3(fd, s->fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
			close(fd);
		}
		errno = ENOMEM;
		return NULL;
	}
	s->handle = f;
	return f;
}

/* A file at another host has no descriptor that libc could use. The functions look at what the number leads to with every call. */
static FILE *place_remote(struct stream *s)
{
	struct cookie *c = malloc(sizeof *c);
	if (c == NULL)
		return NULL;
	*c = (struct cookie){.kind = COOKIE_REMOTE, .fd = s->fd};
	s->cookie = c;
	interpose_place(s->file, STREAM_FILE_MAX, cookie_call.skip);
	FILE *f = placed(s, fopencookie(c, s->mode, cookie_functions(c)));
	if (f == NULL) {
		s->cookie = NULL;
		free(c);
	}
	return f;
}

FILE *stream_place_descriptor(struct stream *s)
{
	s->kind = STREAM_DESCRIPTOR;
	s->cookie = NULL;
	if (descriptors_refers(s->fd))
		return place_remote(s);
	interpose_place(s->file, STREAM_FILE_MAX, descriptor_call.skip);
	return placed(s, fdopen(s->fd, s->mode));
}

FILE *stream_place_cookie(struct stream *s)
{
	s->kind = STREAM_COOKIE;
	interpose_place(s->file, STREAM_FILE_MAX, cookie_call.skip);
	return placed(s, fopencookie(s->cookie, s->mode, cookie_functions(s->cookie)));
}

static void *open_descriptor(void *context)
{
	(void)context;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (f == NULL && fd >= 0)
		close(fd);
	return f;
}

static void *open_cookie(void *context)
{
	(void)context;
	return fopencookie(NULL, "r", (cookie_io_functions_t){0});
}

static void close_file(void *f)
{
	fclose(f);
}

/* Buffers of streams hang on these slots, which a search for leaks would not look at. */
static void tell_sanitizer(void)
{
#ifdef PMIG_SANITIZE_ADDRESS
	__lsan_register_root_region(arena_streams(), ARENA_STREAMS_SIZE);
#endif
}

int stream_calibrate(void)
{
	tell_sanitizer();
	int r = interpose_calibrate(open_descriptor, close_file, NULL, &descriptor_call);
	if (r >= 0)
		r = interpose_calibrate(open_cookie, close_file, NULL, &cookie_call);
	if (r < 0)
		return error_set(PMIG_ENOSUPPORT, "stream: this libc does not allocate a stream with malloc");
	if (descriptor_call.size > STREAM_FILE_MAX || cookie_call.size > STREAM_FILE_MAX)
		return error_set(PMIG_ENOSUPPORT, "stream: this libc's FILE has %zu bytes, more than the %d of a slot",
			descriptor_call.size > cookie_call.size ? descriptor_call.size : cookie_call.size, STREAM_FILE_MAX);
	return 0;
}
