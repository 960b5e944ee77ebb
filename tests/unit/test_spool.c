/* test_spool: against a plain array, through memory, overflow and back; bounds; late and impossible acknowledgements. */
#include "transport/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/tmp/pmig-spool-XXXXXX";
static int directory;

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)((offset * 0x9e3779b97f4a7c15u) >> 56);
}

static void append(struct spool *s, size_t size, int want)
{
	uint8_t data[4096];
	for (size_t i = 0; i < size; i++)
		data[i] = byte_at(spool_end(s) + i);
	assert_int_equal(spool_room(s, size), want >= 0);
	assert_int_equal(spool_append(s, data, size), want);
}

static void check(const struct spool *s, uint64_t offset, size_t size)
{
	uint8_t data[4096];
	uint64_t left = spool_end(s) - offset;
	size_t want = size < left ? size : (size_t)left;
	assert_int_equal(spool_read(s, offset, data, size), want);
	for (size_t i = 0; i < want; i++)
		assert_int_equal(data[i], byte_at(offset + i));
}

static bool file_there(void)
{
	return faccessat(directory, "out.spool", F_OK, 0) == 0;
}

static struct spool *create(uint64_t start, size_t memory, const char *name, uint64_t file_max)
{
	struct spool *s;
	struct spool_options o = {
		.start = start, .memory = memory, .directory = directory, .name = name, .file_max = file_max};
	assert_int_equal(spool_create(&o, &s), 0);
	return s;
}

static void test_memory(void **state)
{
	(void)state;
	uint8_t byte;
	struct spool *s = create(1000, 10, NULL, 0);
	assert_int_equal(spool_begin(s), 1000);
	append(s, 7, 0);
	append(s, 4, PMIG_EBUSY);
	append(s, 3, 0);
	append(s, 1, PMIG_EBUSY);
	check(s, 1000, 20);
	check(s, 1010, 1);
	assert_int_equal(spool_read(s, 999, &byte, 1), PMIG_EINVAL);
	assert_int_equal(spool_read(s, 1011, &byte, 1), PMIG_EINVAL);
	assert_int_equal(spool_acknowledge(s, 1004), 0);
	assert_int_equal(spool_read(s, 1003, &byte, 1), PMIG_EINVAL);
	append(s, 4, 0);
	check(s, 1004, 20);
	assert_int_equal(spool_acknowledge(s, 1001), 0); /* late */
	assert_int_equal(spool_begin(s), 1004);
	assert_int_equal(spool_acknowledge(s, 1015), PMIG_EPROTOCOL);
	assert_int_equal(spool_acknowledge(s, 1014), 0);
	append(s, 10, 0);
	check(s, 1014, 10);
	spool_destroy(s);
}

static void test_file_and_back(void **state)
{
	(void)state;
	struct spool *s = create(5, 16, "out.spool", 100);
	append(s, 10, 0);
	assert_false(file_there());
	append(s, 10, 0);
	assert_true(file_there());
	append(s, 90, 0);
	append(s, 1, PMIG_EBUSY);
	for (uint64_t offset = 5; offset <= spool_end(s); offset++)
		check(s, offset, 33);
	assert_int_equal(spool_acknowledge(s, 60), 0);
	check(s, 60, 100);
	assert_int_equal(spool_acknowledge(s, spool_end(s)), 0);
	assert_false(file_there());
	append(s, 16, 0);
	assert_false(file_there());
	append(s, 1, 0);
	check(s, spool_begin(s), 20);
	spool_destroy(s);
	assert_false(file_there());
}

/* Thousands of random steps against what must hold. */
static void test_random(void **state)
{
	(void)state;
	unsigned seed = 7;
	struct spool *s = create(0, 512, "out.spool", 8192);
	for (int i = 0; i < 20000; i++) {
		unsigned r = (unsigned)rand_r(&seed);
		uint64_t held = spool_end(s) - spool_begin(s);
		size_t size = r / 8 % 700;
		switch (r % 4) {
		case 0:
			append(s, size, spool_room(s, size) ? 0 : PMIG_EBUSY);
			break;
		case 1:
			check(s, spool_begin(s) + (held > 0 ? r / 8 % held : 0), size);
			break;
		default:
			assert_int_equal(spool_acknowledge(s, spool_begin(s) + (held < size ? held : size)), 0);
		}
		assert_true(spool_end(s) - spool_begin(s) <= 512 + 8192);
	}
	spool_destroy(s);
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(root) == NULL)
		return -1;
	directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(directory);
	return rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_file_and_back),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
