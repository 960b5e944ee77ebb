/* agent_door: who comes in to a program whose listener stayed elsewhere: only by its agent, for this epoch, while it runs; what waits goes
 * along, or stays where it is if the hand-over is given up. */
#include "transport/agent_accept.h"
#include "transport/channel_open.h"

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
#define SAID_MAX 16

struct program {
	struct agent agent;
	struct agent_options options;
	int end; /* the program's, of the control channel */
	int door;
	char place[32];
	struct peer *home;
	struct channel_packet said[SAID_MAX]; /* by the agent, to home */
	size_t said_count;
	struct loop_source *timer;
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

static void begin_agent(struct program *p)
{
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
}

static void attach(struct program *p);

static void begin(struct program *p, int backlog)
{
	struct control_message m;
	begin_agent(p);
	attach(p);
	p->door = ask(p, CONTROL_DOOR, backlog, &m);
	assert_true(p->door >= 0);
	assert_int_equal(m.args[0], 0);
}

static void finish(struct program *p)
{
	agent_reference_end(&p->agent);
	peer_destroy(p->agent.driver);
	peer_destroy(p->home);
	loop_destroy(p->agent.loop);
	close(p->agent.control), close(p->end), close(p->door);
	assert_int_equal(rmdir("run"), 0); /* the door is gone */
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(p->place), 0);
}

static int on_home(void *context, const struct packet *p)
{
	struct program *of = context;
	struct channel_packet k;
	if (p->stream == CHANNEL_STREAM && channel_peek(p, &k) >= 0 && of->said_count < SAID_MAX) {
		of->said[of->said_count] = k;
		of->said[of->said_count++].data = NULL;
	}
	return 0;
}

static void on_lost(void *context, int code)
{
	(void)context;
	(void)code;
}

/* Home is there, and hears what is said to it. */
static void attach(struct program *p)
{
	int ends[2];
	struct peer_options o = {
		.loop = p->agent.loop, .pack = PACKET_PLAIN, .packet = on_home, .closed = on_lost, .context = p};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	o.fd = ends[0];
	assert_int_equal(peer_create(&o, &p->agent.driver), 0);
	o.fd = ends[1];
	assert_int_equal(peer_create(&o, &p->home), 0);
}

static void stop(void *context)
{
	loop_stop(((struct program *)context)->agent.loop, 0);
}

/* Until all that was said has been heard. */
static void listen_to(struct program *p)
{
	p->said_count = 0;
	assert_true(loop_after(p->agent.loop, 5, stop, p, &p->timer) >= 0);
	assert_int_equal(loop_run(p->agent.loop), 0);
}

static const struct channel_packet *said(const struct program *p, enum channel_word word)
{
	for (size_t i = 0; i < p->said_count; i++)
		if (p->said[i].word == word)
			return &p->said[i];
	return NULL;
}

static struct channel_opening opening(unsigned number, uint64_t epoch, uint64_t listener)
{
	struct channel_opening o = {
		.channel = 100 + number, .listener = listener, .epoch = epoch, .locator = "tcp 127.0.0.1:1"};
	o.label = (struct socket_label){
		.id = number, .peer_size = sizeof(struct sockaddr_in), .local_size = sizeof(struct sockaddr_in)};
	*(struct sockaddr_in *)&o.label.peer = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
	*(struct sockaddr_in *)&o.label.local = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(80)};
	return o;
}

/* A connection from port `number`, accepted elsewhere: what its refusal says, or 0. */
static int come(struct program *p, unsigned number, uint64_t epoch, uint64_t listener)
{
	unsigned char buffer[CHANNEL_OPEN_MAX];
	struct channel_opening o = opening(number, epoch, listener);
	struct packet packet = channel_open_put(&o, buffer);
	assert_int_equal(agent_reference_packet(&p->agent, &packet), 0);
	listen_to(p);
	const struct channel_packet *no = said(p, CHANNEL_REFUSED);
	if (no != NULL)
		assert_int_equal(no->offset, epoch);
	return no != NULL ? no->code : 0;
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
	assert_int_equal(come(&p, 1, 3, LISTENER), 0);
	assert_int_equal(come(&p, 1, 3, LISTENER), 0); /* asked again: it is here once */
	assert_int_equal(come(&p, 2, 2, LISTENER), PMIG_ESTALE);
	assert_int_equal(come(&p, 3, 4, LISTENER), PMIG_ESTALE);
	assert_int_equal(come(&p, 4, 3, 0x12), PMIG_EGONE);
	p.agent.state = AGENT_RESTORED;
	assert_int_equal(come(&p, 5, 3, LISTENER), PMIG_EBUSY);
	p.agent.state = AGENT_FROZEN;
	assert_int_equal(come(&p, 6, 3, LISTENER), PMIG_EBUSY);
	p.agent.state = AGENT_FREEZING;
	assert_int_equal(come(&p, 7, 3, LISTENER), 0);
	assert_int_equal(accepted(&p, &fd), 1);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 7);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 0);
	finish(&p);
}

/* Openings that cannot be: each is refused, and the conversation goes on. */
static void test_strange_ones(void **state)
{
	(void)state;
	struct program p;
	unsigned char buffer[CHANNEL_OPEN_MAX];
	struct channel_opening o = opening(1, 3, LISTENER);
	begin(&p, 8);
	struct packet packet = channel_open_put(&o, buffer);
	for (packet.size--; packet.size >= CHANNEL_HEAD + 9; packet.size--) { /* without the locator it is as good */
		bool whole = packet.size >= CHANNEL_HEAD + 9u + buffer[CHANNEL_HEAD + 8];
		if (whole)
			continue;
		assert_int_equal(agent_reference_packet(&p.agent, &packet), 0);
		listen_to(&p);
		assert_non_null(said(&p, CHANNEL_REFUSED));
		assert_int_equal(said(&p, CHANNEL_REFUSED)->code, PMIG_EPROTOCOL);
	}
	struct held *h = agent_hold(&p.agent, REFERENCE_CONNECTION,
		-1); /* what this host holds does not come in from elsewhere */
	assert_non_null(h);
	h->id = 1;
	assert_int_equal(come(&p, 1, 3, LISTENER), PMIG_EPROTOCOL);
	assert_int_equal(agent_references(&p.agent)->end_count, 0);
	for (unsigned i = 0; i < ENDS_MAX && i < 9; i++) /* a flood ends where the queue does */
		assert_int_equal(come(&p, 10 + i, 3, LISTENER), 0);
	assert_int_equal(come(&p, 30, 3, LISTENER), PMIG_EBUSY);
	assert_int_equal(agent_references(&p.agent)->end_count, 9);
	finish(&p);
}

static void test_never_more_than_it_wanted(void **state)
{
	(void)state;
	struct program p;
	int fd;
	begin(&p, 2);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(come(&p, i, 3, LISTENER), 0); /* a queue of two has room for three: listen(2) */
	assert_int_equal(come(&p, 4, 3, LISTENER), PMIG_EBUSY);
	agent_door_takes(&p.agent);
	listen_to(&p);
	assert_null(said(&p, CHANNEL_TAKES)); /* it is as full as it was */
	assert_int_equal(accepted(&p, &fd), 1);
	close(fd);
	agent_door_takes(&p.agent); /* as the program says of each that it accepts */
	agent_door_takes(&p.agent);
	listen_to(&p);
	assert_int_equal(said(&p, CHANNEL_TAKES)->id, LISTENER);
	assert_int_equal(said(&p, CHANNEL_TAKES)->code, 1);
	assert_int_equal(come(&p, 4, 3, LISTENER), 0);
	assert_non_null(said(&p, CHANNEL_ACK)); /* it is there */
	agent_door_takes(&p.agent);
	listen_to(&p);
	assert_null(said(&p, CHANNEL_TAKES)); /* nobody was refused since */
	finish(&p);
}

/* Who accepts may say nothing: a child of the program, a library. */
static void test_accepted_unnoticed(void **state)
{
	(void)state;
	struct program p;
	int fd;
	begin(&p, 1);
	assert_int_equal(come(&p, 1, 3, LISTENER), 0);
	assert_int_equal(come(&p, 2, 3, LISTENER), 0);
	assert_int_equal(come(&p, 3, 3, LISTENER), PMIG_EBUSY);
	assert_int_equal(accepted(&p, &fd), 1);
	for (int i = 0; i < 400 && said(&p, CHANNEL_TAKES) == NULL; i++)
		listen_to(&p);
	assert_non_null(said(&p, CHANNEL_TAKES));
	assert_int_equal(come(&p, 3, 3, LISTENER), 0);
	close(fd);
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
	assert_int_equal(come(&p, 1, 3, LISTENER), 0);
	assert_int_equal(accepted(&p, &fd), 1); /* this one is the program's */
	close(fd);
	assert_int_equal(come(&p, 2, 3, LISTENER), 0);
	int stranger = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "run/" HERE ".door"};
	assert_int_equal(connect(stranger, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(come(&p, 3, 3, LISTENER), 0);
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
	assert_int_equal(come(&p, 4, 3, LISTENER), PMIG_EBUSY);
	close(stranger), close(states[0]), close(states[1]);
	agent_reference_undo(&p.agent);
	p.agent.state = AGENT_RUNNING;
	listen_to(&p);
	assert_int_equal(said(&p, CHANNEL_TAKES)->code, 7); /* who was refused meanwhile may try again */
	assert_int_equal(accepted(&p, &fd), 2);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 3);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 0);
	assert_int_equal(come(&p, 4, 3, LISTENER), 0);
	assert_int_equal(accepted(&p, &fd), 4);
	close(fd);
	finish(&p);
}

static void run(struct program *p)
{
	struct loop_source *timer;
	assert_true(loop_after(p->agent.loop, 20, stop, p, &timer) >= 0);
	assert_int_equal(loop_run(p->agent.loop), 0);
}

/* A peer that gives up while it waits is no obstacle. */
static void test_given_up(void **state)
{
	(void)state;
	struct program p;
	struct control_message m;
	struct socket_label l;
	unsigned char buffer[CHANNEL_NOTE_MAX];
	int fd;
	begin(&p, 8);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(come(&p, i, 3, LISTENER), 0);
	struct packet over = channel_note(102, CHANNEL_FAILED, 0, PMIG_EGONE, "it is gone", buffer);
	assert_int_equal(agent_reference_packet(&p.agent, &over),
		0); /* at this moment: nobody has been told of its end yet */
	p.agent.state = AGENT_FREEZING;
	for (unsigned i = 1; i <= 3; i += 2) {
		int waits = ask(&p, CONTROL_PENDING, 0, &m);
		assert_int_equal(m.args[0], 0);
		assert_true(waits >= 0 && socket_label_read(m.text, &l));
		assert_int_equal(l.id, i);
		close(waits);
	}
	assert_int_equal(ask(&p, CONTROL_PENDING, 0, &m), -1);
	assert_int_equal(m.args[0], 0);
	agent_reference_undo(&p.agent);
	p.agent.state = AGENT_RUNNING;
	assert_int_equal(accepted(&p, &fd), 1);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 3);
	close(fd);
	finish(&p);
}

/* Its holder is lost while the program is frozen: there is nobody to be served when it goes on. */
static void test_lost_meanwhile(void **state)
{
	(void)state;
	struct program p;
	struct control_message m;
	int fd;
	begin(&p, 8);
	assert_int_equal(come(&p, 1, 3, LISTENER), 0);
	assert_int_equal(come(&p, 2, 3, LISTENER), 0);
	p.agent.state = AGENT_FREEZING;
	for (unsigned i = 0; i < 2; i++)
		close(ask(&p, CONTROL_PENDING, 0, &m));
	json_t *answer = NULL,
	       *request = json_pack("{s:s, s:i, s:s}", "channel", "0000000000000065", "failure", PMIG_EGONE, "reason",
		       "the other end is gone");
	assert_int_equal(agent_do_over(&p.agent, request, &answer), 0);
	json_decref(request);
	run(&p);
	assert_int_equal(agent_references(&p.agent)->end_count, 1);
	agent_reference_undo(&p.agent);
	p.agent.state = AGENT_RUNNING;
	assert_int_equal(accepted(&p, &fd), 2);
	close(fd);
	assert_int_equal(accepted(&p, &fd), 0);
	finish(&p);
}

/* The program has come back to the host of its listener, where somebody was accepted for it: from which port. */
static unsigned begin_home(struct program *p, int *ret_client)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	begin_agent(p);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	struct held *h = agent_hold(&p->agent, REFERENCE_LISTENER, fd);
	assert_non_null(h);
	h->id = LISTENER;
	*ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*ret_client, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(*ret_client, (struct sockaddr *)&a, &size), 0);
	agent_accept_all(&p->agent);
	run(p);
	assert_int_equal(agent_references(&p->agent)->end_count, 1);
	p->agent.state = AGENT_RESTORED;
	p->door = -1;
	return ntohs(a.sin_port);
}

/* Restored here, with so many that had waited at the last host. */
static void restore(struct program *p, int waiting)
{
	struct control_message m = {.type = CONTROL_DOOR, .args = {LISTENER, 0, waiting, [7] = 5}};
	if (p->door >= 0)
		close(p->door);
	assert_true(agent_reference_message(&p->agent, &m, -1));
	p->door = hear(p, &m);
	assert_int_equal(m.args[0], 0);
	assert_int_equal(m.args[1], 1);
	assert_int_equal(m.args[2], 0); /* a door, not yet the socket itself */
}

static void test_at_home(void **state)
{
	(void)state;
	struct program p;
	struct control_message m;
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "run/" HERE ".door"};
	char text[8] = "";
	int client, fd, first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unsigned port = begin_home(&p, &client);
	restore(&p, 1);
	assert_int_equal(connect(first, (struct sockaddr *)&name, sizeof name), 0); /* as what comes from the image */
	agent_reference_prepare(&p.agent);
	agent_reference_begin(&p.agent);
	assert_int_equal(accepted(&p, &fd), 99999);
	close(fd), close(first);
	/* Both have room, whatever the program's queue was. A hand-over is begun, and given up. */
	p.agent.state = AGENT_FREEZING;
	int waits = ask(&p, CONTROL_PENDING, 0, &m);
	assert_true(waits >= 0);
	close(waits);
	agent_reference_undo(&p.agent);
	p.agent.state = AGENT_RUNNING;
	assert_int_equal(accepted(&p, &fd), port);
	assert_int_equal(send(client, "hello", 6, MSG_NOSIGNAL), 6);
	run(&p);
	assert_int_equal(recv(fd, text, sizeof text, MSG_DONTWAIT), 6);
	assert_string_equal(text, "hello");
	close(fd), close(client);
	finish(&p);
}

/* The copy is killed before it runs: another one is restored, and is given who was accepted. */
static void test_killed_before_it_ran(void **state)
{
	(void)state;
	struct program p;
	int client, fd;
	unsigned port = begin_home(&p, &client);
	for (unsigned i = 0; i < 2; i++) {
		restore(&p, 0);
		agent_reference_prepare(&p.agent);
		if (i == 0)
			agent_reference_lose(&p.agent);
	}
	agent_reference_begin(&p.agent);
	assert_int_equal(accepted(&p, &fd), port);
	assert_int_equal(agent_references(&p.agent)->end_count, 2);
	for (const struct end *e = agent_references(&p.agent)->ends; e != NULL; e = e->next)
		assert_true(e->local != NULL && e->accepted == NULL);
	close(fd), close(client);
	finish(&p);
}

static void test_names_of_any_bytes(void **state)
{
	(void)state;
	struct accepted from = {.listener = LISTENER, .label = "70", .peer = "unix @\xff\x01x"};
	const struct end e = {.accepted = &from};
	json_t *said = agent_accept_describe(&e);
	assert_non_null(said);
	assert_string_equal(agent_text(said, "locator"), "unix @??x");
	json_decref(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_comes_in),
		cmocka_unit_test(test_strange_ones),
		cmocka_unit_test(test_never_more_than_it_wanted),
		cmocka_unit_test(test_accepted_unnoticed),
		cmocka_unit_test(test_what_waits),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_lost_meanwhile),
		cmocka_unit_test(test_at_home),
		cmocka_unit_test(test_killed_before_it_ran),
		cmocka_unit_test(test_names_of_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
