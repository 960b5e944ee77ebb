/* open_file: what this process opens is seen from outside as it is: kind of access, name, and who else has it. */
#include "transport/open_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct open_file *with_fd(const struct open_file *files, size_t count, int fd)
{
	for (size_t i = 0; i < count; i++)
		if (files[i].fd == fd)
			return &files[i];
	return NULL;
}

static int make(char path[64])
{
	(void)strcpy(path, "/tmp/pmig-open-file.XXXXXX");
	int fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void files_are_as_they_were_opened(void **state)
{
	(void)state;
	char path[64];
	int written = make(path), twice = dup(written), read_only = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(twice >= 0 && read_only >= 0);
	assert_int_equal(write(written, "12345", 5), 5);
	assert_int_equal(unlink(path), 0);
	struct open_file *files;
	size_t count;
	assert_int_equal(open_file_list(getpid(), &files, &count), 0);
	const struct open_file *w = with_fd(files, count, written), *r = with_fd(files, count, read_only);
	assert_non_null(w);
	assert_non_null(r);
	assert_null(with_fd(files, count, twice)); /* the same open file */
	assert_int_equal(w->flags & O_ACCMODE, O_RDWR);
	assert_int_equal(r->flags & O_ACCMODE, O_RDONLY);
	assert_int_equal(w->st.st_size, 5);
	assert_int_equal(w->st.st_nlink, 0);
	assert_memory_equal(w->link, path, strlen(path));
	assert_string_equal(w->link + strlen(path), " (deleted)");
	for (size_t i = 1; i < count; i++)
		assert_true(files[i - 1].fd < files[i].fd);
	open_file_free(files, count);
	close(written), close(twice), close(read_only);
}

static void what_has_no_inode_of_its_own_is_told_apart(void **state)
{
	(void)state;
	int counter = eventfd(0, EFD_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct open_file *files;
	size_t count;
	assert_int_equal(open_file_list(getpid(), &files, &count), 0);
	assert_non_null(with_fd(files, count, counter));
	assert_non_null(with_fd(files, count, timer));
	assert_string_equal(with_fd(files, count, timer)->link, "anon_inode:[timerfd]");
	open_file_free(files, count);
	close(counter), close(timer);
}

/* A child that does one thing more, and then keeps what it has until it is killed. */
static pid_t keep_after(void (*first)(int fd), int fd)
{
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (first != NULL)
			first(fd);
		(void)!write(ready[1], "+", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]), close(ready[1]);
	return pid;
}

static pid_t keep(void)
{
	return keep_after(NULL, -1);
}

static unsigned sharers_of(int fd, char ret_who[96])
{
	struct open_file *files;
	size_t count;
	assert_int_equal(open_file_list(getpid(), &files, &count), 0);
	for (size_t i = 0; i < count; i++)
		files[i].look = files[i].fd == fd;
	open_file_share(getpid(), files, count);
	unsigned n = with_fd(files, count, fd)->sharers;
	(void)snprintf(ret_who, 96, "%s", with_fd(files, count, fd)->shared_by);
	open_file_free(files, count);
	return n;
}

static void map_and_close(int fd)
{
	(void)!mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

static void close_it(int fd)
{
	close(fd);
}

static void a_mapping_of_another_counts_and_what_was_closed_does_not(void **state)
{
	(void)state;
	char path[64], who[96];
	int fd = make(path);
	assert_int_equal(ftruncate(fd, 4096), 0);
	pid_t mapper = keep_after(map_and_close, fd), other = keep_after(close_it, fd);
	assert_int_equal(sharers_of(fd, who), 1);
	assert_non_null(strstr(who, ", which has mapped it"));
	kill(mapper, SIGKILL), kill(other, SIGKILL);
	assert_int_equal(waitpid(mapper, NULL, 0), mapper);
	assert_int_equal(waitpid(other, NULL, 0), other);
	assert_int_equal(sharers_of(fd, who), 0);
	close(fd);
	unlink(path);
}

static void a_name_alone_can_be_looked_for(void **state)
{
	(void)state;
	char path[64];
	int fd = make(path);
	pid_t child = keep();
	struct open_file f = {.link = path, .fd = OPEN_FILE_PATH, .look = true};
	assert_int_equal(stat(path, &f.st), 0);
	open_file_share(getpid(), &f, 1);
	assert_int_equal(f.sharers, 1);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(fd);
	unlink(path);
}

static void who_else_has_it_is_told(void **state)
{
	(void)state;
	char path[64], alone_path[64], who[64];
	int shared = make(path), ends[2];
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	assert_int_equal(pipe(ends), 0);
	pid_t child = keep();
	int alone = make(alone_path);
	struct open_file *files, *maps;
	size_t count, map_count;
	assert_int_equal(open_file_list(getpid(), &files, &count), 0);
	for (size_t i = 0; i < count; i++)
		files[i].look = files[i].fd == shared || files[i].fd == ends[0] || files[i].fd == alone;
	open_file_share(getpid(), files, count);
	(void)snprintf(who, sizeof who, "process %d (test_open_file)", (int)child);
	assert_int_equal(with_fd(files, count, shared)->sharers, 1);
	assert_string_equal(with_fd(files, count, shared)->shared_by, who);
	assert_int_equal(with_fd(files, count, ends[0])->sharers, 1);
	assert_int_equal(with_fd(files, count, alone)->sharers, 0);
	assert_int_equal(open_file_maps(getpid(), true, &maps, &map_count), 0);
	assert_int_equal(map_count, 1);
	maps[0].look = true;
	open_file_share(getpid(), maps, map_count);
	assert_int_equal(maps[0].sharers, 1);
	open_file_free(maps, map_count);
	open_file_free(files, count);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	munmap(memory, 4096);
	close(shared), close(alone), close(ends[0]), close(ends[1]);
	unlink(path), unlink(alone_path);
}

static void libraries_are_found_and_the_program_is_not(void **state)
{
	(void)state;
	struct open_file *maps;
	size_t count, libc = 0;
	assert_int_equal(open_file_maps(getpid(), false, &maps, &count), 0);
	for (size_t i = 0; i < count; i++) {
		libc += strstr(maps[i].link, "/libc.so") != NULL;
		assert_null(strstr(maps[i].link, "test_open_file"));
		assert_true(maps[i].st.st_size > 0);
	}
	assert_int_equal(libc, 1);
	open_file_free(maps, count);
}

static void a_process_that_is_not_there_is_said(void **state)
{
	(void)state;
	struct open_file *files = NULL;
	size_t count = 7;
	pid_t gone = fork();
	if (gone == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	assert_int_equal(open_file_list(gone, &files, &count), PMIG_EGONE);
	assert_int_equal(open_file_maps(gone, false, &files, &count), PMIG_EGONE);
	assert_null(files);
	assert_int_equal(count, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_as_they_were_opened),
		cmocka_unit_test(what_has_no_inode_of_its_own_is_told_apart),
		cmocka_unit_test(who_else_has_it_is_told),
		cmocka_unit_test(a_mapping_of_another_counts_and_what_was_closed_does_not),
		cmocka_unit_test(a_name_alone_can_be_looked_for),
		cmocka_unit_test(libraries_are_found_and_the_program_is_not),
		cmocka_unit_test(a_process_that_is_not_there_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
