/* test_object: the record of a translation unit comes back as it was written; what is damaged is refused, and nothing that
 * is no ELF file is taken for one. */
#include "instrument/object.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const struct object_unit first = {
	.level = 2, .debug = true, .source = "dir/first.c", .bitcode = "BC\xc0\xde first", .size = 10};
static const struct object_unit second = {.level = 0, .runtime = true, .source = "s.c", .bitcode = "BC", .size = 2};

/* Two records as the linker would lay them, with its padding behind; the caller frees it. */
static char *records(size_t *ret_size)
{
	int fd = memfd_create("records", MFD_CLOEXEC);
	assert_true(object_write(fd, &first) >= 0);
	assert_true(object_write(fd, &second) >= 0);
	assert_int_equal(write(fd, "\0\0\0", 3), 3);
	*ret_size = (size_t)lseek(fd, 0, SEEK_END);
	char *bytes = malloc(*ret_size);
	assert_int_equal(pread(fd, bytes, *ret_size, 0), *ret_size);
	(void)close(fd);
	return bytes;
}

static void expect_unit(const struct object_unit *got, const struct object_unit *want)
{
	assert_int_equal(got->level, want->level);
	assert_int_equal(got->debug, want->debug);
	assert_int_equal(got->runtime, want->runtime);
	assert_string_equal(got->source, want->source);
	assert_int_equal(got->size, want->size);
	assert_memory_equal(got->bitcode, want->bitcode, want->size);
}

static void reads_what_was_written(void **state)
{
	(void)state;
	size_t size, offset = 0;
	struct object_unit u;
	char *bytes = records(&size);
	assert_int_equal(object_read(bytes, size, &offset, &u), 1);
	expect_unit(&u, &first);
	assert_int_equal(object_read(bytes, size, &offset, &u), 1);
	expect_unit(&u, &second);
	assert_int_equal(object_read(bytes, size, &offset, &u), 0);
	assert_int_equal(object_read("", 0, &(size_t){0}, &u), 0);
	free(bytes);
}

/* Reads all records; the copy is exactly as large, so that a sanitizer sees a step too far. */
static int read_all(const char *bytes, size_t size, unsigned *ret_count)
{
	char *copy = malloc(size + 1);
	memcpy(copy, bytes, size);
	char *exact = realloc(copy, size > 0 ? size : 1);
	struct object_unit u;
	size_t offset = 0;
	unsigned count = 0;
	int e;
	while ((e = object_read(exact, size, &offset, &u)) > 0)
		count++;
	*ret_count = count;
	free(exact);
	return e;
}

static void refuses_every_truncation(void **state)
{
	(void)state;
	size_t size;
	unsigned count;
	char *bytes = records(&size);
	size_t needed = size;
	while (bytes[needed - 1] == 0) /* zeros behind the last record mean nothing */
		needed--;
	for (size_t n = 0; n < needed; n++)
		assert_true(read_all(bytes, n, &count) < 0 || count < 2);
	free(bytes);
}

static void refuses_every_flipped_bit_of_the_bitcode(void **state)
{
	(void)state;
	size_t size;
	unsigned count;
	char *bytes = records(&size);
	char *bitcode = memmem(bytes, size, first.bitcode, first.size);
	for (size_t bit = 0; bit < first.size * 8; bit++) {
		bitcode[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(read_all(bytes, size, &count), PMIG_ECORRUPT);
		assert_string_equal(pmig_reason(), "dir/first.c: the bitcode is damaged; compile it again");
		bitcode[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < size * 8; bit++) { /* elsewhere: never a crash */
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		(void)read_all(bytes, size, &count);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
	free(bytes);
}

static void names_another_version(void **state)
{
	(void)state;
	size_t size;
	unsigned count;
	char *bytes = records(&size);
	bytes[8] = 9; /* the version follows the magic */
	assert_int_equal(read_all(bytes, size, &count), PMIG_EVERSION);
	assert_string_equal(pmig_reason(), "the object was made by another pmig-cc (format 9, here 1); compile it again");
	free(bytes);
}

/* An ELF file with nothing but the section: header, names, content, section headers. */
struct tiny {
	Elf64_Ehdr header;
	char names[16];
	char content[8];
	Elf64_Shdr sections[3];
};

static struct tiny tiny_elf(void)
{
	struct tiny t = {
		.header =
			{
				.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
				.e_type = ET_REL,
				.e_shoff = offsetof(struct tiny, sections),
				.e_shentsize = sizeof(Elf64_Shdr),
				.e_shnum = 3,
				.e_shstrndx = 1,
			},
		.names = "\0" OBJECT_SECTION,
		.content = "content",
		.sections =
			{
				{0},
				{.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct tiny, names), .sh_size = sizeof t.names},
				{.sh_name = 1,
					.sh_type = SHT_PROGBITS,
					.sh_offset = offsetof(struct tiny, content),
					.sh_size = 8},
			},
	};
	return t;
}

static void finds_the_section(void **state)
{
	(void)state;
	struct tiny t = tiny_elf();
	const void *bytes;
	size_t size;
	assert_int_equal(object_find(&t, sizeof t, &bytes, &size), 1);
	assert_ptr_equal(bytes, t.content);
	assert_int_equal(size, 8);
	t.names[1] = 'x';
	assert_int_equal(object_find(&t, sizeof t, &bytes, &size), 0);
	assert_int_equal(object_find("#!/bin/sh\n", 10, &bytes, &size), 0);
	assert_int_equal(object_find("", 0, &bytes, &size), 0);
}

static void survives_damaged_files(void **state)
{
	(void)state;
	const void *bytes;
	size_t size;
	struct tiny good = tiny_elf(), *exact = malloc(sizeof good);
	for (size_t bit = 0; bit < sizeof good * 8; bit++) {
		memcpy(exact, &good, sizeof good);
		((char *)exact)[bit / 8] ^= (char)(1 << bit % 8);
		if (object_find(exact, sizeof good, &bytes, &size) > 0)
			assert_true((const char *)bytes >= (const char *)exact && size <= sizeof good &&
				(const char *)bytes + size <= (const char *)(exact + 1));
	}
	free(exact);
	for (size_t n = 0; n < sizeof good; n++) {
		char *cut = malloc(n + 1);
		memcpy(cut, &good, n);
		assert_true(object_find(cut, n, &bytes, &size) <= 0);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_every_flipped_bit_of_the_bitcode),
		cmocka_unit_test(names_another_version),
		cmocka_unit_test(finds_the_section),
		cmocka_unit_test(survives_damaged_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
