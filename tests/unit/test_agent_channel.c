/* agent_channel: two ends that are at one host: bytes go from one to the other, and nothing is left when all is let go of meanwhile. */
#include "transport/agent_reference.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct two {
	struct agent agent;
	struct end *opener, *holder;
	int thing; /* the other side of what the holder's end is connected to */
	struct loop_source *timer;
};

static void stop(void *context)
{
	loop_stop(((struct two *)context)->agent.loop, 0);
}

static void run(struct two *t, int ms)
{
	assert_true(loop_after(t->agent.loop, ms, stop, t, &t->timer) >= 0);
	assert_int_equal(loop_run(t->agent.loop), 0);
}

static void join(struct two *t)
{
	int ends[2];
	*t = (struct two){0};
	assert_int_equal(loop_create(&t->agent.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	t->thing = ends[0];
	assert_int_equal(agent_end_create(&t->agent,
				 &(struct end_options){.id = 7, .reference = 9, .fd = ends[1], .state = -1}, &t->holder),
		0);
	assert_int_equal(agent_end_create(&t->agent,
				 &(struct end_options){.id = 7, .reference = 9, .fd = -1, .state = -1, .opener = true},
				 &t->opener),
		0);
	agent_end_join(t->opener, t->holder);
	channel_open(t->opener->channel);
	channel_open(t->holder->channel);
}

static void leave(struct two *t)
{
	close(t->thing);
	loop_destroy(t->agent.loop);
}

static void test_two_ends_here(void **state)
{
	(void)state;
	struct two t;
	char text[8] = "";
	join(&t);
	assert_int_equal(write(t.opener->give, "hello", 6), 6);
	run(&t, 20);
	assert_int_equal(recv(t.thing, text, sizeof text, MSG_DONTWAIT), 6);
	assert_string_equal(text, "hello");
	agent_reference_end(&t.agent);
	leave(&t);
}

static void test_all_is_let_go_of_meanwhile(void **state)
{
	(void)state;
	struct two t;
	join(&t);
	assert_non_null(t.agent.references->local); /* under way */
	assert_non_null(t.agent.references->local_timer);
	agent_reference_end(&t.agent);
	assert_null(t.agent.references);
	run(&t, 1);
	assert_null(t.agent.references); /* nobody asks for what is gone */
	leave(&t);
}

/* The hand-over was given up while the program was saving: what it had the agent hold until it failed is let go of. */
static void test_a_failure_that_comes_late(void **state)
{
	(void)state;
	struct agent a = {.state = AGENT_FREEZING, .control = -1};
	struct control_message m = {.type = CONTROL_HOLD, .args = {5, REFERENCE_STREAM, -1}, .text = "a stream"};
	int fds[2];
	assert_int_equal(loop_create(&a.loop), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(agent_reference_message(&a, &m, fds[0]));
	assert_non_null(agent_held(&a, 5));
	a.state = AGENT_RUNNING;
	m = (struct control_message){.type = CONTROL_FAILED, .args = {PMIG_EIO}, .text = "no room"};
	agent_on_answer(&a, &m);
	assert_null(agent_held(&a, 5));
	agent_reference_end(&a);
	close(fds[0]);
	close(fds[1]);
	loop_destroy(a.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_ends_here),
		cmocka_unit_test(test_all_is_let_go_of_meanwhile),
		cmocka_unit_test(test_a_failure_that_comes_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
