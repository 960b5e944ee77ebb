/* channel: bytes come whole and in order, whatever is lost on the way, however often, and wherever an end goes on. */
#include "transport/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define QUEUE 4096

struct carried {
	uint64_t offset;
	size_t size;
	unsigned char *bytes;
};

/* Two ends, the way between them, and who writes and reads at each. */
struct side {
	struct pair *pair;
	struct channel *channel;
	int app; /* the other side of the channel's socket; -1: closed */
	struct carried queue[QUEUE];
	size_t first, last;
	uint64_t written, to_write, seen, to_see;
	bool shut, got_end, ended;
	int code;
};

struct pair {
	struct loop *loop;
	struct loop_source *tick;
	struct side side[2];
	size_t passed;   /* packets */
	size_t cut_at;   /* lose everything that is on the way after so many; 0: never */
	size_t move_at;  /* side 0 goes on elsewhere after so many */
	size_t again_at; /* what is on the way is lost, and told */
	size_t most;     /* how many may be on the way */
	int idle;
	bool stalled; /* nobody reads at side 1 */
	bool polite;  /* side 1 writes when side 0 has ended */
};

static unsigned char pattern(uint64_t offset, int side)
{
	return (unsigned char)(offset * 31 + offset / 251 + (uint64_t)side * 7);
}

static int put(void *context, const struct packet *p)
{
	struct side *s = context;
	struct carried *c = &s->queue[s->last++ % QUEUE];
	assert_true(s->last - s->first < QUEUE);
	assert_int_equal(p->stream, CHANNEL_STREAM);
	*c = (struct carried){p->offset, p->size, malloc(p->size)};
	memcpy(c->bytes, p->data, p->size);
	return 0;
}

static bool room(void *context)
{
	struct side *s = context;
	return s->last - s->first < s->pair->most;
}

static void ended(void *context, int code)
{
	struct side *s = context;
	s->ended = true;
	s->code = code;
	channel_destroy(s->channel);
	s->channel = NULL;
}

static void drop_all(struct side *s)
{
	while (s->first < s->last)
		free(s->queue[s->first++ % QUEUE].bytes);
}

static struct channel_options options_of(struct side *s)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	s->app = fds[0];
	return (struct channel_options){
		.loop = s->pair->loop, .id = 0x1234, .fd = fds[1], .put = put, .room = room, .ended = ended, .context = s};
}

static void reopen(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		drop_all(&p->side[i]);
		if (p->side[i].channel != NULL)
			channel_close(p->side[i].channel);
	}
	for (int i = 0; i < 2; i++)
		if (p->side[i].channel != NULL)
			channel_open(p->side[i].channel);
}

/* The end of side 0 is suspended, given up, and made anew from its state. */
static void move_end(struct pair *p)
{
	struct side *s = &p->side[0];
	struct channel *fresh;
	int state, old = s->app;
	if (s->channel == NULL || s->shut)
		return;
	assert_int_equal(channel_suspend(s->channel, s->app, &state), 0);
	struct channel_options o = options_of(s);
	assert_int_equal(channel_resume(&o, state, &fresh), 0);
	close(state);
	close(old);
	channel_destroy(s->channel);
	s->channel = fresh;
	channel_hold(fresh, false);
	reopen(p);
}

/* What is on the way from side 0 is not passed on, and that is told twice, in the wrong order. */
static void lose(struct pair *p)
{
	struct side *s = &p->side[0];
	unsigned char buffer[CHANNEL_NOTE_MAX];
	if (s->channel == NULL || s->last < s->first + 2)
		return;
	uint64_t offset[2] = {UINT64_MAX, 0};
	size_t end = s->last;
	for (size_t i = s->first; i < end; i++) { /* notes are never lost alone */
		struct carried c = s->queue[s->first++ % QUEUE];
		bool counts = c.bytes[8] == CHANNEL_DATA || c.bytes[8] == CHANNEL_END;
		if (!counts) {
			s->queue[s->last++ % QUEUE] = c;
			continue;
		}
		offset[0] = c.offset < offset[0] ? c.offset : offset[0];
		offset[1] = c.offset;
		free(c.bytes);
	}
	if (offset[0] == UINT64_MAX)
		return;
	p->most = 1;
	for (int i = 0; i < 2; i++) {
		struct packet k = channel_note(0x1234, CHANNEL_AGAIN, offset[i], 0, NULL, buffer);
		assert_int_equal(channel_packet(s->channel, &k), 0);
	}
}

static void use(struct side *s, int number)
{
	unsigned char buffer[7001];
	bool waits = number == 1 && s->pair->polite && !s->got_end;
	while (!waits && s->app >= 0 && s->written < s->to_write) {
		size_t n = s->to_write - s->written < sizeof buffer ? (size_t)(s->to_write - s->written) : sizeof buffer;
		for (size_t i = 0; i < n; i++)
			buffer[i] = pattern(s->written + i, number);
		ssize_t r = send(s->app, buffer, n, MSG_NOSIGNAL);
		if (r <= 0)
			break;
		s->written += (uint64_t)r;
	}
	if (!waits && s->written == s->to_write && !s->shut) {
		s->shut = true;
		assert_int_equal(shutdown(s->app, SHUT_WR), 0);
	}
	ssize_t n;
	while (!(number == 1 && s->pair->stalled) && !s->got_end && (n = recv(s->app, buffer, sizeof buffer, 0)) >= 0) {
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buffer[i], pattern(s->seen + (uint64_t)i, !number));
		s->seen += (uint64_t)n;
		s->got_end = n == 0;
	}
}

static bool deliver(struct pair *p, int from)
{
	struct side *s = &p->side[from], *to = &p->side[!from];
	if (s->first == s->last)
		return false;
	struct carried *c = &s->queue[s->first++ % QUEUE];
	if (to->channel != NULL)
		assert_int_equal(channel_packet(to->channel,
					 &(struct packet){.type = PACKET_DATA,
						 .stream = CHANNEL_STREAM,
						 .offset = c->offset,
						 .data = c->bytes,
						 .size = c->size}),
			0);
	free(c->bytes);
	if (s->channel != NULL)
		channel_room(s->channel);
	p->passed++;
	if (p->passed == p->cut_at)
		reopen(p);
	if (p->passed == p->move_at)
		move_end(p);
	if (p->passed == p->again_at)
		lose(p);
	return true;
}

static void on_tick(void *context)
{
	struct pair *p = context;
	bool busy = false;
	for (int i = 0; i < 2; i++) {
		use(&p->side[i], i);
		busy |= deliver(p, i);
	}
	p->idle = busy ? 0 : p->idle + 1;
	if ((p->side[0].ended && p->side[1].ended) || p->idle > 200)
		loop_stop(p->loop, 0);
	else
		assert_true(loop_after(p->loop, 0, on_tick, p, &p->tick) >= 0);
}

static void on_round(void *context)
{
	loop_stop(((struct pair *)context)->loop, 0);
}

static struct pair *run(uint64_t out, uint64_t back, size_t most, size_t cut_at, size_t move_at)
{
	struct pair *p = calloc(1, sizeof *p);
	*p = (struct pair){.most = most, .cut_at = cut_at, .move_at = move_at};
	assert_int_equal(loop_create(&p->loop), 0);
	for (int i = 0; i < 2; i++) {
		struct side *s = &p->side[i];
		s->pair = p;
		s->to_write = i == 0 ? out : back;
		s->to_see = i == 0 ? back : out;
		struct channel_options o = options_of(s);
		assert_int_equal(channel_create(&o, &s->channel), 0);
	}
	channel_open(p->side[0].channel);
	channel_open(p->side[1].channel);
	return p;
}

static void go(struct pair *p)
{
	assert_true(loop_after(p->loop, 0, on_tick, p, &p->tick) >= 0);
	assert_int_equal(loop_run(p->loop), 0);
}

static size_t finish(struct pair *p)
{
	size_t passed = p->passed;
	for (int i = 0; i < 2; i++) {
		drop_all(&p->side[i]);
		channel_destroy(p->side[i].channel);
		close(p->side[i].app);
	}
	loop_destroy(p->loop);
	free(p);
	return passed;
}

static size_t exchange(uint64_t out, uint64_t back, size_t most, size_t cut_at, size_t move_at)
{
	struct pair *p = run(out, back, most, cut_at, move_at);
	go(p);
	for (int i = 0; i < 2; i++) {
		assert_true(p->side[i].ended);
		assert_int_equal(p->side[i].code, 0);
		assert_int_equal(p->side[i].seen, p->side[i].to_see);
		assert_true(p->side[i].got_end);
	}
	return finish(p);
}

static void test_whole(void **state)
{
	(void)state;
	(void)exchange(0, 0, 64, 0, 0);
	(void)exchange(1, 0, 64, 0, 0);
	(void)exchange(5000000, 3000000, 8, 0, 0);
	(void)exchange(0, 4000000, 1, 0, 0);
}

static void test_one_direction_ends_first(void **state)
{
	(void)state;
	struct pair *p = run(100000, 200000, 8, 0, 0);
	p->polite = true;
	go(p);
	assert_int_equal(p->side[0].seen, 200000);
	assert_true(p->side[0].ended && p->side[1].ended);
	(void)finish(p);
}

static void inject(struct channel *c, uint64_t offset, const char *bytes)
{
	unsigned char buffer[CHANNEL_NOTE_MAX];
	struct packet p = channel_note(0x1234, CHANNEL_DATA, offset, 0, bytes, buffer);
	assert_int_equal(channel_packet(c, &p), 0);
}

/* What does not follow on what is here waits for the sender to go back; what is here partly is taken partly. */
static void test_gaps_and_overlaps(void **state)
{
	(void)state;
	struct pair *p = run(0, 0, 64, 0, 0);
	char got[32] = "";
	inject(p->side[1].channel, 4, "efgh");
	inject(p->side[1].channel, 0, "ab");
	inject(p->side[1].channel, 3, "defgh");
	inject(p->side[1].channel, 0, "abcd");
	inject(p->side[1].channel, 1, "bc");
	inject(p->side[1].channel, 2, "cdef");
	assert_int_equal(recv(p->side[1].app, got, sizeof got - 1, 0), 6);
	assert_string_equal(got, "abcdef");
	(void)finish(p);
}

static void test_cut_everywhere(void **state)
{
	(void)state;
	size_t packets = exchange(200000, 120000, 8, 0, 0);
	assert_true(packets > 10);
	for (size_t at = 1; at <= packets; at++)
		(void)exchange(200000, 120000, 8, at, 0);
}

static void test_moved_everywhere(void **state)
{
	(void)state;
	size_t packets = exchange(900000, 700000, 4, 0, 0);
	for (size_t at = 1; at <= packets; at++)
		(void)exchange(900000, 700000, 4, 0, at);
	for (size_t at = 1; at <= packets; at += 3)
		(void)exchange(900000, 700000, 4, at + 2, at);
}

/* Two requests to go back, the later one less far: what the first asked for is sent all the same. */
static void test_goes_back_and_never_forward(void **state)
{
	(void)state;
	for (size_t at = 5; at < 20; at++) {
		struct pair *p = run(900000, 0, 8, 0, 0);
		p->again_at = at;
		go(p);
		assert_int_equal(p->side[1].seen, 900000);
		assert_true(p->side[0].ended && p->side[1].ended);
		(void)finish(p);
	}
}

static void test_who_does_not_read_stops_who_writes(void **state)
{
	(void)state;
	struct pair *p = run(40u << 20, 0, 64, 0, 0);
	p->stalled = true;
	go(p);
	assert_true(p->side[0].written < 4 * CHANNEL_WINDOW);
	assert_true(p->side[0].written > CHANNEL_WINDOW);
	p->stalled = false;
	p->idle = 0;
	go(p);
	assert_int_equal(p->side[1].seen, 40u << 20);
	assert_true(p->side[0].ended && p->side[1].ended);
	(void)finish(p);
}

static void test_suspended_and_taken_back(void **state)
{
	(void)state;
	struct pair *p = run(700000, 700000, 4, 0, 0);
	p->side[0].to_write = 300000;
	for (int i = 0; i < 40; i++) {
		use(&p->side[1], 1);
		(void)deliver(p, 1);
		(void)deliver(p, 0);
	}
	int fd;
	assert_int_equal(channel_suspend(p->side[0].channel, p->side[0].app, &fd), 0);
	close(fd);
	channel_hold(p->side[0].channel, false);
	p->side[1].to_see = 300000;
	go(p);
	assert_int_equal(p->side[0].seen, 700000);
	assert_int_equal(p->side[1].seen, 300000);
	(void)finish(p);
}

/* All that was said has come, and its end, and the program has read nothing of it yet: a hand-over that is given up leaves that so. */
static void test_taken_back_behind_the_end(void **state)
{
	(void)state;
	struct pair *p = run(0, 5000, 4, 0, 0);
	unsigned char buffer[8000];
	int fd;
	for (int i = 0; i < 40; i++) {
		use(&p->side[1], 1);
		(void)deliver(p, 1);
		(void)deliver(p, 0);
		struct pollfd quiet = {.fd = p->side[0].app, .events = POLLRDHUP};
		if (poll(&quiet, 1, 0) > 0)
			break;
		assert_true(loop_after(p->loop, 0, on_round, p, &p->tick) >= 0);
		assert_int_equal(loop_run(p->loop), 0);
	}
	assert_int_equal(channel_suspend(p->side[0].channel, p->side[0].app, &fd), 0);
	close(fd);
	channel_hold(p->side[0].channel, false);
	for (ssize_t i = 0, n = recv(p->side[0].app, buffer, sizeof buffer, 0); i < 5000; i++) {
		assert_int_equal(n, 5000);
		assert_int_equal(buffer[i], pattern((uint64_t)i, 1));
	}
	assert_int_equal(recv(p->side[0].app, buffer, sizeof buffer, 0), 0);
	(void)finish(p);
}

/* More than an image takes waits where the program writes: that is refused, and nothing of it is lost. */
static void test_refused_and_taken_back(void **state)
{
	(void)state;
	struct pair *p = run(6u << 20, 0, 4, 0, 0);
	int most = 4 << 20, fd;
	if (setsockopt(p->side[0].app, SOL_SOCKET, SO_SNDBUFFORCE, &most, sizeof most) < 0) {
		(void)finish(p);
		skip();
	}
	use(&p->side[0], 0);
	assert_true(p->side[0].written > 2u << 20);
	assert_int_equal(channel_suspend(p->side[0].channel, p->side[0].app, &fd), PMIG_EREFUSED);
	channel_hold(p->side[0].channel, false);
	go(p);
	assert_int_equal(p->side[1].seen, 6u << 20);
	(void)finish(p);
}

static void test_failure_is_told(void **state)
{
	(void)state;
	struct pair *p = run(10, 10, 4, 0, 0);
	channel_fail(p->side[1].channel, error_set(PMIG_EGONE, "the device is gone"));
	go(p);
	assert_true(p->side[0].ended);
	assert_int_equal(p->side[0].code, PMIG_EGONE);
	(void)finish(p);
}

static bool always(void *context)
{
	(void)context;
	return true;
}

/* A pipe that is full, and whose reader is gone: the kernel tells of an error, and of no room any more. */
static void test_a_full_pipe_without_a_reader(void **state)
{
	(void)state;
	struct pair p = {.most = 1};
	struct side *s = &p.side[0];
	s->pair = &p;
	int fds[2];
	static unsigned char bytes[CHANNEL_HEAD + (256u << 10)];
	assert_int_equal(loop_create(&p.loop), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	struct channel_options o = {.loop = p.loop,
		.id = 0x1234,
		.fd = fds[1],
		.device = true,
		.put = put,
		.room = always,
		.ended = ended,
		.context = s};
	assert_int_equal(channel_create(&o, &s->channel), 0);
	unsigned char head[CHANNEL_NOTE_MAX];
	(void)channel_note(0x1234, CHANNEL_DATA, 0, 0, NULL, head);
	memcpy(bytes, head, CHANNEL_HEAD);
	assert_int_equal(channel_packet(s->channel,
				 &(struct packet){
					 .type = PACKET_DATA, .stream = CHANNEL_STREAM, .data = bytes, .size = sizeof bytes}),
		0);
	close(fds[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_true(loop_after(p.loop, 100, on_round, &p, &p.tick) >= 0);
	assert_int_equal(loop_run(p.loop), 0);
	assert_true(s->ended);
	assert_int_equal(s->code, PMIG_EIO);
	drop_all(s);
	channel_destroy(s->channel);
	loop_destroy(p.loop);
}

/* What comes is believed in nothing. */
static void test_hostile(void **state)
{
	(void)state;
	struct channel_packet seen;
	unsigned char buffer[CHANNEL_NOTE_MAX];
	struct packet p = channel_note(0x1234, CHANNEL_ACK, 0, 0, NULL, buffer);
	assert_int_equal(channel_peek(&p, &seen), 0);
	assert_int_equal(seen.id, 0x1234);
	for (size_t size = 0; size < CHANNEL_HEAD; size++) {
		p.size = size;
		assert_int_equal(channel_peek(&p, &seen), PMIG_EPROTOCOL);
	}
	p.size = CHANNEL_HEAD;
	for (unsigned word = 0; word < 256; word++) {
		buffer[8] = (unsigned char)word;
		assert_int_equal(channel_peek(&p, &seen), word >= CHANNEL_DATA && word <= CHANNEL_OVER ? 0 : PMIG_EPROTOCOL);
	}
	static const struct {
		enum channel_word word;
		uint64_t offset;
	} bad[] = {{CHANNEL_ACK, 1}, {CHANNEL_HAVE, 1}, {CHANNEL_AGAIN, 1}, {CHANNEL_ACK, UINT64_MAX}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pair *pair = run(0, 0, 4, 0, 0);
		p = channel_note(0x1234, bad[i].word, bad[i].offset, 0, NULL, buffer);
		assert_int_equal(channel_packet(pair->side[0].channel, &p), PMIG_EPROTOCOL);
		(void)finish(pair);
	}
}

static void test_damaged_state(void **state)
{
	(void)state;
	struct pair *p = run(1000, 0, 4, 0, 0);
	use(&p->side[0], 0);
	int fd;
	assert_int_equal(channel_suspend(p->side[0].channel, p->side[0].app, &fd), 0);
	off_t size = lseek(fd, 0, SEEK_END);
	assert_int_equal(size, 88 + 1000);
	for (off_t cut = size - 1; cut >= 0; cut -= cut > 100 ? 100 : 1) {
		assert_int_equal(ftruncate(fd, cut), 0);
		struct side other = {.pair = p};
		struct channel *c;
		struct channel_options o = options_of(&other);
		assert_int_equal(channel_resume(&o, fd, &c), PMIG_ECORRUPT);
		close(other.app);
	}
	close(fd);
	(void)finish(p);
}

static void test_numbers(void **state)
{
	(void)state;
	char text[CHANNEL_ID_TEXT];
	channel_id_text(0xfedcba9876543210u, text);
	assert_string_equal(text, "fedcba9876543210");
	assert_true(channel_id_parse(text) == 0xfedcba9876543210u);
	assert_true(channel_id_parse("") == 0 && channel_id_parse("fedcba987654321") == 0 &&
		channel_id_parse("fedcba987654321g") == 0 && channel_id_parse("fedcba98765432100") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_one_direction_ends_first),
		cmocka_unit_test(test_gaps_and_overlaps),
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_moved_everywhere),
		cmocka_unit_test(test_goes_back_and_never_forward),
		cmocka_unit_test(test_who_does_not_read_stops_who_writes),
		cmocka_unit_test(test_suspended_and_taken_back),
		cmocka_unit_test(test_taken_back_behind_the_end),
		cmocka_unit_test(test_refused_and_taken_back),
		cmocka_unit_test(test_failure_is_told),
		cmocka_unit_test(test_a_full_pipe_without_a_reader),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_damaged_state),
		cmocka_unit_test(test_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
