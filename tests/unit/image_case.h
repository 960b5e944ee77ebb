/* image_case: a tiny arena at a fixed address and small images of it, for the tests of the image. */
#ifndef PMIG_TESTS_IMAGE_CASE_H
#define PMIG_TESTS_IMAGE_CASE_H

#include "runtime/image/image.h"
#include "runtime/image/image_format.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Free under the address and thread sanitizers as well. */
#define CASE_ARENA ((uint8_t *)0x7e9000000000)
#define CASE_PAGE 4096u

static inline int case_good(int code)
{
	if (code < 0)
		print_error("%s\n", pmig_reason());
	assert_true(code >= 0);
	return code;
}

static inline uint8_t *case_map(size_t pages)
{
	void *p = mmap(CASE_ARENA, pages * CASE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(p, CASE_ARENA);
	return p;
}

static inline void case_unmap(size_t pages)
{
	assert_int_equal(munmap(CASE_ARENA, pages * CASE_PAGE), 0);
}

static inline int case_file(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* An identity in which nothing depends on host or time. */
static inline struct image_identity case_identity(void)
{
	struct image_identity id = {
		.machine = 62,
		.page_size = CASE_PAGE,
		.byte_order = 1,
		.pointer_size = 8,
		.data_layout = "e-m:e-i64:64",
		.name = "queens",
		.epoch = 3,
		.checkpoint = 2,
		.time_ns = 1000000000,
		.host = "alpha",
	};
	memset(id.build, 0xb1, sizeof id.build);
	memset(id.process, 0xc2, sizeof id.process);
	return id;
}

/* Four pages: full, untouched, one byte at its end, touched but zero; and behind them a page with two globals. */
#define CASE_PAGES 4
static const struct image_range case_memory = {(uintptr_t)CASE_ARENA, CASE_PAGES *CASE_PAGE};
static const struct image_range case_globals[2] = {
	{(uintptr_t)CASE_ARENA + CASE_PAGES * CASE_PAGE + 3, 5},
	{(uintptr_t)CASE_ARENA + CASE_PAGES * CASE_PAGE + 64, 8},
};

static inline void case_fill(void)
{
	uint8_t *arena = case_map(CASE_PAGES + 1);
	memset(arena, 0x11, CASE_PAGE);
	arena[3 * CASE_PAGE - 1] = 0x22;
	memset(arena + 3 * CASE_PAGE, 0, CASE_PAGE);
	memcpy((void *)case_globals[0].address, "earth", 5);
	memcpy((void *)case_globals[1].address, "universe", 8);
}

static inline uint64_t case_write(int fd)
{
	struct image_identity id = case_identity();
	struct image_writer *w;
	uint64_t size = 0;
	case_good(image_writer_create(fd, &id, &w));
	case_good(image_put(w, IMAGE_PROGRAM, 7, "hello", 5));
	case_good(image_put_memory(w, &case_memory, 1, 0));
	case_good(image_put_globals(w, case_globals, 2));
	case_good(image_put_parts(w, IMAGE_REGISTRY, 1, NULL, 0));
	case_good(image_finish(w, &size));
	image_writer_destroy(w);
	return size;
}

/* The tiny image in a file of its own, without the arena that it was made of. */
static inline int case_image(void)
{
	int fd = case_file();
	case_fill();
	struct stat st;
	uint64_t size = case_write(fd);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, size);
	case_unmap(CASE_PAGES + 1);
	return fd;
}

#endif
