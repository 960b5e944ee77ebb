/* flow: numbered bytes over connections that break at any time, against a model; what no honest sender or receiver says. */
#include "peer/flow.h"
#include "peer/proof.h"

#include <pmig/pmig.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* The byte with that number. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 167 + (offset >> 8));
}

struct pair {
	struct flow_out out;
	struct flow_in in;
	uint64_t written, read;
};

static void begin(struct pair *p, size_t room)
{
	*p = (struct pair){.written = 0};
	assert_int_equal(pmig_peer_flow_out_init(&p->out, room), 0);
	assert_int_equal(pmig_peer_flow_in_init(&p->in, room), 0);
}

static void finish(struct pair *p)
{
	pmig_peer_flow_out_finish(&p->out);
	pmig_peer_flow_in_finish(&p->in);
}

static void write_some(struct pair *p, size_t size)
{
	uint8_t bytes[600];
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(p->written + i);
	p->written += pmig_peer_flow_put(&p->out, bytes, size);
}

static void read_some(struct pair *p, size_t size)
{
	uint8_t bytes[600];
	size_t n = pmig_peer_flow_read(&p->in, bytes, size);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(bytes[i], byte_at(p->read + i));
	p->read += n;
}

/* Sends some; what is on its way when the connection breaks is lost, or it was received and nobody knows. */
static void send_some(struct pair *p, size_t most, bool lost)
{
	uint64_t offset;
	const uint8_t *bytes;
	size_t n = pmig_peer_flow_next(&p->out, most, &offset, &bytes);
	if (n > 0 && !lost)
		assert_int_equal(pmig_peer_flow_came(&p->in, offset, bytes, n), 0);
}

static void each_byte_once_over_connections_that_break(void **unused)
{
	(void)unused;
	srand(7);
	for (int round = 0; round < 50; round++) {
		struct pair p;
		begin(&p, 1 + (size_t)rand() % 500);
		for (int step = 0; step < 4000; step++) {
			uint64_t told = p.in.received;
			switch (rand() % 6) {
			case 0:
				write_some(&p, (size_t)rand() % 600);
				break;
			case 1:
			case 2:
				send_some(&p, 1 + (size_t)rand() % 200, false);
				break;
			case 3:
				read_some(&p, (size_t)rand() % 600);
				break;
			case 4:
				assert_int_equal(pmig_peer_flow_acked(&p.out, pmig_peer_flow_ack(&p.in)), 0);
				break;
			default: /* the connection breaks; what it was told of before may be older than what it knows */
				send_some(&p, 1 + (size_t)rand() % 200, rand() % 2);
				assert_int_equal(pmig_peer_flow_rewind(&p.out, told, true), 0);
			}
		}
		while (p.read < p.written) {
			send_some(&p, 100, false);
			read_some(&p, 600);
			assert_int_equal(pmig_peer_flow_acked(&p.out, pmig_peer_flow_ack(&p.in)), 0);
		}
		p.out.ended = true;
		assert_int_equal(pmig_peer_flow_end_came(&p.in, p.out.end), 0);
		assert_int_equal(pmig_peer_flow_read(&p.in, &(char){0}, 1), 0);
		assert_int_equal(pmig_peer_flow_acked(&p.out, pmig_peer_flow_ack(&p.in)), 0);
		assert_true(p.out.end_acked);
		assert_true(p.written > 300);
		finish(&p);
	}
}

static void window_of_the_other_side(void **unused)
{
	(void)unused;
	struct pair p;
	begin(&p, 300);
	p.out.window = 100;
	write_some(&p, 600);
	assert_int_equal(p.written, 100);
	assert_int_equal(pmig_peer_flow_room(&p.out), 0);
	send_some(&p, 60, false);
	assert_int_equal(pmig_peer_flow_acked(&p.out, 60), 0);
	assert_int_equal(pmig_peer_flow_room(&p.out), 60);
	finish(&p);
}

static void what_nobody_honest_says(void **unused)
{
	(void)unused;
	struct pair p;
	const uint8_t bytes[400] = {0};
	begin(&p, 300);
	write_some(&p, 200);
	send_some(&p, 100, false);
	assert_int_equal(pmig_peer_flow_acked(&p.out, 101), PMIG_EPROTOCOL); /* was never sent */
	assert_int_equal(pmig_peer_flow_rewind(&p.out, 101, false), PMIG_EPROTOCOL);
	assert_int_equal(pmig_peer_flow_acked(&p.out, 50), 0);
	assert_int_equal(pmig_peer_flow_rewind(&p.out, 49, true), PMIG_ESTALE);
	assert_int_equal(pmig_peer_flow_rewind(&p.out, 49, false), 0); /* told before it acknowledged */
	assert_int_equal(p.out.sent, 50);
	assert_int_equal(pmig_peer_flow_came(&p.in, 101, bytes, 1), PMIG_EPROTOCOL); /* a gap */
	assert_int_equal(pmig_peer_flow_came(&p.in, UINT64_MAX, bytes, 10), PMIG_EPROTOCOL);
	assert_int_equal(pmig_peer_flow_came(&p.in, 100, bytes, 201), PMIG_EPROTOCOL); /* more than there is room for */
	assert_int_equal(pmig_peer_flow_came(&p.in, 0, bytes, 300), 0);
	assert_int_equal(p.in.received, 300);
	assert_int_equal(pmig_peer_flow_end_came(&p.in, 299), PMIG_EPROTOCOL);
	assert_int_equal(pmig_peer_flow_end_came(&p.in, 300), 0);
	read_some(&p, 100);
	assert_int_equal(pmig_peer_flow_came(&p.in, 300, bytes, 1), PMIG_EPROTOCOL); /* behind the end */
	assert_int_equal(pmig_peer_flow_came(&p.in, 250, bytes, 50), 0);
	finish(&p);
}

/* SipHash-2-4 of 0, 1, ... 14 with the key 0, 1, ... 15: appendix A of the paper; of nothing: the reference code's first vector. */
static void siphash_as_published(void **unused)
{
	(void)unused;
	uint8_t key[16], bytes[15];
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	memcpy(bytes, key, sizeof bytes);
	assert_true(pmig_peer_proof_hash(key, bytes, 15) == 0xa129ca6149be45e5);
	assert_true(pmig_peer_proof_hash(key, bytes, 0) == 0x726fdb47dd0e0e31);
}

/* Every single bit of what both said counts. */
static void proof_depends_on_everything(void **unused)
{
	(void)unused;
	uint8_t key[16] = {1};
	struct proof proof = {PROOF_CALLER, {{2}, {3}}, 4, 5}, other = proof;
	uint64_t it = pmig_peer_proof(key, &proof);
	for (size_t i = 0; i < sizeof proof.nonces * 8; i++) {
		uint8_t *nonce = other.nonces[i / 128];
		nonce[i / 8 % 16] ^= (uint8_t)(1u << i % 8);
		assert_true(pmig_peer_proof(key, &other) != it);
		nonce[i / 8 % 16] ^= (uint8_t)(1u << i % 8);
	}
	other.who = PROOF_SERVER;
	assert_true(pmig_peer_proof(key, &other) != it);
	other = (struct proof){PROOF_CALLER, {{2}, {3}}, 6, 5};
	assert_true(pmig_peer_proof(key, &other) != it);
	other = (struct proof){PROOF_CALLER, {{2}, {3}}, 4, 6};
	assert_true(pmig_peer_proof(key, &other) != it);
	key[15] = 1;
	assert_true(pmig_peer_proof(key, &proof) != it);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_once_over_connections_that_break),
		cmocka_unit_test(window_of_the_other_side),
		cmocka_unit_test(what_nobody_honest_says),
		cmocka_unit_test(siphash_as_published),
		cmocka_unit_test(proof_depends_on_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
