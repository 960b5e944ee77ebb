/* channel_message: messages keep their boundaries and their order, whatever is lost on the way, wherever an end goes on; who does not read
 * stops who writes. */
#include "transport/agent_datagram.h"

#include "runtime/reference/datagram_frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define LONGEST 60000u
#define MESSAGES 400

/* Two ends; side 0 writes, side 1 reads. */
struct side {
	struct pair *pair;
	struct channel *channel;
	int app; /* the program's end */
	bool ended;
	int code;
};

struct pair {
	struct loop *loop;
	struct loop_source *timer;
	struct side side[2];
	struct carried {
		struct carried *next;
		int to;
		struct packet packet;
		unsigned char bytes[];
	} *first, **last;
	bool lossy;
	unsigned passed;
	int idle;
};

static int put(void *context, const struct packet *p)
{
	struct side *s = context;
	struct pair *pair = s->pair;
	struct carried *c = malloc(sizeof *c + p->size);
	*c = (struct carried){.to = s == &pair->side[0], .packet = *p};
	memcpy(c->bytes, p->data, p->size);
	c->packet.data = c->bytes;
	*pair->last = c;
	pair->last = &c->next;
	return 0;
}

static bool room(void *context)
{
	(void)context;
	return true;
}

static void ended(void *context, int code)
{
	struct side *s = context;
	s->ended = true;
	s->code = code;
	channel_destroy(s->channel);
	s->channel = NULL;
}

static struct channel_options options_of(struct side *s)
{
	int ends[2];
	assert_int_equal(agent_datagram_pair(ends), 0);
	s->app = ends[0];
	return (struct channel_options){.loop = s->pair->loop,
		.id = 7,
		.fd = ends[1],
		.messages = &agent_datagram_program,
		.put = put,
		.room = room,
		.ended = ended,
		.context = s};
}

static void drop_all(struct pair *p)
{
	while (p->first != NULL) {
		struct carried *c = p->first;
		p->first = c->next;
		free(c);
	}
	p->last = &p->first;
}

static void reopen(struct pair *p)
{
	drop_all(p);
	for (int i = 0; i < 2; i++)
		if (p->side[i].channel != NULL)
			channel_close(p->side[i].channel);
	for (int i = 0; i < 2; i++)
		if (p->side[i].channel != NULL)
			channel_open(p->side[i].channel);
}

/* Everything that is on the way arrives; with `lossy` the way is lost now and then. */
static void deliver(void *context)
{
	struct pair *p = context;
	p->idle = p->first == NULL ? p->idle + 1 : 0;
	for (int i = 0; i < 64 && p->first != NULL; i++) {
		struct carried *c = p->first;
		p->first = c->next;
		if (p->first == NULL)
			p->last = &p->first;
		if (p->side[c->to].channel != NULL)
			assert_int_equal(channel_packet(p->side[c->to].channel, &c->packet), 0);
		free(c);
		if (p->lossy && ++p->passed % 37 == 0)
			reopen(p);
	}
	if (p->idle > 20)
		loop_stop(p->loop, 0);
	else
		assert_int_equal(loop_after(p->loop, 1, deliver, p, &p->timer), 0);
}

static void run(struct pair *p)
{
	p->idle = 0;
	assert_int_equal(loop_after(p->loop, 0, deliver, p, &p->timer), 0);
	assert_int_equal(loop_run(p->loop), 0);
}

static void begin(struct pair *p)
{
	*p = (struct pair){.last = &p->first};
	assert_int_equal(loop_create(&p->loop), 0);
	for (int i = 0; i < 2; i++) {
		p->side[i].pair = p;
		struct channel_options o = options_of(&p->side[i]);
		assert_int_equal(channel_create(&o, &p->side[i].channel), 0);
	}
	reopen(p);
}

static void end(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		channel_destroy(p->side[i].channel);
		if (p->side[i].app >= 0)
			close(p->side[i].app);
	}
	drop_all(p);
	loop_destroy(p->loop);
}

static size_t length_of(int n)
{
	return n % 7 == 0 ? 0 : (size_t)(n * 7919) % LONGEST;
}

static unsigned char payload[LONGEST];

/* Message n, if there is room for it now. */
static bool send_one(int fd, int n)
{
	struct datagram_frame f = {.magic = DATAGRAM_MAGIC,
		.word = DATAGRAM_DATA,
		.address_size = (uint32_t)n % 29,
		.control_size = 8u * ((uint32_t)n % 3)};
	memset(f.address, n, f.address_size);
	memset(f.control, n + 1, f.control_size);
	memset(payload, n, length_of(n));
	struct iovec parts[] = {{&f, sizeof f}, {payload, length_of(n)}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent = sendmsg(fd, &m, MSG_DONTWAIT);
	assert_true(sent == (ssize_t)(sizeof f + length_of(n)) || (sent < 0 && errno == EAGAIN));
	return sent > 0;
}

static bool receive_one(int fd, int n)
{
	struct datagram_frame f;
	struct iovec parts[] = {{&f, sizeof f}, {payload, sizeof payload}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t got = recvmsg(fd, &m, MSG_DONTWAIT);
	if (got < 0) {
		assert_int_equal(errno, EAGAIN);
		return false;
	}
	assert_int_equal(got, sizeof f + length_of(n));
	assert_true(datagram_frame_sound(&f));
	assert_int_equal(f.address_size, (uint32_t)n % 29);
	assert_true(f.address_size == 0 ||
		(f.address[0] == (unsigned char)n && f.address[f.address_size - 1] == (unsigned char)n));
	assert_true(f.control_size == 0 || f.control[f.control_size - 1] == (unsigned char)(n + 1));
	for (size_t i = 0; i < length_of(n); i++)
		assert_int_equal(payload[i], (unsigned char)n);
	return true;
}

static void all_through(struct pair *p, void (*between)(struct pair *p, int n))
{
	int sent = 0, seen = 0;
	for (int round = 0; seen < MESSAGES; round++) {
		assert_true(round < 2000);
		while (sent < MESSAGES && send_one(p->side[0].app, sent))
			sent++;
		run(p);
		for (int i = 0; i < 5 && seen < sent && receive_one(p->side[1].app, seen); i++)
			seen++;
		if (between != NULL)
			between(p, round);
	}
	run(p);
	assert_false(receive_one(p->side[1].app, 0));
}

static void test_boundaries(void **unused)
{
	struct pair p;
	(void)unused;
	begin(&p);
	all_through(&p, NULL);
	end(&p);
}

static void test_lost_ways(void **unused)
{
	struct pair p;
	(void)unused;
	begin(&p);
	p.lossy = true;
	all_through(&p, NULL);
	end(&p);
}

/* Either end goes on elsewhere: what its program has not read yet, and what it has sent and nobody took, goes along. */
static void move_end(struct pair *p, int n)
{
	struct side *s = &p->side[n % 2];
	struct channel *fresh;
	int state, old = s->app;
	if (n % 3 != 0)
		return;
	if (channel_suspend(s->channel, s->app, &state) < 0)
		fail_msg("%s", pmig_reason());
	if (n % 4 == 0) { /* given up: nothing has happened */
		channel_hold(s->channel, false);
		close(state);
		return;
	}
	struct channel_options o = options_of(s);
	assert_int_equal(channel_resume(&o, state, &fresh), 0);
	close(state);
	close(old);
	channel_destroy(s->channel);
	s->channel = fresh;
	channel_hold(fresh, false);
	reopen(p);
}

static void test_moved_ends(void **unused)
{
	struct pair p;
	(void)unused;
	begin(&p);
	all_through(&p, move_end);
	end(&p);
}

static void test_who_does_not_read_stops_who_writes(void **unused)
{
	struct pair p;
	int sent = 0;
	(void)unused;
	begin(&p);
	for (int round = 0; round < 30; round++) {
		while (sent < 1000 && send_one(p.side[0].app, sent))
			sent++;
		run(&p);
	}
	assert_true(sent > 20 && sent < 200); /* a window, and what three sockets hold */
	for (int seen = 0; seen < sent; seen++) {
		if (receive_one(p.side[1].app, seen))
			continue;
		run(&p);
		assert_true(receive_one(p.side[1].app, seen));
	}
	end(&p);
}

static void test_the_end(void **unused)
{
	struct pair p;
	char byte;
	(void)unused;
	begin(&p);
	assert_true(send_one(p.side[0].app, 1));
	assert_int_equal(shutdown(p.side[0].app, SHUT_WR), 0);
	run(&p);
	assert_true(receive_one(p.side[1].app, 1));
	assert_int_equal(recv(p.side[1].app, &byte, 1, MSG_DONTWAIT), 0);
	assert_true(send_one(p.side[1].app, 2)); /* the other direction is open */
	run(&p);
	assert_true(receive_one(p.side[0].app, 2));
	assert_int_equal(shutdown(p.side[1].app, SHUT_WR), 0);
	run(&p);
	assert_true(p.side[0].ended && p.side[1].ended && p.side[0].code == 0 && p.side[1].code == 0);
	end(&p);
}

/* From a way that lies: no message is longer than it may be, or has no bytes. */
static void test_hostile_lengths(void **unused)
{
	static const uint32_t lengths[] = {0, CHANNEL_MESSAGE_MAX + 1, UINT32_MAX};
	(void)unused;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct pair p;
		begin(&p);
		run(&p);
		unsigned char bytes[CHANNEL_HEAD + 8] = {[0] = 7, [8] = CHANNEL_DATA};
		memcpy(bytes + CHANNEL_HEAD, &lengths[i], sizeof lengths[i]);
		struct packet data = {.type = PACKET_DATA, .stream = CHANNEL_STREAM, .data = bytes, .size = sizeof bytes};
		(void)!channel_packet(p.side[1].channel, &data);
		run(&p);
		assert_true(p.side[1].ended && p.side[1].code == PMIG_EPROTOCOL);
		end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_lost_ways),
		cmocka_unit_test(test_moved_ends),
		cmocka_unit_test(test_who_does_not_read_stops_who_writes),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_hostile_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
