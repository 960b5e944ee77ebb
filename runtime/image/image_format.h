/* image_format: the layouts of an image, writer and reader side by side; private to runtime/image.
 *
 * file header, 512 bytes                       section header, 64 bytes
 *     0  8  magic "PMIGIMG\0"                      0  4  mark "PMIS"
 *     8  4  format version                         4  4  type
 *    12  4  size of this header                    8 16  name, padded with zeros
 *    16  4  machine (ELF e_machine)               24  4  version of the payload
 *    20  4  page size                             28  4  need: 1 mandatory, 2 optional
 *    24  1  byte order   25  1  pointer size      32  8  bytes of payload
 *    32 32  build        64 16  process           40  8  bytes of bulk data
 *    80 64  name                                  48  8  xxh3 of the payload
 *   144  8  epoch       152  8  checkpoint        56  8  xxh3 of the 56 bytes before
 *   160  8  time, ns    168 72  host
 *   240 128 data layout                          memory, global-pages: runs of address, pages, offset (0: zeros)
 *   504  8  xxh3 of the 504 bytes before         globals payload: address, size, each
 *                                                end payload: bytes of the file, sections (end included), seal
 * After a payload: zeros to the next 8. If there is bulk data: zeros to the next page, the data, zeros to the next 8,
 * one xxh3 per IMAGE_CHUNK of data, and the xxh3 of these. The magic, and where the hash of the file header is, stay
 * the same in every version. */
#ifndef PMIG_IMAGE_FORMAT_H
#define PMIG_IMAGE_FORMAT_H

#include "image.h"

#include <endian.h>
#include <string.h>

#define IMAGE_FORMAT_VERSION 1
#define IMAGE_FILE_HEADER 512
#define IMAGE_SECTION_HEADER 64
#define IMAGE_RUN 24    /* bytes of an entry of a memory section */
#define IMAGE_GLOBAL 16 /* bytes of an entry of the globals section */
#define IMAGE_END_SIZE 24
#define IMAGE_SECTIONS_MAX 8192
#define IMAGE_NAME_MAX 16

enum image_need { IMAGE_MANDATORY = 1, IMAGE_OPTIONAL };

struct image_section_kind {
	enum image_section type;
	const char *name;
	size_t most;
	enum image_need need;
};

struct image_section_header {
	uint32_t type;
	char name[IMAGE_NAME_MAX + 1];
	uint32_t version;
	uint32_t need;
	uint64_t size;
	uint64_t bulk_size;
	uint64_t payload_hash;
	uint64_t hash; /* of the header itself; set by encode and decode */
};

struct image_end {
	uint64_t size;
	uint64_t sections;
	uint64_t seal;
};

/* NULL if this version does not know the type. */
const struct image_section_kind *image_section_kind(uint32_t type);

/* Each decode checks everything that the bytes alone can tell and sets the reason. */
uint64_t image_header_encode(uint8_t bytes[IMAGE_FILE_HEADER], const struct image_identity *id);
int image_header_decode(const uint8_t bytes[IMAGE_FILE_HEADER], struct image_identity *ret,
	uint64_t *ret_hash) PMIG_MUST_CHECK;
void image_section_encode(uint8_t bytes[IMAGE_SECTION_HEADER], struct image_section_header *h);
int image_section_decode(const uint8_t bytes[IMAGE_SECTION_HEADER], struct image_section_header *ret) PMIG_MUST_CHECK;
void image_end_encode(uint8_t bytes[IMAGE_END_SIZE], const struct image_end *end);
void image_end_decode(const uint8_t bytes[IMAGE_END_SIZE], struct image_end *ret);

/* The seal after one more section: a hash over the seal before, the section's header hash, and the hash of its table
 * of bulk hashes (0 without bulk data). The first seal is the hash of the file header. */
uint64_t image_seal(uint64_t seal, uint64_t header_hash, uint64_t table_hash);

uint64_t image_hash(const void *data, size_t size);
uint64_t image_hash_parts(const struct iovec *parts, size_t n);
bool image_hash_equal(uint64_t made, uint64_t stored);

static inline uint64_t image_align(uint64_t x, uint64_t to)
{
	return (x + to - 1) & ~(to - 1);
}

static inline bool image_has_runs(uint32_t type)
{
	return type == IMAGE_MEMORY || type == IMAGE_GLOBAL_PAGES;
}

/* The three parts of a global: before, in and behind its whole pages. Of a small one all is "before". */
struct image_split {
	struct image_range head, pages, tail;
};

static inline struct image_split image_split(struct image_range g, size_t page)
{
	uintptr_t end = g.address + g.size, low = image_align(g.address, page), high = end & ~(uintptr_t)(page - 1);
	if (g.size < IMAGE_LARGE)
		return (struct image_split){g, {end, 0}, {end, 0}};
	return (struct image_split){{g.address, low - g.address}, {low, high - low}, {high, end - high}};
}

static inline uint64_t image_chunks(uint64_t bulk_size)
{
	return bulk_size / IMAGE_CHUNK + (bulk_size % IMAGE_CHUNK != 0);
}

static inline void image_set32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof v);
}

static inline void image_set64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof v);
}

static inline uint32_t image_get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static inline uint64_t image_get64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

#endif
