/* channel_move: an end that goes on at another host: its state, with all bytes that are under way. Writer and reader of the
 * format stand here. */
#include "channel_parts.h"
#include "channel_plain.h"

#include <endian.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x6e61686367696d70u /* "pmigchan" */
#define VERSION 2
#define PIECE (64u << 10)
#define UNREAD_MAX (1u << 20) /* what a socket may hold besides a window */
#define SIDE_MAX (12u << 20)  /* bytes of one direction: a window and the above, or what TCP has under way */

enum { OUT_ENDED = 1, END_ACKED = 2, IN_ENDED = 4, IN_DONE = 8 };

/* All little-endian; then the bytes out, the bytes in, and, of a connection, the notes out and the notes in. */
struct state {
	uint64_t magic, version, id, flags;
	uint64_t out_begin, out_size, in_begin, in_size;
	int32_t in_code, side_made, side_seen, side_done;
	uint32_t sides_out, sides_in;
};

struct side {
	int32_t number;
	uint32_t size;
	uint64_t at;
	unsigned char bytes[CHANNEL_SIDE_MAX];
};

/* What waits in a socket, which stays there: the hand-over may be given up yet. */
struct waiting {
	unsigned char *bytes;
	size_t size;
	bool urgent; /* the byte at `mark` */
	size_t mark;
};

static bool urgent_at_front(int fd)
{
	int at = 0;
	return ioctl(fd, SIOCATMARK, &at) == 0 && at != 0;
}

/* Whether an urgent byte waits: where it is read in its place, it always does, else until it was taken with MSG_OOB. */
static bool has_urgent(int fd)
{
	char byte;
	int in_line = 0;
	socklen_t size = sizeof in_line;
	(void)getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &in_line, &size);
	return in_line != 0 || recv(fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* Piece by piece, since none goes over an urgent byte: SO_PEEK_OFF in socket(7). */
static ssize_t peek(int fd, struct waiting *w, size_t room)
{
	int from = 0, nowhere = -1;
	ssize_t n = 0;
	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &from, sizeof from) < 0)
		return -1;
	while (w->size < room && (n = recv(fd, w->bytes + w->size, room - w->size, MSG_PEEK | MSG_DONTWAIT)) > 0) {
		if (w->size > 0) {
			w->urgent = true;
			w->mark = w->size;
		}
		w->size += (size_t)n;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &nowhere, sizeof nowhere);
	w->urgent = has_urgent(fd) && (w->urgent || (w->size > 0 && urgent_at_front(fd)));
	return (ssize_t)w->size;
}

static int look(const struct channel *c, int fd, struct waiting *ret)
{
	int size = 0;
	if (c->options.messages != NULL)
		return channel_message_look(c, fd, UNREAD_MAX, &ret->bytes, &ret->size);
	if (ioctl(fd, SIOCINQ, &size) < 0)
		return error_errno(PMIG_EIO, errno, "channel");
	if (size < 0 || size > (int)UNREAD_MAX)
		return error_set(PMIG_EREFUSED, "channel: more than %u bytes wait in a socket", UNREAD_MAX);
	unsigned char *bytes = malloc((size_t)size + 1);
	if (bytes == NULL)
		return error_set(PMIG_ENOMEM, "channel: out of memory");
	struct waiting w = {.bytes = bytes};
	ssize_t n = size == 0           ? 0
		: c->options.connection ? peek(fd, &w, (size_t)size)
					: recv(fd, bytes, (size_t)size, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 || (n != size && !c->options.connection)) {
		free(bytes);
		return error_set(PMIG_EIO, "channel: %d bytes wait in a socket, and %zd can be seen", size, n);
	}
	w.size = (size_t)n;
	*ret = w;
	return 0;
}

/* Behind what waits there nothing will come. */
static bool has_ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	return poll(&p, 1, 0) > 0 && (p.revents & POLLRDHUP) != 0;
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

static int32_t le_int(int n)
{
	return (int32_t)htole32((uint32_t)n);
}

static uint32_t count_sides(const struct channel_side *s)
{
	uint32_t n = 0;
	for (; s != NULL; s = s->next)
		n++;
	return n;
}

static int write_sides(int fd, const struct channel_side *s)
{
	int r = 0;
	for (; s != NULL && r >= 0; s = s->next) {
		struct side one = {.number = le_int(s->number), .size = htole32((uint32_t)s->size), .at = htole64(s->at)};
		memcpy(one.bytes, s->bytes, s->size);
		r = write_all(fd, &one, sizeof one);
	}
	return r;
}

/* A file with the head of a state. */
static int begin_state(const struct state *s, int *ret_file)
{
	int fd = memfd_create("pmig-channel", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "channel: its state");
	*ret_file = fd;
	return write_all(fd, s, sizeof *s);
}

/* `r`: how the writing of it went. */
static int end_state(int fd, int r, int *ret_state)
{
	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = error_errno(PMIG_EIO, errno, "channel: its state");
	if (r < 0 && fd >= 0)
		(void)close(fd);
	if (r >= 0)
		*ret_state = fd;
	return r;
}

/* `written` comes behind what is under way from here, `unread` in front of what has come. */
static int write_state(const struct channel *c, const struct waiting *written, const struct waiting *unread, int *ret_state)
{
	bool out_ended = c->out_ended || has_ended(c->options.fd);
	uint64_t out_size = c->out.end - c->out.begin + written->size, in_size = c->in.end - c->in.begin + unread->size;
	unsigned flags = (out_ended ? OUT_ENDED : 0) | (c->end_acked > 0 ? END_ACKED : 0) | (c->in_ended ? IN_ENDED : 0) |
		(c->in_done ? IN_DONE : 0);
	struct state s = {htole64(MAGIC), htole64(VERSION), htole64(c->options.id), htole64(flags), htole64(c->out.begin),
		htole64(out_size), htole64(c->in.begin - unread->size), htole64(in_size), le_int(c->in_code),
		le_int(c->side_made + (int)written->urgent), le_int(c->side_seen), le_int(c->side_done),
		htole32(count_sides(c->sides_out) + (uint32_t)written->urgent),
		htole32(count_sides(c->sides_in) + (uint32_t)unread->urgent)};
	/* what has been given already and is given again, and what the next end would have found */
	struct channel_side given = {
		.number = c->side_done, .at = c->in.begin - unread->size + unread->mark, .next = c->sides_in};
	struct channel_side found = {.number = c->side_made + 1, .at = c->out.end + written->mark};
	if (out_size > SIDE_MAX || in_size > SIDE_MAX)
		return error_set(PMIG_EREFUSED, "channel: more than %u bytes are under way", SIDE_MAX);
	int fd = -1, r = begin_state(&s, &fd);
	if (r >= 0)
		r = write_ring(fd, &c->out);
	if (r >= 0)
		r = write_all(fd, written->bytes, written->size);
	if (r >= 0)
		r = write_all(fd, unread->bytes, unread->size);
	if (r >= 0)
		r = write_ring(fd, &c->in);
	if (r >= 0)
		r = write_sides(fd, c->sides_out);
	if (r >= 0 && written->urgent)
		r = write_sides(fd, &found);
	if (r >= 0)
		r = write_sides(fd, unread->urgent ? &given : c->sides_in);
	return end_state(fd, r, ret_state);
}

int channel_suspend(struct channel *c, int fd, int *ret_state)
{
	struct waiting written = {0}, unread = {0};
	if (c->finished)
		return error_set(c->code < 0 ? c->code : PMIG_EGONE, "%s", c->code < 0 ? c->reason : "it has ended");
	channel_hold(c, true);
	int r = c->out_ended ? 0 : look(c, c->options.fd, &written);
	if (r >= 0)
		r = look(c, fd, &unread);
	if (r >= 0 && unread.size > c->in.begin)
		r = error_set(PMIG_EPROTOCOL, "channel: more bytes wait in its socket than came through it");
	if (r >= 0)
		r = write_state(c, &written, &unread, ret_state);
	free(written.bytes);
	free(unread.bytes);
	return r;
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

/* Numbers and places do not go back. */
static int read_sides(int fd, struct channel_side **list, uint32_t n, int last)
{
	uint64_t at = 0;
	int number = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct side one = {0};
		struct channel_side *s = read(fd, &one, sizeof one) == (ssize_t)sizeof one ? calloc(1, sizeof *s) : NULL;
		if (s == NULL)
			return error_set(PMIG_ECORRUPT, "channel: its notes are cut off");
		*s = (struct channel_side){.number = le_int(one.number), .size = le32toh(one.size), .at = le64toh(one.at)};
		*list = s;
		list = &s->next;
		if (s->size > CHANNEL_SIDE_MAX || s->at < at || s->number < number || s->number > last)
			return error_set(PMIG_ECORRUPT, "channel: a note in its state cannot be");
		at = s->at;
		number = s->number;
		memcpy(s->bytes, one.bytes, s->size);
	}
	return 0;
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
		.in_size = le64toh(s.in_size),
		.in_code = le_int(s.in_code),
		.side_made = le_int(s.side_made),
		.side_seen = le_int(s.side_seen),
		.side_done = le_int(s.side_done),
		.sides_out = le32toh(s.sides_out),
		.sides_in = le32toh(s.sides_in)};
	uint64_t sides = (uint64_t)ret->sides_out + ret->sides_in;
	if (ret->out_size > SIDE_MAX || ret->in_size > SIDE_MAX || ret->id != id || ret->out_begin > INT64_MAX ||
		ret->in_begin > INT64_MAX || ret->side_made < 0 || ret->side_seen < 0 || sides > 2 * CHANNEL_SIDES ||
		(uint64_t)st.st_size != sizeof s + ret->out_size + ret->in_size + sides * sizeof(struct side))
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
	c->in_code = s.in_code;
	c->side_made = s.side_made;
	c->side_seen = s.side_seen;
	c->side_done = s.side_done;
	c->held = true; /* until the program runs here */
	r = read_sides(state, &c->sides_out, s.sides_out, s.side_made);
	if (r >= 0)
		r = read_sides(state, &c->sides_in, s.sides_in, s.side_seen);
	if (r < 0) {
		channel_destroy(c);
		*ret_channel = NULL;
	}
	return r;
}

/* Both directions of such a channel begin there for both ends: neither needs to know how much the other has kept. */
#define FRESH (UINT64_C(1) << 40)

int channel_state_new(uint64_t id, const struct plain_front *out, const struct plain_front *in, int *ret_state)
{
	struct state s = {.magic = htole64(MAGIC),
		.version = htole64(VERSION),
		.id = htole64(id),
		.flags = htole64(out->ended ? OUT_ENDED : 0),
		.out_begin = htole64(FRESH),
		.out_size = htole64(out->size),
		.in_begin = htole64(FRESH - in->size),
		.in_size = htole64(in->size),
		/* each of them has made one note: the urgent byte, of which the other need not know whether it was one */
		.side_made = le_int(1),
		.side_seen = le_int(1),
		.side_done = le_int(in->urgent ? 0 : 1),
		.sides_out = htole32(out->urgent),
		.sides_in = htole32(in->urgent)};
	struct channel_side given = {.number = 1, .at = FRESH + out->mark},
			    come = {.number = 1, .at = FRESH - in->size + in->mark};
	if (out->size > SIDE_MAX || in->size > SIDE_MAX)
		return error_set(PMIG_EREFUSED, "channel: more than %u bytes are under way", SIDE_MAX);
	int fd = -1, r = begin_state(&s, &fd);
	if (r >= 0)
		r = write_all(fd, out->bytes, out->size);
	if (r >= 0)
		r = write_all(fd, in->bytes, in->size);
	if (r >= 0 && out->urgent)
		r = write_sides(fd, &given);
	if (r >= 0 && in->urgent)
		r = write_sides(fd, &come);
	return end_state(fd, r, ret_state);
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
