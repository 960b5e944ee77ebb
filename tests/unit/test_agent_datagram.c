/* agent_datagram: what a socket says and is told through packed frames: addresses, control messages, errors of the network, ends; and
 * frames that nobody of us wrote. */
#include "transport/agent_datagram.h"

#include "runtime/reference/datagram_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned char message[CHANNEL_MESSAGE_MAX];

static int open_at(int type, struct sockaddr_in *ret)
{
	socklen_t size = sizeof *ret;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof *ret), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &size), 0);
	return fd;
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 5000) > 0;
}

/* What comes from the socket, unpacked; *ret_payload is borrowed. */
static size_t from(int fd, struct datagram_frame *ret, const unsigned char **ret_payload)
{
	size_t at = 0;
	assert_true(readable(fd));
	ssize_t n = agent_datagram_socket.receive(fd, message, sizeof message, false);
	assert_true(n > 0);
	assert_true(datagram_frame_unpack(message, (size_t)n, ret, &at));
	*ret_payload = message + at;
	return (size_t)n - at;
}

/* The answer's bytes, unpacked. */
static size_t to(int fd, const struct datagram_frame *f, const char *payload, struct datagram_frame *ret_answer)
{
	static unsigned char answer[CHANNEL_ANSWER_MAX], out[DATAGRAM_PACKED_MAX + 2000];
	size_t size = 0, at = 0, n = datagram_frame_pack(out, f);
	memcpy(out + n, payload, strlen(payload));
	assert_int_equal(agent_datagram_socket.send(fd, out, n + strlen(payload), answer, &size), 0);
	if (size > 0)
		assert_true(datagram_frame_unpack(answer, size, ret_answer, &at));
	return size;
}

static struct datagram_frame frame_to(const struct sockaddr_in *a)
{
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA, .address_size = sizeof *a};
	memcpy(f.address, a, sizeof *a);
	return f;
}

static void test_there_and_back(void **unused)
{
	struct sockaddr_in here, there;
	struct datagram_frame f, answer;
	const unsigned char *payload;
	char text[16] = "";
	(void)unused;
	int fd = open_at(SOCK_DGRAM, &here), other = open_at(SOCK_DGRAM, &there), yes = 1;
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes), 0);
	assert_int_equal(sendto(other, "ping", 4, 0, (struct sockaddr *)&here, sizeof here), 4);
	assert_int_equal(from(fd, &f, &payload), 4);
	assert_memory_equal(payload, "ping", 4);
	assert_int_equal(f.address_size, sizeof there);
	assert_memory_equal(f.address, &there, sizeof there);
	const struct cmsghdr *c = (const void *)f.control;
	assert_true(f.control_size >= sizeof *c && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO);
	f = frame_to(&there);
	assert_int_equal(to(fd, &f, "pong", &answer), 0);
	assert_int_equal(recv(other, text, sizeof text, 0), 4);
	assert_string_equal(text, "pong");
	assert_int_equal(sendto(other, "", 0, 0, (struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(from(fd, &f, &payload), 0);
	close(fd);
	close(other);
}

/* ICMP: told once, and what was sent in between is sent all the same. */
static void test_nobody_there(void **unused)
{
	struct sockaddr_in here, there;
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_CONNECT, .address_size = sizeof there}, answer;
	const unsigned char *payload;
	char text[16] = "";
	(void)unused;
	int fd = open_at(SOCK_DGRAM, &here), other = open_at(SOCK_DGRAM, &there);
	memcpy(f.address, &there, sizeof there);
	assert_true(to(fd, &f, "", &answer) > 0);
	assert_int_equal(answer.word, DATAGRAM_LOCAL);
	assert_memory_equal(answer.address, &here, sizeof here);
	close(other);
	f = (struct datagram_frame){.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA};
	assert_int_equal(to(fd, &f, "one", &answer), 0);
	assert_int_equal(from(fd, &f, &payload), 0);
	assert_int_equal(f.word, DATAGRAM_ERROR);
	assert_int_equal(f.error, ECONNREFUSED);
	f = (struct datagram_frame){.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA};
	assert_int_equal(to(fd, &f, "two", &answer), 0);
	other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(other, (struct sockaddr *)&there, sizeof there), 0);
	f = (struct datagram_frame){.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA};
	assert_true(to(fd, &f, "three", &answer) > 0);
	assert_int_equal(answer.word, DATAGRAM_ERROR);
	assert_int_equal(answer.error, ECONNREFUSED);
	assert_int_equal(recv(other, text, sizeof text, 0), 5);
	assert_string_equal(text, "three");
	close(fd);
	close(other);
}

static void test_unix_names(void **unused)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/nowhere/at/all"};
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA, .address_size = sizeof a}, answer;
	(void)unused;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(f.address, &a, sizeof a);
	assert_true(to(fd, &f, "lost", &answer) > 0);
	assert_int_equal(answer.error, ENOENT);
	close(fd);
}

/* A full one is tried again; descriptors that come are closed. */
static void test_pairs(void **unused)
{
	int ends[2];
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA};
	unsigned char out[DATAGRAM_HEAD + 1] = {0}, answer[CHANNEL_ANSWER_MAX];
	size_t size = 0;
	int sent = 0;
	(void)unused;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
	(void)datagram_frame_pack(out, &f);
	while (agent_datagram_socket.send(ends[0], out, sizeof out, answer, &size) == 0)
		assert_true(sent++ < 100000);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(size, 0);
	close(ends[0]);
	close(ends[1]);

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} rights = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {(void *)(uintptr_t)"x", 1};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
	memcpy(CMSG_DATA(&rights.head), &ends[0], sizeof(int));
	int before = dup(0);
	close(before);
	assert_int_equal(sendmsg(ends[0], &m, 0), 1);
	const unsigned char *payload;
	assert_int_equal(from(ends[1], &f, &payload), 1);
	int after = dup(0);
	close(after);
	assert_int_equal(before, after);
	close(ends[0]);
	assert_true(readable(ends[1]));
	assert_int_equal(agent_datagram_socket.receive(ends[1], message, sizeof message, false), 0);
	close(ends[1]);
}

/* What comes from the program, at another host, means none of our descriptors. */
static void test_descriptors_from_afar(void **unused)
{
	int ends[2];
	char text[8];
	struct datagram_frame answer,
		f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA, .control_size = CMSG_SPACE(sizeof(int))};
	const struct cmsghdr head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	(void)unused;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
	memcpy(f.control, &head, sizeof head);
	memcpy(f.control + CMSG_LEN(0), &ends[0], sizeof(int));
	assert_true(to(ends[0], &f, "x", &answer) > 0);
	assert_int_equal(answer.word, DATAGRAM_ERROR);
	assert_int_equal(answer.error, EOPNOTSUPP);
	assert_int_equal(recv(ends[1], text, sizeof text, MSG_DONTWAIT), -1);
	close(ends[0]);
	close(ends[1]);
}

/* A library writes to the number without a frame. */
static void test_bare(void **unused)
{
	static char text[3000];
	int ends[2];
	(void)unused;
	assert_int_equal(agent_datagram_pair(ends), 0);
	for (size_t n = 0; n < sizeof text; n += 37) {
		struct datagram_frame f;
		size_t at = 0;
		memset(text, (int)n, n);
		assert_int_equal(send(ends[0], text, n, 0), n);
		ssize_t got = agent_datagram_program.receive(ends[1], message, sizeof message, false);
		assert_true(got > 0 && datagram_frame_unpack(message, (size_t)got, &f, &at));
		assert_int_equal((size_t)got - at, n);
		assert_memory_equal(message + at, text, n);
		assert_int_equal(f.address_size, 0);
	}
	close(ends[0]);
	assert_int_equal(agent_datagram_program.receive(ends[1], message, sizeof message, false), 0);
	close(ends[1]);
}

/* Every truncation and every flipped bit: nothing happens, or what it says then. */
static void test_hostile(void **unused)
{
	struct sockaddr_in here;
	unsigned char out[DATAGRAM_PACKED_MAX], answer[CHANNEL_ANSWER_MAX];
	(void)unused;
	int fd = open_at(SOCK_DGRAM, &here), ends[2];
	struct datagram_frame f = frame_to(&here);
	f.control_size = 24;
	assert_int_equal(agent_datagram_pair(ends), 0);
	size_t n = datagram_frame_pack(out, &f), size;
	for (size_t i = 0; i < 8 * n; i++) {
		unsigned char *copy = malloc(n); /* its end is where a sanitizer looks */
		memcpy(copy, out, n);
		copy[i / 8] ^= (unsigned char)(1 << i % 8);
		for (size_t k = i % 8 == 0 ? 0 : n; k <= n; k++) {
			size = 0;
			(void)!agent_datagram_socket.send(fd, copy, k, answer, &size);
			assert_true(size <= sizeof answer);
			(void)!agent_datagram_program.send(ends[0], copy, k, answer, &size);
			while (recv(ends[1], message, sizeof message, MSG_DONTWAIT) > 0)
				;
		}
		free(copy);
	}
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

/* Whoever passes a frame on passes nothing of its own memory on. */
static void test_nothing_else(void **unused)
{
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA, .address_size = 8, .control_size = 16};
	unsigned char packed[DATAGRAM_PACKED_MAX];
	size_t at, n = datagram_frame_pack(packed, &f);
	(void)unused;
	memset(&f, 0xff, sizeof f);
	assert_true(datagram_frame_unpack(packed, n, &f, &at));
	for (size_t i = 0; i < sizeof f.address; i++)
		assert_int_equal(f.address[i], 0);
	for (size_t i = 0; i < sizeof f.control; i++)
		assert_int_equal(f.control[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_else),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_unix_names),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_descriptors_from_afar),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
