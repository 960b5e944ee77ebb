/* channel_connection: between a program's unix socket and a TCP connection: notes and urgent bytes come in their places, once, and each way to
 * end is told as what it was. */
#include "transport/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define QUEUE 512
#define ROUNDS 40 /* of the loop, until nothing more happens */

struct pair;

/* One end: its channel, who is on the other side of its socket, and the packets that it has sent. */
struct side {
	struct pair *pair;
	struct channel *channel;
	int app;
	struct packet queue[QUEUE];
	size_t count;
	char notes[256]; /* all that came */
	bool ended;
	int code, broken;
};

/* side[0] is the program's (a unix socket), side[1] the holder's (TCP). */
struct pair {
	struct loop *loop;
	struct loop_source *tick;
	struct side side[2];
};

static int put(void *context, const struct packet *p)
{
	struct side *s = context;
	assert_true(s->count < QUEUE);
	struct packet *copy = &s->queue[s->count++];
	*copy = *p;
	void *bytes = malloc(p->size);
	memcpy(bytes, p->data, p->size);
	copy->data = bytes;
	return 0;
}

static bool room(void *context)
{
	return ((struct side *)context)->count < QUEUE / 2;
}

static void ended(void *context, int code)
{
	struct side *s = context;
	s->ended = true;
	s->code = code;
	s->broken = channel_broken(s->channel);
}

static void note(void *context, const void *bytes, size_t size)
{
	struct side *s = context;
	strncat(s->notes, bytes, size);
}

static struct channel_options options_of(struct side *s, int fd)
{
	return (struct channel_options){.loop = s->pair->loop,
		.id = 7,
		.fd = fd,
		.connection = true,
		.put = put,
		.room = room,
		.ended = ended,
		.side = note,
		.context = s};
}

static void tcp_pair(int ends[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof a;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(ends[1], (struct sockaddr *)&a, size), 0);
	ends[0] = accept(listener, NULL, NULL);
	assert_true(ends[0] >= 0);
	close(listener);
}

static void in_line(int fd)
{
	int yes = 1;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes), 0);
}

static struct pair *begin(void)
{
	struct pair *p = calloc(1, sizeof *p);
	assert_int_equal(loop_create(&p->loop), 0);
	for (int i = 0; i < 2; i++) {
		struct side *s = &p->side[i];
		int ends[2];
		s->pair = p;
		if (i == 0)
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		else
			tcp_pair(ends);
		in_line(ends[0]);
		s->app = ends[1];
		struct channel_options o = options_of(s, ends[0]);
		assert_int_equal(channel_create(&o, &s->channel), 0);
	}
	channel_open(p->side[0].channel);
	channel_open(p->side[1].channel);
	return p;
}

static void lose(struct side *s)
{
	for (size_t i = 0; i < s->count; i++)
		free((void *)s->queue[i].data);
	s->count = 0;
}

static void finish(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		lose(&p->side[i]);
		channel_destroy(p->side[i].channel);
		if (p->side[i].app >= 0)
			close(p->side[i].app);
	}
	loop_destroy(p->loop);
	free(p);
}

static void on_tick(void *context)
{
	loop_stop(((struct pair *)context)->loop, 0);
}

/* Everything that can happen does. */
static void settle(struct pair *p, bool deliver)
{
	for (int round = 0; round < ROUNDS; round++) {
		assert_true(loop_after(p->loop, 1, on_tick, p, &p->tick) >= 0);
		assert_int_equal(loop_run(p->loop), 0);
		for (int i = 0; i < 2 && deliver; i++) {
			struct side *from = &p->side[i], *to = &p->side[!i];
			for (size_t k = 0; k < from->count; k++)
				(void)!channel_packet(to->channel, &from->queue[k]);
			lose(from);
			channel_room(from->channel);
		}
	}
}

static void say(int fd, const char *text, int flags)
{
	assert_int_equal(send(fd, text, strlen(text), flags | MSG_NOSIGNAL), strlen(text));
}

static void hears(int fd, const char *text)
{
	char buffer[64] = "";
	assert_int_equal(recv(fd, buffer, sizeof buffer - 1, MSG_DONTWAIT), strlen(text));
	assert_string_equal(buffer, text);
}

static void hears_end(int fd)
{
	char byte;
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}

static void test_notes(void **state)
{
	(void)state;
	struct pair *p = begin();
	say(p->side[0].app, "ab", 0);
	settle(p, true);
	assert_int_equal(channel_tell(p->side[0].channel, "1", 1), 0);
	settle(p, false);
	for (int i = 0; i < 2; i++) { /* the way is lost, with the note */
		lose(&p->side[i]);
		channel_close(p->side[i].channel);
	}
	assert_int_equal(channel_tell(p->side[0].channel, "2", 1), 0);
	say(p->side[0].app, "cd", 0);
	for (int again = 0; again < 2; again++) {
		channel_close(p->side[0].channel);
		channel_open(p->side[0].channel);
		channel_open(p->side[1].channel);
		settle(p, true);
		assert_string_equal(p->side[1].notes, "12");
	}
	hears(p->side[1].app, "abcd");
	char big[CHANNEL_SIDE_MAX + 1] = "";
	assert_int_equal(channel_tell(p->side[0].channel, big, sizeof big), PMIG_EINVAL);
	for (int i = 0; i < CHANNEL_SIDES; i++)
		assert_int_equal(channel_tell(p->side[0].channel, "x", 1), 0);
	assert_int_equal(channel_tell(p->side[0].channel, "x", 1), PMIG_EBUSY);
	finish(p);
}

static void test_urgent(void **state)
{
	(void)state;
	struct pair *p = begin();
	for (int i = 0; i < 2; i++) {
		char byte = 0;
		int from = p->side[i].app, to = p->side[!i].app;
		say(from, "ab", 0);
		say(from, "!", MSG_OOB);
		settle(p, true);
		say(from, "cd", 0);
		settle(p, true);
		assert_int_equal(recv(to, &byte, 1, MSG_OOB | MSG_DONTWAIT), 1);
		assert_int_equal(byte, '!');
		hears(to, "ab");
		hears(to, "cd");
	}
	finish(p);
}

static void test_peer_resets(void **state)
{
	(void)state;
	struct pair *p = begin();
	struct linger hard = {1, 0};
	say(p->side[1].app, "last", 0);
	settle(p, true);
	assert_int_equal(setsockopt(p->side[1].app, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	close(p->side[1].app);
	p->side[1].app = -1;
	settle(p, true);
	assert_true(p->side[0].ended && p->side[1].ended);
	assert_int_equal(p->side[0].broken, ECONNRESET);
	hears(p->side[0].app, "last");
	finish(p);
}

static void test_program_closes(void **state)
{
	(void)state;
	struct pair *p = begin();
	say(p->side[0].app, "last", 0);
	close(p->side[0].app);
	p->side[0].app = -1;
	settle(p, true);
	assert_true(p->side[0].ended && p->side[1].ended);
	assert_int_equal(p->side[1].code, 0);
	hears(p->side[1].app, "last");
	finish(p);
}

static void test_half_close(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair *p = begin();
		struct side *first = &p->side[i], *other = &p->side[!i];
		say(first->app, "last", 0);
		assert_int_equal(shutdown(first->app, SHUT_WR), 0);
		settle(p, true);
		hears(other->app, "last");
		hears_end(other->app);
		assert_false(first->ended || other->ended);
		say(other->app, "still", 0);
		settle(p, true);
		hears(first->app, "still");
		close(p->side[0].app); /* the program, whether it was the first or not */
		p->side[0].app = -1;
		settle(p, true);
		assert_true(first->ended && other->ended);
		finish(p);
	}
}

/* The program's end goes on elsewhere, with a note and an urgent byte on the way in each direction. */
static void test_moves(void **state)
{
	(void)state;
	struct pair *p = begin();
	struct side *s = &p->side[0];
	int ends[2], moved = -1;
	char byte = 0;
	say(p->side[1].app, "xy", 0);
	say(p->side[1].app, "?", MSG_OOB);
	settle(p, true);
	say(s->app, "ab", 0);
	assert_int_equal(channel_tell(s->channel, "n", 1), 0);
	say(s->app, "!", MSG_OOB);
	say(s->app, "cd", 0);
	assert_int_equal(channel_suspend(s->channel, s->app, &moved), 0);
	lose(s);
	channel_destroy(s->channel);
	close(s->app);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	in_line(ends[0]);
	s->app = ends[1];
	struct channel_options o = options_of(s, ends[0]);
	assert_int_equal(channel_resume(&o, moved, &s->channel), 0);
	close(moved);
	channel_hold(s->channel, false);
	channel_open(s->channel);
	channel_close(p->side[1].channel);
	channel_open(p->side[1].channel);
	settle(p, true);
	assert_string_equal(p->side[1].notes, "n");
	assert_int_equal(recv(s->app, &byte, 1, MSG_OOB | MSG_DONTWAIT), 1);
	assert_int_equal(byte, '?');
	hears(s->app, "xy");
	assert_int_equal(recv(p->side[1].app, &byte, 1, MSG_OOB | MSG_DONTWAIT), 1);
	assert_int_equal(byte, '!');
	hears(p->side[1].app, "ab");
	hears(p->side[1].app, "cd");
	finish(p);
}

/* Home again, where the copy is killed before it runs, and another one takes its place: each byte is written once. */
static void test_home_twice(void **state)
{
	(void)state;
	struct pair *p = begin();
	struct side *s = &p->side[0];
	int moved = -1;
	say(s->app, "ab", 0);
	settle(p, true);
	say(s->app, "cd", 0);
	settle(p, false);
	lose(s);
	assert_int_equal(channel_suspend(s->channel, s->app, &moved), 0);
	for (size_t i = 0; i < 2; i++) {
		struct channel *again;
		int ends[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		struct channel_options o = options_of(s, ends[0]);
		assert_int_equal(channel_resume(&o, moved, &again), 0);
		assert_int_equal(channel_rest(again, p->side[1].channel), i == 0 ? 2 : 0);
		channel_rest_write(again, p->side[1].channel);
		channel_destroy(again);
		close(ends[1]);
	}
	close(moved);
	hears(p->side[1].app, "abcd");
	finish(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_urgent),
		cmocka_unit_test(test_peer_resets),
		cmocka_unit_test(test_program_closes),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_home_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
