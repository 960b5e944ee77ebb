/* The search for pointers into foreign memory: finds each, and nothing in data that only looks like pointers. */
#include "arena/escape.h"
#include "arena/heap.h"
#include "arena/interpose.h"
#include "base/error.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RESERVED (4ull << 30)
#define SLOT 2
#define DATA (32u << 20)

static struct heap *heap; /* next to the foreign heap; where there is none, where a sanitizer allows it */
static unsigned char *data;

static int setup(void **state)
{
	(void)state;
	free(malloc(1));
	char *base = interpose_heap() != NULL ? (char *)INTERPOSE_BASE + INTERPOSE_SIZE : (char *)0x561d17a30000;
	void *p = mmap(base, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	data = mmap(NULL, DATA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	heap = p == base ? heap_create(base, RESERVED, SLOT) : NULL;
	return heap != NULL && data != MAP_FAILED ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	heap_forget(SLOT);
	(void)munmap(data, DATA);
	return munmap(heap, RESERVED);
}

struct list {
	struct escape at[300];
	unsigned n;
};

static int note(void *context, const struct escape *e)
{
	struct list *l = context;
	if (l->n < sizeof l->at / sizeof *l->at)
		l->at[l->n++] = *e;
	return 0;
}

static int find(const void *address, size_t size, bool all_pages, size_t max, struct list *l)
{
	struct escape_options options = {.heap = heap, .all_pages = all_pages, .max = max};
	l->n = 0;
	return escape_find(&(struct escape_range){address, size}, 1, &options, note, l);
}

static uint64_t next_random(uint64_t *r)
{
	*r ^= *r << 13;
	*r ^= *r >> 7;
	*r ^= *r << 17;
	return *r * 2685821657736338717ull;
}

/* A heap of half a GiB, every second block of it live. */
static void populate(void)
{
	static char *blocks[5000];
	for (unsigned i = 0; i < 5000; i++)
		blocks[i] = heap_malloc(heap, 100000);
	for (unsigned i = 0; i < 5000; i += 2)
		heap_free(heap, blocks[i]);
	for (unsigned i = 0; i < 20000; i++)
		(void)heap_malloc(heap, i % 500);
}

static void test_finds_each(void **state)
{
	(void)state;
	struct list l;
	char *p = heap_malloc(heap, 100), *q = heap_malloc(heap, 200000), *gone = heap_malloc(heap, 100);
	heap_free(heap, gone);
	for (unsigned pages = 0; pages < 2; pages++)
		for (size_t at = 0; at < 4096; at += 8) {
			void **word = (void **)(data + 8192 + at);
			*word = p + 99;
			assert_int_equal(find(data, DATA, pages, 0, &l), 1);
			assert_ptr_equal(l.at[0].word, word);
			assert_ptr_equal(l.at[0].pointer, p + 99);
			assert_ptr_equal(l.at[0].block, p);
			assert_int_equal(l.at[0].size, 112);
			assert_null(l.at[0].site);
			*word = gone;
			assert_int_equal(find(data, DATA, pages, 0, &l), 0);
			*word = NULL;
			at += at > 200 && at < 3800 ? 504 : 0;
		}
	void *words[3] = {q + 199999, NULL, q};
	assert_int_equal(find(words, sizeof words, false, 0, &l), 2);
	assert_ptr_equal(l.at[1].word, &words[2]);
	assert_int_equal(find((char *)words + 1, sizeof words - 1, false, 0, &l), 1);
	assert_int_equal(find((char *)words + 1, sizeof words - 2, false, 0, &l), 0);
	assert_int_equal(find(words, 7, false, 0, &l), 0);
	assert_int_equal(find(words, 0, false, 0, &l), 0);
}

static int refuse(void *context, const struct escape *e)
{
	(void)e;
	++*(unsigned *)context;
	return PMIG_EPOINTER;
}

static void test_limits(void **state)
{
	(void)state;
	struct list l;
	void *p = heap_malloc(heap, 10);
	for (unsigned i = 0; i < 250; i++)
		((void **)data)[i * 7] = p;
	assert_int_equal(find(data, DATA, false, 0, &l), 100);
	assert_int_equal(find(data, DATA, false, 7, &l), 7);
	assert_int_equal(find(data, DATA, true, SIZE_MAX, &l), 250);
	unsigned calls = 0;
	struct escape_range r[] = {{data + DATA / 2, 4096}, {data, DATA}};
	assert_int_equal(escape_find(r, 2, &(struct escape_options){.heap = heap}, refuse, &calls), PMIG_EPOINTER);
	assert_int_equal(calls, 1);
}

static void test_untouched_pages_stay_untouched(void **state)
{
	(void)state;
	struct list l;
	size_t size = 1ull << 30;
	char *big = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(big, MAP_FAILED);
	void *p = heap_malloc(heap, 10);
	memcpy(big + size - 4096, &p, sizeof p);
	memcpy(big + size / 2 + 80, &p, sizeof p);
	assert_int_equal(find(big, size, false, 0, &l), 2);
	assert_int_equal(find(big + 3, size - 100, false, 0, &l), 2);
	static unsigned char pages[(1 << 30) / 4096];
	assert_int_equal(mincore(big, size, pages), 0);
	size_t n = 0;
	for (size_t i = 0; i < sizeof pages; i++)
		n += pages[i] & 1;
	assert_in_range(n, 2, 6); /* the ends of an unaligned range are read */
	(void)munmap(big, size);
}

static void make_text(void)
{
	for (size_t i = 0; i < DATA; i += 32)
		(void)snprintf((char *)data + i, 32, "line %u of [{=z: a story }]", (unsigned)i % 100000);
}

static void make_doubles(void)
{
	double d = 1e-300;
	for (size_t i = 0; i + sizeof d <= DATA; i += sizeof d, d *= 1.0003)
		memcpy(data + i, &d, sizeof d);
}

static void make_floats(void)
{
	for (size_t i = 0; i < DATA; i += 4) {
		float f = (float)i * 1e-7f - 1;
		memcpy(data + i, &f, sizeof f);
	}
}

static void make_random(void)
{
	uint64_t r = 88172645463325252ull;
	for (size_t i = 0; i < DATA; i += 8) {
		uint64_t x = next_random(&r);
		memcpy(data + i, &x, sizeof x);
	}
}

static void make_counters(void)
{
	for (size_t i = 0; i < DATA; i += 8) {
		uint64_t x = i * 1000003;
		memcpy(data + i, &x, sizeof x);
	}
}

static void make_pairs(void)
{
	for (size_t i = 0; i < DATA; i += 8) {
		uint32_t x[2] = {(uint32_t)i, (uint32_t)(i >> 12)};
		memcpy(data + i, x, sizeof x);
	}
}

static void make_times(void)
{
	for (size_t i = 0; i < DATA; i += 16) {
		struct timespec t = {1700000000 + (time_t)i, (long)(i % 1000000000)};
		memcpy(data + i, &t, sizeof t);
	}
}

static void make_pixels(void)
{
	for (size_t i = 0; i < DATA; i++)
		data[i] = (unsigned char)(i % 4 == 3 ? 255 : (i * i) >> 9);
}

static void make_wide(void)
{
	for (size_t i = 0; i < DATA; i += 4) {
		uint32_t c = i % 68 == 0 ? ' ' : 'a' + i / 4 % 26;
		memcpy(data + i, &c, sizeof c);
	}
}

static void make_addresses(void)
{
	for (size_t i = 0; i < DATA; i += 8) { /* of stack, libraries, program and arena */
		uintptr_t of[] = {
			(uintptr_t)&i, (uintptr_t)&printf, (uintptr_t)&make_wide, 0x550000000000u, (uintptr_t)data};
		uintptr_t x = of[i / 8 % 5] + i;
		memcpy(data + i, &x, sizeof x);
	}
}

static void make_code(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	for (size_t at = 0; at < DATA; at += 1 << 20)
		assert_true(pread(fd, data + at, 1 << 20, (off_t)(at >> 20)) > 0);
	(void)close(fd);
}

static void make_compressed(void)
{
	char command[64];
	size_t n = 0, got;
	(void)snprintf(command, sizeof command, "exec gzip -c < /proc/%d/exe", (int)getpid());
	FILE *f = popen(command, "re");
	assert_non_null(f);
	while ((got = fread(data + n, 1, DATA / 4 - n, f)) > 0)
		n += got;
	assert_int_equal(pclose(f), 0);
	assert_true(n > 10000);
	for (size_t at = n; at + n < DATA; at += n) /* again and again at other alignments */
		memcpy(data + (at += at / n % 8), data, n - 8);
}

static void test_nothing_in_other_data(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*make)(void);
	} kinds[] = {
		{"text", make_text},
		{"doubles", make_doubles},
		{"floats", make_floats},
		{"random bits", make_random},
		{"counters", make_counters},
		{"pairs of numbers", make_pairs},
		{"times", make_times},
		{"pixels", make_pixels},
		{"wide text", make_wide},
		{"addresses of other things", make_addresses},
		{"code", make_code},
		{"compressed code", make_compressed},
	};
	populate();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct list l;
		memset(data, 0, DATA);
		kinds[i].make();
		if (find(data, DATA, true, 0, &l) != 0)
			fail_msg("%s: %p at offset %zu counts as a pointer", kinds[i].name, l.at[0].pointer,
				(size_t)((const unsigned char *)l.at[0].word - data));
	}
}

static void test_foreign_heap_of_this_process(void **state)
{
	(void)state;
	if (interpose_heap() == NULL) {
		print_message("skipped: the sanitizer has a heap of its own\n");
		skip();
	}
	FILE *f = fopen("/dev/null", "re");
	struct list l = {.n = 0};
	struct {
		int number;
		FILE *stream;
		char *copy;
	} word = {5, f, strdup("a copy")};
	struct escape_range r = {&word, sizeof word};
	assert_int_equal(escape_find(&r, 1, &(struct escape_options){.max = 0}, note, &l), 2);
	assert_ptr_equal(l.at[0].word, &word.stream);
	assert_ptr_equal(l.at[0].block, f);
	assert_non_null(l.at[0].site);
	assert_ptr_equal(l.at[0].site, interpose_site(f));
	assert_int_equal(l.at[1].size, 8); /* 16 with the site */
	(void)fclose(f);
	free(word.copy);
	assert_int_equal(escape_find(&r, 1, &(struct escape_options){.max = 0}, note, &l), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_finds_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untouched_pages_stay_untouched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_in_other_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_heap_of_this_process, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
