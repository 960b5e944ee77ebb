/* referred: what stands for a thing elsewhere does so until its last number is closed, however that is done, and as long as one is open. */
#include "arena/arena.h"
#include "kind/socket_options.h"
#include "reference/referred.h"
#include "reference/socket_record.h"
#include "resource/replaced.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "frame/program.h"
const struct program pmig_program = {0}; /* no instrumented program is behind this test */

static int begin(void **state)
{
	(void)state;
	return arena_create() < 0 ? -1 : 0;
}

static int stand(struct stat *ret)
{
	static const struct socket_record record = {
		.magic = SOCKET_RECORD_MAGIC, .family = AF_INET, .type = SOCK_STREAM, .backlog = 5};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(referred_add(fd, 9, "listener", "tcp", &record, sizeof record), 0);
	assert_int_equal(fstat(fd, ret), 0);
	assert_non_null(referred_find(ret));
	return fd;
}

static void with_its_last_number(void **state)
{
	(void)state;
	struct stat st;
	int fd = stand(&st), other = pmig_dup2(fd, 200);
	assert_int_equal(other, 200);
	assert_int_equal(pmig_close(fd), 0);
	assert_non_null(referred_find(&st));
	assert_int_equal(pmig_close(other), 0);
	assert_null(referred_find(&st));
}

static void with_all_of_a_range(void **state)
{
	(void)state;
	struct stat st;
	int fd = stand(&st);
	assert_true(pmig_dup2(fd, 200) == 200 && pmig_dup2(fd, 201) == 201);
	assert_int_equal(pmig_close_range(200, 210, 0), 0);
	assert_non_null(referred_find(&st)); /* one is left */
	assert_true(pmig_dup2(fd, 200) == 200 && pmig_dup2(fd, 201) == 201);
	assert_int_equal(pmig_close(fd), 0);
	assert_int_equal(pmig_close_range(200, 210, 0), 0);
	assert_null(referred_find(&st));
}

static void not_where_nothing_was_closed(void **state)
{
	(void)state;
	struct stat st;
	int fd = stand(&st);
	assert_int_equal(pmig_dup2(-1, fd), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(pmig_dup3(0, fd, O_APPEND), -1);
	assert_int_equal(errno, EINVAL);
	assert_non_null(referred_find(&st));
	assert_int_equal(pmig_dup2(0, fd), fd);
	assert_null(referred_find(&st));
	assert_int_equal(pmig_close(fd), 0);
}

/* Their values lead into this process: nobody at the other host could follow them. */
static void no_filters(void **state)
{
	(void)state;
	struct stat st;
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct sock_fprog program = {1, &all};
	int fd = stand(&st), yes = 1;
	assert_int_equal(pmig_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes), 0);
	assert_int_equal(pmig_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), -1);
	assert_int_equal(errno, ENOPROTOOPT);
	assert_null(socket_record_option(socket_record_of(fd), SOL_SOCKET, SO_ATTACH_FILTER));
	assert_int_equal(pmig_close(fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_its_last_number),
		cmocka_unit_test(with_all_of_a_range),
		cmocka_unit_test(not_where_nothing_was_closed),
		cmocka_unit_test(no_filters),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
