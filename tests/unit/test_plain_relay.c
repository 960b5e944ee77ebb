/* plain_relay: between two TCP connections: bytes, ends, resets and urgent bytes are the same on the other side; who does not read stops who
 * writes; what a drained one keeps, and what went before, is all there was. */
#include "transport/plain_relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LATE_MS 5000

/* client and program are the peers; the relay has the other two. */
struct set {
	struct loop *loop;
	struct loop_source *late, *tick;
	struct plain_relay *relay;
	int client, program;
	bool ended, drained;
	int code;
	struct plain_front up, down;
	bool (*enough)(struct set *s);
};

static void pair(int ends[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ends[0], (struct sockaddr *)&at, size), 0);
	ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ends[1] >= 0);
	(void)close(listener);
}

static void on_ended(void *context, int code)
{
	struct set *s = context;
	s->ended = true;
	s->code = code;
	plain_relay_destroy(s->relay);
	s->relay = NULL;
}

static void copy(struct plain_front *to, const struct plain_front *from)
{
	*to = *from;
	to->bytes = malloc(from->size + 1);
	if (from->size > 0)
		memcpy(to->bytes, from->bytes, from->size);
}

static void on_drained(void *context, int code, const struct plain_front *to_program, const struct plain_front *to_client)
{
	struct set *s = context;
	s->drained = true;
	s->code = code;
	copy(&s->up, to_program);
	copy(&s->down, to_client);
	plain_relay_destroy(s->relay);
	s->relay = NULL;
}

static void begin(struct set *s, struct plain_front to_program)
{
	int clients[2], programs[2];
	*s = (struct set){.code = 1};
	pair(clients);
	pair(programs);
	s->client = clients[0];
	s->program = programs[0];
	assert_int_equal(loop_create(&s->loop), 0);
	assert_int_equal(plain_relay_create(&(struct plain_relay_options){.loop = s->loop,
						    .client = clients[1],
						    .way = programs[1],
						    .to_program = to_program,
						    .ended = on_ended,
						    .drained = on_drained,
						    .context = s},
				 &s->relay),
		0);
}

static void finish(struct set *s)
{
	plain_relay_destroy(s->relay);
	loop_destroy(s->loop);
	(void)close(s->client);
	(void)close(s->program);
	free(s->up.bytes);
	free(s->down.bytes);
}

static void on_late(void *context)
{
	loop_stop(((struct set *)context)->loop, -1);
}

static void on_tick(void *context)
{
	struct set *s = context;
	if (s->enough(s))
		loop_stop(s->loop, 0);
	else
		assert_int_equal(loop_after(s->loop, 1, on_tick, s, &s->tick), 0);
}

/* Until it is so. */
static void until(struct set *s, bool (*enough)(struct set *s))
{
	s->enough = enough;
	assert_int_equal(loop_after(s->loop, LATE_MS, on_late, s, &s->late), 0);
	assert_int_equal(loop_after(s->loop, 0, on_tick, s, &s->tick), 0);
	assert_int_equal(loop_run(s->loop), 0);
	loop_remove(&s->late);
	loop_remove(&s->tick);
}

static bool is_over(struct set *s)
{
	return s->ended || s->drained;
}

static int waiting(int fd)
{
	int n = 0;
	return ioctl(fd, FIONREAD, &n) < 0 ? -1 : n;
}

static bool has_three(struct set *s)
{
	return waiting(s->program) >= 3;
}

static bool has_end(struct set *s)
{
	char byte;
	return recv(s->program, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void expect(int fd, const char *text)
{
	char buffer[64] = "";
	ssize_t n = recv(fd, buffer, sizeof buffer - 1, MSG_DONTWAIT);
	assert_int_equal(n, strlen(text));
	assert_string_equal(buffer, text);
}

static void test_bytes_and_ends(void **state)
{
	(void)state;
	struct set s;
	unsigned char *front = (unsigned char *)strdup("a");
	begin(&s, (struct plain_front){.bytes = front, .size = 1});
	assert_int_equal(send(s.client, "bc", 2, 0), 2);
	until(&s, has_three);
	expect(s.program, "abc");
	assert_int_equal(shutdown(s.client, SHUT_WR), 0);
	until(&s, has_end);
	assert_false(s.ended); /* the other direction goes on */
	assert_int_equal(send(s.program, "still", 5, 0), 5);
	assert_int_equal(shutdown(s.program, SHUT_WR), 0);
	until(&s, is_over);
	assert_true(s.ended && s.code == 0);
	expect(s.client, "still");
	expect(s.client, "");
	finish(&s);
}

static void test_reset(void **state)
{
	(void)state;
	struct set s;
	char byte;
	begin(&s, (struct plain_front){0});
	assert_int_equal(setsockopt(s.program, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger)),
		0);
	assert_int_equal(close(s.program), 0);
	s.program = -1;
	until(&s, is_over);
	assert_int_equal(s.code, ECONNRESET);
	assert_int_equal(recv(s.client, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	finish(&s);
}

static void test_urgent(void **state)
{
	(void)state;
	struct set s;
	int at = 0, yes = 1;
	begin(&s, (struct plain_front){0});
	assert_int_equal(setsockopt(s.program, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes), 0);
	assert_int_equal(send(s.client, "ab", 2, 0), 2);
	assert_int_equal(send(s.client, "!", 1, MSG_OOB), 1);
	until(&s, has_three);
	expect(s.program, "ab");
	assert_int_equal(ioctl(s.program, SIOCATMARK, &at), 0);
	assert_true(at);
	expect(s.program, "!");
	finish(&s);
}

/* As many bytes as go. */
static size_t fill(int fd)
{
	static const unsigned char block[1000];
	size_t all = 0;
	for (ssize_t n = 1; n > 0; all += n > 0 ? (size_t)n : 0)
		n = send(fd, block, sizeof block, MSG_DONTWAIT);
	return all;
}

static size_t last;
static int still;
static bool is_full(struct set *s) /* nothing more goes for some rounds */
{
	size_t n = fill(s->client);
	last += n;
	still = n == 0 ? still + 1 : 0;
	return still > 30;
}

static size_t take(int fd, unsigned char *to)
{
	size_t all = 0;
	for (ssize_t n = 1; n > 0; all += n > 0 ? (size_t)n : 0)
		n = recv(fd, to + all, 65536, MSG_DONTWAIT);
	return all;
}

/* A program that reads nothing: the client is stopped. Drained: what went to the program, what is kept and what was not taken from the client
 * are all there was. */
static void test_drain_full(void **state)
{
	(void)state;
	struct set s;
	begin(&s, (struct plain_front){0});
	last = 0;
	still = 0;
	until(&s, is_full);
	uint64_t relayed = plain_relay_bytes(s.relay);
	assert_true(last < 64u << 20);
	assert_int_equal(send(s.program, "reply", 5, 0), 5);
	assert_int_equal(shutdown(s.program, SHUT_WR), 0);
	assert_true(plain_relay_drain(s.relay));
	until(&s, is_over);
	assert_true(s.drained && s.code >= 0);
	unsigned char *got = malloc(last + 65536);
	size_t at_program = take(s.program, got);
	assert_int_equal(at_program + s.up.size, relayed); /* and the rest waits in the client's own socket */
	assert_false(s.up.ended);
	assert_true(s.down.size == 5 && memcmp(s.down.bytes, "reply", 5) == 0);
	free(got);
	finish(&s);
}

static void test_drain(void **state)
{
	(void)state;
	struct set s;
	char byte;
	begin(&s, (struct plain_front){0});
	assert_int_equal(send(s.client, "abc", 3, 0), 3);
	until(&s, has_three);
	assert_true(plain_relay_drain(s.relay));
	assert_int_equal(send(s.client, "later", 5, 0), 5); /* is nobody's of the relay */
	until(&s, has_three);
	expect(s.program, "abc");
	assert_int_equal(recv(s.program, &byte, 1, 0), 0);
	assert_false(s.drained); /* the program's side has not ended its direction yet */
	assert_int_equal(send(s.program, "xy", 2, 0), 2);
	assert_int_equal(send(s.program, "!", 1, MSG_OOB), 1);
	assert_int_equal(send(s.program, "z", 1, 0), 1);
	assert_int_equal(shutdown(s.program, SHUT_WR), 0);
	until(&s, is_over);
	assert_true(s.drained && s.code >= 0 && s.up.size == 0 && !s.up.ended);
	assert_true(s.down.size == 4 && memcmp(s.down.bytes, "xy!z", 4) == 0);
	assert_true(s.down.urgent && s.down.mark == 2);
	finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_and_ends),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_urgent),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
