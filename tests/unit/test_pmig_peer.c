/* peer: both sides over connections that are cut at random, strangers, impostors and copies that were left behind. */
#include "peer/address.h"
#include "peer/proof.h"

#include <pmig/pmig_peer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- a server of this library in a thread: everything comes back --- */

struct pending {
	char bytes[5000];
	size_t start, end;
	bool seen;
};

enum { CONVERSATIONS = 500 };

struct echo {
	struct pmig_peer_server *server;
	struct pending *pending; /* of each */
	char address[40];
	pthread_t thread;
	atomic_bool stop;
	atomic_int begun, over, failed;
	int result; /* of pmig_peer_wait(), if it failed */
};

/* One conversation has news; what does not fit waits with it. */
static void serve(struct echo *e, struct pmig_peer *p)
{
	struct pending *w = pmig_peer_context(p);
	if (w == NULL) {
		w = &e->pending[e->begun++];
		pmig_peer_set_context(p, w);
	}
	ssize_t n = w->start < w->end ? 1 : pmig_peer_read(p, w->bytes, sizeof w->bytes);
	if (n > 0 && w->start == w->end) {
		w->start = 0;
		w->end = (size_t)n;
	}
	while (w->start < w->end && (n = pmig_peer_write(p, w->bytes + w->start, w->end - w->start)) > 0)
		w->start += (size_t)n;
	if (n == 0 && !w->seen) {
		w->seen = true;
		assert_int_equal(pmig_peer_end(p), 0);
	}
	bool over = w->seen && pmig_peer_all_read(p), failed = n < 0 && n != PMIG_EBUSY;
	if (over || failed) {
		e->over += over;
		e->failed += failed;
		pmig_peer_close(p);
	}
}

static void *run(void *argument)
{
	struct echo *e = argument;
	struct pmig_peer *p;
	int n = 0;
	while (!e->stop && (n = pmig_peer_wait(e->server, 20, &p)) >= 0)
		if (n > 0)
			serve(e, p);
	e->result = n;
	return NULL;
}

static void echo_begin(struct echo *e, struct pmig_peer_options options)
{
	char any[] = "127.0.0.1:0";
	*e = (struct echo){.server = NULL};
	options.address = any;
	options.most = options.most != 0 ? options.most : CONVERSATIONS;
	e->pending = calloc(CONVERSATIONS, sizeof *e->pending);
	assert_non_null(e->pending);
	assert_int_equal(pmig_peer_listen(&e->server, &options), 0);
	assert_string_equal(pmig_peer_server_addresses(e->server), ""); /* nobody else can come to 127.0.0.1 */
	struct pollfd fds[1];
	int timeout;
	struct sockaddr_in a;
	socklen_t size = sizeof a;
	assert_int_equal(pmig_peer_server_fds(e->server, fds, 1, &timeout), 1);
	assert_int_equal(timeout, -1);
	assert_int_equal(getsockname(fds[0].fd, (struct sockaddr *)&a, &size), 0);
	snprintf(e->address, sizeof e->address, "127.0.0.1:%d", ntohs(a.sin_port));
	assert_int_equal(pthread_create(&e->thread, NULL, run, e), 0);
}

/* `over` is how many conversations come to their ends; the last word of the other side may be on its way. */
static void echo_finish(struct echo *e, int over)
{
	while (e->over < over && !e->failed)
		poll(NULL, 0, 1);

	e->stop = true;
	pthread_join(e->thread, NULL);
	pmig_peer_server_destroy(e->server);
	free(e->pending);
}

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

static int listen_somewhere(char *ret_address, size_t size)
{
	bool any;
	int fd = pmig_peer_address_listen("127.0.0.1:0");
	assert_true(fd >= 0);
	snprintf(ret_address, size, "127.0.0.1:%d", pmig_peer_address_port(fd, &any));
	return fd;
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

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7);
}

/* Sends so many bytes, and gets each of them back, once and in order; in pieces of all sizes. */
static void talk(struct pmig_peer *p, size_t all)
{
	size_t sent = 0, got = 0;
	unsigned seed = 5;
	uint8_t bytes[9000];
	while (got < all) {
		int ready = pmig_peer_poll(p, (short)(POLLIN | (sent < all ? POLLOUT : 0)), -1);
		assert_true(ready > 0);
		if ((ready & POLLOUT) && sent < all) {
			size_t size = 1 + rand_r(&seed) % sizeof bytes;
			size = size < all - sent ? size : all - sent;
			for (size_t i = 0; i < size; i++)
				bytes[i] = byte_at(sent + i);
			ssize_t n = pmig_peer_write(p, bytes, size);
			assert_true(n > 0);
			sent += (size_t)n;
		}
		if (ready & POLLIN) {
			ssize_t n = pmig_peer_read(p, bytes, 1 + rand_r(&seed) % sizeof bytes);
			assert_true(n > 0);
			for (ssize_t i = 0; i < n; i++)
				assert_int_equal(bytes[i], byte_at(got + (size_t)i));
			got += (size_t)n;
		}
	}
	assert_int_equal(pmig_peer_end(p), 0);
	assert_int_equal(pmig_peer_end(p), PMIG_EINVAL);
	assert_int_equal(pmig_peer_write(p, "x", 1), PMIG_EINVAL);
	assert_int_equal(pmig_peer_read(p, bytes, 1), 0);
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

/* --- by hand: one side is this test --- */

struct hand {
	int fd;
	uint8_t bytes[FRAME_MOST];
	size_t size, used;
};

static struct frame hear(struct hand *h)
{
	for (;;) {
		struct frame f;
		memmove(h->bytes, h->bytes + h->used, h->size - h->used);
		h->size -= h->used;
		h->used = 0;
		int n = h->size > 0 ? pmig_peer_frame_look(h->bytes, h->size, &f) : 0;
		assert_true(n >= 0);
		if (n > 0) {
			h->used = (size_t)n;
			if (f.type != FRAME_ACK && f.type != FRAME_PING)
				return f;
			continue;
		}
		ssize_t got = recv(h->fd, h->bytes + h->size, sizeof h->bytes - h->size, 0);
		if (got <= 0)
			return (struct frame){.number = 0}; /* the connection has ended */
		h->size += (size_t)got;
	}
}

static void say(struct hand *h, enum frame_type type, uint64_t number, const void *body, size_t size)
{
	uint8_t bytes[FRAME_MOST];
	size_t n = pmig_peer_frame_put(bytes, &(struct frame){type, number, body, size});
	assert_int_equal(send(h->fd, bytes, n, MSG_NOSIGNAL), n);
}

static void connect_to(struct hand *h, const char *address)
{
	bool connecting = false;
	struct timeval soon = {10, 0};
	*h = (struct hand){.fd = pmig_peer_address_connect(address, true, &connecting)};
	assert_true(h->fd >= 0);
	struct pollfd p = {h->fd, POLLOUT, 0};
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(setsockopt(h->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
	assert_int_equal(fcntl(h->fd, F_SETFL, 0), 0);
}

static void accept_from(struct hand *h, int listener)
{
	struct pollfd p = {listener, POLLIN, 0};
	struct timeval soon = {10, 0};
	assert_int_equal(poll(&p, 1, 10000), 1);
	*h = (struct hand){.fd = accept(listener, NULL, NULL)};
	assert_true(h->fd >= 0);
	assert_int_equal(setsockopt(h->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
}

/* Calls a server as this library does; what it answers. */
static struct frame_answer call_by_hand(struct hand *h, const char *address, struct frame_call call, uint64_t epoch)
{
	uint8_t body[FRAME_BODY_MOST];
	struct frame_answer a = {.window = 0};
	connect_to(h, address);
	call.window = 10000;
	say(h, FRAME_CALL, epoch, body, pmig_peer_frame_call_put(body, &call));
	struct frame f = hear(h);
	if (f.type == FRAME_ANSWER)
		assert_int_equal(pmig_peer_frame_answer_get(&f, &a), 0);
	return a;
}

static uint64_t prove(const uint8_t *key, const struct frame_call *call, const struct frame_answer *a, struct proof proof)
{
	memcpy(proof.nonces[0], call->nonce, FRAME_ID);
	memcpy(proof.nonces[1], a->nonce, FRAME_ID);
	return pmig_peer_proof(key, &proof);
}

static struct frame confirm_by_hand(struct hand *h, uint64_t epoch, struct frame_confirm c)
{
	uint8_t body[FRAME_BODY_MOST];
	say(h, FRAME_CONFIRM, epoch, body, pmig_peer_frame_confirm_put(body, &c));
	return hear(h);
}

static void somebody_elses_conversation(void **unused)
{
	(void)unused;
	struct echo e;
	struct hand owner, thief;
	struct frame_call call = {.nonce = {1}};
	echo_begin(&e, (struct pmig_peer_options){.window = 0});
	struct frame_answer mine = call_by_hand(&owner, e.address, call, 0);
	assert_true(mine.window > 0);
	/* It is known by its id, and by nothing else that goes over the network again. */
	memcpy(call.id, mine.id, FRAME_ID);
	struct frame_answer a = call_by_hand(&thief, e.address, call, 0);
	static const uint8_t none[FRAME_ID];
	assert_memory_equal(a.key, none, FRAME_ID);
	assert_true(a.proof == prove(mine.key, &call, &a, (struct proof){.who = PROOF_SERVER}));
	struct frame f = confirm_by_hand(&thief, 0, (struct frame_confirm){a.proof, 0}); /* what it heard, said back */
	assert_int_equal(f.type, FRAME_REFUSE);
	assert_int_equal(f.number, -PMIG_EREFUSED);
	close(thief.fd);
	/* The owner has noticed nothing. */
	say(&owner, FRAME_DATA, 0, "abc", 3);
	f = hear(&owner);
	assert_int_equal(f.type, FRAME_DATA);
	assert_memory_equal(f.body, "abc", 3);
	/* Who knows the key goes on, and hears again what it says it has not. */
	a = call_by_hand(&thief, e.address, call, 5);
	assert_int_equal(a.received, 3);
	f = confirm_by_hand(&thief, 5,
		(struct frame_confirm){
			prove(mine.key, &call, &a, (struct proof){.who = PROOF_CALLER, .epoch = 5, .received = 1}), 1});
	assert_int_equal(f.type, FRAME_DATA);
	assert_int_equal(f.number, 1);
	assert_memory_equal(f.body, "bc", 2);
	assert_int_equal(hear(&owner).type, 0); /* the older connection has ended */
	close(owner.fd);
	/* A copy of the owner that was left behind does not. */
	a = call_by_hand(&owner, e.address, call, 4);
	f = confirm_by_hand(&owner, 4,
		(struct frame_confirm){
			prove(mine.key, &call, &a, (struct proof){.who = PROOF_CALLER, .epoch = 4, .received = 3}), 3});
	assert_int_equal(f.type, FRAME_REFUSE);
	assert_int_equal(f.number, -PMIG_ESTALE);
	close(owner.fd);
	close(thief.fd);
	echo_finish(&e, 0);
}

static void a_server_that_was_left_behind_stops(void **unused)
{
	(void)unused;
	struct echo e;
	struct hand h, again;
	struct frame_call call = {.nonce = {1}};
	uint8_t body[8];
	echo_begin(&e, (struct pmig_peer_options){.window = 0});
	struct frame_answer mine = call_by_hand(&h, e.address, call, 0);
	memcpy(call.id, mine.id, FRAME_ID);
	for (int i = 0; i < 2; i++) { /* without the key nobody believes it */
		struct frame_answer a = call_by_hand(&again, e.address, call, 0);
		uint64_t proof = prove(mine.key, &call, &a, (struct proof){.who = PROOF_STALE, .epoch = 9});
		say(&again, FRAME_STALE, 9, body, pmig_peer_frame_number_put(body, proof + (i == 0)));
		assert_int_equal(hear(&again).type, 0);
		close(again.fd);
		if (i == 0) {
			say(&h, FRAME_DATA, 0, "x", 1);
			assert_int_equal(hear(&h).type, FRAME_DATA);
		}
	}
	pthread_join(e.thread, NULL);
	assert_int_equal(e.result, PMIG_ESTALE);
	close(h.fd);
	pmig_peer_server_destroy(e.server);
	free(e.pending);
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

/* --- the side that calls, with a server by hand --- */

struct caller {
	char address[80];
	pthread_t thread;
	int result, closed;
	char read[10];
};

static void *call(void *argument)
{
	struct caller *c = argument;
	struct pmig_peer *p;
	c->result = pmig_peer_connect(&p, &(struct pmig_peer_options){.address = c->address, .patience = 3000});
	for (int i = 0; c->result == 0 && i < 4; i++) {
		ssize_t n = pmig_peer_read(p, c->read + i, 1);
		c->result = n >= 0 ? 0 : (int)n;
	}
	c->closed = c->result == 0 ? pmig_peer_close(p) : 0;
	return NULL;
}

static const uint8_t an_id[FRAME_ID] = {7}, a_key[FRAME_ID] = {8};

static struct frame_call hear_call(struct hand *h)
{
	struct frame_call call;
	struct frame f = hear(h);
	assert_int_equal(f.type, FRAME_CALL);
	pmig_peer_frame_call_get(&f, &call);
	return call;
}

/* Answers as whoever knows `key`; with proof for a conversation that exists. */
static void answer(struct hand *h, const struct frame_call *call, uint64_t epoch, const uint8_t *key, const char *addresses)
{
	uint8_t body[FRAME_BODY_MOST];
	struct frame_answer a = {.nonce = {9}, .window = 1000};
	memcpy(a.id, an_id, FRAME_ID);
	if (call->id[0] == 0)
		memcpy(a.key, key, FRAME_ID);
	else
		a.proof = prove(key, call, &a, (struct proof){.who = PROOF_SERVER, .epoch = epoch});
	snprintf(a.addresses, sizeof a.addresses, "%s", addresses);
	say(h, FRAME_ANSWER, epoch, body, pmig_peer_frame_answer_put(body, &a));
}

static void follows_the_server_and_nobody_else(void **unused)
{
	(void)unused;
	struct caller c = {.result = 1};
	struct hand first, impostor, stale, second;
	char there[40];
	int old = listen_somewhere(c.address, sizeof c.address), new = listen_somewhere(there, sizeof there);
	assert_int_equal(pthread_create(&c.thread, NULL, call, &c), 0);
	accept_from(&first, old);
	struct frame_call call = hear_call(&first);
	assert_int_equal(call.id[0], 0);
	answer(&first, &call, 1, a_key, "");
	say(&first, FRAME_DATA, 0, "a", 1);
	say(&first, FRAME_MOVED, 2, there, strlen(there));
	say(&first, FRAME_DATA, 1, "b", 1); /* the old connection serves until there is another */
	/* Somebody else listens at that address: it learns an id, and nothing that helps it. */
	accept_from(&impostor, new);
	call = hear_call(&impostor);
	assert_memory_equal(call.id, an_id, FRAME_ID);
	answer(&impostor, &call, 2, an_id, "");
	assert_int_equal(hear(&impostor).type, 0);
	close(impostor.fd);
	/* A copy that was left behind: it is told so, with proof. */
	accept_from(&stale, new);
	call = hear_call(&stale);
	assert_int_equal(call.seen, 2);
	answer(&stale, &call, 1, a_key, "");
	struct frame f = hear(&stale);
	assert_int_equal(f.type, FRAME_STALE);
	assert_int_equal(f.number, 2);
	struct frame_answer a = {.nonce = {9}};
	assert_true(pmig_peer_frame_number_get(&f) ==
		prove(a_key, &call, &a, (struct proof){.who = PROOF_STALE, .epoch = 2}));
	close(stale.fd);
	/* The server. What was under way over the old connection comes twice, and counts once. */
	accept_from(&second, new);
	call = hear_call(&second);
	answer(&second, &call, 2, a_key, "");
	f = hear(&second);
	assert_int_equal(f.type, FRAME_CONFIRM);
	struct frame_confirm confirm;
	pmig_peer_frame_confirm_get(&f, &confirm);
	assert_in_range(confirm.received, 1, 2);
	assert_true(confirm.proof ==
		prove(a_key, &call, &a, (struct proof){.who = PROOF_CALLER, .received = confirm.received}));
	while (hear(&first).type != 0)
		continue; /* until it is given up */
	say(&second, FRAME_DATA, 0, "abc", 3);
	say(&second, FRAME_DATA, 2, "cd", 2);
	while (hear(&second).type != FRAME_END)
		continue;
	say(&second, FRAME_ACK, 1, NULL, 0);
	pthread_join(c.thread, NULL);
	assert_int_equal(c.result, 0);
	assert_string_equal(c.read, "abcd");
	close(first.fd);
	close(second.fd);
	close(old);
	close(new);
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
		cmocka_unit_test(somebody_elses_conversation),
		cmocka_unit_test(a_server_that_was_left_behind_stops),
		cmocka_unit_test(strangers),
		cmocka_unit_test(a_participant_who_breaks_the_rules),
		cmocka_unit_test(follows_the_server_and_nobody_else),
		cmocka_unit_test(what_connect_says),
		cmocka_unit_test(closed_by_the_other_side),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
