/* flips: reads an image with every truncation, and with every single bit of it flipped, as the target's restore would: each must be refused in
 * words that name the section, or the header, and the offset. Built by tests/e2e/test_flips.sh; by hand:
 *
 *	flips IMAGE          # of a section's bulk data every 61st bit, of all else every one; truncations likewise
 *	flips IMAGE 1        # every one of all, which takes hours for a large image
 */
#include "runtime/image/image_format.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u /* bulk data begins at one: runtime/image/image.h */
#define SPARSE 61  /* prime, so that all bits of a byte get their turn */

struct work {
	int fd;
	uint64_t size;
	uint8_t *bytes;
	uint8_t *dense; /* for each byte: it is not bulk data */
	uint64_t flipped, cut, headers, sections;
};

static _Noreturn void die(const char *words)
{
	(void)fprintf(stderr, "flips: %s\n", words);
	exit(1);
}

static int try(const struct work *w)
{
	struct image *im;
	int r = image_open(w->fd, "tried", &im);
	if (r < 0)
		return r;
	r = image_verify(im);
	image_close(im);
	return r;
}

/* A sentence with a place; which sort of place is counted. */
static void judge(struct work *w, int r, const char *what, uint64_t at)
{
	char words[256];
	const char *reason = pmig_reason();
	bool section = r < 0 && strstr(reason, "section ") != NULL && strstr(reason, " at offset 0x") != NULL;
	bool header = r < 0 && at < IMAGE_FILE_HEADER; /* its fields are named: the build, the format, ... */
	if (!section && !header) {
		(void)snprintf(words, sizeof words, "%s %llu: %s", what, (unsigned long long)at,
			r < 0 ? reason : "it was taken");
		die(words);
	}
	w->sections += section;
	w->headers += !section;
}

static void mark_bulk(struct work *w)
{
	struct image *im;
	if (image_open(w->fd, "whole", &im) < 0 || image_verify(im) < 0)
		die(pmig_reason());
	memset(w->dense, 1, w->size);
	for (size_t i = 0; i < image_count(im); i++) {
		struct image_entry e;
		image_at(im, i, &e);
		if (e.bulk_size > 0)
			memset(w->dense + image_align(e.offset + IMAGE_SECTION_HEADER + e.size, PAGE), 0, e.bulk_size);
	}
	image_close(im);
}

static void put(const struct work *w, uint64_t at, uint8_t byte)
{
	if (pwrite(w->fd, &byte, 1, (off_t)at) != 1)
		die("cannot write");
}

static void flip_all(struct work *w, unsigned sparse)
{
	for (uint64_t bit = 0; bit < 8 * w->size; bit++) {
		uint64_t at = bit / 8;
		if (!w->dense[at] && bit % sparse != 0)
			continue;
		put(w, at, w->bytes[at] ^ (uint8_t)(1u << bit % 8));
		judge(w, try(w), "flipped a bit of byte", at);
		put(w, at, w->bytes[at]);
		w->flipped++;
	}
}

static void cut_all(struct work *w, unsigned sparse)
{
	for (uint64_t size = w->size; size-- > 0;) {
		if (!w->dense[size] && size % sparse != 0)
			continue;
		if (ftruncate(w->fd, (off_t)size) < 0)
			die("cannot cut");
		judge(w, try(w), "cut off at", size);
		w->cut++;
	}
}

int main(int argc, char **argv)
{
	struct work w = {.fd = memfd_create("flips", MFD_CLOEXEC)};
	struct stat st;
	int from = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	unsigned sparse = argc > 2 ? (unsigned)atoi(argv[2]) : SPARSE;
	if (from < 0 || w.fd < 0 || fstat(from, &st) < 0 || sparse == 0)
		die("usage: flips IMAGE [1]");
	w.size = (uint64_t)st.st_size;
	w.bytes = malloc(w.size);
	w.dense = malloc(w.size);
	if (w.bytes == NULL || w.dense == NULL || read(from, w.bytes, w.size) != st.st_size ||
		write(w.fd, w.bytes, w.size) != st.st_size)
		die("cannot read it");
	mark_bulk(&w);
	flip_all(&w, sparse);
	if (try(&w) < 0)
		die(pmig_reason());
	cut_all(&w, sparse);
	(void)printf("%llu bits flipped, %llu times cut off: %llu refused with section and offset, %llu with the header\n",
		(unsigned long long)w.flipped, (unsigned long long)w.cut, (unsigned long long)w.sections,
		(unsigned long long)w.headers);
	free(w.bytes);
	free(w.dense);
	return 0;
}
