/* agent_door: who comes in to a program whose listener stayed elsewhere: only by its agent, for this epoch, while it runs; what waits goes
 * along, or stays where it is if the hand-over is given up. */
#include "transport/agent_accept.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LISTENER 0x11

struct program {
	struct agent agent;
	struct agent_options options;
	int end; /* the program's, of the control channel */
	int door;
	char place[32];
};

/* What the agent says, and the descriptor that comes with it; -1: none. */
static int hear(struct program *p, struct control_message *ret)
{
	struct iovec part = {ret, sizeof *ret};
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	int fd = -1;
	*ret = (struct control_message){0};
	assert_true(recvmsg(p->end, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c != NULL)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

static int ask(struct program *p, enum control_type type, int64_t second, struct control_message *ret)
{
	struct control_message m = {.type = type, .args = {LISTENER, second, [7] = 5}};
	assert_true(agent_reference_message(&p->agent, &m, -1));
	return hear(p, ret);
}

static void begin(struct program *p, int backlog)
{
	struct control_message m;
	int ends[2];
	*p = (struct program){.options = {.state = "/tmp"}, .place = "/tmp/pmig-door-XXXXXX"};
	assert_non_null(mkdtemp(p->place));
	assert_int_equal(chdir(p->place), 0);
	assert_int_equal(mkdir("run", 0700), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	p->agent = (struct agent){
		.options = &p->options, .state = AGENT_RUNNING, .epoch = 3, .control = ends[0], .pid = getpid()};
	p->end = ends[1];
	assert_int_equal(loop_create(&p->agent.loop), 0);
	p->door = ask(p, CONTROL_DOOR, backlog, &m);
	assert_true(p->door >= 0);
	assert_int_equal(m.args[0], 0);
}

static void finish(struct program *p)
{
	agent_reference_end(&p->agent);
	loop_destroy(p->agent.loop);
	close(p->agent.control), close(p->end), close(p->door);
	assert_int_equal(rmdir("run"), 0); /* the door is gone */
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(p->place), 0);
}

/* A connection from port `number`, accepted elsewhere. */
static int come(struct program *p, unsigned number, uint64_t epoch, const char *listener)
{
	char text[SOCKET_LABEL_TEXT], channel[CHANNEL_ID_TEXT];
	struct socket_label l = {
		.id = number, .peer_size = sizeof(struct sockaddr_in), .local_size = sizeof(struct sockaddr_in)};
	*(struct sockaddr_in *)&l.peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
	*(struct sockaddr_in *)&l.local = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(80)};
	socket_label_write(&l, text);
	channel_id_text(100 + number, channel);
	json_t *answer = NULL,
	       *request = json_pack("{s:s, s:s, s:s, s:I}", "channel", channel, "listener", listener, "label", text, "epoch",
		       (json_int_t)epoch);
	int r = agent_do_incoming(&p->agent, request, &answer);
	json_decref(request);
	return r;
}

#define HERE "0000000000000011"

/* accept() in the program: from which port; 0: nobody waits. */
static unsigned accepted(struct program *p, int *ret_fd)
{
	struct sockaddr_un name;
	struct socket_label l;
	socklen_t size = sizeof name;
	struct pollfd f = {.fd = p->door, .events = POLLIN};
	if (poll(&f, 1, 0) == 0)
		return 0;
	*ret_fd = accept4(p->door, (struct sockaddr *)&name, &size, SOCK_CLOEXEC);
	assert_true(*ret_fd >= 0);
	return socket_label_get(&name, size, &l) ? ntohs(((struct sockaddr_in *)&l.peer)->sin_port) : 99999;
}

static void test_who_comes_in(void **state)
{
	(void)state;
	struct program p;
	int fd;
	begin(&p, 8);
	assert_int_equal(come(&p, 1, 3, HERE), 0);
	assert_int_equal(come(&p, 1, 3, HERE), 0); /* asked again: it is here once */
	assert_int_equal(come(&p, 2, 2, HERE), PMIG_ESTALE);
	assert_int_equal(come(&p, 3, 4, HERE), PMIG_ESTALE);
	assert_int_equal(come(&p, 4, 3, "0000000000000012"), PMIG_EGONE);
	p.agent.state = AGENT_RESTORED;
	assert_int_equal(come(&p, 5, 3, HERE), PMIG_EBUSY);
	p.agent.state = AGENT_FROZEN;
	assert_int_equal(come(&p, 6, 3, HERE), PMIG_EBUSY);
	p.agent.state = AGENT_FREEZING;
	assert_int_equal(come(&p, 7, 3, HERE), 0);
	assert_int_equal(accepted(&p, &fd), 1);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 7);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 0);
	json_t *request = json_pack("{s:s, s:s, s:s, s:i}", "channel", "00000000000000aa", "listener", HERE, "label", "70",
		       "epoch", 3),
	       *answer = NULL;
	assert_int_equal(agent_do_incoming(&p.agent, request, &answer), PMIG_EPROTOCOL);
	json_decref(request);
	finish(&p);
}

static void test_never_more_than_it_wanted(void **state)
{
	(void)state;
	struct program p;
	int fd;
	begin(&p, 2);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(come(&p, i, 3, HERE), 0); /* a queue of two has room for three: listen(2) */
	assert_int_equal(come(&p, 4, 3, HERE), PMIG_EBUSY);
	assert_int_equal(accepted(&p, &fd), 1);
	close(fd);
	assert_int_equal(come(&p, 4, 3, HERE), 0);
	finish(&p);
}

static void test_what_waits(void **state)
{
	(void)state;
	struct program p;
	struct control_message m;
	struct socket_label l;
	int fd, states[3];
	begin(&p, 8);
	assert_int_equal(come(&p, 1, 3, HERE), 0);
	assert_int_equal(accepted(&p, &fd), 1); /* this one is the program's */
	close(fd);
	assert_int_equal(come(&p, 2, 3, HERE), 0);
	int stranger = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "run/" HERE ".door"};
	assert_int_equal(connect(stranger, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(come(&p, 3, 3, HERE), 0);
	p.agent.state = AGENT_FREEZING;
	for (unsigned i = 0; i < 3; i++) {
		states[i] = ask(&p, CONTROL_PENDING, 0, &m);
		assert_int_equal(m.args[0], 0);
		assert_int_equal(states[i] >= 0, i < 2);
		assert_int_equal(socket_label_read(m.text, &l), i < 2);
		if (i < 2)
			assert_int_equal(l.id, 2 + i);
	}
	assert_int_equal(channel_state_id(states[0]), 102);
	assert_int_equal(read(stranger, &m, 1), 0); /* sent away */
	assert_int_equal(come(&p, 4, 3, HERE), PMIG_EBUSY);
	close(stranger), close(states[0]), close(states[1]);
	agent_reference_undo(&p.agent);
	p.agent.state = AGENT_RUNNING;
	assert_int_equal(accepted(&p, &fd), 2);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 3);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 0);
	assert_int_equal(come(&p, 4, 3, HERE), 0);
	assert_int_equal(accepted(&p, &fd), 4);
	close(fd);
	finish(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_comes_in),
		cmocka_unit_test(test_never_more_than_it_wanted),
		cmocka_unit_test(test_what_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
