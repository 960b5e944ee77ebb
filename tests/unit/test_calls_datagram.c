/* calls_datagram: every call says of a datagram whose socket is elsewhere what it would say there. The agent is this test. */
#include "arena/arena.h"
#include "block.h"
#include "kind/table.h"
#include "reference/calls_datagram.h"
#include "reference/datagram_frame.h"
#include "reference/referred.h"
#include "reference/socket_record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct line {
	int fd, agent;
	struct socket_record *record;
};

static int set_up(void **state)
{
	(void)state;
	pmig_datagram_any = true;
	return arena_create();
}

static struct sockaddr_in internet(unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(0x0a4d0001)};
}

static struct line begin(int family, int type)
{
	struct line l;
	int ends[2];
	struct socket_record record = {.magic = SOCKET_RECORD_MAGIC, .family = family, .type = type, .backlog = -1};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(referred_add(ends[0], 9, "datagram", "udp", &record, sizeof record), 0);
	l = (struct line){ends[0], ends[1], socket_record_of(ends[0])};
	assert_non_null(l.record);
	return l;
}

static void end(const struct line *l)
{
	referred_drop(referred_of(l->fd));
	close(l->fd);
	close(l->agent);
}

static void give(const struct line *l, const struct datagram_frame *f, const char *text)
{
	struct iovec parts[] = {{(void *)(uintptr_t)f, sizeof *f}, {(void *)(uintptr_t)text, strlen(text)}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	assert_int_equal(sendmsg(l->agent, &m, MSG_DONTWAIT), sizeof *f + strlen(text));
}

static void give_from(const struct line *l, unsigned port, const char *text)
{
	struct sockaddr_in a = internet(port);
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA, .address_size = sizeof a};
	memcpy(f.address, &a, sizeof a);
	give(l, &f, text);
}

static void give_error(const struct line *l, int error)
{
	give(l, &(struct datagram_frame){.magic = DATAGRAM_MAGIC, .word = DATAGRAM_ERROR, .error = error}, "");
}

/* What the agent gets; the bytes of the payload, -1: nothing. */
static ssize_t taken(const struct line *l, struct datagram_frame *ret, char *text, size_t size)
{
	struct iovec parts[] = {{ret, sizeof *ret}, {text, size}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n = recvmsg(l->agent, &m, MSG_DONTWAIT);
	return n < 0 ? -1 : n - (ssize_t)sizeof *ret;
}

static long call(long number, const struct line *l, const void *b, long c, long d, const void *e, long f)
{
	return pmig_datagram_call(number, l->fd, (long)b, c, d, (long)e, f);
}

static void an_ordinary_number_is_the_kernels(void **state)
{
	(void)state;
	int ends[2];
	char byte = 'x';
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pmig_datagram_call(SYS_write, ends[1], (long)&byte, 1, 0, 0, 0), 1);
	assert_int_equal(pmig_datagram_call(SYS_read, ends[0], (long)&byte, 1, 0, 0, 0), 1);
	assert_int_equal(pmig_datagram_call(SYS_read, -1, (long)&byte, 1, 0, 0, 0), -EBADF);
	close(ends[0]);
	close(ends[1]);
}

static void receiving(void **state)
{
	(void)state;
	struct line l = begin(AF_INET, SOCK_DGRAM);
	struct sockaddr_in a = {0}, wanted = internet(53);
	socklen_t size = sizeof a;
	char text[8] = "";
	int waiting = -1;
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, MSG_DONTWAIT, NULL, 0), -EAGAIN);
	give_from(&l, 53, "answer");
	assert_true(datagram_ioctl(l.fd, FIONREAD, &waiting));
	assert_int_equal(waiting, 6);
	assert_int_equal(call(SYS_recvfrom, &l, text, 3, MSG_PEEK | MSG_TRUNC, &a, (long)&size), 6);
	assert_int_equal(size, sizeof a);
	assert_memory_equal(&a, &wanted, sizeof a);
	size = 4; /* an address is cut off, and its size told */
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, 0, &a, (long)&size), 6);
	assert_int_equal(size, sizeof a);
	assert_memory_equal(text, "answer", 6);
	give_from(&l, 53, "");
	assert_int_equal(call(SYS_read, &l, text, sizeof text, 0, NULL, 0), 0);
	give_from(&l, 53, "in two parts");
	struct iovec parts[] = {{text, 4}, {text + 4, 4}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	assert_int_equal(call(SYS_recvmsg, &l, &m, 0, 0, NULL, 0), 8);
	assert_int_equal(m.msg_flags & MSG_TRUNC, MSG_TRUNC);
	assert_memory_equal(text, "in two p", 8);
	assert_int_equal(call(SYS_recvfrom, &l, text, 8, MSG_OOB, NULL, 0), -EOPNOTSUPP);
	assert_int_equal(call(SYS_recvfrom, &l, text, 8, MSG_ERRQUEUE, NULL, 0), -EAGAIN);
	end(&l);
}

static void *give_later(void *line)
{
	give_from(line, 53, "late");
	return NULL;
}

/* poll(2) told of it, then the program moved, and what it told of is on the way yet. */
static void what_was_there_is_waited_for(void **state)
{
	(void)state;
	struct line l = begin(AF_INET, SOCK_DGRAM);
	pthread_t later;
	char text[8] = "";
	l.record->state = SOCKET_PROMISED;
	assert_int_equal(pthread_create(&later, NULL, give_later, &l), 0);
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, MSG_DONTWAIT | MSG_PEEK, NULL, 0), 4);
	assert_int_equal(pthread_join(later, NULL), 0);
	assert_int_equal(l.record->state, SOCKET_PROMISED);
	assert_int_equal(fcntl(l.fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, 0, NULL, 0), 4);
	assert_int_equal(l.record->state, 0);
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, 0, NULL, 0), -EAGAIN);
	l.record->state = SOCKET_PROMISED; /* lost on the way: not for ever, and once */
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, 0, NULL, 0), -EAGAIN);
	assert_int_equal(l.record->state, 0);
	end(&l);
}

/* What does not fit in is cut off, and says so of itself: nobody reads beyond the room. */
static void control_is_cut(void **state)
{
	(void)state;
	struct line l = begin(AF_INET, SOCK_DGRAM);
	struct cmsghdr head = {.cmsg_len = CMSG_LEN(4), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL};
	static const struct {
		size_t room, size, length;
	} want[] = {{48, 48, CMSG_LEN(4)}, {42, 42, 18}, {32, 24, 0}, {18, 18, 18}, {8, 0, 0}};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		_Alignas(struct cmsghdr) unsigned char room[48];
		char text[8];
		struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA, .control_size = 48};
		memcpy(f.control, &head, sizeof head);
		memcpy(f.control + 24, &head, sizeof head);
		give(&l, &f, "x");
		struct iovec part = {text, sizeof text};
		struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = want[i].room};
		assert_int_equal(call(SYS_recvmsg, &l, &m, 0, 0, NULL, 0), 1);
		assert_int_equal(m.msg_flags & MSG_CTRUNC, i > 0 ? MSG_CTRUNC : 0);
		assert_int_equal(m.msg_controllen, want[i].size);
		struct cmsghdr last;
		if (want[i].length == 0)
			continue;
		memcpy(&last, room + (want[i].size > 24 ? 24 : 0), sizeof last);
		assert_int_equal(last.cmsg_len, want[i].length);
	}
	end(&l);
}

static void several_at_once(void **state)
{
	(void)state;
	struct line l = begin(AF_INET, SOCK_DGRAM);
	char in[3][8] = {0};
	struct iovec parts[3];
	struct mmsghdr m[3] = {0};
	struct datagram_frame f;
	for (int i = 0; i < 3; i++) {
		parts[i] = (struct iovec){in[i], sizeof in[i]};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	give_from(&l, 1, "a"), give_from(&l, 2, "bb");
	assert_int_equal(call(SYS_recvmmsg, &l, m, 3, MSG_WAITFORONE, NULL, 0), 2);
	assert_true(m[0].msg_len == 1 && m[1].msg_len == 2);
	give_from(&l, 1, "a"), give_from(&l, 2, "bb");
	assert_int_equal(call(SYS_recvmmsg, &l, m, 3, MSG_DONTWAIT, NULL, 0), 2);
	give_from(&l, 1, "a"), give_from(&l, 2, "bb");
	assert_int_equal(call(SYS_recvmmsg, &l, m, 3, 0, &(struct timespec){0, 0}, 0), 1);
	assert_int_equal(call(SYS_recvfrom, &l, in[0], 8, 0, NULL, 0), 2);
	give_from(&l, 1, "a"), give_error(&l, ECONNREFUSED),
		give_from(&l, 2, "bb"); /* an error behind a message is told once, by the next call */
	assert_int_equal(call(SYS_recvmmsg, &l, m, 3, 0, NULL, 0), 1);
	assert_int_equal(call(SYS_recvmmsg, &l, m, 3, MSG_DONTWAIT, NULL, 0), -ECONNREFUSED);
	assert_int_equal(call(SYS_recvmmsg, &l, m, 3, MSG_DONTWAIT, NULL, 0), 1);
	l.record->peer.size = sizeof(struct sockaddr_in);
	for (int i = 0; i < 3; i++)
		parts[i].iov_len = (size_t)i;
	assert_int_equal(call(SYS_sendmmsg, &l, m, 3, 0, NULL, 0), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(taken(&l, &f, in[0], 8), i);
		assert_int_equal(m[i].msg_len, i);
	}
	end(&l);
}

static void sending(void **state)
{
	(void)state;
	static char much[70000];
	struct line l = begin(AF_INET, SOCK_DGRAM);
	struct sockaddr_in to = internet(80);
	struct sockaddr_un other = {.sun_family = AF_UNIX};
	struct datagram_frame f;
	char text[16] = "";
	assert_int_equal(call(SYS_sendto, &l, "x", 1, 0, NULL, 0), -EDESTADDRREQ);
	assert_int_equal(call(SYS_sendto, &l, "x", 1, 0, &other, sizeof other), -EAFNOSUPPORT);
	assert_int_equal(call(SYS_sendto, &l, much, 65508, 0, &to, sizeof to), -EMSGSIZE);
	assert_int_equal(call(SYS_sendto, &l, "hello", 5, MSG_CONFIRM | MSG_DONTWAIT, &to, sizeof to), 5);
	assert_int_equal(taken(&l, &f, text, sizeof text), 5);
	assert_true(datagram_frame_sound(&f) && f.word == DATAGRAM_DATA && f.flags == MSG_CONFIRM &&
		f.address_size == sizeof to);
	assert_memory_equal(f.address, &to, sizeof to);
	assert_memory_equal(text, "hello", 5);
	struct iovec halves[] = {{much, 40000}, {much, 40000}}, huge[] = {{much, SIZE_MAX - 10}, {much, 20}};
	struct msghdr two = {.msg_iov = halves, .msg_iovlen = 2, .msg_name = &to, .msg_namelen = sizeof to};
	assert_int_equal(call(SYS_sendmsg, &l, &two, 0, 0, NULL, 0), -EMSGSIZE);
	two.msg_iov = huge;
	assert_int_equal(call(SYS_sendmsg, &l, &two, 0, 0, NULL, 0), -EMSGSIZE);
	assert_int_equal(call(SYS_sendto, &l, much, 65507, 0, &to, sizeof to), 65507);
	assert_int_equal(taken(&l, &f, much, sizeof much), 65507);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TOS}};
	struct iovec part = {much, 1};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_name = &to,
		.msg_namelen = sizeof to,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	assert_int_equal(call(SYS_sendmsg, &l, &m, 0, 0, NULL, 0), 1);
	assert_int_equal(taken(&l, &f, text, sizeof text), 1);
	assert_int_equal(f.control_size, sizeof control);
	assert_memory_equal(f.control, &control, CMSG_LEN(sizeof(int)));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	assert_int_equal(call(SYS_sendmsg, &l, &m, 0, 0, NULL, 0), -EOPNOTSUPP);
	while (call(SYS_sendto, &l, much, 60000, MSG_DONTWAIT, &to, sizeof to) > 0)
		;
	assert_int_equal(call(SYS_sendto, &l, much, 60000, MSG_DONTWAIT, &to, sizeof to), -EAGAIN);
	end(&l);
}

static void a_peer(void **state)
{
	(void)state;
	struct line l = begin(AF_INET, SOCK_DGRAM);
	struct sockaddr_in to = internet(80), own = internet(4000);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct datagram_frame f;
	char text[16] = "";
	assert_int_equal(call(SYS_connect, &l, &to, sizeof to, 0, NULL, 0), 0);
	assert_int_equal(taken(&l, &f, text, sizeof text), 0);
	assert_true(f.word == DATAGRAM_CONNECT && f.address_size == sizeof to);
	assert_int_equal(l.record->peer.size, sizeof to);
	f = (struct datagram_frame){.magic = DATAGRAM_MAGIC, .word = DATAGRAM_LOCAL, .address_size = sizeof own};
	memcpy(f.address, &own, sizeof own);
	give(&l, &f, "");
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, MSG_DONTWAIT, NULL, 0), -EAGAIN);
	assert_memory_equal(&l.record->local.at, &own, sizeof own);
	assert_int_equal(call(SYS_write, &l, "hi", 2, 0, NULL, 0), 2);
	assert_int_equal(taken(&l, &f, text, sizeof text), 2);
	assert_int_equal(f.address_size, 0);
	give_error(&l, ECONNREFUSED); /* by whichever call comes first, once */
	assert_int_equal(call(SYS_write, &l, "hi", 2, 0, NULL, 0), -ECONNREFUSED);
	assert_int_equal(call(SYS_write, &l, "hi", 2, 0, NULL, 0), 2);
	give_error(&l, ENETUNREACH);
	assert_int_equal(datagram_error(l.fd), ENETUNREACH);
	assert_int_equal(datagram_error(l.fd), 0);
	give_error(&l, EHOSTUNREACH);
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, MSG_PEEK, NULL, 0), -EHOSTUNREACH);
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, MSG_DONTWAIT, NULL, 0), -EAGAIN);
	assert_int_equal(call(SYS_connect, &l, &none, sizeof none, 0, NULL, 0), 0);
	assert_int_equal(call(SYS_write, &l, "hi", 2, 0, NULL, 0), -EDESTADDRREQ);
	shutdown(l.agent, SHUT_RDWR); /* the way there is lost */
	assert_int_equal(call(SYS_recvfrom, &l, text, sizeof text, 0, NULL, 0), -ENETDOWN);
	assert_int_equal(call(SYS_sendto, &l, "hi", 2, 0, &to, sizeof to), -ENETDOWN);
	end(&l);
}

static void unix_names(void **state)
{
	(void)state;
	struct line l = begin(AF_UNIX, SOCK_DGRAM);
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "here"}, sent = {0};
	char directory[4096], wanted[5000], text[8];
	struct datagram_frame f;
	assert_int_equal(chdir("/tmp"), 0);
	assert_non_null(getcwd(directory, sizeof directory));
	(void)snprintf(wanted, sizeof wanted, "%s/here", directory);
	assert_int_equal(call(SYS_sendto, &l, "x", 1, 0, NULL, 0), -ENOTCONN);
	assert_int_equal(call(SYS_sendto, &l, "x", 1, 0, &to, sizeof to), 1);
	assert_int_equal(taken(&l, &f, text, sizeof text), 1);
	memcpy(&sent, f.address, f.address_size);
	assert_string_equal(sent.sun_path, wanted);
	memcpy(to.sun_path, "\0name", 5);
	assert_int_equal(call(SYS_sendto, &l, "x", 1, 0, &to, offsetof(struct sockaddr_un, sun_path) + 5), 1);
	assert_int_equal(taken(&l, &f, text, sizeof text), 1);
	assert_int_equal(f.address_size, offsetof(struct sockaddr_un, sun_path) + 5);
	assert_memory_equal(((struct sockaddr_un *)(void *)f.address)->sun_path, "\0name", 5);
	end(&l);
}

static volatile sig_atomic_t pipes;

static void on_pipe(int number)
{
	(void)number;
	pipes++;
}

static void packets(void **state)
{
	(void)state;
	struct line l = begin(AF_UNIX, SOCK_SEQPACKET);
	struct sockaddr_un peer = {.sun_family = AF_UNIX};
	char text[8];
	(void)signal(SIGPIPE, on_pipe);
	assert_int_equal(call(SYS_connect, &l, &peer, sizeof peer, 0, NULL, 0), -EISCONN);
	assert_int_equal(call(SYS_write, &l, "x", 1, 0, NULL, 0), 1);
	give_error(&l, EPIPE); /* the peer does not read any more: for who sends, for good */
	give_from(&l, 1, "rest");
	for (int i = 0; i < 2; i++)
		assert_int_equal(call(SYS_sendto, &l, "x", 1, MSG_NOSIGNAL, NULL, 0), -EPIPE);
	assert_int_equal(pipes, 0);
	assert_int_equal(call(SYS_write, &l, "x", 1, 0, NULL, 0), -EPIPE);
	assert_int_equal(pipes, 1);
	assert_int_equal(call(SYS_read, &l, text, sizeof text, 0, NULL, 0), 4);
	shutdown(l.agent, SHUT_WR);
	assert_int_equal(call(SYS_read, &l, text, sizeof text, 0, NULL, 0), 0);
	end(&l);
}

/* What the agent never says. */
static void not_a_frame(void **state)
{
	(void)state;
	struct line l = begin(AF_INET, SOCK_DGRAM);
	char text[8];
	assert_int_equal(send(l.agent, "short", 5, 0), 5);
	assert_int_equal(call(SYS_read, &l, text, sizeof text, 0, NULL, 0), -EIO);
	give(&l,
		&(struct datagram_frame){
			.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA, .address_size = DATAGRAM_ADDRESS + 1},
		"x");
	assert_int_equal(call(SYS_read, &l, text, sizeof text, 0, NULL, 0), -EIO);
	end(&l);
}

/* Who sends looks for an error that waits, and takes it away; meanwhile another thread receives. */
enum { MANY = 20000 };

static void *feed(void *context)
{
	const struct line *l = context;
	static const struct datagram_frame local = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_LOCAL},
					   data = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA};
	for (uint32_t i = 0; i < MANY; i++)
		if (send(l->agent, &local, sizeof local, 0) < 0 || send(l->agent, &data, sizeof data, 0) < 0)
			return context;
	return NULL;
}

static _Atomic bool fed;

static void *look_for_errors(void *context)
{
	const struct line *l = context;
	while (!fed)
		(void)datagram_error(l->fd);
	return NULL;
}

static void two_threads_lose_nothing(void **state)
{
	(void)state;
	struct line l = begin(AF_INET, SOCK_DGRAM);
	struct timeval patience = {.tv_sec = 5};
	pthread_t feeder, looker;
	void *failed;
	char text[8];
	int n = 0;
	l.record->peer.size = sizeof(struct sockaddr_in);
	assert_int_equal(setsockopt(l.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(pthread_create(&feeder, NULL, feed, &l), 0);
	assert_int_equal(pthread_create(&looker, NULL, look_for_errors, &l), 0);
	while (n < MANY && call(SYS_read, &l, text, sizeof text, 0, NULL, 0) == 0)
		n++;
	fed = true;
	assert_int_equal(pthread_join(looker, NULL), 0);
	if (n < MANY)
		shutdown(l.fd, SHUT_RDWR);
	assert_int_equal(pthread_join(feeder, &failed), 0);
	assert_int_equal(n, MANY);
	assert_null(failed);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_number_is_the_kernels),
		cmocka_unit_test(receiving),
		cmocka_unit_test(what_was_there_is_waited_for),
		cmocka_unit_test(control_is_cut),
		cmocka_unit_test(several_at_once),
		cmocka_unit_test(sending),
		cmocka_unit_test(a_peer),
		cmocka_unit_test(unix_names),
		cmocka_unit_test(packets),
		cmocka_unit_test(not_a_frame),
		cmocka_unit_test(two_threads_lose_nothing),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
