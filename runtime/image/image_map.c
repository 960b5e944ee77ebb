/* image_map: from a checked image to memory: identity, bulk hashes, mapping of pages, globals. */
#include "image_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Below the kernel's default of 65,530 mappings per process, with room for the program's own. */
#define MAPPINGS_MAX 8192
#define READ_PARTS 512

/* --- may it come in --- */

static int differs(const struct image *im, const char *what, const char *theirs, const char *ours)
{
	return image_error(im, NULL, PMIG_EIDENTITY, "its %s is %s, here it is %s", what, theirs, ours);
}

static int differs_number(const struct image *im, const char *what, uint64_t theirs, uint64_t ours)
{
	return image_error(im, NULL, PMIG_EIDENTITY, "its %s is %" PRIu64 ", here it is %" PRIu64, what, theirs, ours);
}

int image_check_identity(const struct image *im, const struct image_identity *mine)
{
	static const uint8_t none[16];
	const struct image_identity *id = &im->identity;
	if (id->machine != mine->machine)
		return differs_number(im, "machine (ELF number)", id->machine, mine->machine);
	if (id->byte_order != mine->byte_order)
		return differs_number(im, "byte order", id->byte_order, mine->byte_order);
	if (id->pointer_size != mine->pointer_size)
		return differs_number(im, "pointer size", id->pointer_size, mine->pointer_size);
	if (id->page_size % mine->page_size != 0)
		return differs_number(im, "page size", id->page_size, mine->page_size);
	if (id->data_layout[0] != '\0' && mine->data_layout[0] != '\0' && strcmp(id->data_layout, mine->data_layout) != 0)
		return differs(im, "data layout", id->data_layout, mine->data_layout);
	if (memcmp(id->build, mine->build, sizeof id->build) != 0)
		return image_error(im, NULL, PMIG_EIDENTITY,
			"it was made by another executable (or another build of it); restart it with the one that made it");
	if (memcmp(mine->process, none, sizeof none) != 0 && memcmp(id->process, mine->process, sizeof none) != 0)
		return image_error(im, NULL, PMIG_EIDENTITY, "it is of another process, \"%s\"", id->name);
	return 0;
}

/* --- bulk data --- */

void image_trust(struct image *im)
{
	im->sound = true;
}

static int verify_part(const struct image *im, const struct image_part *part)
{
	const uint8_t *bulk = im->bytes + part->bulk;
	for (uint64_t i = 0, left = part->head.bulk_size; left > 0; i++) {
		size_t size = left < IMAGE_CHUNK ? left : IMAGE_CHUNK;
		if (!image_hash_equal(image_hash(bulk + i * IMAGE_CHUNK, size),
			    image_get64(im->bytes + part->table + i * 8)))
			return image_error(im, part, PMIG_ECORRUPT,
				"the data from offset 0x%" PRIx64 " to 0x%" PRIx64 " do not match their hash",
				part->bulk + i * IMAGE_CHUNK, part->bulk + i * IMAGE_CHUNK + size);
		left -= size;
	}
	return 0;
}

int image_verify(struct image *im)
{
	(void)madvise((void *)im->bytes, im->size, MADV_SEQUENTIAL);
	for (size_t i = 0; i < im->n; i++) {
		if (im->parts[i].bulk == 0)
			continue;
		int r = verify_part(im, &im->parts[i]);
		if (r < 0)
			return r;
	}
	im->sound = true;
	return 0;
}

static int must_be_sound(const struct image *im)
{
	return im->sound ? 0 : image_error(im, NULL, PMIG_EINVAL, "its data are used before they were verified");
}

/* --- memory --- */

static int check_permitted(const struct image *im, const struct image_part *part, const struct image_range *permitted,
	size_t n)
{
	struct image_entry e;
	image_describe(im, part, &e);
	for (size_t i = 0; i < image_run_count(&e); i++) {
		struct image_run run;
		image_run_at(&e, i, &run);
		bool inside = false;
		for (size_t k = 0; k < n && !inside; k++)
			inside = run.address >= permitted[k].address &&
				run.address - permitted[k].address <= permitted[k].size &&
				run.pages * im->identity.page_size <=
					permitted[k].size - (run.address - permitted[k].address);
		if (!inside)
			return image_error(im, part, PMIG_ECORRUPT,
				"run %zu, %" PRIu64 " pages at 0x%" PRIx64 ", is outside the arena", i, run.pages,
				run.address);
	}
	return 0;
}

/* Runs of fewer pages than this are read, so that the others can be mapped. */
static uint64_t least_pages(const struct image *im)
{
	for (uint64_t least = 1;; least *= 2) {
		size_t mapped = 0;
		for (size_t i = 0; i < im->n; i++) {
			struct image_entry e;
			image_describe(im, &im->parts[i], &e);
			for (size_t k = 0; k < image_run_count(&e); k++) {
				struct image_run run;
				image_run_at(&e, k, &run);
				mapped += run.pages >= least;
			}
		}
		if (mapped <= MAPPINGS_MAX)
			return least;
	}
}

/* Runs that follow each other in the file and are to be read. */
struct batch {
	struct iovec parts[READ_PARTS];
	int n;
	uint64_t offset;
	uint64_t size;
};

static int read_batch(const struct image *im, struct batch *b)
{
	struct iovec *part = b->parts;
	while (b->n > 0) {
		ssize_t got = preadv(im->fd, part, b->n, (off_t)b->offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return error_errno(PMIG_EIO, got < 0 ? errno : EIO,
				"image %s: read of %" PRIu64 " bytes at offset 0x%" PRIx64, im->name, b->size, b->offset);
		b->offset += (uint64_t)got;
		b->size -= (uint64_t)got;
		size_t left = (size_t)got;
		for (; b->n > 0 && left >= part->iov_len; part++, b->n--)
			left -= part->iov_len;
		if (b->n > 0) {
			part->iov_base = (char *)part->iov_base + left;
			part->iov_len -= left;
		}
	}
	b->size = 0;
	return 0;
}

static int map_run(const struct image *im, const struct image_part *part, uint64_t least, struct batch *b,
	const struct image_run *run)
{
	uint64_t size = run->pages * im->identity.page_size;
	void *to = (void *)(uintptr_t)run->address;
	if (run->pages < least && run->offset != 0) {
		if (b->n == READ_PARTS || (b->n > 0 && b->offset + b->size != run->offset)) {
			int r = read_batch(im, b);
			if (r < 0)
				return r;
		}
		if (b->n == 0)
			b->offset = run->offset;
		b->parts[b->n++] = (struct iovec){to, size};
		b->size += size;
		return 0;
	}
	if (run->pages < least) {
		memset(to, 0, size);
		return 0;
	}
	int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | (run->offset == 0 ? MAP_ANONYMOUS : 0);
	if (mmap(to, size, PROT_READ | PROT_WRITE, flags, run->offset == 0 ? -1 : im->fd, (off_t)run->offset) ==
		MAP_FAILED) {
		int number = errno;
		(void)error_errno(PMIG_ENOMEM, number, "mmap of %" PRIu64 " bytes at 0x%" PRIx64, size, run->address);
		return image_prefix(im, part, PMIG_ENOMEM);
	}
	return 0;
}

static int map_part(const struct image *im, const struct image_part *part, uint64_t least, struct batch *b)
{
	struct image_entry e;
	image_describe(im, part, &e);
	for (size_t i = 0; i < image_run_count(&e); i++) {
		struct image_run run;
		image_run_at(&e, i, &run);
		int r = map_run(im, part, least, b, &run);
		if (r < 0)
			return r;
	}
	return read_batch(im, b);
}

/* All runs of the sections of `type`, once it is clear that each lies within `permitted`. */
static int map_runs(const struct image *im, enum image_section type, const struct image_range *permitted, size_t n)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < im->n; i++)
		if (im->parts[i].head.type == type)
			r = check_permitted(im, &im->parts[i], permitted, n);
	if (r < 0)
		return r;
	uint64_t least = least_pages(im);
	struct batch b = {.n = 0};
	for (size_t i = 0; r >= 0 && i < im->n; i++)
		if (im->parts[i].head.type == type)
			r = map_part(im, &im->parts[i], least, &b);
	return r;
}

int image_map_memory(const struct image *im, const struct image_range *permitted, size_t n)
{
	int r = must_be_sound(im);
	return r < 0 ? r : map_runs(im, IMAGE_MEMORY, permitted, n);
}

/* --- globals --- */

static const struct image_part *find_part(const struct image *im, enum image_section type)
{
	for (size_t i = 0; i < im->n; i++)
		if (im->parts[i].head.type == type)
			return &im->parts[i];
	return NULL;
}

static int check_table(const struct image *im, const struct image_part *part, const struct image_range *expected, size_t n)
{
	const uint8_t *p = im->bytes + part->payload;
	if (part->head.size / IMAGE_GLOBAL != n)
		return image_error(im, part, PMIG_EIDENTITY, "it has %" PRIu64 " globals, this executable has %zu",
			part->head.size / IMAGE_GLOBAL, n);
	for (size_t i = 0; i < n; i++, p += IMAGE_GLOBAL)
		if (image_get64(p) != expected[i].address || image_get64(p + 8) != expected[i].size)
			return image_error(im, part, PMIG_EIDENTITY,
				"global %zu is %" PRIu64 " bytes at 0x%" PRIx64 ", in this executable %zu at 0x%" PRIxPTR, i,
				image_get64(p + 8), image_get64(p), expected[i].size, expected[i].address);
	return 0;
}

/* The pages of large globals: every one is in a run, and no other. */
static int map_large(const struct image *im, const struct image_range *expected, size_t n)
{
	const struct image_part *part = find_part(im, IMAGE_GLOBAL_PAGES);
	struct image_range *pages = calloc(n + 1, sizeof *pages);
	uint64_t due = 0, have = 0;
	size_t n_pages = 0;
	if (pages == NULL)
		return image_error(im, NULL, PMIG_ENOMEM, "table of %zu globals", n);
	for (size_t i = 0; i < n; i++) {
		struct image_split s = image_split(expected[i], im->identity.page_size);
		if (s.pages.size > 0)
			pages[n_pages++] = s.pages;
		due += s.pages.size;
	}
	struct image_entry e = {0};
	if (part != NULL)
		image_describe(im, part, &e);
	for (size_t i = 0; i < image_run_count(&e); i++) {
		struct image_run run;
		image_run_at(&e, i, &run);
		have += run.pages * im->identity.page_size;
	}
	int r = have == due ? map_runs(im, IMAGE_GLOBAL_PAGES, pages, n_pages)
			    : image_error(im, part, PMIG_ECORRUPT,
				      "%" PRIu64 " bytes of large globals are there, %" PRIu64 " are due", have, due);
	free(pages);
	return r;
}

int image_restore_globals(const struct image *im, const struct image_range *expected, size_t n)
{
	int r = must_be_sound(im);
	if (r < 0)
		return r;
	const struct image_part *part = find_part(im, IMAGE_GLOBALS);
	if (part == NULL)
		return image_error(im, NULL, PMIG_ENOENT, "it has no section globals");
	r = check_table(im, part, expected, n);
	if (r >= 0)
		r = map_large(im, expected, n);
	if (r < 0)
		return r;
	const uint8_t *from = im->bytes + part->bulk;
	for (size_t i = 0; i < n; i++) {
		struct image_split s = image_split(expected[i], im->identity.page_size);
		memcpy((void *)s.head.address, from, s.head.size);
		memcpy((void *)s.tail.address, from + s.head.size, s.tail.size);
		from += s.head.size + s.tail.size;
	}
	return 0;
}
