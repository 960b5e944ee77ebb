/* Mappings behave as mmap(2) and its relatives say, and their table is not believed when it comes from an image. */
#include "arena/arena.h"
#include "arena/mapping.h"
#include "frame/program.h"
#include "resource/declare.h"

#include <pmig/pmig.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

const struct program pmig_program = {0}; /* no instrumented program is behind this test */

#define PAGE 4096ul

static char *map(size_t pages, int flags, int fd)
{
	char *p = pmig_mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	assert_true(p != MAP_FAILED && mapping_contains(p));
	return p;
}

static size_t entries(void)
{
	size_t n;
	(void)mapping_table(&n);
	return n;
}

static int set_up(void **state)
{
	(void)state;
	return arena_create();
}

static int tear_down(void **state)
{
	(void)state;
	return pmig_munmap((void *)MAPPING_BASE, MAPPING_SIZE);
}

static void parts_can_be_given_back(void **state)
{
	(void)state;
	char *p = map(5, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(p, 'x', 5 * PAGE);
	assert_int_equal(pmig_munmap(p + 2 * PAGE, 1), 0);
	assert_int_equal(entries(), 2);
	assert_int_equal(mapping_of(p)->size, 2 * PAGE);
	assert_null(mapping_of(p + 2 * PAGE));
	assert_int_equal(p[PAGE] + p[3 * PAGE], 2 * 'x');
	char *again = pmig_mmap(p + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* a hint */
	assert_ptr_equal(again, p + 2 * PAGE);
	assert_int_equal(entries(), 1); /* one again */
	assert_int_equal(again[0], 0);
	assert_int_equal(pmig_munmap(p, 5 * PAGE), 0);
	assert_int_equal(entries(), 0);
	assert_int_equal(pmig_munmap(p, 5 * PAGE), 0); /* munmap(2): no error */
	assert_int_equal(pmig_munmap(p + 1, PAGE), -1);
	assert_int_equal(errno, EINVAL);
}

static void places_can_be_demanded(void **state)
{
	(void)state;
	char *p = map(4, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	p[PAGE] = 'x';
	assert_ptr_equal(pmig_mmap(p + PAGE, PAGE, PROT_READ, flags | MAP_FIXED_NOREPLACE, -1, 0), MAP_FAILED);
	assert_int_equal(errno, EEXIST);
	assert_ptr_equal(pmig_mmap(p + PAGE, PAGE, PROT_READ, flags | MAP_FIXED, -1, 0), p + PAGE);
	assert_int_equal(p[PAGE], 0);
	assert_int_equal(entries(), 3); /* another protection */
	assert_ptr_equal(pmig_mmap((void *)0x10000000, PAGE, PROT_READ, flags | MAP_FIXED, -1, 0), MAP_FAILED);
	assert_int_equal(errno, EINVAL);
	const struct {
		size_t size;
		int protection, flags, fd, number;
	} wrong[] = {{0, PROT_READ, flags, -1, EINVAL}, {PAGE, PROT_READ | PROT_EXEC, flags, -1, EACCES},
		{PAGE, PROT_READ, flags | MAP_HUGETLB, -1, EINVAL}, {PAGE, PROT_READ, MAP_PRIVATE, -1, EBADF},
		{PAGE, PROT_READ, MAP_ANONYMOUS, -1, EINVAL}, {MAPPING_SIZE * 2, PROT_READ, flags, -1, ENOMEM}};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_ptr_equal(pmig_mmap(NULL, wrong[i].size, wrong[i].protection, wrong[i].flags, wrong[i].fd, 0),
			MAP_FAILED);
		assert_int_equal(errno, wrong[i].number);
	}
}

static void they_grow_and_move(void **state)
{
	(void)state;
	char *p = map(2, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	p[0] = 'a', p[PAGE] = 'b';
	assert_ptr_equal(pmig_mremap(p, 2 * PAGE, 4 * PAGE, 0), p); /* there is room behind it */
	assert_int_equal(entries(), 1);
	assert_int_equal(p[3 * PAGE], 0);
	char *next = pmig_mmap(p + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_true(next != MAP_FAILED);
	assert_ptr_equal(pmig_mremap(p, 4 * PAGE, 5 * PAGE, 0), MAP_FAILED);
	assert_int_equal(errno, ENOMEM);
	char *moved = pmig_mremap(p, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
	assert_true(moved != MAP_FAILED && moved != p && mapping_contains(moved));
	assert_int_equal(moved[0] + moved[PAGE], 'a' + 'b');
	assert_null(mapping_of(p));
	assert_ptr_equal(pmig_mremap(moved, 5 * PAGE, PAGE, 0), moved);
	assert_null(mapping_of(moved + PAGE));
	char *to = moved + 16 * PAGE;
	assert_ptr_equal(pmig_mremap(moved, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	assert_int_equal(to[0], 'a');
	assert_ptr_equal(pmig_mremap(moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE), MAP_FAILED); /* nothing is there any more */
	assert_int_equal(errno, EFAULT);
}

static void protection_is_remembered(void **state)
{
	(void)state;
	char *p = map(5, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	assert_int_equal(pmig_mprotect(p + PAGE, 3 * PAGE, PROT_NONE), 0);
	assert_int_equal(pmig_mprotect(p + 2 * PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(entries(), 5);
	assert_int_equal(mapping_of(p + 2 * PAGE)->protection, PROT_READ);
	assert_int_equal(pmig_mprotect(p, 5 * PAGE, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(entries(), 1);
	assert_int_equal(pmig_mprotect(p, 6 * PAGE, PROT_READ), -1);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(pmig_mprotect(p, PAGE, PROT_EXEC), -1);
	assert_int_equal(errno, EACCES);
}

static void advice_clears(void **state)
{
	(void)state;
	char *p = map(3, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(p, 'x', 3 * PAGE);
	assert_int_equal(pmig_madvise(p + PAGE, PAGE, MADV_DONTNEED), 0);
	assert_int_equal(p[0] + p[PAGE] + p[2 * PAGE], 2 * 'x');
	assert_int_equal(pmig_madvise(p, 4 * PAGE, MADV_DONTNEED), -1);
	assert_int_equal(errno, ENOMEM);
}

static void declarations_end_with_the_memory(void **state)
{
	(void)state;
	char *p = map(2, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	const struct pmig_declaration d = {.binding = PMIG_BY_VALUE, .attachment = PMIG_FIXED};
	assert_int_equal(pmig_declare_memory(p, PAGE, &d), 0);
	assert_int_equal(pmig_munmap(p + PAGE, PAGE), 0);
	assert_non_null(declare_first());
	assert_int_equal(pmig_munmap(p, PAGE), 0);
	assert_null(declare_first());
}

static void files_are_kept_open(void **state)
{
	(void)state;
	int fd = memfd_create("file", 0);
	assert_true(fd >= 0 && ftruncate(fd, PAGE + 1) == 0 && pwrite(fd, "x", 1, PAGE) == 1);
	char *p = map(3, MAP_SHARED, fd), *q = map(1, MAP_SHARED, fd), *r = map(4, MAP_PRIVATE, fd);
	close(fd);
	int kept = mapping_of(p)->fd;
	assert_true(kept >= 0 && fcntl(kept, F_GETFD) == FD_CLOEXEC);
	assert_int_equal(mapping_of(q)->fd, kept);
	p[0] = 'y';
	assert_int_equal(q[0], 'y');
	assert_int_equal(r[PAGE], 'x');
	struct mapping_range ranges[4];
	char *read_only = pmig_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, kept, 0);
	assert_int_equal(mapping_of(read_only)->kind, MAPPING_FILE); /* never writable: the file has it all */
	assert_int_equal(mapping_ranges(ranges, 4), 1);              /* the shared ones have their bytes in the file */
	assert_ptr_equal(ranges[0].address, r);
	assert_int_equal(ranges[0].size, 2 * PAGE); /* the end of the file */
	assert_int_equal(pmig_mprotect(read_only, PAGE, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(mapping_of(read_only)->kind, MAPPING_PRIVATE);
	assert_int_equal(mapping_ranges(ranges, 4), 2);
	assert_int_equal(pmig_munmap(p, 3 * PAGE), 0);
	assert_int_equal(fcntl(kept, F_GETFD), FD_CLOEXEC);
	assert_int_equal(pmig_munmap(q, PAGE), 0);
	assert_int_equal(fcntl(kept, F_GETFD), -1);
}

static void a_table_of_an_image_is_checked(void **state)
{
	(void)state;
	const struct mapping good = {
		.address = MAPPING_BASE + 8 * PAGE, .size = PAGE, .kind = MAPPING_PRIVATE, .protection = PROT_READ, .fd = -1};
	struct mapping m[2] = {good, good};
	m[1].address += PAGE;
	assert_int_equal(mapping_open(m, sizeof m), 0);
	assert_int_equal(*(char *)(uintptr_t)m[1].address, 0);
	assert_int_equal(mapping_adopt(m, sizeof m), PMIG_ECORRUPT); /* the arena's own says another thing */
	assert_int_equal(mapping_open(m, sizeof m - 1), PMIG_ECORRUPT);
#define WRONG(change) \
	do { \
		m[1] = good; \
		m[1].address += PAGE; \
		change; \
		assert_int_equal(mapping_open(m, sizeof m), PMIG_ECORRUPT); \
	} while (0)
	WRONG(m[1].address -= PAGE);
	WRONG(m[1].address++);
	WRONG(m[1].address = MAPPING_BASE - PAGE);
	WRONG(m[1].address = ARENA_BASE);
	WRONG(m[1].size = 0);
	WRONG(m[1].size = MAPPING_SIZE);
	WRONG(m[1].size = UINT64_MAX - PAGE + 1);
	WRONG(m[1].kind = 0);
	WRONG(m[1].kind = MAPPING_DEVICE);
	WRONG(m[1].protection |= PROT_EXEC);
	WRONG(m[1].flags = MAP_SHARED);
	WRONG(m[1].offset = 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(parts_can_be_given_back, tear_down),
		cmocka_unit_test_teardown(places_can_be_demanded, tear_down),
		cmocka_unit_test_teardown(they_grow_and_move, tear_down),
		cmocka_unit_test_teardown(protection_is_remembered, tear_down),
		cmocka_unit_test_teardown(advice_clears, tear_down),
		cmocka_unit_test_teardown(declarations_end_with_the_memory, tear_down),
		cmocka_unit_test_teardown(files_are_kept_open, tear_down),
		cmocka_unit_test(a_table_of_an_image_is_checked),
	};
	return cmocka_run_group_tests_name("mapping", tests, set_up, NULL);
}
