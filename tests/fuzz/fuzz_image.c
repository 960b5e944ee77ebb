/* fuzz_image: any bytes as an image; the reader refuses or takes them, and touches nothing but the arena.
 * sources: runtime/base/error.c runtime/image/image_format.c runtime/image/image_hash.c runtime/image/image_map.c
 * sources: runtime/image/image_read.c
 * Built without hash checks, which no fuzzer gets past (image_hash.c). */
#include "runtime/image/image_format.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA ((uint8_t *)0x7e9000000000)
#define ARENA_SIZE (2u * IMAGE_LARGE)
#define GLOBALS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct image_range arena = {(uintptr_t)ARENA, ARENA_SIZE};

/* Guards on both sides: what is written outside the arena is a fault. */
static void map_arena(void)
{
	const size_t guard = 16u * 4096;
	if (mmap(ARENA - guard, ARENA_SIZE + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
			MAP_FAILED ||
		mprotect(ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE) < 0)
		abort();
}

static void read_sections(const struct image *im)
{
	unsigned sum = 0;
	for (size_t i = 0; i < image_count(im); i++) {
		struct image_entry e;
		struct image_run run;
		image_at(im, i, &e);
		for (size_t k = 0; k < e.size; k++)
			sum += ((const uint8_t *)e.data)[k];
		for (size_t k = 0; k < image_run_count(&e); k++)
			image_run_at(&e, k, &run);
	}
	__asm__ volatile("" : : "r"(sum));
}

/* The image's own table, where it stays within the arena, is what the executable expects. */
static void restore_globals(const struct image *im)
{
	struct image_range expected[GLOBALS_MAX];
	struct image_entry e;
	size_t n = 0;
	if (image_get(im, IMAGE_GLOBALS, 0, &e) < 0)
		return;
	for (; n < GLOBALS_MAX && n < e.size / IMAGE_GLOBAL; n++) {
		const uint8_t *p = (const uint8_t *)e.data + n * IMAGE_GLOBAL;
		expected[n] = (struct image_range){image_get64(p), image_get64(p + 8)};
		if (expected[n].address < arena.address || expected[n].address > arena.address + ARENA_SIZE ||
			expected[n].size > arena.address + ARENA_SIZE - expected[n].address)
			expected[n] = arena;
	}
	(void)!image_restore_globals(im, expected, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct image *im;
	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	if (image_open(fd, "fuzz", &im) < 0)
		return 0;
	map_arena();
	read_sections(im);
	if (image_verify(im) >= 0) {
		(void)!image_map_memory(im, &arena, 1);
		restore_globals(im);
	}
	image_close(im);
	return 0;
}
