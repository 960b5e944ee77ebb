/* Files that move: nothing is overwritten, nothing is lost, what was moved is gone from the source, what was undone
 * leaves nothing. */
#include "restore_case.h"

#include "kind/left.h"
#include "kind/place.h"
#include "stream/replaced.h"

#include <poll.h>
#include <sys/stat.h>

static const char *in_place(const char *name)
{
	static char path[4][PATH_MAX + 80];
	static unsigned i;
	char *p = path[i++ % 4];
	snprintf(p, sizeof path[0], "%s/%s", restore_place, name);
	return p;
}

static int create(const char *name, const char *text)
{
	int fd = open(in_place(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void expect(const char *name, const char *text)
{
	char buffer[256] = "";
	int fd = open(in_place(name), O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, buffer, sizeof buffer - 1) >= 0);
	close(fd);
	CHECK(strcmp(buffer, text) == 0);
}

static void *written(void)
{
	CHECK(mkdir(in_place("a"), 0755) == 0 && mkdir(in_place("a/b"), 0755) == 0);
	int fd = create("a/b/file", "written here");
	CHECK(lseek(fd, 8, SEEK_SET) == 8);
	/* Said, in case the build directory is one for temporary files. */
	CHECK(pmig_declare_fd(fd,
		      &(struct pmig_declaration){.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_UNATTACHED}) == 0);
	return (void *)(intptr_t)fd;
}

static void other_host(void)
{
	if (access(in_place("a/b/file"), F_OK) == 0)
		fail_msg("what has moved is still at the source");
	rmdir(in_place("a/b"));
	rmdir(in_place("a"));
}

static void written_after(void *state)
{
	int fd = (int)(intptr_t)state;
	expect("a/b/file", "written here");
	CHECK(write(fd, "there", 5) == 5);
	expect("a/b/file", "written there");
	struct stat st;
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640);
}

static void changed(void)
{
	int fd = open(in_place("a/b/file"), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, ", and more", 10), 10);
	close(fd);
}

static void changed_after(void *state)
{
	int fd = (int)(intptr_t)state;
	expect("a/b/file", "written here");
	expect("a/b/file.old", "written here, and more");
	CHECK(write(fd, "anew", 4) == 4);
	expect("a/b/file", "written anew");
}

static void link_in_the_way(void)
{
	unlink(in_place("a/b/file"));
	assert_int_equal(symlink("/etc/passwd", in_place("a/b/file")), 0);
}

static void directory_in_the_way(void)
{
	unlink(in_place("a/b/file"));
	assert_int_equal(mkdir(in_place("a/b/file"), 0700), 0);
}

static void *only_read(void)
{
	close(create("data", "data"));
	int fd = open(in_place("data"), O_RDONLY);
	CHECK(fd >= 0 && lseek(fd, 2, SEEK_SET) == 2);
	return (void *)(intptr_t)fd;
}

static void still_there(void)
{
	if (access(in_place("data"), F_OK) < 0)
		fail_msg("a copy removed the original");
}

/* Another host on which the path cannot be had. */
static void no_directory(void)
{
	still_there();
	unlink(in_place("data"));
	assert_int_equal(mkdir(in_place("data"), 0700), 0);
}

static void another_input(void)
{
	still_there();
	int fd = open(in_place("data"), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, " and more", 9), 9);
	close(fd);
}

static void only_read_after(void *state)
{
	char text[8] = "";
	CHECK(read((int)(intptr_t)state, text, 7) == 2 && strcmp(text, "ta") == 0);
}

static void *with_child(void)
{
	int fd = create("shared", "by two"), ready[2];
	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (fork() == 0) { /* an orphan: no child of the program, but it has the file and the pipe's other end */
			close(ready[0]);
			dup2(fd, 77);
			(void)!write(ready[1], "", 1);
			for (int i = 0; i < 40 && access(in_place("."), F_OK) == 0; i++)
				(void)poll(NULL, 0, 50);
		}
		_exit(0);
	}
	char c;
	CHECK(waitpid(pid, NULL, 0) == pid && close(ready[1]) == 0 && read(ready[0], &c, 1) == 1 && close(ready[0]) == 0);
	return NULL;
}

/* A restore that fails after it has created something leaves nothing. */
static void *two_files(void)
{
	(void)create("first", "first");
	(void)create("second", "second");
	return NULL;
}

static void second_is_other(void)
{
	unlink(in_place("first"));
	int fd = open(in_place("second"), O_WRONLY | O_TRUNC);
	close(fd);
}

/* It was here before, with another content, went away, and comes back. */
static void *comes_back(void)
{
	int fd = create("file", "version 2");
	left_remember(in_place("file"), left_hash("version 1", 9));
	CHECK(pmig_declare_fd(fd,
		      &(struct pmig_declaration){.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_UNATTACHED}) == 0);
	return NULL;
}

static void version_1_lies_here(void)
{
	int fd = open(in_place("file"), O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "version 1", 9), 9);
	close(fd);
}

static void comes_back_after(void *state)
{
	(void)state;
	expect("file", "version 2");
	CHECK(access(in_place("file.old"), F_OK) < 0);
}

/* Its first name is gone; it has another, which the kernel does not tell. */
static void *renamed(void)
{
	(void)create("first", "text");
	CHECK(link(in_place("first"), in_place("second")) == 0 && unlink(in_place("first")) == 0);
	return NULL;
}

static void paths_are_checked(void **state)
{
	(void)state;
	assert_true(place_sound("/a"));
	assert_true(place_sound("/a/b.c/..d"));
	assert_false(place_sound("a"));
	assert_false(place_sound("/"));
	assert_false(place_sound("/a//b"));
	assert_false(place_sound("/a/../b"));
	assert_false(place_sound("/a/."));
	assert_false(place_sound("/a/"));
	assert_false(place_sound(""));
}

static void undo_removes_what_it_made(void **state)
{
	(void)state;
	char root[] = "/var/tmp/pmig-place-XXXXXX", path[64];
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof path, "%s/x/y/z", root);
	struct place_file f = {.path = path, .data = "abc", .size = 3, .mode = 0600, .flags = O_RDWR};
	struct place_done done = {0};
	int fd = -1;
	bool differs = true;
	assert_int_equal(place_find(&f, false, &fd, &differs), 0);
	assert_false(differs);
	assert_int_equal(place_create(&f, &fd, &done), 0);
	assert_int_equal(done.parents, 2);
	char link[64], name[PATH_MAX];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, name, sizeof name); /* what the next checkpoint will take for its name */
	assert_int_equal(n, strlen(path));
	assert_memory_equal(name, path, (size_t)n);
	struct place_done again = {0};
	int other = -1;
	assert_int_equal(place_create(&f, &other, &again), PMIG_EEXIST);
	assert_int_equal(other, -1);
	assert_int_equal(place_find(&f, true, &other, &differs), 1);
	close(other);
	place_undo(&done);
	close(fd);
	assert_int_equal(rmdir(root), 0); /* nothing is left in it */
}

static void undo_keeps_what_others_made(void **state)
{
	(void)state;
	char root[] = "/var/tmp/pmig-place-XXXXXX", path[64];
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof path, "%s/x", root);
	struct place_file f = {.path = path, .data = "abc", .size = 3, .mode = 0600, .flags = O_RDONLY};
	struct place_done done = {0};
	int fd = -1;
	assert_int_equal(place_create(&f, &fd, &done), 0);
	unlink(path);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	place_undo(&done);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(root), 0);
}

static const struct restore_case cases[] = {
	{.name = "a written file moves with its directories",
		.before = written,
		.hand_over = true,
		.between = other_host,
		.after = written_after},
	{.name = "a changed file refuses",
		.before = written,
		.between = changed,
		.refused = " bytes); nothing was overwritten: move it away (`pmig restart --rewind` sets it aside)"},
	{.name = "a changed file is set aside",
		.before = written,
		.between = changed,
		.rewind = true,
		.after = changed_after},
	{.name = "a directory in its place refuses",
		.before = written,
		.between = directory_in_the_way,
		.refused = "something that is no regular file lies here under that name; move it away"},
	{.name = "a symbolic link in its place refuses",
		.before = written,
		.between = link_in_the_way,
		.refused = "a symbolic link lies here under that name; move it away"},
	{.name = "a file only read is copied",
		.before = only_read,
		.hand_over = true,
		.between = still_there,
		.after = only_read_after},
	{.name = "a copy where the path cannot be had",
		.before = only_read,
		.hand_over = true,
		.between = no_directory,
		.after = only_read_after},
	{.name = "a copy where another file has the path",
		.before = only_read,
		.hand_over = true,
		.between = another_input,
		.after = only_read_after},
	{.name = "a file that another process writes refuses", .before = with_child, .refused = "shared with process"},
	{.name = "its own older version is replaced",
		.before = comes_back,
		.between = version_1_lies_here,
		.after = comes_back_after},
	{.name = "a file whose name is not known refuses",
		.before = renamed,
		.refused = "it has another name now, which cannot be found out"},
	{.name = "what fails leaves nothing",
		.before = two_files,
		.hand_over = false,
		.between = second_is_other,
		.refused = "second"},
	{0},
};

static void failed_restore_left_nothing(void **state)
{
	const struct restore_case *c = &cases[11];
	(void)state;
	char path[PATH_MAX - 2];
	restore_prepare(path);
	assert_int_equal(restore_spawn("before", c->name, path), 0);
	c->between();
	assert_int_equal(restore_spawn("after", c->name, path), 0);
	assert_int_equal(access(in_place("first"), F_OK), -1);
	assert_int_equal(access(in_place("second"), F_OK), 0);
	unlink(path);
	assert_int_equal(nftw(restore_place, restore_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_checked),
		cmocka_unit_test(undo_removes_what_it_made),
		cmocka_unit_test(undo_keeps_what_others_made),
		cmocka_unit_test(failed_restore_left_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed + restore_all(cases);
}
