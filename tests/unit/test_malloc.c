/* The program's allocation functions: what they return lies in the arena, and they keep the contracts of C and POSIX. */
#include "arena/malloc.h"
#include "arena/alloc_wrappers.h"
#include "arena/arena.h"
#include "arena/heap.h"
#include "arena/interpose.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool in_heap(const void *p)
{
	void *base;
	size_t size;
	return heap_block_of(arena_heap(), p, &base, &size);
}

/* Frees p and tells whether it had been a block of the arena. */
static bool was_in_arena(void *p)
{
	bool in = in_heap(p);
	pmig_free(p);
	return in;
}

static void test_family(void **state)
{
	(void)state;
	void *p = pmig_malloc(10);
	assert_true(in_heap(p));
	assert_in_range(pmig_malloc_usable_size(p), 10, 32);
	p = pmig_realloc(p, 100000);
	assert_true(in_heap(p));
	pmig_free(p);
	pmig_cfree(NULL);
	char *c = pmig_calloc(100, 7);
	for (unsigned i = 0; i < 700; i++)
		assert_int_equal(c[i], 0);
	pmig_cfree(c);
	p = pmig_reallocarray(NULL, 50, 10);
	assert_true(in_heap(p));
	volatile size_t huge = SIZE_MAX / 2;
	errno = 0;
	assert_null(pmig_reallocarray(p, huge, 3));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(pmig_calloc(huge, 3));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(pmig_malloc(huge + huge));
	assert_int_equal(errno, ENOMEM);
	pmig_free(p);
	assert_int_equal(errno, ENOMEM); /* free keeps it */
}

static void test_alignment(void **state)
{
	(void)state;
	for (size_t a = 1; a <= 1 << 20; a *= 2) {
		void *p = pmig_memalign(a, 100), *q = pmig_aligned_alloc(a, a * 3);
		assert_int_equal((uintptr_t)p % a, 0);
		assert_int_equal((uintptr_t)q % a, 0);
		assert_true(in_heap(p) && in_heap(q));
		pmig_free(p);
		pmig_free(q);
	}
	void *p = &p, *before = p;
	volatile size_t three = 3, four = 4, zero = 0;
	assert_int_equal(pmig_posix_memalign(&p, three * 8, 10), EINVAL);
	assert_int_equal(pmig_posix_memalign(&p, four, 10), EINVAL);
	assert_int_equal(pmig_posix_memalign(&p, zero, 10), EINVAL);
	assert_int_equal(pmig_posix_memalign(&p, 64, (size_t)PTRDIFF_MAX), ENOMEM);
	assert_ptr_equal(p, before);
	assert_int_equal(pmig_posix_memalign(&p, 64, 10), 0);
	assert_int_equal((uintptr_t)p % 64, 0);
	pmig_free(p);
	size_t page = (size_t)getpagesize();
	p = pmig_valloc(1);
	assert_int_equal((uintptr_t)p % page, 0);
	pmig_free(p);
	p = pmig_pvalloc(page + 1);
	assert_int_equal((uintptr_t)p % page, 0);
	assert_true(pmig_malloc_usable_size(p) >= 2 * page);
	pmig_free(p);
	volatile size_t big = SIZE_MAX - 5;
	assert_null(pmig_pvalloc(big));
	assert_null(pmig_memalign(big, 1));
}

static void test_strings(void **state)
{
	(void)state;
	char *s = pmig_strdup("words"), *n = pmig_strndup("words", 3), *e = pmig_strndup("", 3);
	wchar_t *w = pmig_wcsdup(L"wide");
	assert_string_equal(s, "words");
	assert_string_equal(n, "wor");
	assert_string_equal(e, "");
	assert_int_equal(wcscmp(w, L"wide"), 0);
	assert_true(in_heap(s) && in_heap(n) && in_heap(e) && in_heap(w));
	pmig_free(s);
	pmig_free(n);
	pmig_free(e);
	pmig_free(w);
}

static void test_foreign_block(void **state)
{
	(void)state;
	void *base;
	size_t size;
	char *p = malloc(20), *before = p; /* a library's, handed to the program */
	(void)strcpy(p, "from a library");
	assert_false(in_heap(p));
	assert_true(pmig_malloc_usable_size(p) >= 20);
	p = pmig_realloc(p, 4000);
	assert_string_equal(p, "from a library");
	assert_true(in_heap(p));
	assert_true(interpose_heap() == NULL || !heap_block_of(interpose_heap(), before, &base, &size));
	pmig_free(p);
	p = malloc(20);
	pmig_free(p);
	p = malloc(20);
	assert_null(pmig_realloc(p, 0));
}

static void test_wrappers(void **state)
{
	(void)state;
	char *line = NULL, *text = NULL, here[PATH_MAX];
	size_t size = 0;
	FILE *f = fopen("/proc/self/status", "re");
	assert_non_null(f);
	assert_true(pmig_getline(&line, &size, f) > 0);
	assert_true(strncmp(line, "Name:", 5) == 0);
	assert_true(pmig_getdelim(&line, &size, '\0', f) > 300); /* grows where it is */
	(void)fclose(f);
	assert_true(was_in_arena(line));
	assert_int_equal(pmig_asprintf(&text, "%d %s", 5, "words"), 7);
	assert_string_equal(text, "5 words");
	assert_true(was_in_arena(text));
	assert_true(was_in_arena(pmig_realpath("/proc/self/exe", NULL)));
	assert_true(was_in_arena(pmig_canonicalize_file_name("/")));
	assert_true(was_in_arena(pmig_getcwd(NULL, 0)));
	assert_true(was_in_arena(pmig_get_current_dir_name()));
	assert_ptr_equal(pmig_getcwd(here, sizeof here), here);
	assert_ptr_equal(pmig_realpath("/", here), here);
	assert_null(pmig_realpath("/nowhere/at/all", NULL));
	void *after = malloc(10);
	assert_false(in_heap(after)); /* the mode has ended */
	free(after);
	assert_int_equal(heap_check(arena_heap()), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_family),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_foreign_block),
		cmocka_unit_test(test_wrappers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
