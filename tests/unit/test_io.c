/* test_io: whole reads and writes, bounded files, replacement. */
#include "runtime/base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

static int enter(void **state)
{
	char *path = strdup("/tmp/io-XXXXXX");
	*state = path;
	return path == NULL || mkdtemp(path) == NULL || chdir(path) < 0;
}

static int leave(void **state)
{
	const char *const names[] = {"file", "link", "fifo"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlink(names[i]);
	int r = chdir("/") | rmdir(*state); /* fails if a temporary file was left */
	free(*state);
	return r;
}

static void expect(const char *path, const char *want)
{
	char *data;
	size_t size;
	assert_int_equal(io_read_file(path, 100, &data, &size), 0);
	assert_string_equal(data, want);
	assert_int_equal(size, strlen(want));
	free(data);
}

static void replaces_a_file_whole(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(io_replace_file("file", "one", 3, 0640), 0);
	expect("file", "one");
	assert_int_equal(stat("file", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* who has the old one open keeps it */
	int old = open("file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(io_replace_file("./file", "another", 7, 0600), 0);
	expect("file", "another");
	char bytes[8];
	size_t size;
	assert_int_equal(io_read_all(old, bytes, sizeof bytes, &size), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(bytes, "one", 3);
	(void)close(old);
}

static void replaces_a_link_not_its_target(void **state)
{
	(void)state;
	assert_int_equal(io_replace_file("file", "kept", 4, 0600), 0);
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(io_replace_file("link", "new", 3, 0600), 0);
	expect("file", "kept");
	expect("link", "new");
}

static void keeps_the_old_file_when_it_fails(void **state)
{
	(void)state;
	static char large[100000];
	struct rlimit old, low;
	assert_int_equal(io_replace_file("file", "kept", 4, 0600), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = (struct rlimit){.rlim_cur = 5000, .rlim_max = old.rlim_max};
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	int r = io_replace_file("file", large, sizeof large, 0600);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, PMIG_ENOSPC);
	assert_string_equal(pmig_reason(), "file: write: File too large");
	expect("file", "kept");
	assert_int_equal(io_replace_file("nowhere/file", "x", 1, 0600), PMIG_ENOENT);
}

static void reads_only_bounded_regular_files(void **state)
{
	(void)state;
	char *data;
	size_t size;
	assert_int_equal(io_replace_file("file", "1234", 4, 0600), 0);
	assert_int_equal(io_read_file("file", 4, &data, &size), 0);
	free(data);
	assert_int_equal(io_read_file("file", 3, &data, &size), PMIG_EINVAL);
	assert_int_equal(io_read_file("none", 3, &data, &size), PMIG_ENOENT);
	assert_int_equal(io_read_file(".", 1000000, &data, &size), PMIG_EINVAL);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(io_read_file("fifo", 3, &data, &size), PMIG_EINVAL);
}

static void *write_much(void *arg)
{
	static char bytes[300000];
	int fd = *(int *)arg;
	memset(bytes, 'x', sizeof bytes);
	int r = io_write_all(fd, bytes, sizeof bytes);
	(void)close(fd);
	return r < 0 ? arg : NULL;
}

static void waits_where_descriptors_do_not_block(void **state)
{
	(void)state;
	int ends[2];
	pthread_t thread;
	void *failed;
	static char bytes[300001];
	size_t size;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_much, &ends[1]), 0);
	assert_int_equal(io_read_all(ends[0], bytes, sizeof bytes, &size), 0);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_int_equal(size, 300000);
	assert_int_equal(bytes[299999], 'x');
	(void)close(ends[0]);
	assert_int_equal(io_write_all(-1, "x", 1), PMIG_EIO);
	assert_int_equal(io_read_all(-1, bytes, 1, &size), PMIG_EIO);
}

/* The limit is what decides: with 256 and room for 16 it is 240, then the next ones; where all are taken, half of it. */
static void moves_a_descriptor_high(void **state)
{
	(void)state;
	struct rlimit before, low = {0};
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = (struct rlimit){256, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	int fd = open("/dev/null", O_RDONLY), other = open("/dev/zero", O_RDONLY);
	assert_int_equal(io_move_high(fd, 16), 240);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fcntl(240, F_GETFD), FD_CLOEXEC);
	assert_int_equal(io_move_high(other, 16), 241);
	assert_int_equal(io_move_high(-1, 16), PMIG_EIO);
	int full = open("/dev/null", O_RDONLY);
	for (int n = 242; n < 256; n++)
		assert_int_equal(dup2(full, n), n);
	assert_int_equal(io_move_high(full, 16), 120);
	for (int n = 240; n < 256; n++)
		(void)close(n);
	(void)close(120);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(replaces_a_file_whole, enter, leave),
		cmocka_unit_test_setup_teardown(replaces_a_link_not_its_target, enter, leave),
		cmocka_unit_test_setup_teardown(keeps_the_old_file_when_it_fails, enter, leave),
		cmocka_unit_test_setup_teardown(reads_only_bounded_regular_files, enter, leave),
		cmocka_unit_test(waits_where_descriptors_do_not_block),
		cmocka_unit_test(moves_a_descriptor_high),
	};
	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
