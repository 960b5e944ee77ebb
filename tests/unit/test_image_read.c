/* test_image_read: an image comes back as it was written; whatever is damaged is refused. */
#include "image_case.h"

static void reads_what_was_written(void **state)
{
	(void)state;
	int fd = case_image();
	struct image *im;
	struct image_entry e;
	case_good(image_open(fd, "tiny", &im));
	(void)close(fd);

	const struct image_identity want = case_identity(), *id = image_identity(im);
	assert_string_equal(id->name, want.name);
	assert_string_equal(id->host, want.host);
	assert_string_equal(id->data_layout, want.data_layout);
	assert_memory_equal(id->build, want.build, sizeof want.build);
	assert_memory_equal(id->process, want.process, sizeof want.process);
	assert_int_equal(id->epoch, 3);
	assert_int_equal(id->checkpoint, 2);
	assert_int_equal(id->time_ns, 1000000000);

	assert_int_equal(image_count(im), 5);
	case_good(image_get(im, IMAGE_PROGRAM, 0, &e));
	assert_int_equal(e.version, 7);
	assert_int_equal(e.size, 5);
	assert_memory_equal(e.data, "hello", 5);
	assert_true(e.mandatory);
	case_good(image_get(im, IMAGE_REGISTRY, 0, &e));
	assert_int_equal(e.size, 0);
	assert_false(e.mandatory);
	assert_int_equal(image_get(im, IMAGE_PROGRAM, 1, &e), PMIG_ENOENT);
	assert_string_equal(pmig_reason(), "image tiny: it has no section program #1");

	case_good(image_get(im, IMAGE_MEMORY, 0, &e));
	assert_int_equal(image_run_count(&e), 2);
	struct image_run run;
	image_run_at(&e, 1, &run);
	assert_int_equal(run.address, (uintptr_t)CASE_ARENA + 2 * CASE_PAGE);
	assert_int_equal(run.pages, 1);
	image_close(im);
}

static int open_and_verify(int fd)
{
	struct image *im;
	int r = image_open(fd, "damaged", &im);
	if (r < 0)
		return r;
	r = image_verify(im);
	image_close(im);
	return r;
}

static void refuses_every_flipped_bit(void **state)
{
	(void)state;
	int fd = case_image();
	size_t size = (size_t)lseek(fd, 0, SEEK_END);
	uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(bytes, MAP_FAILED);
	for (size_t bit = 0; bit < size * 8; bit++) {
		bytes[bit / 8] ^= 1u << bit % 8;
		int r = open_and_verify(fd);
		if (r != PMIG_ECORRUPT)
			fail_msg("bit %zu of byte 0x%zx: %d", bit % 8, bit / 8, r);
		bytes[bit / 8] ^= 1u << bit % 8;
	}
	case_good(open_and_verify(fd));
	(void)munmap(bytes, size);
	(void)close(fd);
}

static void refuses_every_truncation(void **state)
{
	(void)state;
	int fd = case_image();
	for (off_t size = lseek(fd, 0, SEEK_END) - 1; size >= 0; size--) {
		assert_int_equal(ftruncate(fd, size), 0);
		int r = open_and_verify(fd);
		if (r != PMIG_ECORRUPT)
			fail_msg("%jd bytes: %d", (intmax_t)size, r);
	}
	assert_string_equal(pmig_reason(), "image damaged: 0 bytes are too few for an image");
	(void)close(fd);
}

static void refuses_what_follows_the_end(void **state)
{
	(void)state;
	int fd = case_image();
	assert_int_equal(lseek(fd, 0, SEEK_END) % 8, 0);
	assert_int_equal(write(fd, "\0\0\0\0\0\0\0\0", 8), 8);
	assert_int_equal(open_and_verify(fd), PMIG_ECORRUPT);
	(void)close(fd);
}

static void refuses_what_is_not_a_file(void **state)
{
	(void)state;
	int ends[2];
	struct image *im;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(image_open(ends[0], "pipe", &im), PMIG_EINVAL);
	assert_int_equal(image_open(-1, "nothing", &im), PMIG_EIO);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* --- images that no writer makes, with right hashes --- */

struct forged {
	uint8_t bytes[8192];
	size_t size;
	uint64_t seal;
	uint64_t sections;
};

static void forge_begin(struct forged *f)
{
	struct image_identity id = case_identity();
	*f = (struct forged){.size = IMAGE_FILE_HEADER};
	f->seal = image_header_encode(f->bytes, &id);
}

static void forge_section(struct forged *f, struct image_section_header h, const void *payload)
{
	h.payload_hash = image_hash(payload, h.size);
	image_section_encode(f->bytes + f->size, &h);
	if (h.size > 0)
		memcpy(f->bytes + f->size + IMAGE_SECTION_HEADER, payload, h.size);
	f->size = image_align(f->size + IMAGE_SECTION_HEADER + h.size, 8);
	f->seal = image_seal(f->seal, h.hash, 0);
	f->sections++;
}

static int forge_file(struct forged *f)
{
	uint8_t end[IMAGE_END_SIZE];
	image_end_encode(end,
		&(struct image_end){f->size + IMAGE_SECTION_HEADER + IMAGE_END_SIZE, f->sections + 1, f->seal});
	forge_section(f, (struct image_section_header){IMAGE_END, "end", 1, IMAGE_MANDATORY, IMAGE_END_SIZE, 0, 0, 0}, end);
	int fd = case_file();
	assert_int_equal(write(fd, f->bytes, f->size), f->size);
	return fd;
}

/* The number of sections, or the error. */
static int forge_open(struct forged *f)
{
	int fd = forge_file(f);
	struct image *im;
	int r = image_open(fd, "forged", &im);
	if (r >= 0) {
		r = (int)image_count(im);
		image_close(im);
	}
	(void)close(fd);
	return r;
}

static void skips_an_unknown_optional_section_and_refuses_a_mandatory_one(void **state)
{
	(void)state;
	struct forged f;
	forge_begin(&f);
	forge_section(&f, (struct image_section_header){77, "future", 9, IMAGE_OPTIONAL, 3, 0, 0, 0}, "abc");
	assert_int_equal(forge_open(&f), 2);
	forge_begin(&f);
	forge_section(&f, (struct image_section_header){77, "future", 9, IMAGE_MANDATORY, 3, 0, 0, 0}, "abc");
	assert_int_equal(forge_open(&f), PMIG_EVERSION);
	assert_string_equal(pmig_reason(),
		"image forged: section #0 at offset 0x200: section type 77 (\"future\") is mandatory "
		"and not known here; use a newer pmig");
}

/* Section headers that lie, each with the hash that it should have. */
static void refuses_forged_headers(void **state)
{
	(void)state;
	static const struct {
		struct image_section_header head;
		int code;
	} lies[] = {
		{{IMAGE_FRAMES, "frames", 0, IMAGE_MANDATORY, 0, 0, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_FRAMES, "frames", 1, 0, 0, 0, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_FRAMES, "frames", 1, IMAGE_OPTIONAL, 0, 0, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_FRAMES, "clocks", 1, IMAGE_MANDATORY, 0, 0, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_FRAMES, "fra\nmes", 1, IMAGE_MANDATORY, 0, 0, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_FRAMES, "frames", 1, IMAGE_MANDATORY, 0, 4096, 0, 0}, PMIG_ECORRUPT},
		{{0, "frames", 1, IMAGE_MANDATORY, 0, 0, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_MEMORY, "memory", 2, IMAGE_MANDATORY, 0, 0, 0, 0}, PMIG_EVERSION},
		{{IMAGE_MEMORY, "memory", 1, IMAGE_MANDATORY, 0, 4096, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_MEMORY, "memory", 1, IMAGE_MANDATORY, 0, UINT64_MAX, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_MEMORY, "memory", 1, IMAGE_MANDATORY, 0, UINT64_MAX - 5000, 0, 0}, PMIG_ECORRUPT},
		{{IMAGE_GLOBALS, "globals", 1, IMAGE_MANDATORY, 0, 1, 0, 0}, PMIG_ECORRUPT},
	};
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct forged f;
		forge_begin(&f);
		forge_section(&f, lies[i].head, NULL);
		int r = forge_open(&f);
		if (r != lies[i].code)
			fail_msg("lie %zu: %d, %s", i, r, pmig_reason());
	}
}

/* A payload that claims to be longer than the file, by every power of two. */
static void refuses_forged_sizes(void **state)
{
	(void)state;
	for (unsigned bit = 7; bit < 64; bit++) {
		struct forged f;
		forge_begin(&f);
		struct image_section_header h = {IMAGE_FRAMES, "frames", 1, IMAGE_MANDATORY, (1ull << bit) + 96, 0, 0, 0};
		image_section_encode(f.bytes + f.size, &h);
		f.size += IMAGE_SECTION_HEADER;
		assert_int_equal(forge_open(&f), PMIG_ECORRUPT);
	}
}

static void refuses_forged_runs(void **state)
{
	(void)state;
	static const uint64_t lies[][6] = {
		{4096, 0, 0},                         /* empty */
		{4097, 1, 0},                         /* not aligned */
		{4096, UINT64_MAX / 4096 + 1, 0},     /* wraps */
		{UINT64_MAX - 4095, 2, 0},            /* wraps */
		{4096, 1, 4096},                      /* pages that are not there */
		{8192, 1, 0, 4096, 1, 0},             /* out of order */
		{4096, 2, 0, 8192, 1, 0},             /* overlap */
		{4096, 1ull << 51, 0, 1ull << 63, 1}, /* the first reaches over the second */
	};
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct forged f;
		uint8_t runs[2 * IMAGE_RUN];
		for (size_t k = 0; k < 6; k++)
			image_set64(runs + 8 * k, lies[i][k]);
		size_t n = lies[i][3] != 0 ? 2 : 1;
		forge_begin(&f);
		forge_section(&f,
			(struct image_section_header){IMAGE_MEMORY, "memory", 1, IMAGE_MANDATORY, n * IMAGE_RUN, 0, 0, 0},
			runs);
		int r = forge_open(&f);
		if (r != PMIG_ECORRUPT)
			fail_msg("lie %zu: %d", i, r);
	}
	struct forged f;
	forge_begin(&f);
	forge_section(&f, (struct image_section_header){IMAGE_MEMORY, "memory", 1, IMAGE_MANDATORY, 23, 0, 0, 0}, lies[0]);
	assert_int_equal(forge_open(&f), PMIG_ECORRUPT);
}

static void refuses_forged_globals(void **state)
{
	(void)state;
	static const uint64_t lies[][4] = {{4096, 1}, {UINT64_MAX, 1}, {0, UINT64_MAX}, {4095, IMAGE_LARGE, 0, 0}};
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct forged f;
		uint8_t entries[2 * IMAGE_GLOBAL];
		for (size_t k = 0; k < 4; k++)
			image_set64(entries + 8 * k, lies[i][k]);
		struct image_section_header h = {IMAGE_GLOBALS, "globals", 1, IMAGE_MANDATORY, sizeof entries, 0, 0, 0};
		forge_begin(&f);
		forge_section(&f, h, entries);
		assert_int_equal(forge_open(&f), PMIG_ECORRUPT);
	}
}

/* The table names a large global, but its pages are not there: keeping what lies there now would be a wrong result. */
static void refuses_large_globals_without_pages(void **state)
{
	(void)state;
	const struct image_range large = {(uintptr_t)CASE_ARENA, 2 * IMAGE_LARGE};
	struct forged f;
	struct image *im;
	uint8_t entry[IMAGE_GLOBAL];
	image_set64(entry, large.address);
	image_set64(entry + 8, large.size);
	forge_begin(&f);
	struct image_section_header h = {IMAGE_GLOBALS, "globals", 1, IMAGE_MANDATORY, sizeof entry, 0, 0, 0};
	forge_section(&f, h, entry);
	int fd = forge_file(&f);
	case_good(image_open(fd, "forged", &im));
	case_good(image_verify(im));
	assert_int_equal(image_restore_globals(im, &large, 1), PMIG_ECORRUPT);
	image_close(im);
	(void)close(fd);
}

static void refuses_duplicates_and_foreign_seals(void **state)
{
	(void)state;
	struct forged f;
	const struct image_section_header clocks = {IMAGE_CLOCKS, "clocks", 1, IMAGE_MANDATORY, 0, 0, 0, 0};
	forge_begin(&f);
	forge_section(&f, clocks, NULL);
	assert_int_equal(forge_open(&f), 2);
	forge_begin(&f);
	forge_section(&f, clocks, NULL);
	forge_section(&f, clocks, NULL);
	assert_int_equal(forge_open(&f), PMIG_ECORRUPT);
	forge_begin(&f);
	forge_section(&f, clocks, NULL);
	f.seal++;
	assert_int_equal(forge_open(&f), PMIG_ECORRUPT);
	forge_begin(&f);
	forge_section(&f, clocks, NULL);
	f.sections++;
	assert_int_equal(forge_open(&f), PMIG_ECORRUPT);
}

static void refuses_another_format_by_version(void **state)
{
	(void)state;
	struct forged f;
	forge_begin(&f);
	image_set32(f.bytes + 8, 2);
	image_set64(f.bytes + IMAGE_FILE_HEADER - 8, image_hash(f.bytes, IMAGE_FILE_HEADER - 8));
	assert_int_equal(forge_open(&f), PMIG_EVERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(refuses_every_flipped_bit),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_what_follows_the_end),
		cmocka_unit_test(refuses_what_is_not_a_file),
		cmocka_unit_test(skips_an_unknown_optional_section_and_refuses_a_mandatory_one),
		cmocka_unit_test(refuses_forged_headers),
		cmocka_unit_test(refuses_forged_sizes),
		cmocka_unit_test(refuses_forged_runs),
		cmocka_unit_test(refuses_forged_globals),
		cmocka_unit_test(refuses_large_globals_without_pages),
		cmocka_unit_test(refuses_duplicates_and_foreign_seals),
		cmocka_unit_test(refuses_another_format_by_version),
	};
	return cmocka_run_group_tests_name("image_read", tests, NULL, NULL);
}
