/* content_index: what was hashed once is found by its size under any name, as long as it is as it was; a damaged index is begun anew. */
#include "transport/content_index.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char directory[64], index[96], file[96];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	(void)strcpy(p->directory, "/tmp/pmig-contents.XXXXXX");
	assert_non_null(mkdtemp(p->directory));
	(void)snprintf(p->index, sizeof p->index, "%s/contents", p->directory);
	(void)snprintf(p->file, sizeof p->file, "%s/some file", p->directory);
	write_file(p->file, "12345");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	struct place *p = *state;
	(void)snprintf(command, sizeof command, "rm -rf '%s'", p->directory);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static struct content_index *open_index(const struct place *p)
{
	struct content_index *x;
	assert_int_equal(content_index_open(p->index, &x), 0);
	return x;
}

struct seen {
	size_t count;
	char path[128], hash[CACHE_HASH];
};

static bool see(void *context, const char *path, const char *hash)
{
	struct seen *s = context;
	s->count++;
	(void)snprintf(s->path, sizeof s->path, "%s", path);
	(void)snprintf(s->hash, sizeof s->hash, "%s", hash);
	return true;
}

static struct seen of_size(struct content_index *x, uint64_t size)
{
	struct seen s = {0};
	content_index_each(x, size, see, &s);
	return s;
}

static void what_was_hashed_is_found_again_by_another_index(void **state)
{
	struct place *p = *state;
	char hash[CACHE_HASH], known[CACHE_HASH];
	struct content_index *x = open_index(p);
	assert_int_equal(of_size(x, 5).count, 0);
	assert_int_equal(content_index_hash(x, p->file, -1, hash), 0);
	content_index_close(x);
	int fd = open(p->file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(cache_hash(fd, known), 0);
	close(fd);
	assert_string_equal(hash, known);
	x = open_index(p);
	struct seen s = of_size(x, 5);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.path, p->file);
	assert_string_equal(s.hash, hash);
	assert_int_equal(of_size(x, 4).count, 0);
	content_index_close(x);
}

static void what_changed_is_not_found(void **state)
{
	struct place *p = *state;
	char hash[CACHE_HASH], other[CACHE_HASH];
	struct content_index *x = open_index(p);
	assert_int_equal(content_index_hash(x, p->file, -1, hash), 0);
	write_file(p->file, "54321"); /* the same size */
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	assert_int_equal(utimensat(AT_FDCWD, p->file, times, 0), 0);
	assert_int_equal(of_size(x, 5).count, 0);
	assert_int_equal(content_index_hash(x, p->file, -1, other), 0);
	assert_string_not_equal(hash, other);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(of_size(x, 5).count, 0);
	content_index_close(x);
}

static void folders_are_searched_for_one_size(void **state)
{
	struct place *p = *state;
	char deep[128], path[160];
	(void)snprintf(deep, sizeof deep, "%s/deep", p->directory);
	assert_int_equal(mkdir(deep, 0700), 0);
	(void)snprintf(path, sizeof path, "%s/equal", deep);
	write_file(path, "abcde");
	(void)snprintf(path, sizeof path, "%s/longer", deep);
	write_file(path, "abcdef");
	(void)snprintf(path, sizeof path, "%s/link", deep);
	assert_int_equal(symlink("equal", path), 0);
	struct content_index *x = open_index(p);
	content_index_search(x, p->directory, 5, INT64_MAX);
	assert_int_equal(of_size(x, 5).count, 2);
	assert_int_equal(of_size(x, 6).count, 0);
	content_index_close(x);
	x = open_index(p);
	content_index_search(x, deep, 6, 0); /* no time */
	assert_int_equal(of_size(x, 6).count, 0);
	content_index_close(x);
}

static void a_damaged_index_is_begun_anew(void **state)
{
	static const char *const texts[] = {"", "pmig contents 2\n", "pmig contents 1\nnonsense\n",
		"pmig contents 1\n0123456789abcdef0123456789abcdef 5 1 1 1 1 relative\n",
		"pmig contents 1\n0123456789abcdef0123456789abcde 5 1 1 1 1 /short hash\n",
		"pmig contents 1\n0123456789abcdef0123456789abcdef 5 1 1 1 1 /not/there\n",
		"pmig contents 1\n0123456789abcdef0123456789abcdef 99999999999999999999999 1 1 1 1 /x"};
	struct place *p = *state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char hash[CACHE_HASH];
		write_file(p->index, texts[i]);
		struct content_index *x = open_index(p);
		assert_int_equal(of_size(x, 5).count, 0);
		assert_int_equal(content_index_hash(x, p->file, -1, hash), 0);
		content_index_close(x);
		x = open_index(p);
		assert_int_equal(of_size(x, 5).count, 1);
		content_index_close(x);
	}
}

static void an_index_that_others_may_write_is_not_read(void **state)
{
	struct place *p = *state;
	char hash[CACHE_HASH];
	struct content_index *x = open_index(p);
	assert_int_equal(content_index_hash(x, p->file, -1, hash), 0);
	content_index_close(x);
	assert_int_equal(chmod(p->index, 0666), 0);
	x = open_index(p);
	assert_int_equal(of_size(x, 5).count, 0);
	content_index_close(x);
}

static void what_cannot_be_hashed_is_said(void **state)
{
	struct place *p = *state;
	char hash[CACHE_HASH] = "untouched";
	struct content_index *x = open_index(p);
	assert_int_equal(content_index_hash(x, "/not/there", -1, hash), PMIG_EIO);
	assert_int_equal(content_index_hash(x, p->directory, -1, hash), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "it is no regular file, or too large to be hashed now"));
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(content_index_hash(x, NULL, fd, hash), PMIG_EREFUSED);
	close(fd);
	assert_string_equal(hash, "untouched");
	content_index_close(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_hashed_is_found_again_by_another_index, setup, teardown),
		cmocka_unit_test_setup_teardown(what_changed_is_not_found, setup, teardown),
		cmocka_unit_test_setup_teardown(folders_are_searched_for_one_size, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_index_is_begun_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(an_index_that_others_may_write_is_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_hashed_is_said, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
