/* peer: small packets of one round of the loop go out together, control packets, probes and large ones at once; the order stays. */
#include "transport/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct talk {
	struct loop *loop;
	struct peer *peer;
	int other;
	struct loop_source *timer;
	char order[32];
};

static int on_packet(void *context, const struct packet *p)
{
	(void)context;
	(void)p;
	return 0;
}

static void on_closed(void *context, int code)
{
	(void)context;
	(void)code;
}

static void begin(struct talk *t)
{
	int ends[2];
	*t = (struct talk){0};
	assert_int_equal(loop_create(&t->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	t->other = ends[0];
	assert_int_equal(peer_create(&(struct peer_options){.loop = t->loop,
					     .fd = ends[1],
					     .pack = PACKET_PLAIN,
					     .packet = on_packet,
					     .closed = on_closed,
					     .context = t},
				 &t->peer),
		0);
}

static void end(struct talk *t)
{
	peer_destroy(t->peer);
	loop_destroy(t->loop);
	close(t->other);
}

static int waiting(const struct talk *t)
{
	int n = 0;
	assert_int_equal(ioctl(t->other, FIONREAD, &n), 0);
	return n;
}

static void put(struct talk *t, enum packet_type type, size_t size)
{
	static const char bytes[64 << 10];
	assert_int_equal(peer_put(t->peer, &(struct packet){.type = type, .stream = 8, .data = bytes, .size = size}), 0);
}

static void stop(void *context)
{
	loop_stop(((struct talk *)context)->loop, 0);
}

static void run(struct talk *t)
{
	assert_true(loop_after(t->loop, 0, stop, t, &t->timer) >= 0);
	assert_int_equal(loop_run(t->loop), 0);
}

static void test_small_ones_go_together(void **state)
{
	(void)state;
	struct talk t;
	begin(&t);
	put(&t, PACKET_DATA, 10);
	put(&t, PACKET_DATA, 20);
	assert_int_equal(waiting(&t), 0);
	run(&t); /* also in a round after which there is no other */
	assert_int_equal(waiting(&t), 2 * PACKET_HEADER + 30);
	end(&t);
}

static void test_others_at_once(void **state)
{
	(void)state;
	struct talk t;
	char bytes[2 * PACKET_HEADER + 100];
	json_t *event = json_pack("{s:s}", "event", "here");
	begin(&t);
	put(&t, PACKET_DATA, 5);
	assert_int_equal(peer_put_json(t.peer, event), 0);
	assert_true(waiting(&t) > 2 * PACKET_HEADER);
	assert_true(read(t.other, bytes, sizeof bytes) > 0);
	assert_int_equal(bytes[5], PACKET_DATA); /* what was put before it goes before it */
	put(&t, PACKET_PROBE, 1);
	assert_int_equal(waiting(&t), PACKET_HEADER + 1);
	assert_int_equal(read(t.other, bytes, sizeof bytes), PACKET_HEADER + 1);
	put(&t, PACKET_DATA, 64 << 10);
	assert_true(waiting(&t) > 0);
	json_decref(event);
	end(&t);
}

static void test_gone_before_the_round_ends(void **state)
{
	(void)state;
	struct talk t;
	begin(&t);
	put(&t, PACKET_DATA, 5);
	peer_destroy(t.peer);
	t.peer = NULL;
	run(&t); /* nobody is called for it */
	assert_int_equal(waiting(&t), 0);
	end(&t);
}

/* --- loop_soon --- */

static void first(void *context)
{
	(void)strcat(((struct talk *)context)->order, "1");
}

static struct loop_source *another;

static void second(void *context)
{
	struct talk *t = context;
	(void)strcat(t->order, "2");
	if (strlen(t->order) < 5)
		assert_true(loop_soon(t->loop, second, t, &another) >= 0);
	else
		loop_stop(t->loop, 0);
}

static void ready(void *context, short events)
{
	(void)events;
	struct talk *t = context;
	char c;
	assert_int_equal(read(t->other, &c, 1), 1);
	(void)strcat(t->order, "r");
}

static void test_soon(void **state)
{
	(void)state;
	struct talk t;
	struct loop_source *a, *b, *gone, *source;
	begin(&t);
	put(&t, PACKET_PROBE, 0);
	assert_true(loop_add(t.loop, t.other, POLLIN, ready, &t, &source) >= 0);
	assert_true(loop_soon(t.loop, first, &t, &a) >= 0);
	assert_true(loop_soon(t.loop, first, &t, &gone) >= 0);
	assert_true(loop_soon(t.loop, second, &t, &b) >= 0);
	loop_remove(&gone);
	assert_int_equal(loop_run(t.loop), 0);
	assert_null(a);
	assert_null(b);
	assert_string_equal(t.order, "r12r2"); /* after what was ready, once, and in a new round when asked for again */
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_ones_go_together),
		cmocka_unit_test(test_others_at_once),
		cmocka_unit_test(test_gone_before_the_round_ends),
		cmocka_unit_test(test_soon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
