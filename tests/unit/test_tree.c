/* A tree arrives as it left; nothing is overwritten, what fails leaves nothing, what changed stays; what arrives is not believed. */
#include "kind/tree.h"
#include "resource/content.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char place[64], from[80], to[80];

static const char *in(const char *root, const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];
	(void)snprintf(path, 256, "%s/%s", root, name);
	return path;
}

static void put(const char *path, const char *text, int mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, (mode_t)mode) == 0 &&
		close(fd) == 0);
}

static bool has(const char *path, const char *text)
{
	char got[64] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, got, sizeof got - 1) : -1;
	close(fd);
	return n == (ssize_t)strlen(text) && strcmp(got, text) == 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	(void)st, (void)flag, (void)where;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(place, sizeof place, "/tmp/pmig-test-tree-XXXXXX");
	assert_non_null(mkdtemp(place));
	(void)snprintf(from, sizeof from, "%s/from", place);
	(void)snprintf(to, sizeof to, "%s/a/b/to", place);
	assert_int_equal(mkdir(from, 0750), 0);
	assert_int_equal(mkdir(in(from, "sub"), 0700), 0);
	put(in(from, "sub/file"), "content", 0640);
	put(in(from, "other\n\xff"), "odd", 0600);
	assert_int_equal(symlink("sub/file", in(from, "link")), 0);
	assert_int_equal(link(in(from, "sub/file"), in(from, "twin")), 0);
	assert_int_equal(mkfifo(in(from, "fifo"), 0600), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What was written, as it is read. */
struct image {
	struct pmig_writer w;
	unsigned char *contents;
	struct pmig_reader in;
};

static void begin(struct image *i)
{
	size_t at = 0;
	i->contents = malloc(i->w.size + 1);
	for (size_t k = 0; k < i->w.n; at += i->w.contents[k++].iov_len)
		memcpy(i->contents + at, i->w.contents[k].iov_base, i->w.contents[k].iov_len);
	i->in = (struct pmig_reader){.contents = i->contents, .size = i->w.size};
	record_reader_init(&i->in.record, "test", i->w.record.data, i->w.record.size);
}

static void finish(struct image *i)
{
	free(i->contents);
	content_finish(&i->w);
}

static int carry(bool touch, struct tree_done *d)
{
	struct image i = {0};
	*d = (struct tree_done){0};
	assert_int_equal(tree_save(from, &i.w), 0);
	begin(&i);
	int r = tree_arrive(to, &i.in, touch, d);
	finish(&i);
	return r;
}

static void it_arrives_as_it_left(void **state)
{
	(void)state;
	struct tree_done d;
	struct stat a, b;
	char target[16] = "";
	int fd = open(in(from, "holes"), O_WRONLY | O_CREAT, 0600);
	assert_true(ftruncate(fd, 1 << 30) == 0 && pwrite(fd, "x", 1, 1 << 29) == 1 && close(fd) == 0);
	assert_int_equal(carry(true, &d), 0);
	assert_true(has(in(to, "sub/file"), "content") && has(in(to, "other\n\xff"), "odd"));
	assert_int_equal(readlink(in(to, "link"), target, 15), 8);
	assert_true(stat(in(to, "sub/file"), &a) == 0 && stat(in(to, "twin"), &b) == 0 && a.st_ino == b.st_ino);
	assert_int_equal(a.st_mode & 07777, 0640);
	assert_true(stat(in(from, "sub/file"), &b) == 0 && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
	assert_true(lstat(in(to, "fifo"), &a) == 0 && S_ISFIFO(a.st_mode));
	assert_true(stat(in(to, "holes"), &a) == 0 && a.st_size == 1 << 30 && a.st_blocks < 1000);
	assert_true(stat(to, &a) == 0 && (a.st_mode & 07777) == 0750);
	tree_settle(&d);
	assert_int_equal(tree_release(from), 0);
	assert_int_equal(access(from, F_OK), -1);
}

static void nothing_is_overwritten(void **state)
{
	(void)state;
	struct tree_done d;
	assert_true(mkdir(in(place, "a"), 0700) == 0 && mkdir(in(place, "a/b"), 0700) == 0 && mkdir(to, 0700) == 0);
	put(in(to, "twin"), "another", 0600);
	put(in(to, "mine"), "mine", 0600);
	assert_int_equal(carry(true, &d), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "twin: something else lies here"));
	tree_undo(&d);
	assert_true(has(in(to, "twin"), "another") && has(in(to, "mine"), "mine"));
	assert_int_equal(access(in(to, "sub"), F_OK), -1);
	assert_int_equal(unlink(in(to, "twin")), 0);
	assert_int_equal(carry(true, &d), 0);
	tree_settle(&d);
	assert_int_equal(carry(true, &d), 0); /* all is there already */
	assert_int_equal(d.n, 0);
	tree_undo(&d);
	assert_true(has(in(to, "twin"), "content") && has(in(to, "mine"), "mine"));
}

static void what_is_undone_leaves_nothing(void **state)
{
	(void)state;
	struct tree_done d;
	assert_int_equal(chmod(in(from, "sub"), 0500), 0);
	assert_int_equal(carry(true, &d), 0);
	tree_undo(&d);
	assert_int_equal(access(in(place, "a"), F_OK), -1);
	assert_true(has(in(from, "sub/file"), "content"));
	assert_int_equal(chmod(in(from, "sub"), 0700), 0);
}

static void what_changed_since_stays(void **state)
{
	(void)state;
	struct tree_done d;
	assert_int_equal(carry(true, &d), 0);
	tree_settle(&d);
	put(in(from, "other\n\xff"), "new", 0600);
	put(in(from, "sub/later"), "later", 0600);
	assert_int_equal(tree_release(from), 3); /* the one that changed, and the directories that are not empty */
	assert_true(has(in(from, "other\n\xff"), "new") && has(in(from, "sub/later"), "later"));
	assert_int_equal(access(in(from, "twin"), F_OK), -1);
	assert_int_equal(tree_release(from), 0); /* forgotten */
}

static void the_same_files_are_not_removed(void **state)
{
	(void)state;
	struct tree_done d = {0};
	struct image i = {0};
	assert_int_equal(mkdir(in(from, "void"), 0700), 0);
	assert_int_equal(tree_save(from, &i.w), 0);
	begin(&i);
	assert_int_equal(tree_arrive(from, &i.in, true, &d), 0); /* a target that sees the same file system */
	assert_int_equal(d.n, 0);
	tree_settle(&d);
	finish(&i);
	(void)tree_release(from);
	assert_true(has(in(from, "sub/file"), "content") && has(in(from, "other\n\xff"), "odd") &&
		has(in(from, "twin"), "content"));
	assert_int_equal(access(in(from, "void"), F_OK), 0);
	assert_int_equal(access(in(from, "fifo"), F_OK), 0);
	assert_int_equal(faccessat(AT_FDCWD, in(from, "link"), F_OK, AT_SYMLINK_NOFOLLOW), 0);
}

static void what_cannot_go_is_named(void **state)
{
	(void)state;
	struct image i = {0};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", in(from, "socket"));
	if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0) {
		assert_int_equal(tree_save(from, &i.w), PMIG_EREFUSED);
		assert_non_null(strstr(pmig_reason(), "socket is a socket, which does not go along"));
		assert_int_equal(unlink(in(from, "socket")), 0);
	}
	close(fd);
	if (geteuid() == 0 && mknod(in(from, "node"), S_IFCHR | 0600, 0x0103) == 0) {
		assert_int_equal(tree_save(from, &i.w), PMIG_EREFUSED);
		assert_non_null(strstr(pmig_reason(), "node is a device, which does not go along"));
		assert_int_equal(unlink(in(from, "node")), 0);
	}
	if (geteuid() != 0) {
		assert_int_equal(chmod(in(from, "twin"), 0), 0);
		assert_int_equal(tree_save(from, &i.w), PMIG_EREFUSED);
		assert_non_null(strstr(pmig_reason(), "cannot be read"));
	}
	finish(&i);
}

/* Every byte of the record is made another one: it arrives, or is refused, below the root. */
static void damage_stays_below_the_root(void **state)
{
	(void)state;
	struct image i = {0};
	assert_int_equal(tree_save(from, &i.w), 0);
	for (size_t at = 0; at < i.w.record.size; at++) {
		struct tree_done d = {0};
		i.w.record.data[at] ^= 0x2e;
		begin(&i);
		(void)!tree_arrive(to, &i.in, false, &d);
		free(i.contents);
		tree_undo(&d);
		assert_int_equal(access(in(place, "a"), F_OK), -1);
		i.w.record.data[at] ^= 0x2e;
	}
	content_finish(&i.w);
}

static void no_link_leads_out(void **state)
{
	(void)state;
	struct tree_done d;
	assert_true(mkdir(in(place, "a"), 0700) == 0 && mkdir(in(place, "a/b"), 0700) == 0 && mkdir(to, 0700) == 0);
	assert_int_equal(symlink(place, in(to, "sub")), 0); /* where a directory is to be */
	assert_int_equal(carry(true, &d), PMIG_EREFUSED);
	tree_undo(&d);
	assert_int_equal(access(in(place, "file"), F_OK), -1);
}

/* Names that a source would never write. */
static void no_name_leads_out(void **state)
{
	(void)state;
	static const char *const names[] = {"../../up", "sub/../x", "/tmp/up1", "sub/./up", "sub//two", "........"};
	struct image i = {0};
	assert_int_equal(tree_save(from, &i.w), 0);
	unsigned char *at = memmem(i.w.record.data, i.w.record.size, "sub/file", 8),
		      *end = i.w.record.data + i.w.record.size;
	assert_non_null(at); /* where a symbolic link leads, which may be anywhere */
	at = memmem(at + 8, (size_t)(end - at) - 8, "sub/file", 8);
	assert_non_null(at);
	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		struct tree_done d = {0};
		memcpy(at, names[k], 8);
		begin(&i);
		int r = tree_arrive(to, &i.in, false, &d);
		free(i.contents);
		if (strcmp(names[k], "........") == 0) {
			assert_int_equal(r, 0); /* odd, and below the root */
			assert_int_equal(access(in(to, names[k]), F_OK), 0);
		} else {
			if (r >= 0)
				fail_msg("%s was taken", names[k]);
		}
		tree_undo(&d);
		assert_int_equal(access(in(place, "up"), F_OK), -1);
		assert_int_equal(access("/tmp/up1", F_OK), -1);
	}
	content_finish(&i.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_arrives_as_it_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_overwritten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_undone_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_changed_since_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_files_are_not_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_go_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_stays_below_the_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_link_leads_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_name_leads_out, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
