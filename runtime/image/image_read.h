/* image_read: an open image, checked; private to runtime/image. */
#ifndef PMIG_IMAGE_READ_H
#define PMIG_IMAGE_READ_H

#include "image_format.h"

struct image_part {
	struct image_section_header head;
	uint64_t offset;  /* of the header */
	uint64_t payload; /* its offset */
	uint64_t bulk;    /* offset of the bulk data; 0: none */
	uint64_t table;   /* offset of the table of bulk hashes; 0: none */
};

struct image {
	int fd;
	bool sound; /* bulk data verified, or vouched for */
	const uint8_t *bytes;
	uint64_t size;
	struct image_identity identity;
	size_t n;
	size_t capacity;
	struct image_part *parts;
	char name[256];
};

/* `code` is put into words: "image NAME: section memory #3 at offset 0x...: formatted". */
int image_error(const struct image *im, const struct image_part *part, int code, const char *format, ...) PMIG_PRINTF(4, 5);

/* As image_error(), in front of the reason that there is. */
int image_prefix(const struct image *im, const struct image_part *part, int code);

void image_describe(const struct image *im, const struct image_part *part, struct image_entry *ret);

#endif
