/* machine: the level that an executable asks for is read from its note, and a damaged note asks for none. */
#include "transport/machine.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* An executable of two headers and a note with one other property before ours. */
struct executable {
	Elf64_Ehdr head;
	Elf64_Phdr headers[2];
	Elf64_Nhdr note;
	char name[4];
	struct property {
		uint32_t type, size, mask, padding;
	} properties[2];
};

static struct executable make(uint32_t mask)
{
	struct executable e = {
		.head = {.e_phoff = offsetof(struct executable, headers), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2},
		.headers = {{.p_type = PT_LOAD},
			{.p_type = PT_NOTE,
				.p_offset = offsetof(struct executable, note),
				.p_filesz = sizeof e - offsetof(struct executable, note)}},
		.note = {.n_namesz = 4, .n_descsz = sizeof e.properties, .n_type = NT_GNU_PROPERTY_TYPE_0},
		.name = "GNU",
		.properties = {{0xc0000002, 4, 3, 0}, {0xc0008002, 4, mask, 0}}};
	memcpy(e.head.e_ident, ELFMAG, SELFMAG);
	e.head.e_ident[EI_CLASS] = ELFCLASS64;
	return e;
}

static int level_of(const void *bytes, size_t size)
{
	int fd = memfd_create("executable", MFD_CLOEXEC);
	assert_int_equal(write(fd, bytes, size), size);
	int level = machine_level_needed(fd);
	close(fd);
	return level;
}

static void the_highest_level_counts(void **state)
{
	(void)state;
	static const struct {
		uint32_t mask;
		int level;
	} cases[] = {{0, 0}, {1, 1}, {3, 2}, {7, 3}, {4, 3}, {15, 4}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct executable e = make(cases[i].mask);
		assert_int_equal(level_of(&e, sizeof e), cases[i].level);
	}
}

static void what_is_cut_or_damaged_asks_for_nothing(void **state)
{
	(void)state;
	struct executable e = make(7);
	for (size_t size = 0; size < sizeof e - 4; size++)
		assert_int_equal(level_of(&e, size), 0);
	for (size_t bit = 0; bit < 8 * sizeof e; bit++) {
		struct executable damaged = e;
		((unsigned char *)&damaged)[bit / 8] ^= (unsigned char)(1 << bit % 8);
		int level = level_of(&damaged, sizeof damaged);
		assert_in_range(level, 0, 4);
	}
}

static void this_machine_has_a_name_and_a_level(void **state)
{
	(void)state;
	assert_string_not_equal(machine_arch(), "unknown");
#ifdef __x86_64__
	assert_string_equal(machine_arch(), "x86_64");
	assert_in_range(machine_level(), 1, 4);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_highest_level_counts),
		cmocka_unit_test(what_is_cut_or_damaged_asks_for_nothing),
		cmocka_unit_test(this_machine_has_a_name_and_a_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
