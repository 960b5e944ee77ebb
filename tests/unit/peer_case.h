/* peer_case: for tests of peers: a server of the library in a thread, bytes that are checked, and a side that a test plays by hand. */
#ifndef PEER_CASE_H
#define PEER_CASE_H

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
static inline void serve(struct echo *e, struct pmig_peer *p)
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

static inline void *run(void *argument)
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

static inline void echo_begin(struct echo *e, struct pmig_peer_options options)
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
static inline void echo_finish(struct echo *e, int over)
{
	while (e->over < over && !e->failed)
		poll(NULL, 0, 1);

	e->stop = true;
	pthread_join(e->thread, NULL);
	pmig_peer_server_destroy(e->server);
	free(e->pending);
}

static inline int listen_somewhere(char *ret_address, size_t size)
{
	bool any;
	int fd = pmig_peer_address_listen("127.0.0.1:0");
	assert_true(fd >= 0);
	snprintf(ret_address, size, "127.0.0.1:%d", pmig_peer_address_port(fd, &any));
	return fd;
}

static inline uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7);
}

/* Sends so many bytes, and gets each of them back, once and in order; in pieces of all sizes. */
static inline void talk(struct pmig_peer *p, size_t all)
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

/* --- by hand: one side is this test --- */

struct hand {
	int fd;
	uint8_t bytes[FRAME_MOST];
	size_t size, used;
};

static inline struct frame hear(struct hand *h)
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

static inline void say(struct hand *h, enum frame_type type, uint64_t number, const void *body, size_t size)
{
	uint8_t bytes[FRAME_MOST];
	size_t n = pmig_peer_frame_put(bytes, &(struct frame){type, number, body, size});
	assert_int_equal(send(h->fd, bytes, n, MSG_NOSIGNAL), n);
}

static inline void connect_to(struct hand *h, const char *address)
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

static inline void accept_from(struct hand *h, int listener)
{
	struct pollfd p = {listener, POLLIN, 0};
	struct timeval soon = {10, 0};
	assert_int_equal(poll(&p, 1, 10000), 1);
	*h = (struct hand){.fd = accept(listener, NULL, NULL)};
	assert_true(h->fd >= 0);
	assert_int_equal(setsockopt(h->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
}

/* Calls a server as this library does; what it answers. */
static inline struct frame_answer call_by_hand(struct hand *h, const char *address, struct frame_call call, uint64_t epoch)
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

static inline uint64_t prove(const uint8_t *key, const struct frame_call *call, const struct frame_answer *a,
	struct proof proof)
{
	memcpy(proof.nonces[0], call->nonce, FRAME_ID);
	memcpy(proof.nonces[1], a->nonce, FRAME_ID);
	return pmig_peer_proof(key, &proof);
}

static inline struct frame confirm_by_hand(struct hand *h, uint64_t epoch, struct frame_confirm c)
{
	uint8_t body[FRAME_BODY_MOST];
	say(h, FRAME_CONFIRM, epoch, body, pmig_peer_frame_confirm_put(body, &c));
	return hear(h);
}

/* --- the side that calls, with a server by hand --- */

struct caller {
	char address[80];
	pthread_t thread;
	int result, closed;
	char read[10];
};

static inline void *call(void *argument)
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

#endif
