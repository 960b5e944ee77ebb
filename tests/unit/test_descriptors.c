/* test_descriptors: numbers that lead to a remote file, by the calls that programs make: duplicates share it, closing ends it, a stream
 * over it behaves as one over a file, and what libc sees is a descriptor that can do nothing. */
#include "arena/arena.h"
#include "arena/interpose.h"
#include "frame/program.h"
#include "kind/lock.h"
#include "reference/descriptors.h"
#include "reference/protocol.h"
#include "reference/remote_file.h"
#include "reference/replaced.h"
#include "resource/replaced.h"
#include "resource/sharing.h"
#include "stream/replaced.h"
#include "stream/stream.h"
#include "transport/agent_reference_file.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

const struct program pmig_program = {0}; /* no instrumented program is behind this test */

static char path[] = "/tmp/pmig-descriptors-XXXXXX";

/* A number that leads to the file, which has this text, open with these flags. */
static int refer(const char *text, int flags)
{
	int ends[2], fd = -1, made = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	struct remote_file *f = NULL;
	assert_int_equal(write(made, text, strlen(text)), (ssize_t)strlen(text));
	close(made);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
	assert_int_equal(agent_reference_file_serve(open(path, flags | O_CLOEXEC), ends[1]), 0);
	assert_int_equal(remote_file_connect(ends[0], path, &f), 0);
	assert_int_equal(descriptors_create(f, 0, path, &fd), 0);
	return fd;
}

static void expect_text(const char *want)
{
	char text[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof text), (ssize_t)strlen(want));
	assert_string_equal(text, want);
	close(fd);
}

/* Greets, and answers a write of a byte when it is told to. */
static void *answer_late(void *argument)
{
	const int *fds = argument;
	unsigned char head[PROTOCOL_REQUEST + 1], told, payload[2 * PROTOCOL_STAT] = {0};
	for (int i = 0; i < 2; i++) {
		if (recv(fds[0], head, PROTOCOL_REQUEST + (size_t)i, MSG_WAITALL) <= 0)
			break;
		if (i == 1)
			(void)!read(fds[1], &told, 1);
		struct protocol_request q = protocol_get_request(head);
		struct protocol_answer r = {
			.id = q.id, .a = 1, .b = i == 0 ? O_RDWR : 1, .size = (i == 0 ? 1 : 2) * PROTOCOL_STAT};
		protocol_put_answer(head, &r);
		(void)!send(fds[0], head, PROTOCOL_ANSWER, MSG_NOSIGNAL);
		(void)!send(fds[0], payload, r.size, MSG_NOSIGNAL);
	}
	return NULL;
}

/* A checkpoint does not wait for ever for a host that is out of reach, and what was written still gets there. */
static void test_a_host_that_does_not_answer(void **state)
{
	(void)state;
	int ends[2], tell[2], fd = -1;
	struct remote_file *f = NULL;
	pthread_t thread;
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
	assert_return_code(pipe2(tell, O_CLOEXEC), errno);
	int fds[2] = {ends[1], tell[0]};
	assert_int_equal(pthread_create(&thread, NULL, answer_late, fds), 0);
	assert_int_equal(remote_file_connect(ends[0], path, &f), 0);
	assert_int_equal(descriptors_create(f, 0, path, &fd), 0);
	assert_int_equal(descriptors_settle(0), 0);
	assert_int_equal(pmig_file_write(fd, "x", 1), 1);
	assert_int_equal(descriptors_settle(30), PMIG_ETIMEOUT);
	assert_int_equal(write(tell[1], "", 1), 1);
	assert_int_equal(descriptors_settle(10000), 0);
	assert_int_equal(pmig_close(fd), 0);
	(void)pthread_join(thread, NULL);
	close(ends[1]);
	close(tell[0]);
	close(tell[1]);
}

static void test_duplicates_share(void **state)
{
	(void)state;
	char text[16] = "";
	int fd = refer("0123456789", O_RDWR), twin = pmig_dup(fd), third = pmig_file_fcntl(fd, F_DUPFD_CLOEXEC, (void *)100);
	assert_true(descriptors_any && twin >= 0 && third >= 100);
	assert_int_equal(pmig_file_read(fd, text, 4), 4);
	assert_int_equal(pmig_lseek(twin, 0, SEEK_CUR), 4);
	assert_int_equal(pmig_dup2(fd, 150), 150);
	assert_int_equal(pmig_close(fd), 0);
	assert_int_equal(pmig_file_read(150, text, 3), 3);
	assert_memory_equal(text, "456", 3);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(pmig_dup2(null, 150), 150); /* leads elsewhere from now on */
	assert_false(descriptors_refers(150));
	assert_int_equal(pmig_file_write(150, "x", 1), 1);
	assert_int_equal(pmig_close_range(100, 200, 0), 0);
	assert_true(descriptors_refers(twin));
	assert_int_equal(pmig_close(twin), 0);
	assert_false(descriptors_any);
	assert_int_equal(pmig_file_read(twin, text, 1), -1);
	assert_int_equal(errno, EBADF);
	close(null);
}

static void test_foreign_calls_fail(void **state)
{
	(void)state;
	char text[16];
	int fd = refer("text", O_RDWR);
	assert_int_equal(read(fd, text, 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(pmig_isatty(fd), 0);
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(pmig_file_fcntl(fd, F_SETLEASE, (void *)F_WRLCK), -1);
	assert_int_equal(errno, EINVAL);
	pid_t child = fork();
	if (child == 0) /* the connection is the parent's */
		_exit(pmig_file_read(fd, text, 1) < 0 && !descriptors_any ? 7 : 8);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_int_equal(pmig_file_read(fd, text, 4), 4);
	assert_int_equal(pmig_close(fd), 0);
}

static void test_parts_and_copies(void **state)
{
	(void)state;
	char a[4], b[8];
	int fd = refer("", O_RDWR), other = memfd_create("other", MFD_CLOEXEC);
	struct iovec out[] = {{"one ", 4}, {"", 0}, {"two", 3}}, in[] = {{a, 4}, {b, 8}};
	assert_int_equal(pmig_file_writev(fd, out, 3), 7);
	assert_int_equal(pmig_preadv(fd, in, 2, 0), 7);
	assert_memory_equal(a, "one ", 4);
	assert_memory_equal(b, "two", 3);
	assert_int_equal(pmig_file_write(fd, " three", 6), 6);
	off_t from = 4;
	assert_int_equal(pmig_file_sendfile(other, fd, &from, 100), 9);
	assert_int_equal(from, 13);
	assert_int_equal(pmig_lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(pmig_copy_file_range(fd, NULL, other, NULL, 3, 0), 3);
	assert_int_equal(pread(other, b, 8, 5), 7);
	assert_memory_equal(b, "hreeone", 7);
	assert_int_equal(pmig_ftruncate(fd, 3), 0);
	struct stat st;
	struct statx sx;
	assert_int_equal(pmig_fstat(fd, &st), 0);
	assert_int_equal(pmig_statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &sx), 0);
	assert_true(st.st_size == 3 && sx.stx_size == 3 && sx.stx_ino == st.st_ino);
	assert_int_equal(pmig_close(fd), 0);
	expect_text("one");
	close(other);
}

static void test_ready_at_once(void **state)
{
	(void)state;
	int fd = refer("text", O_RDWR), pipe_ends[2];
	assert_int_equal(pipe(pipe_ends), 0);
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = pipe_ends[0], .events = POLLIN}};
	assert_int_equal(pmig_file_ppoll(p, 2, NULL, NULL), 1);
	assert_true(p[0].revents == POLLIN && p[1].revents == 0);
	fd_set in;
	FD_ZERO(&in);
	FD_SET(fd, &in);
	FD_SET(pipe_ends[0], &in);
	assert_int_equal(pmig_file_pselect(1024, &in, NULL, NULL, NULL, NULL), 1);
	assert_true(FD_ISSET(fd, &in) && !FD_ISSET(pipe_ends[0], &in));
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	assert_int_equal(pmig_close(fd), 0);
}

static void test_a_stream(void **state)
{
	(void)state;
	char text[64];
	int fd = refer("one\ntwo\nthree\n", O_RDWR);
	FILE *f = pmig_fdopen(fd, "r+");
	assert_non_null(f);
	assert_int_equal(pmig_fileno(f), fd);
	assert_non_null(fgets(text, sizeof text, f));
	assert_string_equal(text, "one\n");
	assert_int_equal(ftell(f), 4);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	assert_int_equal(fprintf(f, "four\n"), 5);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(fseek(f, 4, SEEK_SET), 0);
	assert_non_null(fgets(text, sizeof text, f));
	assert_string_equal(text, "two\n");
	FILE *g = pmig_freopen("/dev/null", "r", f); /* to one here */
	assert_ptr_equal(g, f);
	assert_int_equal(pmig_fileno(g), fd);
	assert_false(descriptors_any);
	assert_int_equal(getc(g), EOF);
	assert_int_equal(pmig_fclose(g), 0);
	expect_text("one\ntwo\nthree\nfour\n");
	fd = refer("one\n", O_RDWR | O_APPEND);
	f = pmig_fdopen(fd, "a");
	assert_int_equal(fputs("two\n", f), 1);
	assert_int_equal(pmig_fclose(f), 0);
	expect_text("one\ntwo\n");
	assert_false(descriptors_any);
}

static bool other_can(short type)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool r = fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = type, .l_whence = SEEK_SET}) == 0;
	close(fd);
	return r;
}

/* A lock of this process becomes one of the description, which a child can hold, and comes back. */
static void test_locks_change_hands(void **state)
{
	(void)state;
	int fd = open(path, O_RDWR | O_CLOEXEC), status = 0;
	bool any = true;
	assert_int_equal(lock_hand_over(fd, &any), 0);
	assert_false(any);
	pid_t child = fork();
	if (child == 0) {
		struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3};
		_exit(fcntl(fd, F_SETLK, &l) == 0 && lock_hand_over(fd, &any) == 0 && any ? 7 : 8);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_false(other_can(F_RDLCK)); /* although the process that took it is gone */
	assert_int_equal(lock_own(fd), 0);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int other = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(other, F_OFD_GETLK, &l), 0);
	assert_int_equal(l.l_pid, getpid());
	assert_true(l.l_type == F_WRLCK && l.l_start == 2 && l.l_len == 3);
	assert_int_equal(lock_hand_over(fd, &any), 0);
	lock_take_back();
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
	assert_int_equal(fcntl(other, F_OFD_GETLK, &l), 0);
	assert_int_equal(l.l_pid, getpid());
	close(other);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return arena_create() < 0 || sharing_watch() < 0 ? -1 : stream_calibrate();
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duplicates_share),
		cmocka_unit_test(test_a_host_that_does_not_answer),
		cmocka_unit_test(test_foreign_calls_fail),
		cmocka_unit_test(test_parts_and_copies),
		cmocka_unit_test(test_ready_at_once),
		cmocka_unit_test(test_a_stream),
		cmocka_unit_test(test_locks_change_hands),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
