/* output: a small buffer before a descriptor that may block. */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 4096           /* PIPE_BUF: what a writable pipe takes without blocking (pipe(7)) */
#define BIG_PIECE (1u << 20) /* a file never blocks */

struct output {
	int fd;
	size_t piece;
	uint64_t done;
	char *buffer;
	size_t begin, size, room; /* what waits: size bytes from begin on */
	bool broken;
	struct loop_source *source;
	void (*written)(void *context);
	void *context;
};

static void on_writable(void *context, short events)
{
	(void)events;
	struct output *o = context;
	size_t n = o->size < o->piece ? o->size : o->piece;
	ssize_t written = o->broken ? (ssize_t)o->size : write(o->fd, o->buffer + o->begin, n);
	if (written < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (written < 0) {
		o->broken = true;
		written = (ssize_t)o->size;
	}
	o->begin += (size_t)written;
	o->size -= (size_t)written;
	o->done += (uint64_t)written;
	loop_watch(o->source, o->size > 0 ? POLLOUT : 0);
	o->written(o->context);
}

int output_create(struct loop *loop, int fd, uint64_t start, void (*written)(void *context), void *context,
	struct output **ret_output)
{
	struct output *o = calloc(1, sizeof *o);
	if (o == NULL)
		return error_set(PMIG_ENOMEM, "output: out of memory");
	struct stat st;
	bool file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	*o = (struct output){
		.fd = fd, .piece = file ? BIG_PIECE : PIECE, .done = start, .written = written, .context = context};
	int r = loop_add(loop, fd, 0, on_writable, o, &o->source);
	if (r < 0) {
		free(o);
		return r;
	}
	*ret_output = o;
	return 0;
}

void output_destroy(struct output *o)
{
	if (o == NULL)
		return;
	loop_remove(&o->source);
	free(o->buffer);
	free(o);
}

int output_put(struct output *o, uint64_t offset, const void *data, size_t size)
{
	uint64_t expected = output_taken(o);
	if (offset > expected)
		return error_set(PMIG_EPROTOCOL, "output: %llu bytes are missing", (unsigned long long)(offset - expected));
	if (offset + size <= expected)
		return 0;
	size_t known = (size_t)(expected - offset);
	size -= known;
	if (o->begin + o->size + size > o->room && o->size > 0)
		memmove(o->buffer, o->buffer + o->begin, o->size);
	if (o->begin + o->size + size > o->room)
		o->begin = 0;
	if (o->size + size > o->room) {
		size_t room = 2 * (o->size + size);
		char *buffer = realloc(o->buffer, room);
		if (buffer == NULL)
			return error_set(PMIG_ENOMEM, "output: out of memory");
		o->buffer = buffer;
		o->room = room;
	}
	memcpy(o->buffer + o->begin + o->size, (const char *)data + known, size);
	o->size += size;
	loop_watch(o->source, POLLOUT);
	return 0;
}

void output_skip(struct output *o, uint64_t offset)
{
	if (o->size == 0 && offset > o->done)
		o->done = offset;
}

uint64_t output_taken(const struct output *o)
{
	return o->done + o->size;
}

uint64_t output_done(const struct output *o)
{
	return o->done;
}

bool output_broken(const struct output *o)
{
	return o->broken;
}
