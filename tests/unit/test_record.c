/* What records write they read again; of damaged ones they read nothing that lies outside, and say where it was. */
#include "resource/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void write_sample(struct record_writer *w)
{
	record_put_u8(w, 7);
	record_put_u32(w, 0x12345678);
	record_put_u64(w, 0x1122334455667788);
	record_put_text(w, "a text");
	record_put_text(w, NULL);
	size_t part = record_part_begin(w);
	record_put_u64(w, 42);
	record_put_text(w, "what an older reader does not know");
	record_part_end(w, part);
	record_put_bytes(w, "\0\1\2", 3);
	assert_int_equal(record_check(w), 0);
}

/* Reads as write_sample() wrote; the sum of all bytes that were handed out, so that each is touched. */
static unsigned long read_sample(struct record_reader *r)
{
	struct record_reader part;
	size_t n;
	unsigned long sum = record_get_u8(r) + record_get_u32(r) + record_get_u64(r);
	for (int i = 0; i < 2; i++)
		for (const char *text = record_get_text(r); *text != 0; text++)
			sum += (unsigned char)*text;
	record_get_part(r, &part);
	sum += record_get_within(&part, 40, 50);
	const unsigned char *bytes = record_get_bytes(r, 16, &n);
	while (n-- > 0)
		sum += *bytes++;
	return sum;
}

static void reads_what_was_written(void **state)
{
	(void)state;
	static const unsigned char golden[] = {
		7, 0x78, 0x56, 0x34, 0x12, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* three numbers, little endian */
		7, 0, 0, 0, 0, 0, 0, 0, 'a', ' ', 't', 'e', 'x', 't', 0, /* a text: length with NUL, then it */
		1, 0, 0, 0, 0, 0, 0, 0, 0,                               /* NULL is "" */
	};
	struct record_writer w = {0};
	write_sample(&w);
	assert_true(w.size > sizeof golden);
	assert_memory_equal(w.data, golden, sizeof golden);
	struct record_reader r, part;
	size_t n;
	record_reader_init(&r, "sample", w.data, w.size);
	assert_int_equal(record_get_u8(&r), 7);
	assert_int_equal(record_get_u32(&r), 0x12345678);
	assert_int_equal(record_get_u64(&r), 0x1122334455667788);
	assert_string_equal(record_get_text(&r), "a text");
	assert_string_equal(record_get_text(&r), "");
	record_get_part(&r, &part);
	assert_int_equal(record_get_u64(&part), 42);
	assert_false(record_at_end(&part)); /* the rest is skipped */
	assert_memory_equal(record_get_bytes(&r, 3, &n), "\0\1\2", 3);
	assert_int_equal(n, 3);
	assert_true(record_at_end(&r));
	assert_int_equal(record_reader_check(&r), 0);
	assert_int_equal(record_get_u32(&r), 0); /* nothing is left */
	assert_int_equal(record_reader_check(&r), PMIG_ECORRUPT);
	assert_non_null(strstr(pmig_reason(), "sample: a record is damaged at offset"));
	record_finish(&w);
}

/* In a block of exactly its size, so that a sanitizer sees a byte too many. */
static void every_truncation_is_noticed(void **state)
{
	(void)state;
	struct record_writer w = {0};
	write_sample(&w);
	for (size_t n = 0; n < w.size; n++) {
		unsigned char *cut = malloc(n + (n == 0));
		memcpy(cut, w.data, n);
		struct record_reader r;
		record_reader_init(&r, "cut", cut, n);
		(void)read_sample(&r);
		assert_int_equal(record_reader_check(&r), PMIG_ECORRUPT);
		free(cut);
	}
	record_finish(&w);
}

static void no_flipped_bit_leads_outside(void **state)
{
	(void)state;
	struct record_writer w = {0};
	write_sample(&w);
	unsigned char *copy = malloc(w.size);
	for (size_t bit = 0; bit < 8 * w.size; bit++) {
		memcpy(copy, w.data, w.size);
		copy[bit / 8] ^= (unsigned char)(1u << bit % 8);
		struct record_reader r;
		record_reader_init(&r, "flipped", copy, w.size);
		(void)read_sample(&r);
	}
	free(copy);
	record_finish(&w);
}

static void bounds_hold(void **state)
{
	(void)state;
	struct record_writer w = {0};
	struct record_reader r;
	size_t n = 9;
	record_put_u64(&w, 51);
	record_reader_init(&r, "bounds", w.data, w.size);
	assert_int_equal(record_get_within(&r, 40, 50), 40);
	assert_int_equal(record_reader_check(&r), PMIG_ECORRUPT);
	record_finish(&w);
	record_put_bytes(&w, "abcd", 4);
	record_reader_init(&r, "bounds", w.data, w.size);
	assert_non_null(record_get_bytes(&r, 3, &n));
	assert_int_equal(n, 0);
	assert_int_equal(record_reader_check(&r), PMIG_ECORRUPT);
	record_finish(&w);
	record_put_bytes(&w, "no end", 6); /* a text without its NUL */
	record_reader_init(&r, "bounds", w.data, w.size);
	assert_string_equal(record_get_text(&r), "");
	record_finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(no_flipped_bit_leads_outside),
		cmocka_unit_test(bounds_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
