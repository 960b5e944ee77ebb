/* test_image_pages: only touched, non-zero pages are written, found in either way. */
#include "image_case.h"
#include "runtime/image/image_pages.h"

#include <stdio.h>

static void find(const struct image_range *ranges, size_t n, unsigned flags, struct image_pieces *ret)
{
	*ret = (struct image_pieces){0};
	case_good(image_pages_find(ranges, n, flags, ret));
}

/* The pieces in pages from the arena's start: "1+2 5+1z" (z: zero). */
static const char *words(const struct image_pieces *pieces)
{
	static char text[512];
	size_t n = 0;
	text[0] = '\0';
	for (size_t i = 0; i < pieces->n && n < sizeof text - 64; i++)
		n += (size_t)sprintf(text + n, "%s%zu+%zu%s", i == 0 ? "" : " ",
			(pieces->at[i].address - (uintptr_t)CASE_ARENA) / CASE_PAGE, pieces->at[i].size / CASE_PAGE,
			pieces->at[i].zero ? "z" : "");
	return text;
}

static void expect(const struct image_range *ranges, size_t n, unsigned flags, const char *want)
{
	static const unsigned ways[] = {0, IMAGE_BY_PAGEMAP};
	for (size_t i = 0; i < 2; i++) {
		struct image_pieces pieces;
		find(ranges, n, flags | ways[i], &pieces);
		assert_string_equal(words(&pieces), want);
		image_pieces_finish(&pieces);
	}
}

static void finds_touched_pages(void **state)
{
	(void)state;
	uint8_t *arena = case_map(32);
	const struct image_range all = {(uintptr_t)arena, 32 * CASE_PAGE};
	const struct image_range some[] = {
		{(uintptr_t)arena + CASE_PAGE, CASE_PAGE}, {(uintptr_t)arena + 4 * CASE_PAGE, 2 * CASE_PAGE}};
	expect(&all, 1, 0, "");
	arena[CASE_PAGE] = 1;
	arena[3 * CASE_PAGE - 1] = 1;
	arena[5 * CASE_PAGE + 2000] = 1;
	arena[7 * CASE_PAGE] = 0;                         /* touched and zero */
	(void)*(volatile uint8_t *)&arena[9 * CASE_PAGE]; /* read only: the shared zero page */
	arena[31 * CASE_PAGE] = 1;
	expect(&all, 1, 0, "1+2 5+1 31+1");
	expect(&all, 1, IMAGE_INCREMENT, "0+1z 1+2 3+2z 5+1 6+25z 31+1");
	expect(some, 2, 0, "1+1 5+1");
	expect(some, 2, IMAGE_INCREMENT, "1+1 4+1z 5+1");
	expect(&all, 0, 0, "");
	case_unmap(32);
}

static void leaves_out_holes_and_guards(void **state)
{
	(void)state;
	uint8_t *arena = case_map(8);
	memset(arena, 1, 8 * CASE_PAGE);
	assert_int_equal(munmap(arena + 2 * CASE_PAGE, CASE_PAGE), 0);
	assert_int_equal(mprotect(arena + 4 * CASE_PAGE, CASE_PAGE, PROT_NONE), 0);
	assert_int_equal(mprotect(arena + 6 * CASE_PAGE, CASE_PAGE, PROT_READ), 0);
	const struct image_range all = {(uintptr_t)arena, 8 * CASE_PAGE};
	expect(&all, 1, 0, "0+2 3+1 5+3");
	expect(&all, 1, IMAGE_INCREMENT, "0+2 3+1 5+3");
	case_unmap(8);
}

/* Pages of a private file mapping that nobody has touched have content. */
static void takes_file_pages_as_touched(void **state)
{
	(void)state;
	uint8_t *arena = case_map(8), page[CASE_PAGE] = {1};
	int fd = case_file();
	assert_int_equal(pwrite(fd, page, CASE_PAGE, 0), CASE_PAGE);
	assert_int_equal(pwrite(fd, page, CASE_PAGE, 2 * CASE_PAGE), CASE_PAGE);
	assert_ptr_equal(mmap(arena + 2 * CASE_PAGE, 3 * CASE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0),
		arena + 2 * CASE_PAGE);
	(void)close(fd);
	const struct image_range all = {(uintptr_t)arena, 8 * CASE_PAGE};
	expect(&all, 1, 0, "2+1 4+1");
	case_unmap(8);
}

static void refuses_wrong_ranges(void **state)
{
	(void)state;
	const uintptr_t a = (uintptr_t)CASE_ARENA;
	const struct image_range wrong[][2] = {
		{{a + 1, CASE_PAGE}, {a + 2 * CASE_PAGE, 0}},
		{{a, CASE_PAGE + 1}, {a + 2 * CASE_PAGE, 0}},
		{{a, 2 * CASE_PAGE}, {a + CASE_PAGE, CASE_PAGE}},
		{{a + CASE_PAGE, CASE_PAGE}, {a, CASE_PAGE}},
		{{a, CASE_PAGE}, {a + CASE_PAGE, (size_t)0 - CASE_PAGE}},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct image_pieces pieces = {0};
		assert_int_equal(image_pages_find(wrong[i], 2, 0, &pieces), PMIG_EINVAL);
		image_pieces_finish(&pieces);
	}
}

/* Many separate pages: more regions than one call of the kernel gives, and a list that has to grow. */
static void both_ways_find_the_same(void **state)
{
	(void)state;
	const size_t pages = 40000;
	uint8_t *arena = case_map(pages);
	uint64_t random = 1;
	for (size_t i = 0; i < pages; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		if (random >> 62 == 1)
			arena[i * CASE_PAGE + (random >> 40) % CASE_PAGE] = (random >> 33) % 4 != 0;
	}
	const struct image_range all = {(uintptr_t)arena, pages * CASE_PAGE};
	struct image_pieces scan, entries;
	find(&all, 1, 0, &scan);
	find(&all, 1, IMAGE_BY_PAGEMAP, &entries);
	assert_int_equal(scan.n, entries.n);
	assert_true(scan.n > 4096);
	size_t k = 0;
	for (size_t i = 0; i < scan.n; i++) {
		assert_int_equal(scan.at[i].address, entries.at[i].address);
		assert_int_equal(scan.at[i].size, entries.at[i].size);
	}
	for (size_t i = 0; i < pages; i++) {
		bool any = false;
		for (size_t b = 0; b < CASE_PAGE && !any; b++)
			any = arena[i * CASE_PAGE + b] != 0;
		uintptr_t at = (uintptr_t)arena + i * CASE_PAGE;
		while (k < scan.n && at >= scan.at[k].address + scan.at[k].size)
			k++;
		assert_int_equal(any, k < scan.n && at >= scan.at[k].address);
	}
	image_pieces_finish(&scan);
	image_pieces_finish(&entries);
	case_unmap(pages);
}

/* 4 GiB reserved, 200 MiB touched in two places: the image has the touched bytes and at most 2 % more. */
static void an_image_has_the_size_of_what_was_touched(void **state)
{
	(void)state;
	const size_t pages = 1u << 20, touched = 200u << 20;
	uint8_t *arena = case_map(pages);
	for (size_t i = 0; i < touched / 2; i += 512) {
		arena[i] = 1;
		arena[(3ull << 30) + i] = 1;
	}
	const struct image_range all = {(uintptr_t)arena, pages * CASE_PAGE};
	static const unsigned ways[] = {0, IMAGE_BY_PAGEMAP};
	for (size_t i = 0; i < 2; i++) {
		struct image_identity id = case_identity();
		struct image_writer *w;
		uint64_t size;
		int fd = case_file();
		case_good(image_writer_create(fd, &id, &w));
		case_good(image_put_memory(w, &all, 1, ways[i]));
		case_good(image_finish(w, &size));
		image_writer_destroy(w);
		assert_true(size > touched && size < touched + touched / 50);
		struct image *im;
		case_good(image_open(fd, "sparse", &im));
		case_good(image_verify(im));
		image_close(im);
		(void)close(fd);
	}
	case_unmap(pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_touched_pages),
		cmocka_unit_test(leaves_out_holes_and_guards),
		cmocka_unit_test(takes_file_pages_as_touched),
		cmocka_unit_test(refuses_wrong_ranges),
		cmocka_unit_test(both_ways_find_the_same),
		cmocka_unit_test(an_image_has_the_size_of_what_was_touched),
	};
	return cmocka_run_group_tests_name("image_pages", tests, NULL, NULL);
}
