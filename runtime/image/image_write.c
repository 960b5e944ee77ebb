/* image_write: the writer. One pass, its own memory, nothing of the program's is changed. */
#include "image_format.h"
#include "image_pages.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PARTS_MAX 64 /* pieces of a chunk that are written from where they are; more are copied together first */

struct image_writer {
	int fd;
	int failed; /* the first failure; every later call returns it */
	bool finished;
	uint64_t at; /* bytes written */
	uint64_t sections;
	uint64_t seal;
	uint32_t page;
	const struct image_range *secrets;
	size_t n_secrets;
	size_t count[IMAGE_MAPPINGS + 1]; /* of each type */
	struct iovec parts[PARTS_MAX];
	uint8_t chunk[IMAGE_CHUNK];
};

static const uint8_t zeros[4096];

static void *scratch(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* --- bytes out --- */

/* writev() that reports a reader that went away, or a size limit, as an error only: SIGPIPE and SIGXFSZ, which go to
 * the thread that writes, would end the program. */
static ssize_t write_quietly(int fd, const struct iovec *parts, int n)
{
	sigset_t ours, old, pending;
	sigemptyset(&ours);
	sigaddset(&ours, SIGPIPE);
	sigaddset(&ours, SIGXFSZ);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &ours, &old);
	ssize_t r = writev(fd, parts, n);
	int saved = errno;
	int raised = r >= 0 ? 0 : saved == EPIPE ? SIGPIPE : saved == EFBIG ? SIGXFSZ : 0;
	if (raised != 0 && !sigismember(&pending, raised)) {
		sigset_t one;
		sigemptyset(&one);
		sigaddset(&one, raised);
		(void)sigtimedwait(&one, NULL, &(struct timespec){0});
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return r;
}

static int fail(struct image_writer *w, int code)
{
	w->failed = code;
	return code;
}

static int fail_write(struct image_writer *w, int number)
{
	bool full = number == ENOSPC || number == EDQUOT;
	if (number == EFBIG)
		return fail(w,
			error_set(PMIG_EREFUSED,
				"the image would be larger than a file may be here: more than %" PRIu64
				" bytes, by the process's own limit (ulimit -f) or the file system's",
				w->at));
	return fail(w, error_errno(full ? PMIG_ENOSPC : PMIG_EIO, number, "image: write at offset %" PRIu64, w->at));
}

/* Writes all of `parts`, whose entries it consumes. */
static int write_parts(struct image_writer *w, struct iovec *parts, size_t n)
{
	while (n > 0) {
		ssize_t got = write_quietly(w->fd, parts, (int)n);
		if (got < 0 && errno == EAGAIN)
			(void)poll(&(struct pollfd){.fd = w->fd, .events = POLLOUT}, 1, -1);
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return fail_write(w, errno);
		if (got < 0)
			continue;
		w->at += (uint64_t)got;
		size_t left = (size_t)got;
		while (n > 0 && left >= parts->iov_len) {
			left -= parts->iov_len;
			parts++, n--;
		}
		if (n > 0) {
			parts->iov_base = (char *)parts->iov_base + left;
			parts->iov_len -= left;
		}
	}
	return 0;
}

static int write_bytes(struct image_writer *w, const void *data, size_t size)
{
	return write_parts(w, &(struct iovec){(void *)data, size}, size > 0);
}

static int write_padding(struct image_writer *w, uint64_t to)
{
	int r = 0;
	for (uint64_t end = image_align(w->at, to); r >= 0 && w->at < end;)
		r = write_bytes(w, zeros, end - w->at < sizeof zeros ? end - w->at : sizeof zeros);
	return r;
}

/* --- secrets --- */

static bool is_secret(const struct image_writer *w, uintptr_t address, size_t size)
{
	for (size_t i = 0; i < w->n_secrets; i++)
		if (address < w->secrets[i].address + w->secrets[i].size && w->secrets[i].address < address + size)
			return true;
	return false;
}

/* Zeroes in `copy`, made of the `size` bytes at `address`, what must not leave. */
static void blank(const struct image_writer *w, uint8_t *copy, uintptr_t address, size_t size)
{
	for (size_t i = 0; i < w->n_secrets; i++) {
		uintptr_t low = w->secrets[i].address, high = low + w->secrets[i].size;
		low = low > address ? low : address;
		high = high < address + size ? high : address + size;
		if (low < high)
			memset(copy + (low - address), 0, high - low);
	}
}

/* --- bulk data --- */

/* How far the pieces are written: all before `i`, and `done` bytes of it. */
struct cursor {
	const struct image_piece *pieces;
	size_t n;
	size_t i;
	size_t done;
};

/* The next bytes that lie together, at most `most`; none at the end. */
static struct iovec take(struct cursor *c, size_t most)
{
	while (c->i < c->n) {
		const struct image_piece *p = &c->pieces[c->i];
		size_t size = p->zero ? 0 : p->size - c->done;
		struct iovec part = {(void *)(p->address + c->done), size};
		if (size > most) {
			c->done += most;
			part.iov_len = most;
			return part;
		}
		c->i++;
		c->done = 0;
		if (size > 0)
			return part;
	}
	return (struct iovec){0};
}

/* Collects the next chunk in w->parts, from where the bytes are or, when there are many small pieces or a secret among
 * them, from a copy. Returns the number of parts. */
static size_t next_chunk(struct image_writer *w, struct cursor *c)
{
	struct cursor again = *c;
	struct iovec part;
	size_t n = 0, have = 0;
	bool copy = false;
	for (; have < IMAGE_CHUNK && (part = take(c, IMAGE_CHUNK - have)).iov_len > 0; have += part.iov_len) {
		copy |= n == PARTS_MAX || is_secret(w, (uintptr_t)part.iov_base, part.iov_len);
		if (!copy)
			w->parts[n++] = part;
	}
	if (!copy)
		return n;
	for (size_t at = 0; at < have && (part = take(&again, have - at)).iov_len > 0; at += part.iov_len) {
		memcpy(w->chunk + at, part.iov_base, part.iov_len);
		blank(w, w->chunk + at, (uintptr_t)part.iov_base, part.iov_len);
	}
	w->parts[0] = (struct iovec){w->chunk, have};
	return 1;
}

/* Each chunk is hashed and then written while the cache still has it. `*ret_hash`: hash of the table of hashes. */
static int write_bulk(struct image_writer *w, const struct image_pieces *pieces, uint64_t size, uint64_t *ret_hash)
{
	uint64_t chunks = image_chunks(size);
	uint8_t *hashes = scratch((chunks + 1) * 8);
	if (hashes == NULL)
		return fail(w, error_errno(PMIG_ENOMEM, errno, "image: %" PRIu64 " hashes", chunks));
	struct cursor c = {.pieces = pieces->at, .n = pieces->n};
	int r = write_padding(w, w->page);
	for (uint64_t i = 0; r >= 0 && i < chunks; i++) {
		size_t n = next_chunk(w, &c);
		image_set64(hashes + i * 8, image_hash_parts(w->parts, n));
		r = write_parts(w, w->parts, n);
	}
	uint64_t hash = image_hash(hashes, chunks * 8);
	image_set64(hashes + chunks * 8, hash);
	if (r >= 0)
		r = write_padding(w, 8);
	if (r >= 0)
		r = write_bytes(w, hashes, (chunks + 1) * 8);
	(void)munmap(hashes, (chunks + 1) * 8);
	if (r >= 0)
		*ret_hash = hash;
	return r;
}

/* --- sections --- */

/* Header and payload; the bulk data, if any, is for the caller to write next. */
static int begin_section(struct image_writer *w, enum image_section type, unsigned version, const struct iovec *parts,
	size_t n, uint64_t bulk_size, uint64_t *ret_hash)
{
	if (w->failed < 0)
		return error_set(w->failed, "image: an earlier part of it failed");
	const struct image_section_kind *kind = image_section_kind(type);
	if (kind == NULL || version == 0 || w->finished)
		return fail(w,
			error_set(PMIG_EINVAL, "image: section type %d, version %u cannot be written now", type, version));
	if (w->count[type]++ >= kind->most || w->sections + 1 >= IMAGE_SECTIONS_MAX + (type == IMAGE_END))
		return fail(w, error_set(PMIG_EINVAL, "image: more than %zu sections %s", kind->most, kind->name));
	struct image_section_header h = {
		.type = type,
		.version = version,
		.need = kind->need,
		.bulk_size = bulk_size,
		.payload_hash = image_hash_parts(parts, n),
	};
	(void)strncpy(h.name, kind->name, sizeof h.name - 1);
	for (size_t i = 0; i < n; i++)
		h.size += parts[i].iov_len;
	uint8_t bytes[IMAGE_SECTION_HEADER];
	image_section_encode(bytes, &h);
	int r = write_bytes(w, bytes, sizeof bytes);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = write_bytes(w, parts[i].iov_base, parts[i].iov_len);
	if (r >= 0)
		r = write_padding(w, 8);
	if (r < 0)
		return r;
	w->sections++;
	*ret_hash = h.hash;
	return 0;
}

/* A section whose bulk data are the pieces and whose payload is a table of them. */
static int put_bulk(struct image_writer *w, enum image_section type, const struct image_pieces *pieces, const void *payload,
	size_t payload_size)
{
	uint64_t size = 0, header_hash, table_hash = 0;
	for (size_t i = 0; i < pieces->n; i++)
		size += pieces->at[i].zero ? 0 : pieces->at[i].size;
	int r = begin_section(w, type, 1, &(struct iovec){(void *)payload, payload_size}, 1, size, &header_hash);
	if (r >= 0 && size > 0)
		r = write_bulk(w, pieces, size, &table_hash);
	if (r >= 0)
		w->seal = image_seal(w->seal, header_hash, table_hash);
	return r;
}

int image_put_parts(struct image_writer *w, enum image_section type, unsigned version, const struct iovec *parts, size_t n)
{
	uint64_t hash;
	if (image_has_runs(type) || type == IMAGE_GLOBALS || type == IMAGE_END)
		return fail(w, error_set(PMIG_EINVAL, "image: section type %d has a function of its own", type));
	int r = begin_section(w, type, version, parts, n, 0, &hash);
	if (r >= 0)
		w->seal = image_seal(w->seal, hash, 0);
	return r;
}

int image_put(struct image_writer *w, enum image_section type, unsigned version, const void *data, size_t size)
{
	return image_put_parts(w, type, version, &(struct iovec){(void *)data, size}, 1);
}

static void encode_runs(uint8_t *to, const struct image_writer *w, const struct image_pieces *pieces, size_t size)
{
	uint64_t offset = image_align(w->at + IMAGE_SECTION_HEADER + size, w->page);
	for (size_t i = 0; i < pieces->n; i++, to += IMAGE_RUN) {
		const struct image_piece *p = &pieces->at[i];
		image_set64(to, p->address);
		image_set64(to + 8, p->size / w->page);
		image_set64(to + 16, p->zero ? 0 : offset);
		offset += p->zero ? 0 : p->size;
	}
}

static int put_runs(struct image_writer *w, enum image_section type, const struct image_range *ranges, size_t n,
	unsigned flags)
{
	struct image_pieces pieces = {0};
	uint8_t *table = NULL;
	size_t size = 0;
	int r = image_pages_find(ranges, n, flags, &pieces);
	if (r >= 0) {
		size = pieces.n * IMAGE_RUN;
		table = scratch(size + 1);
		if (table == NULL)
			r = error_errno(PMIG_ENOMEM, errno, "table of %zu page runs", pieces.n);
	}
	if (r < 0) {
		(void)fail(w, error_prefix(r, "image: memory"));
	} else {
		encode_runs(table, w, &pieces, size);
		r = put_bulk(w, type, &pieces, table, size);
	}
	if (table != NULL)
		(void)munmap(table, size + 1);
	image_pieces_finish(&pieces);
	return r;
}

int image_put_memory(struct image_writer *w, const struct image_range *ranges, size_t n, unsigned flags)
{
	return put_runs(w, IMAGE_MEMORY, ranges, n, flags);
}

/* What image_put_globals() makes of its ranges. */
struct globals {
	uint8_t *table;
	struct image_piece *pieces; /* small ones, and the ends of large ones */
	size_t n_pieces;
	struct image_range *pages; /* of large ones, ascending */
	size_t n_pages;
};

static void split_globals(struct globals *g, const struct image_range *ranges, size_t n, size_t page)
{
	for (size_t i = 0; i < n; i++) {
		struct image_split s = image_split(ranges[i], page);
		image_set64(g->table + i * IMAGE_GLOBAL, ranges[i].address);
		image_set64(g->table + i * IMAGE_GLOBAL + 8, ranges[i].size);
		g->pieces[g->n_pieces++] = (struct image_piece){s.head.address, s.head.size, false};
		g->pieces[g->n_pieces++] = (struct image_piece){s.tail.address, s.tail.size, false};
		if (s.pages.size == 0)
			continue;
		size_t k = g->n_pages++; /* they are few: by insertion, since qsort() may use the heap */
		for (; k > 0 && g->pages[k - 1].address > s.pages.address; k--)
			g->pages[k] = g->pages[k - 1];
		g->pages[k] = s.pages;
	}
}

int image_put_globals(struct image_writer *w, const struct image_range *ranges, size_t n)
{
	size_t sizes[3] = {n * IMAGE_GLOBAL, 2 * n * sizeof(struct image_piece), n * sizeof(struct image_range)};
	size_t all = sizes[0] + sizes[1] + sizes[2] + 1;
	uint8_t *p = scratch(all);
	if (p == NULL)
		return fail(w, error_errno(PMIG_ENOMEM, errno, "image: table of %zu globals", n));
	struct globals g = {.table = p, .pieces = (void *)(p + sizes[0]), .pages = (void *)(p + sizes[0] + sizes[1])};
	split_globals(&g, ranges, n, w->page);
	int r = put_bulk(w, IMAGE_GLOBALS, &(struct image_pieces){g.pieces, g.n_pieces, g.n_pieces}, g.table, sizes[0]);
	if (r >= 0 && g.n_pages > 0)
		r = put_runs(w, IMAGE_GLOBAL_PAGES, g.pages, g.n_pages,
			IMAGE_INCREMENT); /* initialised ones may be zero now */
	(void)munmap(p, all);
	return r;
}

/* --- begin and end --- */

int image_writer_create(int fd, const struct image_identity *id, struct image_writer **ret)
{
	if (id->page_size != (uint32_t)sysconf(_SC_PAGESIZE))
		return error_set(PMIG_EINVAL, "image: the page size here is not %u", id->page_size);
	struct image_writer *w = scratch(sizeof *w);
	if (w == NULL)
		return error_errno(PMIG_ENOMEM, errno, "image: the writer's memory");
	w->fd = fd;
	w->page = id->page_size;
	uint8_t bytes[IMAGE_FILE_HEADER];
	w->seal = image_header_encode(bytes, id);
	int r = write_bytes(w, bytes, sizeof bytes);
	if (r < 0) {
		image_writer_destroy(w);
		return r;
	}
	*ret = w;
	return 0;
}

int image_writer_descriptor(const struct image_writer *w)
{
	return w->fd;
}

void image_writer_destroy(struct image_writer *w)
{
	if (w != NULL)
		(void)munmap(w, sizeof *w);
}

void image_omit(struct image_writer *w, const struct image_range *secrets, size_t n)
{
	w->secrets = secrets;
	w->n_secrets = n;
}

int image_finish(struct image_writer *w, uint64_t *ret_bytes)
{
	struct image_end end = {
		.size = w->at + IMAGE_SECTION_HEADER + IMAGE_END_SIZE,
		.sections = w->sections + 1,
		.seal = w->seal,
	};
	uint8_t bytes[IMAGE_END_SIZE];
	image_end_encode(bytes, &end);
	uint64_t hash;
	int r = begin_section(w, IMAGE_END, 1, &(struct iovec){bytes, sizeof bytes}, 1, 0, &hash);
	if (r < 0)
		return r;
	w->finished = true;
	if (ret_bytes != NULL)
		*ret_bytes = w->at;
	return 0;
}
