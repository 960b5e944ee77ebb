/* Paths below a directory at another host lead there, for the calls of the program that have a path; no other path does. */
#include "arena/arena.h"
#include "frame/program.h"
#include "reference/path_map.h"
#include "reference/remote_file.h"
#include "reference/replaced.h"
#include "resource/replaced.h"
#include "stream/replaced.h"
#include "transport/agent_reference_file.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

const struct program pmig_program = {0}; /* no instrumented program is behind this test */

static char there[] = "/tmp/pmig-there-XXXXXX";
#define HERE "/pmig-nowhere/www" /* leads to `there`; not a path of this machine */

static void put(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", there, name);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void map(void)
{
	int ends[2], held = open(there, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct remote_file *d = NULL;
	assert_return_code(held, errno);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
	assert_int_equal(agent_reference_file_serve(held, ends[1]), 0);
	assert_int_equal(remote_file_connect(ends[0], HERE, &d), 0);
	assert_int_equal(path_map_add(HERE "/", d), 0);
	assert_int_equal(path_map_add(HERE, d), PMIG_EEXIST);
	assert_true(path_map_socket(HERE) >= 0 && path_map_any);
}

static void prefixes(void **state)
{
	(void)state;
	const char *rest;
	assert_null(path_map_find(HERE, &rest));
	map();
	struct remote_file *d = path_map_find(HERE, &rest);
	assert_non_null(d);
	assert_string_equal(rest, ".");
	assert_ptr_equal(path_map_find(HERE "/a/b", &rest), d);
	assert_string_equal(rest, "a/b");
	assert_ptr_equal(path_map_find(HERE "//a", &rest), d);
	assert_string_equal(rest, "a");
	assert_null(path_map_find(HERE "x/a", &rest));
	assert_null(path_map_find("/pmig-nowhere", &rest));
	assert_null(path_map_find("a", &rest));
	path_map_remove(HERE);
	assert_null(path_map_find(HERE "/a", &rest));
	assert_false(path_map_any);
	assert_int_equal(path_map_socket(HERE), -1);
}

static void files(void **state)
{
	(void)state;
	char text[64] = "";
	struct stat st, own;
	put("index.html", "<h1>home</h1>\n");
	map();
	int fd = pmig_file_openat(AT_FDCWD, HERE "/index.html", O_RDONLY | O_CLOEXEC, 0);
	assert_return_code(fd, errno);
	assert_int_equal(pmig_file_read(fd, text, sizeof text), 14);
	assert_string_equal(text, "<h1>home</h1>\n");
	assert_int_equal(pmig_close(fd), 0);

	FILE *f = pmig_fopen(HERE "/new.txt", "w");
	assert_non_null(f);
	assert_true(fputs("written from here\n", f) >= 0);
	assert_int_equal(pmig_fclose(f), 0);
	snprintf(text, sizeof text, "%s/new.txt", there);
	assert_int_equal(stat(text, &own), 0);
	assert_int_equal(own.st_size, 18);
	assert_int_equal(pmig_stat(HERE "/new.txt", &st), 0);
	assert_int_equal(st.st_size, 18);

	assert_int_equal(pmig_access(HERE "/new.txt", R_OK | W_OK), 0);
	assert_int_equal(pmig_access(HERE "/new.txt", X_OK), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(pmig_access(HERE "/none", F_OK), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(pmig_file_openat(AT_FDCWD, HERE "/none", O_RDONLY, 0), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(pmig_file_openat(AT_FDCWD, HERE "/new.txt", O_WRONLY | O_CREAT | O_EXCL, 0600), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(pmig_stat(HERE, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(pmig_file_openat(AT_FDCWD, NULL, O_RDONLY, 0), -1);
	assert_int_equal(errno, EFAULT);
	path_map_remove(HERE);
	assert_int_equal(pmig_stat(HERE, &st), -1);
}

static void folders(void **state)
{
	(void)state;
	char path[128];
	struct stat st;
	int found = 0;
	snprintf(path, sizeof path, "%s/sub", there);
	assert_int_equal(mkdir(path, 0700), 0);
	put("sub/one", "1");
	put("sub/two", "22");
	snprintf(path, sizeof path, "%s/sub/link", there);
	assert_int_equal(symlink("two", path), 0);
	snprintf(path, sizeof path, "%s/out", there);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	map();
	DIR *d = pmig_opendir(HERE "/sub");
	assert_non_null(d);
	for (struct dirent *e; (e = pmig_readdir(d)) != NULL;)
		found += strcmp(e->d_name, "one") == 0 || strcmp(e->d_name, "two") == 0;
	assert_int_equal(found, 2);
	int fd = pmig_file_openat(pmig_dirfd(d), "two", O_RDONLY | O_CLOEXEC, 0);
	assert_return_code(fd, errno);
	assert_int_equal(pmig_fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 2);
	pmig_close(fd);
	pmig_closedir(d);
	assert_int_equal(pmig_stat(HERE "/sub/link", &st), 0);
	assert_int_equal(st.st_size, 2);
	assert_int_equal(pmig_lstat(HERE "/sub/link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	/* nothing leads out of it */
	assert_int_equal(pmig_file_openat(AT_FDCWD, HERE "/out", O_RDONLY, 0), -1);
	assert_int_equal(pmig_file_openat(AT_FDCWD, HERE "/../../etc/passwd", O_RDONLY, 0), -1);
	assert_int_equal(pmig_file_openat(AT_FDCWD, HERE "/sub/../../x", O_RDONLY, 0), -1);
	path_map_remove(HERE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),
		cmocka_unit_test(files),
		cmocka_unit_test(folders),
	};
	if (arena_create() < 0 || mkdtemp(there) == NULL)
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", there);
	return system(command) == 0 ? r : 1;
}
