/* agent_reference: what a holder does for a program that comes back, or that somebody speaks for. */
#include "transport/agent_datagram.h"
#include "transport/agent_reference.h"

#include "runtime/reference/datagram_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define REFERENCE 9
#define CHANNEL 7
#define MESSAGES 40

struct host {
	struct agent agent;
	int end; /* the program's, of the control channel */
	struct loop_source *timer;
};

static void begin(struct host *h)
{
	int ends[2];
	*h = (struct host){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	h->agent = (struct agent){.state = AGENT_RESTORING, .control = ends[0], .epoch = 3};
	h->end = ends[1];
	assert_int_equal(loop_create(&h->agent.loop), 0);
}

static void finish(struct host *h)
{
	agent_reference_end(&h->agent);
	close(h->agent.control);
	close(h->end);
	loop_destroy(h->agent.loop);
}

static void stop(void *context)
{
	loop_stop(((struct host *)context)->agent.loop, 0);
}

static void run(struct host *h, int ms)
{
	assert_true(loop_after(h->agent.loop, ms, stop, h, &h->timer) >= 0);
	assert_int_equal(loop_run(h->agent.loop), 0);
}

/* What the agent answers the program, and the descriptor that comes with it. */
static int hear(struct host *h, struct control_message *ret)
{
	struct iovec part = {ret, sizeof *ret};
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	int fd = -1;
	*ret = (struct control_message){0};
	assert_true(recvmsg(h->end, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0);
	if (CMSG_FIRSTHDR(&m) != NULL)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

/* --- datagrams that are on their way when the program comes home --- */

/* A unix socket of datagrams, and one that is connected to it: its queue has room for a dozen. */
static void connect_two(int *ret_reader, int *ret_writer)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t size = sizeof name;
	*ret_reader = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*ret_writer = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*ret_reader, (struct sockaddr *)&name, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(*ret_reader, (struct sockaddr *)&name, &size), 0);
	assert_int_equal(connect(*ret_writer, (struct sockaddr *)&name, size), 0);
}

/* At another host: the program has sent them, and is frozen. Its end as a file. */
static int send_elsewhere(void)
{
	struct host away;
	struct end *e;
	int state;
	begin(&away);
	assert_int_equal(agent_end_create(&away.agent,
				 &(struct end_options){.id = CHANNEL,
					 .reference = REFERENCE,
					 .fd = -1,
					 .state = -1,
					 .opener = true,
					 .messages = &agent_datagram_program},
				 &e),
		0);
	for (int i = 0; i < MESSAGES; i++) {
		struct datagram_frame f = {.magic = DATAGRAM_MAGIC, .word = DATAGRAM_DATA};
		struct iovec parts[] = {{&f, sizeof f}, {&i, sizeof i}};
		assert_int_equal(writev(e->give, parts, 2), sizeof f + sizeof i);
	}
	assert_int_equal(channel_suspend(e->channel, e->give, &state), 0);
	finish(&away);
	return state;
}

static void test_no_unix_datagram_is_lost_on_the_way_home(void **unused)
{
	(void)unused;
	struct host home;
	struct control_message m = {.type = CONTROL_CONNECT,
		.size = sizeof REFERENCE_DATAGRAMS - 1,
		.args = {REFERENCE, [7] = 5},
		.text = REFERENCE_DATAGRAMS};
	struct end *holder;
	int reader, writer, state = send_elsewhere(), got;
	begin(&home);
	connect_two(&reader, &writer);
	struct held *h = agent_hold(&home.agent, REFERENCE_DATAGRAM, writer);
	assert_non_null(h);
	h->id = REFERENCE;
	assert_int_equal(agent_end_create(&home.agent,
				 &(struct end_options){.id = CHANNEL,
					 .reference = REFERENCE,
					 .fd = fcntl(writer, F_DUPFD_CLOEXEC, 3),
					 .state = -1,
					 .device = true,
					 .messages = &agent_datagram_socket},
				 &holder),
		0);
	assert_true(agent_reference_message(&home.agent, &m, state));
	int mine = hear(&home, &m);
	assert_int_equal(m.args[0], 0);
	agent_reference_prepare(&home.agent);
	home.agent.state = AGENT_RUNNING;
	agent_reference_begin(&home.agent);
	for (int i = 0; i < MESSAGES; i++) {
		run(&home, 1);
		for (int tries = 0; recv(reader, &got, sizeof got, MSG_DONTWAIT) != sizeof got; tries++) {
			if (tries == 1000)
				fail_msg("message %d is lost", i);
			run(&home, 5);
		}
		assert_int_equal(got, i);
	}
	close(mine), close(state), close(reader);
	finish(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_unix_datagram_is_lost_on_the_way_home),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
