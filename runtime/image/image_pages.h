/* image_pages: which pages of a stopped program belong into its image; private to runtime/image. */
#ifndef PMIG_IMAGE_PAGES_H
#define PMIG_IMAGE_PAGES_H

#include "image.h"

/* Bytes that follow each other in memory. */
struct image_piece {
	uintptr_t address;
	size_t size;
	bool zero; /* all zero: recorded, not written */
};

/* A growing list in memory of its own (mmap). Zero-initialise. */
struct image_pieces {
	struct image_piece *at;
	size_t n;
	size_t capacity;
};

/* Appends; a piece that continues the last one becomes part of it. */
int image_pieces_add(struct image_pieces *pieces, struct image_piece piece) PMIG_MUST_CHECK;
void image_pieces_finish(struct image_pieces *pieces);

/* Appends the pages of `ranges` as image_put_memory() says; `flags` are its flags. */
int image_pages_find(const struct image_range *ranges, size_t n, unsigned flags,
	struct image_pieces *pieces) PMIG_MUST_CHECK;

#endif
