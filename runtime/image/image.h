/* image: a checkpoint on disk. Written in one pass to a descriptor, mapped when it is read.
 *
 * Normal usage, writing (the program is stopped at a safe point):
 *   1. image_identity_init(&id), fill in build, process, name, epoch, checkpoint; image_writer_create(fd, &id, &w);
 *   2. image_omit() if something is secret; then in any order image_put(), image_put_parts(), image_put_memory(),
 *      image_put_globals();
 *   3. image_finish(w, &bytes); image_writer_destroy(w). Making it durable (fsync) is the caller's.
 * The writer takes its own memory from mmap: it touches no heap and no stdio, and reads the program's memory without
 * changing it; nobody else may change it either meanwhile (other threads stopped, signals blocked). Its descriptor may
 * be a file at offset 0, a pipe or a socket; it never seeks. A reader of the pipe that goes away is an error, not a
 * SIGPIPE. After a failure every further call on that writer fails alike.
 *
 * Normal usage, reading:
 *   1. image_open(fd, name, &im): everything but bulk data (pages, bytes of globals) is checked here;
 *   2. image_check_identity(im, &mine);
 *   3. image_verify(im): the bulk data, 0.1-0.2 s per GiB; image_trust(im) instead where the image was made on this
 *      host and nobody else can write to it;
 *   4. image_map_memory(), image_restore_globals(), image_get();
 *   5. image_close(im). The pages stay mapped.
 * The file must not change while it is open or mapped: whoever can write to it can change the program, and whoever
 * truncates it ends the program with SIGBUS. Another image goes to another file, renamed over this one if need be.
 *
 * Format, little endian, all padding zero and checked:
 *   file header, then sections: header (type, name, version, need, sizes, xxh3 of the payload, xxh3 of the header) ·
 *   payload · bulk data at the next page boundary · xxh3 of every IMAGE_CHUNK bytes of bulk data and of this table.
 *   The last section, "end", holds the size of the file, the number of sections and a hash over all their hashes, so
 *   that no truncation passes. The layouts are in image_format.h. Memory sections lie on top of each other in the
 *   order of the file: a base, then increments. xxh3: Collet, https://github.com/Cyan4973/xxHash; it finds damage,
 *   it does not stop a forger, so structure is checked whatever the hashes say.
 *
 * Errors: PMIG_ECORRUPT with section and offset, PMIG_EVERSION (format or mandatory section not known here),
 * PMIG_EIDENTITY, PMIG_EIO, PMIG_ENOSPC, PMIG_ENOMEM, PMIG_EINVAL (a wrong call), PMIG_ENOENT (image_get only). */
#ifndef PMIG_IMAGE_H
#define PMIG_IMAGE_H

#include "../base/error.h"

#include <sys/uio.h>

#define IMAGE_CHUNK (256u << 10) /* bulk data is hashed in pieces of this size */

enum image_section {
#define IMAGE_SECTION(constant, number, name, most, need, words) IMAGE_##constant = number,
#include "tbl/section.h"
#undef IMAGE_SECTION
};

/* Whose state an image holds and what it needs; the file header. Strings are NUL-terminated. */
struct image_identity {
	uint32_t machine; /* ELF e_machine: 62 x86-64, 183 aarch64 */
	uint32_t page_size;
	uint8_t byte_order; /* 1: little endian, 2: big endian */
	uint8_t pointer_size;
	char data_layout[128]; /* LLVM's string; "" if unknown */
	uint8_t build[32];     /* of the executable */
	uint8_t process[16];   /* a UUID, kept over every move */
	char name[64];         /* of the process in the registry */
	uint64_t epoch;
	uint64_t checkpoint; /* 1, 2, ... over the life of the process */
	int64_t time_ns;     /* CLOCK_REALTIME when it was begun */
	char host[65];       /* where */
};

/* Zeroes *id and fills in what this host and moment are: machine, page size, byte order, pointer size, time, host. */
void image_identity_init(struct image_identity *id);

/* Bytes of this process's address space. */
struct image_range {
	uintptr_t address;
	size_t size;
};

struct image_writer;

/* Writes the file header to `fd` (borrowed until destroy; at offset 0 if it is a file). */
int image_writer_create(int fd, const struct image_identity *id, struct image_writer **ret) PMIG_MUST_CHECK;

/* The descriptor that it writes to, which is none of the program's. */
int image_writer_descriptor(const struct image_writer *w);

/* Takes NULL. An image that was not finished is refused by every reader. */
void image_writer_destroy(struct image_writer *w);

/* Bytes that never enter the image: zeros are written in their place, by every later image_put_memory() and
 * image_put_globals(). `secrets` is borrowed until destroy. */
void image_omit(struct image_writer *w, const struct image_range *secrets, size_t n);

/* One section whose payload is `size` bytes at `data`, or `parts` one after the other. `version` (>= 1) is that of the
 * payload; its meaning is the caller's. */
int image_put(struct image_writer *w, enum image_section type, unsigned version, const void *data,
	size_t size) PMIG_MUST_CHECK;
int image_put_parts(struct image_writer *w, enum image_section type, unsigned version, const struct iovec *parts,
	size_t n) PMIG_MUST_CHECK;

#define IMAGE_INCREMENT 1u  /* on top of earlier memory sections: pages that are zero now are recorded as such */
#define IMAGE_BY_PAGEMAP 2u /* find touched pages by /proc/self/pagemap although the kernel has PAGEMAP_SCAN */

/* One memory section: the pages in `ranges` (page-aligned, ascending, disjoint) that are touched and not all zero.
 * Pages of file mappings count as touched, so that what was itself mapped from an image is written again; holes and
 * memory without read permission are left out. */
int image_put_memory(struct image_writer *w, const struct image_range *ranges, size_t n, unsigned flags) PMIG_MUST_CHECK;

/* The globals section: all bytes of `ranges` (any alignment and order, no two overlapping). Whole pages of globals of
 * IMAGE_LARGE bytes or more become runs in a section of their own, so that they are sparse and mapped as the arena is. */
#define IMAGE_LARGE (1u << 20)
int image_put_globals(struct image_writer *w, const struct image_range *ranges, size_t n) PMIG_MUST_CHECK;

/* Writes the end section. `*ret_bytes` (may be NULL): size of the image. */
int image_finish(struct image_writer *w, uint64_t *ret_bytes) PMIG_MUST_CHECK;

struct image;

/* Opens the image in the regular file `fd` (not kept: may be closed afterwards). `name` is for messages (copied). */
int image_open(int fd, const char *name, struct image **ret) PMIG_MUST_CHECK;

/* Closes its descriptor early, for a process whose own descriptors come back: nothing can be mapped any more, what
 * image_get() gives stays. */
void image_detach(struct image *im);

/* Takes NULL. What image_get() gave is gone; what image_map_memory() mapped stays. */
void image_close(struct image *im);

/* Borrowed until close. */
const struct image_identity *image_identity(const struct image *im);

/* Can `mine` (from image_identity_init(), with build, and process unless any will do, filled in) take this image? Compares
 * machine, byte order, pointer size, page size, build, data layout where both have one, and process where `mine` has
 * one. Error: PMIG_EIDENTITY, saying what differs. */
int image_check_identity(const struct image *im, const struct image_identity *mine) PMIG_MUST_CHECK;

/* Checks all bulk data against its hashes. */
int image_verify(struct image *im) PMIG_MUST_CHECK;

/* The caller vouches for the bulk data: image_verify() may be left out or come later. */
void image_trust(struct image *im);

/* One section of an image; all borrowed until close. */
struct image_entry {
	enum image_section type; /* may be a number that this version does not know */
	const char *name;
	unsigned version;
	bool mandatory;
	const void *data; /* the payload */
	size_t size;
	uint64_t offset;    /* of the section's header in the file */
	uint64_t bulk_size; /* bytes of bulk data behind the payload; 0: none */
};

/* The `index`-th (from 0) section of `type`. Error: PMIG_ENOENT. */
int image_get(const struct image *im, enum image_section type, size_t index, struct image_entry *ret) PMIG_MUST_CHECK;

/* All sections in the order of the file: image_at() for index 0 to image_count() - 1. */
size_t image_count(const struct image *im);
void image_at(const struct image *im, size_t index, struct image_entry *ret);
uint64_t image_size(const struct image *im);

/* Gives this process the memory of the image: each page run is mapped copy-on-write over what lies there now
 * (MAP_FIXED, readable and writable), or read where there are too many runs to map. Every run must lie within
 * `permitted` (mapped writable by the caller, holding zeros), or nothing is mapped at all. Needs image_verify() or
 * image_trust() before, else PMIG_EINVAL. When mapping itself fails (PMIG_ENOMEM, PMIG_EIO) the ranges are in pieces. */
int image_map_memory(const struct image *im, const struct image_range *permitted, size_t n) PMIG_MUST_CHECK;

/* Copies the bytes of the globals to their places and maps the pages of large ones. The image's table must equal
 * `expected`, the table that this executable would write, in the same order, else PMIG_EIDENTITY and nothing is changed.
 * Needs image_verify() or image_trust() before. */
int image_restore_globals(const struct image *im, const struct image_range *expected, size_t n) PMIG_MUST_CHECK;

/* A run of pages of a memory or global-pages section; for tools. */
struct image_run {
	uint64_t address;
	uint64_t pages;
	uint64_t offset; /* in the file; 0: the pages are all zero */
};

/* Number of runs of section `e` (0: it is of another type), and its `index`-th. */
size_t image_run_count(const struct image_entry *e);
void image_run_at(const struct image_entry *e, size_t index, struct image_run *ret);

#endif
