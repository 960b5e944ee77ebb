/* remote_file_data: the bytes of a remote file: read by pages, ahead where that pays, and written behind the program's back, in order. */
#include "remote_file_parts.h"

#include <errno.h>
#include <string.h>

#define PAGE REMOTE_CACHE_PAGE
#define PIECE (REMOTE_LINK_PIECE / PAGE)                 /* pages that one request asks for at most */
#define WINDOW_FIRST PIECE                               /* pages */
#define WINDOW_MOST (REMOTE_FILE_AHEAD_MAX / PAGE)       /* pages */
#define CLUSTER_SLOW 4                                   /* pages fetched for a random read over a slow way */
#define SWEEP_AFTER 8                                    /* missed, in no order; then a small file is fetched as a whole */
#define SWEEP_SIZE ((uint64_t)REMOTE_FILE_CACHE / 8 * 7) /* what a small file is */

static bool hurried;

void remote_file_hurry(void)
{
	hurried = true;
}

static void came(void *context, const struct protocol_request *q, const struct protocol_answer *r, const void *data)
{
	struct remote_file *f = context;
	bool good = r->error == 0 && r->size <= q->b;
	remote_cache_bring(&f->cache, q->a / PAGE, q->b / PAGE, q->id, good ? (data != NULL ? data : "") : NULL, r->size);
	if (!good)
		f->read_error = r->error != 0 ? (int)r->error : EIO;
}

/* Asks for `n` pages from `page` on. false: there is no room for them, or no connection. */
static bool ask(struct remote_file *f, uint64_t page, size_t n)
{
	struct protocol_request q = {
		.operation = PROTOCOL_READ, .handle = f->handle, .a = page * PAGE, .b = (uint64_t)n * PAGE};
	uint64_t id = remote_link_next(f->link);
	for (size_t i = 0; i < n; i++)
		if (!remote_cache_expect(&f->cache, page + i, id)) {
			while (i-- > 0)
				remote_cache_forget(&f->cache, page + i);
			return false;
		}
	if (remote_link_send(f->link, &q, NULL, came, f) == 0)
		return true;
	remote_cache_bring(&f->cache, page, n, id, NULL, 0);
	return false;
}

/* Asks for what is neither here nor expected of the pages [from, to), in pieces. */
static bool ask_missing(struct remote_file *f, uint64_t from, uint64_t to)
{
	while (from < to) {
		size_t n = 0;
		while (n < PIECE && from + n < to && remote_cache_state(&f->cache, from + n) == REMOTE_CACHE_NONE)
			n++;
		if (n > 0 && !ask(f, from, n))
			return false;
		from += n > 0 ? n : 1;
	}
	return true;
}

static uint64_t pages_to(uint64_t end)
{
	return (end + PAGE - 1) / PAGE;
}

/* A reading in sequence: what follows is asked for before it is wanted, more of it each time it was. */
static void read_ahead(struct remote_file *f, uint64_t first, uint64_t last)
{
	uint64_t to = last + 1 + f->window, end = pages_to(f->end), from = f->ahead;
	to = to < end ? to : end;
	if (from < first || from > first + WINDOW_MOST + PIECE)
		from = first;
	/* Whole pieces, so that many small reads do not make many small requests. */
	if (to <= from || (to - from < PIECE && to < end))
		return;
	f->window = 2 * f->window < WINDOW_MOST ? 2 * f->window : WINDOW_MOST;
	(void)ask_missing(f, from, to);
	f->ahead = to;
}

/* What a read in no order misses; with each, a piece of the rest, as long as all of it fits. */
static bool fetch_around(struct remote_file *f, uint64_t page)
{
	uint64_t from = page, to = page + 1;
	if (f->slow) {
		from = page / CLUSTER_SLOW * CLUSTER_SLOW;
		to = from + CLUSTER_SLOW;
		to = to < pages_to(f->end) || to <= page ? to : pages_to(f->end);
		to = to > page ? to : page + 1;
	}
	if (!ask_missing(f, from, to))
		return false;
	if (++f->misses > SWEEP_AFTER && f->end <= SWEEP_SIZE && f->sweep * PAGE < f->end) {
		uint64_t end = pages_to(f->end), next = f->sweep + PIECE;
		(void)ask_missing(f, f->sweep, next < end ? next : end);
		f->sweep = next;
	}
	return true;
}

/* The page that has `offset` is here, or has ended before. -1 and errno. */
static int have(struct remote_file *f, uint64_t offset)
{
	uint64_t page = offset / PAGE;
	for (bool asked = false;; asked = true) {
		while (remote_cache_state(&f->cache, page) == REMOTE_CACHE_EXPECTED)
			remote_link_step(f->link);
		if (remote_cache_state(&f->cache, page) == REMOTE_CACHE_HERE)
			return 0;
		if (asked && f->read_error != 0) {
			errno = f->read_error;
			return -1;
		}
		f->read_error = 0;
		bool sent = f->window > 0 ? ask(f, page, 1) : fetch_around(f, page);
		if (!sent) {
			errno = remote_link_lost(f->link) ? EIO : ENOMEM;
			return -1;
		}
	}
}

/* What is cached is not much older than REMOTE_FILE_FRESH. */
static int freshen(struct remote_file *f)
{
	return remote_file_now() - f->asked < REMOTE_FILE_FRESH ? 0 : remote_file_check(f);
}

ssize_t remote_file_pread(struct remote_file *f, void *to, size_t size, off_t offset)
{
	GUARD(GUARD_REMOTE);
	size_t done = 0;
	bool again = false;
	if (offset < 0 || (f->flags & O_ACCMODE) == O_WRONLY || S_ISDIR(f->st.mode)) {
		errno = offset < 0 ? EINVAL : S_ISDIR(f->st.mode) ? EISDIR : EBADF;
		return -1;
	}
	if (size == 0)
		return 0;
	size = size < INT64_MAX - (uint64_t)offset ? size : (size_t)(INT64_MAX - offset);
	if (freshen(f) < 0)
		return -1;
	uint64_t at = (uint64_t)offset, last = (at + size - 1) / PAGE;
	if (at != f->next)
		f->window = 0;
	else if (f->window == 0)
		f->window = WINDOW_FIRST;
	if (f->window > 0)
		read_ahead(f, at / PAGE, last);
	else if (last > at / PAGE)
		(void)ask_missing(f, at / PAGE, last + 1 < pages_to(f->end) ? last + 1 : pages_to(f->end));
	while (done < size) {
		if (have(f, at + done) < 0) {
			if (done == 0)
				return -1;
			break;
		}
		size_t n = remote_cache_copy(&f->cache, (char *)to + done, size - done, at + done);
		done += n;
		if (n > 0)
			continue;
		if (done > 0 || again)
			break;
		/* The end, as it was when the page came: a reader that is at the end wants to know whether it still is. */
		remote_cache_forget(&f->cache, (at + done) / PAGE);
		again = true;
	}
	f->next = at + done;
	return (ssize_t)done;
}

/* The answer to a write: it went wrong, or somebody else wrote too. */
static void written(void *context, const struct protocol_request *q, const struct protocol_answer *r, const void *data)
{
	struct remote_file *f = context;
	if (r->error != 0 || r->size != 2 * PROTOCOL_STAT || r->a != q->size) {
		f->error = f->error != 0 ? f->error : r->error != 0 ? (int)r->error : EIO;
		remote_cache_forget_from(&f->cache, 0);
		return;
	}
	struct protocol_stat before = protocol_get_stat(data);
	if (before.size != f->st.size || before.modified != f->st.modified || before.changed != f->st.changed)
		remote_cache_forget_from(&f->cache, 0);
	f->st = protocol_get_stat((const unsigned char *)data + PROTOCOL_STAT);
	f->end = f->end > f->st.size ? f->end : f->st.size;
	if (q->operation == PROTOCOL_APPEND)
		f->appended = r->b;
}

static int send_piece(struct remote_file *f, const void *from, size_t size, off_t offset)
{
	bool append = offset < 0;
	struct protocol_request q = {.operation = append ? PROTOCOL_APPEND : PROTOCOL_WRITE,
		.handle = f->handle,
		.size = (uint32_t)size,
		.a = append ? 0 : (uint64_t)offset};
	/* Pages beyond what was the end have grown or begin with a gap. */
	if (append || (uint64_t)offset > f->end)
		remote_cache_forget(&f->cache, f->end / PAGE);
	if (!append) {
		remote_cache_write(&f->cache, from, size, (uint64_t)offset);
		f->end = f->end > (uint64_t)offset + size ? f->end : (uint64_t)offset + size;
	}
	if (remote_link_send(f->link, &q, from, written, f) < 0)
		return -1;
	if (hurried || (f->flags & (O_SYNC | O_DSYNC)) != 0)
		remote_link_wait(f->link, q.id);
	else
		remote_link_drain_to(f->link, REMOTE_FILE_WRITES);
	return 0;
}

/* offset < 0: appended. */
static ssize_t put(struct remote_file *f, const void *from, size_t size, off_t offset)
{
	GUARD(GUARD_REMOTE);
	if ((f->flags & O_ACCMODE) == O_RDONLY) {
		errno = EBADF;
		return -1;
	}
	if (remote_file_tell(f) < 0)
		return -1;
	size_t done = 0;
	while (done < size) {
		size_t n = size - done < PROTOCOL_DATA_MAX ? size - done : PROTOCOL_DATA_MAX;
		if (send_piece(f, (const char *)from + done, n, offset < 0 ? offset : offset + (off_t)done) < 0 ||
			f->error != 0) {
			if (done == 0)
				return f->error != 0 ? remote_file_tell(f) : -1;
			break;
		}
		done += n;
	}
	return (ssize_t)done;
}

ssize_t remote_file_pwrite(struct remote_file *f, const void *from, size_t size, off_t offset)
{
	if (offset < 0) {
		errno = EINVAL;
		return -1;
	}
	/* On Linux pwrite() appends too where O_APPEND is set: pwrite(2), BUGS. */
	return put(f, from, size, (f->flags & O_APPEND) != 0 ? -1 : offset);
}

/* The position as a number. */
static off_t position(struct remote_file *f)
{
	if (f->position == POSITION_APPENDED) {
		GUARD(GUARD_REMOTE);
		remote_link_drain(f->link);
		f->position = (off_t)f->appended;
	}
	return f->position;
}

ssize_t remote_file_read(struct remote_file *f, void *to, size_t size)
{
	GUARD(GUARD_REMOTE);
	off_t at = position(f);
	ssize_t n = remote_file_pread(f, to, size, at);
	if (n > 0)
		f->position = at + n;
	return n;
}

ssize_t remote_file_write(struct remote_file *f, const void *from, size_t size)
{
	GUARD(GUARD_REMOTE);
	bool append = (f->flags & O_APPEND) != 0;
	off_t at = append ? -1 : position(f);
	ssize_t n = put(f, from, size, at);
	if (n > 0)
		f->position = append ? POSITION_APPENDED : at + n;
	return n;
}

static off_t seek_data(struct remote_file *f, off_t offset, int whence)
{
	GUARD(GUARD_REMOTE);
	struct protocol_answer r;
	struct protocol_request q = {.operation = PROTOCOL_SEEK, .a = (uint64_t)offset, .c = (uint32_t)whence};
	return remote_file_call(f, &q, NULL, 0, &r) < 0 ? -1 : (off_t)r.a;
}

off_t remote_file_seek(struct remote_file *f, off_t offset, int whence)
{
	off_t to = -1;
	bool bad = false;
	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		to = seek_data(f, offset, whence);
		if (to < 0)
			return -1;
	} else if (whence == SEEK_SET || whence == SEEK_CUR) {
		bad = __builtin_add_overflow(whence == SEEK_CUR ? position(f) : 0, offset, &to);
	} else if (whence == SEEK_END) {
		int64_t size = remote_file_size(f);
		if (size < 0)
			return -1;
		bad = __builtin_add_overflow(size, offset, &to);
	}
	if (bad || to < 0) {
		errno = bad ? EOVERFLOW : EINVAL;
		return -1;
	}
	return f->position = to;
}
