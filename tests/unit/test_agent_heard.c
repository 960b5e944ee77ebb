/* agent_heard: a supervisor that is late, at an agent that another one has told of a later epoch: its requests are refused, no bytes go its
 * way or come from there, and what is held stays. */
#include "transport/agent_reference.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CHANNEL 7
#define TEXT "hello"

struct holder {
	struct agent agent;
	struct held *held;
	struct end *end;
	int peer; /* the other side of the connection that is held */
	struct peer *supervisor;
	json_t *answer;
	size_t packets; /* of channels, that came to the supervisor */
	struct loop_source *timer;
};

static int on_packet(void *context, const struct packet *p)
{
	struct holder *h = context;
	if (p->stream != PACKET_STREAM_CONTROL) {
		h->packets++;
		return 0;
	}
	json_t *object;
	int r = packet_get_json(p, &object);
	bool answers = r >= 0 && json_object_get(object, "id") != NULL; /* else an event */
	if (answers)
		json_decref(h->answer);
	if (answers)
		h->answer = object;
	else if (r >= 0)
		json_decref(object);
	return r;
}

static void on_lost(void *context, int code)
{
	(void)context;
	(void)code;
}

/* As when one takes over from another. */
static void connect_supervisor(struct holder *h)
{
	int ends[2];
	struct peer_options o = {
		.loop = h->agent.loop, .pack = PACKET_PLAIN, .packet = on_packet, .closed = on_lost, .context = h};
	peer_destroy(h->agent.driver);
	peer_destroy(h->supervisor);
	h->agent.late = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	o.fd = ends[0];
	assert_int_equal(peer_create(&o, &h->agent.driver), 0);
	o.fd = ends[1];
	assert_int_equal(peer_create(&o, &h->supervisor), 0);
}

static void begin(struct holder *h)
{
	int ends[2];
	*h = (struct holder){.agent = {.state = AGENT_EMPTY, .control = -1, .name = "program"}};
	assert_int_equal(loop_create(&h->agent.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	h->peer = ends[0];
	h->held = agent_hold(&h->agent, REFERENCE_CONNECTION, ends[1]);
	assert_non_null(h->held);
	assert_int_equal(agent_end_create(&h->agent,
				 &(struct end_options){.id = CHANNEL,
					 .reference = h->held->id,
					 .fd = fcntl(ends[1], F_DUPFD_CLOEXEC, 3),
					 .state = -1,
					 .connection = true},
				 &h->end),
		0);
	connect_supervisor(h);
}

static void finish(struct holder *h)
{
	agent_reference_end(&h->agent);
	peer_destroy(h->agent.driver);
	peer_destroy(h->supervisor);
	json_decref(h->answer);
	close(h->peer);
	loop_destroy(h->agent.loop);
}

static void stop(void *context)
{
	loop_stop(((struct holder *)context)->agent.loop, 0);
}

static void run(struct holder *h)
{
	assert_true(loop_after(h->agent.loop, 5, stop, h, &h->timer) >= 0);
	assert_int_equal(loop_run(h->agent.loop), 0);
}

/* The code of the answer; what is asked is about the channel and what it leads to. */
static int ask(struct holder *h, const char *what, int knows)
{
	char channel[CHANNEL_ID_TEXT], reference[CHANNEL_ID_TEXT];
	channel_id_text(CHANNEL, channel);
	channel_id_text(h->held != NULL ? h->held->id : 1, reference);
	json_t *request = json_pack("{s:s, s:i, s:i, s:s, s:s, s:[s], s:b}", "do", what, "id", 1, "knows", knows, "channel",
		channel, "reference", reference, "references", reference, "all", 1);
	assert_non_null(request);
	json_decref(h->answer);
	h->answer = NULL;
	assert_int_equal(agent_request(&h->agent, request), 0);
	json_decref(request);
	run(h);
	assert_non_null(h->answer);
	return (int)json_integer_value(json_object_get(h->answer, "code"));
}

static void test_a_late_one_is_refused(void **state)
{
	(void)state;
	static const char *const what[] = {"open", "resume", "over", "quiet", "tell", "told", "opened", "let-go", "end"};
	struct holder h;
	begin(&h);
	assert_int_equal(ask(&h, "hello", 3), 0);
	connect_supervisor(&h);
	assert_int_equal(ask(&h, "hello", 2), 0); /* so that it can find out */
	for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
		assert_int_equal(ask(&h, what[i], 2), PMIG_ESTALE);
		assert_non_null(strstr(json_string_value(json_object_get(h.answer, "reason")), "epoch 3"));
		assert_ptr_equal(agent_end(&h.agent, CHANNEL, false), h.end);
		assert_ptr_equal(agent_references(&h.agent)->held, h.held);
	}
	assert_int_equal(h.agent.heard, 3);
	assert_int_equal(ask(&h, "let-go", 3), 0); /* it has learnt how far the program is */
	assert_null(agent_references(&h.agent)->held);
	finish(&h);
}

static void test_no_bytes_go_its_way(void **state)
{
	(void)state;
	struct holder h;
	unsigned char buffer[CHANNEL_NOTE_MAX];
	char got[8];
	begin(&h);
	assert_int_equal(ask(&h, "hello", 3), 0);
	channel_begin(h.end->channel, false);
	connect_supervisor(&h);
	assert_int_equal(ask(&h, "hello", 2), 0);
	assert_int_equal(write(h.peer, TEXT, sizeof TEXT), sizeof TEXT);
	h.packets = 0;
	run(&h);
	assert_int_equal(h.packets, 0);

	/* A copy that is over writes to the connection, and then breaks it. */
	struct packet p = channel_note(CHANNEL, CHANNEL_DATA, 0, 0, "x", buffer);
	assert_int_equal(agent_reference_packet(&h.agent, &p), 0);
	p = channel_note(CHANNEL, CHANNEL_FAILED, 0, PMIG_EGONE, "it ends", buffer);
	assert_int_equal(agent_reference_packet(&h.agent, &p), 0);
	run(&h);
	assert_true(recv(h.peer, got, sizeof got, MSG_DONTWAIT) < 0);
	assert_ptr_equal(agent_end(&h.agent, CHANNEL, false), h.end);

	/* The one that knows comes back: what the peer had sent is on its way. */
	connect_supervisor(&h);
	assert_int_equal(ask(&h, "resume", 3), 0);
	run(&h);
	assert_true(h.packets > 0);
	finish(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_late_one_is_refused),
		cmocka_unit_test(test_no_bytes_go_its_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
