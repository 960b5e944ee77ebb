/* image_pages: finds the touched, non-zero pages by /proc/self/maps and PAGEMAP_SCAN or /proc/self/pagemap. */
#include "image_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* From Linux 6.7 on: Documentation/admin-guide/mm/pagemap.rst. Defined here because older headers lack it. */
#define PAGES_PRESENT (1u << 3)
#define PAGES_SWAPPED (1u << 4)
#define PAGES_PFNZERO (1u << 5)

struct pages_region {
	uint64_t start, end, categories;
};

struct pages_scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGES_SCAN _IOWR('f', 16, struct pages_scan)

#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)

struct finder {
	int pagemap;
	bool scan;      /* the kernel has PAGEMAP_SCAN */
	bool increment; /* zero pages are recorded */
	size_t page;
	struct image_pieces *pieces;
	union {
		struct pages_region regions[1024];
		uint64_t entries[4096];
	} buffer;
	char maps[16384];
};

/* --- the list --- */

static int grow(struct image_pieces *pieces)
{
	size_t old = pieces->capacity * sizeof *pieces->at;
	size_t size = old == 0 ? 1u << 16 : old * 2;
	void *p = old == 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
			   : mremap(pieces->at, old, size, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return error_errno(PMIG_ENOMEM, errno, "list of %zu page runs", pieces->n);
	pieces->at = p;
	pieces->capacity = size / sizeof *pieces->at;
	return 0;
}

int image_pieces_add(struct image_pieces *pieces, struct image_piece piece)
{
	if (pieces->n > 0) {
		struct image_piece *last = &pieces->at[pieces->n - 1];
		if (last->zero == piece.zero && last->address + last->size == piece.address) {
			last->size += piece.size;
			return 0;
		}
	}
	if (pieces->n == pieces->capacity) {
		int r = grow(pieces);
		if (r < 0)
			return r;
	}
	pieces->at[pieces->n++] = piece;
	return 0;
}

void image_pieces_finish(struct image_pieces *pieces)
{
	if (pieces->at != NULL)
		(void)munmap(pieces->at, pieces->capacity * sizeof *pieces->at);
	*pieces = (struct image_pieces){0};
}

/* --- pages --- */

/* Most pages show in their first words that they are not zero: one cache line each, the next ones on their way. */
static bool is_zero_page(const void *page, size_t size)
{
	const uint64_t *p = page;
	__builtin_prefetch((const char *)page + 4 * size);
	for (size_t i = 0; i < size / sizeof *p; i += 8)
		if ((p[i] | p[i + 1] | p[i + 2] | p[i + 3] | p[i + 4] | p[i + 5] | p[i + 6] | p[i + 7]) != 0)
			return false;
	return true;
}

/* Touched pages [low, high): the non-zero ones are listed, and the zero ones in an increment. */
static int add_touched(struct finder *f, uintptr_t low, uintptr_t high)
{
	for (uintptr_t at = low; at < high;) {
		bool zero = is_zero_page((const void *)at, f->page);
		uintptr_t end = at + f->page;
		while (end < high && is_zero_page((const void *)end, f->page) == zero)
			end += f->page;
		if (!zero || f->increment) {
			int r = image_pieces_add(f->pieces, (struct image_piece){at, end - at, zero});
			if (r < 0)
				return r;
		}
		at = end;
	}
	return 0;
}

static int add_untouched(struct finder *f, uintptr_t low, uintptr_t high)
{
	return f->increment && low < high ? image_pieces_add(f->pieces, (struct image_piece){low, high - low, true}) : 0;
}

/* What of [low, high) is touched, by PAGEMAP_SCAN: present or swapped, and not the shared zero page. */
static int find_by_scan(struct finder *f, uintptr_t low, uintptr_t high)
{
	uintptr_t done = low;
	while (low < high) {
		struct pages_scan scan = {
			.size = sizeof scan,
			.start = low,
			.end = high,
			.vec = (uintptr_t)f->buffer.regions,
			.vec_len = sizeof f->buffer.regions / sizeof *f->buffer.regions,
			.category_inverted = PAGES_PFNZERO,
			.category_mask = PAGES_PFNZERO,
			.category_anyof_mask = PAGES_PRESENT | PAGES_SWAPPED,
			.return_mask = PAGES_PRESENT,
		};
		int n = ioctl(f->pagemap, PAGES_SCAN, &scan);
		if (n < 0)
			return error_errno(PMIG_EIO, errno, "PAGEMAP_SCAN at 0x%" PRIxPTR, low);
		for (int i = 0; i < n; i++) {
			int r = add_untouched(f, done, f->buffer.regions[i].start);
			if (r >= 0)
				r = add_touched(f, f->buffer.regions[i].start, f->buffer.regions[i].end);
			if (r < 0)
				return r;
			done = f->buffer.regions[i].end;
		}
		/* When the regions just fill the vector, walk_end can lie before the last one (seen on 6.18). */
		uintptr_t next = scan.walk_end > done ? scan.walk_end : done;
		if (next <= low)
			return error_set(PMIG_EIO, "PAGEMAP_SCAN makes no progress at 0x%" PRIxPTR, low);
		low = next;
	}
	return add_untouched(f, done, high);
}

/* The same for older kernels: one 64-bit entry per page. */
static int find_by_entries(struct finder *f, uintptr_t low, uintptr_t high)
{
	while (low < high) {
		size_t want = (high - low) / f->page;
		if (want > sizeof f->buffer.entries / sizeof *f->buffer.entries)
			want = sizeof f->buffer.entries / sizeof *f->buffer.entries;
		ssize_t got = pread(f->pagemap, f->buffer.entries, want * 8, (off_t)(low / f->page * 8));
		if (got < 8)
			return error_errno(PMIG_EIO, got < 0 ? errno : EIO, "/proc/self/pagemap at 0x%" PRIxPTR, low);
		size_t n = (size_t)got / 8;
		for (size_t i = 0, end; i < n; i = end) {
			bool touched = (f->buffer.entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) != 0;
			for (end = i + 1; end < n; end++)
				if (((f->buffer.entries[end] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) != 0) != touched)
					break;
			int r = (touched ? add_touched : add_untouched)(f, low + i * f->page, low + end * f->page);
			if (r < 0)
				return r;
		}
		low += n * f->page;
	}
	return 0;
}

/* --- mappings --- */

struct mapping {
	uintptr_t start, end;
	bool readable;
	bool file; /* pages that were not touched here have content all the same */
};

static int add_mapping(struct finder *f, const struct mapping *m, const struct image_range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uintptr_t low = ranges[i].address > m->start ? ranges[i].address : m->start;
		uintptr_t high = ranges[i].address + ranges[i].size < m->end ? ranges[i].address + ranges[i].size : m->end;
		if (low >= high || !m->readable)
			continue;
		int r = (m->file ? add_touched : f->scan ? find_by_scan : find_by_entries)(f, low, high);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool parse_hex(const char **p, const char *end, uint64_t *ret)
{
	uint64_t value = 0;
	const char *s = *p;
	for (; s < end; s++) {
		unsigned digit = *s >= '0' && *s <= '9' ? (unsigned)(*s - '0')
			: *s >= 'a' && *s <= 'f'        ? (unsigned)(*s - 'a') + 10
							: 16;
		if (digit == 16)
			break;
		value = value << 4 | digit;
	}
	bool any = s != *p;
	*p = s;
	*ret = value;
	return any;
}

/* A line of /proc/PID/maps: "start-end rwxp offset major:minor inode path". */
static bool parse_mapping(const char *p, const char *end, struct mapping *ret)
{
	uint64_t start, stop, offset, major, minor;
	if (!parse_hex(&p, end, &start) || p == end || *p++ != '-' || !parse_hex(&p, end, &stop) || end - p < 6)
		return false;
	bool readable = p[1] == 'r';
	p += 6;
	if (!parse_hex(&p, end, &offset) || p == end || *p++ != ' ' || !parse_hex(&p, end, &major) || p == end ||
		*p++ != ':' || !parse_hex(&p, end, &minor) || end - p < 2)
		return false;
	*ret = (struct mapping){start, stop, readable, p[1] != '0'};
	return true;
}

/* Calls add_mapping() for every line, in the order of addresses. A path can be longer than the buffer: what of a line
 * does not fit is skipped, since its beginning says all. */
static int walk_mappings(struct finder *f, int maps, const struct image_range *ranges, size_t n)
{
	size_t have = 0;
	bool skip = false; /* until the end of a line that was handled already */
	for (;;) {
		ssize_t got = read(maps, f->maps + have, sizeof f->maps - have);
		if (got < 0)
			return error_errno(PMIG_EIO, errno, "/proc/self/maps");
		if (got == 0)
			return have == 0 || skip ? 0 : error_set(PMIG_EIO, "/proc/self/maps ends within a line");
		have += (size_t)got;
		char *line = f->maps;
		for (char *end; (end = memchr(line, '\n', have)) != NULL || have == sizeof f->maps; skip = end == NULL) {
			char *stop = end != NULL ? end : line + have;
			struct mapping m;
			if (!skip && !parse_mapping(line, stop, &m))
				return error_set(PMIG_EIO, "/proc/self/maps has a line of another form");
			int r = skip ? 0 : add_mapping(f, &m, ranges, n);
			if (r < 0)
				return r;
			have -= (size_t)(stop - line) + (end != NULL);
			line = stop + (end != NULL);
		}
		memmove(f->maps, line, have);
	}
}

static int check_ranges(const struct image_range *ranges, size_t n, size_t page)
{
	uintptr_t past = 0;
	for (size_t i = 0; i < n; i++) {
		const struct image_range *a = &ranges[i];
		if (a->address % page != 0 || a->size % page != 0 || a->address < past || a->size > UINTPTR_MAX - a->address)
			return error_set(PMIG_EINVAL,
				"range %zu of memory, 0x%" PRIxPTR
				" + 0x%zx, is not page-aligned or not behind the one before",
				i, a->address, a->size);
		past = a->address + a->size;
	}
	return 0;
}

/* An older kernel does not know the request; one that does accepts an empty range. */
static bool has_scan(int pagemap)
{
	struct pages_scan scan = {.size = sizeof scan, .category_mask = PAGES_PRESENT, .return_mask = PAGES_PRESENT};
	return ioctl(pagemap, PAGES_SCAN, &scan) == 0;
}

int image_pages_find(const struct image_range *ranges, size_t n, unsigned flags, struct image_pieces *pieces)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int r = check_ranges(ranges, n, page);
	if (r < 0)
		return r;
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct finder *f = mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (maps < 0 || pagemap < 0 || f == MAP_FAILED) {
		r = error_errno(PMIG_EIO, errno, "/proc/self/maps and pagemap are needed to find the program's memory");
	} else {
		f->pagemap = pagemap;
		f->scan = (flags & IMAGE_BY_PAGEMAP) == 0 && has_scan(pagemap);
		f->increment = (flags & IMAGE_INCREMENT) != 0;
		f->page = page;
		f->pieces = pieces;
		r = walk_mappings(f, maps, ranges, n);
	}
	if (f != MAP_FAILED)
		(void)munmap(f, sizeof *f);
	if (pagemap >= 0)
		(void)close(pagemap);
	if (maps >= 0)
		(void)close(maps);
	return r;
}
