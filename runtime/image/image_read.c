/* image_read: opens an image and checks all of it except bulk data; nothing of it is believed before. */
#include "image_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int image_prefix(const struct image *im, const struct image_part *part, int code)
{
	if (part == NULL)
		return error_prefix(code, "image %s", im->name);
	return error_prefix(code, "image %s: section %s #%td at offset 0x%" PRIx64, im->name, part->head.name,
		part - im->parts, part->offset);
}

int image_error(const struct image *im, const struct image_part *part, int code, const char *format, ...)
{
	char sentence[512];
	va_list ap;
	va_start(ap, format);
	(void)vsnprintf(sentence, sizeof sentence, format, ap);
	va_end(ap);
	(void)error_set(code, "%s", sentence);
	return image_prefix(im, part, code);
}

static bool is_zero(const struct image *im, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		if (im->bytes[i] != 0)
			return false;
	return true;
}

/* --- what memory and globals hold --- */

/* Runs ascend, do not touch each other's pages, and take the bulk data one after the other. */
static int check_runs(const struct image *im, const struct image_part *part)
{
	uint64_t page = im->identity.page_size, past = 0, offset = part->bulk;
	if (part->head.size % IMAGE_RUN != 0)
		return image_error(im, part, PMIG_ECORRUPT, "%" PRIu64 " bytes are no table of page runs", part->head.size);
	for (uint64_t i = 0; i < part->head.size / IMAGE_RUN; i++) {
		const uint8_t *p = im->bytes + part->payload + i * IMAGE_RUN;
		uint64_t address = image_get64(p), pages = image_get64(p + 8), at = image_get64(p + 16);
		if (address % page != 0 || pages == 0 || pages > (UINT64_MAX - address) / page || address < past)
			return image_error(im, part, PMIG_ECORRUPT,
				"run %" PRIu64 ", %" PRIu64 " pages at 0x%" PRIx64
				", is empty, not aligned, or out of order",
				i, pages, address);
		past = address + pages * page;
		if (at == 0)
			continue;
		if (at != offset || pages * page > part->bulk + part->head.bulk_size - offset)
			return image_error(im, part, PMIG_ECORRUPT, "run %" PRIu64 " is not where its pages are", i);
		offset += pages * page;
	}
	if (offset != part->bulk + part->head.bulk_size)
		return image_error(im, part, PMIG_ECORRUPT, "the runs do not account for all pages");
	return 0;
}

static int check_globals(const struct image *im, const struct image_part *part)
{
	uint64_t left = part->head.bulk_size;
	if (part->head.size % IMAGE_GLOBAL != 0)
		return image_error(im, part, PMIG_ECORRUPT, "%" PRIu64 " bytes are no table of globals", part->head.size);
	for (uint64_t i = 0; i < part->head.size / IMAGE_GLOBAL; i++) {
		const uint8_t *p = im->bytes + part->payload + i * IMAGE_GLOBAL;
		uint64_t address = image_get64(p), size = image_get64(p + 8);
		bool wraps = size > UINT64_MAX - address;
		struct image_split s = image_split((struct image_range){address, wraps ? 0 : size}, im->identity.page_size);
		if (wraps || s.head.size + s.tail.size > left)
			return image_error(im, part, PMIG_ECORRUPT, "entry %" PRIu64 ", %" PRIu64 " bytes, is too large", i,
				size);
		left -= s.head.size + s.tail.size;
	}
	if (left != 0)
		return image_error(im, part, PMIG_ECORRUPT, "the table does not account for all bytes");
	return 0;
}

static int check_end(const struct image *im, const struct image_part *part, uint64_t seal)
{
	if (part->head.size != IMAGE_END_SIZE)
		return image_error(im, part, PMIG_ECORRUPT, "its payload is %" PRIu64 " bytes, not %d", part->head.size,
			IMAGE_END_SIZE);
	struct image_end end;
	image_end_decode(im->bytes + part->payload, &end);
	if (end.size != im->size)
		return image_error(im, part, PMIG_ECORRUPT, "the file has %" PRIu64 " bytes and should have %" PRIu64,
			im->size, end.size);
	if (end.sections != im->n || !image_hash_equal(seal, end.seal))
		return image_error(im, part, PMIG_ECORRUPT, "a section is missing, out of place or exchanged");
	return 0;
}

/* --- sections --- */

/* Places payload, bulk data and its table within the file; all sums are checked against what is left of it. */
static int place(const struct image *im, struct image_part *part)
{
	uint64_t at = part->payload = part->offset + IMAGE_SECTION_HEADER;
	if (part->head.size > im->size - at)
		return image_error(im, part, PMIG_ECORRUPT, "its payload of %" PRIu64 " bytes ends behind the file",
			part->head.size);
	uint64_t end = at + part->head.size;
	at = image_align(end, 8);
	if (part->head.bulk_size > 0) {
		part->bulk = image_align(at, im->identity.page_size);
		if (part->bulk > im->size || part->head.bulk_size > im->size - part->bulk)
			return image_error(im, part, PMIG_ECORRUPT, "its %" PRIu64 " bytes of bulk data end behind the file",
				part->head.bulk_size);
		at = part->bulk;
		part->table = image_align(part->bulk + part->head.bulk_size, 8);
	}
	uint64_t table_size = part->table == 0 ? 0 : (image_chunks(part->head.bulk_size) + 1) * 8;
	if (at > im->size || part->table > im->size || table_size > im->size - part->table)
		return image_error(im, part, PMIG_ECORRUPT, "it ends behind the file");
	if (!is_zero(im, end, at) || (part->table != 0 && !is_zero(im, part->bulk + part->head.bulk_size, part->table)))
		return image_error(im, part, PMIG_ECORRUPT, "padding is not zero");
	return 0;
}

static uint64_t end_of(const struct image_part *part)
{
	return part->table == 0 ? image_align(part->payload + part->head.size, 8)
				: part->table + (image_chunks(part->head.bulk_size) + 1) * 8;
}

/* Hashes of payload and table, and the seal after this section. */
static int check_hashes(const struct image *im, const struct image_part *part, uint64_t *seal)
{
	if (!image_hash_equal(image_hash(im->bytes + part->payload, part->head.size), part->head.payload_hash))
		return image_error(im, part, PMIG_ECORRUPT, "the payload does not match its hash");
	uint64_t table_hash = 0;
	if (part->table != 0) {
		uint64_t size = image_chunks(part->head.bulk_size) * 8;
		table_hash = image_get64(im->bytes + part->table + size);
		if (!image_hash_equal(image_hash(im->bytes + part->table, size), table_hash))
			return image_error(im, part, PMIG_ECORRUPT, "the table of hashes does not match its hash");
	}
	*seal = image_seal(*seal, part->head.hash, table_hash);
	return 0;
}

static int check_count(const struct image *im, const struct image_part *part)
{
	const struct image_section_kind *kind = image_section_kind(part->head.type);
	size_t same = 0;
	for (size_t i = 0; i < im->n; i++)
		same += im->parts[i].head.type == part->head.type;
	if (kind != NULL && same >= kind->most)
		return image_error(im, part, PMIG_ECORRUPT, "there are more than %zu of them", kind->most);
	return 0;
}

static int make_room(struct image *im)
{
	if (im->n < im->capacity)
		return 0;
	size_t capacity = im->capacity == 0 ? 16 : 2 * im->capacity;
	struct image_part *parts = reallocarray(im->parts, capacity, sizeof *parts);
	if (parts == NULL)
		return image_error(im, NULL, PMIG_ENOMEM, "list of %zu sections", capacity);
	im->parts = parts;
	im->capacity = capacity;
	return 0;
}

static int read_section(struct image *im, uint64_t *at, uint64_t *seal, bool *ret_end)
{
	if (im->n == IMAGE_SECTIONS_MAX || im->size - *at < IMAGE_SECTION_HEADER)
		return image_error(im, NULL, PMIG_ECORRUPT,
			"section #%zu at offset 0x%" PRIx64 ": the image ends without its end section", im->n, *at);
	int r = make_room(im);
	if (r < 0)
		return r;
	struct image_part *part = &im->parts[im->n];
	*part = (struct image_part){.offset = *at};
	r = image_section_decode(im->bytes + *at, &part->head);
	if (r < 0) {
		r = error_prefix(r, "section #%zu at offset 0x%" PRIx64, im->n, *at);
		return image_prefix(im, NULL, r);
	}
	uint64_t before = *seal;
	r = place(im, part);
	if (r >= 0)
		r = check_count(im, part);
	if (r >= 0)
		r = check_hashes(im, part, seal);
	if (r >= 0 && image_has_runs(part->head.type))
		r = check_runs(im, part);
	if (r >= 0 && part->head.type == IMAGE_GLOBALS)
		r = check_globals(im, part);
	if (r < 0)
		return r;
	im->n++;
	*at = end_of(part);
	*ret_end = part->head.type == IMAGE_END;
	return *ret_end ? check_end(im, part, before) : 0;
}

static int read_all(struct image *im)
{
	uint64_t seal, at = IMAGE_FILE_HEADER;
	if (im->size < IMAGE_FILE_HEADER)
		return image_error(im, NULL, PMIG_ECORRUPT, "%" PRIu64 " bytes are too few for an image", im->size);
	int r = image_header_decode(im->bytes, &im->identity, &seal);
	if (r < 0)
		return image_prefix(im, NULL, r);
	for (bool end = false; !end;) {
		r = read_section(im, &at, &seal, &end);
		if (r < 0)
			return r;
	}
	if (at != im->size)
		return image_error(im, NULL, PMIG_ECORRUPT, "there is something behind the end section");
	return 0;
}

/* --- open and close --- */

static int map_file(struct image *im, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_errno(PMIG_EIO, errno, "image %s", im->name);
	if (!S_ISREG(st.st_mode))
		return error_set(PMIG_EINVAL, "image %s: not a regular file", im->name);
	im->size = (uint64_t)st.st_size;
	if (im->size < IMAGE_FILE_HEADER)
		return 0;
	void *p = mmap(NULL, im->size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return error_errno(PMIG_EIO, errno, "image %s: mmap of %" PRIu64 " bytes", im->name, im->size);
	im->bytes = p;
	im->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return im->fd >= 0 ? 0 : error_errno(PMIG_EIO, errno, "image %s", im->name);
}

int image_open(int fd, const char *name, struct image **ret)
{
	struct image *im = calloc(1, sizeof *im);
	if (im == NULL)
		return error_set(PMIG_ENOMEM, "image %s", name);
	im->fd = -1;
	(void)snprintf(im->name, sizeof im->name, "%s", name);
	int r = map_file(im, fd);
	if (r >= 0)
		r = read_all(im);
	if (r < 0) {
		image_close(im);
		return r;
	}
	*ret = im;
	return 0;
}

void image_detach(struct image *im)
{
	if (im->fd >= 0)
		(void)close(im->fd);
	im->fd = -1;
}

void image_close(struct image *im)
{
	if (im == NULL)
		return;
	if (im->bytes != NULL)
		(void)munmap((void *)im->bytes, im->size);
	if (im->fd >= 0)
		(void)close(im->fd);
	free(im->parts);
	free(im);
}

/* --- what is in it --- */

const struct image_identity *image_identity(const struct image *im)
{
	return &im->identity;
}

uint64_t image_size(const struct image *im)
{
	return im->size;
}

size_t image_count(const struct image *im)
{
	return im->n;
}

void image_describe(const struct image *im, const struct image_part *part, struct image_entry *ret)
{
	*ret = (struct image_entry){
		.type = part->head.type,
		.name = part->head.name,
		.version = part->head.version,
		.mandatory = part->head.need == IMAGE_MANDATORY,
		.data = im->bytes + part->payload,
		.size = part->head.size,
		.offset = part->offset,
		.bulk_size = part->head.bulk_size,
	};
}

void image_at(const struct image *im, size_t index, struct image_entry *ret)
{
	image_describe(im, &im->parts[index], ret);
}

int image_get(const struct image *im, enum image_section type, size_t index, struct image_entry *ret)
{
	size_t left = index;
	for (size_t i = 0; i < im->n; i++) {
		if (im->parts[i].head.type != type || left-- > 0)
			continue;
		image_at(im, i, ret);
		return 0;
	}
	const struct image_section_kind *kind = image_section_kind(type);
	return image_error(im, NULL, PMIG_ENOENT, "it has no section %s #%zu", kind != NULL ? kind->name : "of this type",
		index);
}

size_t image_run_count(const struct image_entry *e)
{
	return image_has_runs(e->type) ? e->size / IMAGE_RUN : 0;
}

void image_run_at(const struct image_entry *e, size_t index, struct image_run *ret)
{
	const uint8_t *p = (const uint8_t *)e->data + index * IMAGE_RUN;
	*ret = (struct image_run){image_get64(p), image_get64(p + 8), image_get64(p + 16)};
}
