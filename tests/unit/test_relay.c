/* What is known of a relayed stream is written, read and answered; a descriptor that stands for another thing is known by device and inode. */
#include "arena/arena.h"
#include "frame/program.h"
#include "kind/relay.h"
#include "kind/table.h"
#include "reference/referred.h"
#include "resource/content.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

const struct program pmig_program = {0}; /* no instrumented program is behind this test */

static int set_up(void **state)
{
	(void)state;
	return arena_create();
}

static struct pmig_resource resource_of(int fd)
{
	struct pmig_resource r = {.fd = fd, .flags = fcntl(fd, F_GETFL), .locator = "/dev/pts/7", .there = ""};
	assert_int_equal(fstat(fd, &r.st), 0);
	return r;
}

static void a_terminal_answers_as_it_was(void **state)
{
	(void)state;
	struct winsize w = {.ws_row = 42, .ws_col = 99}, got = {0};
	struct termios modes;
	struct relay_thing before, after;
	int master, slave, ends[2];
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &w), 0);
	assert_int_equal(tcgetattr(slave, &modes), 0);
	cfmakeraw(&modes);
	assert_int_equal(tcsetattr(slave, TCSANOW, &modes), 0);
	struct pmig_resource r = resource_of(slave);
	struct pmig_writer writer = {0};
	relay_look(&r, &before);
	relay_write(&writer, &before);
	struct pmig_reader in = {0};
	record_reader_init(&in.record, "test", writer.record.data, writer.record.size);
	relay_read(&in, &after);
	assert_int_equal(pmig_read_check(&in), 0);
	assert_true(after.terminal && after.device == before.device && after.mode == before.mode);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_false(relay_terminal(ends[0]));
	assert_int_equal(referred_add(ends[0], 5, "device", "/dev/pts/7", &after, sizeof after), 0);
	assert_true(relay_terminal(ends[0]) && !relay_terminal(ends[1]));
	assert_true(relay_ioctl(ends[0], TIOCGWINSZ, &got) && got.ws_row == 42 && got.ws_col == 99);
	assert_int_equal(pmig_tcgetattr(ends[0], &modes), 0);
	assert_int_equal(modes.c_lflag & ICANON, 0);
	assert_int_equal(pmig_tcsetattr(ends[0], TCSANOW, &modes), 0); /* what it is already */
	modes.c_lflag |= ECHO;
	assert_int_equal(pmig_tcsetattr(ends[0], TCSANOW, &modes), -1);
	assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(pmig_tcgetattr(ends[1], &modes), -1);
	assert_int_equal(errno, ENOTTY);

	struct pmig_resource relayed = resource_of(ends[0]); /* a socket that is a device */
	assert_string_equal(kind_table_match(&relayed)->name, "device");
	relay_look(&relayed, &after);
	assert_memory_equal(&after, &before, sizeof after);
	referred_forget();
	assert_string_equal(kind_table_match(&relayed)->name, "socketpair");
	content_finish(&writer);
	close(master), close(slave), close(ends[0]), close(ends[1]);
}

static void entries_come_and_go(void **state)
{
	(void)state;
	int pipe_ends[2], other[2];
	assert_true(pipe(pipe_ends) == 0 && pipe(other) == 0);
	assert_null(referred_of(pipe_ends[0]));
	assert_int_equal(referred_add(pipe_ends[0], 1, "pipe", "/a", NULL, 0), 0);
	assert_int_equal(referred_add(other[0], 2, "file", "/b", "own", 3), 0);
	assert_int_equal(referred_of(pipe_ends[1])->id, 1); /* the same inode */
	assert_string_equal(referred_of(other[0])->locator, "/b");
	assert_memory_equal(referred_of(other[0])->own, "own", 3);
	referred_drop(referred_of(pipe_ends[0]));
	assert_null(referred_of(pipe_ends[0]));
	assert_non_null(referred_of(other[0]));
	referred_forget();
	assert_null(referred_of(other[0]));
	close(pipe_ends[0]), close(pipe_ends[1]), close(other[0]), close(other[1]);
}

/* What save() of a device wrote, and what the target has for it. */
static int rebind(int fd, const char *there, int *ret_fd)
{
	const struct pmig_kind *k = kind_table_find("device");
	struct pmig_writer w = {0};
	struct pmig_reader in = {0};
	struct pmig_resource r = resource_of(fd);
	r.strategy = PMIG_REBIND;
	assert_int_equal(k->save(&r, &w), 0);
	record_reader_init(&in.record, "test", w.record.data, w.record.size);
	r.there = there;
	r.fd = -1;
	int e = k->rebind(&r, &in);
	content_finish(&w);
	*ret_fd = r.fd;
	return e;
}

static void devices_are_bound_to_devices(void **state)
{
	(void)state;
	struct stat st;
	int zero = open("/dev/zero", O_RDWR), master, slave, fd;
	assert_int_equal(rebind(zero, "", &fd), 0); /* the same everywhere */
	assert_true(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0x105);
	close(fd);
	assert_int_equal(rebind(zero, "/dev/full", &fd), 0);
	assert_true(fstat(fd, &st) == 0 && st.st_rdev == 0x107);
	close(fd);
	assert_int_equal(rebind(zero, "/etc/passwd", &fd), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "/etc/passwd was given as one of its type and is no character device"));
	assert_int_equal(rebind(zero, "/dev/none-such", &fd), PMIG_EREFUSED);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(rebind(slave, "/dev/zero", &fd), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "/dev/zero was given as one of its type and is no terminal"));
	assert_int_equal(rebind(slave, "", &fd), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "no device of its type"));
	close(master), close(slave), close(zero);
}

static int handle(const char *kind, enum pmig_strategy strategy, const char *there, struct pmig_resource *ret)
{
	const struct pmig_kind *k = kind_table_find(kind);
	struct pmig_reader in = {0};
	*ret = (struct pmig_resource){
		.kind = k, .fd = -1, .locator = "old", .handle = "old", .there = there, .strategy = strategy};
	return strategy == PMIG_REBIND ? k->rebind(ret, &in) : k->move(ret, &in);
}

static void handles_say_what_the_host_has(void **state)
{
	(void)state;
	struct pmig_resource r;
	struct stat st;
	assert_int_equal(handle("printer", PMIG_REBIND, "queue", &r), 0);
	assert_true(strcmp(r.handle, "queue") == 0 && arena_contains(r.handle) && strcmp(r.locator, "queue") == 0);
	assert_int_equal(handle("any", PMIG_REBIND, "", &r), PMIG_EREFUSED);
	assert_string_equal(r.handle, "old");
	assert_int_equal(handle("scratch", PMIG_REBIND, "/dev/null/none", &r), PMIG_EREFUSED);
	assert_int_equal(handle("scratch", PMIG_MOVE, "", &r), 0); /* a new one, empty */
	assert_true(stat(r.handle, &st) == 0 && S_ISDIR(st.st_mode));
	assert_int_equal(r.kind->undo(&r), 0);
	assert_int_equal(stat(r.handle, &st), -1);
	assert_true(kind_table_find("scratch")->handle(&(struct pmig_resource){.locator = "relative"}) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_answers_as_it_was),
		cmocka_unit_test(entries_come_and_go),
		cmocka_unit_test(devices_are_bound_to_devices),
		cmocka_unit_test(handles_say_what_the_host_has),
	};
	return cmocka_run_group_tests_name("relay", tests, set_up, NULL);
}
