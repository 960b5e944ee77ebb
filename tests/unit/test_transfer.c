/* What the carried calls that send and receive make of a request that comes in the middle: what recv(2) says of MSG_WAITALL and MSG_PEEK holds.
 * They are compiled here as they are; the request is a signal of this test. */
#include "arena/arena.h"
#include "reference/referred.h"
#include "reference/socket_record.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "frame/program.h"
const struct program pmig_program = {0}; /* no instrumented program is behind this test */

#undef skip /* cmocka's */
#include "carried/wait_receive.c"
#include "carried/wait_rest.c"
#include "carried/wait_send.c"
#include "carried/wait_socket.c"

/* When the signal comes something has been asked and `first` comes, and then, from another thread, `second`. */
static struct {
	int to, told[2];
	const char *first, *second;
	pthread_t thread;
} script;

static void on_alarm(int number)
{
	(void)number;
	pmig_asked = 1;
	(void)!write(script.to, script.first, strlen(script.first));
	(void)!write(script.told[1], "", 1);
}

static void *follow(void *unused)
{
	char byte;
	if (read(script.told[0], &byte, 1) == 1)
		(void)!write(script.to, script.second, strlen(script.second));
	return unused;
}

static void begin(int to, const char *first, const char *second)
{
	struct sigaction a = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigset_t alarms;
	script.to = to;
	script.first = first;
	script.second = second;
	assert_int_equal(pipe2(script.told, O_CLOEXEC), 0);
	(void)sigemptyset(&alarms);
	(void)sigaddset(&alarms, SIGALRM);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &alarms, NULL), 0);
	assert_int_equal(pthread_create(&script.thread, NULL, follow, NULL), 0);
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &alarms, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &a, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 20000}, NULL), 0);
}

static void end(const int ends[2])
{
	assert_int_equal(pthread_join(script.thread, NULL), 0);
	pmig_asked = 0;
	close(script.told[0]), close(script.told[1]);
	close(ends[0]), close(ends[1]);
}

/* Two ends over the loopback, of either sort. */
static void connect_ends(int type, int ret_ends[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int one = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(one, (struct sockaddr *)&a, size), 0);
	assert_int_equal(getsockname(one, (struct sockaddr *)&a, &size), 0);
	ret_ends[1] = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_true(type == SOCK_DGRAM || listen(one, 1) == 0);
	assert_int_equal(connect(ret_ends[1], (struct sockaddr *)&a, size), 0);
	ret_ends[0] = type == SOCK_DGRAM ? one : accept4(one, NULL, NULL, SOCK_CLOEXEC);
	if (type != SOCK_DGRAM)
		close(one);
}

static void all_of_a_stream_is_waited_for(void **state)
{
	(void)state;
	int ends[2];
	char text[8] = "";
	connect_ends(SOCK_STREAM, ends);
	assert_int_equal(write(ends[1], "abc", 3), 3);
	begin(ends[1], "", "def");
	assert_int_equal(pmig_recv(ends[0], text, 6, MSG_WAITALL), 6);
	assert_string_equal(text, "abcdef");
	end(ends);
}

static void what_is_looked_at_is_looked_at_from_its_beginning(void **state)
{
	(void)state;
	for (int way = 0; way < 2; way++) {
		int ends[2];
		char text[8] = "";
		struct iovec parts[] = {{text, 2}, {text + 2, 4}};
		struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
		connect_ends(SOCK_STREAM, ends);
		assert_int_equal(write(ends[1], "abc", 3), 3);
		begin(ends[1], "", "def");
		ssize_t n = way == 0 ? pmig_recv(ends[0], text, 6, MSG_WAITALL | MSG_PEEK)
				     : pmig_recvmsg(ends[0], &m, MSG_WAITALL | MSG_PEEK);
		assert_int_equal(n, 6);
		assert_string_equal(text, "abcdef");
		end(ends);
	}
}

/* "This flag has no effect for datagram sockets." */
static void a_datagram_is_one(void **state)
{
	(void)state;
	for (int way = 0; way < 2; way++) {
		int ends[2];
		char text[8] = "";
		struct iovec part = {text, 6};
		struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
		connect_ends(SOCK_DGRAM, ends);
		begin(ends[1], "one", "two");
		ssize_t n = way == 0 ? pmig_recv(ends[0], text, 6, MSG_WAITALL) : pmig_recvmsg(ends[0], &m, MSG_WAITALL);
		assert_int_equal(n, 3);
		assert_string_equal(text, "one");
		end(ends);
	}
}

/* Not by the way of several messages either. */
static void descriptors_are_not_sent_to_another_host(void **state)
{
	(void)state;
	int ends[2];
	char byte;
	struct socket_record record = {.magic = SOCKET_RECORD_MAGIC, .family = AF_UNIX, .type = SOCK_STREAM, .backlog = -1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {"x", 1};
	struct mmsghdr all[] = {{{.msg_iov = &part, .msg_iovlen = 1}, 0},
		{{.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control}, 0}};
	assert_true(arena_create() >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(referred_add(ends[0], 9, "socket", "unix /x", &record, sizeof record), 0);
	assert_int_equal(pmig_sendmsg(ends[0], &all[1].msg_hdr, 0), -1);
	assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(pmig_sendmmsg(ends[0], all + 1, 1, 0), -1);
	assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(pmig_sendmmsg(ends[0], all, 2, 0), 1);
	assert_int_equal(recv(ends[1], &byte, 1, MSG_DONTWAIT), 1);
	assert_int_equal(recv(ends[1], &byte, 1, MSG_DONTWAIT), -1);
	referred_drop(referred_of(ends[0]));
	close(ends[0]), close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_a_stream_is_waited_for),
		cmocka_unit_test(what_is_looked_at_is_looked_at_from_its_beginning),
		cmocka_unit_test(a_datagram_is_one),
		cmocka_unit_test(descriptors_are_not_sent_to_another_host),
	};
#ifdef __SANITIZE_THREAD__
	print_message("the thread sanitizer puts signals off until calls return that it does not know\n");
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
