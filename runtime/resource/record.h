/* record: the little language in which kinds and context write into an image: numbers little endian, texts and bytes
 * with their length before them. Reading believes nothing: a reader that ran off its end, or met a length above its
 * bound, gives zeros and empty texts from then on, and record_reader_check() says where. */
#ifndef PMIG_RESOURCE_RECORD_H
#define PMIG_RESOURCE_RECORD_H

#include "../base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_TEXT_MAX 65536 /* one text, its NUL included */

/* Initialise with {0}. Memory is malloc's, never the program's. */
struct record_writer {
	unsigned char *data;
	size_t size;
	size_t room;
	bool failed; /* no memory */
};

void record_finish(struct record_writer *w); /* frees; *w is as new */
void record_put_u8(struct record_writer *w, unsigned v);
void record_put_u32(struct record_writer *w, uint32_t v);
void record_put_u64(struct record_writer *w, uint64_t v);
void record_put_text(struct record_writer *w, const char *text); /* NULL is written as "" */
void record_put_bytes(struct record_writer *w, const void *data, size_t size);

/* Begins a part of unknown length; returns where, for record_part_end(). A reader can skip what it does not know of
 * it. */
size_t record_part_begin(struct record_writer *w);
void record_part_end(struct record_writer *w, size_t begin);

/* 0, or PMIG_ENOMEM. */
PMIG_MUST_CHECK int record_check(const struct record_writer *w);

struct record_reader {
	const unsigned char *data; /* borrowed */
	size_t size;
	size_t at;
	const char *what; /* for messages; borrowed */
	bool failed;
	size_t failed_at;
};

void record_reader_init(struct record_reader *r, const char *what, const void *data, size_t size);
unsigned record_get_u8(struct record_reader *r);
uint32_t record_get_u32(struct record_reader *r);
uint64_t record_get_u64(struct record_reader *r);

/* A number that must lie in [low, high]. */
uint64_t record_get_within(struct record_reader *r, uint64_t low, uint64_t high);

/* NUL-terminated, inside the data: borrowed as long as that; never NULL. */
const char *record_get_text(struct record_reader *r);

/* `*ret_size` bytes, at most `max`; borrowed. */
const void *record_get_bytes(struct record_reader *r, size_t max, size_t *ret_size);

/* A part as a reader of its own; the outer one is then behind it. */
void record_get_part(struct record_reader *r, struct record_reader *ret_part);

/* True at the end, or after a failure. */
bool record_at_end(const struct record_reader *r);

/* 0, or PMIG_ECORRUPT with name and offset. */
PMIG_MUST_CHECK int record_reader_check(const struct record_reader *r);

#endif
