/* test_image_map: memory and globals come back to their places, base and increments, and nowhere else. */
#include "image_case.h"

static struct image *open_sound(int fd)
{
	struct image *im;
	case_good(image_open(fd, "tiny", &im));
	case_good(image_verify(im));
	return im;
}

static void maps_pages_and_globals(void **state)
{
	(void)state;
	int fd = case_image();
	struct image *im = open_sound(fd);
	(void)close(fd);
	uint8_t *arena = case_map(CASE_PAGES + 1);
	case_good(image_map_memory(im, &case_memory, 1));
	case_good(image_restore_globals(im, case_globals, 2));
	image_close(im);
	for (size_t i = 0; i < CASE_PAGES * CASE_PAGE; i++)
		assert_int_equal(arena[i], i < CASE_PAGE ? 0x11 : i == 3 * CASE_PAGE - 1 ? 0x22 : 0);
	assert_memory_equal(arena + CASE_PAGES * CASE_PAGE, "\0\0\0earth", 9);
	assert_memory_equal((void *)case_globals[1].address, "universe", 8);
	case_unmap(CASE_PAGES + 1);
}

/* What the program writes afterwards is its own; the image can be restored once more. */
static void leaves_the_image_as_it_is(void **state)
{
	(void)state;
	int fd = case_image();
	uint8_t *arena = case_map(CASE_PAGES + 1);
	for (int i = 0; i < 2; i++) {
		struct image *im = open_sound(fd);
		case_good(image_map_memory(im, &case_memory, 1));
		assert_int_equal(arena[0], 0x11);
		memset(arena, 0xee, CASE_PAGE);
		case_good(image_verify(im));
		image_close(im);
	}
	case_unmap(CASE_PAGES + 1);
	(void)close(fd);
}

static void wants_verified_data(void **state)
{
	(void)state;
	int fd = case_image();
	struct image *im;
	uint8_t *arena = case_map(CASE_PAGES + 1);
	case_good(image_open(fd, "tiny", &im));
	assert_int_equal(image_map_memory(im, &case_memory, 1), PMIG_EINVAL);
	assert_int_equal(image_restore_globals(im, case_globals, 2), PMIG_EINVAL);
	assert_int_equal(arena[0], 0);
	image_trust(im);
	case_good(image_map_memory(im, &case_memory, 1));
	assert_int_equal(arena[0], 0x11);
	image_close(im);
	case_unmap(CASE_PAGES + 1);
	(void)close(fd);
}

static void maps_nothing_outside_what_is_permitted(void **state)
{
	(void)state;
	int fd = case_image();
	struct image *im = open_sound(fd);
	uint8_t *arena = case_map(CASE_PAGES + 1);
	const struct image_range narrow[][2] = {
		{{(uintptr_t)arena, CASE_PAGE}, {(uintptr_t)arena + 3 * CASE_PAGE, CASE_PAGE}},
		{{(uintptr_t)arena + CASE_PAGE, 3 * CASE_PAGE}, {0, 0}},
		{{(uintptr_t)arena, CASE_PAGE}, {(uintptr_t)arena + 2 * CASE_PAGE, CASE_PAGE - 1}},
	};
	for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) {
		assert_int_equal(image_map_memory(im, narrow[i], 2), PMIG_ECORRUPT);
		assert_int_equal(arena[0], 0);
	}
	const struct image_range exact[2] = {{(uintptr_t)arena, CASE_PAGE}, {(uintptr_t)arena + 2 * CASE_PAGE, CASE_PAGE}};
	case_good(image_map_memory(im, exact, 2));
	assert_int_equal(arena[0], 0x11);
	image_close(im);
	case_unmap(CASE_PAGES + 1);
	(void)close(fd);
}

static void wants_the_same_globals(void **state)
{
	(void)state;
	int fd = case_image();
	struct image *im = open_sound(fd);
	uint8_t *arena = case_map(CASE_PAGES + 1);
	struct image_range other[3] = {case_globals[0], case_globals[1], case_globals[1]};
	assert_int_equal(image_restore_globals(im, other, 1), PMIG_EIDENTITY);
	assert_int_equal(image_restore_globals(im, other, 3), PMIG_EIDENTITY);
	other[1].size--;
	assert_int_equal(image_restore_globals(im, other, 2), PMIG_EIDENTITY);
	other[1] = case_globals[1];
	other[0].address++;
	assert_int_equal(image_restore_globals(im, other, 2), PMIG_EIDENTITY);
	assert_int_equal(arena[CASE_PAGES * CASE_PAGE + 3], 0);
	image_close(im);
	case_unmap(CASE_PAGES + 1);
	(void)close(fd);
}

static void checks_who_it_is(void **state)
{
	(void)state;
	int fd = case_image();
	struct image *im = open_sound(fd);
	struct image_identity mine = case_identity();
	case_good(image_check_identity(im, &mine));
	memset(mine.process, 0, sizeof mine.process);
	memset(mine.data_layout, 0, sizeof mine.data_layout);
	case_good(image_check_identity(im, &mine));
	const struct {
		size_t offset;
		const char *reason;
	} fields[] = {
		{offsetof(struct image_identity, machine), "image tiny: its machine (ELF number) is 62, here it is 63"},
		{offsetof(struct image_identity, byte_order), "image tiny: its byte order is 1, here it is 0"},
		{offsetof(struct image_identity, pointer_size), "image tiny: its pointer size is 8, here it is 9"},
		{offsetof(struct image_identity, page_size), "image tiny: its page size is 4096, here it is 4097"},
		{offsetof(struct image_identity, data_layout), "image tiny: its data layout is e-m:e-i64:64, here it is \1"},
		{offsetof(struct image_identity, build) + 31, NULL},
		{offsetof(struct image_identity, process) + 15, "image tiny: it is of another process, \"queens\""},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct image_identity other = mine;
		((uint8_t *)&other)[fields[i].offset] ^= 1;
		assert_int_equal(image_check_identity(im, &other), PMIG_EIDENTITY);
		if (fields[i].reason != NULL)
			assert_string_equal(pmig_reason(), fields[i].reason);
	}
	image_close(im);
	(void)close(fd);
}

static void maps_nothing_once_detached(void **state)
{
	(void)state;
	int fd = case_image();
	struct image *im = open_sound(fd);
	struct image_entry e;
	uint8_t *arena = case_map(CASE_PAGES + 1);
	image_detach(im);
	image_detach(im);
	case_good(image_get(im, IMAGE_PROGRAM, 0, &e));
	assert_memory_equal(e.data, "hello", 5);
	assert_true(image_map_memory(im, &case_memory, 1) < 0);
	assert_int_equal(arena[0], 0);
	image_close(im);
	case_unmap(CASE_PAGES + 1);
	(void)close(fd);
}

static void begin(int fd, struct image_writer **ret)
{
	struct image_identity id = case_identity();
	case_good(image_writer_create(fd, &id, ret));
}

static void end(struct image_writer *w)
{
	case_good(image_finish(w, NULL));
	image_writer_destroy(w);
}

static void lays_increments_on_top_of_the_base(void **state)
{
	(void)state;
	int fd = case_file();
	uint8_t *arena = case_map(8);
	const struct image_range all = {(uintptr_t)arena, 8 * CASE_PAGE};
	struct image_writer *w;
	memset(arena, 1, 4 * CASE_PAGE);
	begin(fd, &w);
	case_good(image_put_memory(w, &all, 1, 0));
	/* page 1 changes, page 2 becomes zero, page 3 is given back, page 5 is new */
	memset(arena + CASE_PAGE, 2, CASE_PAGE);
	memset(arena + 2 * CASE_PAGE, 0, CASE_PAGE);
	assert_int_equal(madvise(arena + 3 * CASE_PAGE, CASE_PAGE, MADV_DONTNEED), 0);
	memset(arena + 5 * CASE_PAGE, 5, CASE_PAGE);
	const struct image_range dirty[] = {
		{(uintptr_t)arena + CASE_PAGE, 3 * CASE_PAGE}, {(uintptr_t)arena + 5 * CASE_PAGE, CASE_PAGE}};
	case_good(image_put_memory(w, dirty, 2, IMAGE_INCREMENT));
	end(w);
	case_unmap(8);

	case_map(8);
	struct image *im = open_sound(fd);
	case_good(image_map_memory(im, &all, 1));
	image_close(im);
	static const uint8_t want[8] = {1, 2, 0, 0, 0, 5, 0, 0};
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(arena[i * CASE_PAGE], want[i]);
		assert_int_equal(arena[(i + 1) * CASE_PAGE - 1], want[i]);
	}
	case_unmap(8);
	(void)close(fd);
}

/* A checkpoint of a restored program that has touched only some of its pages holds all of them. */
static void writes_again_what_it_had_mapped(void **state)
{
	(void)state;
	int fd = case_image(), again = case_file();
	struct image *im = open_sound(fd);
	uint8_t *arena = case_map(CASE_PAGES + 1);
	case_good(image_map_memory(im, &case_memory, 1));
	case_good(image_restore_globals(im, case_globals, 2));
	image_close(im);
	(void)case_write(again);
	size_t size = (size_t)lseek(fd, 0, SEEK_END);
	assert_int_equal(lseek(again, 0, SEEK_END), size);
	uint8_t *a = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0), *b = mmap(NULL, size, PROT_READ, MAP_SHARED, again, 0);
	assert_memory_equal(a, b, size);
	(void)munmap(a, size);
	(void)munmap(b, size);
	assert_int_equal(arena[0], 0x11);
	case_unmap(CASE_PAGES + 1);
	(void)close(fd);
	(void)close(again);
}

/* Every second page of 256 MiB: more runs than a process may have mappings. */
static void restores_more_runs_than_can_be_mapped(void **state)
{
	(void)state;
	const size_t pages = 65536 * 2;
	int fd = case_file();
	uint8_t *arena = case_map(pages);
	const struct image_range all = {(uintptr_t)arena, pages * CASE_PAGE};
	struct image_writer *w;
	for (size_t i = 0; i < pages; i += 2)
		memcpy(arena + i * CASE_PAGE + 8, &i, sizeof i);
	memset(arena + 1000 * CASE_PAGE, 7, 100 * CASE_PAGE);
	begin(fd, &w);
	case_good(image_put_memory(w, &all, 1, 0));
	end(w);
	case_unmap(pages);
	case_map(pages);
	struct image *im = open_sound(fd);
	case_good(image_map_memory(im, &all, 1));
	image_close(im);
	for (size_t i = 0; i < pages; i++) {
		size_t value;
		memcpy(&value, arena + i * CASE_PAGE + 8, sizeof value);
		assert_int_equal(value, i >= 1000 && i < 1100 ? 0x0707070707070707 : i % 2 == 0 ? i : 0);
	}
	case_unmap(pages);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_pages_and_globals),
		cmocka_unit_test(leaves_the_image_as_it_is),
		cmocka_unit_test(wants_verified_data),
		cmocka_unit_test(maps_nothing_outside_what_is_permitted),
		cmocka_unit_test(wants_the_same_globals),
		cmocka_unit_test(checks_who_it_is),
		cmocka_unit_test(maps_nothing_once_detached),
		cmocka_unit_test(lays_increments_on_top_of_the_base),
		cmocka_unit_test(writes_again_what_it_had_mapped),
		cmocka_unit_test(restores_more_runs_than_can_be_mapped),
	};
	return cmocka_run_group_tests_name("image_map", tests, NULL, NULL);
}
