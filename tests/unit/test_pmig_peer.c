/* <pmig/pmig_peer.h>: both sides over connections that are cut at random, strangers, limits and ends. */
#include "peer_case.h"

/* --- a way between that cuts each connection after some bytes --- */

struct way {
	int listener;
	char address[40], to[40];
	pthread_t thread;
	atomic_bool stop;
	atomic_int cuts;
	unsigned seed;
};

static void pass(struct way *w, int a, int b)
{
	int left = 200 + (int)(rand_r(&w->seed) % 60000);
	while (left > 0 && !w->stop) {
		struct pollfd fds[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
		if (poll(fds, 2, 20) <= 0)
			continue;
		for (int i = 0; i < 2; i++) {
			char bytes[3000];
			if (fds[i].revents == 0)
				continue;
			ssize_t n = recv(fds[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
			if (n <= 0 || (left -= (int)n) <= 0 || send(fds[1 - i].fd, bytes, (size_t)n, MSG_NOSIGNAL) != n) {
				w->cuts += n > 0; /* what was read is lost, and more in the sockets */
				return;
			}
		}
	}
}

static void *stand_between(void *argument)
{
	struct way *w = argument;
	while (!w->stop) {
		struct pollfd p = {w->listener, POLLIN, 0};
		bool connecting = false;
		if (poll(&p, 1, 20) <= 0)
			continue;
		int a = accept(w->listener, NULL, NULL), b = pmig_peer_address_connect(w->to, true, &connecting);
		if (a >= 0 && b >= 0)
			pass(w, a, b);
		close(a);
		close(b);
	}
	return NULL;
}

static void way_begin(struct way *w, const char *to)
{
	*w = (struct way){.seed = 11};
	w->listener = listen_somewhere(w->address, sizeof w->address);
	snprintf(w->to, sizeof w->to, "%s", to);
	assert_int_equal(pthread_create(&w->thread, NULL, stand_between, w), 0);
}

static void way_finish(struct way *w)
{
	w->stop = true;
	pthread_join(w->thread, NULL);
	close(w->listener);
}

static void each_byte_once_through_cuts(void **unused)
{
	(void)unused;
	static const size_t windows[] = {0, 3000, 70000};
	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
		struct echo e;
		struct way w;
		struct pmig_peer *p;
		echo_begin(&e, (struct pmig_peer_options){.window = windows[i]});
		way_begin(&w, e.address);
		assert_int_equal(pmig_peer_connect(&p,
					 &(struct pmig_peer_options){.address = w.address, .window = i == 1 ? 0 : 50000}),
			0);
		talk(p, 1000000);
		assert_true(pmig_peer_connections(p) > 10);
		assert_int_equal(pmig_peer_close(p), 0);
		assert_true(w.cuts >= 10);
		assert_int_equal(e.begun, 1);
		echo_finish(&e, 1);
		way_finish(&w);
		assert_int_equal(e.over, 1);
		assert_int_equal(e.failed, 0);
	}
}

/* Where the server is, as something else than its old address knows. */
static int look(void *address, char *ret, size_t size)
{
	snprintf(ret, size, "nonsense,%s", (const char *)address);
	return 0;
}

static void found_by_the_program(void **unused)
{
	(void)unused;
	struct echo e;
	struct way w;
	struct pmig_peer *p;
	char byte = 'a';
	echo_begin(&e, (struct pmig_peer_options){.patience = 5000});
	way_begin(&w, e.address);
	assert_int_equal(pmig_peer_connect(&p,
				 &(struct pmig_peer_options){
					 .address = w.address, .patience = 5000, .find = look, .context = e.address}),
		0);
	assert_int_equal(pmig_peer_write(p, &byte, 1), 1);
	assert_int_equal(pmig_peer_read(p, &byte, 1), 1);
	way_finish(&w); /* its host fails, with all connections through it */
	talk(p, 100000);
	assert_string_equal(pmig_peer_address(p), e.address);
	assert_int_equal(pmig_peer_close(p), 0);
	echo_finish(&e, 1);
}

static void others_are_named(void **unused)
{
	(void)unused;
	struct pmig_peer_server *s;
	char address[] = "127.0.0.1:0", all[] = "0.0.0.0:0", more[600];
	struct pmig_peer_options o = {.address = address, .further = "10.9.8.7:7000,10.9.8.6:7000"};
	assert_int_equal(pmig_peer_listen(&s, &o), 0);
	assert_string_equal(pmig_peer_server_addresses(s), o.further);
	pmig_peer_server_destroy(s);
	o.address = all;
	assert_int_equal(pmig_peer_listen(&s, &o), 0);
	const char *named = strstr(pmig_peer_server_addresses(s), o.further);
	assert_true(named != NULL && strcmp(named, o.further) == 0);
	pmig_peer_server_destroy(s);
	memset(more, '1', sizeof more - 1);
	more[sizeof more - 1] = '\0';
	o.further = more;
	assert_int_equal(pmig_peer_listen(&s, &o), PMIG_EINVAL);
	assert_int_equal(pmig_peer_listen(&s, &(struct pmig_peer_options){.address = address, .silence = 1000}),
		PMIG_EINVAL);
}

/* Its kernel answers, although it has taken nothing for longer than a host may be silent. */
static void busy_is_not_lost(void **unused)
{
	(void)unused;
	struct echo e;
	struct pmig_peer *p;
	static char bytes[1 << 20];
	const size_t all = 3 * sizeof bytes;
	echo_begin(&e, (struct pmig_peer_options){.silence = 2000, .window = 2 * all});
	assert_int_equal(pmig_peer_connect(&p, &(struct pmig_peer_options){.address = e.address, .window = 2 * all}), 0);
	for (size_t sent = 0; sent < all;) {
		ssize_t n = pmig_peer_write(p, bytes, sizeof bytes);
		assert_true(n > 0);
		sent += (size_t)n;
	}
	poll(NULL, 0, 3500);
	for (size_t got = 0; got < all;) {
		ssize_t n = pmig_peer_read(p, bytes, sizeof bytes);
		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_int_equal(pmig_peer_connections(p), 1);
	assert_int_equal(pmig_peer_end(p), 0);
	assert_int_equal(pmig_peer_read(p, bytes, 1), 0);
	assert_int_equal(pmig_peer_close(p), 0);
	echo_finish(&e, 1);
}

static void *talk_for_a_while(void *address)
{
	struct pmig_peer *p;
	assert_int_equal(pmig_peer_connect(&p, &(struct pmig_peer_options){.address = address, .window = 5000}), 0);
	talk(p, 60000);
	assert_int_equal(pmig_peer_close(p), 0);
	return NULL;
}

/* Everybody is served, whoever else has news. */
static void many_at_once(void **unused)
{
	(void)unused;
	struct echo e;
	pthread_t callers[30];
	echo_begin(&e, (struct pmig_peer_options){.window = 3000});
	for (int i = 0; i < 30; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, talk_for_a_while, e.address), 0);
	for (int i = 0; i < 30; i++)
		pthread_join(callers[i], NULL);
	echo_finish(&e, 30);
	assert_int_equal(e.over, 30);
	assert_int_equal(e.failed, 0);
}

/* Whatever somebody sends who is nobody: the others are served. */
static void strangers(void **unused)
{
	(void)unused;
	struct echo e;
	struct pmig_peer *p;
	char byte = 'a';
	unsigned seed = 3;
	uint8_t body[FRAME_BODY_MOST], good[FRAME_HEADER + FRAME_BODY_MOST];
	struct frame_call call = {.nonce = {1}, .window = 10000};
	size_t size = pmig_peer_frame_put(good, &(struct frame){FRAME_CALL, 0, body, pmig_peer_frame_call_put(body, &call)});
	echo_begin(&e, (struct pmig_peer_options){.patience = 300});
	assert_int_equal(pmig_peer_connect(&p, &(struct pmig_peer_options){.address = e.address}), 0);
	for (size_t i = 0; i < 400; i++) {
		struct hand h;
		uint8_t bytes[sizeof good];
		size_t n = size;
		connect_to(&h, e.address);
		memcpy(bytes, good, sizeof bytes);
		if (i < size)
			n = i; /* cut off */
		else if (i < 250)
			for (n = 1 + rand_r(&seed) % 300; n > 1; n--)
				bytes[n - 1] = (uint8_t)rand_r(&seed); /* anything */
		else
			bytes[(i - 250) % size] ^= (uint8_t)(1u << i % 8);
		(void)send(h.fd, bytes, n, MSG_NOSIGNAL);
		if (i % 3 == 0)
			shutdown(h.fd, SHUT_WR);
		if (i % 50 == 0) {
			assert_int_equal(pmig_peer_write(p, &byte, 1), 1);
			assert_int_equal(pmig_peer_read(p, &byte, 1), 1);
		}
		close(h.fd);
	}
	talk(p, 20000);
	assert_int_equal(pmig_peer_close(p), 0);
	echo_finish(&e, 1);
}

/* In a conversation of its own somebody may say anything: that one fails, and no other. */
static void a_participant_who_breaks_the_rules(void **unused)
{
	(void)unused;
	static const struct {
		enum frame_type type;
		uint64_t number;
		size_t size;
	} wrong[] = {{FRAME_DATA, 1, 10}, {FRAME_DATA, 0, 20000}, {FRAME_ACK, 1, 0}, {FRAME_ACK, UINT64_MAX, 0},
		{FRAME_END, 5, 0}, {FRAME_MOVED, 9, 4}, {FRAME_CALL, 0, 48}, {FRAME_ANSWER, 0, 80}, {FRAME_CONFIRM, 0, 16},
		{FRAME_STALE, 9, 8}, {FRAME_REFUSE, 7, 0}};
	static const char nothing[20000];
	struct echo e;
	struct pmig_peer *p;
	echo_begin(&e, (struct pmig_peer_options){.window = 15000});
	assert_int_equal(pmig_peer_connect(&p, &(struct pmig_peer_options){.address = e.address}), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct hand h;
		(void)call_by_hand(&h, e.address, (struct frame_call){.nonce = {1}}, 0);
		say(&h, wrong[i].type, wrong[i].number, nothing, wrong[i].size);
		assert_int_equal(hear(&h).type, 0);
		close(h.fd);
	}
	talk(p, 50000);
	assert_int_equal(pmig_peer_close(p), 0);
	while (e.failed < (int)(sizeof wrong / sizeof *wrong))
		poll(NULL, 0, 1);
	echo_finish(&e, 0);
}

static void what_connect_says(void **unused)
{
	(void)unused;
	struct pmig_peer *p = NULL;
	struct pmig_peer_server *s = NULL;
	struct echo e;
	static const char *const wrong[] = {
		"", "alpha", "1.2.3.4", "1.2.3.4:", ":5", "[::1", "fe80::1:5", "a b", "1.2.3.4:x"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(pmig_peer_connect(&p, &(struct pmig_peer_options){.address = wrong[i]}), PMIG_EINVAL);
	assert_int_equal(pmig_peer_connect(&p, &(struct pmig_peer_options){.address = NULL}), PMIG_EINVAL);
	assert_int_equal(pmig_peer_connect(&p, &(struct pmig_peer_options){.address = "a:1", .window = SIZE_MAX}),
		PMIG_EINVAL);
	assert_int_equal(pmig_peer_listen(&s, &(struct pmig_peer_options){.address = "192.0.2.77:1"}), PMIG_EINVAL);
	echo_begin(&e, (struct pmig_peer_options){.most = 1});
	assert_int_equal(pmig_peer_listen(&s, &(struct pmig_peer_options){.address = e.address}), PMIG_EBUSY);
	assert_non_null(strstr(pmig_peer_reason(NULL), "in use"));
	assert_int_equal(pmig_peer_connect(&p, &(struct pmig_peer_options){.address = e.address, .patience = 300}), 0);
	struct pmig_peer *other = NULL;
	assert_int_equal(pmig_peer_connect(&other, &(struct pmig_peer_options){.address = e.address}), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_peer_reason(NULL), "as many"));
	assert_null(other);
	assert_string_equal(pmig_peer_address(p), e.address);
	/* The server ends: nobody is there any more. */
	echo_finish(&e, 0);
	assert_int_equal(pmig_peer_connect(&other, &(struct pmig_peer_options){.address = e.address, .patience = 200}),
		PMIG_EUNREACHED);
	assert_non_null(strstr(pmig_peer_reason(NULL), "nobody is there"));
	char byte;
	assert_int_equal(pmig_peer_read(p, &byte, 1), PMIG_EUNREACHED);
	assert_non_null(strstr(pmig_peer_reason(p), e.address));
	assert_int_equal(pmig_peer_close(p), PMIG_EUNREACHED);
}

/* A server that closes without having read all: the other hears it. */
static void closed_by_the_other_side(void **unused)
{
	(void)unused;
	struct pmig_peer_server *s;
	struct pmig_peer *p, *q = NULL;
	struct caller c = {.result = 1};
	int port = listen_somewhere(c.address, sizeof c.address);
	close(port);
	assert_int_equal(pmig_peer_listen(&s, &(struct pmig_peer_options){.address = c.address}), 0);
	assert_int_equal(pthread_create(&c.thread, NULL, call, &c), 0);
	assert_int_equal(pmig_peer_wait(s, 5000, &p), 1);
	assert_int_equal(pmig_peer_write(p, "xy", 2), 2);
	assert_int_equal(pmig_peer_close(p), 0);
	for (int i = 0; i < 100 && pmig_peer_wait(s, 10, &q) == 0; i++)
		continue;
	assert_null(q); /* closed ones have no news */
	pthread_join(c.thread, NULL);
	assert_string_equal(c.read, "xy");
	assert_int_equal(c.result, 0);
	assert_int_equal(c.closed, PMIG_EGONE);
	pmig_peer_server_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_once_through_cuts),
		cmocka_unit_test(found_by_the_program),
		cmocka_unit_test(others_are_named),
		cmocka_unit_test(busy_is_not_lost),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(strangers),
		cmocka_unit_test(a_participant_who_breaks_the_rules),
		cmocka_unit_test(what_connect_says),
		cmocka_unit_test(closed_by_the_other_side),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
