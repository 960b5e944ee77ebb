/* door: a connection that one thread has taken from a door is known for what it is, also where another thread has exchanged the door for the
 * socket itself meanwhile; threads that come at the same moment exchange it once. The agent is a thread of this test. */
#include "arena/arena.h"
#include "control_channel.h"
#include "guard.h"
#include "reference/door.h"
#include "reference/referred.h"
#include "reference/replaced.h"
#include "reference/socket_record.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LISTENER 7
#define HEAD offsetof(struct control_message, text)
#define THREADS 2
#define ROUNDS 500

static int channel[2]; /* the program's end, and the agent's */
static _Atomic int door, thing;
static _Atomic int exchanges;
static _Atomic int begun; /* rounds */
static pthread_barrier_t together;

static void answer(const struct control_message *q, int64_t returns, int64_t itself, int fd)
{
	struct control_message m = {.magic = CONTROL_MAGIC,
		.version = CONTROL_VERSION,
		.type = CONTROL_REFERENCE,
		.args = {0, returns, itself, [7] = q->args[7]}};
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {&m, HEAD};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	*CMSG_FIRSTHDR(&h) = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &fd, sizeof fd);
	(void)!sendmsg(channel[1], &h, MSG_NOSIGNAL);
}

static void *be_agent(void *unused)
{
	struct control_message m;
	while (recv(channel[1], &m, sizeof m, 0) > 0) {
		if (m.type == CONTROL_DOOR)
			answer(&m, 1, 0, door);
		if (m.type == CONTROL_CONNECT) {
			exchanges++;
			answer(&m, 0, 1, thing);
		}
	}
	return unused;
}

static int begin(void **state)
{
	static pthread_t agent;
	char number[16];
	(void)state;
	if (arena_create() < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return -1;
	guard_start();
	(void)snprintf(number, sizeof number, "%d", channel[0]);
	(void)setenv("PMIG_CONTROL", number, 1);
	return control_start("") == 1 && pthread_create(&agent, NULL, be_agent, NULL) == 0 ? 0 : -1;
}

/* What the program has at the host of its listener, where something waits. */
static int come_home(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	struct socket_record record = {.magic = SOCKET_RECORD_MAGIC,
		.family = AF_INET,
		.type = SOCK_STREAM,
		.backlog = 8,
		.local = {.size = sizeof a}};
	bool itself;
	int fd;
	thing = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(bind(thing, (struct sockaddr *)&a, sizeof a) == 0 && listen(thing, 8) == 0);
	assert_true(bind(door, (struct sockaddr *)&own, sizeof own.sun_family) == 0 && listen(door, 8) == 0);
	memcpy(&record.local.at, &a, sizeof a);
	assert_int_equal(door_open(LISTENER, 8, 2, &fd, &itself), 0);
	assert_false(itself);
	assert_int_equal(referred_add(fd, LISTENER, "listener", "tcp 127.0.0.1:80", &record, sizeof record), 0);
	return fd;
}

static void leave(int fd)
{
	struct referred *e = referred_of(fd);
	if (e != NULL)
		referred_drop(e);
	(void)close(fd), (void)close(door), (void)close(thing);
}

/* A connection from that port, brought by the agent. */
static int come(unsigned port)
{
	struct socket_label l = {.id = port, .salt = (uint64_t)random(), .peer_size = sizeof(struct sockaddr_in)};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = 0x01020304};
	struct sockaddr_un own, name;
	socklen_t size = sizeof name;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(&l.peer, &a, sizeof a);
	memcpy(&l.local, &a, sizeof a);
	l.local_size = sizeof a;
	assert_int_equal(bind(fd, (struct sockaddr *)&own, socket_label_put(&l, &own)), 0);
	assert_int_equal(getsockname(door, (struct sockaddr *)&name, &size), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, size), 0);
	return fd;
}

static void check_known(int fd, int listener, unsigned port)
{
	struct sockaddr_in a = {0};
	socklen_t size = sizeof a;
	assert_int_equal(pmig_accepted(listener, fd, (struct sockaddr *)&a, &size, sizeof a), fd);
	assert_true(size == sizeof a && a.sin_family == AF_INET && ntohs(a.sin_port) == port);
	const struct referred *e = referred_of(fd);
	assert_true(e != NULL && e->id == port && strcmp(e->kind, "socket") == 0);
	assert_true(socket_record_of(fd)->family == AF_INET && socket_record_of(fd)->backlog == -1);
}

static void a_connection_is_taken_before_the_exchange(void **state)
{
	(void)state;
	int fd = come_home(), before = exchanges, family = 0;
	socklen_t size = sizeof family;
	int clients[] = {come(1001), come(1002)};
	int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC), two = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	check_known(two, fd, 1002);
	assert_int_equal(exchanges, before + 1);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size), 0);
	assert_int_equal(family, AF_INET); /* the socket itself */
	check_known(one, fd, 1001);
	for (int i = 0; i < 2; i++)
		(void)close(clients[i]);
	leave(one), leave(two), leave(fd);
}

static void *settle(void *fd)
{
	for (int i = 0; i < ROUNDS; i++) {
		while (begun <= i)
			;
		door_settle(*(int *)fd);
		(void)pthread_barrier_wait(&together);
	}
	return NULL;
}

static void threads_exchange_it_once(void **state)
{
	(void)state;
	pthread_t ids[THREADS];
	int fd = -1;
	assert_int_equal(pthread_barrier_init(&together, NULL, THREADS + 1), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, settle, &fd), 0);
	for (int i = 0; i < ROUNDS; i++) {
		fd = come_home();
		int before = exchanges;
		begun = i + 1;
		(void)pthread_barrier_wait(&together);
		assert_int_equal(exchanges, before + 1);
		leave(fd);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(ids[i], NULL), 0);
	(void)pthread_barrier_destroy(&together);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_taken_before_the_exchange),
		cmocka_unit_test(threads_exchange_it_once),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
