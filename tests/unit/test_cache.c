/* test_cache: found by content, verified on use, refused where others can write. */
#include "transport/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char root[64];

static struct cache *open_cache(void)
{
	struct cache *c;
	assert_int_equal(cache_open(root, &c), 0);
	return c;
}

static int content(const char *text)
{
	int fd = memfd_create("content", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void test_put_and_find(void **state)
{
	(void)state;
	struct cache *c = open_cache();
	char hash[CACHE_HASH], again[CACHE_HASH], text[16] = "", *path;
	struct stat st;
	int fd = content("a program"), found;
	assert_int_equal(cache_find(c, "00000000000000000000000000000000", "agent", &found), PMIG_ENOENT);
	assert_int_equal(cache_put(c, fd, "agent", 0700, hash), 0);
	assert_int_equal(cache_put(c, fd, "agent", 0700, again), 0);
	assert_string_equal(hash, again);
	assert_int_equal(cache_find(c, hash, "agent", &found), 0);
	assert_int_equal(read(found, text, sizeof text), 9);
	assert_string_equal(text, "a program");
	assert_int_equal(fstat(found, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	close(found);
	assert_int_equal(cache_path(c, hash, "agent", &path), 0);
	assert_int_equal(access(path, X_OK), 0);

	/* Damaged: it counts as absent, is removed, and can be put again. */
	int damaged = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(damaged, "A", 1, 0), 1);
	close(damaged);
	assert_int_equal(cache_find(c, hash, "agent", &found), PMIG_ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(cache_put(c, fd, "agent", 0700, hash), 0);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(cache_put(c, fd, "agent", 0700, hash), 0);
	assert_int_equal(cache_find(c, hash, "agent", &found), 0);
	close(found);
	free(path);
	close(fd);
	cache_close(c);
}

static void test_names(void **state)
{
	(void)state;
	struct cache *c = open_cache();
	int fd = content("x");
	char hash[CACHE_HASH], *path;
	static const char *const hashes[] = {"", "..", "0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdeff", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef/../../9abcdef00"};
	static const char *const names[] = {"", ".", "..", "a/b", ".hidden", "a b"};
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
		assert_int_equal(cache_path(c, hashes[i], "a", &path), PMIG_EINVAL);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(cache_put(c, fd, names[i], 0600, hash), PMIG_EINVAL);
	close(fd);
	cache_close(c);
}

static void test_not_ours_alone(void **state)
{
	(void)state;
	struct cache *c;
	assert_int_equal(chmod(root, 0770), 0);
	assert_int_equal(cache_open(root, &c), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), ": others can write there; give it to this user alone (chmod go-w)"));
	assert_int_equal(chmod(root, 0700), 0);

	char hash[CACHE_HASH], *path;
	int fd = content("shared"), found;
	c = open_cache();
	assert_int_equal(cache_put(c, fd, "lib", 0600, hash), 0);
	assert_int_equal(cache_path(c, hash, "lib", &path), 0);
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(cache_find(c, hash, "lib", &found), PMIG_EREFUSED);
	assert_int_equal(unlink(path), 0);

	char *home = getenv("HOME") != NULL ? strdup(getenv("HOME")) : NULL;
	struct cache *none = NULL;
	assert_int_equal(unsetenv("HOME"), 0);
	assert_int_equal(cache_open(NULL, &none), PMIG_EREFUSED);
	assert_string_equal(pmig_reason(), "no home directory (HOME is not set): there is no place for a cache");
	if (home != NULL)
		assert_int_equal(setenv("HOME", home, 1), 0);
	free(home);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(cache_find(c, hash, "lib", &found), PMIG_EIO);
	free(path);
	close(fd);
	cache_close(c);
}

static int set_up(void **state)
{
	(void)state;
	char base[] = "/tmp/pmig-cache-XXXXXX";
	if (mkdtemp(base) == NULL)
		return -1;
	(void)snprintf(root, sizeof root, "%s/.cache/pmig", base);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char command[128];
	(void)snprintf(command, sizeof command, "rm -r %.22s", root);
	return system(command);
}

/* What nobody came back for goes, and its directory with it; what is young, or whole, stays. */
static void test_sweep(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int days;
		bool stays;
	} files[] = {
		{"thing.part", CACHE_PART_DAYS + 1, false},
		{"thing.part", CACHE_PART_DAYS - 1, true},
		{".0123456789abcdef", CACHE_PART_DAYS + 1, false},
		{"pmig-agent.4711", CACHE_PART_DAYS + 1, false},
		{"pmig-agent", CACHE_PART_DAYS + 1, true},
		{"partly", CACHE_PART_DAYS + 1, true},
	};
	struct cache *c = open_cache();
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char hash[CACHE_HASH], path[128];
		int directory;
		(void)snprintf(hash, sizeof hash, "%032zx", i + 0xabc0);
		assert_int_equal(cache_directory(c, hash, &directory), 0);
		int fd = openat(directory, files[i].name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		time_t then = time(NULL) - (time_t)files[i].days * 24 * 60 * 60;
		assert_int_equal(futimens(fd, (const struct timespec[]){{.tv_sec = then}, {.tv_sec = then}}), 0);
		close(fd);
		close(directory);
		cache_sweep(c);
		(void)snprintf(path, sizeof path, "%s/%s/%s", root, hash, files[i].name);
		assert_int_equal(access(path, F_OK), files[i].stays ? 0 : -1);
		*strrchr(path, '/') = '\0';
		assert_int_equal(access(path, F_OK), files[i].stays ? 0 : -1);
	}
	cache_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_find),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_not_ours_alone),
		cmocka_unit_test(test_sweep),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
