/* record: writes and reads the parts of an image that are not raw memory. */
#include "record.h"

#include <stdlib.h>
#include <string.h>

static void *grow(struct record_writer *w, size_t n)
{
	if (w->failed)
		return NULL;
	if (w->room - w->size < n) {
		size_t room = w->room < 4096 ? 4096 : w->room;
		while (room - w->size < n)
			room *= 2;
		unsigned char *data = realloc(w->data, room);
		if (data == NULL) {
			w->failed = true;
			return NULL;
		}
		w->data = data;
		w->room = room;
	}
	void *at = w->data + w->size;
	w->size += n;
	return at;
}

static void put(struct record_writer *w, uint64_t v, size_t n)
{
	unsigned char *at = grow(w, n);
	if (at == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		at[i] = (unsigned char)(v >> (8 * i));
}

void record_finish(struct record_writer *w)
{
	free(w->data);
	*w = (struct record_writer){0};
}

void record_put_u8(struct record_writer *w, unsigned v)
{
	put(w, v, 1);
}

void record_put_u32(struct record_writer *w, uint32_t v)
{
	put(w, v, 4);
}

void record_put_u64(struct record_writer *w, uint64_t v)
{
	put(w, v, 8);
}

void record_put_bytes(struct record_writer *w, const void *data, size_t size)
{
	put(w, size, 8);
	void *at = grow(w, size);
	if (at != NULL && size > 0)
		memcpy(at, data, size);
}

void record_put_text(struct record_writer *w, const char *text)
{
	if (text == NULL)
		text = "";
	record_put_bytes(w, text, strlen(text) + 1);
}

size_t record_part_begin(struct record_writer *w)
{
	put(w, 0, 8);
	return w->size;
}

void record_part_end(struct record_writer *w, size_t begin)
{
	if (w->failed)
		return;
	size_t end = w->size;
	w->size = begin - 8;
	put(w, end - begin, 8);
	w->size = end;
}

int record_check(const struct record_writer *w)
{
	return w->failed ? error_set(PMIG_ENOMEM, "no memory for a record") : 0;
}

void record_reader_init(struct record_reader *r, const char *what, const void *data, size_t size)
{
	*r = (struct record_reader){.data = data, .size = size, .what = what};
}

static const unsigned char *fail(struct record_reader *r)
{
	if (!r->failed)
		r->failed_at = r->at;
	r->failed = true;
	r->at = r->size;
	return NULL;
}

static const unsigned char *take(struct record_reader *r, size_t n)
{
	if (r->failed || r->size - r->at < n)
		return fail(r);
	const unsigned char *at = r->data + r->at;
	r->at += n;
	return at;
}

static uint64_t get(struct record_reader *r, size_t n)
{
	const unsigned char *at = take(r, n);
	uint64_t v = 0;
	for (size_t i = 0; at != NULL && i < n; i++)
		v |= (uint64_t)at[i] << (8 * i);
	return v;
}

unsigned record_get_u8(struct record_reader *r)
{
	return (unsigned)get(r, 1);
}

uint32_t record_get_u32(struct record_reader *r)
{
	return (uint32_t)get(r, 4);
}

uint64_t record_get_u64(struct record_reader *r)
{
	return get(r, 8);
}

uint64_t record_get_within(struct record_reader *r, uint64_t low, uint64_t high)
{
	uint64_t v = get(r, 8);
	if (!r->failed && v >= low && v <= high)
		return v;
	fail(r);
	return low;
}

const void *record_get_bytes(struct record_reader *r, size_t max, size_t *ret_size)
{
	uint64_t n = get(r, 8);
	const void *at = n <= max ? take(r, n) : fail(r);
	*ret_size = at != NULL ? n : 0;
	return at != NULL ? at : "";
}

const char *record_get_text(struct record_reader *r)
{
	size_t n;
	const char *text = record_get_bytes(r, RECORD_TEXT_MAX, &n);
	if (r->failed || n == 0 || memchr(text, 0, n) != text + n - 1) {
		fail(r);
		return "";
	}
	return text;
}

void record_get_part(struct record_reader *r, struct record_reader *ret_part)
{
	size_t n;
	const void *at = record_get_bytes(r, r->size, &n);
	record_reader_init(ret_part, r->what, at, n);
	ret_part->failed = r->failed;
}

bool record_at_end(const struct record_reader *r)
{
	return r->failed || r->at == r->size;
}

int record_reader_check(const struct record_reader *r)
{
	if (!r->failed)
		return 0;
	return error_set(PMIG_ECORRUPT, "%s: a record is damaged at offset %zu", r->what, r->failed_at);
}
