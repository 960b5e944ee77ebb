/* channel_move: an end that goes on at another host: its state, with all bytes that are under way. Writer and reader of the
 * format stand here. */
#include "channel_parts.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x6e61686367696d70u /* "pmigchan" */
#define VERSION 1
#define PIECE (64u << 10)
#define UNREAD_MAX (1u << 20)                  /* what a socket may hold besides a window */
#define SIDE_MAX (CHANNEL_WINDOW + UNREAD_MAX) /* bytes of one direction */

enum { OUT_ENDED = 1, END_ACKED = 2, IN_ENDED = 4, IN_DONE = 8 };

/* All little-endian; then the bytes out, then the bytes in. */
struct state {
	uint64_t magic, version, id, flags;
	uint64_t out_begin, out_size, in_begin, in_size;
};

/* Everything that waits in a socket, behind `more`, which grows. */
static int drain(int fd, unsigned char **more, size_t *size, bool *ret_ended)
{
	for (;;) {
		unsigned char *longer = realloc(*more, *size + PIECE);
		if (longer == NULL)
			return error_set(PMIG_ENOMEM, "channel: out of memory");
		*more = longer;
		ssize_t n = recv(fd, *more + *size, PIECE, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ECONNRESET)
			return error_errno(PMIG_EIO, errno, "channel");
		*ret_ended |= n == 0;
		if (n <= 0)
			return 0;
		*size += (size_t)n;
		if (*size > UNREAD_MAX)
			return error_set(PMIG_EREFUSED, "channel: more than %u bytes wait in a socket", UNREAD_MAX);
	}
}

/* The ring, with `size` bytes more in front or behind, and as much room as it needs besides. */
static int widen(struct channel_ring *r, const unsigned char *more, size_t size, bool front)
{
	struct channel_ring wide;
	size_t used = (size_t)(r->end - r->begin);
	int rc = channel_ring_create(&wide, CHANNEL_WINDOW + used + size, r->begin - (front ? size : 0));
	unsigned char *old = rc < 0 ? NULL : malloc(used + 1);
	if (rc < 0 || old == NULL) {
		if (rc >= 0)
			free(wide.bytes);
		return rc < 0 ? rc : error_set(PMIG_ENOMEM, "channel: out of memory");
	}
	channel_ring_copy(r, old);
	channel_ring_put(&wide, front ? more : old, front ? size : used);
	channel_ring_put(&wide, front ? old : more, front ? used : size);
	free(old);
	free(r->bytes);
	*r = wide;
	return 0;
}

static int write_all(int fd, const void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, (const char *)data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(PMIG_EIO, errno, "channel: its state");
		done += (size_t)n;
	}
	return 0;
}

static int write_ring(int fd, const struct channel_ring *r)
{
	size_t size = (size_t)(r->end - r->begin);
	unsigned char *bytes = malloc(size + 1);
	if (bytes == NULL)
		return error_set(PMIG_ENOMEM, "channel: out of memory");
	channel_ring_copy(r, bytes);
	int rc = write_all(fd, bytes, size);
	free(bytes);
	return rc;
}

static int write_state(const struct channel *c, int *ret_state)
{
	unsigned flags = (c->out_ended ? OUT_ENDED : 0) | (c->end_acked ? END_ACKED : 0) | (c->in_ended ? IN_ENDED : 0) |
		(c->in_done ? IN_DONE : 0);
	struct state s = {htole64(MAGIC), htole64(VERSION), htole64(c->options.id), htole64(flags), htole64(c->out.begin),
		htole64(c->out.end - c->out.begin), htole64(c->in.begin), htole64(c->in.end - c->in.begin)};
	int fd = memfd_create("pmig-channel", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "channel: its state");
	int r = write_all(fd, &s, sizeof s);
	if (r >= 0)
		r = write_ring(fd, &c->out);
	if (r >= 0)
		r = write_ring(fd, &c->in);
	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = error_errno(PMIG_EIO, errno, "channel: its state");
	if (r < 0)
		(void)close(fd);
	else
		*ret_state = fd;
	return r;
}

int channel_suspend(struct channel *c, int fd, int *ret_state)
{
	unsigned char *written = NULL, *unread = NULL;
	size_t written_size = 0, unread_size = 0;
	bool ignored = false;
	if (c->finished)
		return error_set(c->code < 0 ? c->code : PMIG_EGONE, "%s", c->code < 0 ? c->reason : "it has ended");
	channel_hold(c, true);
	int r = c->out_ended ? 0 : drain(c->options.fd, &written, &written_size, &c->out_ended);
	if (r >= 0)
		r = widen(&c->out, written, written_size, false);
	if (r >= 0)
		r = drain(fd, &unread, &unread_size, &ignored);
	if (r >= 0)
		r = widen(&c->in, unread, unread_size, true);
	free(written);
	free(unread);
	if (r >= 0 && (c->out.end - c->out.begin > SIDE_MAX || c->in.end - c->in.begin > SIDE_MAX))
		r = error_set(PMIG_EREFUSED, "channel: more than %u bytes are under way", SIDE_MAX);
	return r < 0 ? r : write_state(c, ret_state);
}

static int read_ring(int fd, struct channel_ring *ret, uint64_t begin, uint64_t size)
{
	int r = channel_ring_create(ret, CHANNEL_WINDOW + (size_t)size, begin);
	unsigned char *bytes = r < 0 ? NULL : malloc((size_t)size + 1);
	if (r >= 0 && bytes == NULL)
		r = error_set(PMIG_ENOMEM, "channel: out of memory");
	for (size_t done = 0; r >= 0 && done < size;) {
		ssize_t n = read(fd, bytes + done, (size_t)size - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			r = error_set(PMIG_ECORRUPT, "channel: its state is cut off");
	}
	if (r >= 0)
		channel_ring_put(ret, bytes, (size_t)size);
	free(bytes);
	return r;
}

static int read_head(int state, uint64_t id, struct state *ret)
{
	struct state s = {0};
	struct stat st;
	if (fstat(state, &st) < 0 || pread(state, &s, sizeof s, 0) != (ssize_t)sizeof s ||
		lseek(state, sizeof s, SEEK_SET) < 0 || le64toh(s.magic) != MAGIC || le64toh(s.version) != VERSION)
		return error_set(PMIG_ECORRUPT, "channel: that is not the state of one");
	*ret = (struct state){.id = le64toh(s.id),
		.flags = le64toh(s.flags),
		.out_begin = le64toh(s.out_begin),
		.out_size = le64toh(s.out_size),
		.in_begin = le64toh(s.in_begin),
		.in_size = le64toh(s.in_size)};
	if (ret->out_size > SIDE_MAX || ret->in_size > SIDE_MAX || ret->id != id || ret->out_begin > INT64_MAX ||
		ret->in_begin > INT64_MAX || (uint64_t)st.st_size != sizeof s + ret->out_size + ret->in_size)
		return error_set(PMIG_ECORRUPT, "channel: the state of %016llx is not whole", (unsigned long long)id);
	return 0;
}

int channel_resume(const struct channel_options *options, int state, struct channel **ret_channel)
{
	struct state s = {0};
	struct channel_ring out = {0}, in = {0};
	int r = read_head(state, options->id, &s);
	if (r >= 0)
		r = read_ring(state, &out, s.out_begin, s.out_size);
	if (r >= 0)
		r = read_ring(state, &in, s.in_begin, s.in_size);
	if (r < 0) {
		free(out.bytes);
		free(in.bytes);
		(void)close(options->fd);
		return r;
	}
	r = channel_make(options, &out, &in, ret_channel);
	if (r < 0)
		return r;
	struct channel *c = *ret_channel;
	c->out_ended = (s.flags & OUT_ENDED) != 0;
	c->end_acked = (s.flags & END_ACKED) != 0;
	c->in_ended = (s.flags & IN_ENDED) != 0;
	c->held = true; /* until the program runs here */
	return 0;
}

uint64_t channel_state_id(int state)
{
	struct state s;
	bool whole = pread(state, &s, sizeof s, 0) == (ssize_t)sizeof s && le64toh(s.magic) == MAGIC;
	return whole ? le64toh(s.id) : 0;
}

bool channel_meets(const struct channel *moved, const struct channel *other)
{
	/* what was sent may have arrived and not be acknowledged yet: where it arrived, counts */
	return moved->in.begin == moved->in.end && other->out.end == moved->in.end && other->in.begin == other->in.end &&
		other->in.end == moved->out.end;
}
